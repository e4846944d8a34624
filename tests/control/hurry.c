// SPDX-License-Identifier: GPL-2.0
/*
 * hurry.c: preloaded into lguest-run: while the file $HURRY is there, its clock goes 300 times as fast, and what it waits for by poll() is due as much
 * sooner. So a test sees what half an hour does, and does not take one.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define FASTER	300

static int hurries(void)
{
	const char *path = getenv("HURRY");

	return path && !access(path, F_OK);
}

int clock_gettime(clockid_t id, struct timespec *t)
{
	static long long before, ahead;	/* nanoseconds */
	int err = (int)syscall(SYS_clock_gettime, id, t);
	long long now;

	if (err || id != CLOCK_MONOTONIC)
		return err;
	now = t->tv_sec * 1000000000LL + t->tv_nsec;
	if (before && hurries())
		ahead += (now - before) * (FASTER - 1);
	before = now;
	t->tv_sec = (now + ahead) / 1000000000;
	t->tv_nsec = (now + ahead) % 1000000000;
	return 0;
}

int poll(struct pollfd *p, nfds_t n, int ms)
{
	if (ms > 0 && hurries())
		ms = ms / FASTER + 1;
	return (int)syscall(SYS_poll, p, n, ms);
}

/* What poll() becomes where the compiler cannot see that the array is long enough. */
int __poll_chk(struct pollfd *p, nfds_t n, int ms, size_t size)
{
	(void)size;
	return poll(p, n, ms);
}
