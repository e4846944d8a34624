// SPDX-License-Identifier: GPL-2.0
/*L:256
 * file.c: see file.h. What it opens or locks is another's as long as nothing shows that it is ours.
 *
 * It may make the file that it is asked for, unless it is only asked whether it could. It removes nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run/child.h"
#include "run/file.h"
#include "run/folder.h"

/* Nothing is there, or a link to nothing, which is made at its end where links are followed. */
static int may_make(const char *path, int flags)
{
	char target[4096], at[8192];
	const char *slash = strrchr(path, '/');
	ssize_t n = flags & O_NOFOLLOW ? -1 : readlink(path, target, sizeof(target) - 1);

	if (n < 0)
		return folder_may_make(path);
	target[n] = '\0';
	if ((size_t)snprintf(at, sizeof(at), "%.*s%s", *target != '/' && slash ? (int)(slash - path) + 1 : 0, path, target) >= sizeof(at))
		return -ENAMETOOLONG;
	return folder_may_make(at);
}

/* With O_CREAT where it is there, too: a folder that all may write to has rules of its own for that (fs.protected_regular). */
int file_open(const char *path, int flags, mode_t mode, bool check, int *fd)
{
	*fd = -1;
	if (check && faccessat(AT_FDCWD, path, F_OK, flags & O_NOFOLLOW ? AT_SYMLINK_NOFOLLOW : 0))
		return errno == ENOENT ? may_make(path, flags) : -errno;
	*fd = fd_lift(open(path, flags | O_CREAT | O_CLOEXEC | O_NOCTTY, mode));
	return *fd < 0 ? -errno : 0;
}

bool file_is(int fd, int dir, const char *name)
{
	struct stat a, b;

	return !fstat(fd, &a) && !fstatat(dir, name, &b, AT_SYMLINK_NOFOLLOW) && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* Who had it may have removed it before it let go: then the lock is on a file that nobody else will find. */
bool file_lock(int fd, int dir, const char *name)
{
	return !flock(fd, LOCK_EX | LOCK_NB) && file_is(fd, dir, name);
}

/* Asked with another type, which is never let in. */
bool file_is_left_socket(const struct sockaddr_un *a, bool anybodys)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool refused = fd >= 0 && connect(fd, (const struct sockaddr *)a, sizeof(*a)) && errno == ECONNREFUSED;
	struct stat st;

	fd_close(&fd);
	return refused && !lstat(a->sun_path, &st) && S_ISSOCK(st.st_mode) && (anybodys || st.st_uid == geteuid());
}
