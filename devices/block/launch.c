// SPDX-License-Identifier: GPL-2.0
/*D:598
 * launch.c: what lguest-run does for a disk: it opens the image, makes sure that nobody else uses it, and hands it over.
 * It runs in lguest-run, with the user's rights and outside any sandbox (run/kind.h). It may open the image
 * that the user named; it reads not a byte of it. Read-only is O_RDONLY here and a refusing role there.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <linux/fs.h>

#include "ipc/exit.h"
#include "devices/block/align.h"
#include "policy/fds.h"
#include "run/busy.h"
#include "run/child.h"
#include "run/launch.h"
#include "run/say.h"
#include "run/text.h"

#define SECTOR 512

static bool said_ro(const struct role *r)
{
	return role_key(r, "ro");
}

/* As the guest sees it: what is left of the image behind the last one is not served. */
static uint64_t sector_of(const struct role *r)
{
	uint64_t sector = SECTOR;

	if (role_key(r, "sector"))
		text_number(role_key(r, "sector"), UINT32_MAX, &sector);
	return sector;
}

static const char *image_remedy(const struct role *r, int error)
{
	if (!said_ro(r) && (error == EACCES || error == EROFS || error == EPERM))
		return " (a read-only disk is ro:IMAGE)";
	if (role_key(r, "direct") && error == EINVAL)
		return " (its file system has no direct I/O: leave out 'direct')";
	if (error == EBUSY)
		return " (this host has mounted it, or uses it as a part of something: end that)";
	return text_remedy(error);
}

/*
 * O_EXCL: not a disk that this host has mounted, which two writers would destroy. Files do not mind it, and to ask first what the name
 * means would be to ask about another file than the one that is opened. O_NONBLOCK: a FIFO must not hold us; the role clears it.
 */
static int image_flags(const struct role *r)
{
	return O_NONBLOCK | (said_ro(r) ? O_RDONLY : O_RDWR | O_EXCL) | (role_key(r, "direct") ? O_DIRECT : 0);
}

static int in_use(const struct role *r)
{
	complain("the image %s is in use by another guest or program: end it, or use a copy", r->path);
	return EXIT_HOST;
}

/*
 * An image that somebody writes must have one user; readers may share. The lock belongs to this open file, and so
 * outlives a role that dies, and ends with the last process that holds it. The role takes the other kind (fcntl), which is
 * QEMU's too: asked for here, since it starts later, and --check starts none. Return: 0, or -1 with errno.
 */
static int try_lock(const struct role *r)
{
	struct flock other = { .l_type = said_ro(r) ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET };

	if (flock(r->resource[0], (said_ro(r) ? LOCK_SH : LOCK_EX) | LOCK_NB) || fcntl(r->resource[0], F_OFD_GETLK, &other))
		return -1;
	errno = EWOULDBLOCK;
	return other.l_type == F_UNLCK ? 0 : -1;
}

static int lock_image(const struct role *r)
{
	int err;

	do
		err = try_lock(r);
	while (err && errno == EWOULDBLOCK && busy_wait());
	if (!err)
		return 0;
	if (errno == EWOULDBLOCK)
		return in_use(r);
	complain("the image %s cannot be locked: %m (does its file system, or its server, know locks? use a copy elsewhere)", r->path);
	return EXIT_HOST;
}

/* Where direct I/O writes larger blocks, the end of the image must be the end of one. Return: 0, or the size of such a block. */
static uint32_t cut_block(const struct role *r, uint64_t size)
{
	uint32_t mem = BLK_ALIGN_GUESS, off = BLK_ALIGN_GUESS;

	if (!role_key(r, "direct") || said_ro(r))
		return 0;
	blk_read_align(r->resource[0], &mem, &off);
	return size % off ? off : 0;
}

/* A file can be made longer. */
static uint64_t file_size(const struct role *r, uint64_t size, const char **why)
{
	static char odd[160];
	uint32_t block;

	*why = "is smaller than one sector: make it as large as the disk shall be (truncate -s 1G IMAGE)";
	size -= size % sector_of(r);
	block = size ? cut_block(r, size) : 0;
	if (!block)
		return size;
	snprintf(odd, sizeof(odd), "is no multiple of %u bytes, in which direct I/O writes there: leave out 'direct', or make it longer "
		 "(truncate -s %%%u IMAGE)", block, block);
	*why = odd;
	return 0;
}

/* A block device has what it is bound to. */
static uint64_t device_size(const struct role *r, const char **why)
{
	uint64_t size;

	*why = "does not say its size: is the device still there?";
	if (ioctl(r->resource[0], BLKGETSIZE64, &size))
		return 0;
	*why = "is empty: bind it to something first (losetup, or put a medium in)";
	return size - size % sector_of(r);
}

static uint64_t block_size(const struct role *r, const char **why)
{
	struct stat st;

	*why = "is neither a file nor a block device: name one of these";
	if (fstat(r->resource[0], &st) || !(S_ISREG(st.st_mode) || S_ISBLK(st.st_mode)))
		return 0;
	return S_ISBLK(st.st_mode) ? device_size(r, why) : file_size(r, (uint64_t)st.st_size, why);
}

static int block_open(struct role *r)
{
	const char *why;
	int err;

	do
		r->resource[0] = fd_open(r->path, image_flags(r));
	while (r->resource[0] < 0 && errno == EBUSY && busy_wait());
	if (r->resource[0] < 0) {
		err = errno;
		complain("cannot open the image %s%s: %m%s", r->path, said_ro(r) ? "" : " for writing", image_remedy(r, err));
		return err == EBUSY ? EXIT_HOST : EXIT_FILE;
	}
	if (block_size(r, &why))
		return lock_image(r);
	complain("the image %s %s", r->path, why);
	return EXIT_FILE;
}

/* Readers share. */
static bool block_same(const struct role *r, const struct role *of)
{
	struct stat a, b;

	if ((said_ro(r) && said_ro(of)) || stat(r->path, &a) || fstat(of->resource[0], &b))
		return false;
	return S_ISBLK(a.st_mode) && S_ISBLK(b.st_mode) ? a.st_rdev == b.st_rdev : a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static const char *const rates[] = { "bw", "iops", "burst", NULL };

static void block_args(struct role *r, struct child *c)
{
	child_option(c, "--blk-fd=%d", POLICY_FD_RESOURCE);
	if (said_ro(r))
		child_arg(c, "--read-only");
	if (role_key(r, "direct"))
		child_arg(c, "--direct");
	if (role_key(r, "nodiscard"))
		child_arg(c, "--no-discard");
	if (role_key(r, "serial"))
		child_option(c, "--serial=%s", role_key(r, "serial"));
	if (role_key(r, "sector"))
		child_option(c, "--block-size=%s", role_key(r, "sector"));
	child_sizes(c, r, rates);
	child_give(c, r->resource[0], POLICY_FD_RESOURCE);
}

static void block_holds(const struct role *r)
{
	printf("%s, open %s%s\n", r->path, said_ro(r) ? "for reading only" : "for reading and writing",
	       role_key(r, "direct") ? ", past the host's page cache" : "");
}

const struct kind_launch block_launch = {
	.asked = role_rates_asked, .open = block_open, .same = block_same, .ring_keys = rates, .size = block_size, .args = block_args,
	.holds = block_holds,
};
