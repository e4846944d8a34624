// SPDX-License-Identifier: GPL-2.0
/*
 * unit_console.c: lguest-console's port on the fake loop: rows C1, R16 and R19 of docs/known-bugs.md, leaving, and who
 * comes and goes on a Unix socket.
 */
#include <errno.h>

#include <criterion/criterion.h>

#include "devices/console/console.h"
#include "tests/lib/fake_loop.h"

int lguest_console_main(int argc, char **argv);
int terminal_keep(struct console *con) { (void)con; return 0; }

static struct console *con;

static void open_console(void)
{
	fake_open(lguest_console_main);
	con = fake.dev;
	con->in_fd = 4;
	con->out_fd = 5;
	cr_assert_eq(fake.ops->start(NULL), 0);
	fake_start(0, 8, 0);
	fake_start(1, 8, 0);
}

TestSuite(console, .timeout = 10);

static void print(uint16_t head, uint32_t len)
{
	fake_desc(1, head, FAKE_DATA, len, 0, 0);
	fake_offer(1, head);
	fake_kick(1, 10);
}

static void typed(const char *s, int32_t len)
{
	int op = fake_find(IORING_OP_READV);
	const struct iovec *v;

	cr_assert_geq(op, 0, "nobody reads the keyboard");
	v = (const struct iovec *)(uintptr_t)fake.pending[op].sqe.addr;
	memcpy(v->iov_base, s, (size_t)len);
	fake_complete((unsigned int)op, len);
}

Test(console, output_reaches_the_writer)
{
	const struct iovec *v;
	int op;

	open_console();
	memcpy(fake.mem + FAKE_DATA, "hello", 5);
	print(0, 5);
	op = fake_find(IORING_OP_WRITEV);
	cr_assert_geq(op, 0);
	v = (const struct iovec *)(uintptr_t)fake.pending[op].sqe.addr;
	cr_assert_eq(v->iov_len, 5);
	cr_assert_eq(memcmp(v->iov_base, "hello", 5), 0);
	cr_assert_eq(fake_used_idx(1), 1, "taken over, so the buffer goes back at once");
	fake_complete((unsigned int)op, 2);
	op = fake_find(IORING_OP_WRITEV);
	v = (const struct iovec *)(uintptr_t)fake.pending[op].sqe.addr;
	cr_assert_eq(v->iov_len, 3, "the rest after a short write");
	cr_assert_eq(memcmp(v->iov_base, "llo", 3), 0);
}

/* C1 and R19: 64 KiB, then the guest waits; after a second without progress it is dropped; nothing grows. */
Test(console, C1_reader_that_stalls)
{
	uint16_t done;
	int timer;

	open_console();
	for (uint16_t i = 0; i < 16; i++)
		print(i % 8, 4096);
	cr_assert_eq(fake_used_idx(1), 16);
	cr_assert_eq(console_out_len(con), CONSOLE_OUT);
	print(0, 4096);
	cr_assert_eq(fake_used_idx(1), 16, "full: the guest waits");
	cr_assert_eq(fake.vq[1].inflight, 1, "with one request");
	timer = fake_find(IORING_OP_TIMEOUT);
	cr_assert_geq(timer, 0);
	fake_complete((unsigned int)timer, -ETIME);
	fake_kick(1, 10);
	cr_assert_eq(fake_used_idx(1), 17, "a second later it goes on");
	for (uint16_t i = 0; i < 200; i++)
		print(i % 8, 4096);
	done = fake_used_idx(1);
	cr_assert_eq(done, 217, "and does not wait again");
	cr_assert_eq(console_out_len(con), CONSOLE_OUT);
	cr_assert_eq(con->lost, 201u * 4096);
	/* the reader comes back, and is told */
	fake_complete((unsigned int)fake_find(IORING_OP_WRITEV), CONSOLE_OUT);
	cr_assert_eq(con->lost, 0);
	cr_assert_gt(console_out_len(con), 0);
	cr_assert_eq(memcmp(con->out->byte + console_out_at(con), "\r\n[823296 bytes", 15), 0);
}

