// SPDX-License-Identifier: GPL-2.0
/*
 * vq_rows.c: what broke other people's rings (docs/known-bugs.md, R1 to R20), as far as the virtqueue library can
 * meet it. Rows that need a session are in ipc_rows.c, those of a device in its folder, unit_NAME.c.
 */
#include <pthread.h>
#include <sched.h>

#include "tests/unit/vq_rig.h"

TestSuite(vq_rows, .timeout = 30);

Test(vq_rows, R1_endless_chain_direct)
{
	struct rig *r = rig_new(0, QSIZE);

	put_desc(r->desc, 0, DATA, 16, VQ_DESC_NEXT, 1);
	put_desc(r->desc, 1, DATA, 16, VQ_DESC_NEXT, 0);
	offer(r, 0);
	cr_assert_eq(pop(r), -1);
	expect_broken(r, "too long or endless");
	rig_free(r);
}

Test(vq_rows, R1_endless_chain_indirect)
{
	struct rig *r = rig_new(INDIRECT, QSIZE);
	struct vq_desc *t = (struct vq_desc *)(r->bytes + DATA_OFF);

	r->c.seg_max = 64;
	put_desc(r->desc, 0, DATA, 32, VQ_DESC_INDIRECT, 0);
	/* zero-length, so that only the count of descriptors can end it, not the array of segments */
	put_desc(t, 0, DATA, 0, VQ_DESC_NEXT, 1);
	put_desc(t, 1, DATA, 0, VQ_DESC_NEXT, 0);
	offer(r, 0);
	cr_assert_eq(pop(r), -1);
	expect_broken(r, "too long or endless");
	rig_free(r);
}

Test(vq_rows, R2_zero_length_in_every_position)
{
	struct rig *r = rig_new(0, QSIZE);

	for (int zero = 0; zero < 3; zero++) {
		for (uint16_t i = 0; i < 3; i++)
			put_desc(r->desc, i, DATA + 64u * i, i == zero ? 0 : 8,
				 (i < 2 ? VQ_DESC_NEXT : 0) | (i == 2 ? VQ_DESC_WRITE : 0), (uint16_t)(i + 1));
		offer(r, 0);
		cr_assert_eq(pop(r), 1);
		cr_assert_eq(r->c.out + r->c.in, 2);
		cr_assert_eq(r->c.out_len + r->c.in_len, 16);
		vq_push(&r->q, 0, 0);
		vq_publish(&r->q);
	}
	/* and nothing but zero-length descriptors, in a loop */
	put_desc(r->desc, 0, DATA, 0, VQ_DESC_NEXT, 0);
	offer(r, 0);
	cr_assert_eq(pop(r), -1);
	expect_broken(r, "too long or endless");
	rig_free(r);
}

Test(vq_rows, R3_chain_longer_than_the_queue)
{
	struct rig *r = rig_new(0, QSIZE);

	/* the table is longer than the queue says: entry QSIZE exists in memory */
	for (uint16_t i = 0; i <= QSIZE; i++)
		put_desc(r->desc, i, DATA, 8, i < QSIZE ? VQ_DESC_NEXT : 0, (uint16_t)(i + 1));
	offer(r, 0);
	cr_assert_eq(pop(r), -1);
	expect_broken(r, "beyond its table");
	rig_free(r);
}

Test(vq_rows, R3_indirect_table_of_4096_entries)
{
	struct rig *r = rig_new(INDIRECT, QSIZE);
	struct vq_desc *t = (struct vq_desc *)(r->bytes + DATA_OFF);

	for (uint16_t i = 0; i < 4095; i++)
		put_desc(t, i, DATA, 0, VQ_DESC_NEXT, (uint16_t)(i + 1));
	put_desc(t, 4095, DATA, 0, 0, 0);
	put_desc(r->desc, 0, DATA, 4096 * 16, VQ_DESC_INDIRECT, 0);
	offer(r, 0);
	cr_assert_eq(pop(r), -1);
	expect_broken(r, "too long or endless");
	rig_free(r);
}

