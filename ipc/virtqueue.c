// SPDX-License-Identifier: GPL-2.0
/*D:130
 * virtqueue.c: the device's side of a split virtqueue, virtio 1.2 section 2.7. See virtqueue.h for what it may do.
 *
 * Reading order: vq_pop() and what it calls is where a hostile driver is met; vq_push() and vq_publish() give
 * requests back; the rest is starting, stopping and the in-flight record of vhost-user.
 */
#include "ipc/virtqueue.h"

#include <errno.h>

#include "ipc/virtqueue_ring.h"

void vq_break(struct vq *q, const char *why)
{
	if (!q->broken)
		q->broken = why;
}

static bool is_busy(const struct vq *q, uint16_t head)
{
	return q->busy[head / 64] >> (head % 64) & 1;
}

static void set_busy(struct vq *q, uint16_t head, bool on)
{
	uint64_t bit = 1ull << (head % 64);

	if (on)
		q->busy[head / 64] |= bit;
	else
		q->busy[head / 64] &= ~bit;
}

/* Requests of a dead process come first; they are already in the in-flight record. */
static int next_head(struct vq *q, uint16_t *head)
{
	uint16_t n;

	if (q->resubmit_at < q->resubmit_n) {
		*head = q->resubmit[q->resubmit_at];
		return 1;
	}
	q->seen = gmem_fetch16(&q->avail[1]);
	n = (uint16_t)(q->seen - q->last_avail);
	if (n > q->size) {
		vq_break(q, "avail index jumped by more than the queue size");
		return -1;
	}
	if (!n)
		return 0;
	*head = gmem_fetch16(&q->avail[2 + (q->last_avail & (q->size - 1))]);
	return 1;
}

/* What the walk is reading from: the queue's own table, or an indirect one. */
struct table {
	const struct vq_desc *desc;
	uint32_t n;
	bool indirect;
};

/* 2.7.5.3: the descriptor names a table; the walk goes on at its entry 0. @d is our copy. */
static const char *enter_indirect(const struct vq *q, struct table *t, const struct vq_desc *d)
{
	if (!q->indirect)
		return "indirect descriptor without VIRTIO_F_INDIRECT_DESC";
	if (t->indirect)
		return "indirect descriptor inside an indirect table";
	if (d->flags & VQ_DESC_NEXT)
		return "indirect descriptor with NEXT";
	if (!d->len || d->len % sizeof(*d))
		return "indirect table length is not a multiple of 16";
	t->desc = gmem_at(q->mem, d->addr, d->len);
	if (!t->desc)
		return "indirect table outside the memory table";
	t->n = d->len / (uint32_t)sizeof(*d);
	t->indirect = true;
	return NULL;
}

static const char *add_segment(const struct vq *q, struct vq_chain *c, const struct vq_desc *d)
{
	bool write = d->flags & VQ_DESC_WRITE;
	void *p;

	if (!write && c->in)
		return "device-readable descriptor after a device-writable one";
	if (!d->len)
		return NULL;
	p = gmem_at(q->mem, d->addr, d->len);
	if (!p)
		return "buffer outside the memory table";
	if (c->out + c->in == c->seg_max)
		return "more segments than the device takes";
	c->seg[c->out + c->in] = (struct iovec){ p, d->len };
	if (write) {
		c->in++;
		c->in_len += d->len;
	} else {
		c->out++;
		c->out_len += d->len;
	}
	return NULL;
}

/*D:150
 * This is where vq_pop() meets the guest's own data structure: a linked list whose owner may change it while we follow
 * it. Each descriptor is fetched once, only the copy is looked at, and every address in it goes through the memory
 * table (add_segment() above).
 */
/*
 * Follow a chain. Bounded twice: by the number of descriptors seen, so that loops end (also those of
 * zero-length descriptors, which make no segment), and by the caller's array.
 */
static const char *walk(const struct vq *q, struct vq_chain *c, uint16_t head)
{
	struct table t = { q->desc, q->size, false };
	uint32_t i = head, seen = 0, max = q->size;
	struct vq_desc d;
	const char *why;

	c->out = c->in = 0;
	c->out_len = c->in_len = 0;
	for (;;) {
		if (i >= t.n)
			return "descriptor index beyond its table";
		if (seen++ == max)
			return "descriptor chain too long or endless";
		gmem_fetch(&d, &t.desc[i], sizeof(d)); /* the only fetch of this descriptor */
		if (d.flags & VQ_DESC_INDIRECT) {
			why = enter_indirect(q, &t, &d);
			if (why)
				return why;
			max = seen + VQ_MAX_CHAIN;
			i = 0;
			continue;
		}
		why = add_segment(q, c, &d);
		if (why)
			return why;
		if (!(d.flags & VQ_DESC_NEXT))
			return NULL;
		i = d.next;
	}
}

