/* SPDX-License-Identifier: GPL-2.0 */
/*
 * virtqueue.h: the device's side of a split virtqueue (virtio 1.2, section 2.7).
 *
 * The guest owns every byte of the ring and may change it while we look: each descriptor is fetched once
 * into local memory and only the copy is checked and used. A ring that breaks a rule makes the queue
 * *broken* (vq_break(): nothing more is popped, the role stays alive, the front end tells the guest
 * DEVICE_NEEDS_RESET); only starting the queue again mends it.
 *
 * It may: read and write the ring in guest memory. It may not: do I/O, allocate, keep globals, or touch
 * the data that descriptors point to (vq_copy_out() and vq_copy_in() do so when asked).
 *
 * A device works like this, once per kick:
 *
 *	while (vq_pop(q, &c) > 0) { ...start or do the request...; vq_push(q, c.head, written); }
 *	backend_notify(be, q);		(vq_publish() and, if the driver wants it, the call eventfd)
 */
#ifndef LGUEST_VIRTQUEUE_H
#define LGUEST_VIRTQUEUE_H

#include <sys/uio.h>

#include "ipc/virtqueue_mem.h"

#define VQ_MAX_SIZE 1024 /* entries; a power of two, at most 32768 by the specification */

/*
 * The longest indirect chain followed. The specification's limit is the queue size, but Linux builds longer ones. Descriptors that
 * lead to the indirect table come before it.
 */
#define VQ_MAX_CHAIN 1024u

/**
 * struct vq_chain - one request as the device sees it: checked pointers, readable ones first
 * @seg: caller's array; [0, @out) is device-readable, [@out, @out + @in) device-writable
 * @seg_max: size of @seg; a chain with more segments breaks the queue
 * @out: readable segments
 * @in: writable segments
 * @head: descriptor index to give back with vq_push()
 * @out_len: bytes in the readable segments
 * @in_len: bytes in the writable segments
 *
 * Zero-length descriptors are legal and leave no segment. Set @seg and @seg_max before vq_pop().
 */
struct vq_chain {
	struct iovec *seg;
	uint16_t seg_max;
	uint16_t out;
	uint16_t in;
	uint16_t head;
	uint64_t out_len;
	uint64_t in_len;
};

struct vq_desc;
struct vq_inflight;

/**
 * struct vq - one virtqueue; fields are the library's, devices read @index, @started and @inflight
 * @index: number of the queue in its device
 * @size: entries, power of two
 * @last_avail: next entry of the avail ring to pop
 * @seen: avail index as last read
 * @used_idx: used index as published to the driver
 * @staged: used entries written but not yet published
 * @budget: chains that this pass may still pop
 * @inflight: chains popped and not yet pushed
 * @patience: the device's: while more requests than this are known to wait, a call is put off, since the driver has nothing to do for us and
 *	each wake-up costs as much as ten frames; 0 = never. Set it after vq_start(), or clear it before the last vq_publish()
 * @empty: the last vq_pop() found no request (as opposed to: the device stopped popping by itself)
 */
struct vq {
	const struct gmem *mem;
	const struct vq_desc *desc;
	const uint16_t *avail; /* flags, idx, ring[size], used_event */
	uint16_t *used;        /* flags, idx, {u32 id, u32 len}[size], avail_event */
	uint16_t index;
	uint16_t size;
	uint16_t last_avail;
	uint16_t seen;
	uint16_t used_idx;
	uint16_t staged;
	uint16_t signalled;
	uint16_t budget;
	uint16_t inflight;
	uint16_t patience;
	bool empty;
	bool signalled_valid;
	bool event_idx;
	bool indirect;
	bool started;
	const char *broken; /* why, or NULL */
	struct vq_inflight *log;
	uint64_t log_counter;
	uint16_t resubmit_n;
	uint16_t resubmit_at;
	uint16_t resubmit[VQ_MAX_SIZE];
	uint16_t staged_head[VQ_MAX_SIZE];
	uint32_t in_len[VQ_MAX_SIZE];
	uint64_t busy[VQ_MAX_SIZE / 64]; /* heads in flight */
};

/**
 * struct vq_setup - what vq_start() needs to know
 * @mem: memory table; must outlive the running queue, and may only change while vq_retarget() follows
 * @size: entries
 * @avail_idx: where to go on in the avail ring (SET_VRING_BASE)
 * @desc: descriptor table, @avail: driver area, @used: device area, as front-end addresses
 * @event_idx: VIRTIO_F_EVENT_IDX was negotiated, @indirect: VIRTIO_F_INDIRECT_DESC was
 * @log: in-flight record of this queue (vq_inflight_size() bytes, writable by the peer) or NULL
 */
struct vq_setup {
	const struct gmem *mem;
	uint16_t size;
	uint16_t avail_idx;
	uint64_t desc;
	uint64_t avail;
	uint64_t used;
	bool event_idx;
	bool indirect;
	struct vq_inflight *log;
};

/**
 * vq_start() - start the queue; clears a broken state
 * @q: the queue; only @index must be set
 * @s: where the rings are
 *
 * With an in-flight record that holds requests of a device process that died, they are popped again
 * first, oldest first, and @s->avail_idx is ignored (no front end can know it after a crash).
 *
 * Return: 0, -EINVAL (size not a power of two or above VQ_MAX_SIZE, misaligned ring), -EFAULT (a ring
 * outside the memory table).
 */
int vq_start(struct vq *q, const struct vq_setup *s);

