// SPDX-License-Identifier: GPL-2.0
/*D:470
 * port.c: bytes from the guest to the output and from the input to the guest, both through buffers of fixed size.
 *
 * A guest that prints while nobody reads: Linux spins in the hypervisor console's put_chars() until its buffer
 * comes back, so holding it for good would hang a processor of the guest, and buffering without bound is
 * Firecracker's CVE-2020-27174. Hence: 64 KiB of buffer, then the guest waits, and after a second in which not one
 * byte was taken, output is dropped, counted and announced. A file that is full is such a reader, tried again each second, and so is a FIFO without one.
 *
 * It may: move bytes between guest buffers and two descriptors. It may not: open or configure anything.
 */
#include <errno.h>
#include <poll.h>

#include "devices/console/console.h"
#include "policy/policy.h"

#define STALL_MS 1000u
#define RETRY_MS 1000u
#define DEAF_MS 10000u
#define INTERRUPT_MS 1000u
#define INTERRUPTS_TO_LEAVE 3u
#define CTRL_C 0x03

static void start_read(struct console *con);
static void start_write(struct console *con);

#define of(ptr, field) ((struct console *)((char *)(ptr) - offsetof(struct console, field)))

/* The bytes first, then the count: a process that is killed in between leaves what is counted. */
static void took(struct console *con, uint32_t n)
{
	__atomic_store_n(&con->out->taken, con->out->taken + n, __ATOMIC_RELEASE);
}

static void wrote(struct console *con, uint32_t n)
{
	__atomic_store_n(&con->out->written, con->out->written + n, __ATOMIC_RELEASE);
}

static void drop_output(struct console *con)
{
	__atomic_store_n(&con->out->written, con->out->taken, __ATOMIC_RELEASE);
}

/* --- the peer on a Unix socket --- */

/*
 * Operations in flight belong to who has gone: their results are ignored when they come (a new peer may have got the
 * same descriptor number by then).
 */
static void disconnect(struct console *con)
{
	if (con->conn < 0)
		return;
	con->in_stale = con->in_io.op.pending;
	con->out_stale = con->out_io.op.pending;
	backend_cancel(con->be, &con->in_io.op);
	backend_cancel(con->be, &con->out_io.op);
	backend_close(con->be, con->conn);
	con->conn = con->in_fd = con->out_fd = -1;
	drop_output(con);
	backend_watch(con->be, &con->listen, POLLIN);
}

static void connected(struct backend_watch *w, short revents)
{
	struct console *con = of(w, listen);
	int fd = backend_accept(con->be, w->fd);

	(void)revents;
	if (fd < 0) {
		backend_watch(con->be, w, POLLIN);
		return;
	}
	con->conn = con->in_fd = con->out_fd = fd;
	start_read(con);
	start_write(con);
}

/* --- towards the guest --- */

/* ^C three times within a second leaves; the guest gets them all the same. */
static void watch_for_leaving(struct console *con, const uint8_t *typed, uint32_t n)
{
	if (!con->terminal)
		return;
	for (uint32_t i = 0; i < n; i++)
		con->interrupts = typed[i] == CTRL_C ? con->interrupts + 1 : 0;
	if (con->interrupts >= INTERRUPTS_TO_LEAVE)
		backend_leave(con->be);
	else if (con->interrupts && !con->interrupt_timer.op.pending)
		backend_timer(con->be, &con->interrupt_timer, INTERRUPT_MS);
}

static void interrupts_over(struct backend_op *op, int32_t res)
{
	(void)res;
	of(op, interrupt_timer.op)->interrupts = 0;
}

static void deliver(struct console *con)
{
	struct vq *q = backend_vq(con->be, 0);
	static struct iovec seg[CONSOLE_SEGS];
	struct vq_chain c = { .seg = seg, .seg_max = CONSOLE_SEGS };
	size_t n;

	if (!backend_running(con->be, q))
		return;
	vq_pass(q);
	while (con->in_off < con->in_len && vq_pop(q, &c) > 0) {
		n = vq_copy_in(&c, 0, con->in + con->in_off, con->in_len - con->in_off);
		vq_push(q, c.head, (uint32_t)n);
		con->in_off += (uint32_t)n;
		con->delivered += n;
	}
	backend_notify(con->be, q);
	if (con->in_off == con->in_len)
		con->in_off = con->in_len = 0;
	else if (vq_want_kicks(q))
		backend_again(con->be, q);
	start_read(con);
}

static void read_done(struct backend_io *io, int32_t res)
{
	struct console *con = of(io, in_io);

	if (con->in_stale) {
		con->in_stale = false;
		start_read(con);
		return;
	}
	if (res <= 0) {
		con->in_fd = -1;
		disconnect(con);
		return;
	}
	watch_for_leaving(con, con->in + con->in_at, (uint32_t)res);
	/* what was there when the read began may have been delivered meanwhile */
	memmove(con->in + con->in_len, con->in + con->in_at, (size_t)res);
	con->in_len += (uint32_t)res;
	deliver(con);
	start_read(con);
}

