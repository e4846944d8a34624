// SPDX-License-Identifier: GPL-2.0
/*D:660
 * conn.c: connections: a socket of the host on one side, two ports of the guest's on the other.
 *
 * A program of the host connects, says "CONNECT port\n", and hears "OK port\n" when the guest has accepted; from then on bytes go both
 * ways. A guest that connects to port N of the host reaches whoever listens at PATH_N: the helper connects (dial.c). What
 * one side does not take waits here, at most VSOCK_BUF bytes in each direction: then the other side waits too.
 *
 * It may: accept, read, write, shut down and close sockets, and ask the helper. It may not: look into guest memory.
 */
#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <liburing.h>

#include "devices/vsock/vsock.h"
#include "policy/policy.h"

#define of(ptr, field) ((struct vsock_conn *)((char *)(ptr) - offsetof(struct vsock_conn, field)))
#define dev_of(ptr, field) ((struct vsock *)((char *)(ptr) - offsetof(struct vsock, field)))
#define BIT(op) (1u << (op))

static void start_write(struct vsock_conn *c);
static void settle(struct vsock_conn *c);
static void look_for_host(struct vsock_conn *c);
static void ask_next(struct vsock *v);

static void wake_guest(struct vsock_conn *c)
{
	backend_again(c->v->be, backend_vq(c->v->be, 0));
}

/* --- begin and end --- */

struct vsock_conn *vsock_find(struct vsock *v, uint32_t guest_port, uint32_t host_port)
{
	for (unsigned int i = 0; i < VSOCK_CONNS; i++) {
		struct vsock_conn *c = &v->conn[i];

		/* One that closes, or that it left, is gone for the guest, and one that has not said its port is not there yet. */
		if ((c->state == VSOCK_ASKED || c->state == VSOCK_DIALING || c->state == VSOCK_OPEN) && c->guest_port == guest_port &&
		    c->host_port == host_port)
			return c;
	}
	return NULL;
}

static struct vsock_conn *find_free(struct vsock *v)
{
	for (unsigned int i = 0; i < VSOCK_CONNS; i++)
		if (v->conn[i].state == VSOCK_FREE)
			return &v->conn[i];
	return NULL;
}

static bool in_flight(const struct vsock_conn *c)
{
	return c->in_io.op.pending || c->out_io.op.pending || c->shut_op.pending || c->gone_watch.op.pending || c->timer.op.pending;
}

/* A closing connection is free when nothing of it is in flight, and the guest was told what it is owed. */
static void finish(struct vsock_conn *c)
{
	struct vsock *v = c->v;

	if (c->state != VSOCK_CLOSING || in_flight(c))
		return;
	if (c->fd >= 0)
		backend_close(v->be, c->fd);
	c->fd = -1;
	if (c->send)
		return;
	c->state = VSOCK_FREE;
	if (v->full) {
		v->full = false;
		backend_watch(v->be, &v->listen, POLLIN);
	}
}

void vsock_close(struct vsock_conn *c, bool tell)
{
	struct backend *be = c->v->be;

	tell &= c->state != VSOCK_LEFT;
	c->state = VSOCK_CLOSING;
	c->send = tell ? BIT(VIRTIO_VSOCK_OP_RST) : 0;
	backend_cancel(be, &c->in_io.op);
	backend_cancel(be, &c->out_io.op);
	backend_cancel(be, &c->gone_watch.op);
	backend_cancel(be, &c->timer.op);
	if (tell)
		wake_guest(c);
	finish(c);
}

void vsock_told(struct vsock_conn *c)
{
	finish(c);
}

void vsock_close_all(struct vsock *v)
{
	v->resets = 0;
	for (unsigned int i = 0; i < VSOCK_CONNS; i++)
		if (v->conn[i].state != VSOCK_FREE && v->conn[i].state != VSOCK_LEFT)
			vsock_leave(&v->conn[i]);
}

/* What is left behind has its time, or a program that reads nothing would keep the place for ever. */
static void look_at_left(struct vsock_conn *c)
{
	if (c->looked == c->forwarded) {
		vsock_close(c, false);
		return;
	}
	c->looked = c->forwarded;
	backend_timer(c->v->be, &c->timer, VSOCK_LEFT_MS);
}