/* What a killed process left in memory that it was given goes out first; counts that cannot be are not believed. */
Test(console, carried_output)
{
	static struct console_out left;
	const struct iovec *v;

	fake_open(lguest_console_main);
	con = fake.dev;
	con->out = &left;
	left.taken = 3ull * CONSOLE_OUT + 2;
	left.written = left.taken - 5;
	memcpy(left.byte + CONSOLE_OUT - 3, "hel", 3);
	memcpy(left.byte, "lo", 2);
	con->in_fd = 4;
	con->out_fd = 5;
	cr_assert_eq(fake.ops->start(NULL), 0);
	v = (const struct iovec *)(uintptr_t)fake.pending[fake_find(IORING_OP_WRITEV)].sqe.addr;
	cr_assert(v[0].iov_len == 3 && !memcmp(v[0].iov_base, "hel", 3) && v[1].iov_len == 2 && !memcmp(v[1].iov_base, "lo", 2));
	fake_complete((unsigned int)fake_find(IORING_OP_WRITEV), 5);
	cr_assert_eq(left.written, left.taken);
	left.taken += 1ull << 40;
	cr_assert_eq(fake.ops->start(NULL), 0);
	cr_assert_eq(console_out_len(con), 0);
}

/* The timer of an earlier wait is still being cancelled when the next one begins: it must not get lost. */
Test(console, C1_reader_that_stalls_again_at_once)
{
	open_console();
	for (uint16_t i = 0; i < 17; i++)
		print(i % 8, 4096);
	cr_assert_eq(fake.vq[1].inflight, 1);
	fake_complete((unsigned int)fake_find(IORING_OP_WRITEV), 4096);
	for (uint16_t i = 0; i < 3; i++)
		print((uint16_t)(i + 1), 4096);
	cr_assert_eq(fake.vq[1].inflight, 1, "full again");
	fake_complete((unsigned int)fake_find(IORING_OP_ASYNC_CANCEL), -ECANCELED);
	cr_assert_geq(fake_find(IORING_OP_TIMEOUT), 0, "nobody would ever end this wait");
}

Test(console, R16_stop_with_a_request_held)
{
	open_console();
	for (uint16_t i = 0; i < 17; i++)
		print(i % 8, 4096);
	cr_assert_eq(fake.vq[1].inflight, 1);
	fake_stop(1);
	memset(fake.mem, 0x99, FAKE_MEM);
	fake_complete((unsigned int)fake_find(IORING_OP_WRITEV), 4096);
	for (size_t i = 0; i < FAKE_MEM; i++)
		cr_assert_eq(fake.mem[i], 0x99);
}

Test(console, input_waits_for_buffers_and_is_not_read_on)
{
	open_console();
	typed("abcdef", 6);
	cr_assert_eq(fake_find(IORING_OP_READV), -1, "the terminal's own buffer holds the rest");
	fake_desc(0, 0, FAKE_DATA, 4, VQ_DESC_WRITE, 0);
	fake_offer(0, 0);
	fake_kick(0, 10);
	cr_assert_eq(fake_used(0, 0).len, 4);
	cr_assert_eq(fake_find(IORING_OP_READV), -1);
	fake_desc(0, 1, FAKE_DATA + 64, 4, VQ_DESC_WRITE, 0);
	fake_offer(0, 1);
	fake_kick(0, 10);
	cr_assert_eq(fake_used(0, 1).len, 2);
	cr_assert_eq(memcmp(fake.mem + FAKE_DATA, "abcd", 4), 0);
	cr_assert_eq(memcmp(fake.mem + FAKE_DATA + 64, "ef\0\0", 4), 0);
	cr_assert_geq(fake_find(IORING_OP_READV), 0);
}