/* A line of our own in the guest's output, if there is room. */
static void announce(struct console *con, const char *what, uint64_t n, const char *why);

/*
 * A guest that has taken nothing of a whole buffer for so long is not going to: its user's ^Cs, which lie behind that in the terminal, count
 * more.
 */
static void deaf(struct backend_op *op, int32_t res)
{
	struct console *con = of(op, deaf_timer.op);

	if (res != -ECANCELED && con->in_len - con->in_off == CONSOLE_IN && con->delivered == con->delivered_then) {
		announce(con, "typed bytes were dropped", CONSOLE_IN, "the guest does not read");
		con->in_off = con->in_len = 0;
	}
	start_read(con);
}

/* Room for one more read; the pending one, if any, is over. */
static bool make_room(struct console *con)
{
	if (con->in_off && con->in_len == CONSOLE_IN) {
		con->in_len -= con->in_off;
		memmove(con->in, con->in + con->in_off, con->in_len);
		con->in_off = 0;
	}
	if (con->in_len < CONSOLE_IN)
		return true;
	if (!con->deaf_timer.op.pending) {
		con->delivered_then = con->delivered;
		backend_timer(con->be, &con->deaf_timer, DEAF_MS);
	}
	return false;
}

/*
 * Nothing is read while the guest has not taken what came before: the sender's own buffer holds the rest. But a
 * terminal is read on, for the ^Cs of a user whose guest hangs before it takes any input, as far as there is room; what is pasted
 * beyond that waits in the terminal.
 */
static void start_read(struct console *con)
{
	if (con->in_fd < 0 || (con->in_len && !con->terminal) || con->in_io.op.pending || !make_room(con))
		return;
	con->in_at = con->in_len;
	con->in_iov = (struct iovec){ con->in + con->in_at, CONSOLE_IN - con->in_at };
	con->in_io.fd = con->in_fd;
	con->in_io.iov = &con->in_iov;
	con->in_io.n = 1;
	backend_io(con->be, &con->in_io);
}

/* --- from the guest --- */

static uint32_t room(const struct console *con)
{
	return CONSOLE_OUT - console_out_len(con);
}

static uint32_t out_end(const struct console *con)
{
	return (uint32_t)(con->out->taken % CONSOLE_OUT);
}

/* As much of the held request as fits, in at most two pieces. */
static void take(struct console *con)
{
	uint32_t end, n;
	size_t got;

	for (int piece = 0; piece < 2 && room(con); piece++) {
		end = out_end(con);
		n = CONSOLE_OUT - end < room(con) ? CONSOLE_OUT - end : room(con);
		got = vq_copy_out(&con->chain, con->chain_off, con->out->byte + end, n);
		took(con, (uint32_t)got);
		con->chain_off += got;
	}
}

static void announce(struct console *con, const char *what, uint64_t n, const char *why)
{
	char note[96];
	int len = snprintf(note, sizeof(note), "\r\n[%llu %s: %s]\r\n", (unsigned long long)n, what, why);

	if (con->out_fd < 0 || (uint32_t)len > room(con))
		return;
	for (int i = 0; i < len; i++) {
		con->out->byte[out_end(con)] = (uint8_t)note[i];
		took(con, 1);
	}
	start_write(con);
}

static void announce_loss(struct console *con)
{
	if (!con->lost || room(con) < 96)
		return;
	announce(con, "bytes of output were lost", con->lost, con->out_file ? "there was no room for them" : "nobody read them");
	con->lost = 0;
}

/*D:480
 * The first device that somebody else can hold up: perhaps nobody reads what the guest prints. A request that does not
 * fit into the buffer is held, and with it the guest, until a second has passed in which not one byte was taken; then
 * its rest is dropped and counted. A reader who takes nothing costs the guest one second, and us a buffer of fixed
 * size.
 */
/* Is the held request done with: taken, or dropped because nobody reads? */
static bool finish_held(struct console *con)
{
	uint64_t left;

	if (con->out_fd < 0)
		return true;
	take(con);
	left = con->chain.out_len - con->chain_off;
	if (!left)
		return true;
	if (!con->stalled) {
		if (!con->stall_timer.op.pending)
			backend_timer(con->be, &con->stall_timer, STALL_MS);
		return false;
	}
	con->lost += left;
	return true;
}

static void transmit(struct console *con, struct vq *q)
{
	con->chain.seg = con->seg;
	con->chain.seg_max = CONSOLE_SEGS;
	for (;;) {
		if (!con->held) {
			if (vq_pop(q, &con->chain) <= 0)
				break;
			con->held = true;
			con->chain_off = 0;
		}
		if (!finish_held(con))
			break;
		vq_push(q, con->chain.head, 0);
		con->held = false;
	}
	start_write(con);
}