/* Linux says RST 8 s after each close that was not answered, which may be too soon for a slow reader. */
void vsock_leave(struct vsock_conn *c)
{
	if (c->state != VSOCK_OPEN || !c->out_len) {
		vsock_close(c, false);
		return;
	}
	c->state = VSOCK_LEFT;
	c->send = 0;
	c->guest_shut = VIRTIO_VSOCK_SHUTDOWN_RCV | VIRTIO_VSOCK_SHUTDOWN_SEND;
	c->in_off = c->in_len = 0;
	c->looked = c->forwarded - 1;
	if (!c->timer.op.pending)	/* else the one of before, when it is back */
		look_at_left(c);
	settle(c);
	vsock_read_on(c);
}

static void begin(struct vsock_conn *c, enum vsock_state state, int fd)
{
	c->state = state;
	c->fd = fd;
	c->in_off = c->in_len = c->out_at = c->out_len = c->out_own = 0;
	c->in_end = c->deaf = false;
	c->send = c->shut_told = c->guest_shut = c->shut_asked = c->dial = 0;
	c->forwarded = c->forwarded_told = c->sent = c->peer_alloc = c->peer_forwarded = 0;
	backend_timer(c->v->be, &c->timer, VSOCK_HANDSHAKE_MS);
}

/* It takes too long to begin; or the host's half that has ended may have gone since. */
static void time_over(struct backend_op *op, int32_t res)
{
	struct vsock_conn *c = of(op, timer.op);

	(void)res;
	if (c->state == VSOCK_CLOSING)
		finish(c);
	else if (c->state == VSOCK_LEFT)
		look_at_left(c);
	else if (c->state == VSOCK_OPEN && c->in_end && !c->deaf)
		look_for_host(c);
	else if (c->state != VSOCK_OPEN && c->state != VSOCK_FREE)
		vsock_close(c, c->state != VSOCK_HELLO_WAIT);
}

/* --- from the host --- */

static void read_more(struct vsock_conn *c, uint32_t most)
{
	c->in_iov = (struct iovec){ c->in + c->in_len, most - c->in_len };
	c->in_io.fd = c->fd;
	c->in_io.iov = &c->in_iov;
	c->in_io.n = 1;
	backend_io(c->v->be, &c->in_io);
}

void vsock_read_on(struct vsock_conn *c)
{
	if ((c->state != VSOCK_OPEN && c->state != VSOCK_LEFT) || c->in_end || c->in_off < c->in_len || c->in_io.op.pending || c->gone_watch.op.pending)
		return;
	c->in_off = c->in_len = 0;
	read_more(c, VSOCK_BUF);
}

static uint32_t free_port(struct vsock *v, uint32_t guest_port)
{
	do
		v->next_port = v->next_port < UINT32_MAX - 1 && v->next_port >= VSOCK_OWN_PORTS ? v->next_port + 1 : VSOCK_OWN_PORTS;
	while (vsock_find(v, guest_port, v->next_port));
	return v->next_port;
}

/* "CONNECT port\n". Return: 1 = it is there, and the port; 0 = not whole yet; -1 = something else. */
static int parse_hello(struct vsock_conn *c, uint32_t *port)
{
	static const char word[] = "CONNECT ";
	const uint32_t seen = c->in_len < VSOCK_HELLO ? c->in_len : VSOCK_HELLO;
	const uint8_t *end = memchr(c->in, '\n', seen);
	char line[VSOCK_HELLO + 1], *rest;
	unsigned long long n;

	if (!end)
		return c->in_len < VSOCK_HELLO ? 0 : -1;
	memcpy(line, c->in, (size_t)(end - c->in));
	line[end - c->in] = '\0';
	if (strncmp(line, word, sizeof(word) - 1) || line[sizeof(word) - 1] < '0' || line[sizeof(word) - 1] > '9')
		return -1;
	n = strtoull(line + sizeof(word) - 1, &rest, 10);
	if (*rest && strcmp(rest, "\r"))
		return -1;
	c->in_off = (uint32_t)(end - c->in) + 1;
	*port = (uint32_t)n;
	return n < UINT32_MAX ? 1 : -1;
}

