// SPDX-License-Identifier: GPL-2.0
/*
 * errors.c: loaded before libc (LD_PRELOAD): calls that fail as they do on file systems that the build machine has not.
 *
 *	FIELD_FLOCK=N	flock() fails with errno N
 *	FIELD_HOLES=N	fallocate() fails with errno N
 *	FIELD_MODULE=F	file F stands where /dev/lguest would be
 *	FIELD_RINGS=1	io_uring is the first process's alone, as it is root's where kernel.io_uring_disabled is 1; locked memory has no limit
 *	FIELD_CHARGED=1	rings are counted against the soft limit of locked memory, and below 1 MiB there is no room for one (6.18, a user who has others)
 *	FIELD_OPENS=F	the flags of every open() for writing of a name that ends in ".img" are appended to file F, as "EXCL" or "plain"
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static int others;	/* a child, or the role, whose ring is the second; getpid() is a system call that it may not have */

static bool no_room(void)
{
	struct rlimit have;

	return getenv("FIELD_CHARGED") && !getrlimit(RLIMIT_MEMLOCK, &have) && have.rlim_cur < 1u << 20;
}

/* The libraries' system calls by number; those of this file are made so, too. */
long syscall(long nr, ...)
{
	long (*real)(long, ...), arg[6];
	va_list ap;

	va_start(ap, nr);
	for (int i = 0; i < 6; i++)
		arg[i] = va_arg(ap, long);
	va_end(ap);
	if (nr == SYS_io_uring_setup && getenv("FIELD_RINGS") && others++) {
		errno = EPERM;
		return -1;
	}
	if (nr == SYS_io_uring_setup && no_room()) {
		errno = ENOMEM;
		return -1;
	}
	*(void **)&real = dlsym(RTLD_NEXT, "syscall");
	return real(nr, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
}

int flock(int fd, int operation)
{
	const char *n = getenv("FIELD_FLOCK");

	if (!n)
		return (int)syscall(SYS_flock, fd, operation);
	errno = atoi(n);
	return -1;
}

int fallocate(int fd, int mode, off_t at, off_t length)
{
	const char *n = getenv("FIELD_HOLES");

	if (!n)
		return (int)syscall(SYS_fallocate, fd, mode, at, length);
	errno = atoi(n);
	return -1;
}

static void in_child(void)
{
	others = 1;
}

static void __attribute__((constructor)) begin(void)
{
	pthread_atfork(NULL, NULL, in_child);
}

int io_uring_queue_init_params(unsigned int entries, struct io_uring *ring, struct io_uring_params *p)
{
	int (*real)(unsigned int, struct io_uring *, struct io_uring_params *);

	if (getenv("FIELD_RINGS") && others++)
		return -EPERM;
	*(void **)&real = dlsym(RTLD_NEXT, "io_uring_queue_init_params");
	return real(entries, ring, p);
}

int getrlimit(__rlimit_resource_t resource, struct rlimit *limit)
{
	long err = syscall(SYS_prlimit64, 0, resource, NULL, limit);

	if (!err && resource == RLIMIT_MEMLOCK && getenv("FIELD_RINGS"))
		limit->rlim_cur = RLIM_INFINITY;
	return (int)err;
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
