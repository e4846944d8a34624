// SPDX-License-Identifier: GPL-2.0
/*L:920
 * serve.c: the clients of lguest-control: lines in, requests to lguest-run, lines out (serve.h).
 *
 * It may use the descriptors of ask.h. Whatever a client can use up is bounded: 16 connections, 4 KiB of a line, 64 KiB of answers that it does
 * not read, 10 s for a line from its first byte to its last, one request at a time each; by the status socket a minute without a line, if it does not listen.
 *
 * A client may send a descriptor, and who drops the last copy of one waits for as long as its file likes: minutes, if it is a connection that lingers. So
 * none is received and none is dropped here: what is in a socket is looked at first, and a socket is closed when nothing is left in it.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "control/line.h"
#include "control/serve.h"

#define OUT_MAX		65536u
#define STATUS_CLIENTS	12u	/* the other places are for the control socket */
#define HALF_LINE_MS	10000
#define QUIET_MS	60000
#define READS		16	/* of one socket in one turn */

/*
 * What is at a client's number. LEAVING: hung up on, and closed when its request is answered and what is in it has been read: who asks and goes is to
 * leave no more requests than there are places. LOST: a descriptor is in it, which stays there until this
 * process ends: the last close of one that ends does not wait.
 */
enum place { PLACE_FREE, PLACE_SERVED, PLACE_LEAVING, PLACE_LOST };

/**
 * struct client - a connection, at descriptor CONTROL_FD_CLIENT + its number
 * @all: it came by the control socket, @listens: it wants events
 * @serial: of its request under way, 0 = none; @type, @id: of that; @parts: of the answer that have come
 * @half_ms: since when there is half a line, 0 = there is none; @quiet_ms: when it last came, asked or was answered
 * @in: @got bytes, @out: @used bytes of which @sent are gone
 */
