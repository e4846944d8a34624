// SPDX-License-Identifier: GPL-2.0
/*L:130
 * resources.c: open everything that the command line names, before any process starts (launch.h). From here on
 * there are only descriptors: no role is told a path. Read-only is O_RDONLY here and a refusing role there.
 *
 * Descriptors get numbers from FD_FLOOR up, so that placing them at a role's fixed numbers overwrites none.
 */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <linux/fs.h>
#include <linux/if_tun.h>

#include "core/exit.h"
#include "run/launch.h"
#include "run/text.h"
#include "devices/net/tap_owner.h"

#define FD_FLOOR 128
#define SECTOR 512
#define VNET_HEADER 12	/* of virtio 1.0: with num_buffers, always */

static int lift(int fd)
{
	int high;

	if (fd < 0)
		return fd;
	high = fcntl(fd, F_DUPFD_CLOEXEC, FD_FLOOR);
	close(fd);
	return high;
}

static int open_high(const char *path, int flags)
{
	return lift(open(path, flags | O_CLOEXEC | O_NOCTTY, 0600));
}

static int open_module(struct launch *l)
{
	l->lguest_fd = open_high("/dev/lguest", O_RDWR);
	if (l->lguest_fd >= 0)
		return 0;
	if (errno == ENOENT || errno == ENXIO || errno == ENODEV)
		complain("there is no /dev/lguest: load the module first (modprobe lg, or insmod lg.ko)");
	else if (errno == EACCES || errno == EPERM)
		complain("/dev/lguest is not open to you: join its group (usermod -aG lguest NAME) and log in again");
	else
		complain("cannot open /dev/lguest: %m%s", text_remedy(errno));
	return EXIT_DEVICE;
}

static int open_file(const char *what, const char *path, int *fd)
{
	struct stat st;

	*fd = open_high(path, O_RDONLY | O_NONBLOCK);	/* a FIFO must not hold us */
	if (*fd < 0) {
		complain("cannot open the %s %s: %m%s", what, path, text_remedy(errno));
		return EXIT_FILE;
	}
	if (!fstat(*fd, &st) && S_ISREG(st.st_mode))
		return 0;
	complain("the %s %s is not a file: name a regular one", what, path);
	return EXIT_FILE;
}

static const char *image_remedy(const struct role *r, int error)
{
	if (!r->read_only && (error == EACCES || error == EROFS || error == EPERM))
		return " (a read-only disk is ro:IMAGE)";
	if (r->direct_io && error == EINVAL)
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
	return O_NONBLOCK | (r->read_only ? O_RDONLY : O_RDWR | O_EXCL) | (r->direct_io ? O_DIRECT : 0);
}

static int in_use(const struct role *r)
{
	complain("the image %s is in use by another guest or program: end it, or use a copy", r->path);
	return EXIT_HOST;
}

/*
 * An image that somebody writes must have one user; readers may share. The lock belongs to this open file, and so
 * outlives a role that dies, and ends with the last process that holds it. The role takes the other kind (fcntl), which is
 * QEMU's too: asked for here, since it starts later, and --check starts none.
 */
static int lock_image(const struct role *r)
{
	struct flock other = { .l_type = r->read_only ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET };

	if (!flock(r->resource[0], (r->read_only ? LOCK_SH : LOCK_EX) | LOCK_NB) && !fcntl(r->resource[0], F_OFD_GETLK, &other))
		return other.l_type == F_UNLCK ? 0 : in_use(r);
	if (errno == EWOULDBLOCK)
		return in_use(r);
	complain("the image %s cannot be locked: %m (does its file system, or its server, know locks? use a copy elsewhere)", r->path);
	return EXIT_HOST;
}

/* A disk needs a sector; a file can be made longer, a device has what it is bound to. */
static int check_size(const struct role *r, const struct stat *st)
{
	uint64_t size = (uint64_t)st->st_size;

	if (S_ISBLK(st->st_mode) && ioctl(r->resource[0], BLKGETSIZE64, &size)) {
		complain("the size of %s cannot be read: %m", r->path);
		return EXIT_FILE;
	}
	if (size >= SECTOR)
		return 0;
	if (S_ISBLK(st->st_mode))
		complain("the block device %s is empty: bind it to something first (losetup, or put a medium in)", r->path);
	else
		complain("the image %s is smaller than one sector: make it as large as the disk shall be (truncate -s 1G %s)", r->path, r->path);
	return EXIT_FILE;
}

static int open_image(struct role *r)
{
	struct stat st;
	int err;

	r->resource[0] = open_high(r->path, image_flags(r));
	if (r->resource[0] < 0) {
		err = errno;
		complain("cannot open the image %s%s: %m%s", r->path, r->read_only ? "" : " for writing", image_remedy(r, err));
		return err == EBUSY ? EXIT_HOST : EXIT_FILE;
	}
	r->resources = 1;
	if (fstat(r->resource[0], &st) || !(S_ISREG(st.st_mode) || S_ISBLK(st.st_mode))) {
		complain("the image %s is neither a file nor a block device: name one of these", r->path);
		return EXIT_FILE;
	}
	err = check_size(r, &st);
	return err ? err : lock_image(r);
}