static void give_buffers(void)
{
	for (uint16_t i = 0; i < 8; i++) {
		fake_desc(0, i, FAKE_DATA + 4096, 64, VQ_DESC_WRITE, 0);
		fake_offer(0, i);
	}
	fake_kick(0, 10);
}

Test(console, three_interrupts_leave)
{
	open_console();
	con->terminal = true;
	give_buffers();
	typed("\x03\x03", 2);
	typed("x\x03", 2);
	typed("\x03", 1);
	cr_assert_not(fake.left, "another key came between");
	typed("\x03", 1);
	cr_assert(fake.left);
}

/* A guest that hangs before it has given any buffer is the one that a user wants to leave most. */
Test(console, three_interrupts_leave_a_guest_that_takes_no_input)
{
	open_console();
	con->terminal = true;
	typed("abc\x03", 4);
	typed("\x03", 1);
	cr_assert_not(fake.left);
	typed("\x03", 1);
	cr_assert(fake.left);
	/* nothing of it is lost or out of order for a guest that wakes up, also when it does so during a read */
	fake_desc(0, 0, FAKE_DATA, 64, VQ_DESC_WRITE, 0);
	fake_offer(0, 0);
	fake_kick(0, 10);
	cr_assert_eq(fake_used(0, 0).len, 6);
	cr_assert_eq(memcmp(fake.mem + FAKE_DATA, "abc\x03\x03\x03", 6), 0);
	typed("x", 1);
	fake_desc(0, 1, FAKE_DATA + 64, 64, VQ_DESC_WRITE, 0);
	fake_offer(0, 1);
	fake_kick(0, 10);
	cr_assert_eq(fake_used(0, 1).len, 1);
	cr_assert_eq(fake.mem[FAKE_DATA + 64], 'x');
}

/* The output begins with this. */
static void shows(const char *text)
{
	cr_assert_eq(memcmp(con->out->byte + console_out_at(con), text, strlen(text)), 0, "%.80s",
		     (const char *)con->out->byte + console_out_at(con));
}

/* A paste of 64 KiB waits for a guest that is busy; what comes behind it stays in the terminal, until the guest is taken for hung. */
Test(console, a_paste_is_kept)
{
	static char block[4096];
	const struct iovec *v;
	uint32_t at = 0, n;
	int op;

	open_console();
	con->terminal = true;
	for (n = 0; (op = fake_find(IORING_OP_READV)) >= 0; n += (uint32_t)v->iov_len) {
		static struct iovec copy;

		copy = *(const struct iovec *)(uintptr_t)fake.pending[op].sqe.addr;
		v = &copy;
		if (v->iov_len > sizeof(block))
			copy.iov_len = sizeof(block);
		for (uint32_t i = 0; i < v->iov_len; i++)
			block[i] = (char)((n + i) % 251);
		typed(block, (int32_t)v->iov_len);
	}
	cr_assert_eq(n, 65536, "%u bytes were taken", n);
	for (uint16_t i = 0; at < n; i++) {	/* the guest wakes up; more may be typed then */
		struct vq_used_elem e;

		fake_desc(0, i % 8, FAKE_DATA + 4096, 4096, VQ_DESC_WRITE, 0);
		fake_offer(0, i % 8);
		fake_kick(0, 10);
		e = fake_used(0, i);
		for (uint32_t k = 0; k < e.len; k++, at++)
			cr_assert_eq(fake.mem[FAKE_DATA + 4096 + k], (uint8_t)(at % 251), "byte %u", at);
		cr_assert_geq(fake_find(IORING_OP_READV), 0, "there is room again");
	}
	cr_assert_eq(at, 65536);
}

