// SPDX-License-Identifier: GPL-2.0
/*
 * ipc_rows.c: a hostile front end against the back end's session: the rows of docs/known-bugs.md that the
 * protocol can meet (R11, R12, R13, R16, L4, L5), sizes, counts and memory regions.
 */
#include <stdio.h>

#include "tests/unit/ipc_rig.h"

TestSuite(ipc_rows, .timeout = 20);

Test(ipc_rows, R11_ring_changed_while_running)
{
	struct ipc_rig *r = ipc_rig_new();
	struct vu_vring before;

	negotiate(r);
	cr_assert_eq(add_memory(r), 0);
	start_ring(r, 0);
	before = r->s.vring[0];
	cr_assert_eq(say_state(r, VU_SET_VRING_NUM, 0, 128), -EPROTO);
	cr_assert_eq(say_state(r, VU_SET_VRING_BASE, 0, 5), -EPROTO);
	cr_assert_eq(set_addr(r, 0), -EPROTO);
	cr_assert_eq(say_u64(r, VU_SET_FEATURES, VU_F_PROTOCOL_FEATURES), -EPROTO, "EVENT_IDX taken away under a ring");
	cr_assert_eq(memcmp(&before, &r->s.vring[0], sizeof(before)), 0);
	cr_assert_eq(say_state(r, VU_SET_VRING_NUM, 1, 128), 0, "another ring may still be set up");
	ipc_rig_free(r);
}

/* A front end whose driver was reset says ENABLE 0, and then all anew (field case A10): other features, another size, another place. */
Test(ipc_rows, disabled_ring_set_up_anew)
{
	static const uint32_t first[] = { VU_SET_VRING_NUM, VU_SET_VRING_BASE, VU_SET_VRING_ADDR, VU_SET_FEATURES };

	for (unsigned int i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
		struct ipc_rig *r = ipc_rig_new();
		unsigned int before;

		negotiate(r);
		cr_assert_eq(add_memory(r), 0);
		start_ring(r, 0);
		start_ring(r, 1);
		before = open_fds();
		cr_assert_eq(say_state(r, VU_SET_VRING_ENABLE, 0, 0), 0);
		cr_assert(r->s.vring[0].running, "disabled is not stopped");
		if (first[i] == VU_SET_FEATURES) {
			cr_assert_eq(say_u64(r, VU_SET_FEATURES, RIG_FEATURES), 0, "the same again changes nothing");
			cr_assert(r->s.vring[0].running);
			cr_assert_eq(say_state(r, VU_SET_VRING_ENABLE, 1, 0), 0);
			cr_assert_eq(say_u64(r, VU_SET_FEATURES, RIG_FEATURES & ~(1ull << 29)), 0);
			cr_assert_eq(r->stops, 2);
		} else {
			cr_assert_eq(first[i] == VU_SET_VRING_ADDR ? set_addr(r, 0) : say_state(r, first[i], 0, 32), 0);
			cr_assert_eq(r->stops, 1);
			cr_assert(r->s.vring[1].running, "the other one goes on");
		}
		cr_assert_not(r->s.vring[0].running);
		start_ring(r, 0);
		cr_assert_eq(r->starts, 3);
		cr_assert_eq(open_fds(), before - (first[i] == VU_SET_FEATURES), "kick descriptors are not left open");
		ipc_rig_free(r);
	}
}

