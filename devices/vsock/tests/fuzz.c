// SPDX-License-Identifier: GPL-2.0
/*
 * fuzz.c: lguest-vsock with a hostile guest, and programs of the host that connect, say anything, stall and leave.
 *
 * Besides ASan and UBSan: bytes lie in the connection's own buffers, which never hold more than their size; no descriptor is used after
 * its connection is free, none is closed twice, and none is forgotten; refusals that wait are bounded; no chain is held.
 */
#include <string.h>

#include "devices/vsock/tests/alone.h"
#include "tests/fuzz/guest.h"

#define CID 3

static struct vsock *v;
static uint8_t memory[VSOCK_CONNS][VSOCK_BUF + VSOCK_OUT];

static int32_t total(const struct io_uring_sqe *sqe)
{
	const struct iovec *iov = (const struct iovec *)(uintptr_t)sqe->addr;
	size_t len = 0;

	for (unsigned int i = 0; i < sqe->len; i++) {
		const uint8_t *p = iov[i].iov_base;

		REQUIRE(p >= memory[0] && p + iov[i].iov_len <= memory[VSOCK_CONNS - 1] + sizeof(memory[0]), "bytes outside the connections' buffers");
		len += iov[i].iov_len;
	}
	REQUIRE(len && len <= VSOCK_OUT, "%zu bytes", len);
	return (int32_t)len;
}

static int32_t read_bytes(const struct io_uring_sqe *sqe, uint8_t how)
{
	static const char *const said[] = { "CONNECT 1000\n", "CONNECT 1000\nand more", "CONNECT ", "HELLO\n", "CONNECT 4294967295\n" };
	const struct iovec *iov = (const struct iovec *)(uintptr_t)sqe->addr;
	int32_t n = total(sqe);

	if (how < 4)
		return -(int32_t)how;
	if (how < 64) {
		const char *text = said[how % 5];
		size_t len = strlen(text) < (size_t)n ? strlen(text) : (size_t)n;

		memcpy(iov[0].iov_base, text, len);
		return (int32_t)len;
	}
	memset(iov[0].iov_base, how, iov[0].iov_len);
	return how & 1 || how > n ? n : how;
}

/* The helper's answer, to the question or to another one, with a connection or without. */
static int32_t answer(uint8_t how)
{
	struct cmsghdr *c = (struct cmsghdr *)v->answer_space;
	int fd = 100 + how % 16;

	v->answer.id = how & 0x80 ? how : v->question.id;
	v->answer.error = how & 0x40 ? -111 : 0;
	v->answer_msg.msg_controllen = 0;
	if (!v->answer.error) {
		*c = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
		v->answer_msg.msg_controllen = CMSG_SPACE(sizeof(int));
	}
	return how == 0x3f ? 0 : how == 0x3e ? 3 : (int32_t)sizeof(v->answer);
}

static int32_t perform(const struct io_uring_sqe *sqe, uint8_t how)
{
	int32_t n;

	switch (sqe->opcode) {
	case IORING_OP_WRITEV:
		n = total(sqe);
		return how == 0 ? 0 : how == 1 ? -32 : how & 1 ? n : n / 2 + 1;
	case IORING_OP_READV:
		return read_bytes(sqe, how);
	case IORING_OP_RECVMSG:
		return answer(how);
	case IORING_OP_ASYNC_CANCEL:
		return -125;
	default:
		return how & 1 ? 0 : -62;
	}
}

/* A header that could be a Linux guest's, somewhere in its data: random bytes alone find no connection. */
static void put_packet(uint8_t how)
{
	const uint8_t *ops = (const uint8_t *)"\1\2\3\4\5\6\7\5";
	struct virtio_vsock_hdr h = {
		.src_cid = CID, .dst_cid = VSOCK_HOST_CID, .src_port = 1000u + (how >> 6), .dst_port = guest_byte() & 3 ? v->next_port : 2000,
		.len = guest_byte(), .type = VIRTIO_VSOCK_TYPE_STREAM, .op = ops[how & 7], .flags = how >> 3 & 3, .buf_alloc = guest_byte() * 64u,
		.fwd_cnt = guest_byte(),
	};

	memcpy(fake.mem + FAKE_DATA + guest_byte() % 240u * 640u, &h, sizeof(h));
}

/*
 * The guest's driver at work: a packet on a connection that there is (or for a new one), in a chain of its own; and a buffer for what
 * the device says to it.
 */
