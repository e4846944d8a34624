/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Shared by the parts of lgtest: what a test is, and the guest that it runs. Host user space only.
 */
#ifndef TESTS_GUESTS_LGTEST_H
#define TESTS_GUESTS_LGTEST_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/lguest.h>
#include "lib/layout.h"

#define SKIPPED "SKIP: "	/* a guest that passes with these first words could not show what it is for on this host */
#define STATUS_SKIPPED 77
#define TIME_LIMIT "lgtest: time limit"	/* the reason that a guest is killed with when its time is up */

/* What check-latency allows, in microseconds; with QEMU's -icount an instruction is a nanosecond: not a processor's time, but its order */
#define LATENCY_IRQS	50
#define LATENCY_PREEMPT	1000
#define LATENCY_SIGNAL	100000

/* A guest under test: one child process has one. */
struct ctx {
	const struct test *test;
	int fd;			/* /dev/lguest */
	unsigned char *ram, *ram2;	/* guest-physical 0, and RAM2_PA */
	uint64_t seed;
	volatile bool stop;	/* companions end when it is set */
	unsigned int notifies, mmios;	/* exits seen */
	int count_fd, value_fd;	/* eventfds bound by bind_notifies() */
	uint64_t *hog;		/* shared with the AVX process: [0] stop, [1] rounds done */
	int hog_pid;
	unsigned long irqs_off, preempt_off;	/* what the latency probe saw, in ns */
	char skip[600];		/* why a guest could not show anything here */
	pthread_t vcpu[LGUEST_MAX_VCPUS];	/* their threads; vCPU 0's when a companion needs it */
	char why[600];		/* set by fail(): the test did not pass */
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
	unsigned int shadow_pages;	/* cap on shadow memory; 0: the module's default */
	unsigned int vcpus;	/* 0: one */
	/* Before the first run; starts companions. */
	void (*start)(struct ctx *c);
	/* After the end; may fail the test. */
	void (*finish)(struct ctx *c, const struct lguest_stats *stats);
	/* Sees a PRINT or a SHUTDOWN; true: it is as it should be, nothing else is asked. */
	bool (*look)(struct ctx *c, const struct lguest_run *run);
	/* Takes the guest's notifies instead of serve_notify(). */
	void (*serve)(struct ctx *c, const struct lguest_run *run);
	/* Runs instead of a guest, with no guest made. */
	void (*special)(struct ctx *c);
};
#define T_HOSTILE	1	/* also part of --hostile */
#define T_RANDOM	2	/* takes a seed: every repeat is another */
#define T_LONG		4	/* shortened by --short: arg / 50 */
#define T_BENCH		16	/* not in --all: it measures */
#define T_HUGE		32	/* the second region on 2 MiB pages of the host's */
#define T_TWO_CPUS	8	/* skipped on a host with one */
#define T_DEBUG		64	/* not in --all: it takes a module built with LG_DEBUG=1 or with a change, or the latency probe beside it */

#define T_KVM		256	/* not in --all: it takes a host with KVM */
#define T_RELEASE	512	/* the second region may be released by the guest */
#define T_RELEASE_ALL	1024	/* and the first */
#define T_REFUSED	128	/* it ends when RUN fails with EPERM */
#define T_APART		2048	/* not in --all: each vCPU's thread stays on a CPU of its own, in a host of tests/host/run --apart */

extern const struct test tests[];
extern const size_t ntests;

struct image {
	const char *name;
	const unsigned char *start, *end;
};
extern const struct image images[];
extern const size_t nimages;

extern bool verbose, shortened;

void fail(struct ctx *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
void pin(unsigned int cpu);
int cpus(void);
/* In a new process: it ends when @parent does, or at once when @parent has ended already. */
void end_with(int parent);

/* lgtest.c: what special tests put together themselves. Failing calls end the process with a sentence. */
void make_guest(struct ctx *c);
void make_guest_on(struct ctx *c, int fd);
void run_guest(struct ctx *c);
/* A process that runs @image as a test of its own would; it ends with status 0 when the guest passed. */
int spawn_guest(const char *image, uint64_t arg, uint64_t seed, int cpu);
int spawn_test(const struct test *test, uint64_t seed, int cpu);
/* The threads of all vCPUs but the first. */
void start_vcpus(struct ctx *c);
const struct image *find_image(const char *name);

/* companions.c: what the host does for a guest that asks for it, and the hooks of the table */
void serve_notify(struct ctx *c, const struct lguest_run *run);
void serve_mmio(struct ctx *c, const struct lguest_run *run);
void stop_companions(struct ctx *c);
void bind_notifies(struct ctx *c);
void bind_ping(struct ctx *c);
void move_vcpus(struct ctx *c);
void counted_queued(struct ctx *c, const struct lguest_stats *stats);
void counted_direct(struct ctx *c, const struct lguest_stats *stats);
void few_exits(struct ctx *c, const struct lguest_stats *stats);
void evicted(struct ctx *c, const struct lguest_stats *stats);
void released(struct ctx *c, const struct lguest_stats *stats);
void huge_code_filled(struct ctx *c, const struct lguest_stats *stats);
void huge_filled(struct ctx *c, const struct lguest_stats *stats);
void globals_flushed(struct ctx *c, const struct lguest_stats *stats);
void shrunk(struct ctx *c, const struct lguest_stats *stats);
void shrunk_quietly(struct ctx *c, const struct lguest_stats *stats);
void measured(struct ctx *c, const struct lguest_stats *stats);
void few_asids(struct ctx *c, const struct lguest_stats *stats);
void globals_kept(struct ctx *c, const struct lguest_stats *stats);
void one_mmio(struct ctx *c, const struct lguest_stats *stats);
bool look_print(struct ctx *c, const struct lguest_run *run);
bool look_shutdown(struct ctx *c, const struct lguest_run *run);

/* special.c: tests of the device and of processes that hold it */
void test_api(struct ctx *c);
void test_strangers(struct ctx *c);
void test_sigkill(struct ctx *c);
void test_smp_sigkill(struct ctx *c);
void test_pair(struct ctx *c);
void test_unplug(struct ctx *c);
void test_memory_back(struct ctx *c);
void test_not_started(struct ctx *c);

/* kvm.c: beside another hypervisor */
void test_kvm(struct ctx *c);

/* beside.c */
void test_ticks(struct ctx *c);
void bind_avx512(struct ctx *c);
void preempted(struct ctx *c, const struct lguest_stats *stats);

/* owner.c: what a guest holds of its process, and for how long */
void test_create_race(struct ctx *c);
void test_create_once(struct ctx *c);
void test_gone_exit(struct ctx *c);
void test_gone_close(struct ctx *c);
void test_gone_exec(struct ctx *c);
void test_smp_close(struct ctx *c);
void test_user_limit(struct ctx *c);
void test_huge_cost(struct ctx *c);
void test_memory_kinds(struct ctx *c);
void test_region_size(struct ctx *c);
void test_poison(struct ctx *c);
void test_fail_at(struct ctx *c);
void test_signal_time(struct ctx *c);

#endif