/**
 * vq_retarget() - look the rings of a running queue up again after the memory table changed
 * @q: the queue
 * @s: as for vq_start(); indexes and in-flight heads are kept
 *
 * Return: as vq_start(); on an error the queue is broken.
 */
int vq_retarget(struct vq *q, const struct vq_setup *s);

/**
 * vq_stop() - forget the rings; call when nothing is in flight
 * @q: the queue
 *
 * Return: the avail index to go on from (GET_VRING_BASE).
 */
uint16_t vq_stop(struct vq *q);

/**
 * vq_break() - mark the queue broken; it pops nothing until it is started again
 * @q: the queue
 * @why: constant string, one clause: what the driver did wrong
 */
void vq_break(struct vq *q, const char *why);

/**
 * vq_pass() - begin one pass over the queue: at most @q->size chains will be popped in it
 * @q: the queue
 *
 * Without the bound a guest that refills the ring as fast as we empty it would own the loop. The back-end
 * loop calls this before each queue_kick(), devices that pop at other times call it themselves; vq_pop() answers 0 when the budget is gone.
 */
void vq_pass(struct vq *q);

/**
 * vq_limit() - let the pass that has begun pop no more than this
 * @q: the queue
 * @chains: at least 1; what it leaves is for the next pass (vq_exhausted())
 */
static inline void vq_limit(struct vq *q, uint16_t chains)
{
	if (q->budget > chains)
		q->budget = chains;
}

/**
 * vq_exhausted() - did the last pass end because of its budget?
 * @q: the queue
 *
 * Return: true when the queue must get another pass without waiting for a kick.
 */
static inline bool vq_exhausted(const struct vq *q)
{
	return q->started && !q->broken && q->budget == 0;
}

/**
 * vq_pop() - take the next request
 * @q: the queue
 * @c: receives the request; @c->seg and @c->seg_max are the caller's
 *
 * Return: 1 = a request, 0 = none (or the pass is over), -1 = the queue is (now) broken.
 */
int vq_pop(struct vq *q, struct vq_chain *c);

/**
 * vq_unpop() - give back the chain popped last, as if it had not been popped
 * @q: the queue
 * @head: its head
 *
 * For devices that find no room or no data after popping; only in reverse order of popping.
 */
void vq_unpop(struct vq *q, uint16_t head);

/**
 * vq_push() - complete a request: stage its used entry
 * @q: the queue
 * @head: vq_chain.head
 * @len: bytes written into the writable segments, from their start; clamped to what the chain had, so that
 *	a device's mistake cannot tell the driver to read stale bytes as data
 *
 * Completion order is free. A head that is not in flight is ignored. Nothing is visible before vq_publish().
 */
void vq_push(struct vq *q, uint16_t head, uint32_t len);

/**
 * vq_publish() - make staged used entries visible to the driver
 * @q: the queue
 *
 * Return: true when the driver wants an interrupt for them (2.7.10), or for those of before that were put off (@patience).
 */
bool vq_publish(struct vq *q);

/**
 * vq_moved() - has the driver added requests since the queue was last found empty?
 * @q: the queue
 *
 * A look and no more: it asks for no kick, and vq_pop() decides what there is.
 */
bool vq_moved(const struct vq *q);

/**
 * vq_want_kicks() - ask the driver for a notification at the next request
 * @q: the queue
 *
 * "Next" is after what vq_pop() last saw in the ring, also when some of that was given back with vq_unpop().
 *
 * Return: true when requests arrived meanwhile: go on popping.
 */
bool vq_want_kicks(struct vq *q);

/**
 * vq_no_kicks() - tell the driver that kicks are pointless for now (a hint)
 * @q: the queue
 */
void vq_no_kicks(struct vq *q);

/**
 * vq_hush() - take back vq_want_kicks(): whoever looks at the queue by himself needs no kick of the next requests
 * @q: the queue
 *
 * A driver that has looked already may kick all the same. Before one sleeps, vq_want_kicks().
 */
void vq_hush(struct vq *q);

/**
 * vq_copy_out() - copy from a request's readable segments, once
 * @c: the request
 * @off: byte offset into them
 * @dst: own memory
 * @len: bytes
 *
 * Return: bytes copied, less than @len only at the end of the segments.
 */
size_t vq_copy_out(const struct vq_chain *c, uint64_t off, void *dst, size_t len);

/**
 * vq_copy_in() - copy into a request's writable segments
 * @c: the request
 * @off: byte offset into them
 * @src: own memory
 * @len: bytes
 *
 * Return: bytes copied, less than @len only at the end of the segments.
 */
size_t vq_copy_in(const struct vq_chain *c, uint64_t off, const void *src, size_t len);

/**
 * vq_slice() - segments that cover a part of a request, for readv() and friends
 * @seg: segments, c->seg or c->seg + c->out
 * @n: their number
 * @off: first byte
 * @len: bytes
 * @iov: receives the slice; room for @n entries
 *
 * Return: entries used, or 0 when the part is empty or not covered.
 */
unsigned int vq_slice(const struct iovec *seg, unsigned int n, uint64_t off, uint64_t len, struct iovec *iov);

/**
 * vq_inflight_size() - bytes of the in-flight record of a queue (vhost-user INFLIGHT_SHMFD, split ring)
 * @size: queue size
 *
 * Return: 16 + 16 * @size, rounded up to 64.
 */
static inline size_t vq_inflight_size(uint16_t size)
{
	return (16 + (size_t)16 * size + 63) & ~(size_t)63;
}

#endif
