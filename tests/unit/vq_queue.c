// SPDX-License-Identifier: GPL-2.0
/*
 * vq_queue.c: the virtqueue library when everybody behaves: notifications, order, giving back, slices, the memory
 * table, and the in-flight record of vhost-user.
 */
#include "tests/unit/vq_rig.h"

TestSuite(vq, .timeout = 10);

static void serve(struct rig *r, uint16_t head)
{
	cr_assert_eq(pop(r), 1);
	cr_assert_eq(r->c.head, head);
	vq_push(&r->q, head, 0);
}

static void fill_desc(struct rig *r)
{
	for (uint16_t i = 0; i < r->q.size; i++)
		put_desc(r->desc, i, DATA, 8, VQ_DESC_WRITE, 0);
}

Test(vq, interrupt_suppression_by_flag)
{
	struct rig *r = rig_new(0, QSIZE);

	fill_desc(r);
	offer(r, 0);
	serve(r, 0);
	cr_assert(vq_publish(&r->q));
	r->avail[0] = VQ_AVAIL_NO_INTERRUPT;
	offer(r, 1);
	serve(r, 1);
	cr_assert_not(vq_publish(&r->q));
	cr_assert_eq(r->used[1], 2);
	rig_free(r);
}

Test(vq, interrupt_suppression_by_event_index)
{
	struct rig *r = rig_new(EVENT_IDX, QSIZE);
	bool told[6];

	fill_desc(r);
	r->avail[2 + QSIZE] = 3; /* interrupt me when used->idx passes 3, that is at 4 */
	for (uint16_t i = 0; i < 6; i++) {
		offer(r, i);
		serve(r, i);
		told[i] = vq_publish(&r->q);
	}
	cr_assert(told[0], "the first one after a start always interrupts");
	for (int i = 1; i < 6; i++)
		cr_assert_eq(told[i], i == 3, "at %d", i);
	rig_free(r);
}

Test(vq, event_index_within_a_batch)
{
	struct rig *r = rig_new(EVENT_IDX, QSIZE);

	fill_desc(r);
	offer(r, 0);
	serve(r, 0);
	vq_publish(&r->q);
	r->avail[2 + QSIZE] = 2;
	for (uint16_t i = 1; i < 5; i++) {
		offer(r, i);
		serve(r, i);
	}
	cr_assert(vq_publish(&r->q), "2 lies between 1 and 5");
	rig_free(r);
}

/* Six requests, with patience for two: the driver is called when no more than two wait, and then for all that was done. */
static void patient(unsigned int flags)
{
	struct rig *r = rig_new(flags, QSIZE);
	bool told[6];

	fill_desc(r);
	offer(r, 6);
	serve(r, 6);
	vq_publish(&r->q);	/* the first after a start always calls */
	r->avail[2 + QSIZE] = 1;
	for (uint16_t i = 0; i < 6; i++)
		offer(r, i);
	r->q.patience = 2;
	for (uint16_t i = 0; i < 6; i++) {
		serve(r, i);
		told[i] = vq_publish(&r->q);
		cr_assert_eq(r->used[1], i + 2, "done is done, whoever is called");
	}
	for (uint16_t i = 0; i < 3; i++)
		cr_assert_not(told[i], "%d still wait", 5 - i);
	cr_assert(told[3], "two wait, and the index that the driver asked for was passed long ago");
	rig_free(r);
}

Test(vq, calls_wait_while_requests_do) { patient(0); }
Test(vq, calls_wait_while_requests_do_by_event_index) { patient(EVENT_IDX); }

