// SPDX-License-Identifier: GPL-2.0
/*
 * What system calls, page faults, processes and switches cost, in ticks of the time stamp counter: instructions where
 * QEMU runs with -icount. One line a figure, "NAME TICKS"; bench.sh runs it in a guest and on a bare machine.
 */
#define _GNU_SOURCE
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

static uint64_t tsc(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

static void report(const char *name, uint64_t start, unsigned int times)
{
	printf("%s %llu\n", name, (unsigned long long)(tsc() - start) / times);
}

static void system_calls(void)
{
	struct timespec t;
	uint64_t start;

	for (int i = 0; i < 100; i++)
		syscall(SYS_getppid);
	start = tsc();
	for (int i = 0; i < 2000; i++)
		syscall(SYS_getppid);
	report("getppid", start, 2000);
	clock_gettime(CLOCK_MONOTONIC, &t);
	start = tsc();
	for (int i = 0; i < 2000; i++)
		clock_gettime(CLOCK_MONOTONIC, &t);
	report("clock_gettime", start, 2000);
}

static void memory(void)
{
	const unsigned int pages = 2048;
	char *p = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t start = tsc();

	for (unsigned int i = 0; i < pages; i++)
		p[i * PAGE] = 1;
	report("page-touch", start, pages);
	start = tsc();
	munmap(p, pages * PAGE);
	report("page-unmap", start, pages);
}

static void processes(const char *self)
{
	uint64_t start = 0;

	for (int i = -5; i < 30; i++) {
		pid_t pid;

		if (!i)
			start = tsc();
		pid = fork();
		if (!pid)
			_exit(0);
		waitpid(pid, NULL, 0);
	}
	report("fork-exit-wait", start, 30);
	start = tsc();
	for (int i = 0; i < 20; i++) {
		pid_t pid = fork();

		if (!pid) {
			execl(self, self, "exit", (char *)NULL);
			_exit(1);
		}
		waitpid(pid, NULL, 0);
	}
	report("fork-exec-wait", start, 20);
}

static void switches(void)
{
	int to[2], from[2];
	uint64_t start = 0;
	char c = 0;
	pid_t pid;

	if (pipe(to) || pipe(from))
		exit(1);
	pid = fork();
	while (!pid)
		if (read(to[0], &c, 1) != 1 || write(from[1], &c, 1) != 1)
			_exit(0);
	for (int i = -20; i < 500; i++) {
		if (!i)
			start = tsc();
		if (write(to[1], &c, 1) != 1 || read(from[0], &c, 1) != 1)
			exit(1);
	}
	report("pipe-roundtrip", start, 500);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

int main(int argc, char **argv)
{
	struct timespec t;

	if (argc > 1)
		return 0;
	clock_gettime(CLOCK_BOOTTIME, &t);
	printf("boot-us %ld\n", t.tv_sec * 1000000 + t.tv_nsec / 1000);
	system_calls();
	memory();
	processes(argv[0]);
	switches();
	return 0;
}
