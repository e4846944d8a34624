/* SPDX-License-Identifier: GPL-2.0 */
/*
 * recording.h: all that a back end received, in a file: the format (docs/recording.md says it in words) and the one way to read it. A
 * recording may come from anywhere: each record is checked before it is handed out, and what is wrong is a sentence.
 */
#ifndef LGUEST_RECORDING_H
#define LGUEST_RECORDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "ipc/vhost_user.h"

#define REC_MAGIC "LGREC\r\n\0"
#define REC_VERSION 1u
#define REC_MEMORY_MAX (1ull << 30)	/* of one region */
#define REC_BYTES_MAX 65536u		/* of one record */

struct rec_file {
	uint8_t magic[8];
	uint32_t version, record_size;
};

enum rec_kind {
	REC_MESSAGE = 1,	/* front end to back end: struct rec_message */
	REC_REPLY,		/* the other way, and with it what the back end said on its own */
	REC_MEMORY,		/* the guest wrote: address, bytes */
	REC_KICK,		/* of @queue */
	REC_USED,		/* the back end completed on @queue: its used index, then the new entries */
	REC_WROTE,		/* the back end wrote: address, bytes */
	REC_END,		/* @queue: 0 the front end hung up or cut its memory, 1 the back end did */
	REC_KINDS,
};

/* @ns: since the recording began; @len bytes follow */
struct rec_head {
	uint8_t kind, pad;
	uint16_t queue;
	uint32_t len;
	uint64_t ns;
};

/* What a descriptor was, and its size when it was a file. Its bytes come as REC_MEMORY. */
enum rec_fd { REC_FD_NONE, REC_FD_MEMORY, REC_FD_EVENT, REC_FD_OTHER };

struct rec_message {
	uint8_t fd[VU_MAX_FDS];
	uint64_t fd_size[VU_MAX_FDS];
	uint32_t request, flags, size;
	uint8_t payload[272];
	uint8_t pad[4];
};

/**
 * struct rec - one record in own memory
 * @msg: of REC_MESSAGE and REC_REPLY, @gpa, @bytes, @n: of REC_MEMORY and REC_WROTE, @idx: of REC_USED, whose entries are @bytes
 */
struct rec {
	struct rec_head head;
	struct rec_message msg;
	uint64_t gpa;
	uint16_t idx;
	uint32_t n;
	uint8_t bytes[REC_BYTES_MAX];
};

/**
 * struct rec_reader - a recording being read
 * @data, @size: all of it, @at: what is read, @number: records read
 * @why: what is wrong with it, once rec_next() has said -1
 */
struct rec_reader {
	const uint8_t *data;
	size_t size, at;
	unsigned long number;
	char why[160];
};

/** rec_begin() - look at the head of a recording. Return: 0, or -1 with r->why: foreign, or of another version. */
int rec_begin(struct rec_reader *r, const void *data, size_t size);

/** rec_next() - the next record. Return: 1, 0: the end, -1 with r->why: cut off, or not a recording's. */
int rec_next(struct rec_reader *r, struct rec *out);

/** rec_print() - a record in a line of words. */
void rec_print(FILE *to, unsigned long number, const struct rec *r);

/** rec_put() - write a record. Return: 0 or -errno. */
int rec_put(FILE *to, uint8_t kind, uint16_t queue, uint64_t ns, const void *a, size_t a_len, const void *b, size_t b_len);

#endif
