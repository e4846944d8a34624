// SPDX-License-Identifier: GPL-2.0
/*D:760
 * root.c: the user namespace's id maps and the empty root of a role.
 *
 * It may write the maps of a child that the caller just made, and mount inside the caller's own mount namespace. It
 * may not touch anything outside it: propagation is cut first.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "policy/internal.h"

static int write_file(pid_t pid, const char *name, const char *text, size_t len)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = write(fd, text, len);
	if (n < 0)
		n = -errno;
	close(fd);
	return n < 0 ? (int)n : 0;
}

/**
 * policy_map_ids() - make user and group 0 of a child's new user namespace stand for an outside user
 * @child: the child, in its new namespace
 * @setgroups_allowed: the caller may map any id (it is root); otherwise setgroups must be given up first
 * @uid: outside user, @gid: outside group
 *
 * Return: 0 or -errno.
 */
int policy_map_ids(pid_t child, bool setgroups_allowed, uid_t uid, gid_t gid)
{
	char map[48];
	int len, err;

	if (!setgroups_allowed) {
		err = write_file(child, "setgroups", "deny", 4);
		if (err)
			return err;
	}
	len = snprintf(map, sizeof(map), "0 %u 1\n", (unsigned int)gid);
	err = write_file(child, "gid_map", map, (size_t)len);
	if (err)
		return err;
	len = snprintf(map, sizeof(map), "0 %u 1\n", (unsigned int)uid);
	return write_file(child, "uid_map", map, (size_t)len);
}

/**
 * policy_empty_root() - replace the root directory by an empty read-only file system of one inode
 *
 * The new root is mounted over /proc, which every caller has (the id maps were written through it). A host that
 * still runs from its initramfs can't pivot_root(2): there the new root is moved over the old one, which then is out
 * of reach for a process that can neither mount nor chroot.
 *
 * Return: 0 or -errno.
 */
int policy_empty_root(void)
{
	const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("lguest-empty", "/proc", "tmpfs", flags, "size=4k,nr_inodes=1,mode=0555") ||
	    chdir("/proc"))
		return -errno;
	if (!syscall(SYS_pivot_root, ".", ".")) {
		if (umount2(".", MNT_DETACH))
			return -errno;
	} else if (errno != EINVAL || mount(".", "/", NULL, MS_MOVE, NULL) || chroot(".")) {
		return -errno;
	}
	if (chdir("/") || mount(NULL, "/", NULL, MS_REMOUNT | MS_RDONLY | flags, "size=4k,nr_inodes=1,mode=0555"))
		return -errno;
	return 0;
}
