// SPDX-License-Identifier: GPL-2.0
/*
 * fuzz.c: the port of lguest-console with a hostile guest, and a peer that types, stalls, leaves and comes back.
 *
 * Besides ASan and UBSan: output lies in the console's own buffer, which never holds more than its size; at most one
 * request of the guest is held; input is read into the input buffer only.
 */
#include <string.h>

#include "devices/console/console.h"
#include "tests/fuzz/guest.h"

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

static int32_t perform(const struct io_uring_sqe *sqe, uint8_t how)
{
	int32_t n;

	switch (sqe->opcode) {
	case IORING_OP_WRITEV:
		n = total(sqe, con->out->byte, sizeof(con->out->byte));
		return how == 0 ? 0 : how == 1 ? -32 : how & 1 ? n : n / 2 + 1;
	case IORING_OP_READV:
		n = total(sqe, con->in, sizeof(con->in));
		memset(con->in, how, sizeof(con->in));
		return how < 4 ? -(int32_t)how : how & 1 || how > n ? n : how;
	default:
		return -62; /* ETIME */
	}
}

static void special(void)
{
	uint8_t how = guest_byte();

	/* somebody connects, when nobody is there */
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
	}
	fake.ops->start(NULL);
	guest_run(&g, data, size);
	return 0;
}