Test(vq, kick_suppression)
{
	struct rig *r = rig_new(0, QSIZE);

	vq_no_kicks(&r->q);
	cr_assert_eq(r->used[0], VQ_USED_NO_NOTIFY);
	cr_assert_not(vq_want_kicks(&r->q));
	cr_assert_eq(r->used[0], 0);
	fill_desc(r);
	offer(r, 0);
	cr_assert(vq_want_kicks(&r->q), "a request came meanwhile");
	rig_free(r);

	r = rig_new(EVENT_IDX, QSIZE);
	fill_desc(r);
	offer(r, 0);
	serve(r, 0);
	cr_assert_eq(pop(r), 0);
	cr_assert_not(vq_want_kicks(&r->q));
	cr_assert_eq(r->used[2 + 4 * QSIZE], 1);
	rig_free(r);
}

/* 2.7.10: what a driver asks itself that has added what lies between @old and @now */
static bool driver_kicks(const struct rig *r, uint16_t old, uint16_t now)
{
	return (uint16_t)(now - r->used[2 + 4 * QSIZE] - 1) < (uint16_t)(now - old);
}

Test(vq, kicks_that_were_asked_for_are_taken_back)
{
	struct rig *r = rig_new(EVENT_IDX, QSIZE);

	fill_desc(r);
	cr_assert_not(vq_want_kicks(&r->q));
	cr_assert(driver_kicks(r, 0, 1), "before the first request, too");
	vq_hush(&r->q);
	cr_assert_not(driver_kicks(r, 0, 1));
	cr_assert_not(driver_kicks(r, 0, QSIZE), "nor for a ring full");
	offer(r, 0);
	serve(r, 0);
	cr_assert_eq(pop(r), 0);
	cr_assert_not(vq_want_kicks(&r->q));
	cr_assert(driver_kicks(r, 1, 2));
	vq_hush(&r->q);
	cr_assert_not(driver_kicks(r, 1, 2));
	offer(r, 1);
	cr_assert(vq_moved(&r->q), "a look sees it without");
	cr_assert(vq_want_kicks(&r->q), "and so does whoever wants kicks again");
	rig_free(r);

	r = rig_new(0, QSIZE);
	cr_assert_not(vq_want_kicks(&r->q));
	vq_hush(&r->q);
	cr_assert_eq(r->used[0], VQ_USED_NO_NOTIFY);
	rig_free(r);
}

Test(vq, a_look_sees_requests_and_asks_for_no_kick)
{
	struct rig *r = rig_new(EVENT_IDX, QSIZE);

	cr_assert_not(vq_moved(&r->q));
	fill_desc(r);
	offer(r, 0);
	cr_assert(vq_moved(&r->q));
	serve(r, 0);
	cr_assert_eq(pop(r), 0);
	cr_assert_not(vq_moved(&r->q));
	cr_assert_eq(r->used[2 + 4 * QSIZE], 0, "a kick is still not asked for");
	offer(r, 1);
	cr_assert(vq_moved(&r->q));
	vq_break(&r->q, "a test");
	cr_assert_not(vq_moved(&r->q), "a broken queue would be looked at for ever");
	rig_free(r);
}

Test(vq, kicks_after_unpop_ask_for_more_than_was_seen)
{
	struct rig *r = rig_new(EVENT_IDX, QSIZE);

	/* A receiver that needs two buffers and found one: it must not be told "there is work" about that one. */
	fill_desc(r);
	offer(r, 0);
	cr_assert_eq(pop(r), 1);
	cr_assert_eq(vq_pop(&r->q, &r->c), 0);
	vq_unpop(&r->q, 0);
	cr_assert_not(vq_want_kicks(&r->q));
	cr_assert_eq(r->used[2 + 4 * QSIZE], 1);
	offer(r, 1);
	cr_assert(vq_want_kicks(&r->q));
	rig_free(r);
}

Test(vq, unpop_gives_back_in_order)
{
	struct rig *r = rig_new(0, QSIZE);

	fill_desc(r);
	offer(r, 5);
	offer(r, 2);
	vq_pass(&r->q);
	cr_assert_eq(vq_pop(&r->q, &r->c), 1);
	cr_assert_eq(vq_pop(&r->q, &r->c), 1);
	vq_unpop(&r->q, 2);
	vq_unpop(&r->q, 5);
	cr_assert_eq(r->q.inflight, 0);
	serve(r, 5);
	serve(r, 2);
	rig_free(r);
}

