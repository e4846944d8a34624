// SPDX-License-Identifier: GPL-2.0
/*L:255
 * folder.c: see folder.h. It makes one folder and one file in it, and follows no link to either.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run/folder.h"

int folder_make_file(const char *dir, const char *name, int *folder)
{
	size_t n = strlen(dir);
	char path[4096];
	int fd;

	*folder = -1;
	if (n >= sizeof(path))
		return -ENAMETOOLONG;
	memcpy(path, dir, n + 1);
	while (n > 1 && path[n - 1] == '/')	/* behind which a link is followed all the same */
		path[--n] = '\0';
	if (mkdir(path, 0700) && errno != EEXIST)
		return -errno;
	*folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	fd = *folder < 0 ? -1 : openat(*folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : fd;
}