Test(ipc_rows, R12_ring_index_out_of_range)
{
	static const uint32_t bad[] = { 4, 5, 16, 127, 255, 256, 0x7fffffff, 0x80000000, 0xffffffff };
	static const uint32_t state_messages[] = { VU_SET_VRING_NUM, VU_SET_VRING_BASE, VU_GET_VRING_BASE, VU_SET_VRING_ENABLE };
	static const uint32_t fd_messages[] = { VU_SET_VRING_KICK, VU_SET_VRING_CALL, VU_SET_VRING_ERR };
	struct ipc_rig *r = ipc_rig_new();
	unsigned int before;

	negotiate(r);
	cr_assert_eq(add_memory(r), 0);
	before = open_fds();
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		for (unsigned int k = 0; k < 4; k++)
			cr_assert_eq(say_state(r, state_messages[k], bad[i], 1), -EPROTO, "%u index %u", state_messages[k], bad[i]);
		for (unsigned int k = 0; k < 3; k++)
			cr_assert_eq(say_eventfd(r, fd_messages[k], bad[i]), -EPROTO, "%u index %u", fd_messages[k], bad[i]);
		cr_assert_eq(set_addr(r, bad[i]), -EPROTO);
	}
	cr_assert_eq(open_fds(), before, "every descriptor that came along is closed");
	ipc_rig_free(r);
}

Test(ipc_rows, R13_config_ranges)
{
	struct ipc_rig *r = ipc_rig_new();
	struct vu_config c;

	negotiate(r);
	for (uint32_t off = 0; off < 300; off++) {
		for (uint32_t size = 0; size < 9; size++) {
			uint32_t at = off >= 256 ? off - 256 : off;
			bool good = size && at < 60;

			c = (struct vu_config){ .offset = off, .size = size };
			cr_assert_eq(say(r, VU_GET_CONFIG, &c, 12 + size), 0);
			answer(r, VU_GET_CONFIG, &c, good ? 12 + size : 12);
			cr_assert_eq(c.size, good ? size : 0, "offset %u size %u", off, size);
			for (uint32_t i = 0; good && i < size; i++)
				cr_assert_eq(c.data[i], at + i < 60 ? at + i + 1 : 0);
		}
	}
	static const uint32_t far[] = { 60, 255, 0x13c, 0x7fffffff, 0xffffff00, 0xffffffff };

	for (unsigned int i = 0; i < sizeof(far) / sizeof(far[0]); i++) {
		c = (struct vu_config){ .offset = far[i], .size = 4 };
		cr_assert_eq(say(r, VU_GET_CONFIG, &c, 16), 0);
		answer(r, VU_GET_CONFIG, &c, 12);
		cr_assert_eq(c.size, 0);
		cr_assert_eq(say(r, VU_SET_CONFIG, &c, 16), -EPROTO);
	}
	ipc_rig_free(r);
}

Test(ipc_rows, R13_config_writes)
{
	struct ipc_rig *r = ipc_rig_new();
	struct vu_config c = { .offset = 32, .size = 1, .data = { 0xaa } };

	negotiate(r);
	cr_assert_eq(say(r, VU_SET_CONFIG, &c, 13), 0);
	cr_assert_eq(r->config[32], 0xaa);
	c.offset = 0;
	cr_assert_eq(say(r, VU_SET_CONFIG, &c, 13), -EPROTO, "read-only");
	c = (struct vu_config){ .offset = 59, .size = 2 };
	cr_assert_eq(say(r, VU_SET_CONFIG, &c, 14), -EPROTO, "over the end");
	c = (struct vu_config){ .offset = 32, .size = 100 };
	cr_assert_eq(say(r, VU_SET_CONFIG, &c, 13), -EPROTO, "claims more than was sent");
	c.size = 28;
	cr_assert_eq(say(r, VU_SET_CONFIG, &c, 13), -EPROTO, "claims what would fit, and sends less");
	c.size = 29;
	cr_assert_eq(say(r, VU_SET_CONFIG, &c, 41), -EPROTO, "begins at a writable byte, ends over the end");
	c.size = 257;
	cr_assert_eq(say(r, VU_SET_CONFIG, &c, 13), -EPROTO);
	ipc_rig_free(r);
}