Test(vq_rows, R3_more_segments_than_the_device_takes)
{
	struct rig *r = rig_new(0, QSIZE);

	for (uint16_t i = 0; i < QSIZE; i++)
		put_desc(r->desc, i, DATA, 8, i + 1u < QSIZE ? VQ_DESC_NEXT : 0, (uint16_t)(i + 1));
	r->c.seg_max = 4;
	r->c.seg = malloc(4 * sizeof(struct iovec)); /* ASan sees a fifth */
	offer(r, 0);
	cr_assert_eq(pop(r), -1);
	free(r->c.seg);
	r->c.seg = r->seg;
	r->c.seg_max = 64;
	expect_broken(r, "more segments");
	rig_free(r);
}

Test(vq_rows, R4_head_and_next_beyond_the_queue)
{
	static const uint16_t bad[] = { QSIZE, QSIZE + 1, 0x7fff, 0xffff };

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct rig *r = rig_new(0, QSIZE);

		offer(r, bad[i]);
		cr_assert_eq(pop(r), -1);
		expect_broken(r, "head beyond");
		rig_free(r);

		r = rig_new(0, QSIZE);
		put_desc(r->desc, 0, DATA, 8, VQ_DESC_NEXT, bad[i]);
		offer(r, 0);
		cr_assert_eq(pop(r), -1);
		expect_broken(r, "beyond its table");
		rig_free(r);
	}
}

Test(vq_rows, R5_avail_index_jumps)
{
	static const uint16_t bad[] = { QSIZE + 1, 0x8000, 0xffff };

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct rig *r = rig_new(0, QSIZE);

		put_desc(r->desc, 0, DATA, 8, 0, 0);
		r->avail[1] = bad[i];
		cr_assert_eq(pop(r), -1);
		expect_broken(r, "avail index jumped");
		rig_free(r);
	}
	/* a full ring is no jump, also across the wrap of the index */
	struct rig *r = rig_new(0, QSIZE);

	r->setup.avail_idx = 0xfffc;
	cr_assert_eq(vq_start(&r->q, &r->setup), 0);
	r->avail_idx = 0xfffc;
	for (uint16_t i = 0; i < QSIZE; i++) {
		put_desc(r->desc, i, DATA, 8, 0, 0);
		offer(r, i);
	}
	vq_pass(&r->q);
	for (unsigned int i = 0; i < QSIZE; i++)
		cr_assert_eq(vq_pop(&r->q, &r->c), 1);
	cr_assert_eq(vq_pop(&r->q, &r->c), 0);
	rig_free(r);
}

static void *refill(void *arg)
{
	struct rig *r = arg;

	/* one more than was completed, always; the avail flags serve as the signal to end */
	while (!__atomic_load_n(&r->avail[0], __ATOMIC_RELAXED))
		__atomic_store_n(&r->avail[1], (uint16_t)(__atomic_load_n(&r->used[1], __ATOMIC_ACQUIRE) + 1), __ATOMIC_RELEASE);
	return NULL;
}

/* Until the guest was fast enough for a whole pass, whoever else wants the processor: before that the bound was not met */
Test(vq_rows, R6_guest_refills_while_we_pop, .timeout = 120)
{
	struct rig *r = rig_new(0, QSIZE);
	unsigned int passes, popped, whole = 0;
	pthread_t t;

	put_desc(r->desc, 0, DATA, 8, 0, 0); /* every entry of the avail ring names head 0 */
	pthread_create(&t, NULL, refill, r);
	for (passes = 0; passes < 2000 || !whole; passes++) {
		vq_pass(&r->q);
		for (popped = 0; vq_pop(&r->q, &r->c) > 0; popped++) {
			vq_push(&r->q, r->c.head, 0);
			vq_publish(&r->q);
			/* let the other side put the next one in before we look */
			for (int spin = 0; spin < 200 && r->avail[1] == r->q.last_avail; spin++)
				sched_yield();
		}
		whole += popped == QSIZE;
		cr_assert_leq(popped, QSIZE, "a pass popped %u", popped);
		cr_assert_null(r->q.broken);
	}
	__atomic_store_n(&r->avail[0], 1, __ATOMIC_RELAXED);
	pthread_join(t, NULL);
	rig_free(r);
}

Test(vq_rows, R6_the_pass_ends_and_says_so)
{
	struct rig *r = rig_new(0, QSIZE);
	unsigned int n = 0;

	put_desc(r->desc, 0, DATA, 8, 0, 0);
	offer(r, 0);
	vq_pass(&r->q);
	while (n < 100 && vq_pop(&r->q, &r->c) > 0) {
		vq_push(&r->q, 0, 0);
		vq_publish(&r->q);
		offer(r, 0);
		n++;
	}
	cr_assert_eq(n, QSIZE);
	cr_assert(vq_exhausted(&r->q));
	rig_free(r);
}