/* In-flight record, "fetch": the counter orders a resubmission. The record is the peer's to spoil, not to crash us. */
static void log_fetch(struct vq *q, uint16_t head)
{
	if (!q->log)
		return;
	q->log->desc[head].counter = q->log_counter++;
	__atomic_store_n(&q->log->desc[head].inflight, 1, __ATOMIC_RELEASE);
}

/*D:140
 * We know how a guest's number becomes a pointer. Now a driver has put requests into its ring, and the device asks for
 * the next one. Look at the order: the head is held against all that the queue knows of itself before a single
 * descriptor is read, and a driver that breaks a rule loses its queue, and not the process, until it starts the queue
 * again.
 */
int vq_pop(struct vq *q, struct vq_chain *c)
{
	const char *why;
	uint16_t head;
	int r;

	if (q->broken)
		return -1;
	if (!q->started || !q->budget)
		return 0;
	r = next_head(q, &head);
	q->empty = !r;
	if (r <= 0)
		return r;
	if (head >= q->size)
		why = "head beyond the queue size";
	else if (q->inflight + q->staged == q->size) /* completed heads are the driver's again once published, not before */
		why = "more requests than descriptors";
	else if (is_busy(q, head))
		why = "head is already in flight"; /* else one request would complete, and free, the other's buffers */
	else
		why = walk(q, c, head);
	if (why) {
		vq_break(q, why);
		return -1;
	}
	c->head = head;
	if (q->resubmit_at < q->resubmit_n) {
		q->resubmit_at++;
	} else {
		q->resubmit_n = q->resubmit_at = 0;
		q->last_avail++;
		log_fetch(q, head);
	}
	set_busy(q, head, true);
	q->in_len[head] = c->in_len > UINT32_MAX ? UINT32_MAX : (uint32_t)c->in_len;
	q->inflight++;
	q->budget--;
	return 1;
}

void vq_unpop(struct vq *q, uint16_t head)
{
	if (head >= q->size || !is_busy(q, head))
		return;
	set_busy(q, head, false);
	q->inflight--;
	q->budget++;
	if (q->resubmit_at && q->resubmit[q->resubmit_at - 1] == head) {
		q->resubmit_at--;
		return;
	}
	q->last_avail--;
	if (q->log)
		__atomic_store_n(&q->log->desc[head].inflight, 0, __ATOMIC_RELEASE);
}

void vq_pass(struct vq *q)
{
	q->budget = q->size;
}

void vq_push(struct vq *q, uint16_t head, uint32_t len)
{
	struct vq_used_elem *ring = (struct vq_used_elem *)(q->used + 2);
	uint16_t slot;

	if (!q->started || head >= q->size || !is_busy(q, head))
		return;
	set_busy(q, head, false);
	q->inflight--;
	if (len > q->in_len[head])
		len = q->in_len[head];
	slot = (uint16_t)((q->used_idx + q->staged) & (q->size - 1));
	ring[slot] = (struct vq_used_elem){ head, len };
	q->staged_head[q->staged++] = head;
	if (q->log) {
		q->log->desc[head].next = q->log->last_batch_head;
		__atomic_store_n(&q->log->last_batch_head, head, __ATOMIC_RELEASE);
	}
}

/* In-flight record, "commit": only after used->idx names the batch may its heads stop being in flight. */
static void log_commit(struct vq *q)
{
	if (!q->log)
		return;
	for (uint16_t i = 0; i < q->staged; i++)
		__atomic_store_n(&q->log->desc[q->staged_head[i]].inflight, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&q->log->used_idx, q->used_idx, __ATOMIC_RELEASE);
}

/* 2.7.10: has the driver asked for an interrupt between @old (exclusive) and @new? */
static bool need_event(uint16_t event, uint16_t new, uint16_t old)
{
	return (uint16_t)(new - event - 1) < (uint16_t)(new - old);
}

/*D:160
 * The device has done some requests and pushed them, and the driver knows of none until this function: one store moves
 * the used index for all of them. Then the question is whether the driver sleeps. Driver and device each write a word
 * and then read the other's, so without the fence between the two both could miss each other, and the driver would wait
 * for ever. vq_want_kicks() below is the same the other way round.
 */
