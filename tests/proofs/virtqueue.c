// SPDX-License-Identifier: GPL-2.0
/*
 * virtqueue.c: proofs about ipc/virtqueue.c under a guest whose memory is another one at every read (guest.h).
 *
 * any_queue() is a queue as any row of calls may have left it; that no call leaves another kind is what proof_pop_keeps and its
 * like prove. gmem_at() is what memory.c has proved of it. Queues of up to 8 entries stand for those of up to 1024: the size occurs in comparisons, masks and array sizes only.
 */
#include "tests/proofs/guest.h"

#include "ipc/virtqueue.c"

#define QUEUE 8u
#define SEGS 6u
#define WALK_SEGS 3u

static struct vq q;
static struct iovec seg[SEGS];
static struct vq_chain c = { .seg = seg };
static struct { uint16_t flags, idx; struct vq_used_elem ring[QUEUE]; uint16_t event, pad; } used;
static struct { struct vq_inflight head; struct vq_inflight_desc desc[QUEUE]; } record;

static unsigned int count_busy(void)
{
	return (unsigned int)__builtin_popcountll(q.busy[0]);
}

/* What holds between two calls */
static bool sane(void)
{
	for (unsigned int i = 0; i < QUEUE; i++)
		if (i < q.resubmit_n && q.resubmit[i] >= q.size)
			return false;
	for (unsigned int i = 0; i < QUEUE; i++)
		if (i < q.staged && q.staged_head[i] >= q.size)
			return false;
	return q.resubmit_n <= q.size && q.resubmit_at <= q.resubmit_n && q.inflight + q.staged <= q.size && q.inflight == count_busy() &&
	       !(q.busy[0] >> q.size);
}

static void any_queue(void)
{
	uint16_t size = (uint16_t)(1u << any_up_to(3));
	bool rings = any_bool();

	any_guest();
	ANY(q);
	ANY(used);
	q.size = size;
	q.mem = &guest;
	q.desc = (void *)(uintptr_t)GUEST_AT;
	q.avail = (void *)(uintptr_t)(GUEST_AT + 0x1000);
	q.used = (uint16_t *)&used;
	q.broken = NULL;
	q.log = rings ? (struct vq_inflight *)&record : NULL;
	ASSUME(q.started);
	ASSUME(sane());
	/* vq_start() has looked the rings up in the table */
	ASSUME(guest_size >= 0x1000 + 4 + 2 * QUEUE + 2);
	shared = &record;
	shared_size = sizeof(record);
	c.seg_max = (uint16_t)any_up_to(SEGS);
}

/* The walk looks at these alone; the head is anything below the queue's size (proof_pop_keeps). */
static uint16_t any_walk(void)
{
	uint16_t head = any_u16();

	any_guest();
	q.size = (uint16_t)(1u << any_up_to(1));
	q.mem = &guest;
	q.desc = (void *)(uintptr_t)GUEST_AT;
	q.indirect = any_bool();
	c.seg_max = (uint16_t)any_up_to(WALK_SEGS);
	ASSUME(head < q.size && guest_size >= 0x1000);
	fetches = 0;
	watched_writable = false;
	return head;
}

/*
 * PROOF: every segment that the walk hands out lies in guest memory, there are no more than asked for, and their lengths add up.
 * BOUND: tables of 1 and 2 entries, indirect ones of any length of which 2 are followed, 3 segments
 * SCALE: ipc/virtqueue.h: "VQ_MAX_CHAIN 1024u" => "VQ_MAX_CHAIN 2u"
 * SCALE: ipc/virtqueue.h: "VQ_MAX_SIZE 1024" => "VQ_MAX_SIZE 64"
 * UNWIND: 6
 * BUG: ipc/virtqueue.c: "if (c->out + c->in == c->seg_max)" => "if (c->out == c->seg_max)"
 */
