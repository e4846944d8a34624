// SPDX-License-Identifier: GPL-2.0
/*
 * What system calls, page faults, processes and switches cost, in ticks of the time stamp counter: instructions where
 * QEMU runs with -icount. One line a figure, "NAME TICKS NUMBER TIMES"; tests/bench/guest.py runs it in a guest and on a bare machine. The
 * number is the one by which the counting plugin (tests/bench/count.c) says what belongs to it, TIMES what its counts have to be divided by.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096ul

static const char *self;

static uint64_t tsc(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

/* A NOP that count.c knows: what follows belongs to the figure @number, until the next; 0: to none; 31: to none, and counts are written */
#define MARK(number)	__asm__ volatile(".byte 0x0f, 0x1f, 0x80, %c0, 0x00, 0x47, 0x4c" : : "i"(number) : "memory")

/* Printed at the end: a line that the host passes on would be in the next figure */
static char results[2048];
static size_t results_len;

static void result(const char *name, uint64_t ticks, int number, int times)
{
	results_len += (size_t)snprintf(results + results_len, sizeof(results) - results_len, "%s %llu %d %d\n", name, (unsigned long long)ticks, number,
					times);
	if (results_len >= sizeof(results))
		exit(1);
}

/* @warm times for nothing, then @times for the figure; what is printed is for one. @i counts from -@warm */
#define FIGURE(number, name, warm, times, what)				\
	do {								\
		uint64_t start = 0;					\
									\
		for (int i = -(warm); i < (times); i++) {		\
			if (!i) {					\
				MARK(number);				\
				start = tsc();				\
			}						\
			what;						\
		}							\
		start = tsc() - start;					\
		MARK(0);						\
		result(name, start / (unsigned int)(times), number, times);	\
	} while (0)

#define MOST 512

static int compare(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void give_up(const char *what)
{
	perror(what);
	exit(1);
}

static char *map(unsigned long pages, int fd)
{
	char *p = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_PRIVATE, fd, 0);

	if (p == MAP_FAILED)
		give_up("mmap");
	return p;
}

static void ignore(int number)
{
	(void)number;
}

static void system_calls(void)
{
	struct timespec t;

	FIGURE(1, "getppid", 100, 20000, syscall(SYS_getppid));
	FIGURE(2, "clock_gettime", 1, 2000, clock_gettime(CLOCK_MONOTONIC, &t));
	signal(SIGUSR1, ignore);
	FIGURE(3, "signal", 20, 2000, raise(SIGUSR1));
}

static char *faulting;

static void let_write(int number)
{
	(void)number;
	mprotect(faulting, PAGE, PROT_READ | PROT_WRITE);
}

static void memory(void)
{
	const unsigned long pages = 2048, few = 256;
	char *p = map(pages, -1), *q = map(few, -1);
	char sum = 0;
	int fd;

	/* The guest's kernel takes pages that the host may have to find first; then pages that it has had before */
	FIGURE(4, "page-touch", 0, (int)pages, p[(unsigned int)i * PAGE] = 1);
	FIGURE(5, "page-unmap", 0, (int)pages, if (!i) munmap(p, pages * PAGE));
	p = map(pages, -1);
	FIGURE(6, "page-again", 0, (int)pages, p[(unsigned int)i * PAGE] = 1);
	munmap(p, pages * PAGE);

	fd = open(self, O_RDONLY);
	if (fd < 0)
		give_up(self);
	p = map(128, fd);
	FIGURE(7, "file-touch", 0, 128, sum += p[(unsigned int)i * PAGE]);
	munmap(p, 128 * PAGE);
	close(fd);

	signal(SIGSEGV, let_write);
	q[0] = sum;
	FIGURE(8, "mprotect-fault", 2, (int)few - 2, {
		faulting = q + (unsigned int)(i + 2) * PAGE;
		*faulting = 1;
		mprotect(faulting, PAGE, PROT_READ);
		*faulting = 2;
	});
	munmap(q, few * PAGE);
	FIGURE(9, "map-unmap-1M", 2, 200, munmap(map(256, -1), 256 * PAGE));
}

