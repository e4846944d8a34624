// SPDX-License-Identifier: GPL-2.0
/*
 * What is dear on several CPUs, in ticks of the time stamp counter, for `report.py smp`. QEMU's -icount runs all CPUs on one thread, each for a
 * turn, and the counter counts the instructions of all of them: so where all CPUs work the ticks are divided by their number, and where
 * one works while the others are idle they are not. One line a figure, "NAME TICKS CPUS 1".
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE	4096ul
#define MOST	4
#define PAGES	512

static int cpus;
static pthread_barrier_t *gate;
static char *memory[MOST];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static volatile unsigned long counter;
static atomic_bool over;
static int ends[4];

static uint64_t tsc(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

static _Noreturn void give_up(const char *what)
{
	perror(what);
	exit(1);
}

static void *map(unsigned long pages, int how)
{
	void *p = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, how | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		give_up("mmap");
	return p;
}

static void pin(long cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		give_up("sched_setaffinity");
}

static void result(const char *name, uint64_t ticks, unsigned long times)
{
	printf("%s %llu %d 1\n", name, (unsigned long long)(ticks / times), cpus);
	fflush(stdout);
}

static void calls(long cpu)
{
	(void)cpu;
	for (int i = 0; i < 5000; i++)
		syscall(SYS_getppid);
}

static void touch(long cpu)
{
	for (unsigned long i = 0; i < PAGES; i++)
		memory[cpu][i * PAGE] = 1;
}

static void take_turns(long cpu)
{
	(void)cpu;
	for (int i = 0; i < 2000; i++) {
		pthread_mutex_lock(&lock);
		counter++;
		pthread_mutex_unlock(&lock);
	}
}

static void (*work)(long cpu);

static void *worker(void *cpu)
{
	pin((long)cpu);
	pthread_barrier_wait(gate);
	pthread_barrier_wait(gate);
	work((long)cpu);
	pthread_barrier_wait(gate);
	return NULL;
}

/* @what on every CPU at once, in threads or processes, and how long that takes; the first CPU's is done by the caller */
static uint64_t everywhere(void (*what)(long cpu), int processes)
{
	pthread_t t[MOST];
	uint64_t start;

	work = what;
	for (long i = 1; i < cpus; i++) {
		if (!processes) {
			if (pthread_create(&t[i], NULL, worker, (void *)i))
				give_up("pthread_create");
		} else if (!fork()) {
			worker((void *)i);
			_exit(0);
		}
	}
	/* All are there, and the first to leave may have done all of its work before the others do */
	pthread_barrier_wait(gate);
	start = tsc();
	pthread_barrier_wait(gate);
	what(0);
	pthread_barrier_wait(gate);
	start = tsc() - start;
	for (int i = 1; i < cpus; i++)
		processes ? (void)wait(NULL) : (void)pthread_join(t[i], NULL);
	return start / (unsigned int)cpus;
}

static void *spin(void *cpu)
{
	pin((long)cpu);
	pthread_barrier_wait(gate);
	while (!atomic_load_explicit(&over, memory_order_relaxed))
		counter++;
	return NULL;
}

/* Pages given back while every other CPU runs in the same address space */
static void shootdown(const char *name, unsigned long pages, int times)
{
	char *p = map(pages, MAP_PRIVATE);
	pthread_t t[MOST];
	uint64_t sum = 0;

	over = false;
	for (long i = 1; i < cpus; i++)
		if (pthread_create(&t[i], NULL, spin, (void *)i))
			give_up("pthread_create");
	pthread_barrier_wait(gate);
	for (int i = -2; i < times; i++) {
		uint64_t start;

		for (unsigned long k = 0; k < pages; k++)
			p[k * PAGE] = 1;
		start = tsc();
		madvise(p, pages * PAGE, MADV_DONTNEED);
		if (i >= 0)
			sum += tsc() - start;
	}
	over = true;
	for (int i = 1; i < cpus; i++)
		pthread_join(t[i], NULL);
	munmap(p, pages * PAGE);
	result(name, sum / (unsigned int)cpus, (unsigned long)times);
}

static void *echo(void *cpu)
{
	char c;

	pin((long)cpu);
	while (read(ends[0], &c, 1) == 1 && c && write(ends[3], &c, 1) == 1)
		;
	return NULL;
}

/* The other CPU is idle and has to be woken, there and back */
static void wake_up(void)
{
	const int times = 500;
	uint64_t start = 0;
	pthread_t t;
	char c = 1;

	if (pipe(ends) || pipe(ends + 2) || pthread_create(&t, NULL, echo, (void *)(long)(cpus - 1)))
		give_up("pipe");
	for (int i = -20; i < times; i++) {
		if (!i)
			start = tsc();
		if (write(ends[1], &c, 1) != 1 || read(ends[2], &c, 1) != 1)
			give_up("pipe");
	}
	start = tsc() - start;
	c = 0;
	if (write(ends[1], &c, 1) != 1)
		give_up("pipe");
	pthread_join(t, NULL);
	result("wake-other-cpu", start, times);
}

static void forks(void)
{
	const int times = 40;
	uint64_t start = 0;

	for (int i = -100; i < times; i++) {
		pid_t pid;

		if (!i)
			start = tsc();
		pid = fork();
		if (!pid)
			_exit(0);
		waitpid(pid, NULL, 0);
	}
	result("fork-exit-wait", tsc() - start, times);
}

int main(void)
{
	pthread_barrierattr_t shared;
	char *all;

	cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);
	if (cpus > MOST)
		cpus = MOST;
	gate = map(1, MAP_SHARED);
	pthread_barrierattr_init(&shared);
	pthread_barrierattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
	pthread_barrier_init(gate, &shared, (unsigned int)cpus);
	pin(0);
	result("getppid", everywhere(calls, 0), 5000);
	/* Once for nothing: memory that a guest's host has yet to find */
	for (int i = 0; i < 2; i++) {
		uint64_t ticks;

		all = map((unsigned long)cpus * PAGES, MAP_PRIVATE);
		for (int k = 0; k < cpus; k++)
			memory[k] = all + (unsigned long)k * PAGES * PAGE;
		ticks = everywhere(touch, 0);
		munmap(all, (unsigned long)cpus * PAGES * PAGE);
		if (i)
			result("touch-shared-mm", ticks, PAGES);
	}
	for (int k = 0; k < cpus; k++)
		memory[k] = map(PAGES, MAP_PRIVATE);
	result("touch-own-mm", everywhere(touch, 1), PAGES);
	forks();
	if (cpus > 1) {
		shootdown("shootdown-1", 1, 200);
		shootdown("shootdown-512", 512, 10);
		wake_up();
	}
	result("futex-contended", everywhere(take_turns, 0) * (unsigned int)cpus, 2000ul * (unsigned int)cpus);
	return 0;
}