void proof_walk_segments(void)
{
	uint64_t out = 0, in = 0;

	if (walk(&q, &c, any_walk()))
		return;
	PROVE(c.out + c.in <= c.seg_max, "no more segments than asked for");
	for (unsigned int i = 0; i < WALK_SEGS; i++) {
		if (i >= c.out + c.in)
			break;
		PROVE(guest_range((uint64_t)seg[i].iov_base, seg[i].iov_len), "a segment lies in guest memory");
		*(i < c.out ? &out : &in) += seg[i].iov_len;
	}
	PROVE(out == c.out_len && in == c.in_len, "the lengths add up");
}

/*
 * PROOF: a walk ends, also one through loops of descriptors without a byte, after as many reads as the table and one indirect table have
 *	entries.
 * BOUND: as proof_walk_segments
 * SCALE: ipc/virtqueue.h: "VQ_MAX_CHAIN 1024u" => "VQ_MAX_CHAIN 2u"
 * SCALE: ipc/virtqueue.h: "VQ_MAX_SIZE 1024" => "VQ_MAX_SIZE 64"
 * UNWIND: 6
 * BUG: ipc/virtqueue.c: "if (seen++ == max)" => "if (0)"
 */
void proof_walk_ends(void)
{
	walk(&q, &c, any_walk());
	PROVE(fetches <= q.size + VQ_MAX_CHAIN, "a bounded number of reads");
}

/*
 * PROOF: each descriptor is read once, whole, and its copy is used: a table of one entry costs one read, whatever the guest changes
 *	meanwhile, and no byte is read but by gmem_fetch().
 * BOUND: a table of one entry, without an indirect one
 * SCALE: ipc/virtqueue.h: "VQ_MAX_SIZE 1024" => "VQ_MAX_SIZE 64"
 * UNWIND: 4
 * BUG: ipc/virtqueue.c: "p = gmem_at(q->mem, d->addr, d->len);\n\tif (!p)\n\t\treturn \"buffer" => "p = gmem_at(q->mem, d->addr, q->desc->len);\n\tif (!p)\n\t\treturn \"buffer"
 */
void proof_walk_once(void)
{
	uint16_t head = any_walk();

	ASSUME(q.size == 1 && !q.indirect);
	walk(&q, &c, head);
	PROVE(fetches == 1, "one read for one descriptor");
}

/*
 * PROOF: no byte lies in a writable segment of which no descriptor that was read said that the device may write it.
 * BOUND: as proof_walk_segments; any byte of guest memory
 * SCALE: ipc/virtqueue.h: "VQ_MAX_CHAIN 1024u" => "VQ_MAX_CHAIN 2u"
 * SCALE: ipc/virtqueue.h: "VQ_MAX_SIZE 1024" => "VQ_MAX_SIZE 64"
 * UNWIND: 6
 * BUG: ipc/virtqueue.c: "bool write = d->flags & VQ_DESC_WRITE;" => "bool write = d->flags & (VQ_DESC_WRITE | 8);"
 */
void proof_walk_writable(void)
{
	if (walk(&q, &c, any_walk()))
		return;
	for (unsigned int i = 0; i < WALK_SEGS; i++)
		if (i >= c.out && i < c.out + c.in && watched - (uint64_t)seg[i].iov_base < seg[i].iov_len)
			PROVE(watched_writable, "the driver has offered it for writing");
}

/*
 * PROOF: after vq_pop() the queue is one that vq_pop() may be called on: the head that it took was free and in range, and no more are in
 *	flight than the queue has.
 * BOUND: queues of 1 to 8 entries, chains of one descriptor: the walk has its own proofs
 * SCALE: ipc/virtqueue.c: "if (!(d.flags & VQ_DESC_NEXT))\n\t\t\treturn NULL;" => "return NULL;"
 * SCALE: ipc/virtqueue.h: "VQ_MAX_CHAIN 1024u" => "VQ_MAX_CHAIN 1u"
 * SCALE: ipc/virtqueue.h: "VQ_MAX_SIZE 1024" => "VQ_MAX_SIZE 64"
 * UNWIND: 9
 * BUG: ipc/virtqueue.c: "else if (is_busy(q, head))" => "else if (0)"
 */