static void deliver(void)
{
	static const uint8_t ops[] = { VIRTIO_VSOCK_OP_RW, VIRTIO_VSOCK_OP_RESPONSE, VIRTIO_VSOCK_OP_SHUTDOWN, VIRTIO_VSOCK_OP_CREDIT_UPDATE,
				       VIRTIO_VSOCK_OP_CREDIT_REQUEST, VIRTIO_VSOCK_OP_REQUEST, VIRTIO_VSOCK_OP_RST, VIRTIO_VSOCK_OP_RW };
	uint8_t which = guest_byte(), how = guest_byte();
	const struct vsock_conn *c = &v->conn[which % VSOCK_CONNS];
	uint32_t len = which & 0x80 ? guest_byte() * 256u : how & 0x40 ? 16 : 0;
	struct virtio_vsock_hdr h = {
		.src_cid = CID, .dst_cid = VSOCK_HOST_CID, .src_port = c->guest_port, .dst_port = c->host_port, .len = len,
		.type = VIRTIO_VSOCK_TYPE_STREAM, .op = ops[how & 7], .flags = how >> 3 & 3, .buf_alloc = how & 0x20 ? 0x10000 : 16, .fwd_cnt = 0,
	};

	if (c->state == VSOCK_FREE) {
		h.src_port = 1000 + which;
		h.dst_port = 2000;
		h.op = VIRTIO_VSOCK_OP_REQUEST;
		h.len = len = 0;
	}
	memcpy(fake.mem + FAKE_DATA + 640, &h, sizeof(h));
	fake_desc(1, 0, FAKE_DATA + 640, (uint32_t)sizeof(h) + len, 0, 0);
	fake_desc(0, 1, FAKE_DATA + 0x12000, how & 0x80 ? 64 : 4096, 2, 0);
	if (fake.vq[1].size)
		fake_offer(1, 0);
	if (fake.vq[0].size)
		fake_offer(0, 1);
	fake_kick(1, 4);
	fake_kick(0, 4);
}

/* All watches are asked: what was one for a connection that is gone meanwhile, too. */
static void hang_up(uint8_t how)
{
	for (unsigned int i = 0; i < VSOCK_CONNS; i++) {
		struct vsock_conn *c = &v->conn[i];

		if (!c->gone_watch.events || c->state == VSOCK_FREE)
			continue;
		c->gone_watch.events = 0;
		c->gone_watch.ready(&c->gone_watch, how & 16 ? 0x2010 : 0x2001);
	}
}

static void special(void)
{
	uint8_t how = guest_byte();

	if (how < 0x30)
		deliver();
	else if (how < 0x34)
		hang_up(how << 3);
	else if (how < 0x60) {
		put_packet(how);
	} else if (how < 0xa0) {
		if (!v->full)
			v->listen.ready(&v->listen, 1);
	} else if (how < 0xd0) {
		struct vsock_conn *c = &v->conn[how % VSOCK_CONNS];

		/* The fake loop has no watches: one that was asked for is answered here, once. */
		if (c->state == VSOCK_OPEN && c->gone_watch.events) {
			c->gone_watch.events = 0;
			c->gone_watch.ready(&c->gone_watch, how & 16 ? 0x2010 : 0x2001);
		}
	} else {
		put_packet(guest_byte());
	}
}

static void check(void)
{
	REQUIRE(v->resets <= VSOCK_RESETS, "%u refusals", v->resets);
	for (unsigned int i = 0; i < VSOCK_CONNS; i++) {
		const struct vsock_conn *c = &v->conn[i];

		REQUIRE(c->in_off <= c->in_len && c->in_len <= VSOCK_BUF, "the buffer for the guest overflows");
		REQUIRE(c->out_len <= VSOCK_OUT && c->out_at < VSOCK_OUT && c->out_own <= c->out_len, "the buffer for the host overflows");
		REQUIRE(c->state != VSOCK_FREE || (c->fd < 0 && !c->in_io.op.pending && !c->out_io.op.pending && !c->timer.op.pending &&
						   !c->shut_op.pending), "connection %u is free and in use", i);
		REQUIRE(c->state != VSOCK_OPEN || c->fd >= 0, "connection %u is open without a socket", i);
		REQUIRE(c->state != VSOCK_OPEN || !c->out_len || c->out_io.op.pending, "what connection %u has for the host waits for nothing", i);
		REQUIRE(c->state != VSOCK_LEFT || (c->fd >= 0 && c->out_io.op.pending && c->timer.op.pending && !c->send),
			"connection %u, which the guest left, has no end, or is told of", i);
		REQUIRE(c->state != VSOCK_OPEN || c->in_end || c->in_off < c->in_len || c->in_io.op.pending || c->gone_watch.events,
			"connection %u does not read the host", i);
	}
	for (unsigned int q = 0; q < VSOCK_QUEUES; q++)
		REQUIRE(!fake.vq[q].inflight, "a chain of queue %u is held", q);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct guest g = { .queues = VSOCK_QUEUES, .perform = perform, .special = special, .check = check };

	fake_open(lguest_vsock_main);
	v = fake.dev;
	memset(v, 0, sizeof(*v));
	v->cid = CID;
	v->next_dial = 7;
	for (unsigned int i = 0; i < VSOCK_CONNS; i++) {
		v->conn[i].in = memory[i];
		v->conn[i].out = memory[i] + VSOCK_BUF;
	}
	fake.ops->start(NULL);
	guest_run(&g, data, size);
	return 0;
}