Test(ipc_rows, R16_disconnect_while_rings_run)
{
	struct ipc_rig *r = ipc_rig_new();
	unsigned int before = open_fds();

	negotiate(r);
	cr_assert_eq(add_memory(r), 0);
	start_ring(r, 0);
	start_ring(r, 3);
	shutdown(r->peer, SHUT_WR);
	cr_assert_eq(vu_session_input(&r->s), -ECONNRESET);
	vu_session_close(&r->s);
	cr_assert_eq(r->stops, 2);
	cr_assert_eq(r->resets, 1);
	cr_assert_eq(open_fds(), before);
	cr_assert_eq(r->s.mem.n, 0);
	ipc_rig_free(r);
}

/* Every message with every number of descriptors that it may not have, and L5: as many as fit. */
Test(ipc_rows, L4_L5_descriptor_counts)
{
	static const unsigned int counts[] = { 1, 2, 7, 8, 9, 64, 253 };
	uint8_t payload[272] = { 0 };
	int fd[253];

	for (uint32_t req = 0; req < VU_REQUEST_MAX + 4; req++) {
		const struct vu_rule *rule = vu_rule(req);

		for (unsigned int k = 0; k < sizeof(counts) / sizeof(counts[0]); k++) {
			struct ipc_rig *r;
			unsigned int before;

			if (rule && counts[k] >= rule->fds_min && counts[k] <= rule->fds_max)
				continue;
			r = ipc_rig_new();
			negotiate(r);
			for (unsigned int i = 0; i < counts[k]; i++)
				fd[i] = r->memfd;
			before = open_fds();
			cr_assert_eq(say_raw(r, req, VU_VERSION, rule ? rule->size_min : 0, payload, rule ? rule->size_min : 0,
					     fd, counts[k]), -EPROTO, "message %u with %u descriptors", req, counts[k]);
			cr_assert_eq(open_fds(), before, "message %u with %u descriptors leaks", req, counts[k]);
			ipc_rig_free(r);
		}
	}
}

/* As many regions as a table can have, and one descriptor more: the kernel cuts it off, and the count looks right. */
Test(ipc_rows, L5_one_descriptor_is_cut_off)
{
	struct ipc_rig *r = ipc_rig_new();
	struct vu_mem_table t = { .n = 8 };
	int fd[9];

	negotiate(r);
	for (unsigned int i = 0; i < 9; i++)
		fd[i] = r->memfd;
	for (unsigned int i = 0; i < 8; i++)
		t.r[i] = (struct vu_region){ i << 20, 4096, i << 20, 0 };
	cr_assert_eq(say_raw(r, VU_SET_MEM_TABLE, VU_VERSION, 264, &t, 264, fd, 8), 0);
	cr_assert_eq(say_raw(r, VU_SET_MEM_TABLE, VU_VERSION, 264, &t, 264, fd, 9), -EPROTO);
	ipc_rig_free(r);
}

static unsigned int mappings(void)
{
	unsigned int n = 0;
	int c;
	FILE *f = fopen("/proc/self/maps", "r");

	while ((c = getc(f)) != EOF)
		n += c == '\n';
	fclose(f);
	return n;
}

Test(ipc_rows, missing_descriptors)
{
	static const uint32_t needs[] = { VU_SET_MEM_TABLE, VU_ADD_MEM_REG, VU_SET_INFLIGHT_FD, VU_SET_BACKEND_REQ_FD,
					  VU_SET_VRING_KICK, VU_SET_VRING_CALL, VU_SET_VRING_ERR };
	uint8_t payload[272] = { 0 };

	payload[0] = 1;
	for (unsigned int i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
		struct ipc_rig *r = ipc_rig_new();

		negotiate(r);
		cr_assert_eq(say(r, needs[i], payload, vu_rule(needs[i])->size_min), -EPROTO, "message %u", needs[i]);
		ipc_rig_free(r);
	}
}

