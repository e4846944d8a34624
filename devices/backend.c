// SPDX-License-Identifier: GPL-2.0
/*D:350
 * backend.c: the loop of a device role: one vhost-user session, its queues, and the device's operations, on
 * whichever engine the host allows. See backend.h for what it may do.
 *
 * The loop never waits inside a handler but for two things: a single system call's worth of the ring, and the end of
 * requests in flight (drain()), during which it goes on dispatching everything but the peer's next message.
 */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "devices/backend_internal.h"
#include "ipc/unmap.h"

/* A guest can break its queue again and again; the log of a role is as long as this. */
#define LOG_LINES_MAX 16u

/* So that a storm of completions cannot starve the queues. */
#define OPS_PER_TURN 1024u

#define BIT(n) (1ull << (n))
#define TRANSPORT_FEATURES (BIT(VIRTIO_RING_F_INDIRECT_DESC) | BIT(VIRTIO_RING_F_EVENT_IDX) | VU_F_PROTOCOL_FEATURES | \
			    BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_F_ACCESS_PLATFORM))
#define PROTOCOL_FEATURES (VU_P_MQ | VU_P_REPLY_ACK | VU_P_BACKEND_REQ | VU_P_INFLIGHT_SHMFD | VU_P_RESET_DEVICE | \
			   VU_P_CONFIGURE_MEM_SLOTS | VU_P_STATUS)

static struct backend *of(struct vu_session *s)
{
	return s->ctx;
}

static struct backend_queue *queue_of(struct backend *be, const struct vq *q)
{
	return &be->queue[q->index];
}

void *backend_dev(const struct backend *be)
{
	return be->dev;
}

struct vq *backend_vq(struct backend *be, unsigned int index)
{
	return index < be->session.queues ? &be->session.vring[index].vq : NULL;
}

bool backend_running(const struct backend *be, const struct vq *q)
{
	const struct backend_queue *bq = &be->queue[q->index];

	return !q->broken && !bq->stopping && !bq->paused && vu_session_enabled(&be->session, bq->v);
}

void backend_limit(struct backend *be, uint64_t features, uint16_t queues)
{
	be->session.offer = TRANSPORT_FEATURES | (features & be->ops->features);
	if (queues < be->session.queues)
		be->session.queues = queues;
}

void backend_log(struct backend *be, const char *fmt, ...)
{
	va_list ap;
	int n, m;

	if (be->log_op.pending || be->log_lines++ >= LOG_LINES_MAX)
		return;
	n = snprintf(be->log_line, sizeof(be->log_line), "%s: ", be->ops->name);
	va_start(ap, fmt);
	m = vsnprintf(be->log_line + n, sizeof(be->log_line) - (size_t)n - 1, fmt, ap);
	va_end(ap);
	n += m;
	if ((size_t)n > sizeof(be->log_line) - 2)
		n = sizeof(be->log_line) - 2;
	be->log_line[n++] = '\n';
	be->engine->log(be, (size_t)n);
}

/* --- queues --- */

static void broken(struct backend_queue *bq)
{
	if (bq->told)
		return;
	bq->told = true;
	backend_log(bq->be, "queue %u is broken until the driver resets it: %s", bq->v->vq.index, bq->v->vq.broken);
	if (bq->v->err >= 0)
		bq->be->engine->signal(&bq->err);
}

/* Only noted: a full barrier and an interrupt for each of a batch of completions would cost more than the requests. */
void backend_notify(struct backend *be, struct vq *q)
{
	be->notify |= 1u << q->index;
}

static void publish(struct backend_queue *bq)
{
	struct vq *q = &bq->v->vq;

	if (q->broken)
		broken(bq);
	if (vq_publish(q) && bq->v->call >= 0)
		bq->be->engine->signal(&bq->call);
}

static void publish_all(struct backend *be)
{
	uint32_t todo = be->notify;

	be->notify = 0;
	for (unsigned int i = 0; todo; i++, todo >>= 1)
		if (todo & 1)
			publish(&be->queue[i]);
}

void backend_again(struct backend *be, struct vq *q)
{
	be->pending |= 1u << q->index;
}

