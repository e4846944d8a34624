// SPDX-License-Identifier: GPL-2.0
/*
 * recover.c: what recovery.sh needs on both sides.
 *
 *	recover tick		in the guest: how long is the vCPU away? A thread of the highest priority wakes every 5 ms
 *				and notes the largest time between two wakes. Each word on standard input ends a
 *				phase: "tick WORD: MS ms" goes to standard output.
 *	recover lines FILE	in the guest: numbered lines to standard output until FILE is there
 *	recover verify FILE	in the host: is what arrived in FILE all that was sent, in order?
 *
 * Bytes that a role had shown and not yet acknowledged when it was killed are shown again by the next one. So what
 * arrives is the text with repetitions: at any byte it may go back by up to REPEAT bytes, and never forward.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define REPEAT		4096	/* more than the pieces that Linux hands to its console's device */
#define LINE		64
#define PAYLOAD		"abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define BEGIN		"<lines\n"
#define END		"lines>\n"

/* --- tick --- */

static uint64_t largest_us;

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void *ticks(void *arg)
{
	const struct timespec pause = { .tv_nsec = 5000000 };
	uint64_t last = now_us(), now;

	for (;;) {
		nanosleep(&pause, NULL);
		now = now_us();
		if (now - last > __atomic_load_n(&largest_us, __ATOMIC_RELAXED))
			__atomic_store_n(&largest_us, now - last, __ATOMIC_RELAXED);
		last = now;
	}
	return arg;
}

static int tick(void)
{
	struct sched_param p = { .sched_priority = 90 };
	char word[64];
	pthread_t t;

	mlockall(MCL_CURRENT | MCL_FUTURE);
	if (pthread_create(&t, NULL, ticks, NULL) || pthread_setschedparam(t, SCHED_FIFO, &p)) {
		perror("recover: tick");
		return 1;
	}
	while (scanf("%63s", word) == 1) {
		printf("tick %s: %llu ms\n", word,
		       (unsigned long long)__atomic_exchange_n(&largest_us, 0, __ATOMIC_RELAXED) / 1000);
		fflush(stdout);
	}
	return 0;
}

/* --- lines --- */

static int line_text(char *buf, unsigned int n)
{
	return snprintf(buf, LINE + 1, "%08u %.*s\n", n, LINE - 10, PAYLOAD PAYLOAD);
}

static void put(const char *text, size_t len)
{
	ssize_t n;

	for (; len; text += n, len -= (size_t)n) {
		n = write(STDOUT_FILENO, text, len);
		if (n <= 0)
			exit(1);
	}
}

static int lines(const char *stop)
{
	const struct timespec pause = { .tv_nsec = 20000000 };
	char buf[4 * LINE + 1];
	unsigned int n = 0;

	put(BEGIN, strlen(BEGIN));
	while (access(stop, F_OK)) {
		for (unsigned int i = 0; i < 4; i++)
			line_text(buf + i * LINE, n++);
		put(buf, 4 * LINE);
		nanosleep(&pause, NULL);
	}
	put(END, strlen(END));
	return 0;
}

/* --- verify --- */

static char sent(uint64_t at)
{
	static char buf[LINE + 1];
	static uint64_t have = UINT64_MAX;

	if (at / LINE != have) {
		have = at / LINE;
		line_text(buf, (unsigned int)have);
	}
	return buf[at % LINE];
}

/* Do the bytes at @text, as far as there are any, go on with the text at @at? */
static bool goes_on(const char *text, size_t left, uint64_t at)
{
	for (size_t i = 0; i < left && i < 2 * LINE; i++)
		if (text[i] != sent(at + i))
			return i >= 8;	/* the next repetition may come soon */
	return true;
}

static int verify(const char *path)
{
	unsigned int repeats = 0;
	uint64_t at = 0, bytes = 0;
	char *text, *end;
	FILE *f = fopen(path, "r");
	size_t size = 0, i;
	ssize_t got;

	text = NULL;
	got = f ? getdelim(&text, &size, -1, f) : -1;
	if (got <= 0 || !(text = strstr(text, BEGIN))) {
		printf("# no lines in %s\n", path);
		return 1;
	}
	text += strlen(BEGIN);
	end = strstr(text, END);
	if (!end) {
		printf("# the lines have no end\n");
		end = text + strlen(text);
	}
	for (i = 0; text + i < end; i++, at++) {
		size_t left = (size_t)(end - text) - i;
		uint64_t back = 0;

		if (text[i] == sent(at))
			continue;
		while (++back <= REPEAT && back <= at)
			if (goes_on(text + i, left, at - back))
				break;
		if (back > REPEAT || back > at) {
			printf("# in line %llu, byte %llu: '%.*s' arrived, which is not what comes there, nor earlier text again\n",
			       (unsigned long long)(at / LINE), (unsigned long long)(at % LINE), 40, text + i);
			return 1;
		}
		repeats++;
		bytes += back;
		at -= back;
	}
	printf("# console: %llu lines arrived whole and in order; %u times text was shown again, %llu bytes in all\n",
	       (unsigned long long)(at / LINE), repeats, (unsigned long long)bytes);
	return at % LINE || !at || !strncmp(end, END, strlen(END)) == 0;
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "tick"))
		return tick();
	if (argc == 3 && !strcmp(argv[1], "lines"))
		return lines(argv[2]);
	if (argc == 3 && !strcmp(argv[1], "verify"))
		return verify(argv[2]);
	fprintf(stderr, "usage: recover tick | lines FILE | verify FILE\n");
	return 2;
}
