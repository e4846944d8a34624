// SPDX-License-Identifier: GPL-2.0
/*
 * errors.c: loaded before libc (LD_PRELOAD): calls that fail as they do on file systems that the build machine has not.
 *
 *	FIELD_FLOCK=N	flock() fails with errno N
 *	FIELD_MODULE=F	file F stands where /dev/lguest would be
 *	FIELD_OPENS=F	the flags of every open() for writing of a name that ends in ".img" are appended to file F, as "EXCL" or "plain"
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

int flock(int fd, int operation)
{
	const char *n = getenv("FIELD_FLOCK");

	if (!n)
		return (int)syscall(SYS_flock, fd, operation);
	errno = atoi(n);
	return -1;
}

static void note(const char *path, int flags)
{
	const char *log = getenv("FIELD_OPENS"), *dot = strrchr(path, '.'), *word = flags & O_EXCL ? "EXCL\n" : "plain\n";
	int fd;

	if (!log || !dot || strcmp(dot, ".img") || (flags & O_ACCMODE) == O_RDONLY)
		return;
	fd = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (fd < 0 || write(fd, word, strlen(word)) < 0)
		abort();
	close(fd);
}

int open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;

	if (flags & O_CREAT) {
		va_start(ap, flags);
		mode = va_arg(ap, mode_t);
		va_end(ap);
	}
	note(path, flags);
	if (getenv("FIELD_MODULE") && !strcmp(path, "/dev/lguest"))
		path = getenv("FIELD_MODULE");
	return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...) __attribute__((alias("open")));
