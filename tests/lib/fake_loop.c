// SPDX-License-Identifier: GPL-2.0
/*
 * fake_loop.c: see fake_loop.h.
 */
#include "tests/lib/fake_loop.h"

#include <errno.h>
#include <string.h>

#include "policy/policy.h"

struct fake fake;

const struct policy_role policy_net, policy_console, policy_block, policy_block_sync, policy_block_keep, policy_block_keep_sync, policy_block_ro,
	policy_block_ro_sync;

#ifdef LGUEST_FUZZ
void gmem_fetch_hook(const void *p, size_t len)
{
	size_t off = (size_t)((const uint8_t *)p - fake.mem), in_record = (size_t)((const uint8_t *)p - fake.record);

	if (fake.record && in_record < fake.record_len && len <= fake.record_len - in_record)
		return;
	REQUIRE(off < FAKE_MEM && len <= FAKE_MEM - off, "a read outside guest memory");
	if (!fake.plan.countdown || --fake.plan.countdown)
		return;
	off = fake.plan.here ? off + fake.plan.off % (len ? len : 1) : fake.plan.off;
	for (unsigned int i = 0; i < 4 && off + i < FAKE_MEM; i++)
		fake.mem[off + i] = fake.plan.bytes[i];
}
#endif

/* --- what devices call --- */

void *backend_dev(const struct backend *be)
{
	(void)be;
	return fake.dev;
}

struct vq *backend_vq(struct backend *be, unsigned int index)
{
	(void)be;
	return index < FAKE_QUEUES ? &fake.vq[index] : NULL;
}

bool backend_running(const struct backend *be, const struct vq *q)
{
	(void)be;
	return q->started && !q->broken;
}

bool backend_will_ring(const struct backend *be)
{
	(void)be;
	return true;
}

bool backend_has_ring(const struct backend *be)
{
	(void)be;
	return true;
}

static struct fake_op *pend(struct backend_op *op)
{
	struct fake_op *p = &fake.pending[fake.pending_n];

	REQUIRE(!op->pending, "an operation in flight is started again");
	REQUIRE(op->done, "an operation without done()");
	REQUIRE(fake.pending_n < FAKE_PENDING, "more operations than requests");
	fake.pending_n++;
	op->pending = true;
	p->op = op;
	memset(&p->sqe, 0, sizeof(p->sqe));
	return p;
}

struct io_uring_sqe *backend_sqe(struct backend *be, struct backend_op *op)
{
	(void)be;
	return &pend(op)->sqe;
}

static void io_done(struct backend_op *op, int32_t res)
{
	struct backend_io *io = (struct backend_io *)op;

	io->done(io, res);
}

void backend_io(struct backend *be, struct backend_io *io)
{
	struct fake_op *p;

	(void)be;
	io->op.done = io_done;
	p = pend(&io->op);
	if (io->write)
		io_uring_prep_writev(&p->sqe, io->fd, io->iov, (unsigned int)io->n, 0);
	else
		io_uring_prep_readv(&p->sqe, io->fd, io->iov, (unsigned int)io->n, 0);
}

void backend_timer(struct backend *be, struct backend_timer *t, unsigned int ms)
{
	(void)be;
	(void)ms;
	pend(&t->op)->sqe.opcode = IORING_OP_TIMEOUT;
}

/* The kernel answers later: here, when it is completed; remembered in the opcode's place. */
void backend_cancel(struct backend *be, struct backend_op *op)
{
	(void)be;
	for (unsigned int i = 0; i < fake.pending_n; i++)
		if (fake.pending[i].op == op)
			fake.pending[i].sqe.opcode = IORING_OP_ASYNC_CANCEL;
}

void backend_watch(struct backend *be, struct backend_watch *w, short events)
{
	(void)be;
	w->events = events;
	fake.watches++;
}

int backend_accept(struct backend *be, int fd)
{
	(void)be;
	(void)fd;
	return fake.no_peer ? -1 : 20;
}

void backend_close(struct backend *be, int fd) { (void)be; (void)fd; }
void backend_leave(struct backend *be) { (void)be; fake.left = true; }
void backend_config_changed(struct backend *be) { (void)be; fake.config_changed = true; }
void backend_fail(struct backend *be, const char *fmt, ...) { (void)be; (void)fmt; }
void backend_log(struct backend *be, const char *fmt, ...) { (void)be; (void)fmt; fake.logged++; }
int backend_listen(struct backend *be, const char *path) { (void)be; (void)path; return 10; }
void backend_file_limit(struct backend *be, uint64_t bytes) { (void)be; (void)bytes; }
int backend_fixed_file(struct backend *be, int fd) { (void)be; return fd; }
int policy_place_fd(int fd, int slot) { (void)fd; return slot; }

void backend_limit(struct backend *be, uint64_t features, uint16_t queues)
{
	(void)be;
	(void)queues;
	fake.limit_features = features;
}

