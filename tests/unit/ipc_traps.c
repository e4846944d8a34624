// SPDX-License-Identifier: GPL-2.0
/*
 * ipc_traps.c: what real front ends do that the specification does not make one expect (vhost-user interop traps),
 * one test each, against the back end's session.
 */
#include "tests/unit/ipc_rig.h"

TestSuite(ipc_traps, .timeout = 10);

/* libblkio adds its data region after the queue has started. */
Test(ipc_traps, memory_slot_added_after_start)
{
	struct ipc_rig *r = ipc_rig_new();

	negotiate(r);
	cr_assert_eq(add_memory(r), 0);
	start_ring(r, 0);
	int fd = rig_memfd(8192);

	cr_assert_eq(add_region(r, 0x200000000ull, 8192, 0x600000000000ull, 0, fd), 0);
	cr_assert(r->s.vring[0].vq.started);
	cr_assert_eq(r->quiesced, 0, "adding must not stop a ring");
	cr_assert_not_null(gmem_at(&r->s.mem, 0x200000000ull, 8192));
	ipc_rig_free(r);
}

/* The specification's table for a running ring: SET_MEM_TABLE replaces it, the ring goes on in the new mapping. */
Test(ipc_traps, memory_table_replaced_under_a_running_ring)
{
	struct ipc_rig *r = ipc_rig_new();
	struct vu_mem_table t = { .n = 1, .r = { { RIG_GPA, RIG_MEM, RIG_UADDR, 0 } } };
	const void *before;

	negotiate(r);
	cr_assert_eq(say_fd(r, VU_SET_MEM_TABLE, &t, 40, r->memfd), 0);
	start_ring(r, 0);
	before = r->s.vring[0].vq.desc;
	cr_assert_eq(say_fd(r, VU_SET_MEM_TABLE, &t, 40, r->memfd), 0);
	cr_assert_eq(r->quiesced, 2, "once for each table");
	cr_assert_eq(r->resumed, 2);
	cr_assert(r->s.vring[0].vq.started);
	cr_assert_neq(r->s.vring[0].vq.desc, before);
	cr_assert_eq((void *)(uintptr_t)r->s.vring[0].vq.desc, gmem_at(&r->s.mem, RIG_GPA, 1));
	ipc_rig_free(r);
}

/* The text says 20 bytes, C structures say 24: everybody sends 24. */
Test(ipc_traps, inflight_payload_of_24_bytes)
{
	struct ipc_rig *r = ipc_rig_new();
	struct vu_inflight f = { .queues = 2, .queue_size = 128 };
	int fd;

	negotiate(r);
	cr_assert_eq(say(r, VU_GET_INFLIGHT_FD, &f, 24), 0);
	fd = answer(r, VU_GET_INFLIGHT_FD, &f, 24);
	cr_assert_geq(fd, 0);
	cr_assert_eq(f.size, 2 * 0x840);
	cr_assert_eq(say_fd(r, VU_SET_INFLIGHT_FD, &f, 24, fd), 0);
	cr_assert_not_null(r->s.log);
	close(fd);
	cr_assert_eq(say(r, VU_GET_INFLIGHT_FD, &f, 20), -EPROTO);
	ipc_rig_free(r);
}

/* Rust front ends count from the registers of virtio-mmio, and everybody asks for the structure *they* know. */
Test(ipc_traps, config_offset_0x100)
{
	struct ipc_rig *r = ipc_rig_new();
	struct vu_config c = { .offset = 0x100, .size = 8 };

	negotiate(r);
	cr_assert_eq(say(r, VU_GET_CONFIG, &c, 20), 0);
	answer(r, VU_GET_CONFIG, &c, 20);
	cr_assert_eq(c.size, 8);
	cr_assert_eq(c.data[0], 1);
	c = (struct vu_config){ .offset = 0x104, .size = 4 };
	cr_assert_eq(say(r, VU_GET_CONFIG, &c, 16), 0);
	answer(r, VU_GET_CONFIG, &c, 16);
	cr_assert_eq(c.data[0], 5);
	ipc_rig_free(r);
}

Test(ipc_traps, config_larger_than_ours_reads_zeros)
{
	struct ipc_rig *r = ipc_rig_new();
	struct vu_config c = { .offset = 0, .size = 256 };

	negotiate(r);
	cr_assert_eq(say(r, VU_GET_CONFIG, &c, 268), 0);
	answer(r, VU_GET_CONFIG, &c, 268);
	cr_assert_eq(c.data[59], 60);
	for (int i = 60; i < 256; i++)
		cr_assert_eq(c.data[i], 0);
	ipc_rig_free(r);
}