void backend_kicked(struct backend_queue *bq)
{
	backend_again(bq->be, &bq->v->vq);
	if (bq->armed)
		bq->be->engine->kick_arm(bq);
}

/*D:380
 * Here a kick arrives: the engine has read the eventfd, backend_kicked() above has set the queue's bit, and the device
 * may now pop what there is, at most one ring full. Kicks are useless while it works and are asked for again at the
 * end; a request that came in between is found by vq_want_kicks(), or it would lie there with nobody awake to see it.
 */
/* One bounded pass. A queue that has more, or that filled up while kicks were off, goes to the end of the line. */
static void pass(struct backend *be, struct backend_queue *bq)
{
	struct vq *q = &bq->v->vq;

	if (!backend_running(be, q))
		return;
	vq_pass(q);
	q->empty = false;	/* the device may not look this time: what it saw last is no reason to come back */
	vq_no_kicks(q);
	be->ops->queue_kick(be, q);
	backend_notify(be, q);
	be->quiet &= ~(1u << q->index);
	if (vq_exhausted(q) || (q->empty && !backend_spins(be) && vq_want_kicks(q)))
		backend_again(be, q);
	else if (q->empty && backend_spins(be))
		be->quiet |= 1u << q->index;
}

/* Changes with each chain that the device keeps */
static uint32_t taken(const struct vq *q)
{
	return (uint32_t)q->last_avail << 16 | q->resubmit_at;
}

/* The queues stand in line, in their order at first. */
static void line_up(struct backend *be)
{
	if (be->in_line == be->session.queues)
		return;
	be->in_line = be->session.queues;
	for (unsigned int i = 0; i < be->in_line; i++)
		be->line[i] = (uint8_t)i;
}

static void to_the_end(struct backend *be, uint8_t queue)
{
	uint8_t *at = memchr(be->line, queue, be->in_line);

	memmove(at, at + 1, (size_t)(be->line + be->in_line - at - 1));
	be->line[be->in_line - 1] = queue;
}

/*
 * Who has taken something goes to the end of the line, and the others keep their places in it: what some of them share (a bound, buffers) is not always
 * the first queue's, nor always that of who stands behind one that takes something else.
 */
static void run_pending(struct backend *be)
{
	uint32_t todo = be->pending, before;
	uint8_t line[VU_MAX_QUEUES];

	be->pending = 0;
	line_up(be);
	memcpy(line, be->line, be->in_line);
	for (unsigned int k = 0; k < be->in_line; k++) {
		struct backend_queue *bq = &be->queue[line[k]];

		if (!(todo >> line[k] & 1))
			continue;
		before = taken(&bq->v->vq);
		pass(be, bq);
		if (taken(&bq->v->vq) != before)
			to_the_end(be, line[k]);
	}
}

/* An operation is over: it waits on the list for its turn. Without done() somebody waits for it in place. */
void backend_complete(struct backend *be, struct backend_op *op, int32_t res)
{
	op->res = res;
	op->next = NULL;
	op->ready = op->done;
	if (!op->done) {
		op->pending = false;
		return;
	}
	*be->ready_tail = op;
	be->ready_tail = &op->next;
}

/* Take an operation off the list: its done() must not be called any more. */
void backend_withdraw(struct backend *be, struct backend_op *op)
{
	struct backend_op **at = &be->ready;

	if (!op->ready)
		return;
	while (*at != op)
		at = &(*at)->next;
	*at = op->next;
	if (be->ready_tail == &op->next)
		be->ready_tail = at;
	op->ready = op->pending = false;
}

/*D:370
 * The heart of every device is one thread that takes one turn after the other. What has completed is dispatched, up to
 * a bound; each queue that wants it gets one pass; what these have done is published, once for each queue. Then the
 * kernel is asked, and only with nothing left to do does the process sleep there.
 */
