// SPDX-License-Identifier: GPL-2.0
/*
 * fuzz.c: the port of lguest-console with a hostile guest, and a peer that types, stalls, leaves and comes back.
 *
 * Besides ASan and UBSan: output lies in the console's own buffer, which never holds more than its size; at most one
 * request of the guest is held; input is read into the input buffer only. The first byte of the input says what the console is:
 * 0x80 a Unix socket, 0x40 a terminal with a size, 0x20 a file that may be full, 0x10 one whose process before it left output.
 */
#include <errno.h>
#include <string.h>

#include "devices/console/console.h"
#include "policy/policy.h"
#include "tests/fuzz/guest.h"

#define CTRL_C 3

int lguest_console_main(int argc, char **argv);

int terminal_keep(struct console *c)
{
	(void)c;
	return 0;
}

static struct console *con;

static int32_t total(const struct io_uring_sqe *sqe, const uint8_t *base, size_t size)
{
	const struct iovec *v = (const struct iovec *)(uintptr_t)sqe->addr;
	size_t len = 0;

	for (unsigned int i = 0; i < sqe->len; i++) {
		const uint8_t *p = v[i].iov_base;

		REQUIRE(p >= base && (size_t)(p - base) <= size && v[i].iov_len <= size - (size_t)(p - base),
			"bytes outside the console's buffer");
		len += v[i].iov_len;
	}
	REQUIRE(len && len <= size, "%zu bytes", len);
	return (int32_t)len;
}

static int32_t size_read(const struct io_uring_sqe *sqe, uint8_t how)
{
	const struct iovec *v = (const struct iovec *)(uintptr_t)sqe->addr;

	REQUIRE(sqe->len == 1 && v->iov_base == &con->new_size && v->iov_len == sizeof(con->new_size), "a window size goes elsewhere");
	memset(v->iov_base, how, v->iov_len);
	return how & 1 ? (int32_t)v->iov_len : -(int32_t)(how & 6);
}

static int32_t perform(const struct io_uring_sqe *sqe, uint8_t how)
{
	static const int full[] = { ENOSPC, EDQUOT, EFBIG, EIO };
	int32_t n;

	switch (sqe->opcode) {
	case IORING_OP_WRITEV:
		if (con->out_file && how >= 2 && how < 6)
			return -full[how - 2];
		n = total(sqe, con->out->byte, sizeof(con->out->byte));
		return how == 0 ? 0 : how == 1 ? -EPIPE : how & 1 ? n : n / 2 + 1;
	case IORING_OP_READV:
		if (sqe->fd == POLICY_FD_RESIZE)
			return size_read(sqe, how);
		n = total(sqe, con->in, sizeof(con->in));
		memset(con->in, how >= 0xf0 ? CTRL_C : how, sizeof(con->in));
		return how < 4 ? -(int32_t)how : how & 1 || how > n ? n : how;
	default:
		return -62; /* ETIME */
	}
}

static void special(void)
{
	uint8_t how = guest_byte();

	/* somebody connects, when nobody is there, and may be gone before it is taken */
	fake.no_peer = how & 2;
	if (con->unix_path && con->conn < 0)
		con->listen.ready(&con->listen, 1);
	con->terminal = how & 1;
}

static void check(void)
{
	REQUIRE(con->out->taken - con->out->written <= CONSOLE_OUT, "the output buffer overflows");
	REQUIRE(con->in_off <= con->in_len && con->in_len <= CONSOLE_IN, "the input buffer overflows");
	REQUIRE(fake.vq[1].inflight <= 1 && fake.vq[1].inflight == con->held, "%u requests held", fake.vq[1].inflight);
	REQUIRE(!fake.vq[0].inflight, "input buffers held");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct guest g = { .queues = 2, .perform = perform, .special = special, .check = check };

	fake_open(lguest_console_main);
	con = fake.dev;
	memset(con, 0, sizeof(*con));
	con->conn = -1;
	con->in_fd = con->out_fd = -1;
	if (size && data[0] & 0x80) {
		con->unix_path = "/x";
	} else {
		con->in_fd = 4;
		con->out_fd = 5;
		con->terminal = size && data[0] & 0x40;
		con->out_file = size && data[0] & 0x20;
		con->out_fifo = size && data[0] & 0x08 && !con->out_file;
	}
	if (size > 1 && data[0] & 0x10)
		con->own_out.taken = data[1] * 640u;	/* more than there can be, too */
	fake.ops->start(NULL);
	guest_run(&g, data, size);
	return 0;
}
