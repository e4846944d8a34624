// SPDX-License-Identifier: GPL-2.0
/*D:390
 * backend_ring.c: the loop's engine on io_uring: every contact with the kernel is an operation of one ring, so
 * that a sealed role needs io_uring_enter and nothing else of that kind.
 *
 * It may: make the ring before the seal, submit and reap. It may not: use a descriptor that the loop or the device
 * did not name. Kernel facts are noted where they decide something.
 */
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "devices/backend_internal.h"
#include "policy/policy.h"

#define ENTRIES 256u
#define COMPLETIONS 4096u

/* After a first part that completed at once, submit this many batches undivided. */
#define WHOLE_TURNS 32u

bool backend_has_ring(const struct backend *be)
{
	return be->has_ring;
}

static int make(const struct backend *be, struct io_uring *ring)
{
	const unsigned int completions = be->ops->completions ? be->ops->completions : COMPLETIONS;

	/* One thread submits and wants completions when it waits, not as interrupts of its work (6.1 and later). */
	struct io_uring_params p = {
		.flags = IORING_SETUP_R_DISABLED | IORING_SETUP_CQSIZE | IORING_SETUP_SINGLE_ISSUER |
			 IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
		.cq_entries = completions,
	};

	return io_uring_queue_init_params(completions < 2 * ENTRIES ? completions / 2 : ENTRIES, ring, &p);
}

int backend_ring_probe(const struct backend *be)
{
	struct io_uring ring;
	int err = make(be, &ring);

	if (!err)
		io_uring_queue_exit(&ring);
	return err;
}

int backend_ring_open(struct backend *be)
{
	int err = make(be, &be->ring);

	if (err)
		return err;
	err = policy_place_fd(be->ring.ring_fd, POLICY_FD_RING);
	if (err < 0)
		return err;
	be->ring.ring_fd = be->ring.enter_ring_fd = POLICY_FD_RING;
	be->has_ring = true;
	return 0;
}

static void reap(struct backend *be)
{
	struct io_uring_cqe *cqe;
	unsigned int head, n = 0;

	io_uring_for_each_cqe(&be->ring, head, cqe) {
		n++;
		if (cqe->user_data)
			backend_complete(be, (struct backend_op *)(uintptr_t)cqe->user_data, cqe->res);
	}
	io_uring_cq_advance(&be->ring, n);
}

static void enter(struct backend *be, bool block)
{
	int r;

	if (block)
		r = io_uring_submit_and_wait(&be->ring, 1);
	else
		r = io_uring_submit_and_get_events(&be->ring);
	/* EBUSY, EAGAIN: completions must be taken first, which is what follows. Anything else is a broken ring. */
	if (r < 0 && r != -EINTR && r != -EBUSY && r != -EAGAIN)
		_exit(1);
}

static void ring_wait(struct backend *be, bool block)
{
	uint64_t from;

	if (block && backend_spin(be)) {
		/* What was found in memory needs no system call. */
		if (backend_ring_wants(be))
			enter(be, false);
	} else if (!block || backend_ask_kicks(be)) {
		enter(be, false);
	} else {
		from = backend_sleeps(be);
		enter(be, true);
		backend_slept(be, from);
	}
	reap(be);
	if (be->whole_turns)
		be->whole_turns--;
	be->part = be->whole_turns ? 0 : be->ops->first_part;
}

static struct io_uring_sqe *free_entry(struct backend *be)
{
	struct io_uring_sqe *sqe;

	while (!(sqe = io_uring_get_sqe(&be->ring)))
		ring_wait(be, false);
	return sqe;
}

/*
 * A disk that gets a batch of 30 requests at its end has idled while they were prepared, and the kernel holds them all
 * back until the last (its plug): in parts, it works meanwhile (docs/performance.md). Memory that answers at once has nothing to
 * gain from more system calls. What the kernel does not take now it takes, or refuses for good, at the next wait.
 */