/* A receiver that takes and gives back all the time must not run out of its pass. */
Test(vq, unpop_does_not_use_up_the_pass)
{
	struct rig *r = rig_new(0, QSIZE);

	fill_desc(r);
	offer(r, 0);
	vq_pass(&r->q);
	for (unsigned int i = 0; i < 3 * QSIZE; i++) {
		cr_assert_eq(vq_pop(&r->q, &r->c), 1);
		vq_unpop(&r->q, 0);
		cr_assert_not(vq_exhausted(&r->q));
	}
	rig_free(r);
}

Test(vq, a_limited_pass_leaves_the_rest_for_the_next)
{
	struct rig *r = rig_new(0, QSIZE);

	fill_desc(r);
	for (uint16_t i = 0; i < 3; i++)
		offer(r, i);
	vq_pass(&r->q);
	vq_limit(&r->q, 2);
	cr_assert_eq(vq_pop(&r->q, &r->c), 1);
	cr_assert_eq(vq_pop(&r->q, &r->c), 1);
	cr_assert_eq(vq_pop(&r->q, &r->c), 0);
	cr_assert(vq_exhausted(&r->q), "it wants another pass");
	vq_pass(&r->q);
	vq_limit(&r->q, QSIZE + 1);
	cr_assert_eq(vq_pop(&r->q, &r->c), 1);
	cr_assert_eq(vq_pop(&r->q, &r->c), 0);
	cr_assert_not(vq_exhausted(&r->q), "a limit above the pass changes nothing");
	rig_free(r);
}

Test(vq, completion_out_of_order)
{
	struct rig *r = rig_new(0, QSIZE);

	fill_desc(r);
	for (uint16_t i = 0; i < 4; i++)
		offer(r, i);
	vq_pass(&r->q);
	while (vq_pop(&r->q, &r->c) > 0)
		;
	for (uint16_t i = 4; i-- > 0;)
		vq_push(&r->q, i, i);
	cr_assert_eq(r->used[1], 0, "staged is not published");
	vq_publish(&r->q);
	cr_assert_eq(r->used[1], 4);
	for (uint16_t i = 0; i < 4; i++)
		cr_assert_eq(used_at(r, i).id, 3u - i);
	rig_free(r);
}

Test(vq, start_refuses_bad_rings)
{
	struct rig *r = rig_new(0, QSIZE);
	struct vq_setup s;

	static const uint16_t sizes[] = { 0, 3, 6, 2048, 0x8000, 0xffff };

	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		s = r->setup;
		s.size = sizes[i];
		cr_assert_eq(vq_start(&r->q, &s), -EINVAL, "size %u", sizes[i]);
	}
	s = r->setup;
	s.desc += 8;
	cr_assert_eq(vq_start(&r->q, &s), -EINVAL);
	s = r->setup;
	s.avail += 1;
	cr_assert_eq(vq_start(&r->q, &s), -EINVAL);
	s = r->setup;
	s.used += 2;
	cr_assert_eq(vq_start(&r->q, &s), -EINVAL);
	s = r->setup;
	s.used = UADDR + MEM - 64; /* 4 + 8 * 8 = 68 */
	cr_assert_eq(vq_start(&r->q, &s), -EFAULT);
	s.used = UADDR + MEM - 68;
	cr_assert_eq(vq_start(&r->q, &s), 0);
	s.event_idx = true; /* needs two bytes more */
	cr_assert_eq(vq_start(&r->q, &s), -EFAULT);
	rig_free(r);
}

Test(vq, retarget_away_breaks_and_touches_nothing)
{
	struct rig *r = rig_new(0, QSIZE);

	fill_desc(r);
	offer(r, 0);
	r->mem.n = 0;
	cr_assert_eq(vq_retarget(&r->q, &r->setup), -EFAULT);
	free(r->bytes); /* ASan: from here on every access is an error */
	r->bytes = NULL;
	cr_assert_eq(pop(r), -1);
	vq_no_kicks(&r->q);
	cr_assert_not(vq_want_kicks(&r->q));
	cr_assert_not(vq_publish(&r->q));
	vq_stop(&r->q);
	rig_free(r);
}