void proof_pop_keeps(void)
{
	uint64_t busy;

	any_queue();
	ASSUME(!q.log);
	busy = q.busy[0];
	if (vq_pop(&q, &c) != 1)
		return;
	PROVE(c.head < q.size && !(busy >> c.head & 1), "the head was free");
	PROVE(sane(), "the queue stays one");
}

/*
 * PROOF: a queue that is full of requests, popped or completed and not yet shown, gives no further one.
 * BOUND: queues of 1 to 8 entries, chains of one descriptor
 * SCALE: ipc/virtqueue.c: "if (!(d.flags & VQ_DESC_NEXT))\n\t\t\treturn NULL;" => "return NULL;"
 * SCALE: ipc/virtqueue.h: "VQ_MAX_CHAIN 1024u" => "VQ_MAX_CHAIN 1u"
 * SCALE: ipc/virtqueue.h: "VQ_MAX_SIZE 1024" => "VQ_MAX_SIZE 64"
 * UNWIND: 9
 * BUG: ipc/virtqueue.c: "q->inflight + q->staged == q->size" => "q->inflight == q->size"
 */
void proof_pop_full(void)
{
	any_queue();
	ASSUME(q.inflight + q.staged == q.size);
	PROVE(vq_pop(&q, &c) != 1, "no further one");
}

/*
 * PROOF: vq_unpop() makes the last vq_pop() undone: index, budget, what is in flight.
 * BOUND: queues of 1 to 8 entries, chains of one descriptor: the walk has its own proofs
 * SCALE: ipc/virtqueue.c: "if (!(d.flags & VQ_DESC_NEXT))\n\t\t\treturn NULL;" => "return NULL;"
 * SCALE: ipc/virtqueue.h: "VQ_MAX_CHAIN 1024u" => "VQ_MAX_CHAIN 1u"
 * SCALE: ipc/virtqueue.h: "VQ_MAX_SIZE 1024" => "VQ_MAX_SIZE 64"
 * UNWIND: 9
 * BUG: ipc/virtqueue.c: "q->resubmit_at--;\n\t\treturn;" => "q->resubmit_at--;"
 */
void proof_unpop(void)
{
	uint16_t last, inflight, budget, at, n;
	uint64_t busy;

	any_queue();
	ASSUME(!q.log);
	/* A resubmission under way ends with the first entry that is popped from the ring after it. */
	ASSUME(q.resubmit_at < q.resubmit_n || !q.resubmit_at);
	last = q.last_avail;
	inflight = q.inflight;
	budget = q.budget;
	at = q.resubmit_at;
	n = q.resubmit_n;
	busy = q.busy[0];
	if (vq_pop(&q, &c) != 1)
		return;
	vq_unpop(&q, c.head);
	PROVE(q.last_avail == last && q.inflight == inflight && q.budget == budget && q.busy[0] == busy, "as if it had not been");
	PROVE(q.resubmit_at == at && (!n || q.resubmit_n == n), "and what is to be run again");
}

/*
 * PROOF: vq_push() writes one entry inside the used ring, only for a head in flight, and never says more bytes than the chain had.
 * BOUND: queues of 1 to 8 entries, any head and length
 * SCALE: ipc/virtqueue.h: "VQ_MAX_SIZE 1024" => "VQ_MAX_SIZE 64"
 * UNWIND: 10
 * BUG: ipc/virtqueue.c: "slot = (uint16_t)((q->used_idx + q->staged) & (q->size - 1));" => "slot = (uint16_t)((q->used_idx + q->staged) & q->size);"
 */