Test(console, what_nobody_takes_is_bounded)
{
	static char block[CONSOLE_IN];
	int timer;

	open_console();
	con->terminal = true;
	for (int i = 0; i < 100; i++) {
		int op = fake_find(IORING_OP_READV);

		if (op >= 0) {
			typed(block, (int32_t)((const struct iovec *)(uintptr_t)fake.pending[op].sqe.addr)->iov_len);
			cr_assert_leq(con->in_len, CONSOLE_IN);
			continue;
		}
		timer = fake_find(IORING_OP_TIMEOUT);
		cr_assert_geq(timer, 0, "nobody would ever read the ^Cs behind it");
		fake_complete((unsigned int)timer, -ETIME);
		cr_assert_eq(con->in_len, 0);
	}
	cr_assert_gt(console_out_len(con), 0);
	shows("\r\n[65536 typed bytes were dropped: the guest does not read]");
}

/* Within the time the guest took some: then it is busy, not hung. */
Test(console, a_slow_guest_loses_nothing)
{
	static char block[CONSOLE_IN];

	open_console();
	con->terminal = true;
	typed(block, CONSOLE_IN);
	cr_assert_geq(fake_find(IORING_OP_TIMEOUT), 0);
	fake_desc(0, 0, FAKE_DATA + 4096, 64, VQ_DESC_WRITE, 0);
	fake_offer(0, 0);
	fake_kick(0, 10);
	typed(block, 64);
	fake_complete((unsigned int)fake_find(IORING_OP_TIMEOUT), -ETIME);
	cr_assert_eq(con->in_len - con->in_off, CONSOLE_IN);
}

/* One console after another in one process: nothing of the one before is under way. */
static void open_again(void)
{
	if (con) {
		con->in_io.op.pending = con->out_io.op.pending = con->retry_timer.op.pending = false;
		con->own_out.taken = con->own_out.written = 0;
	}
	open_console();
}

/* A file without room (field case A7, audit 17): said once, tried again, counted, and told in the file when there is room. */
/* A terminal or a peer whose write fails so is gone. */
static void is_the_end_elsewhere(int error)
{
	open_again();
	con->out_file = con->out_fifo = false;
	print(0, 4096);
	fake_complete((unsigned int)fake_find(IORING_OP_WRITEV), -error);
	cr_assert_eq(con->out_fd, -1);
}

Test(console, a_full_file_is_tried_again)
{
	static const int errors[] = { -ENOSPC, -EDQUOT, -EFBIG, -EIO };

	for (unsigned int i = 0; i < 4; i++) {
		open_again();
		con->out_file = true;
		con->full = con->stalled = false;
		con->lost = 0;
		print(0, 4096);
		for (int k = 0; k < 3; k++) {
			fake_complete((unsigned int)fake_find(IORING_OP_WRITEV), errors[i]);
			cr_assert_eq(fake_find(IORING_OP_WRITEV), -1, "not at once");
			for (uint16_t n = 0; n < 32; n++)
				print(n % 8, 4096);
			fake_complete((unsigned int)fake_find(IORING_OP_TIMEOUT), -ETIME);
		}
		cr_assert_eq(fake_used_idx(1), 97, "the guest does not wait");
		cr_assert_eq(con->lost, 81u * 4096);
		cr_assert_eq(fake.logged, 1);
		fake_complete((unsigned int)fake_find(IORING_OP_WRITEV), CONSOLE_OUT);
		cr_assert_eq(con->lost, 0);
		shows("\r\n[331776 bytes of output were lost: there was no room for them]");
	}
	is_the_end_elsewhere(ENOSPC);
}

/* Whoever writes a FIFO into a log is started anew: what is kept waits for it, and what was lost is told. */
Test(console, a_fifo_without_a_reader_is_tried_again)
{
	open_again();
	con->out_fifo = true;
	print(0, 4096);
	fake_complete((unsigned int)fake_find(IORING_OP_WRITEV), -EPIPE);
	cr_assert_eq(fake_find(IORING_OP_WRITEV), -1, "not at once");
	for (uint16_t n = 0; n < 16; n++)
		print(n % 8, 4096);
	cr_assert_eq(fake_used_idx(1), 17, "the guest does not wait");
	fake_complete((unsigned int)fake_find(IORING_OP_TIMEOUT), -ETIME);
	cr_assert_eq(fake.logged, 1);
	fake_complete((unsigned int)fake_find(IORING_OP_WRITEV), CONSOLE_OUT);
	cr_assert_eq(con->lost, 0);
	shows("\r\n[4096 bytes of output were lost: nobody read them]");
	is_the_end_elsewhere(EPIPE);
}

