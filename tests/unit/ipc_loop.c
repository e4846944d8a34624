// SPDX-License-Identifier: GPL-2.0
/*
 * ipc_loop.c: the loop of a device role (devices/backend.c), on an engine that is played: what completes is what a test says, a batch in each turn.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "devices/backend_internal.h"

static struct backend be;
static struct backend_op helper;
static unsigned int turns;

static void helper_is_gone(struct backend_op *op, int32_t res)
{
	(void)op;
	(void)res;
	backend_leave(&be);
}

static void watched(struct backend_op *op, int32_t res)
{
	struct backend_watch *w = (struct backend_watch *)((char *)op - offsetof(struct backend_watch, op));

	w->ready(w, (short)res);
}

static void watch(struct backend *b, struct backend_watch *w, short events)
{
	(void)b;
	(void)events;
	w->op.done = watched;
	w->op.pending = true;
}

/* The end of the helper and a message of the front end's come together. */
static void batch(struct backend *b, bool block)
{
	cr_assert_lt(turns, 3, "it goes on without its helper");
	if (turns++)
		return;
	cr_assert(block);
	backend_complete(b, &helper, 0);
	backend_complete(b, &b->control.op, POLLIN);
}

static void get_config(struct backend *b, uint8_t *config)
{
	(void)b;
	(void)config;
}

static void kicked(struct backend *b, struct vq *q)
{
	(void)b;
	(void)q;
}

static void nothing(struct backend_queue *q)
{
	(void)q;
}

Test(loop, who_leaves_is_not_kept_by_a_message)
{
	static const struct backend_ops ops = { .name = "any", .queues = 1, .queue_size = 64, .queue_kick = kicked, .get_config = get_config };
	struct backend_engine engine = { .io = vu_io_plain, .wait = batch, .watch = watch, .kick_arm = nothing, .kick_disarm = nothing };
	struct vu_msg m = { .request = VU_GET_FEATURES };
	struct vu_chan far;
	int s[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s), 0);
	vu_chan_init(&far, s[1], &vu_io_plain, NULL);
	cr_assert_eq(vu_send(&far, &m), 0);
	backend_init(&be, &ops, NULL);
	be.engine = &engine;
	helper.done = helper_is_gone;
	cr_expect_eq(backend_serve(&be, s[0]), -ECANCELED);
}