bool vq_publish(struct vq *q)
{
	uint16_t old = q->signalled;
	bool valid = q->signalled_valid;

	if (!q->staged)
		return false;
	q->used_idx = (uint16_t)(q->used_idx + q->staged);
	__atomic_store_n(&q->used[1], q->used_idx, __ATOMIC_RELEASE);
	log_commit(q);
	q->staged = 0;
	/* What waits will be popped, and published: that asks for those of now, too. */
	if (q->patience && (uint16_t)(q->seen - q->last_avail) > q->patience)
		return false;
	/* The driver arms used_event and then looks at used->idx: we must do the opposite in order. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!q->event_idx)
		return !(gmem_fetch16(&q->avail[0]) & VQ_AVAIL_NO_INTERRUPT);
	q->signalled = q->used_idx;
	q->signalled_valid = true;
	return !valid || need_event(gmem_fetch16(&q->avail[2 + q->size]), q->used_idx, old);
}

bool vq_want_kicks(struct vq *q)
{
	if (!q->started || q->broken)
		return false;
	if (q->event_idx)
		__atomic_store_n(&q->used[2 + 4 * (size_t)q->size], q->seen, __ATOMIC_RELAXED);
	else
		__atomic_store_n(&q->used[0], 0, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return gmem_fetch16(&q->avail[1]) != q->seen;
}

bool vq_moved(const struct vq *q)
{
	return q->started && !q->broken && gmem_fetch16(&q->avail[1]) != q->seen;
}

void vq_no_kicks(struct vq *q)
{
	/* With EVENT_IDX an old avail_event does the same for nothing. */
	if (q->started && !q->event_idx)
		__atomic_store_n(&q->used[0], VQ_USED_NO_NOTIFY, __ATOMIC_RELAXED);
}

void vq_hush(struct vq *q)
{
	/* 2.7.10: an index that the driver has passed asks for nothing */
	if (q->started && q->event_idx)
		__atomic_store_n(&q->used[2 + 4 * (size_t)q->size], (uint16_t)(q->seen - 1), __ATOMIC_RELAXED);
	else
		vq_no_kicks(q);
}

static int find_rings(struct vq *q, const struct vq_setup *s)
{
	size_t event = s->event_idx ? 2 : 0, n = s->size;
	void *desc, *avail, *used;

	desc = gmem_at_uaddr(s->mem, s->desc, 16 * n);
	avail = gmem_at_uaddr(s->mem, s->avail, 4 + 2 * n + event);
	used = gmem_at_uaddr(s->mem, s->used, 4 + 8 * n + event);
	if (!desc || !avail || !used)
		return -EFAULT;
	/* 2.7: alignment 16, 2 and 4; by pointer, since that is what the processor and UBSan look at */
	if ((uintptr_t)desc % 16 || (uintptr_t)avail % 2 || (uintptr_t)used % 4)
		return -EINVAL;
	q->mem = s->mem;
	q->desc = desc;
	q->avail = avail;
	q->used = used;
	return 0;
}

static bool bad_size(uint16_t size)
{
	return !size || size > VQ_MAX_SIZE || size & (size - 1);
}

/*D:170
 * What becomes of the requests of a device process that dies? Each one that was popped is marked in a record, which the
 * front end lends and which outlives the process; vq_pop(), vq_push() and vq_publish() have kept it all along. The next
 * process reads it in two steps: what had reached the used ring is done, and what is marked still runs again
 * (log_collect() below). The peer may write the record too, so its numbers are checked.
 */
/* vhost-user, recovery step 1: entries that reached the used ring before the crash are not in flight any more. */
static int log_settle(struct vq *q, struct vq_inflight *log)
{
	uint16_t n = (uint16_t)(q->used_idx - gmem_fetch16(&log->used_idx));
	uint16_t head = gmem_fetch16(&log->last_batch_head);

	if (n > q->size)
		return -EINVAL;
	while (n--) {
		if (head >= q->size)
			return -EINVAL;
		log->desc[head].inflight = 0;
		head = gmem_fetch16(&log->desc[head].next);
	}
	log->used_idx = q->used_idx;
	return 0;
}

