// SPDX-License-Identifier: GPL-2.0
/*D:410
 * backend_poll.c: the loop's engine for hosts that forbid io_uring: ppoll(2) and the plain system calls. Slower,
 * and its sealed filter is longer; the program says at start that it runs on it.
 *
 * It may: wait in ppoll(), move bytes on descriptors that poll says are ready. It may not: block elsewhere. A write
 * to a peer's eventfd whose counter is full would, so calls are written only when poll(2) agrees.
 */
#include <errno.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

#include "devices/backend_internal.h"

#define MAX_FDS 96u

/* Zero time: take what is there. */
static const struct timespec now;

static ssize_t poll_recvmsg(void *ctx, int fd, struct msghdr *m)
{
	return vu_io_plain.recvmsg(ctx, fd, m);
}

static ssize_t poll_sendmsg(void *ctx, int fd, const struct msghdr *m)
{
	return vu_io_plain.sendmsg(ctx, fd, m);
}

static void poll_close(void *ctx, int fd)
{
	vu_io_plain.close(ctx, fd);
}

static bool poll_byte_at(struct backend *be, int fd, uint64_t off)
{
	uint8_t byte;

	(void)be;
	return pread(fd, &byte, 1, (off_t)off) == 1;
}

static int poll_accept(struct backend *be, int fd)
{
	int conn = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)be;
	return conn < 0 ? -errno : conn;
}

static void poll_kick_arm(struct backend_queue *bq)
{
	bq->armed = true;
}

static void poll_kick_disarm(struct backend_queue *bq)
{
	(void)bq; /* the loop looks at bq->armed before each wait */
}

static void poll_signal(struct backend_signal *s)
{
	static const uint64_t one = 1;
	struct pollfd p = { .fd = *s->fd, .events = POLLOUT };

	if (ppoll(&p, 1, &now, NULL) == 1 && p.revents & POLLOUT && write(p.fd, &one, sizeof(one)) < 0)
		return; /* the peer's own descriptor, the peer's own loss */
}

static void poll_watch(struct backend *be, struct backend_watch *w, short events)
{
	w->next = be->watches;
	be->watches = w;
	w->events = events;
}

static void poll_unwatch(struct backend *be, struct backend_watch *w)
{
	struct backend_watch **at = &be->watches;

	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
}

static void io_done(struct backend_op *op, int32_t res)
{
	struct backend_io *io = (struct backend_io *)op;

	io->done(io, res);
}

static void poll_io(struct backend *be, struct backend_io *io)
{
	io->op.done = io_done;
	io->op.pending = true;
	io->next = be->ios;
	be->ios = io;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void poll_timer(struct backend *be, struct backend_timer *t, unsigned int ms)
{
	t->ns[0] = now_ms() + ms;
	t->op.pending = true;
	t->next = be->timers;
	be->timers = t;
}

/* Complete the timers that are due (or the one that is cancelled); answer the milliseconds to the next, -1: none. */
static int64_t run_timers(struct backend *be, const struct backend_op *cancelled)
{
	struct backend_timer **at = &be->timers, *t;
	int64_t now_is = be->timers ? now_ms() : 0, next = -1;

	while ((t = *at)) {
		if (&t->op != cancelled && t->ns[0] > now_is) {
			if (next < 0 || t->ns[0] - now_is < next)
				next = t->ns[0] - now_is;
			at = &t->next;
			continue;
		}
		*at = t->next;
		backend_complete(be, &t->op, &t->op == cancelled ? -ECANCELED : -ETIME);
	}
	return next;
}

static void remove_io(struct backend *be, struct backend_io *io)
{
	struct backend_io **at = &be->ios;

	while (*at != io)
		at = &(*at)->next;
	*at = io->next;
}

static void poll_cancel(struct backend *be, struct backend_op *op)
{
	for (struct backend_io *io = be->ios; io; io = io->next) {
		if (&io->op != op)
			continue;
		remove_io(be, io);
		backend_complete(be, op, -ECANCELED);
		return;
	}
	run_timers(be, op);
}

static void poll_log(struct backend *be, size_t len)
{
	struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };

	if (ppoll(&p, 1, &now, NULL) == 1 && p.revents & POLLOUT && write(p.fd, be->log_line, len) < 0)
		return; /* nobody to tell */
}

/* The three kinds of things waited for, in the order in which they lie in the pollfd array. */
static unsigned int collect(struct backend *be, struct pollfd *p)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < be->session.queues; i++)
		if (be->queue[i].armed)
			p[n++] = (struct pollfd){ .fd = be->queue[i].v->kick, .events = POLLIN };
	for (struct backend_watch *w = be->watches; w && n < MAX_FDS; w = w->next)
		p[n++] = (struct pollfd){ .fd = w->fd, .events = w->events };
	for (struct backend_io *io = be->ios; io && n < MAX_FDS; io = io->next)
		p[n++] = (struct pollfd){ .fd = io->fd, .events = io->write ? POLLOUT : POLLIN };
	return n;
}

static void kicked(struct backend_queue *bq, short revents)
{
	/* An error or a short read is not an eventfd's: waiting again would spin. */
	if (!(revents & POLLIN) || read(bq->v->kick, &bq->count, sizeof(bq->count)) != sizeof(bq->count))
		bq->armed = false;
	else
		backend_kicked(bq);
}

static void io_ready(struct backend *be, struct backend_io *io)
{
	ssize_t r = io->write ? writev(io->fd, io->iov, io->n) : readv(io->fd, io->iov, io->n);

	if (r < 0 && errno == EAGAIN)
		return;
	remove_io(be, io);
	backend_complete(be, &io->op, r < 0 ? -errno : (int32_t)r);
}

static void watch_ready(struct backend *be, struct backend_watch *w, short revents)
{
	poll_unwatch(be, w);
	w->ready(w, revents);
}

static void poll_wait(struct backend *be, bool block)
{
	struct pollfd p[MAX_FDS];
	struct backend_watch *w = be->watches, *next_w, *hit = NULL;
	struct backend_io *io = be->ios, *next_io;
	unsigned int n = collect(be, p), at = 0;
	int64_t ms = run_timers(be, NULL);
	struct timespec until = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
	short events = 0;

	if (be->ready)
		block = false;
	if (ppoll(p, n, !block ? &now : ms >= 0 ? &until : NULL, NULL) <= 0)
		return;
	for (unsigned int i = 0; i < be->session.queues; i++)
		if (be->queue[i].armed && p[at++].revents)
			kicked(&be->queue[i], p[at - 1].revents);
	/* One watch a turn: its handler may add and remove watches and i/o. Kicks above only mark their queues. */
	for (; w && at < n; w = next_w, at++) {
		next_w = w->next;
		if (p[at].revents && !hit) {
			hit = w;
			events = p[at].revents;
		}
	}
	for (; io && at < n; io = next_io, at++) {
		next_io = io->next;
		if (p[at].revents)
			io_ready(be, io);
	}
	if (hit)
		watch_ready(be, hit, events);
}

const struct backend_engine backend_engine_poll = {
	.io = { poll_recvmsg, poll_sendmsg, poll_close },
	.wait = poll_wait, .kick_arm = poll_kick_arm, .kick_disarm = poll_kick_disarm, .signal = poll_signal,
	.watch = poll_watch, .start_io = poll_io, .cancel = poll_cancel,
	.timer = poll_timer, .accept = poll_accept, .byte_at = poll_byte_at, .log = poll_log,
};
