// SPDX-License-Identifier: GPL-2.0
/*
 * first TEXT COMMAND...: processor time from the exec of COMMAND (lguest-run) until TEXT, which a guest prints with its first
 * instructions, is on its standard error. Runs in the test host under -icount, with one CPU: a nanosecond is an instruction there.
 *
 * Prints "ELAPSED BUSY": all that passed, and what of it the CPU was not idle, kernel threads included. Ends COMMAND then.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_RAW, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Time that tasks ran on CPU 0: the seventh number of its line (Documentation/scheduler/sched-stats.rst). */
static uint64_t busy_ns(void)
{
	unsigned long long n = 0;
	char line[512];
	FILE *f = fopen("/proc/schedstat", "r");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "cpu0 %*u %*u %*u %*u %*u %*u %llu", &n) == 1)
			break;
	if (f)
		fclose(f);
	return n;
}

int main(int argc, char **argv)
{
	static char said[65536];
	uint64_t began, busy, elapsed;
	size_t have = 0;
	ssize_t n = 1;
	int p[2];
	pid_t pid;

	if (argc < 3 || pipe2(p, O_CLOEXEC))
		return 2;
	usleep(500000);	/* what came before is over */
	began = now_ns();
	busy = busy_ns();
	pid = fork();
	if (!pid) {
		dup2(p[1], STDERR_FILENO);
		execv(argv[2], argv + 2);
		_exit(127);
	}
	close(p[1]);
	while (!strstr(said, argv[1]) && n > 0 && have < sizeof(said) - 1) {
		n = read(p[0], said + have, sizeof(said) - 1 - have);
		have += n > 0 ? (size_t)n : 0;
	}
	elapsed = now_ns() - began;
	busy = busy_ns() - busy;
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
	if (n <= 0) {
		fputs(said, stderr);
		return 1;
	}
	printf("%llu %llu\n", (unsigned long long)elapsed, (unsigned long long)busy);
	return 0;
}
