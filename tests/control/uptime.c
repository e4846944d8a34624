// SPDX-License-Identifier: GPL-2.0
/*
 * uptime.c: preloaded into a back end that listens: what it did before was half of the machine's uptime ago. So it has been up for that long when its
 * first front end comes, and no test has to wait.
 */
#define _GNU_SOURCE
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int listening;

int listen(int fd, int backlog)
{
	listening = 1;
	return (int)syscall(SYS_listen, fd, backlog);
}

int clock_gettime(clockid_t id, struct timespec *t)
{
	int err = (int)syscall(SYS_clock_gettime, id, t);

	if (!err && !listening && id == CLOCK_MONOTONIC)
		t->tv_sec /= 2;
	return err;
}
