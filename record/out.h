/* SPDX-License-Identifier: GPL-2.0 */
/*
 * out.h: the recording that lguest-record writes (recording.h), up to its bound, and for as long as its disk has room.
 */
#ifndef LGUEST_RECORD_OUT_H
#define LGUEST_RECORD_OUT_H

#include <stddef.h>
#include <stdint.h>

/** out_head() - write the head of a recording to the empty file @fd, before anything else can go wrong. Return: 0 or -errno. */
int out_head(int fd);

/**
 * out_begin() - from here on records are put behind that head
 * @fd: the same file, at the number that it keeps
 * @max: bytes that it may have, its head among them: at least a head's
 *
 * Return: 0 or -errno.
 */
int out_begin(int fd, uint64_t max);

/** out_now() - a clock, in nanoseconds. */
uint64_t out_now(void);

/**
 * out_put() - a record of @kind about @queue, whose bytes are @a and then @b
 *
 * The guest goes on when the recording does not: at its bound, or on a full disk, it ends, with a sentence.
 */
void out_put(uint8_t kind, uint16_t queue, const void *a, size_t a_len, const void *b, size_t b_len);

/** out_flush() - what was put is in the file. */
void out_flush(void);

#endif