Test(console, interrupts_of_more_than_a_second_do_not_leave)
{
	int timer;

	open_console();
	con->terminal = true;
	give_buffers();
	typed("\x03\x03", 2);
	timer = fake_find(IORING_OP_TIMEOUT);
	cr_assert_geq(timer, 0);
	fake_complete((unsigned int)timer, -ETIME);
	typed("\x03", 1);
	cr_assert_not(fake.left);
}

Test(console, interrupts_on_something_else_than_a_terminal_are_bytes)
{
	open_console();
	give_buffers();
	typed("\x03\x03\x03\x03", 4);
	cr_assert_not(fake.left);
}

/* A peer leaves with operations in flight; the next one gets the same descriptor number. */
Test(console, peer_on_a_socket_comes_and_goes)
{
	open_console();
	fake_stop(0);
	fake_stop(1);
	fake_open(lguest_console_main);
	con = fake.dev;
	con->in_fd = con->out_fd = con->conn = -1;
	con->in_io.op.pending = con->out_io.op.pending = con->stall_timer.op.pending = false;
	con->out->written = con->out->taken;
	con->unix_path = "/x";
	fake.ops->start(NULL);
	fake_start(0, 8, 0);
	fake_start(1, 8, 0);
	cr_assert_eq(fake.watches, 1);
	print(0, 100);
	cr_assert_eq(fake_used_idx(1), 1, "nobody is there: thrown away");
	cr_assert_eq(con->lost, 0);
	con->listen.ready(&con->listen, 1);
	print(1, 100);
	cr_assert_geq(fake_find(IORING_OP_WRITEV), 0);
	fake_complete((unsigned int)fake_find(IORING_OP_READV), 0); /* hangs up; the write is still out */
	cr_assert_eq(con->out_fd, -1);
	con->listen.ready(&con->listen, 1);
	print(2, 50);
	cr_assert_eq(console_out_len(con), 50);
	fake_complete((unsigned int)fake_find(IORING_OP_ASYNC_CANCEL), -ECANCELED);
	cr_assert_eq(console_out_len(con), 50, "the old peer's result is not the new one's");
	cr_assert_geq(fake_find(IORING_OP_WRITEV), 0, "and the new one gets its bytes");
	cr_assert_geq(con->out_fd, 0);
	fake_complete((unsigned int)fake_find(IORING_OP_WRITEV), 50);
	cr_assert_eq(console_out_len(con), 0, "once");
	/* what the new one types before the guest has buffers stays when it leaves, and is not read over by the next */
	typed("abc", 3);
	cr_assert_eq(con->in_len, 3);
	fake.ops->queue_kick(NULL, &fake.vq[0]);
	con->conn = -1;
	con->listen.ready(&con->listen, 1);
	cr_assert_eq(fake_find(IORING_OP_READV), -1);
	cr_assert_eq(con->in_len, 3);
}

Test(console, window_size_changes)
{
	struct console_size size = { 132, 50 };
	uint8_t cfg[12];
	int op;

	fake_open(lguest_console_main);
	con = fake.dev;
	con->terminal = true;
	con->in_fd = -1;
	fake.ops->start(NULL);
	op = fake_find(IORING_OP_READV);
	cr_assert_geq(op, 0);
	memcpy(((const struct iovec *)(uintptr_t)fake.pending[op].sqe.addr)->iov_base, &size, sizeof(size));
	fake_complete((unsigned int)op, sizeof(size));
	cr_assert(fake.config_changed);
	memset(cfg, 0xff, sizeof(cfg));
	fake.ops->get_config(NULL, cfg);
	cr_assert_eq(memcmp(cfg, &size, sizeof(size)), 0);
}
