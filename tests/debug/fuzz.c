// SPDX-License-Identifier: GPL-2.0
/*
 * The frame of both fuzzers: seed, rounds, progress. Each round is a process, because a process can have one guest, and because
 * being killed at any moment is a part of what lg.ko has to stand. It judges only that a killed process goes; the rest is the kernel's log.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "fuzz.h"

#define STUBBORN	60	/* seconds in which a killed process must be gone; on a slow host and a busy machine five times that */
#define PROGRESS	10

struct shared *shared;
static double pace = 1;		/* how much longer a round is on a slow host */

uint64_t any(struct chance *c)
{
	uint64_t z = c->state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

uint64_t below(struct chance *c, uint64_t n)
{
	return any(c) % n;
}

struct chance part_of(const struct chance *c, uint64_t n)
{
	struct chance part = { c->state ^ n * 0xd1342543de82ef95 };

	any(&part);
	return part;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The child ends by itself, or is killed at @limit: false when it does not go */
static bool wait_for(pid_t pid, double limit)
{
	bool killed = false;
	double began = now();

	while (waitpid(pid, NULL, WNOHANG) != pid) {
		if (!killed && now() > began + limit) {
			kill(pid, SIGKILL);
			killed = true;
			began = now();
		}
		if (killed && now() > began + STUBBORN * (pace > 1 ? 5 : 1))
			return false;
		usleep(500);
	}
	return true;
}

static bool one_round(struct chance round, round_fn *fn)
{
	/* Most rounds take their time; some are cut off while they still build their guest */
	double limit = one_in(&round, 4) ? (double)below(&round, 30) / 1000 : 0.1 + (double)below(&round, 400) / 1000;
	pid_t parent = getpid(), pid = fork();

	limit *= pace;
	if (pid < 0) {
		perror("fuzz: no process");
		exit(2);
	}
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(4);
		setpgid(0, 0);
		fn(&round);
		_exit(0);
	}
	if (!wait_for(pid, limit))
		return false;
	/* What it forked */
	kill(-pid, SIGKILL);
	return true;
}

int fuzz_main(int argc, char **argv, const char *name, round_fn *fn)
{
	struct rlimit nolimit = { RLIM_INFINITY, RLIM_INFINITY };
	uint64_t seed = (uint64_t)time(NULL) * 1000003 + (uint64_t)getpid(), first = 0, rounds = 0;
	double began = now(), said = began, seconds = 60;

	for (int i = 1; i + 1 < argc; i += 2) {
		if (!strcmp(argv[i], "--seconds"))
			seconds = atof(argv[i + 1]);
		else if (!strcmp(argv[i], "--seed"))
			seed = strtoull(argv[i + 1], NULL, 0);
		else if (!strcmp(argv[i], "--round"))
			first = strtoull(argv[i + 1], NULL, 0);
		else if (!strcmp(argv[i], "--pace"))
			pace = atof(argv[i + 1]);
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	setrlimit(RLIMIT_MEMLOCK, &nolimit);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED) {
		perror("fuzz: no memory");
		return 2;
	}
	printf("# %s: seed %llu (repeat with --seed %llu --round %llu)\n", name, (unsigned long long)seed, (unsigned long long)seed,
	       (unsigned long long)first);
	for (; now() < began + seconds; rounds++) {
		struct chance c = { seed };

		if (!one_round(part_of(&c, first + rounds), fn)) {
			printf("not ok %s: a killed process does not go: seed %llu, round %llu\n", name, (unsigned long long)seed,
			       (unsigned long long)(first + rounds));
			return 1;
		}
		if (now() < said + PROGRESS)
			continue;
		said = now();
		printf("# %s: %.0f s, round %llu, %llu calls, %llu runs, %llu exits, %llu guests died\n", name, said - began,
		       (unsigned long long)(first + rounds), (unsigned long long)shared->calls, (unsigned long long)shared->runs,
		       (unsigned long long)shared->exits, (unsigned long long)shared->deaths);
	}
	printf("ok %s: %llu rounds, %llu calls, %llu runs, %llu exits, %llu guests died, seed %llu\n", name, (unsigned long long)rounds,
	       (unsigned long long)shared->calls, (unsigned long long)shared->runs, (unsigned long long)shared->exits,
	       (unsigned long long)shared->deaths, (unsigned long long)seed);
	return 0;
}