/* QEMU's net: ENABLE for both rings, five times, before features and memory. */
Test(ipc_traps, enable_before_features)
{
	struct ipc_rig *r = ipc_rig_new();

	for (int i = 0; i < 5; i++) {
		cr_assert_eq(say_state(r, VU_SET_VRING_ENABLE, 0, 1), 0);
		cr_assert_eq(say_state(r, VU_SET_VRING_ENABLE, 1, 1), 0);
	}
	negotiate(r);
	cr_assert_eq(add_memory(r), 0);
	cr_assert_eq(say_state(r, VU_SET_VRING_NUM, 0, 64), 0);
	cr_assert_eq(say_state(r, VU_SET_VRING_BASE, 0, 0), 0);
	cr_assert_eq(set_addr(r, 0), 0);
	cr_assert_eq(say_eventfd(r, VU_SET_VRING_KICK, 0), 0);
	cr_assert(vu_session_enabled(&r->s, &r->s.vring[0]), "and none comes after the start");
	ipc_rig_free(r);
}

/* QEMU sends CALL before anything is negotiated. */
Test(ipc_traps, call_before_features)
{
	struct ipc_rig *r = ipc_rig_new();

	cr_assert_eq(say_eventfd(r, VU_SET_VRING_CALL, 0), 0);
	cr_assert_eq(say_eventfd(r, VU_SET_VRING_CALL, 1), 0);
	negotiate(r);
	cr_assert_geq(r->s.vring[0].call, 0);
	ipc_rig_free(r);
}

/* SeaBIOS drives the disk, then Linux does: start, stop, start, on one connection. */
Test(ipc_traps, device_started_twice)
{
	struct ipc_rig *r = ipc_rig_new();
	struct vu_vring_state st = { 0 };

	negotiate(r);
	cr_assert_eq(add_memory(r), 0);
	for (unsigned int round = 1; round <= 2; round++) {
		start_ring(r, 0);
		cr_assert_eq(r->starts, round);
		cr_assert_eq(say_state(r, VU_SET_VRING_ENABLE, 0, 0), 0);
		cr_assert_eq(say_state(r, VU_GET_VRING_BASE, 0, 0), 0);
		answer(r, VU_GET_VRING_BASE, &st, 8);
		cr_assert_eq(r->stops, round);
		cr_assert_eq(r->s.vring[0].kick, -1, "the old kick must not be waited for any more");
		/* 18(0) 11, then features again */
		cr_assert_eq(say_u64(r, VU_SET_FEATURES, RIG_FEATURES), 0);
	}
	ipc_rig_free(r);
}

/* rust-vmm drops the connection, QEMU's C back ends serve them. We refuse: with an answer where one was asked for. */
Test(ipc_traps, messages_that_were_not_negotiated)
{
	static const struct { uint32_t request, size; bool replies; } m[] = {
		{ VU_GET_QUEUE_NUM, 0, true }, { VU_GET_CONFIG, 20, true }, { VU_GET_INFLIGHT_FD, 24, true },
		{ VU_RESET_DEVICE, 0, false }, { VU_GET_MAX_MEM_SLOTS, 0, true }, { VU_REM_MEM_REG, 40, false },
		{ VU_SET_STATUS, 8, false }, { VU_GET_STATUS, 0, true }, { 99, 0, false }, { 26, 8, false },
	};
	uint8_t zero[64] = { 0 };
	uint64_t v;

	for (unsigned int i = 0; i < sizeof(m) / sizeof(m[0]); i++) {
		struct ipc_rig *r = ipc_rig_new();

		cr_assert_eq(say(r, m[i].request, zero, m[i].size), -EPROTO, "message %u was taken", m[i].request);
		ipc_rig_free(r);

		r = ipc_rig_new();
		cr_assert_eq(say_u64(r, VU_SET_PROTOCOL_FEATURES, VU_P_REPLY_ACK), 0);
		if (m[i].replies) {
			cr_assert_eq(say_raw(r, m[i].request, VU_VERSION | VU_NEED_REPLY, m[i].size, zero, m[i].size, NULL, 0), -EPROTO);
		} else {
			cr_assert_eq(say_raw(r, m[i].request, VU_VERSION | VU_NEED_REPLY, m[i].size, zero, m[i].size, NULL, 0), 0);
			answer(r, m[i].request, &v, 8);
			cr_assert_neq(v, 0, "message %u was acknowledged", m[i].request);
		}
		ipc_rig_free(r);
	}
}

/* libblkio sends the region's descriptor with REM_MEM_REG as well: close it. */
Test(ipc_traps, removal_with_a_descriptor)
{
	struct ipc_rig *r = ipc_rig_new();
	struct vu_mem_reg m = { .r = { RIG_GPA, RIG_MEM, RIG_UADDR, 0 } };
	unsigned int before;

	negotiate(r);
	cr_assert_eq(add_memory(r), 0);
	before = open_fds();
	cr_assert_eq(say_fd(r, VU_REM_MEM_REG, &m, sizeof(m), r->memfd), 0);
	cr_assert_eq(open_fds(), before);
	cr_assert_eq(r->s.mem.n, 0);
	ipc_rig_free(r);
}

