// SPDX-License-Identifier: GPL-2.0
/*L:956
 * out.c: see out.h. It may write one file, which it was given, and cut it where a record began.
 *
 * A recording that cannot go on must still be one, and nobody may wait for it: so a bound is looked at before a record is begun, and what a full
 * disk has left of one is taken off again.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio_ext.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "record/out.h"
#include "record/recording.h"

static FILE *out;
static uint64_t began, written, flushed, most;	/* bytes of records: put, in the file for sure, and allowed */
static bool full;

uint64_t out_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int out_head(int fd)
{
	const struct rec_file head = { .magic = REC_MAGIC, .version = REC_VERSION, .record_size = sizeof(struct rec_head) };
	ssize_t n = write(fd, &head, sizeof(head));

	return n == sizeof(head) ? 0 : n < 0 ? -errno : -ENOSPC;
}

int out_begin(int fd, uint64_t max)
{
	static char buffer[65536];

	most = max - sizeof(struct rec_file);
	began = out_now();
	out = fdopen(fd, "w");
	return out && !setvbuf(out, buffer, _IOFBF, sizeof(buffer)) ? 0 : -errno;
}

/* No room on its disk: what went half into the file, or is still to go, is taken away, so that what is there stays a recording. */
static void out_of_space(int err)
{
	full = true;
	__fpurge(out);
	fprintf(stderr, "lguest-record: the recording ends here: %s\n", strerror(err));
	if (ftruncate(fileno(out), (off_t)(sizeof(struct rec_file) + flushed)))
		fprintf(stderr, "lguest-record: cannot take the unfinished record off the recording: %s\n", strerror(errno));
}

void out_flush(void)
{
	if (full)
		return;
	if (fflush(out))
		out_of_space(errno);
	else
		flushed = written;
}

void out_put(uint8_t kind, uint16_t q, const void *a, size_t a_len, const void *b, size_t b_len)
{
	if (full)
		return;
	if (sizeof(struct rec_head) + a_len + b_len > most - written) {
		fprintf(stderr, "lguest-record: the recording ends here: it has the size that it may have (--max; of lguest-run --record-max)\n");
		out_flush();
		full = true;
		return;
	}
	written += sizeof(struct rec_head) + a_len + b_len;
	if (rec_put(out, kind, q, out_now() - began, a, a_len, b, b_len))
		out_of_space(errno);
}
