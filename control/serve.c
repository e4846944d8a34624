// SPDX-License-Identifier: GPL-2.0
/*L:920
 * serve.c: the clients of lguest-control: lines in, requests to lguest-run, lines out (serve.h).
 *
 * It may use the descriptors of ask.h. Whatever a client can use up is bounded: 16 connections, 4 KiB of a line, 64 KiB of answers that it does
 * not read, 10 s for half a line, one request at a time each.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "control/line.h"
#include "control/serve.h"

#define OUT_MAX		65536u
#define HALF_LINE_MS	10000
#define READS		16	/* answers in one turn */

/**
 * struct client - a connection, at descriptor CONTROL_FD_CLIENT + its number
 * @all: it came by the control socket, @listens: it wants events
 * @serial: of its request under way, 0 = none; @type, @id: of that; @parts: of the answer that have come
 * @half_ms: since when there is half a line, 0 = there is none
 * @in: @got bytes, @out: @used bytes of which @sent are gone
 */
struct client {
	bool open, all, listens;
	unsigned int parts;
	uint32_t serial, type;
	uint64_t half_ms;
	size_t got, used, sent;
	char id[LINE_ID];
	char in[LINE_MAX_IN];
	char out[OUT_MAX];
};

static struct client clients[CONTROL_CLIENTS];
static const char *guest_name = "";
static uint32_t last_serial;

void serve_begin(const char *name)
{
	guest_name = name;
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static int client_fd(const struct client *c)
{
	return CONTROL_FD_CLIENT + (int)(c - clients);
}

static void hang_up(struct client *c)
{
	close(client_fd(c));
	c->open = false;
}

static ssize_t send_some(int fd, const void *data, size_t n)
{
	struct iovec iov = { (void *)(uintptr_t)data, n };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	return sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static ssize_t receive_some(int fd, void *data, size_t n)
{
	struct iovec iov = { data, n };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	return recvmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* --- out --- */

static void flush(struct client *c)
{
	ssize_t n;

	if (!c->open || c->sent == c->used)
		return;
	n = send_some(client_fd(c), c->out + c->sent, c->used - c->sent);
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		hang_up(c);
		return;
	}
	c->sent += n > 0 ? (size_t)n : 0;
	if (c->sent == c->used)
		c->sent = c->used = 0;
}

/* What is printed goes behind what waits; one who does not read as much as fits is hung up on. */
static struct line_text room(struct client *c)
{
	if (c->sent) {
		memmove(c->out, c->out + c->sent, c->used - c->sent);
		c->used -= c->sent;
		c->sent = 0;
	}
	return (struct line_text){ c->out, c->used, sizeof(c->out), false };
}

static void printed(struct client *c, const struct line_text *t)
{
	c->used = t->used;
	if (t->full)
		hang_up(c);
}

static void tell(struct client *c, enum answer_code code, const char *why, const char *id)
{
	struct line_text t = room(c);

	if (code) {
		line_error(&t, code, why, id);
	} else {
		const struct answer fine = { .kind = ANSWER_DONE };

		line_answer(&t, 0, &fine, id, 0);
	}
	printed(c, &t);
}

/* --- in --- */

static void request(struct client *c, const char *line, size_t n)
{
	struct line_request q;

	line_parse(line, n, &q);
	if (!q.code && !q.events && ask_rules[q.ask.type].changes && !c->all) {
		tell(c, ANSWER_DENIED, "this is the status socket: it answers status, stats and events", q.id);
		return;
	}
	if (q.code || q.events) {
		c->listens |= q.events && !q.code;
		tell(c, q.code, q.why, q.id);
		if (q.code == ANSWER_BAD_REQUEST && c->open) {
			flush(c);
			if (c->open)
				hang_up(c);
		}
		return;
	}
	if (!++last_serial)
		last_serial = 1;
	q.ask.serial = last_serial;
	q.ask.rights = c->all ? ASK_MAY_ALL : 0;
	if (send_some(CONTROL_FD_RUN, &q.ask, sizeof(q.ask)) != sizeof(q.ask)) {
		tell(c, ANSWER_BUSY, "lguest-run has not read the requests before this one: ask again", q.id);
		return;
	}
	c->serial = q.ask.serial;
	c->type = q.ask.type;
	c->parts = 0;
	memcpy(c->id, q.id, sizeof(c->id));
}

/* Lines that are here, until one has to be waited for. */
static void take_lines(struct client *c)
{
	char *end;
	size_t n;

	while (c->open && !c->serial && c->got && (end = memchr(c->in, '\n', c->got))) {
		n = (size_t)(end - c->in);
		request(c, c->in, n && end[-1] == '\r' ? n - 1 : n);
		memmove(c->in, end + 1, c->got - n - 1);
		c->got -= n + 1;
	}
	if (!c->open || c->serial)
		return;
	if (c->got == sizeof(c->in)) {
		tell(c, ANSWER_BAD_REQUEST, "a request has at most 4095 bytes", "");
		flush(c);
		if (c->open)
			hang_up(c);
		return;
	}
	if (!c->got)
		c->half_ms = 0;
	else if (!c->half_ms)
		c->half_ms = now_ms();
}

static void readable(struct client *c)
{
	ssize_t n = receive_some(client_fd(c), c->in + c->got, sizeof(c->in) - c->got);

	if (!n || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		hang_up(c);
		return;
	}
	c->got += n > 0 ? (size_t)n : 0;
	c->half_ms = 0;
	take_lines(c);
}

/* The 17th is told nothing: it is closed. */
static void welcome(int listener, bool all)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct client *c = clients;
	struct line_text t;

	if (fd < 0)
		return;
	while (c < clients + CONTROL_CLIENTS && c->open)
		c++;
	if (c == clients + CONTROL_CLIENTS || dup3(fd, client_fd(c), O_CLOEXEC) < 0) {
		close(fd);
		return;
	}
	close(fd);
	c->open = true;
	c->all = all;
	c->listens = false;
	c->serial = 0;
	c->half_ms = 0;
	c->got = c->used = c->sent = 0;
	t = room(c);
	line_greeting(&t, guest_name, all);
	printed(c, &t);
}

/* --- lguest-run --- */

static void event(const struct answer *a)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	for (struct client *c = clients; c < clients + CONTROL_CLIENTS; c++) {
		struct line_text t;

		if (!c->open || !c->listens)
			continue;
		t = room(c);
		line_event(&t, a, (uint64_t)now.tv_sec, (unsigned int)(now.tv_nsec / 1000000));
		printed(c, &t);
	}
}