/* libkrun: one call eventfd for all queues, no bit 30: rings are enabled from the start. */
Test(ipc_traps, no_protocol_features_at_all)
{
	struct ipc_rig *r = ipc_rig_new();
	struct vu_mem_table t = { .n = 1, .r = { { RIG_GPA, RIG_MEM, RIG_UADDR, 0 } } };

	cr_assert_eq(say_u64(r, VU_SET_FEATURES, 1ull << 32), 0);
	cr_assert_eq(say_fd(r, VU_SET_MEM_TABLE, &t, 40, r->memfd), 0);
	cr_assert_eq(say_state(r, VU_SET_VRING_NUM, 0, 64), 0);
	cr_assert_eq(set_addr(r, 0), 0);
	cr_assert_eq(say_eventfd(r, VU_SET_VRING_KICK, 0), 0);
	cr_assert(vu_session_enabled(&r->s, &r->s.vring[0]));
	ipc_rig_free(r);
}

/* The kick may come before what it needs: the ring starts when all is there. */
Test(ipc_traps, kick_before_address)
{
	struct ipc_rig *r = ipc_rig_new();

	negotiate(r);
	cr_assert_eq(add_memory(r), 0);
	cr_assert_eq(say_eventfd(r, VU_SET_VRING_KICK, 0), 0);
	cr_assert_eq(say_state(r, VU_SET_VRING_NUM, 0, 64), 0);
	cr_assert_eq(r->starts, 0);
	cr_assert_eq(set_addr(r, 0), 0);
	cr_assert_eq(r->starts, 1);
	ipc_rig_free(r);
}

/* A new eventfd for a running ring replaces the old one, whose pending read must go. */
Test(ipc_traps, kick_replaced_while_running)
{
	struct ipc_rig *r = ipc_rig_new();

	negotiate(r);
	cr_assert_eq(add_memory(r), 0);
	start_ring(r, 0);
	cr_assert_eq(say_eventfd(r, VU_SET_VRING_KICK, 0), 0);
	cr_assert_eq(r->kicks_changed, 1);
	cr_assert_eq(r->starts, 1);
	ipc_rig_free(r);
}

/* Messages without descriptors merge on a stream; and they may come in pieces. */
Test(ipc_traps, messages_merged_and_split)
{
	struct ipc_rig *r = ipc_rig_new();
	uint32_t two[6] = { VU_GET_FEATURES, VU_VERSION, 0, VU_GET_PROTOCOL_FEATURES, VU_VERSION, 0 };
	uint32_t one[5] = { VU_SET_FEATURES, VU_VERSION, 8, 0, 1 };
	uint64_t v;

	cr_assert_eq(send(r->peer, two, sizeof(two), 0), (ssize_t)sizeof(two));
	cr_assert_eq(vu_session_input(&r->s), 0);
	answer(r, VU_GET_FEATURES, &v, 8);
	answer(r, VU_GET_PROTOCOL_FEATURES, &v, 8);
	for (unsigned int i = 0; i < sizeof(one); i++) {
		cr_assert_eq(r->s.acked, 0);
		cr_assert_eq(send(r->peer, (uint8_t *)one + i, 1, 0), 1);
		cr_assert_eq(vu_session_input(&r->s), 0);
	}
	cr_assert_eq(r->s.acked, 1ull << 32);
	ipc_rig_free(r);
}

/* QEMU resets with status 0 and sends neither CALL nor ENABLE again. */
Test(ipc_traps, status_reset_keeps_call_and_enable)
{
	struct ipc_rig *r = ipc_rig_new();

	negotiate(r);
	cr_assert_eq(add_memory(r), 0);
	start_ring(r, 0);
	cr_assert_eq(say_u64(r, VU_SET_STATUS, 0xf), 0);
	cr_assert_eq(ask_u64(r, VU_GET_STATUS), 0xf);
	cr_assert_eq(say_u64(r, VU_SET_STATUS, 0), 0);
	cr_assert_eq(r->resets, 1);
	cr_assert_eq(r->stops, 1);
	cr_assert_geq(r->s.vring[0].call, 0);
	cr_assert(r->s.vring[0].enable);
	cr_assert_eq(r->s.mem.n, 1);
	ipc_rig_free(r);
}

/* GET_QUEUE_NUM counts pairs for net. */
Test(ipc_traps, queue_number_counts_pairs)
{
	struct ipc_rig *r = ipc_rig_new();

	negotiate(r);
	cr_assert_eq(ask_u64(r, VU_GET_QUEUE_NUM), 2);
	ipc_rig_free(r);
}
