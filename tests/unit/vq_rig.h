/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vq_rig.h: a virtqueue in our own memory, with a driver that can be as wrong as it likes. For the tests of
 * ipc/virtqueue. Every test has its own rig; malloc'ed memory gives ASan red zones at its ends.
 */
#ifndef LGUEST_VQ_RIG_H
#define LGUEST_VQ_RIG_H

#include <errno.h>
#include <stdlib.h>

#include <criterion/criterion.h>

#include "ipc/virtqueue.h"
#include "ipc/virtqueue_ring.h"

#define GPA 0x40000000ull
#define UADDR 0x7f0000000000ull
#define MEM 0x20000u
#define QSIZE 8u
#define AVAIL_OFF 0x4000u
#define USED_OFF 0x8000u
#define DATA_OFF 0x10000u
#define DATA (GPA + DATA_OFF)
#define EVENT_IDX 1u
#define INDIRECT 2u

struct rig {
	struct gmem mem;
	uint8_t *bytes;
	struct vq_desc *desc;
	uint16_t *avail, *used;
	uint16_t avail_idx;
	struct vq_setup setup;
	struct vq q;
	struct vq_chain c;
	struct iovec seg[64];
};

static inline struct rig *rig_new(unsigned int flags, uint16_t size)
{
	struct rig *r = calloc(1, sizeof(*r));

	r->bytes = aligned_alloc(4096, MEM);
	memset(r->bytes, 0, MEM);
	cr_assert_eq(gmem_add(&r->mem, &(struct gmem_region){ .gpa = GPA, .size = MEM, .uaddr = UADDR, .host = r->bytes }), 0);
	r->desc = (struct vq_desc *)r->bytes;
	r->avail = (uint16_t *)(r->bytes + AVAIL_OFF);
	r->used = (uint16_t *)(r->bytes + USED_OFF);
	r->setup = (struct vq_setup){ .mem = &r->mem, .size = size, .desc = UADDR, .avail = UADDR + AVAIL_OFF,
				      .used = UADDR + USED_OFF, .event_idx = flags & EVENT_IDX, .indirect = flags & INDIRECT };
	cr_assert_eq(vq_start(&r->q, &r->setup), 0);
	r->c.seg = r->seg;
	r->c.seg_max = 64;
	return r;
}

static inline void rig_free(struct rig *r)
{
	free(r->bytes);
	free(r);
}

static inline void put_desc(struct vq_desc *t, uint16_t i, uint64_t addr, uint32_t len, unsigned int flags, uint16_t next)
{
	t[i] = (struct vq_desc){ addr, len, (uint16_t)flags, next };
}

/* Offer a head, whatever it is. */
static inline void offer(struct rig *r, uint16_t head)
{
	r->avail[2 + r->avail_idx % r->q.size] = head;
	r->avail_idx++;
	r->avail[1] = r->avail_idx;
}

/* One pass's pop. */
static inline int pop(struct rig *r)
{
	vq_pass(&r->q);
	return vq_pop(&r->q, &r->c);
}

/* After whatever went wrong: broken, nothing popped any more, and a restart mends it. */
static inline void expect_broken(struct rig *r, const char *why)
{
	cr_assert_not_null(r->q.broken, "the queue should be broken: %s", why);
	cr_assert(strstr(r->q.broken, why), "broken for '%s', expected '%s'", r->q.broken, why);
	cr_assert_eq(pop(r), -1);
	cr_assert_eq(r->q.inflight, 0);
	r->avail_idx = 0;
	r->avail[1] = 0;
	r->used[1] = 0;
	cr_assert_eq(vq_start(&r->q, &r->setup), 0);
	put_desc(r->desc, 0, DATA, 16, VQ_DESC_WRITE, 0);
	offer(r, 0);
	cr_assert_eq(pop(r), 1);
}

static inline struct vq_used_elem used_at(const struct rig *r, uint16_t i)
{
	return ((struct vq_used_elem *)(r->used + 2))[i % r->q.size];
}

#endif