static void submit_part(struct backend *be)
{
	if (!be->part || io_uring_sq_ready(&be->ring) < be->part)
		return;
	io_uring_submit(&be->ring);
	be->part *= 2;
	if (!io_uring_cq_ready(&be->ring))
		return;
	be->part = 0;
	be->whole_turns = WHOLE_TURNS;
}

/* io_uring_prep_*() leave user_data alone. */
struct io_uring_sqe *backend_sqe(struct backend *be, struct backend_op *op)
{
	struct io_uring_sqe *sqe;

	if (!be->has_ring)
		return NULL;
	submit_part(be);
	sqe = free_entry(be);
	io_uring_sqe_set_data(sqe, op);
	op->pending = true;
	return sqe;
}

static void ring_cancel(struct backend *be, struct backend_op *op)
{
	struct io_uring_sqe *sqe = free_entry(be);

	io_uring_prep_cancel(sqe, op, 0);
	io_uring_sqe_set_data(sqe, NULL);
}

/* Wait for an operation without done(); others that complete meanwhile go on the list. */
static int32_t await(struct backend *be, struct backend_op *op)
{
	while (op->pending) {
		enter(be, true);
		reap(be);
	}
	return op->res;
}

/* --- the session's socket --- */

static ssize_t ring_recvmsg(void *ctx, int fd, struct msghdr *m)
{
	struct backend_op op = { 0 };

	io_uring_prep_recvmsg(backend_sqe(ctx, &op), fd, m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	return await(ctx, &op);
}

static ssize_t ring_sendmsg(void *ctx, int fd, const struct msghdr *m)
{
	struct backend_op op = { 0 };

	io_uring_prep_sendmsg(backend_sqe(ctx, &op), fd, m, MSG_DONTWAIT | MSG_NOSIGNAL);
	return await(ctx, &op);
}

/* Entries queued before are submitted with it, in order: none can meet another file under the old number. */
static void ring_close(void *ctx, int fd)
{
	struct backend_op op = { 0 };

	io_uring_prep_close(backend_sqe(ctx, &op), fd);
	await(ctx, &op);
}

/* 1 byte read from there tells that it exists: fstat() would be one more system call in the sealed filter. */
static bool ring_byte_at(struct backend *be, int fd, uint64_t off)
{
	struct backend_op op = { 0 };
	uint8_t byte;

	io_uring_prep_read(backend_sqe(be, &op), fd, &byte, 1, off);
	return await(be, &op) == 1;
}

static int ring_accept(struct backend *be, int fd)
{
	struct backend_op op = { 0 };

	io_uring_prep_accept(backend_sqe(be, &op), fd, NULL, NULL, SOCK_CLOEXEC);
	return await(be, &op);
}

/* --- kicks and calls --- */

/*D:400
 * The last step of a kick's way, and the first in this process. A read of the queue's eventfd waits in the ring for as
 * long as the queue runs (kick_arm() below); the guest's notification completes it, the loop wakes up, and the queue's
 * bit is set for the pass that we have seen. The count that was read is thrown away, since what is to be done stands in
 * the queue.
 */
static void kick_done(struct backend_op *op, int32_t res)
{
	struct backend_queue *bq = (struct backend_queue *)((char *)op - offsetof(struct backend_queue, kick_op));

	/* 0 or an error is not an eventfd's: waiting again would spin. The driver's other queues go on. */
	if (res == sizeof(bq->count))
		backend_kicked(bq);
}

static void kick_arm(struct backend_queue *bq)
{
	bq->kick_op.done = kick_done;
	io_uring_prep_read(backend_sqe(bq->be, &bq->kick_op), bq->v->kick, &bq->count, sizeof(bq->count), 0);
}

/* Leaves nothing behind, neither in the kernel nor on the list: the operation may be used again at once. */
static void kick_disarm(struct backend_queue *bq)
{
	backend_withdraw(bq->be, &bq->kick_op);
	bq->kick_op.done = NULL;
	backend_cancel(bq->be, &bq->kick_op);
	await(bq->be, &bq->kick_op);
}

static const uint64_t one = 1;

static void signal_done(struct backend_op *op, int32_t res)
{
	struct backend_signal *s = (struct backend_signal *)op;

	(void)res;
	if (!s->again || *s->fd < 0)
		return;
	s->again = false;
	s->be->engine->signal(s);
}

static void ring_signal(struct backend_signal *s)
{
	if (s->op.pending) {
		s->again = true;
		return;
	}
	s->op.done = signal_done;
	io_uring_prep_write(backend_sqe(s->be, &s->op), *s->fd, &one, sizeof(one), 0);
}

/* --- watches and i/o --- */

static void watch_done(struct backend_op *op, int32_t res)
{
	struct backend_watch *w = (struct backend_watch *)((char *)op - offsetof(struct backend_watch, op));

	w->ready(w, res < 0 ? POLLERR : (short)res);
}

static void ring_watch(struct backend *be, struct backend_watch *w, short events)
{
	w->op.done = watch_done;
	io_uring_prep_poll_add(backend_sqe(be, &w->op), w->fd, (unsigned short)events);
}

static void io_ready(struct backend_op *op, int32_t res);

static void ring_io(struct backend *be, struct backend_io *io)
{
	io->op.done = io_ready;
	io_uring_prep_poll_add(backend_sqe(be, &io->op), io->fd, io->write ? POLLOUT : POLLIN);
}

static void io_moved(struct backend_op *op, int32_t res)
{
	struct backend_io *io = (struct backend_io *)op;

	if (res == -EAGAIN || res == -EINTR)
		ring_io(io->be, io);
	else
		io->done(io, res);
}

/*
 * Wait first, then move: the ring's own waiting is no use on terminals. A blocking one may be written inline and block
 * the whole role in the kernel (seen on 6.18: a pty that nobody reads), a non-blocking one answers -EAGAIN
 * without waiting (6.1). Offset -1 is "the file's own position", for files as for terminals and sockets.
 */
static void io_ready(struct backend_op *op, int32_t res)
{
	struct backend_io *io = (struct backend_io *)op;
	struct io_uring_sqe *sqe;

	if (res < 0) {
		io->done(io, res);
		return;
	}
	io->op.done = io_moved;
	sqe = backend_sqe(io->be, &io->op);
	if (io->write)
		io_uring_prep_writev(sqe, io->fd, io->iov, (unsigned int)io->n, (uint64_t)-1);
	else
		io_uring_prep_readv(sqe, io->fd, io->iov, (unsigned int)io->n, (uint64_t)-1);
}

static void ring_timer(struct backend *be, struct backend_timer *t, unsigned int ms)
{
	_Static_assert(sizeof(t->ns) == sizeof(struct __kernel_timespec), "backend.h spells it out");
	t->ns[0] = ms / 1000;
	t->ns[1] = (int64_t)(ms % 1000) * 1000000;
	io_uring_prep_timeout(backend_sqe(be, &t->op), (struct __kernel_timespec *)t->ns, 0, 0);
}

static void log_done(struct backend_op *op, int32_t res)
{
	(void)op;
	(void)res;
}

static void ring_log(struct backend *be, size_t len)
{
	be->log_op.done = log_done;
	io_uring_prep_write(backend_sqe(be, &be->log_op), STDERR_FILENO, be->log_line, (unsigned int)len, (uint64_t)-1);
}

const struct backend_engine backend_engine_ring = {
	.io = { ring_recvmsg, ring_sendmsg, ring_close },
	.wait = ring_wait, .kick_arm = kick_arm, .kick_disarm = kick_disarm, .signal = ring_signal,
	.watch = ring_watch, .start_io = ring_io, .cancel = ring_cancel,
	.timer = ring_timer, .accept = ring_accept, .byte_at = ring_byte_at, .log = ring_log,
};