static void *nothing(void *p)
{
	return p;
}

static void thread(void)
{
	pthread_t t;

	if (pthread_create(&t, NULL, nothing, NULL))
		give_up("pthread_create");
	pthread_join(t, NULL);
}

/* @file: what the child runs, or NULL: it ends at once */
static void child(const char *file, const char *arg, const char *command)
{
	pid_t pid = fork();

	if (!pid) {
		if (file)
			execl(file, file, arg, command, (char *)NULL);
		_exit(file != NULL);
	}
	waitpid(pid, NULL, 0);
}

static uint64_t times_of[MOST];
static int measured;

/* A fork from so deep in the stack. How many pages parent and child each write, and copy, depends on where the stack lies in its pages */
static __attribute__((noinline)) void fork_below(size_t bytes, int times)
{
	volatile char *room = __builtin_alloca(bytes + 1);

	room[0] = 0;
	for (int i = 0; i < times; i++) {
		const uint64_t start = tsc();

		child(NULL, NULL, NULL);
		times_of[measured++] = tsc() - start;
	}
}

/*
 * Pages of processes that have ended come back some ticks later, by RCU, so that the first hundreds take memory that the host has yet to
 * find: it does that once in a guest's life, and page-touch has it. What comes after is still of two kinds: a fork that meets such a page, and one
 * that does not; and the stack lies elsewhere in each build of this program. So this figure is the median of forks from 16 places of two pages
 */
static void forks(void)
{
	const int places = 16, times = 24;

	for (int i = 0; i < 300; i++)
		child(NULL, NULL, NULL);
	MARK(10);
	for (int i = 0; i < places; i++)
		fork_below((size_t)i * 2 * PAGE / (size_t)places, times);
	MARK(0);
	qsort(times_of, (size_t)measured, sizeof(times_of[0]), compare);
	result("fork-exit-wait", times_of[measured / 2], 10, measured);
}

static void processes(void)
{
	forks();
	FIGURE(11, "fork-exec-wait", 5, 20, child(self, "exit", NULL));
	FIGURE(12, "sh-c-true", 2, 10, child("/bin/sh", "-c", "true"));
	FIGURE(13, "thread", 200, 100, thread());
}

/* A ring of processes, each of which passes on what it reads; returns what to write to and to read from. Ends with the first end */
static void ring(unsigned int processes, int ends[2])
{
	int to[2], next[2];

	if (pipe(to))
		give_up("pipe");
	ends[1] = to[1];
	ends[0] = to[0];
	for (unsigned int i = 0; i < processes; i++) {
		char c;
		pid_t pid;

		if (pipe(next))
			give_up("pipe");
		pid = fork();
		if (pid < 0)
			give_up("fork");
		if (!pid) {
			close(ends[1]);
			close(next[0]);
			while (read(ends[0], &c, 1) == 1 && write(next[1], &c, 1) == 1)
				;
			_exit(0);
		}
		close(ends[0]);
		close(next[1]);
		ends[0] = next[0];
	}
}

static void round_trip(const int ends[2])
{
	char c = 0;

	if (write(ends[1], &c, 1) != 1 || read(ends[0], &c, 1) != 1)
		give_up("pipe");
}

static void end_ring(const int ends[2])
{
	close(ends[1]);
	close(ends[0]);
	while (wait(NULL) > 0)
		;
}

static void switches(void)
{
	int ends[2];

	ring(1, ends);
	FIGURE(14, "pipe-roundtrip", 20, 500, round_trip(ends));
	end_ring(ends);
	ring(63, ends);
	FIGURE(15, "switch-64-spaces", 5, 20, round_trip(ends));
	end_ring(ends);
}

int main(int argc, char **argv)
{
	struct timespec t;

	if (argc > 1)
		return 0;
	self = argv[0];
	clock_gettime(CLOCK_BOOTTIME, &t);
	system_calls();
	memory();
	processes();
	switches();
	MARK(31);
	printf("boot-us %ld 0 1\n%s", t.tv_sec * 1000000 + t.tv_nsec / 1000, results);
	return 0;
}