Test(ipc_rows, sizes_one_off)
{
	uint8_t payload[300] = { 0 };
	int fd;

	for (uint32_t req = 1; req < VU_REQUEST_MAX; req++) {
		const struct vu_rule *rule = vu_rule(req);

		if (!rule)
			continue;
		for (int off = -1; off <= 1; off += 2) {
			uint32_t size = off < 0 ? rule->size_min - 1u : rule->size_max + 1u;
			struct ipc_rig *r;

			if (size > 272)
				continue;
			r = ipc_rig_new();
			negotiate(r);
			fd = r->memfd;
			cr_assert_eq(say_raw(r, req, VU_VERSION, size, payload, size, &fd, rule->fds_min ? 1 : 0), -EPROTO,
				     "message %u of %u bytes", req, size);
			ipc_rig_free(r);
		}
	}
}

Test(ipc_rows, framing)
{
	static const struct { uint32_t flags, size; } bad[] = {
		{ 0, 0 }, { 2, 0 }, { 3, 0 }, { 0x11, 0 }, { 0x80000001, 0 }, { 1, 273 }, { 1, 0x7fffffff }, { 1, 0xffffffff },
	};

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct ipc_rig *r = ipc_rig_new();

		cr_assert_eq(say_raw(r, VU_GET_FEATURES, bad[i].flags, bad[i].size, NULL, 0, NULL, 0), -EPROTO,
			     "flags %#x size %#x", bad[i].flags, bad[i].size);
		cr_assert(no_answer(r));
		ipc_rig_free(r);
	}
	struct ipc_rig *r = ipc_rig_new();

	cr_assert_eq(say_raw(r, VU_GET_FEATURES, VU_VERSION | VU_REPLY, 0, NULL, 0, NULL, 0), -EPROTO, "a reply to nothing");
	ipc_rig_free(r);
}

/* Descriptors ride with the first byte of a message; with a later one they are a trick. */
Test(ipc_rows, descriptor_in_the_middle_of_a_message)
{
	struct ipc_rig *r = ipc_rig_new();
	uint32_t hdr[3] = { VU_SET_VRING_CALL, VU_VERSION, 8 };
	uint64_t v = 0;
	struct iovec iov = { &v, 8 };
	union { struct cmsghdr h; uint8_t room[CMSG_SPACE(sizeof(int))]; } c = { 0 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof(c) };
	unsigned int before = open_fds();

	cr_assert_eq(send(r->peer, hdr, sizeof(hdr), 0), 12);
	c.h = (struct cmsghdr){ .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int)) };
	memcpy(CMSG_DATA(&c.h), &r->memfd, sizeof(int));
	cr_assert_eq(sendmsg(r->peer, &m, 0), 8);
	cr_assert_eq(vu_session_input(&r->s), -EPROTO);
	cr_assert_eq(open_fds(), before);
	ipc_rig_free(r);
}

Test(ipc_rows, bad_memory_regions)
{
	struct ipc_rig *r = ipc_rig_new();
	int fd = rig_memfd(8192), pipe_fd[2];

	cr_assert_eq(pipe(pipe_fd), 0);
	negotiate(r);
	cr_assert_eq(add_region(r, 0, 0, 0, 0, fd), -EPROTO, "empty");
	cr_assert_eq(add_region(r, 0, 8193, 0, 0, fd), -EPROTO, "one byte beyond the file");
	cr_assert_eq(add_region(r, 0, 8192, 0, 1, fd), -EPROTO, "offset beyond the file");
	cr_assert_eq(add_region(r, 0, 4096, 0, ~0ull - 100, fd), -EPROTO, "offset + size wraps");
	cr_assert_eq(add_region(r, 0, ~0ull, 0, 0, fd), -EPROTO, "endless");
	cr_assert_eq(add_region(r, ~0ull - 4095, 8192, 0, 0, fd), -EPROTO, "gpa wraps");
	cr_assert_eq(add_region(r, 0, 8192, ~0ull - 4095, 0, fd), -EPROTO, "uaddr wraps");
	cr_assert_eq(add_region(r, 0, 4096, 0, 0, pipe_fd[0]), -EPROTO, "not a file");
	cr_assert_eq(r->s.mem.n, 0);
	cr_assert_eq(add_region(r, 0, 4096, 0, 4096, fd), 0);
	cr_assert_eq(add_region(r, 4095, 4096, 0x100000, 0, fd), -EPROTO, "overlap");
	cr_assert_eq(r->s.mem.n, 1);
	cr_assert_eq(add_region(r, 0x10000, 100, 0x100000, 8092, fd), 0, "an offset inside a page is legal");
	memset(gmem_at(&r->s.mem, 0x10000, 100), 1, 100);
	ipc_rig_free(r);
}

