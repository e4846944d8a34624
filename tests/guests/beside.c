// SPDX-License-Identifier: GPL-2.0
/*
 * Real-time threads of the host on the CPU where a guest runs: one that a timer wakes each millisecond, and one that uses AVX-512 and
 * preempts the guest a million times. Both are for hosts of their own (ticks.sh, avx512.sh).
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
#include "lgtest.h"

static void real_time(void)
{
	struct sched_param p = { .sched_priority = 50 };

	if (sched_setscheduler(0, SCHED_FIFO, &p))
		die("no real-time priority: %s", strerror(errno));
}

/* ---- A timer's thread beside a guest that computes for ever ---- */

#define TICKS 300

static struct ctx spinning;

static void *spin(void *unused)
{
	(void)unused;
	run_guest(&spinning);
	return NULL;
}

/* The reading says how often the timer has come since the last one: more than once is a tick that nobody saw in time */
void test_ticks(struct ctx *c)
{
	struct test test = { .name = c->test->name, .image = "spin", .arg = 0, .ending = ENDS };
	struct itimerspec each = { .it_interval = { .tv_nsec = 1000000 }, .it_value = { .tv_nsec = 1000000 } };
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	struct lguest_kill kill = { .text = "enough" };
	uint64_t came, missed = 0, worst = 0;
	struct lguest_stats stats;
	pthread_t thread;

	pin(0);
	spinning = (struct ctx){ .test = &test, .seed = 1, .count_fd = -1, .value_fd = -1 };
	make_guest(&spinning);
	if (pthread_create(&thread, NULL, spin, NULL))
		die("no thread");
	usleep(100000);		/* it spins */
	real_time();
	if (timer < 0 || timerfd_settime(timer, 0, &each, NULL))
		die("no timer: %s", strerror(errno));
	for (int i = 0; i < TICKS; i++) {
		if (read(timer, &came, sizeof(came)) != sizeof(came))
			die("the timer: %s", strerror(errno));
		missed += came - 1;
		worst = came > worst ? came : worst;
	}
	if (ioctl(spinning.fd, LGUEST_GET_STATS, &stats) || ioctl(spinning.fd, LGUEST_KILL, &kill))
		die("the guest: %s", strerror(errno));
	pthread_join(thread, NULL);
	printf("# ticks: %d, %llu of them late by a tick or more, %llu interrupts taken out of the guest\n", TICKS, (unsigned long long)missed,
	       (unsigned long long)stats.value[LG_STAT_HOST_IRQS]);
	if (missed)
		fail(c, "%llu ticks were lost, %llu at once", (unsigned long long)missed, (unsigned long long)worst - 1);
	if (stats.value[LG_STAT_HOST_IRQS] < TICKS)
		fail(c, "only %llu interrupts came while the guest ran: it was not there", (unsigned long long)stats.value[LG_STAT_HOST_IRQS]);
}

/* ---- A thread that uses AVX-512, which the guest wakes ---- */

struct vectors {
	uint8_t zmm[32][64];
	uint32_t k[8];
} __attribute__((aligned(64)));

#define EACH_Z(op) op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7) op(8) op(9) op(10) op(11) op(12) op(13) op(14) op(15) \
	op(16) op(17) op(18) op(19) op(20) op(21) op(22) op(23) op(24) op(25) op(26) op(27) op(28) op(29) op(30) op(31)
#define EACH_K(op) op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7)
#define LOAD_Z(n) "vmovdqu64 " #n "*64(%[from]), %%zmm" #n "\n\t"
#define STORE_Z(n) "vmovdqu64 %%zmm" #n ", " #n "*64(%[to])\n\t"
#define LOAD_K(n) "kmovw 2048+" #n "*4(%[from]), %%k" #n "\n\t"
#define STORE_K(n) "kmovw %%k" #n ", 2048+" #n "*4(%[to])\n\t"

static struct {
	struct ctx *c;
	int fd;
	volatile uint64_t woken;
	volatile bool broken;
} hog;

/* All registers hold @from while the thread sleeps in read(); what they hold afterwards goes to @to */
static long sleep_with(const struct vectors *from, struct vectors *to, int fd, uint64_t *n)
{
	long result = SYS_read;

	__asm__ volatile(EACH_Z(LOAD_Z) EACH_K(LOAD_K) "syscall\n\t" EACH_Z(STORE_Z) EACH_K(STORE_K)
			 : "+a"(result) : "D"(fd), "S"(n), "d"(sizeof(*n)), [from] "r"(from), [to] "r"(to) : "rcx", "r11", "memory");
	return result;
}

static void *use_avx512(void *unused)
{
	static struct vectors mine, got;
	uint64_t n;

	(void)unused;
	pin(0);
	real_time();
	for (;;) {
		memset(&mine, 0, sizeof(mine));
		for (unsigned int i = 0; i < 32; i++)
			memset(mine.zmm[i], (int)(hog.woken + 3 * i), 64);
		for (unsigned int i = 0; i < 8; i++)
			mine.k[i] = (uint32_t)(hog.woken * 7 + i) & 0xffff;
		if (sleep_with(&mine, &got, hog.fd, &n) != sizeof(n))
			return NULL;
		hog.broken |= memcmp(&mine, &got, sizeof(mine)) != 0;
		hog.woken++;
	}
}

void bind_avx512(struct ctx *c)
{
	struct lguest_ioeventfd i = { .addr = NOTIFY_PA + HOST_PING, .fd = eventfd(0, EFD_CLOEXEC), .flags = LGUEST_ANY_VALUE };
	pthread_t t;

	if (!__builtin_cpu_supports("avx512f"))
		die("this host's processor has no AVX-512");
	pin(0);
	hog.c = c;
	hog.fd = i.fd;
	if (i.fd < 0 || ioctl(c->fd, LGUEST_IOEVENTFD, &i) || pthread_create(&t, NULL, use_avx512, NULL))
		die("no thread beside the guest: %s", strerror(errno));
	usleep(10000);
}

void preempted(struct ctx *c, const struct lguest_stats *stats)
{
	uint64_t wanted = shortened ? (c->test->arg + 49) / 50 : c->test->arg;
	struct rusage usage;

	(void)stats;
	if (getrusage(RUSAGE_THREAD, &usage))
		die("getrusage: %s", strerror(errno));
	printf("# %s: the guest's thread was preempted %ld times, the other ran %llu times\n", c->test->name, usage.ru_nivcsw,
	       (unsigned long long)hog.woken);
	if (hog.broken)
		fail(c, "the thread beside the guest found its registers changed");
	if (hog.woken < wanted || (uint64_t)usage.ru_nivcsw < wanted)
		fail(c, "%ld preemptions, not %llu", usage.ru_nivcsw, (unsigned long long)wanted);
}