Test(vq, memory_table)
{
	struct gmem m = { 0 };
	struct gmem_region r = { .gpa = 0x1000, .size = 0x1000, .uaddr = 0x9000, .host = (void *)0x100000 }, out;

	cr_assert_eq(gmem_add(&m, &r), 0);
	cr_assert_eq(gmem_add(&m, &r), -EEXIST);
	cr_assert_eq(gmem_add(&m, &(struct gmem_region){ .gpa = 0x1fff, .size = 1, .uaddr = 0 }), -EEXIST);
	cr_assert_eq(gmem_add(&m, &(struct gmem_region){ .gpa = 0, .size = 0x1001, .uaddr = 0x20000 }), -EEXIST);
	cr_assert_eq(gmem_add(&m, &(struct gmem_region){ .gpa = 0x5000, .size = 0x1000, .uaddr = 0x9fff }), -EEXIST);
	cr_assert_eq(gmem_add(&m, &(struct gmem_region){ .gpa = 0x5000, .size = 0, .uaddr = 0 }), -EINVAL);
	cr_assert_eq(gmem_add(&m, &(struct gmem_region){ .gpa = ~0ull, .size = 1, .uaddr = 0 }), -EINVAL);
	cr_assert_eq(gmem_add(&m, &(struct gmem_region){ .gpa = 0x5000, .size = ~0ull, .uaddr = 0 }), -EINVAL);
	cr_assert_eq(gmem_at(&m, 0x1000, 0x1000), (void *)0x100000);
	cr_assert_null(gmem_at(&m, 0x1000, 0x1001));
	cr_assert_null(gmem_at(&m, 0xfff, 1));
	cr_assert_null(gmem_at(&m, 0x2000, 0));
	cr_assert_eq(gmem_at_uaddr(&m, 0x9010, 8), (void *)0x100010);
	cr_assert_null(gmem_at_uaddr(&m, 0x1010, 8), "guest-physical is not user");
	cr_assert_eq(gmem_remove(&m, 0x1000, 0x1000, 0x9001, &out), -ENOENT);
	cr_assert_eq(gmem_remove(&m, 0x1000, 0x1000, 0x9000, &out), 0);
	cr_assert_null(gmem_at(&m, 0x1000, 1));
	for (unsigned int i = 0; i < GMEM_MAX_REGIONS; i++)
		cr_assert_eq(gmem_add(&m, &(struct gmem_region){ .gpa = 0x10000ull * i, .size = 1, .uaddr = 0x10000ull * i }), 0);
	cr_assert_eq(gmem_add(&m, &(struct gmem_region){ .gpa = 1ull << 40, .size = 1, .uaddr = 1ull << 40 }), -ENOSPC);
}

Test(vq, slices)
{
	char b[30];
	struct iovec seg[3] = { { b, 10 }, { b + 10, 10 }, { b + 20, 10 } }, out[3];

	cr_assert_eq(vq_slice(seg, 3, 5, 10, out), 2);
	cr_assert_eq(out[0].iov_base, b + 5);
	cr_assert_eq(out[0].iov_len, 5);
	cr_assert_eq(out[1].iov_len, 5);
	cr_assert_eq(vq_slice(seg, 3, 10, 20, out), 2);
	cr_assert_eq(vq_slice(seg, 3, 0, 30, out), 3);
	cr_assert_eq(vq_slice(seg, 3, 0, 31, out), 0, "more than there is");
	cr_assert_eq(vq_slice(seg, 3, 30, 1, out), 0);
	cr_assert_eq(vq_slice(seg, 3, 7, 0, out), 0);
}

/* --- in-flight record --- */