void proof_push(void)
{
	uint16_t head = any_u16(), staged;
	bool busy;

	any_queue();
	staged = q.staged;
	busy = head < q.size && q.busy[0] >> head & 1;
	vq_push(&q, head, any_u32());
	PROVE(q.staged == staged + busy, "one entry, for a head in flight");
	if (busy) {
		struct vq_used_elem *e = &used.ring[(q.used_idx + staged) % q.size];

		PROVE(e->id == head && e->len <= q.in_len[head], "its entry");
	}
	PROVE(sane(), "the queue stays one");
}

/*
 * PROOF: a request is completed once: the second vq_push() of a head does nothing.
 * BOUND: queues of 1 to 8 entries
 * SCALE: ipc/virtqueue.h: "VQ_MAX_SIZE 1024" => "VQ_MAX_SIZE 64"
 * UNWIND: 10
 * BUG: ipc/virtqueue.c: "set_busy(q, head, false);\n\tq->inflight--;\n\tif (len" => "q->inflight--;\n\tif (len"
 */
void proof_push_once(void)
{
	uint16_t head = any_u16(), staged;

	any_queue();
	vq_push(&q, head, any_u32());
	staged = q.staged;
	vq_push(&q, head, any_u32());
	PROVE(q.staged == staged, "once");
}

/*
 * PROOF: vq_publish() moves the used index by what was completed, whatever it is, and takes it all.
 * BOUND: queues of 1 to 8 entries, any index, with and without an in-flight record
 * SCALE: ipc/virtqueue.h: "VQ_MAX_SIZE 1024" => "VQ_MAX_SIZE 64"
 * UNWIND: 10
 * BUG: ipc/virtqueue.c: "i < q->staged; i++)" => "i <= q->staged; i++)"
 */
void proof_publish(void)
{
	uint16_t idx, staged;

	any_queue();
	idx = q.used_idx;
	staged = q.staged;
	vq_publish(&q);
	PROVE(q.used_idx == (uint16_t)(idx + staged) && !q.staged, "by what was completed");
	if (staged)
		PROVE(used.idx == q.used_idx, "and the driver sees it");
}

/*
 * PROOF: need_event() is the rule of virtio 1.2, 2.7.10, for all indexes, across their wrap.
 * BOUND: none: all 2^48 cases
 * BUG: ipc/virtqueue.c: "(uint16_t)(new - event - 1) < (uint16_t)(new - old)" => "new - event - 1 < new - old"
 */
void proof_need_event(void)
{
	uint16_t event = any_u16(), old = any_u16(), added = any_u16(), k = any_u16();
	uint16_t new = (uint16_t)(old + added);
	bool need = need_event(event, new, old);

	/* event is one of old, old + 1, ... new - 1 */
	if (k < added && event == (uint16_t)(old + k))
		PROVE(need, "an index that was passed");
	if (need)
		PROVE((uint16_t)(event - old) < added, "and no other");
}

/*
 * PROOF: asking for kicks, and asking for none, writes inside the used ring only.
 * BOUND: queues of 1 to 8 entries, with and without EVENT_IDX
 * SCALE: ipc/virtqueue.h: "VQ_MAX_SIZE 1024" => "VQ_MAX_SIZE 64"
 * UNWIND: 10
 * BUG: ipc/virtqueue.c: "&q->used[2 + 4 * (size_t)q->size]" => "&q->used[4 + 8 * (size_t)q->size]"
 */
void proof_kicks(void)
{
	any_queue();
	vq_no_kicks(&q);
	vq_want_kicks(&q);
}

/*
 * PROOF: copying out of a request stays in its readable segments and in the own buffer, and moves the smaller of what is asked for and
 *	what there is.
 * BOUND: 0 to 2 readable segments of up to 1 MiB, an own buffer of 4 bytes, any offset
 * BUG: ipc/virtqueue.c: "if (part > len - done)" => "if (part > len)"
 */