Test(vq_rows, R7_head_twice_in_flight)
{
	struct rig *r = rig_new(0, QSIZE);

	put_desc(r->desc, 3, DATA, 8, VQ_DESC_WRITE, 0);
	offer(r, 3);
	offer(r, 3);
	vq_pass(&r->q);
	cr_assert_eq(vq_pop(&r->q, &r->c), 1);
	cr_assert_eq(vq_pop(&r->q, &r->c), -1);
	cr_assert(strstr(r->q.broken, "already in flight"));
	/* the first one still completes, once */
	vq_push(&r->q, 3, 8);
	vq_push(&r->q, 3, 8);
	vq_publish(&r->q);
	cr_assert_eq(r->used[1], 1);
	expect_broken(r, "already in flight");
	rig_free(r);
}

/* A head that is offered again when it was completed but not yet given back: what is staged must not outgrow its array. */
Test(vq_rows, R7_heads_again_before_they_came_back)
{
	struct rig *r = rig_new(0, QSIZE);
	unsigned int n = 0;

	for (uint16_t i = 0; i < QSIZE; i++)
		put_desc(r->desc, i, DATA, 8, VQ_DESC_WRITE, 0);
	for (uint16_t i = 0; i < 3 * QSIZE && !r->q.broken; i++) {
		offer(r, i % QSIZE);
		if (pop(r) > 0) {
			vq_push(&r->q, r->c.head, 8);
			n++;
		}
	}
	cr_assert_eq(n, QSIZE);
	vq_publish(&r->q);
	expect_broken(r, "more requests than descriptors");
	rig_free(r);
}

Test(vq_rows, R7_head_again_after_completion)
{
	struct rig *r = rig_new(0, QSIZE);

	put_desc(r->desc, 3, DATA, 8, VQ_DESC_WRITE, 0);
	for (int i = 0; i < 3; i++) {
		offer(r, 3);
		cr_assert_eq(pop(r), 1);
		vq_push(&r->q, 3, 8);
		vq_publish(&r->q);
	}
	cr_assert_eq(r->used[1], 3);
	rig_free(r);
}

/* One wrong indirect descriptor; the table itself is good. */
static void indirect_case(unsigned int features, uint64_t addr, uint32_t len, unsigned int flags, const char *why)
{
	struct rig *r = rig_new(features, QSIZE);
	struct vq_desc *t = (struct vq_desc *)(r->bytes + DATA_OFF);

	put_desc(t, 0, DATA + 4096, 8, 0, 0);
	put_desc(r->desc, 1, DATA, 8, 0, 0);
	put_desc(r->desc, 0, addr, len, flags, 1);
	offer(r, 0);
	cr_assert_eq(pop(r), -1, "%s was accepted", why);
	expect_broken(r, why);
	rig_free(r);
}

Test(vq_rows, R8_indirect_not_negotiated)
{
	indirect_case(0, DATA, 16, VQ_DESC_INDIRECT, "without VIRTIO_F_INDIRECT_DESC");
}

Test(vq_rows, R8_indirect_with_next)
{
	indirect_case(INDIRECT, DATA, 16, VQ_DESC_INDIRECT | VQ_DESC_NEXT, "with NEXT");
}

Test(vq_rows, R8_indirect_table_length)
{
	indirect_case(INDIRECT, DATA, 0, VQ_DESC_INDIRECT, "not a multiple of 16");
	indirect_case(INDIRECT, DATA, 15, VQ_DESC_INDIRECT, "not a multiple of 16");
	indirect_case(INDIRECT, DATA, 17, VQ_DESC_INDIRECT, "not a multiple of 16");
}

Test(vq_rows, R8_indirect_table_outside_memory)
{
	indirect_case(INDIRECT, GPA + MEM - 8, 16, VQ_DESC_INDIRECT, "outside the memory table");
	indirect_case(INDIRECT, GPA + MEM, 16, VQ_DESC_INDIRECT, "outside the memory table");
	indirect_case(INDIRECT, ~0ull - 15, 16, VQ_DESC_INDIRECT, "outside the memory table");
	indirect_case(INDIRECT, 0, 16, VQ_DESC_INDIRECT, "outside the memory table");
}