static void hello(struct vsock_conn *c)
{
	uint32_t port;
	int r = parse_hello(c, &port);

	if (r < 0) {
		vsock_close(c, false);
	} else if (!r) {
		read_more(c, VSOCK_HELLO);
	} else {
		c->guest_port = port;
		c->host_port = free_port(c->v, port);
		c->state = VSOCK_ASKED;
		c->send = BIT(VIRTIO_VSOCK_OP_REQUEST);
		wake_guest(c);
	}
}

/*
 * The host's program has sent all. Has it gone, or does it still listen to the guest? poll() says so now; but io_uring's poll ends at a
 * half-closed socket at once, whatever it is asked for, so somebody who stays is looked at again by the clock.
 */
static void look_for_host(struct vsock_conn *c)
{
	c->gone_watch.fd = c->fd;
	backend_watch(c->v->be, &c->gone_watch, POLLHUP);
}

static void host_gone(struct backend_watch *w, short revents)
{
	struct vsock_conn *c = of(w, gone_watch);

	if (c->state != VSOCK_OPEN) {
		finish(c);
		return;
	}
	c->in_end = true;
	c->deaf |= revents & POLLHUP;
	if (!c->deaf && !c->timer.op.pending)	/* else it is the handshake's, on its way back: time_over() goes on */
		backend_timer(c->v->be, &c->timer, VSOCK_LOOK_MS);
	wake_guest(c);
}

static void read_done(struct backend_io *io, int32_t res)
{
	struct vsock_conn *c = of(io, in_io);

	if (c->state == VSOCK_CLOSING) {
		finish(c);
	} else if (c->state == VSOCK_LEFT && res <= 0) {
		c->in_end = true;	/* the writes say the rest */
	} else if (c->state == VSOCK_OPEN && !res) {
		look_for_host(c);
	} else if (res <= 0) {
		vsock_close(c, c->state != VSOCK_HELLO_WAIT);
	} else if (c->state == VSOCK_HELLO_WAIT) {
		c->in_len += (uint32_t)res;
		hello(c);
	} else if (c->guest_shut & VIRTIO_VSOCK_SHUTDOWN_RCV) {
		read_more(c, VSOCK_BUF);	/* the guest does not want it; its end is what is waited for */
	} else {
		c->in_len += (uint32_t)res;
		wake_guest(c);
	}
}

static void connected(struct backend_watch *w, short revents)
{
	struct vsock *v = dev_of(w, listen);
	struct vsock_conn *c = find_free(v);
	int fd;

	(void)revents;
	v->full = !c;
	if (!c)
		return;	/* finish() goes on */
	fd = backend_accept(v->be, v->listen.fd);
	if (fd >= 0) {
		begin(c, VSOCK_HELLO_WAIT, fd);
		read_more(c, VSOCK_HELLO);
	}
	backend_watch(v->be, w, POLLIN);
}

/* --- from the guest --- */

/* What the guest does not take ends for the host at once, what it does not send behind its last byte. */
static void shut_host(struct vsock_conn *c)
{
	uint32_t due = c->guest_shut & ~c->shut_asked & (c->out_len ? VIRTIO_VSOCK_SHUTDOWN_RCV : ~0u);

	if (!due || c->shut_op.pending)
		return;
	c->shut_asked |= due;
	io_uring_prep_shutdown(backend_sqe(c->v->be, &c->shut_op), c->fd, due & VIRTIO_VSOCK_SHUTDOWN_RCV ? SHUT_RD : SHUT_WR);
}

/* What follows on an end that the guest has said. */
static void settle(struct vsock_conn *c)
{
	const uint32_t both = VIRTIO_VSOCK_SHUTDOWN_RCV | VIRTIO_VSOCK_SHUTDOWN_SEND;

	if (c->state != VSOCK_OPEN && c->state != VSOCK_LEFT)
		return;
	if (c->guest_shut == both && !c->out_len)
		vsock_close(c, true);
	else
		shut_host(c);
}

static void shut_done(struct backend_op *op, int32_t res)
{
	struct vsock_conn *c = of(op, shut_op);

	(void)res;
	finish(c);
}