Test(ipc_rows, bad_memory_table_changes_nothing)
{
	struct ipc_rig *r = ipc_rig_new();
	struct vu_mem_table t = { .n = 2, .r = { { RIG_GPA, RIG_MEM, RIG_UADDR, 0 }, { RIG_GPA, RIG_MEM, RIG_UADDR, 0 } } };
	int fd[2] = { r->memfd, r->memfd };
	unsigned int before, maps;

	negotiate(r);
	cr_assert_eq(add_memory(r), 0);
	start_ring(r, 0);
	before = open_fds();
	maps = mappings();
	for (int i = 0; i < 20; i++)
		cr_assert_eq(say_raw(r, VU_SET_MEM_TABLE, VU_VERSION, 72, &t, 72, fd, 2), -EPROTO, "overlapping regions");
	cr_assert_lt(mappings(), maps + 10, "the first of the two stays mapped");
	t.n = 3;
	cr_assert_eq(say_raw(r, VU_SET_MEM_TABLE, VU_VERSION, 72, &t, 72, fd, 2), -EPROTO, "counts 3, sends 2");
	t.n = 1;
	cr_assert_eq(say_raw(r, VU_SET_MEM_TABLE, VU_VERSION, 72, &t, 72, fd, 2), -EPROTO, "counts 1, sends 2");
	t.n = 0xffffffff;
	cr_assert_eq(say_raw(r, VU_SET_MEM_TABLE, VU_VERSION, 72, &t, 72, fd, 2), -EPROTO);
	cr_assert_eq(open_fds(), before);
	cr_assert_eq(r->s.mem.n, 1);
	cr_assert(r->s.vring[0].vq.started);
	ipc_rig_free(r);
}

Test(ipc_rows, ring_whose_memory_goes_away)
{
	struct ipc_rig *r = ipc_rig_new();
	struct vu_mem_reg m = { .r = { RIG_GPA, RIG_MEM, RIG_UADDR, 0 } };
	struct vu_vring_state st;

	negotiate(r);
	cr_assert_eq(add_memory(r), 0);
	start_ring(r, 0);
	cr_assert_eq(say(r, VU_REM_MEM_REG, &m, sizeof(m)), 0);
	cr_assert_not_null(r->s.vring[0].vq.broken);
	cr_assert_eq(ask_u64(r, VU_GET_STATUS), 0x40, "NEEDS_RESET");
	cr_assert_not(vu_session_enabled(&r->s, &r->s.vring[0]));
	cr_assert_eq(say_state(r, VU_GET_VRING_BASE, 0, 0), 0);
	answer(r, VU_GET_VRING_BASE, &st, 8);
	cr_assert_eq(r->stops, 1);
	cr_assert_eq(add_memory(r), 0);
	start_ring(r, 0);
	cr_assert_eq(ask_u64(r, VU_GET_STATUS), 0);
	ipc_rig_free(r);
}

Test(ipc_rows, features_not_offered)
{
	struct ipc_rig *r = ipc_rig_new();

	cr_assert_eq(say_u64(r, VU_SET_FEATURES, 1ull << 26), -EPROTO);
	cr_assert_eq(say_u64(r, VU_SET_FEATURES, ~0ull), -EPROTO);
	cr_assert_eq(say_u64(r, VU_SET_PROTOCOL_FEATURES, 1ull << 1), -EPROTO);
	cr_assert_eq(r->s.acked, 0);
	cr_assert_eq(r->s.protocol, 0);
	ipc_rig_free(r);
}

