// SPDX-License-Identifier: GPL-2.0
/*
 * What a Linux guest pays: system calls, page faults, processes and the clock, in ticks of the TSC. Under -icount those are instructions,
 * the same on every run. It runs inside the guest, and in the same kernel booted bare; linux.sh compares. It measures only:
 * no result is judged here.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 101
#define PAGES 512

static uint64_t now(void)
{
	uint32_t lo, hi;

	__asm__ volatile("lfence; rdtsc; lfence" : "=a"(lo), "=d"(hi));
	return (uint64_t)hi << 32 | lo;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Median of ROUNDS calls, each of which does @per things */
static void measure(const char *what, void (*one)(void), unsigned int per)
{
	static uint64_t t[ROUNDS];

	one();
	for (unsigned int i = 0; i < ROUNDS; i++) {
		uint64_t start = now();

		one();
		t[i] = (now() - start) / per;
	}
	qsort(t, ROUNDS, sizeof(t[0]), compare);
	printf("bench %s %llu\n", what, (unsigned long long)t[ROUNDS / 2]);
}

static void getppids(void)
{
	for (int i = 0; i < 100; i++)
		syscall(SYS_getppid);
}

/* A fresh mapping each time: PAGES faults, and what mmap and munmap cost for them */
static void touch(void)
{
	volatile char *p = mmap(NULL, PAGES * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		exit(1);
	for (size_t i = 0; i < PAGES; i++)
		p[i * 4096] = 1;
	munmap((void *)p, PAGES * 4096);
}

static void forks(void)
{
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(0);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		exit(1);
}

static void clocks(void)
{
	struct timespec ts;

	for (int i = 0; i < 100; i++)
		clock_gettime(CLOCK_MONOTONIC, &ts);
}

static void pipes(void)
{
	static int fd[2];
	char c = 0;

	if (!fd[1] && pipe(fd))
		exit(1);
	if (write(fd[1], &c, 1) != 1 || read(fd[0], &c, 1) != 1)
		exit(1);
}

int main(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	printf("bench boot %llu\n", (unsigned long long)ts.tv_sec * 1000000000ULL + (unsigned long long)ts.tv_nsec);
	measure("getppid", getppids, 100);
	measure("touch", touch, PAGES);
	measure("fork", forks, 1);
	measure("clock", clocks, 100);
	measure("pipe", pipes, 1);
	return 0;
}