/* @n bytes of @out are the host's, or nobody's. */
static void took(struct vsock_conn *c, uint32_t n)
{
	uint32_t own = n < c->out_own ? n : c->out_own;

	c->out_own -= own;
	c->forwarded += n - own;
	c->out_at = (c->out_at + n) % VSOCK_OUT;
	c->out_len -= n;
	if (c->state == VSOCK_OPEN && c->forwarded - c->forwarded_told >= VSOCK_BUF / 2) {
		c->send |= BIT(VIRTIO_VSOCK_OP_CREDIT_UPDATE);
		wake_guest(c);
	}
}

/* Nobody reads there any more: an end of this direction. What the host sent before is still the guest's, as in any socket. */
static void host_is_deaf(struct vsock_conn *c)
{
	c->deaf = true;
	took(c, c->out_len);
	wake_guest(c);
}

static void write_done(struct backend_io *io, int32_t res)
{
	struct vsock_conn *c = of(io, out_io);

	if (c->state == VSOCK_CLOSING) {
		finish(c);
		return;
	}
	if (res > 0) {
		took(c, (uint32_t)res);
	} else if (res == -EPIPE || res == -ECONNRESET) {
		host_is_deaf(c);
	} else {
		vsock_close(c, true);
		return;
	}
	start_write(c);
	settle(c);
}

static void start_write(struct vsock_conn *c)
{
	uint32_t first = VSOCK_OUT - c->out_at < c->out_len ? VSOCK_OUT - c->out_at : c->out_len;

	if (!c->out_len || c->out_io.op.pending)
		return;
	c->out_iov[0] = (struct iovec){ c->out + c->out_at, first };
	c->out_iov[1] = (struct iovec){ c->out, c->out_len - first };
	c->out_io.fd = c->fd;
	c->out_io.iov = c->out_iov;
	c->out_io.n = c->out_len > first ? 2 : 1;
	backend_io(c->v->be, &c->out_io);
}

static uint8_t *out_end(struct vsock_conn *c, uint32_t *space)
{
	uint32_t end = (c->out_at + c->out_len) % VSOCK_OUT;

	*space = VSOCK_OUT - end;
	return c->out + end;
}

bool vsock_give(struct vsock_conn *c, const struct vq_chain *chain, uint64_t off, uint32_t len)
{
	uint32_t space, n;
	uint8_t *to;

	if (c->guest_shut & VIRTIO_VSOCK_SHUTDOWN_SEND || len > VSOCK_BUF - (c->out_len - c->out_own))
		return false;
	while (len) {
		to = out_end(c, &space);
		n = len < space ? len : space;
		if (vq_copy_out(chain, off, to, n) != n)
			return false;
		c->out_len += n;
		off += n;
		len -= n;
	}
	start_write(c);
	return true;
}

void vsock_shutdown(struct vsock_conn *c, uint32_t flags)
{
	if (c->state != VSOCK_OPEN) {
		vsock_close(c, true);
		return;
	}
	c->guest_shut |= flags;
	settle(c);
	if (flags & VIRTIO_VSOCK_SHUTDOWN_RCV) {
		c->in_off = c->in_len = 0;
		vsock_read_on(c);
	}
}

static void open_up(struct vsock_conn *c)
{
	c->state = VSOCK_OPEN;
	backend_cancel(c->v->be, &c->timer.op);
	vsock_read_on(c);
	wake_guest(c);
}

void vsock_accepted(struct vsock_conn *c)
{
	char line[VSOCK_HELLO];
	uint32_t n = (uint32_t)snprintf(line, sizeof(line), "OK %u\n", c->host_port);

	memcpy(c->out, line, n);	/* nothing is there yet */
	c->out_len = c->out_own = n;
	start_write(c);
	open_up(c);
}

/* --- the helper --- */

bool vsock_dial(struct vsock *v, uint32_t guest_port, uint32_t host_port, const struct virtio_vsock_hdr *h)
{
	struct vsock_conn *c = find_free(v);

	if (!c)
		return false;
	begin(c, VSOCK_DIALING, -1);
	c->guest_port = guest_port;
	c->host_port = host_port;
	c->peer_alloc = le32toh(h->buf_alloc);
	c->peer_forwarded = le32toh(h->fwd_cnt);
	ask_next(v);
	return true;
}