Test(vq_rows, R8_indirect_nested)
{
	struct rig *r = rig_new(INDIRECT, QSIZE);
	struct vq_desc *t = (struct vq_desc *)(r->bytes + DATA_OFF);

	put_desc(t, 0, DATA, 16, VQ_DESC_INDIRECT, 0);
	put_desc(r->desc, 0, DATA, 16, VQ_DESC_INDIRECT, 0);
	offer(r, 0);
	cr_assert_eq(pop(r), -1);
	expect_broken(r, "inside an indirect table");
	rig_free(r);
}

Test(vq_rows, R8_indirect_that_is_right)
{
	struct rig *r = rig_new(INDIRECT, QSIZE);
	struct vq_desc *t = (struct vq_desc *)(r->bytes + DATA_OFF);

	/* direct descriptors and then an indirect one (2.7.5.3.2), whose WRITE flag is to be ignored */
	put_desc(r->desc, 0, DATA + 512, 10, VQ_DESC_NEXT, 1);
	put_desc(r->desc, 1, DATA, 32, VQ_DESC_INDIRECT | VQ_DESC_WRITE, 0);
	put_desc(t, 0, DATA + 1024, 20, VQ_DESC_NEXT, 1);
	put_desc(t, 1, DATA + 2048, 30, VQ_DESC_WRITE, 0);
	offer(r, 0);
	cr_assert_eq(pop(r), 1);
	cr_assert_eq(r->c.out_len, 30);
	cr_assert_eq(r->c.in_len, 30);
	rig_free(r);
}

static void buffer_case(uint64_t addr, uint32_t len)
{
	struct rig *r = rig_new(0, QSIZE);

	/* a second region right behind the first, and a third after a hole */
	gmem_add(&r->mem, &(struct gmem_region){ GPA + MEM, 4096, UADDR + MEM, r->bytes, NULL, 0 });
	gmem_add(&r->mem, &(struct gmem_region){ GPA + MEM + 8192, 4096, UADDR + MEM + 8192, r->bytes, NULL, 0 });
	put_desc(r->desc, 0, addr, len, 0, 0);
	offer(r, 0);
	cr_assert_eq(pop(r), -1, "addr %#lx len %#x was accepted", addr, len);
	expect_broken(r, "outside the memory table");
	rig_free(r);
}

Test(vq_rows, R9_address_and_length)
{
	buffer_case(GPA + MEM - 1, 2);		/* from one region into the next */
	buffer_case(GPA + MEM + 4095, 2);	/* into a hole */
	buffer_case(GPA + MEM + 4096, 1);	/* in the hole */
	buffer_case(GPA + MEM, 8193);		/* across the hole */
	buffer_case(GPA - 1, 2);		/* from before memory */
	buffer_case(GPA + MEM + 8192 + 4095, 2);/* over the last end */
	buffer_case(~0ull, 1);
	buffer_case(~0ull, 2);			/* wraps */
	buffer_case(GPA, 0xffffffff);
	buffer_case(0xffffffff00000000ull + GPA, 16);
}

Test(vq_rows, R9_exactly_to_the_end)
{
	struct rig *r = rig_new(0, QSIZE);

	put_desc(r->desc, 0, GPA + MEM - 16, 16, VQ_DESC_WRITE, 0);
	offer(r, 0);
	cr_assert_eq(pop(r), 1);
	memset(r->c.seg[0].iov_base, 1, 16); /* ASan looks */
	rig_free(r);
}

static volatile bool stop_flipping;

