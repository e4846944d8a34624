// SPDX-License-Identifier: GPL-2.0
/*
 * scarce.c: preloaded into lguest-run: while the file $SCARCE is there, the host has not what the word in it says, or does what it says.
 *
 *	fork N	no more processes, from the N-th on
 *	watch N	no number left for the descriptor of a process, from the N-th on
 *	lift N	no number left for the descriptor of a recording, from the N-th on
 *	leave	SIGTERM comes when a recording was just made
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Is it so now? @n: what stands behind the word */
static int now(const char *word, int *n)
{
	const char *path = getenv("SCARCE");
	char said[16] = "";
	FILE *f = path ? fopen(path, "re") : NULL;

	*n = 0;
	if (!f)
		return 0;
	if (fscanf(f, "%15s %d", said, n) < 1)
		*said = '\0';
	fclose(f);
	return !strcmp(said, word);
}

pid_t fork(void)
{
	static pid_t (*next)(void);
	static int nth;
	int from;

	if (!next)
		next = (pid_t (*)(void))dlsym(RTLD_NEXT, "fork");
	nth++;
	if (!now("fork", &from) || nth < from)
		return next();
	errno = EAGAIN;
	return -1;
}

int fcntl(int fd, int command, ...)
{
	static int (*next)(int, int, ...);
	static int nth;
	const char *word;
	char path[32], what[4096] = "";
	va_list ap;
	long arg;
	int from;

	va_start(ap, command);
	arg = va_arg(ap, long);
	va_end(ap);
	if (!next)
		next = (int (*)(int, int, ...))dlsym(RTLD_NEXT, "fcntl");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (command != F_DUPFD_CLOEXEC || readlink(path, what, sizeof(what) - 1) < 0)
		return next(fd, command, arg);
	word = !strcmp(what, "anon_inode:[pidfd]") ? "watch" : strstr(what, "/recording") ? "lift" : NULL;
	if (!word || !now(word, &from) || ++nth < from)
		return next(fd, command, arg);
	errno = EMFILE;
	return -1;
}

int openat(int dir, const char *name, int flags, ...)
{
	static int (*next)(int, const char *, int, ...);
	va_list ap;
	mode_t mode;
	int fd, n;

	va_start(ap, flags);
	mode = va_arg(ap, mode_t);
	va_end(ap);
	if (!next)
		next = (int (*)(int, const char *, int, ...))dlsym(RTLD_NEXT, "openat");
	fd = next(dir, name, flags, mode);
	if (fd >= 0 && flags & O_CREAT && !strcmp(name, "recording") && now("leave", &n))
		kill(getpid(), SIGTERM);
	return fd;
}