Test(ipc_rows, ring_sizes)
{
	static const uint32_t bad[] = { 0, 3, 65, 257, 512, 65536, 0x80000000, 0xffffffff };
	struct ipc_rig *r = ipc_rig_new();

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert_eq(say_state(r, VU_SET_VRING_NUM, 0, bad[i]), -EPROTO, "size %u", bad[i]);
	cr_assert_eq(say_state(r, VU_SET_VRING_NUM, 0, 256), 0);
	cr_assert_eq(say_state(r, VU_SET_VRING_BASE, 0, 65536), -EPROTO);
	ipc_rig_free(r);
}

Test(ipc_rows, bad_inflight_records)
{
	struct ipc_rig *r = ipc_rig_new();
	int fd = rig_memfd(8192);
	struct vu_inflight good = { .size = 0x840, .queues = 1, .queue_size = 128 }, f;

	negotiate(r);
	f = good; f.queues = 0;
	cr_assert_eq(say_fd(r, VU_SET_INFLIGHT_FD, &f, 24, fd), -EPROTO);
	f = good; f.queues = 5;
	cr_assert_eq(say_fd(r, VU_SET_INFLIGHT_FD, &f, 24, fd), -EPROTO);
	f = good; f.queue_size = 0;
	cr_assert_eq(say_fd(r, VU_SET_INFLIGHT_FD, &f, 24, fd), -EPROTO);
	f = good; f.queue_size = 257;
	cr_assert_eq(say_fd(r, VU_SET_INFLIGHT_FD, &f, 24, fd), -EPROTO);
	f = good; f.size = 0x83f;
	cr_assert_eq(say_fd(r, VU_SET_INFLIGHT_FD, &f, 24, fd), -EPROTO);
	f = good; f.offset = 8192;
	cr_assert_eq(say_fd(r, VU_SET_INFLIGHT_FD, &f, 24, fd), -EPROTO);
	f = good; f.offset = 4;
	cr_assert_eq(say_fd(r, VU_SET_INFLIGHT_FD, &f, 24, fd), -EPROTO, "misaligned");
	f = good; f.offset = ~0ull - 7;
	cr_assert_eq(say_fd(r, VU_SET_INFLIGHT_FD, &f, 24, fd), -EPROTO);
	cr_assert_null(r->s.log);
	cr_assert_eq(say_fd(r, VU_SET_INFLIGHT_FD, &good, 24, fd), 0);
	cr_assert_eq(add_memory(r), 0);
	start_ring(r, 0);
	cr_assert_not_null(r->s.vring[0].vq.log);
	cr_assert_eq(say_fd(r, VU_SET_INFLIGHT_FD, &good, 24, fd), -EPROTO, "not while rings run");
	ipc_rig_free(r);
}

Test(ipc_rows, config_change_reaches_the_peer)
{
	struct ipc_rig *r = ipc_rig_new();
	int pair[2];
	uint32_t hdr[3];

	negotiate(r);
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	cr_assert_eq(say_fd(r, VU_SET_BACKEND_REQ_FD, NULL, 0, pair[1]), 0);
	vu_session_config_changed(&r->s);
	cr_assert_eq(recv(pair[0], hdr, sizeof(hdr), MSG_DONTWAIT), 12);
	cr_assert_eq(hdr[0], VU_BACKEND_CONFIG_CHANGE_MSG);
	/* a peer that never reads must not stop us */
	for (int i = 0; i < 100000 && r->s.request.fd >= 0; i++)
		vu_session_config_changed(&r->s);
	cr_assert_eq(r->s.request.fd, -1);
	ipc_rig_free(r);
}