void proof_copy_out(void)
{
	uint8_t own[4];
	uint64_t off = any_u64(), sum = 0;
	size_t n = any_up_to(sizeof(own)), got;

	any_guest();
	c.out = (uint16_t)any_up_to(2);
	for (unsigned int i = 0; i < 2; i++) {
		seg[i] = (struct iovec){ (void *)any_u64(), any_u32() };
		ASSUME(seg[i].iov_len && guest_range((uint64_t)seg[i].iov_base, seg[i].iov_len));
		sum += i < c.out ? seg[i].iov_len : 0;
	}
	c.out_len = sum;
	got = vq_copy_out(&c, off, own, n);
	PROVE(got == (off >= sum ? 0 : sum - off < n ? sum - off : n), "the smaller of both");
}

/*
 * PROOF: copying into a request writes its writable segments only (the readable ones, and all else of the guest, have no object behind
 *	them: a write there fails).
 * BOUND: one readable and two writable segments of up to 4 bytes, 8 bytes to copy, any offset
 * BUG: ipc/virtqueue.c: "return copy(c->seg + c->out, c->in, off" => "return copy(c->seg, c->in, off"
 */
void proof_copy_in(void)
{
	static uint8_t a[4], b[4];
	uint8_t own[8];
	size_t got, n = any_up_to(sizeof(own)), off = any_up_to(9);

	seg[0] = (struct iovec){ (void *)(uintptr_t)GUEST_AT, any_up_to(4) };
	seg[1] = (struct iovec){ a, 1 + any_up_to(3) };
	seg[2] = (struct iovec){ b, 1 + any_up_to(3) };
	ASSUME(seg[0].iov_len);
	c.out = 1;
	c.in = 2;
	c.in_len = seg[1].iov_len + seg[2].iov_len;
	got = vq_copy_in(&c, off, own, n);
	PROVE(got == (off >= c.in_len ? 0 : c.in_len - off < n ? c.in_len - off : n), "the smaller of both");
}

/*
 * PROOF: a slice of segments lies in them, has exactly the bytes asked for, and no more pieces than there were.
 * BOUND: 0 to 3 segments, any offset and length
 * ASSUME: a process's addresses are below 2^47
 * BUG: ipc/virtqueue.c: "part = seg[i].iov_len - off;\n\t\tif (part > len)\n" => "part = seg[i].iov_len;\n\t\tif (part > len)\n"
 */
void proof_slice(void)
{
	struct iovec piece[3];
	uint64_t off = any_u64(), len = any_u64(), got = 0;
	unsigned int n = any_up_to(3), used_n;

	for (unsigned int i = 0; i < 3; i++) {
		seg[i] = (struct iovec){ (void *)any_u64(), any_u32() };
		ASSUME((uint64_t)seg[i].iov_base < 1ull << 47);
	}
	used_n = vq_slice(seg, n, off, len, piece);
	PROVE(used_n <= n, "no more pieces");
	for (unsigned int i = 0; i < 3; i++) {
		bool inside = false;

		if (i >= used_n)
			break;
		got += piece[i].iov_len;
		for (unsigned int k = 0; k < 3; k++)
			if (k < n && (uint64_t)piece[i].iov_base - (uint64_t)seg[k].iov_base <= seg[k].iov_len &&
			    piece[i].iov_len <= seg[k].iov_len - ((uint64_t)piece[i].iov_base - (uint64_t)seg[k].iov_base))
				inside = true;
		PROVE(inside, "inside a segment");
	}
	PROVE(!used_n || got == len, "all bytes, or none");
}

/*
 * PROOF: a hostile in-flight record is settled in bounded steps, inside its own array, whatever it says of heads and batches.
 * BOUND: queues of 1 to 8 entries
 * SCALE: ipc/virtqueue.h: "VQ_MAX_SIZE 1024" => "VQ_MAX_SIZE 64"
 * UNWIND: 12
 * BUG: ipc/virtqueue.c: "if (head >= q->size)\n\t\t\treturn -EINVAL;\n\t\tlog->desc" => "log->desc"
 */
