/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Shared by the parts of lgtest: what a test is, and the guest that it runs. Host user space only.
 */
#ifndef TESTS_GUESTS_LGTEST_H
#define TESTS_GUESTS_LGTEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/lguest.h>
#include "lib/layout.h"

#define MAX_GUESTS 4

/* A guest under test: one child process has one. */
struct ctx {
	const struct test *test;
	int fd;			/* /dev/lguest */
	unsigned char *ram, *ram2;	/* guest-physical 0, and RAM2_PA */
	uint64_t seed;
	volatile bool stop;	/* companions end when it is set */
	unsigned int exits;	/* MMIO and NOTIFY exits seen */
	char why[600];		/* set by fail(): the test did not pass */
	void *companion;	/* the companion's own */
};

/* How a guest must end. */
enum ending {
	PASSES,		/* SHUTDOWN with status 0 */
	DIES,		/* killed, with .text in the reason */
	ENDS,		/* any end is a good one, as long as it is an end; a time limit is one too */
};

struct test {
	const char *name;
	const char *image;	/* name of the guest in tiny/ */
	uint64_t arg;
	enum ending ending;
	const char *text;	/* DIES: part of the reason */
	unsigned int flags;	/* T_* */
	unsigned int seconds;	/* time limit; 0: 10 */
	/* Before the first run; starts companions. */
	void (*start)(struct ctx *c);
	/* After the end; may fail the test. */
	void (*finish)(struct ctx *c);
	/* An MMIO or NOTIFY exit; without it they fail the test. */
	void (*exit)(struct ctx *c, struct lguest_run *run);
};
#define T_HOSTILE	1	/* also part of --hostile */
#define T_RANDOM	2	/* takes a seed: every repeat is another */
#define T_LONG		4	/* shortened by --short: arg / 50 */
#define T_TWO_CPUS	8	/* skipped on a host with one */

extern const struct test tests[];
extern const size_t ntests;

struct image {
	const char *name;
	const unsigned char *start, *end;
};
extern const struct image images[];
extern const size_t nimages;

void fail(struct ctx *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
void pin(unsigned int cpu);
int cpus(void);

#endif