/* One turn: what is complete, what is pending, then the kernel. */
static void turn(struct backend *be)
{
	struct backend_op *op;

	for (unsigned int i = 0; i < OPS_PER_TURN && be->ready; i++) {
		op = be->ready;
		backend_withdraw(be, op);
		op->done(op, op->res);
	}
	run_pending(be);
	if (!be->ready && !be->pending)
		backend_hush(be); /* before the driver is told: it may ask again at once */
	publish_all(be);
	be->engine->wait(be, !be->ready && !be->pending && !be->over);
}

static void drain(struct backend_queue *bq)
{
	struct backend *be = bq->be;
	struct vq *q = &bq->v->vq;

	if (be->ops->queue_stop)
		be->ops->queue_stop(be, q);
	while (q->inflight)
		turn(be);
	publish(bq);
}

/* --- what the session asks for --- */

static void start(struct vu_session *s, struct vu_vring *v)
{
	struct backend *be = of(s);
	struct backend_queue *bq = queue_of(be, &v->vq);

	bq->stopping = bq->paused = bq->told = false;
	bq->armed = true;
	be->engine->kick_arm(bq);
	if (be->ops->queue_start)
		be->ops->queue_start(be, &v->vq);
	/* A process that died between used->idx and the call left its driver waiting: say it once more. */
	if (v->vq.log && v->call >= 0)
		be->engine->signal(&bq->call);
	backend_again(be, &v->vq);
}

static void stop(struct vu_session *s, struct vu_vring *v)
{
	struct backend_queue *bq = queue_of(of(s), &v->vq);

	bq->stopping = true;
	bq->armed = false;
	v->vq.patience = 0;
	bq->be->quiet &= ~(1u << v->vq.index);
	/* A read of the old eventfd that stayed pending would swallow the first kick after a restart on it. */
	bq->be->engine->kick_disarm(bq);
	drain(bq);
}

static void wake(struct vu_session *s, struct vu_vring *v)
{
	backend_again(of(s), &v->vq);
}

static void kick_changed(struct vu_session *s, struct vu_vring *v)
{
	struct backend_queue *bq = queue_of(of(s), &v->vq);

	bq->be->engine->kick_disarm(bq);
	bq->be->engine->kick_arm(bq);
	backend_again(bq->be, &v->vq);
}

static void call_changed(struct vu_session *s, struct vu_vring *v)
{
	queue_of(of(s), &v->vq)->call.again = false;
}

static void quiesce(struct vu_session *s)
{
	struct backend *be = of(s);

	for (unsigned int i = 0; i < s->queues; i++)
		be->queue[i].paused = true;
	for (unsigned int i = 0; i < s->queues; i++)
		if (be->queue[i].v->running)
			drain(&be->queue[i]);
}

static void resume(struct vu_session *s)
{
	struct backend *be = of(s);

	for (unsigned int i = 0; i < s->queues; i++) {
		be->queue[i].paused = false;
		if (!be->queue[i].v->running)
			continue;
		if (be->ops->queue_start)
			be->ops->queue_start(be, &be->queue[i].v->vq);
		backend_again(be, &be->queue[i].v->vq);
	}
}

static void features(struct vu_session *s, uint64_t f)
{
	if (of(s)->ops->features_acked)
		of(s)->ops->features_acked(of(s), f);
}

static void get_config(struct vu_session *s, uint8_t *cfg)
{
	of(s)->ops->get_config(of(s), cfg);
}

static int set_config(struct vu_session *s, uint32_t off, const uint8_t *data, uint32_t len)
{
	struct backend *be = of(s);

	return be->ops->set_config ? be->ops->set_config(be, off, data, len) : -EPERM;
}

static void reset(struct vu_session *s)
{
	if (of(s)->ops->reset)
		of(s)->ops->reset(of(s));
}

/*
 * Is there a byte at @off of what a peer says is memory? Only what can be mapped is read: a pipe may never have one, and a read of it would wait for
 * as long as somebody has its other end, which may be this process.
 */
static bool byte_at(struct vu_session *s, int fd, uint64_t off)
{
	void *p = mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);	/* at 0: a file of huge pages has no other place for a small one */

	if (p == MAP_FAILED)
		return false;
	vu_unmap(p, 1);
	return of(s)->engine->byte_at(of(s), fd, off);
}

