// SPDX-License-Identifier: GPL-2.0
/*D:540
 * image.c: open, check and lock the image, before the sandbox.
 *
 * It may open the one path of the command line. It reads nothing of the image's contents: an image is raw because
 * nothing here can say otherwise (a guest that writes a qcow2 header into its own disk would choose host files).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "devices/block/align.h"
#include "devices/block/block.h"
#include "devices/each.h"

#define LOCK_WAIT_MS 3000

static const char *image_name(const struct blk *blk)
{
	return blk->path ? blk->path : "the inherited descriptor";
}

/*
 * One writer, or any number of readers. The lock belongs to the open file: one that a killed role still holds goes
 * away when its last request is over, which is why a busy lock is worth a short wait.
 */
static int lock_image(struct blk *blk)
{
	struct flock fl = { .l_type = blk->image.read_only ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET };
	const struct timespec pause = { .tv_nsec = 10 * 1000 * 1000 };
	int err = 0;

	for (int ms = 0; ms < LOCK_WAIT_MS; ms += 10) {
		if (!fcntl(blk->image.fd, F_OFD_SETLK, &fl))
			return 0;
		err = errno;
		if (err != EAGAIN && err != EACCES)
			break;
		nanosleep(&pause, NULL);
	}
	backend_fail(blk->be, "cannot lock %s for %s: %s", image_name(blk), blk->image.read_only ? "reading" : "writing",
		     err == EAGAIN || err == EACCES ? "another program has it open; stop that one, or use a copy"
						    : strerror(err));
	return -err;
}

/*
 * O_EXCL on a block device means: not while it is mounted or part of something; files do not mind it. The last requests of a killed role
 * hold one open for an instant more, as its lock.
 */
static int open_path(const struct blk *blk)
{
	const struct timespec pause = { .tv_nsec = 10 * 1000 * 1000 };
	int flags = (blk->want_read_only ? O_RDONLY : O_RDWR | O_EXCL) | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
	int fd;

	for (int ms = 0;; ms += 10) {
		fd = open(blk->path, flags | (blk->want_direct ? O_DIRECT : 0));
		if (fd >= 0 || errno != EBUSY || ms >= LOCK_WAIT_MS)
			return fd;
		nanosleep(&pause, NULL);
	}
}

static int open_image(struct blk *blk)
{
	if (blk->given_fd >= 0) {
		blk->image.fd = blk->given_fd;
		return 0;
	}
	blk->image.fd = open_path(blk);
	if (blk->image.fd >= 0)
		return 0;
	backend_fail(blk->be, "cannot open the image %s for %s: %s%s", blk->path,
		     blk->want_read_only ? "reading" : "writing", strerror(errno),
		     errno == EACCES ? "; check its owner and mode, or use --read-only" :
		     errno == EINVAL && blk->want_direct ? "; its file system has no direct I/O: leave out --direct" :
		     errno == EBUSY ? "; it is mounted or in use" : "");
	return -errno;
}

/* The access mode of the descriptor decides; a flag that asks for less is obeyed by the role. */
static int check_mode(struct blk *blk)
{
	int flags = fcntl(blk->image.fd, F_GETFL);

	if (flags < 0) {
		backend_fail(blk->be, "descriptor %d is not open; give the image's with --blk-fd", blk->image.fd);
		return -errno;
	}
	if ((flags & O_ACCMODE) == O_WRONLY || ((flags & O_ACCMODE) == O_RDONLY && !blk->want_read_only)) {
		backend_fail(blk->be, "%s is not open for reading and writing; open it so, or use --read-only",
			     image_name(blk));
		return -EBADF;
	}
	/* It kept open() from waiting on a FIFO; the ring must wait. */
	if ((flags & O_NONBLOCK) && fcntl(blk->image.fd, F_SETFL, flags & ~O_NONBLOCK))
		return -errno;
	blk->image.read_only = blk->want_read_only;
	blk->image.direct = flags & O_DIRECT;
	return 0;
}

/* What direct I/O asks of buffers and offsets. The sector, which is a guess for a file whose file system does not tell, is safe for both. */
static void read_alignment(struct blk_image *image, uint32_t sector)
{
	image->mem_align = image->off_align = 1;
	image->physical = image->regular ? BLK_SECTOR : sector;
	if (!image->direct)
		return;
	image->mem_align = image->off_align = sector;
	blk_read_align(image->fd, &image->mem_align, &image->off_align);
	if (image->off_align > image->physical)
		image->physical = image->off_align;
}

/*
 * The end of the image cannot be written, which was said. Who opened it for us has asked the same when a guest began (launch.c): the image has been
 * made longer since, and a disk that serves what it can is worth more to that guest than none. Return: 0, or @err where there was nobody to ask.
 */
