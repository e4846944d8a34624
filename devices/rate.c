// SPDX-License-Identifier: GPL-2.0
/*D:495
 * rate.c: bounds on what a device does in a second (rate.h).
 *
 * It may put one timeout on the ring. It asks for no time once it is sealed: each deadline is an absolute one, a step behind the one before, so that a tick
 * that comes late is followed by the next at once, and their number times their step is the time that went by.
 */
#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <time.h>

#include "devices/rate.h"

#define BUSY_MS	5u	/* a step while somebody is bounded */
#define IDLE_MS	100u	/* and otherwise */

int rate_option(struct backend *be, const char *text, uint64_t *value)
{
	uint64_t n;
	char *rest;

	errno = 0;
	n = strtoull(text, &rest, 10);
	if (errno || *text < '0' || *text > '9' || *rest || !n || n > RATE_MAX) {
		backend_fail(be, "%s is not a number from 1 to 2^40", text);
		return -EINVAL;
	}
	*value = n;
	return 0;
}

int rate_begin(struct backend *be, struct rate *r)
{
	struct timespec t;

	if (r->burst && !r->bw) {
		backend_fail(be, "--burst is what may be saved up of --bw, which is not given");
		return BACKEND_USAGE;
	}
	clock_gettime(CLOCK_MONOTONIC, &t);
	r->deadline[0] = t.tv_sec;
	r->deadline[1] = t.tv_nsec;
	return 0;
}

static void arm(struct rate *r)
{
	struct io_uring_sqe *sqe;

	r->step_ms = r->waiting || r->works ? BUSY_MS : IDLE_MS;
	r->works = false;
	r->deadline[1] += (int64_t)r->step_ms * 1000000;
	if (r->deadline[1] >= 1000000000) {
		r->deadline[1] -= 1000000000;
		r->deadline[0]++;
	}
	sqe = backend_sqe(r->be, &r->op);
	if (sqe)
		io_uring_prep_timeout(sqe, (struct __kernel_timespec *)(void *)r->deadline, 0, IORING_TIMEOUT_ABS);
}

static void refill(int64_t *bucket, uint64_t rate, uint64_t most, unsigned int ms)
{
	*bucket += (int64_t)(rate * ms);
	if (*bucket > (int64_t)most)
		*bucket = (int64_t)most;
}

static bool open_now(const struct rate *r)
{
	return (!r->bw || r->bytes > 0) && (!r->iops || r->ops > 0);
}

/*D:496
 * A tick puts in what its step earned, lets the queues that wait go on if anything is there now, and arms the next.
 */
static void tick(struct backend_op *op, int32_t res)
{
	struct rate *r = (struct rate *)((char *)op - offsetof(struct rate, op));
	uint32_t waiting;

	if (res != -ETIME)
		return;		/* without ticks nothing is taken any more */
	refill(&r->bytes, r->bw, (r->burst ? r->burst : r->bw) * 1000, r->step_ms);
	refill(&r->ops, r->iops, r->iops * 1000, r->step_ms);
	waiting = open_now(r) ? r->waiting : 0;
	r->waiting &= ~waiting;
	r->works |= waiting != 0; /* they take something in a moment: what follows is not to wait for an idle step */
	for (unsigned int i = 0; waiting >> i; i++)
		if (waiting >> i & 1 && backend_vq(r->be, i))
			backend_again(r->be, backend_vq(r->be, i));
	arm(r);
}

void rate_start(struct rate *r, struct backend *be)
{
	r->be = be;
	r->op.done = tick;
	r->works = true;	/* the first tick soon: nothing is in it yet */
	if (r->bw || r->iops)
		arm(r);
}

bool rate_may(struct rate *r, const struct vq *q)
{
	if ((!r->bw && !r->iops) || open_now(r))
		return true;
	r->waiting |= 1u << q->index;
	return false;
}

void rate_took(struct rate *r, uint64_t bytes)
{
	r->works = true;
	r->bytes -= r->bw ? (int64_t)(bytes * 1000) : 0;
	r->ops -= r->iops ? 1000 : 0;
}