void backend_again(struct backend *be, struct vq *q)
{
	(void)be;
	fake.again |= 1u << q->index;
}

void backend_notify(struct backend *be, struct vq *q)
{
	(void)be;
	vq_publish(q);
}

int backend_main(int argc, char **argv, const struct backend_ops *ops, void *dev)
{
	(void)argc;
	(void)argv;
	fake.ops = ops;
	fake.dev = dev;
	return 0;
}

/* --- what the loop would do --- */

void fake_open(int (*device_main)(int argc, char **argv))
{
	free(fake.mem);
	memset(&fake, 0, offsetof(struct fake, vq));
	fake.mem = calloc(1, FAKE_MEM);
	REQUIRE(fake.mem, "memory");
	REQUIRE(!gmem_add(&fake.table, &(struct gmem_region){ .gpa = FAKE_GPA, .size = FAKE_MEM, .uaddr = FAKE_UADDR,
							      .host = fake.mem }), "region");
	device_main(0, NULL);
	for (unsigned int i = 0; i < FAKE_QUEUES; i++) {
		if (fake.vq[i].size || fake.vq[i].broken)
			vq_stop(&fake.vq[i]);
		fake.vq[i].index = (uint16_t)i;
	}
}

void fake_start(unsigned int index, uint16_t size, unsigned int flags)
{
	uint64_t base = FAKE_UADDR + index * FAKE_RING;
	struct vq_setup s = { .mem = &fake.table, .size = size, .desc = base, .avail = base + 0x1000, .used = base + 0x2000,
			      .event_idx = flags & 1, .indirect = flags & 2 };

	memset(fake.mem + index * FAKE_RING + 0x1000, 0, FAKE_RING - 0x1000);
	fake.avail_idx[index] = 0;
	REQUIRE(!vq_start(&fake.vq[index], &s), "vq_start");
	if (fake.ops->queue_start)
		fake.ops->queue_start(NULL, &fake.vq[index]);
}

void fake_stop(unsigned int index)
{
	struct vq *q = &fake.vq[index];

	if (fake.ops->queue_stop)
		fake.ops->queue_stop(NULL, q);
	for (unsigned int i = 0; q->inflight && i < 100000 && fake.pending_n; i++)
		fake_complete(fake.pending_n - 1, -EIO);
	REQUIRE(!q->inflight, "%u requests of queue %u never complete", q->inflight, index);
	vq_stop(q);
}

void fake_kick(unsigned int index, unsigned int max)
{
	fake.again |= 1u << index;
	while (fake.again && max--) {
		unsigned int i = (unsigned int)__builtin_ctz(fake.again);
		struct vq *q = &fake.vq[i];

		fake.again &= ~(1u << i);
		if (!backend_running(NULL, q))
			continue;
		vq_pass(q);
		vq_no_kicks(q);
		fake.ops->queue_kick(NULL, q);
		vq_publish(q);
		if (vq_exhausted(q) || (q->empty && vq_want_kicks(q)))
			fake.again |= 1u << i;
	}
}

void fake_complete(unsigned int which, int32_t res)
{
	struct fake_op p;

	REQUIRE(which < fake.pending_n, "no such operation");
	p = fake.pending[which];
	memmove(&fake.pending[which], &fake.pending[which + 1], (fake.pending_n - which - 1) * sizeof(p));
	fake.pending_n--;
	p.op->pending = false;
	p.op->done(p.op, p.sqe.opcode == IORING_OP_ASYNC_CANCEL ? -ECANCELED : res);
}

int fake_find(uint8_t opcode)
{
	for (unsigned int i = 0; i < fake.pending_n; i++)
		if (fake.pending[i].sqe.opcode == opcode)
			return (int)i;
	return -1;
}

/* --- what a driver would do --- */

void fake_desc(unsigned int index, uint16_t i, uint32_t off, uint32_t len, unsigned int flags, uint16_t next)
{
	struct vq_desc *t = (struct vq_desc *)(fake.mem + index * FAKE_RING);

	t[i] = (struct vq_desc){ FAKE_GPA + off, len, (uint16_t)flags, next };
}

void fake_offer(unsigned int index, uint16_t head)
{
	uint16_t *avail = (uint16_t *)(fake.mem + index * FAKE_RING + 0x1000);

	avail[2 + fake.avail_idx[index] % fake.vq[index].size] = head;
	avail[1] = ++fake.avail_idx[index];
}

uint16_t fake_used_idx(unsigned int index)
{
	return ((uint16_t *)(fake.mem + index * FAKE_RING + 0x2000))[1];
}

struct vq_used_elem fake_used(unsigned int index, uint16_t i)
{
	struct vq_used_elem *ring = (struct vq_used_elem *)(fake.mem + index * FAKE_RING + 0x2004);

	return ring[i % fake.vq[index].size];
}