struct client {
	enum place place;
	bool all, listens;
	unsigned int parts;
	uint32_t serial, type;
	uint64_t half_ms, quiet_ms;
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

static bool served(const struct client *c)
{
	return c->place == PLACE_SERVED;
}

/* Behind the shutdown nothing more can be sent to us: let_go() comes to an end. */
static void hang_up(struct client *c)
{
	shutdown(client_fd(c), SHUT_RDWR);
	c->place = PLACE_LEAVING;
}

static ssize_t send_some(int fd, const void *data, size_t n)
{
	struct iovec iov = { (void *)(uintptr_t)data, n };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	return sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* As recv(2). EPROTO: descriptors are there, for which a kernel that is given no room says MSG_CTRUNC. */
static ssize_t receive_some(int fd, void *data, size_t n, int flags)
{
	struct iovec iov = { data, n };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t got = recvmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL | flags);

	if (got < 0 || !(m.msg_flags & MSG_CTRUNC))
		return got;
	errno = EPROTO;
	return -1;
}

/* What came of a client, if no descriptor came with it: then it stays in the socket, and the socket is left. */
static ssize_t receive(struct client *c, void *data, size_t n)
{
	ssize_t seen = receive_some(client_fd(c), data, n, MSG_PEEK);

	if (seen > 0)
		return receive_some(client_fd(c), data, (size_t)seen, 0);	/* not more: that was not looked at */
	if (seen < 0 && errno == EPROTO) {
		shutdown(client_fd(c), SHUT_RDWR);
		c->place = PLACE_LOST;
	}
	return seen;
}

static bool leaving(const struct client *c)
{
	return c->place == PLACE_LEAVING && !c->serial;
}

/* Once there is nothing left to read, the close drops nothing. An error is told when all is read, too. */
static void let_go(struct client *c)
{
	ssize_t n = 1;

	for (int i = 0; i < READS && n > 0; i++)
		n = receive(c, c->in, sizeof(c->in));
	if (n > 0 || c->place == PLACE_LOST || (n < 0 && (errno == EAGAIN || errno == EINTR)))
		return;
	close(client_fd(c));
	c->place = PLACE_FREE;
}

/* --- out --- */

static void flush(struct client *c)
{
	ssize_t n;

	if (!served(c) || c->sent == c->used)
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

	c->quiet_ms = now_ms();
	line_parse(line, n, &q);
	if (!q.code && !q.events && ask_rules[q.ask.type].changes && !c->all) {
		tell(c, ANSWER_DENIED, "this is the status socket: it answers status, stats and events", q.id);
		return;
	}
	if (q.code || q.events) {
		c->listens |= q.events && !q.code;
		tell(c, q.code, q.why, q.id);
		if (q.code == ANSWER_BAD_REQUEST) {
			flush(c);
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

	while (served(c) && !c->serial && c->got && (end = memchr(c->in, '\n', c->got))) {
		n = (size_t)(end - c->in);
		c->half_ms = 0;
		request(c, c->in, n && end[-1] == '\r' ? n - 1 : n);
		memmove(c->in, end + 1, c->got - n - 1);
		c->got -= n + 1;
	}
	if (!served(c) || c->serial)
		return;
	if (c->got == sizeof(c->in)) {
		tell(c, ANSWER_BAD_REQUEST, "a request has at most 4095 bytes", "");
		flush(c);
		hang_up(c);
		return;
	}
	if (c->got && !c->half_ms)
		c->half_ms = now_ms();
}

static void readable(struct client *c)
{
	ssize_t n = receive(c, c->in + c->got, sizeof(c->in) - c->got);

	if (c->place == PLACE_LOST || (n < 0 && (errno == EAGAIN || errno == EINTR)))
		return;
	if (n <= 0) {
		hang_up(c);
		return;
	}
	c->got += (size_t)n;
	take_lines(c);
}

/* Return: where the next client of the control socket (@all) or the other one can go, NULL: nowhere. */
static struct client *free_place(bool all)
{
	struct client *found = NULL;
	unsigned int status = 0;

	for (struct client *c = clients; c < clients + CONTROL_CLIENTS; c++) {
		if (c->place == PLACE_FREE)
			found = c;
		else
			status += !c->all;
	}
	return all || status < STATUS_CLIENTS ? found : NULL;
}

/* One for whom there is no place is not taken in, and waits until there is. */
static void welcome(int listener, bool all)
{
	struct client *c = free_place(all);
	struct line_text t;
	bool placed;
	int fd;

	fd = c ? accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK) : -1;
	if (fd < 0)
		return;
	placed = dup3(fd, client_fd(c), O_CLOEXEC) >= 0;	/* the number is below the limit: it is */
	close(fd);
	if (!placed)
		return;
	/* Else a look passes an urgent byte over, which the next read, or the close, drops with what came with it */
	setsockopt(client_fd(c), SOL_SOCKET, SO_OOBINLINE, &(int){ 1 }, sizeof(int));
	c->place = PLACE_SERVED;
	c->all = all;
	c->listens = false;
	c->serial = 0;
	c->half_ms = 0;
	c->quiet_ms = now_ms();
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

		if (!served(c) || !c->listens)
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

		if (c->serial != a->serial)
			continue;
		if (served(c)) {
			t = room(c);
			line_answer(&t, c->type, a, c->id, c->parts);
			printed(c, &t);
		}
		c->parts++;
		if (a->kind != ANSWER_DONE)
			return;
		c->serial = 0;
		c->quiet_ms = now_ms();
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
		n = receive_some(CONTROL_FD_RUN, &a, sizeof(a), 0);
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

/* Return: milliseconds until a client's time is over, -1: it has all the time. */
static int left(const struct client *c, uint64_t now)
{
	uint64_t until = c->half_ms ? c->half_ms + HALF_LINE_MS : UINT64_MAX;

	if (!served(c))
		return -1;
	if (!c->all && !c->listens && !c->serial && c->quiet_ms + QUIET_MS < until)
		until = c->quiet_ms + QUIET_MS;
	if (until == UINT64_MAX)
		return -1;
	return now < until ? (int)(until - now) : 0;
}

int serve_poll(struct pollfd *p)
{
	uint64_t now = now_ms();
	int next = -1, ms;

	p[SERVE_RUN] = (struct pollfd){ .fd = CONTROL_FD_RUN, .events = POLLIN };
	p[SERVE_LISTEN] = (struct pollfd){ .fd = free_place(true) ? CONTROL_FD_LISTEN : -1, .events = POLLIN };
	p[SERVE_STATUS] = (struct pollfd){ .fd = free_place(false) ? CONTROL_FD_STATUS : -1, .events = POLLIN };
	for (unsigned int i = 0; i < CONTROL_CLIENTS; i++) {
		const struct client *c = &clients[i];
		bool reads = leaving(c) || (!c->serial && c->got < sizeof(c->in));

		p[SERVE_CLIENTS + i] = (struct pollfd){ .fd = served(c) || leaving(c) ? client_fd(c) : -1,
			.events = (short)((reads ? POLLIN : 0) | (c->used != c->sent ? POLLOUT : 0)) };
		ms = left(c, now);
		next = ms >= 0 && (next < 0 || ms < next) ? ms : next;
	}
	return next;
}

/*L:925
 * One turn. A client that has a request under way is not read from, so that its answers keep their order and it cannot make us hold more than one
 * line; and one that sends half a line, or nothing, is hung up on when its time is over.
 */
bool serve(const struct pollfd *p)
{
	uint64_t now = now_ms();
	bool lives = !p[SERVE_RUN].revents || hear_run();

	for (unsigned int i = 0; i < CONTROL_CLIENTS; i++) {
		struct client *c = &clients[i];
		short happened = p[SERVE_CLIENTS + i].revents;

		if (served(c) && happened & (POLLERR | POLLNVAL))
			hang_up(c);
		else if (served(c) && happened & (POLLIN | POLLHUP) && !c->serial && c->got < sizeof(c->in))
			readable(c);
		else if (served(c) && happened & POLLHUP)
			hang_up(c);
		if (!left(c, now))
			hang_up(c);
		flush(c);
		if (leaving(c))
			let_go(c);
	}
	if (p[SERVE_LISTEN].revents)
		welcome(CONTROL_FD_LISTEN, true);
	if (p[SERVE_STATUS].revents)
		welcome(CONTROL_FD_STATUS, false);
	for (unsigned int i = 0; i < CONTROL_CLIENTS; i++)
		flush(&clients[i]);
	return lives;
}
