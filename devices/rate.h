/* SPDX-License-Identifier: GPL-2.0 */
/*
 * rate.h: a bound on what a device does in a second, for devices on the ring (devices/backend.h).
 *
 * A debt bucket: a request is taken while there is anything in it, and its whole cost is taken out, so that nothing is popped and put back, and a
 * request larger than the bucket passes and is waited for. A new process begins with an empty one: crashing a role gains nothing.
 *
 * It bounds what a guest asks for, also of page caches and networks. It does not bind a hijacked role; io.max of a control group does.
 */
#ifndef LGUEST_RATE_H
#define LGUEST_RATE_H

#include "devices/backend.h"

#define RATE_MAX (1ull << 40)	/* bytes, or operations, in a second */

/**
 * struct rate - the buckets of one device; all in thousandths, so that no tick loses a part
 * @bw, @iops: bytes and operations (requests, frames) in a second, 0 = no bound; @burst: bytes that may be saved up, 0 = those of a second
 *
 * The rest is rate.c's.
 */
struct rate {
	uint64_t bw, iops, burst;

	struct backend *be;
	struct backend_op op;
	int64_t bytes, ops;
	int64_t deadline[2];	/* struct __kernel_timespec */
	unsigned int step_ms;
	uint32_t waiting;	/* queues, a bit each */
	bool works;		/* something was taken since the last tick */
};

/** rate_option() - the value of an option, 1 to RATE_MAX, in decimal. Return: 0, or -EINVAL after backend_fail() for anything else. */
int rate_option(struct backend *be, const char *text, uint64_t *value);

/** rate_begin() - before the sandbox: what time is it? Return: 0, or BACKEND_USAGE after backend_fail() for bounds that make no sense. */
int rate_begin(struct backend *be, struct rate *r);

/** rate_start() - in the sandbox, with a ring: time goes on from here. */
void rate_start(struct rate *r, struct backend *be);

/** rate_may() - may @q be popped now? When not, it is tried again when it may (backend_again()). */
bool rate_may(struct rate *r, const struct vq *q);

/** rate_took() - one operation of @bytes was begun. */
void rate_took(struct rate *r, uint64_t bytes);

#endif