/* Step 2: what is still marked runs again, oldest first. Sorted by insertion: no allocation, at most 1024, once. */
static void log_collect(struct vq *q, struct vq_inflight *log)
{
	uint64_t counter[VQ_MAX_SIZE], c;
	uint16_t n = 0, at;

	q->log_counter = 0;
	for (uint16_t i = 0; i < q->size; i++) {
		if (__atomic_load_n(&log->desc[i].inflight, __ATOMIC_ACQUIRE) != 1)
			continue;
		c = __atomic_load_n(&log->desc[i].counter, __ATOMIC_RELAXED);
		for (at = n++; at && counter[at - 1] > c; at--) {
			counter[at] = counter[at - 1];
			q->resubmit[at] = q->resubmit[at - 1];
		}
		counter[at] = c;
		q->resubmit[at] = i;
		if (c >= q->log_counter)
			q->log_counter = c + 1;
	}
	q->resubmit_n = n;
}

static int log_start(struct vq *q, struct vq_inflight *log)
{
	int r;

	q->log = log;
	if (!gmem_fetch16(&log->version)) {
		log->desc_num = q->size;
		log->used_idx = q->used_idx;
		__atomic_store_n(&log->version, 1, __ATOMIC_RELEASE);
		return 0;
	}
	if (gmem_fetch16(&log->desc_num) != q->size)
		return -EINVAL;
	r = log_settle(q, log);
	if (r)
		return r;
	log_collect(q, log);
	q->last_avail = q->seen = (uint16_t)(q->used_idx + q->resubmit_n);
	return 0;
}

/*D:180
 * The last of the ring is how one begins: the front end says where the three arrays are, and they are looked up in the
 * memory table like any other address. After a death the next process comes through here as well, and then the record's
 * word replaces the index that the front end has named (log_start() above). Who says all this, and how, is the wire, to
 * which we come now.
 */
int vq_start(struct vq *q, const struct vq_setup *s)
{
	uint16_t index = q->index;
	int r;

	if (bad_size(s->size))
		return -EINVAL;
	memset(q, 0, sizeof(*q));
	q->index = index;
	q->size = s->size;
	q->event_idx = s->event_idx;
	q->indirect = s->indirect;
	r = find_rings(q, s);
	if (r)
		return r;
	q->last_avail = q->seen = s->avail_idx;
	q->used_idx = gmem_fetch16(&q->used[1]);
	if (s->log) {
		r = log_start(q, s->log);
		if (r)
			return r;
	}
	q->started = true;
	return 0;
}

int vq_retarget(struct vq *q, const struct vq_setup *s)
{
	int r = find_rings(q, s);

	if (r) {
		vq_break(q, "ring outside the memory table after it changed");
		q->started = false; /* the old pointers are about to be unmapped */
	}
	return r;
}

uint16_t vq_stop(struct vq *q)
{
	uint16_t next = q->last_avail, index = q->index;

	memset(q, 0, sizeof(*q));
	q->index = index;
	return next;
}

/* Both copies walk segments the same way; @in says which way the bytes go. */
static size_t copy(const struct iovec *seg, unsigned int n, uint64_t off, uint8_t *own, size_t len, bool in)
{
	size_t done = 0, part;

	for (unsigned int i = 0; i < n && done < len; i++) {
		uint8_t *p = seg[i].iov_base;

		if (off >= seg[i].iov_len) {
			off -= seg[i].iov_len;
			continue;
		}
		part = seg[i].iov_len - (size_t)off;
		if (part > len - done)
			part = len - done;
		if (in)
			memcpy(p + off, own + done, part);
		else
			gmem_fetch(own + done, p + off, part);
		done += part;
		off = 0;
	}
	return done;
}

size_t vq_copy_out(const struct vq_chain *c, uint64_t off, void *dst, size_t len)
{
	return copy(c->seg, c->out, off, dst, len, false);
}

size_t vq_copy_in(const struct vq_chain *c, uint64_t off, const void *src, size_t len)
{
	/* copy() only reads @own in this direction */
	return copy(c->seg + c->out, c->in, off, (uint8_t *)(uintptr_t)src, len, true);
}

unsigned int vq_slice(const struct iovec *seg, unsigned int n, uint64_t off, uint64_t len, struct iovec *iov)
{
	unsigned int used = 0;
	uint64_t part;

	for (unsigned int i = 0; i < n && len; i++) {
		if (off >= seg[i].iov_len) {
			off -= seg[i].iov_len;
			continue;
		}
		part = seg[i].iov_len - off;
		if (part > len)
			part = len;
		iov[used].iov_base = (uint8_t *)seg[i].iov_base + off;
		iov[used++].iov_len = (size_t)part;
		len -= part;
		off = 0;
	}
	return len ? 0 : used;
}
