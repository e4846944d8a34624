// SPDX-License-Identifier: GPL-2.0
/*
 * fuzz/vq.c: the virtqueue library under a device that does with requests whatever a device may: hold them, complete them
 * in any order, give them back, copy from and to them.
 *
 * Besides ASan and UBSan: segments lie in guest memory and add up, a head is never in flight twice, readable bytes are
 * never written, the used ring grows by what was completed and no faster than the device completes.
 */
#include <string.h>

#include "tests/fuzz/guest.h"

#define HELD 32
#define SEGS 24

struct request {
	struct vq_chain c;
	struct iovec seg[SEGS];
	bool busy;
};

static struct request held[HELD];
static _Alignas(8) uint8_t record[1024];	/* the in-flight record */
static unsigned int completed;

static struct request *free_request(void)
{
	for (unsigned int i = 0; i < HELD; i++)
		if (!held[i].busy)
			return &held[i];
	return NULL;
}

static void inspect(const struct request *r)
{
	uint64_t out = 0, inn = 0;

	REQUIRE(r->c.out + r->c.in <= SEGS, "more segments than asked for");
	for (unsigned int i = 0; i < r->c.out + r->c.in; i++) {
		REQUIRE(guest_own(r->seg[i].iov_base, r->seg[i].iov_len), "a segment outside guest memory");
		*(i < r->c.out ? &out : &inn) += r->seg[i].iov_len;
	}
	REQUIRE(out == r->c.out_len && inn == r->c.in_len, "lengths do not add up");
	for (unsigned int i = 0; i < HELD; i++)
		REQUIRE(&held[i] == r || !held[i].busy || held[i].c.head != r->c.head, "head %u is in flight twice", r->c.head);
}

/* Copies beyond a request's end must stop there. */
static void use(struct request *r, uint8_t how)
{
	static uint8_t own[70000];
	uint64_t off = how & 0x10 ? r->c.out_len : how & 7;
	struct iovec part[SEGS];

	REQUIRE(vq_copy_out(&r->c, off, own, sizeof(own)) <= r->c.out_len, "copied out too much");
	REQUIRE(vq_copy_in(&r->c, how & 7, own, sizeof(own)) <= r->c.in_len, "copied in too much");
	REQUIRE(vq_slice(r->seg, r->c.out, how & 7, r->c.out_len, part) <= r->c.out, "sliced too much");
}

static void end(struct vq *q, struct request *r, uint8_t how)
{
	const struct vq_used_elem *ring = (const struct vq_used_elem *)(q->used + 2);
	unsigned int slot = (q->used_idx + q->staged) & (q->size - 1u);

	r->busy = false;
	vq_push(q, r->c.head, how & 1 ? UINT32_MAX : (uint32_t)r->c.in_len);
	completed++;
	REQUIRE(!q->started || (ring[slot].id == r->c.head && ring[slot].len <= r->c.in_len), "head %u has written %u bytes of %llu", ring[slot].id,
		ring[slot].len, (unsigned long long)r->c.in_len);
}

static uint8_t mood;

static void kick(struct backend *be, struct vq *q)
{
	struct request *r;
	unsigned int popped = 0;

	(void)be;
	while ((r = free_request())) {
		r->c.seg = r->seg;
		r->c.seg_max = SEGS;
		if (vq_pop(q, &r->c) <= 0)
			break;
		REQUIRE(++popped <= q->size, "a pass without end");
		r->busy = true;
		inspect(r);
		use(r, mood);
		if (mood & 0x20) {
			r->busy = false;
			vq_unpop(q, r->c.head);
			break;
		}
		if (mood & 0x40)
			end(q, r, mood);
	}
}

static void stop(struct backend *be, struct vq *q)
{
	(void)be;
	for (unsigned int i = 0; i < HELD; i++)
		if (held[i].busy)
			end(q, &held[i], 0);
	vq_publish(q);
}

static const struct backend_ops holder = { .queue_kick = kick, .queue_stop = stop };

static int holder_main(int argc, char **argv)
{
	return backend_main(argc, argv, &holder, held);
}

/*
 * The device's process dies and another goes on from the in-flight record, which the front end keeps and may have changed. The
 * record is taken whole or refused; what it says to be in flight is popped again, each head once.
 */
static void next_life(uint8_t how)
{
	struct vq_inflight *log = (struct vq_inflight *)record;
	struct vq *q = &fake.vq[0];
	struct vq_setup s = { .mem = &fake.table, .size = 16, .desc = FAKE_UADDR, .avail = FAKE_UADDR + 0x1000, .used = FAKE_UADDR + 0x2000,
			      .indirect = how & 2, .log = log };
	unsigned int n = guest_byte() % 8u;

	REQUIRE(vq_inflight_size(s.size) <= sizeof(record), "a record of %zu bytes", vq_inflight_size(s.size));
	fake.record = record;
	fake.record_len = vq_inflight_size(s.size);
	if (how & 4)
		memset(record, 0, sizeof(record));
	while (how & 8 && n--)
		record[guest_byte()] = guest_byte();
	if (how & 16)
		log->used_idx = (uint16_t)(fake_used_idx(0) - guest_byte());
	memset(held, 0, sizeof(held));
	if (vq_start(q, &s)) {
		s.log = NULL;
		REQUIRE(!vq_start(q, &s), "a queue without a record does not start");
		return;
	}
	REQUIRE(q->resubmit_n <= q->size, "%u requests again", q->resubmit_n);
	REQUIRE(log->used_idx == fake_used_idx(0), "the record was not settled");
	completed += q->size;
}

static int32_t perform(const struct io_uring_sqe *sqe, uint8_t how)
{
	(void)sqe;
	return how;
}

static void special(void)
{
	uint8_t which = guest_byte();

	mood = guest_byte();
	if (which & 0x80) {
		next_life(mood);
		return;
	}
	vq_moved(&fake.vq[0]);
	if (held[which % HELD].busy)
		end(&fake.vq[0], &held[which % HELD], mood);
}

static void check(void)
{
	unsigned int busy = 0;

	for (unsigned int i = 0; i < HELD; i++)
		busy += held[i].busy;
	REQUIRE(busy == fake.vq[0].inflight, "%u requests held, %u in flight", busy, fake.vq[0].inflight);
	REQUIRE(fake.vq[0].staged <= completed, "more completions than were made");
	REQUIRE(fake.vq[0].staged + busy <= fake.vq[0].size || !fake.vq[0].started, "more than the queue has");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct guest g = { .queues = 1, .perform = perform, .special = special, .check = check };

	fake_open(holder_main);
	memset(held, 0, sizeof(held));
	memset(record, 0, sizeof(record));
	completed = 0;
	mood = 0;
	guest_run(&g, data, size);
	return 0;
}
