// SPDX-License-Identifier: GPL-2.0
/*L:255
 * folder.c: see folder.h. It makes one folder and one file in it, or looks whether it could, and follows no link to either.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run/folder.h"

#define PATH_SIZE 4096

/* Without the slashes behind it, through which a link is followed all the same. Return: 0 or -ENAMETOOLONG. */
static int take_path(char path[PATH_SIZE], const char *dir)
{
	size_t n = strlen(dir);

	if (n >= PATH_SIZE)
		return -ENAMETOOLONG;
	memcpy(path, dir, n + 1);
	while (n > 1 && path[n - 1] == '/')
		path[--n] = '\0';
	return 0;
}

static int open_folder(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int folder_make_file(const char *dir, const char *name, int *folder)
{
	char path[PATH_SIZE];
	int fd, err = take_path(path, dir);

	*folder = -1;
	if (err)
		return err;
	if (mkdir(path, 0700) && errno != EEXIST)
		return -errno;
	fd = open_folder(path);
	if (fd < 0)
		return fd;
	*folder = fd;
	fd = openat(*folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : fd;
}

int folder_may_make(const char *path)
{
	const char *slash = strrchr(path, '/');
	char folder[PATH_SIZE];

	if (!*path)
		return -ENOENT;
	if (slash && !slash[1])
		return -EISDIR;
	if ((size_t)snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".") >= sizeof(folder))
		return -ENAMETOOLONG;
	return faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) ? -errno : 0;
}

static int may_make_in(int folder, const char *name)
{
	struct stat st;

	if (!fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW))
		return -EEXIST;
	return errno != ENOENT || faccessat(folder, ".", W_OK | X_OK, AT_EACCESS) ? -errno : 0;
}

int folder_may_make_file(const char *dir, const char *name)
{
	char path[PATH_SIZE];
	int fd, err = take_path(path, dir);

	if (err)
		return err;
	fd = open_folder(path);
	if (fd == -ENOENT)
		return folder_may_make(path);
	if (fd < 0)
		return fd;
	err = may_make_in(fd, name);
	close(fd);
	return err;
}