static void *flip(void *arg)
{
	struct rig *r = arg;

	while (!stop_flipping) {
		__atomic_store_n(&r->desc[0].len, 16, __ATOMIC_RELAXED);
		__atomic_store_n(&r->desc[0].addr, DATA, __ATOMIC_RELAXED);
		__atomic_store_n(&r->desc[0].flags, VQ_DESC_WRITE, __ATOMIC_RELAXED);
		__atomic_store_n(&r->desc[0].len, 0x7fffffff, __ATOMIC_RELAXED);
		__atomic_store_n(&r->desc[0].addr, ~0ull, __ATOMIC_RELAXED);
		__atomic_store_n(&r->desc[0].flags, 0xffff, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* Until both kinds of descriptor were met, whoever else wants the processor */
Test(vq_rows, R10_descriptor_changes_under_us, .timeout = 120)
{
	struct rig *r = rig_new(INDIRECT, QSIZE);
	unsigned int good = 0, bad = 0;
	pthread_t t;
	int got;

	pthread_create(&t, NULL, flip, r);
	for (int i = 0; i < 200000 || !good || !bad; i++) {
		vq_start(&r->q, &r->setup);
		r->avail_idx = 0;
		r->avail[1] = 0;
		r->used[1] = 0;
		offer(r, 0);
		got = pop(r);
		good += got == 1;
		bad += got < 0;
		if (got != 1)
			continue;
		/* what we got is inside memory, whatever the descriptor says now */
		for (unsigned int k = 0; k < r->c.out + r->c.in; k++)
			cr_assert((uint8_t *)r->c.seg[k].iov_base >= r->bytes &&
				  (uint8_t *)r->c.seg[k].iov_base + r->c.seg[k].iov_len <= r->bytes + MEM);
	}
	stop_flipping = true;
	pthread_join(t, NULL);
	rig_free(r);
}

Test(vq_rows, R14_used_length_is_clamped)
{
	struct rig *r = rig_new(0, QSIZE);

	put_desc(r->desc, 0, DATA, 8, VQ_DESC_NEXT, 1);
	put_desc(r->desc, 1, DATA + 64, 32, VQ_DESC_WRITE, 0);
	offer(r, 0);
	cr_assert_eq(pop(r), 1);
	vq_push(&r->q, 0, 4096);
	vq_publish(&r->q);
	cr_assert_eq(used_at(r, 0).len, 32);
	rig_free(r);
}

Test(vq_rows, R15_readable_after_writable)
{
	struct rig *r = rig_new(0, QSIZE);

	put_desc(r->desc, 0, DATA, 8, VQ_DESC_NEXT | VQ_DESC_WRITE, 1);
	put_desc(r->desc, 1, DATA, 8, 0, 0);
	offer(r, 0);
	cr_assert_eq(pop(r), -1);
	expect_broken(r, "device-readable descriptor after");
	rig_free(r);
}

Test(vq_rows, R15_copies_never_write_readable_buffers)
{
	struct rig *r = rig_new(0, QSIZE);
	uint8_t in[64], out[64];

	memset(r->bytes + DATA_OFF, 0x11, 64);
	memset(in, 0x22, sizeof(in));
	put_desc(r->desc, 0, DATA, 16, VQ_DESC_NEXT, 1);
	put_desc(r->desc, 1, DATA + 32, 16, VQ_DESC_WRITE, 0);
	offer(r, 0);
	cr_assert_eq(pop(r), 1);
	cr_assert_eq(vq_copy_in(&r->c, 0, in, sizeof(in)), 16);
	cr_assert_eq(vq_copy_out(&r->c, 0, out, sizeof(out)), 16);
	for (unsigned int i = 0; i < 64; i++)
		cr_assert_eq(r->bytes[DATA_OFF + i], i >= 32 && i < 48 ? 0x22 : 0x11, "byte %u", i);
	rig_free(r);
}

Test(vq_rows, R16_nothing_is_popped_from_a_stopped_queue)
{
	struct rig *r = rig_new(0, QSIZE);

	put_desc(r->desc, 0, DATA, 8, 0, 0);
	offer(r, 0);
	cr_assert_eq(vq_stop(&r->q), 0);
	cr_assert_eq(pop(r), 0);
	/* completing what a reset forgot must not reach the ring */
	vq_push(&r->q, 0, 8);
	cr_assert_not(vq_publish(&r->q));
	cr_assert_eq(r->used[1], 0);
	rig_free(r);
}

Test(vq_rows, R17_next_valid_request_is_served)
{
	struct rig *r = rig_new(0, QSIZE);

	offer(r, 0xffff);
	cr_assert_eq(pop(r), -1);
	expect_broken(r, "head beyond"); /* which serves one after the restart */
	rig_free(r);
}

Test(vq_rows, R18_descriptor_in_a_device_window)
{
	buffer_case(0xd0000000, 16); /* a register file of virtio-mmio: not RAM, so not in any table */
	buffer_case(0xfee00000, 4);
}