void proof_log_settle(void)
{
	shared = &record;
	shared_size = sizeof(record);
	ANY(record);
	q.size = (uint16_t)(1u << any_up_to(3));
	q.used_idx = any_u16();
	fetches = 0;
	log_settle(&q, (struct vq_inflight *)&record);
	PROVE(fetches <= 2u + q.size, "a bounded number of reads");
}

/*
 * PROOF: what a record says was in flight is collected as heads of the queue, oldest first, at most once each.
 * BOUND: queues of 1 and 2 entries
 * SCALE: ipc/virtqueue.h: "VQ_MAX_SIZE 1024" => "VQ_MAX_SIZE 64"
 * UNWIND: 4
 * BUG: ipc/virtqueue.c: "at && counter[at - 1] > c; at--)" => "at && counter[at - 1] < c; at--)"
 */
void proof_log_collect(void)
{
	struct vq_inflight *log = (struct vq_inflight *)&record;

	q.size = (uint16_t)(1u << any_up_to(1));
	ANY(record);
	log_collect(&q, log);
	PROVE(q.resubmit_n <= q.size, "no more than the queue has");
	for (unsigned int i = 0; i < 2; i++)
		if (i < q.resubmit_n)
			PROVE(q.resubmit[i] < q.size && record.desc[q.resubmit[i]].inflight == 1, "a head that was in flight");
	for (unsigned int i = 1; i < 2; i++)
		if (i < q.resubmit_n)
			PROVE(q.resubmit[i] != q.resubmit[i - 1] && record.desc[q.resubmit[i]].counter >= record.desc[q.resubmit[i - 1]].counter, "oldest first");
}

/*
 * PROOF: the record of a request lies in the record's array: at its start (fetch), when it ends, and when it is shown.
 * BOUND: queues of 1 to 8 entries, any head in flight
 * SCALE: ipc/virtqueue.h: "VQ_MAX_SIZE 1024" => "VQ_MAX_SIZE 64"
 * UNWIND: 12
 * BUG: ipc/virtqueue.c: "q->log->desc[head].counter = q->log_counter++;" => "q->log->desc[head + 1].counter = q->log_counter++;"
 */
void proof_log_fetch(void)
{
	uint16_t head = any_u16();

	any_queue();
	ASSUME(q.log && head < q.size && q.busy[0] >> head & 1);
	log_fetch(&q, head);
	vq_push(&q, head, any_u32());
	vq_publish(&q);
}

/*
 * PROOF: a queue starts only with a size that is a power of two up to VQ_MAX_SIZE and with three rings that lie whole in guest memory,
 *	aligned as the specification says.
 * BOUND: any size and addresses, guest memory of up to 1 MiB
 * ASSUME: no in-flight record (proof_log_settle, proof_log_collect)
 * BUG: ipc/virtqueue.c: "4 + 8 * n + event" => "4 + 8 + event"
 */
void proof_start(void)
{
	struct vq_setup s = { .mem = &guest };
	uint64_t event;

	any_guest();
	s.size = any_u16();
	s.desc = any_u64();
	s.avail = any_u64();
	s.used = any_u64();
	s.event_idx = any_bool();
	event = s.event_idx ? 2 : 0;
	if (find_rings(&q, &s))
		return;
	PROVE(guest_range((uint64_t)q.desc, 16ull * s.size) && (uint64_t)q.desc % 16 == 0, "descriptors");
	PROVE(guest_range((uint64_t)q.avail, 4 + 2ull * s.size + event) && (uint64_t)q.avail % 2 == 0, "driver area");
	PROVE(guest_range((uint64_t)q.used, 4 + 8ull * s.size + event) && (uint64_t)q.used % 4 == 0, "device area");
	PROVE(bad_size(s.size) || (s.size && s.size <= VQ_MAX_SIZE && __builtin_popcount(s.size) == 1), "a power of two");
}