/* One question at a time. */
static void ask_next(struct vsock *v)
{
	if (v->ask_op.pending || v->question.id)
		return;
	for (unsigned int i = 0; i < VSOCK_CONNS; i++) {
		struct vsock_conn *c = &v->conn[i];

		if (c->state != VSOCK_DIALING || c->dial)
			continue;
		v->next_dial += v->next_dial == UINT32_MAX ? 2 : 1;	/* 0: none */
		c->dial = v->question.id = v->next_dial;
		v->question.port = c->host_port;
		io_uring_prep_write(backend_sqe(v->be, &v->ask_op), POLICY_FD_RESOURCE, &v->question, sizeof(v->question), 0);
		return;
	}
}

static void asked(struct backend_op *op, int32_t res)
{
	(void)op;
	(void)res;	/* a helper that is gone is seen by the wait for its answer */
}

static void await_answer(struct vsock *v)
{
	v->answer_iov = (struct iovec){ &v->answer, sizeof(v->answer) };
	v->answer_msg = (struct msghdr){
		.msg_iov = &v->answer_iov, .msg_iovlen = 1, .msg_control = v->answer_space, .msg_controllen = sizeof(v->answer_space),
	};
	io_uring_prep_recvmsg(backend_sqe(v->be, &v->answer_op), POLICY_FD_RESOURCE, &v->answer_msg, MSG_CMSG_CLOEXEC);
}

static int received_fd(struct msghdr *m)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(m);
	int fd = -1;

	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

static struct vsock_conn *asker(struct vsock *v, uint32_t id)
{
	for (unsigned int i = 0; i < VSOCK_CONNS; i++)
		if (v->conn[i].state == VSOCK_DIALING && v->conn[i].dial == id)
			return &v->conn[i];
	return NULL;
}

/*D:680
 * The helper (dial.c) has connected, or could not, and sends the number of the question with it. Meanwhile the guest
 * may have given up, or the question may be one of a process that is dead by now: a connection that still waits for
 * this very number gets the socket, and a socket for which there is none is closed.
 */
static void answered(struct backend_op *op, int32_t res)
{
	struct vsock *v = dev_of(op, answer_op);
	int fd = res > 0 ? received_fd(&v->answer_msg) : -1;
	struct vsock_conn *c;

	if (res <= 0) {
		backend_leave(v->be);	/* without the helper half of the device is missing: lguest-run starts both again */
		return;
	}
	c = res == sizeof(v->answer) ? asker(v, v->answer.id) : NULL;
	if (v->answer.id == v->question.id)
		v->question.id = 0;
	if (c && fd >= 0) {
		c->fd = fd;
		c->send = BIT(VIRTIO_VSOCK_OP_RESPONSE);
		open_up(c);
	} else if (c) {
		vsock_close(c, true);
	} else if (fd >= 0) {
		backend_close(v->be, fd);
	}
	await_answer(v);
	ask_next(v);
}

/*D:670
 * This device has the most to remember: VSOCK_CONNS connections, each with a socket of the host on one side and two
 * port numbers of the guest's on the other. As in the console, whatever can complete gets its function here, for every
 * connection that there may ever be. The role may accept and may not connect; for that it has a helper, whose answers
 * are awaited from now on.
 */
int vsock_start(struct backend *be)
{
	struct vsock *v = backend_dev(be);

	for (unsigned int i = 0; i < VSOCK_CONNS; i++) {
		struct vsock_conn *c = &v->conn[i];

		c->v = v;
		c->fd = -1;
		c->in_io.done = read_done;
		c->out_io.done = write_done;
		c->out_io.write = true;
		c->shut_op.done = shut_done;
		c->gone_watch.ready = host_gone;
		c->timer.op.done = time_over;
	}
	v->ask_op.done = asked;
	v->answer_op.done = answered;
	v->listen.ready = connected;
	backend_watch(be, &v->listen, POLLIN);
	await_answer(v);
	return 0;
}
