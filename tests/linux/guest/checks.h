/* SPDX-License-Identifier: GPL-2.0 */
/*
 * checks.h: programs of checks that run in a guest, selftest.c and smp.c: a table of them, each in a process of its own, and why one failed.
 * For the one file of a program. What a check does is not its business.
 */
#ifndef LGUEST_TESTS_CHECKS_H
#define LGUEST_TESTS_CHECKS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/lib/tap.h"

static char why[200];	/* the first reason, of this process */

/* Return: false, for a check to end with. */
static bool __attribute__((format(printf, 1, 2))) failed(const char *fmt, ...)
{
	va_list ap;

	if (why[0])
		return false;
	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	return false;
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int status_of(pid_t pid)
{
	int status = -1;

	waitpid(pid, &status, 0);
	return status;
}

struct check {
	const char *name;
	bool (*run)(void);
};

static bool wanted(char *const *names, const char *name)
{
	bool all = !*names;

	for (; *names; names++)
		if (!strcmp(*names, name))
			return true;
	return all;
}

/**
 * run_checks() - those of a table, one after the other, each in a process of its own, for what it maps, catches and breaks
 * @checks: ends with one without a name
 * @names: those that are wanted, ends with NULL; none: all
 * @begin: called in that process before, @extent: and after, for what its name shall say besides; both may be NULL
 *
 * Return: how many failed; no check of these names is one.
 */
static int run_checks(const struct check *checks, char *const *names, void (*begin)(void), const char *(*extent)(void))
{
	int failures = 0, ran = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (; checks->name; checks++) {
		int status;
		pid_t pid;

		if (!wanted(names, checks->name))
			continue;
		ran++;
		pid = fork();
		if (!pid) {
			bool good;

			if (begin)
				begin();
			good = checks->run();
			exit(!passed(good, "%s%s%s%s", checks->name, extent ? extent() : "", good ? "" : ": ", good ? "" : why));
		}
		status = status_of(pid);
		if (status && !WIFEXITED(status))
			passed(false, "%s: ended by signal %d", checks->name, WTERMSIG(status));
		failures += status != 0;
	}
	return ran ? failures : !passed(false, "no such check");
}

#endif