/* Errors that may be over: no room, no quota, a limit that is raised or a file that is cut, a disk that comes back, and the reader of a FIFO. */
static const char *passing(const struct console *con, int32_t res)
{
	if (con->out_fifo && res == -EPIPE)
		return "nobody reads it";
	if (!con->out_file)
		return NULL;
	switch (res) {
	case -ENOSPC: return "its file system is full";
	case -EDQUOT: return "its user's quota is used up";
	case -EFBIG: return "it is as long as it may be";
	case -EIO: return "an I/O error";
	default: return NULL;
	}
}

/* The bytes stay; what comes and finds no room is dropped and counted at once: a guest does not wait for an operator. */
static void wait_for_room(struct console *con, const char *why)
{
	if (!con->full)
		backend_log(con->be, "the console's output takes nothing: %s; what the guest prints is dropped until it does", why);
	con->full = con->stalled = true;
	backend_timer(con->be, &con->retry_timer, RETRY_MS);
}

static void retry(struct backend_op *op, int32_t res)
{
	(void)res;
	start_write(of(op, retry_timer.op));
}

static void write_done(struct backend_io *io, int32_t res)
{
	struct console *con = of(io, out_io);

	if (con->out_stale) {
		con->out_stale = false;
	} else if (res > 0) {
		wrote(con, (uint32_t)res);
		con->stalled = con->full = false;
		backend_cancel(con->be, &con->stall_timer.op);
		announce_loss(con);
	} else if (passing(con, res)) {
		wait_for_room(con, passing(con, res));
	} else {
		con->out_fd = -1; /* no reader any more: what the guest prints is thrown away from here on */
		drop_output(con);
		disconnect(con);
	}
	start_write(con);
	if (con->held)
		backend_again(con->be, backend_vq(con->be, 1));
}

static void start_write(struct console *con)
{
	uint32_t first, at = console_out_at(con), len = console_out_len(con);

	if (con->out_fd < 0 || !len || con->out_io.op.pending || con->retry_timer.op.pending)
		return;
	first = CONSOLE_OUT - at < len ? CONSOLE_OUT - at : len;
	con->out_iov[0] = (struct iovec){ con->out->byte + at, first };
	con->out_iov[1] = (struct iovec){ con->out->byte, len - first };
	con->out_io.fd = con->out_fd;
	con->out_io.iov = con->out_iov;
	con->out_io.n = len > first ? 2 : 1;
	backend_io(con->be, &con->out_io);
}

static void stall_over(struct backend_op *op, int32_t res)
{
	struct console *con = of(op, stall_timer.op);

	if (!con->held)
		return;
	if (res == -ECANCELED) { /* a byte was taken, and the next request had to wait before we heard of the end */
		backend_timer(con->be, &con->stall_timer, STALL_MS);
		return;
	}
	con->stalled = true;
	backend_again(con->be, backend_vq(con->be, 1));
}

/* --- what the loop calls --- */

void console_kick(struct backend *be, struct vq *q)
{
	struct console *con = backend_dev(be);

	if (q->index)
		transmit(con, q);
	else
		deliver(con);
}

void console_queue_stop(struct backend *be, struct vq *q)
{
	struct console *con = backend_dev(be);

	if (q->index && con->held) {
		con->lost += con->chain.out_len - con->chain_off;
		vq_push(q, con->chain.head, 0);
		con->held = false;
	}
}

static void start_size_read(struct console *con)
{
	con->size_iov = (struct iovec){ &con->new_size, sizeof(con->new_size) };
	con->size_io.fd = POLICY_FD_RESIZE;
	con->size_io.iov = &con->size_iov;
	con->size_io.n = 1;
	backend_io(con->be, &con->size_io);
}

static void size_done(struct backend_io *io, int32_t res)
{
	struct console *con = of(io, size_io);

	if (res != sizeof(con->new_size))
		return; /* the keeper is gone, and soon so are we */
	con->size = con->new_size;
	backend_config_changed(con->be);
	start_size_read(con);
}

/*D:490
 * The ring is there, and the process is about to be sealed. Everything that can ever complete gets its function here,
 * and then the reading begins. What the process before us had taken from the guest and not shown, if it died, lies in
 * con->out (launch.c keeps that memory) and goes out first.
 */
int console_start(struct backend *be)
{
	struct console *con = backend_dev(be);

	if (!con->out)
		con->out = &con->own_out;
	if (con->out->taken - con->out->written > CONSOLE_OUT) /* whoever wrote that is not to be trusted with more */
		drop_output(con);
	con->in_io.done = read_done;
	con->out_io.done = write_done;
	con->out_io.write = true;
	con->interrupt_timer.op.done = interrupts_over;
	con->stall_timer.op.done = stall_over;
	con->retry_timer.op.done = retry;
	con->deaf_timer.op.done = deaf;
	con->size_io.done = size_done;
	con->listen.ready = connected;
	if (con->terminal)
		start_size_read(con);
	if (con->unix_path)
		backend_watch(be, &con->listen, POLLIN);
	start_read(con);
	start_write(con); /* what the process before us left */
	return 0;
}