static struct vq_inflight *log_new(uint16_t size)
{
	return calloc(1, vq_inflight_size(size));
}

static struct rig *logged(struct vq_inflight *log)
{
	struct rig *r = rig_new(0, QSIZE);

	r->setup.log = log;
	cr_assert_eq(vq_start(&r->q, &r->setup), 0);
	fill_desc(r);
	return r;
}

Test(vq_inflight, size_is_what_qemu_uses)
{
	cr_assert_eq(vq_inflight_size(128), 0x840);
}

Test(vq_inflight, unfinished_requests_run_again_oldest_first)
{
	struct vq_inflight *log = log_new(QSIZE);
	struct rig *r = logged(log);
	static const uint16_t order[] = { 6, 1, 4, 2 };

	for (int i = 0; i < 4; i++)
		offer(r, order[i]);
	vq_pass(&r->q);
	while (vq_pop(&r->q, &r->c) > 0)
		;
	vq_push(&r->q, 1, 0);
	vq_publish(&r->q);
	/* the process dies; the next one knows nothing but the record, and a wrong base */
	r->setup.avail_idx = 4711;
	cr_assert_eq(vq_start(&r->q, &r->setup), 0);
	serve(r, 6);
	serve(r, 4);
	serve(r, 2);
	cr_assert_eq(pop(r), 0);
	vq_publish(&r->q);
	cr_assert_eq(r->used[1], 4);
	offer(r, 7);
	serve(r, 7);
	free(log);
	rig_free(r);
}

Test(vq_inflight, died_between_used_index_and_record)
{
	struct vq_inflight *log = log_new(QSIZE);
	struct rig *r = logged(log);

	for (uint16_t i = 0; i < 3; i++)
		offer(r, i);
	vq_pass(&r->q);
	while (vq_pop(&r->q, &r->c) > 0)
		;
	vq_push(&r->q, 0, 0);
	vq_push(&r->q, 2, 0);
	r->used[1] = 2; /* used->idx was written, then the power went: heads 0 and 2 are still marked */
	cr_assert_eq(vq_start(&r->q, &r->setup), 0);
	serve(r, 1);
	cr_assert_eq(pop(r), 0, "an acknowledged request must not run twice");
	free(log);
	rig_free(r);
}

Test(vq_inflight, unpop_of_a_resubmitted_request)
{
	struct vq_inflight *log = log_new(QSIZE);
	struct rig *r = logged(log);

	offer(r, 3);
	cr_assert_eq(pop(r), 1);
	cr_assert_eq(vq_start(&r->q, &r->setup), 0);
	cr_assert_eq(pop(r), 1);
	vq_unpop(&r->q, 3);
	cr_assert_eq(log->desc[3].inflight, 1, "it is still owed");
	serve(r, 3);
	free(log);
	rig_free(r);
}

Test(vq_inflight, hostile_record)
{
	struct vq_inflight *log = log_new(QSIZE);
	struct rig *r = logged(log);

	log->desc_num = 1024;
	cr_assert_eq(vq_start(&r->q, &r->setup), -EINVAL);
	log->desc_num = QSIZE;
	log->used_idx = 100; /* used->idx is 0: 65436 entries to walk */
	cr_assert_eq(vq_start(&r->q, &r->setup), -EINVAL);
	log->used_idx = (uint16_t)-2;
	log->last_batch_head = 0xfff0;
	cr_assert_eq(vq_start(&r->q, &r->setup), -EINVAL);
	log->last_batch_head = 1;
	log->desc[1].next = 0x8000;
	cr_assert_eq(vq_start(&r->q, &r->setup), -EINVAL);
	log->desc[1].next = 1;
	memset(log->desc, 0xff, QSIZE * sizeof(log->desc[0]));
	log->desc[1].next = 1;
	cr_assert_eq(vq_start(&r->q, &r->setup), 0, "0xff is not 1: nothing in flight");
	cr_assert_eq(r->q.resubmit_n, 0);
	free(log);
	rig_free(r);
}