static int serve_first(struct blk *blk, uint64_t bytes, int err)
{
	if (blk->given_fd < 0 || !bytes)
		return err;
	backend_fail(blk->be, "serves the first %llu of %llu bytes, until that is done", (unsigned long long)bytes,
		     (unsigned long long)blk->image.capacity);
	blk->image.capacity = bytes;
	return 0;
}

/*
 * A disk of 512-byte sectors is what a partition table in an image was written for: that is what the guest is told, whatever the
 * host's disk or file system has, unless the user says otherwise.
 */
static int set_block_size(struct blk *blk)
{
	struct blk_image *image = &blk->image;
	uint64_t rest;

	image->block_size = blk->block_size ? blk->block_size : BLK_SECTOR;
	if (image->physical < image->block_size)
		image->physical = image->block_size;
	if (image->off_align > BLK_BOUNCE_SIZE || image->range_align > BLK_BOUNCE_SIZE) {
		backend_fail(blk->be, "%s has blocks of %u bytes, more than this program's %u", image_name(blk), image->physical,
			     BLK_BOUNCE_SIZE);
		return -EOPNOTSUPP;
	}
	image->capacity -= image->capacity % image->block_size;
	rest = image->read_only ? 0 : image->capacity % image->off_align;
	if (rest) {
		backend_fail(blk->be, "%s is no multiple of %u bytes, in which direct I/O writes there; leave out --direct, or make it longer "
			     "(truncate -s %%%u)", image_name(blk), image->off_align, image->off_align);
		return serve_first(blk, image->capacity - rest, -EOPNOTSUPP);
	}
	if (image->capacity)
		return 0;
	backend_fail(blk->be, "%s is smaller than one block of %u bytes", image_name(blk), image->block_size);
	return -ENOSPC;
}

/*
 * A hole punched behind the end changes nothing and tells whether holes can be made at all. Not so an error that passes, of a server for one: what was
 * offered once has to be offered by the next process too, or the guest's disk is gone.
 */
static bool makes_holes(int fd, off_t end)
{
	if (!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, end + 4096, 4096))
		return true;
	return errno != EOPNOTSUPP && errno != ENOSYS && errno != EPERM && errno != ETXTBSY && errno != EINVAL;
}

static int check_kind(struct blk *blk)
{
	struct blk_image *image = &blk->image;
	uint32_t sector = BLK_ALIGN_GUESS;
	struct statfs fs;
	struct stat st;
	int size;

	if (fstat(image->fd, &st)) {
		backend_fail(blk->be, "cannot examine %s: %s", image_name(blk), strerror(errno));
		return -errno;
	}
	image->regular = S_ISREG(st.st_mode);
	if (S_ISREG(st.st_mode)) {
		image->capacity = (uint64_t)st.st_size;
	} else if (S_ISBLK(st.st_mode)) {
		if (ioctl(image->fd, BLKGETSIZE64, &image->capacity) || ioctl(image->fd, BLKSSZGET, &size)) {
			backend_fail(blk->be, "cannot read the size of %s: %s", image_name(blk), strerror(errno));
			return -errno;
		}
		sector = (uint32_t)size;
	} else {
		backend_fail(blk->be, "%s is neither a file nor a block device", image_name(blk));
		return -ENOTBLK;
	}
	/* Nothing waits there, but no request of a ring is done at once either: the kernel leaves each to a thread, which has to wake up. */
	if (!fstatfs(image->fd, &fs) && fs.f_type == TMPFS_MAGIC)
		backend_quick(blk->be);
	image->range_align = image->regular ? 1 : sector;
	read_alignment(image, sector);
	image->can_discard = !image->read_only && !blk->no_discard && (!image->regular || makes_holes(image->fd, st.st_size));
	return set_block_size(blk);
}

/* Writes beyond the limit would be errors in the guest, of which nobody here is told why. */
static int check_limit(struct blk *blk)
{
	const struct blk_image *image = &blk->image;
	struct rlimit l;

	if (!image->regular || image->read_only || getrlimit(RLIMIT_FSIZE, &l) || image->capacity <= l.rlim_cur)
		return 0;
	backend_fail(blk->be, "files of at most %llu KiB are allowed, and %s is longer: raise the limit (ulimit -f unlimited), or use --read-only",
		     (unsigned long long)l.rlim_cur >> 10, image_name(blk));
	return serve_first(blk, l.rlim_cur - l.rlim_cur % image->physical, -EFBIG);
}

/* Time that went by before its front end came is nothing saved up. */
static void rate_of_each(struct backend *be)
{
	struct blk *blk = backend_dev(be);

	rate_begin(be, &blk->rate);
}

int blk_image_open(struct blk *blk)
{
	int err = open_image(blk);

	backend_each(blk->be, rate_of_each);
	if (!err)
		err = check_mode(blk);
	if (!err)
		err = check_kind(blk);
	if (!err)
		err = check_limit(blk);
	return err ? err : lock_image(blk);
}