static void answered(const struct answer *a)
{
	for (struct client *c = clients; c < clients + CONTROL_CLIENTS; c++) {
		struct line_text t;

		if (!c->open || c->serial != a->serial)
			continue;
		t = room(c);
		line_answer(&t, c->type, a, c->id, c->parts);
		printed(c, &t);
		c->parts++;
		if (a->kind != ANSWER_DONE)
			return;
		c->serial = 0;
		take_lines(c);
		return;
	}
}

/* Return: false when lguest-run is gone. */
static bool hear_run(void)
{
	struct answer a = { 0 };
	ssize_t n = 1;

	for (int i = 0; i < READS; i++) {
		n = receive_some(CONTROL_FD_RUN, &a, sizeof(a));
		if (n <= 0)
			break;
		if (n != sizeof(a))
			continue;
		a.text[sizeof(a.text) - 1] = '\0';
		if (a.serial)
			answered(&a);
		else if (a.kind == ANSWER_EVENT)
			event(&a);
	}
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

/* --- the turn --- */

int serve_poll(struct pollfd *p)
{
	uint64_t now = now_ms();
	int next = -1, ms;

	p[SERVE_RUN] = (struct pollfd){ .fd = CONTROL_FD_RUN, .events = POLLIN };
	p[SERVE_LISTEN] = (struct pollfd){ .fd = CONTROL_FD_LISTEN, .events = POLLIN };
	p[SERVE_STATUS] = (struct pollfd){ .fd = CONTROL_FD_STATUS, .events = POLLIN };
	for (unsigned int i = 0; i < CONTROL_CLIENTS; i++) {
		const struct client *c = &clients[i];
		bool reads = c->open && !c->serial && c->got < sizeof(c->in);

		p[SERVE_CLIENTS + i] = (struct pollfd){ .fd = c->open ? client_fd(c) : -1,
			.events = (short)((reads ? POLLIN : 0) | (c->used != c->sent ? POLLOUT : 0)) };
		if (!c->open || !c->half_ms)
			continue;
		ms = now - c->half_ms >= HALF_LINE_MS ? 0 : (int)(HALF_LINE_MS - (now - c->half_ms));
		next = next < 0 || ms < next ? ms : next;
	}
	return next;
}

/*L:925
 * One turn. A client that has a request under way is not read from, so that its answers keep their order and it cannot make us hold more than one
 * line; and one that sends half a line has ten seconds for the rest.
 */
bool serve(const struct pollfd *p)
{
	uint64_t now = now_ms();
	bool lives = !p[SERVE_RUN].revents || hear_run();

	for (unsigned int i = 0; i < CONTROL_CLIENTS; i++) {
		struct client *c = &clients[i];
		short happened = p[SERVE_CLIENTS + i].revents;

		if (c->open && happened & (POLLERR | POLLNVAL))
			hang_up(c);
		else if (c->open && happened & (POLLIN | POLLHUP) && !c->serial && c->got < sizeof(c->in))
			readable(c);
		else if (c->open && happened & POLLHUP)
			hang_up(c);
		if (c->open && c->half_ms && now > c->half_ms && now - c->half_ms >= HALF_LINE_MS)
			hang_up(c);
		flush(c);
	}
	if (p[SERVE_LISTEN].revents)
		welcome(CONTROL_FD_LISTEN, true);
	if (p[SERVE_STATUS].revents)
		welcome(CONTROL_FD_STATUS, false);
	for (unsigned int i = 0; i < CONTROL_CLIENTS; i++)
		flush(&clients[i]);
	return lives;
}