static const struct vu_session_ops session_ops = {
	.start = start, .stop = stop, .wake = wake, .kick_changed = kick_changed, .call_changed = call_changed,
	.quiesce = quiesce, .resume = resume, .features = features, .get_config = get_config,
	.set_config = set_config, .reset = reset, .byte_at = byte_at,
};

/* --- the loop --- */

static void control_ready(struct backend_watch *w, short revents)
{
	struct backend *be = (struct backend *)((char *)w - offsetof(struct backend, control));
	int err = vu_session_input(&be->session);

	(void)revents;
	if (!be->over)	/* else somebody has left in this same turn */
		be->over = err;
	if (!be->over)
		be->engine->watch(be, w, POLLIN);
}

/*D:360
 * Three things meet in this file: the session (the wire), the engine (the kernel) and the device (its table of
 * functions). Here the first and the last are joined: the session calls the functions of session_ops above, and each
 * queue of the loop gets its ring of the session and the two eventfds on which it may have to signal. The engine is
 * chosen a little later, in backend_main.c, when it is known whether the host allows io_uring.
 */
void backend_init(struct backend *be, const struct backend_ops *ops, void *dev)
{
	struct vu_session *s = &be->session;

	be->ops = ops;
	be->dev = dev;
	be->ready_tail = &be->ready;
	s->ops = &session_ops;
	s->ctx = be;
	s->queues = ops->queues;
	s->queue_unit = ops->queue_unit ? ops->queue_unit : 1;
	s->queue_size = ops->queue_size;
	s->config_size = ops->config_size;
	s->offer_protocol = PROTOCOL_FEATURES | (ops->config_size ? VU_P_CONFIG : 0);
	backend_limit(be, ops->features, ops->queues);
	for (unsigned int i = 0; i < ops->queues; i++) {
		struct backend_queue *bq = &be->queue[i];

		bq->be = be;
		bq->v = &s->vring[i];
		bq->call = (struct backend_signal){ .be = be, .fd = &s->vring[i].call };
		bq->err = (struct backend_signal){ .be = be, .fd = &s->vring[i].err };
	}
}

static void report_end(struct backend *be)
{
	const struct vu_session *s = &be->session;

	if (s->why_request == VU_SET_VRING_NUM)
		backend_log(be, "connection dropped: message %u %s; give the front end rings of at most %u entries (QEMU: queue-size=%u)",
			    s->why_request, s->why ? s->why : "could not be answered", s->queue_size, s->queue_size);
	else
		backend_log(be, "connection dropped: message %u %s; check the front end's version", s->why_request,
			    s->why ? s->why : "could not be answered");
}

int backend_serve(struct backend *be, int fd)
{
	struct vu_session *s = &be->session;

	vu_session_open(s, fd, &be->engine->io);
	be->control.fd = fd;
	be->control.ready = control_ready;
	be->engine->watch(be, &be->control, POLLIN);
	while (!be->over)
		turn(be);
	if (be->over != -ECONNRESET && be->over != -ECANCELED)
		report_end(be);
	vu_session_close(s);
	be->engine->wait(be, false); /* the log line, if any */
	return be->over;
}

void backend_watch(struct backend *be, struct backend_watch *w, short events)
{
	be->engine->watch(be, w, events);
}

void backend_io(struct backend *be, struct backend_io *io)
{
	io->be = be;
	be->engine->start_io(be, io);
}

void backend_timer(struct backend *be, struct backend_timer *t, unsigned int ms)
{
	be->engine->timer(be, t, ms);
}

void backend_cancel(struct backend *be, struct backend_op *op)
{
	if (op->pending && !op->ready)
		be->engine->cancel(be, op);
}

int backend_accept(struct backend *be, int fd)
{
	return be->engine->accept(be, fd);
}

void backend_close(struct backend *be, int fd)
{
	be->engine->io.close(be, fd);
}

void backend_leave(struct backend *be)
{
	be->over = -ECANCELED;
}

void backend_config_changed(struct backend *be)
{
	vu_session_config_changed(&be->session);
}