static int tap_failed(const struct role *r)
{
	if (errno == EBUSY)
		complain("the tap %s is in use by another guest or program: end it, or make another (ip tuntap add TAP mode tap user NAME)", r->path);
	else if (errno == EPERM)
		complain("the tap %s is not yours: ip tuntap add %s mode tap user NAME makes one that is", r->path, r->path);
	else if (errno == EINVAL)
		complain("%s is not a tap interface with one queue: ip tuntap add TAP mode tap user NAME makes one", r->path);
	else
		complain("cannot use the tap %s: %m%s", r->path, text_remedy(errno));
	return EXIT_HOST;
}

/* Chosen here, so that a role that comes back has the address that the guest knows. */
static void choose_mac(struct role *r)
{
	uint8_t b[3] = { 0 };

	if (r->mac)
		return;
	if (getrandom(b, sizeof(b), GRND_NONBLOCK) < 0)
		b[0] = b[1] = b[2] = 1;	/* a host that has just booted: any address serves */
	snprintf(r->chosen_mac, sizeof(r->chosen_mac), "52:54:00:%02x:%02x:%02x", b[0], b[1], b[2]);
	r->mac = r->chosen_mac;
}

static int open_tap(struct role *r)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int size = VNET_HEADER;

	choose_mac(r);
	/* TUNSETIFF would make an interface that is not there, if we may: a mistyped name must be an error. */
	if (strlen(r->path) >= IFNAMSIZ || !if_nametoindex(r->path)) {
		complain("there is no tap %s: ip tuntap add %s mode tap user NAME makes one", r->path, r->path);
		return EXIT_HOST;
	}
	r->resource[0] = open_high("/dev/net/tun", O_RDWR | O_NONBLOCK);
	if (r->resource[0] < 0) {
		complain("cannot open /dev/net/tun: %m%s", errno == ENOENT || errno == ENODEV ? " (load the module: modprobe tun)" : text_remedy(errno));
		return EXIT_HOST;
	}
	r->resources = 1;
	memcpy(ifr.ifr_name, r->path, strlen(r->path));
	if (ioctl(r->resource[0], TUNSETIFF, &ifr) || ioctl(r->resource[0], TUNSETVNETHDRSZ, &size) ||
	    ioctl(r->resource[0], TUNGETIFF, &ifr))
		return tap_failed(r);
	if (r->unowned || !tap_is_unowned(&ifr))
		return 0;
	complain("the tap %s has no owner, so that any user of this host may attach to it: make it yours (ip tuntap del %s mode tap, then "
		 "ip tuntap add %s mode tap user NAME), or say --net %s,unowned", r->path, r->path, r->path, r->path);
	return EXIT_HOST;
}

static int open_console(struct role *r)
{
	bool stdio = !strcmp(r->path, "stdio");

	r->resource[0] = stdio ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, FD_FLOOR) : open_high("/dev/null", O_RDONLY);
	r->resource[1] = stdio ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, FD_FLOOR)
			       : open_high(r->path, O_WRONLY | O_CREAT | O_APPEND);
	r->resources = 2;
	if (r->resource[0] >= 0 && r->resource[1] >= 0)
		return 0;
	complain("cannot open the console %s: %m%s", r->path, errno == ENXIO ? " (nobody reads this FIFO: start its reader first)" : text_remedy(errno));
	return stdio ? EXIT_HOST : EXIT_FILE;
}

static int open_foreign(struct role *r)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	if (strlen(r->path) >= sizeof(a.sun_path)) {
		complain("the socket name %s is too long: use one of less than %zu characters", r->path, sizeof(a.sun_path));
		return EXIT_HOST;
	}
	memcpy(a.sun_path, r->path, strlen(r->path));
	r->socket = lift(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
	if (r->socket >= 0 && !connect(r->socket, (struct sockaddr *)&a, sizeof(a)))
		return 0;
	complain("no back end answers at %s: %m (start it first)", r->path);
	return EXIT_ROLE + ROLE_FOREIGN;
}

static int open_role(struct role *r)
{
	switch (r->kind) {
	case ROLE_BLOCK: return open_image(r);
	case ROLE_NET: return open_tap(r);
	case ROLE_CONSOLE: return open_console(r);
	case ROLE_FOREIGN: return open_foreign(r);
	default: return 0;
	}
}

static int open_program_dir(struct launch *l)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	char *slash;

	if (n > 0) {
		path[n] = '\0';
		slash = strrchr(path, '/');
		slash[slash == path] = '\0';
		l->program_dir = open_high(path, O_PATH | O_DIRECTORY);
	}
	if (l->program_dir >= 0)
		return 0;
	complain("cannot find the folder of this program (is /proc mounted?), where the role programs are");
	return EXIT_HOST;
}

/* Stands where a role has a fixed number for something that this guest has not. */
static int open_null(struct launch *l)
{
	l->null_fd = open_high("/dev/null", O_RDWR);
	if (l->null_fd >= 0)
		return 0;
	complain("cannot open /dev/null: %m");
	return EXIT_HOST;
}

int resources_open(struct launch *l)
{
	int err = open_module(l);

	if (!err)
		err = open_file("kernel", l->kernel, &l->kernel_fd);
	if (!err && l->initrd)
		err = open_file("initrd", l->initrd, &l->initrd_fd);
	if (!err)
		err = open_program_dir(l);
	if (!err)
		err = open_null(l);
	for (unsigned int i = 0; i < l->roles && !err; i++)
		err = open_role(&l->role[i]);
	return err;
}
