// SPDX-License-Identifier: GPL-2.0
/*D:250
 * vhost_user_frontend.c: the front end's half, the connection: what is asked and what comes back, and how long it may take. What the device's driver
 * wants of a back end, and is said again to the next one, is in vhost_user_wanted.c. See vhost_user_frontend.h for what both may do.
 *
 * Questions and what comes back for them are two things here. fe_say() sends and notes what must come back, in a line (struct
 * vu_fe_owed); take() receives one message and holds it against the head of the line. Whoever needs an answer waits with
 * fe_settle(), which is the only place that waits, and never longer than to the end of the operation.
 */
#include "ipc/vhost_user_frontend_internal.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define OURS (VU_P_MQ | VU_P_REPLY_ACK | VU_P_BACKEND_REQ | VU_P_CONFIG | VU_P_INFLIGHT_SHMFD | VU_P_RESET_DEVICE | \
	      VU_P_CONFIGURE_MEM_SLOTS | VU_P_STATUS)

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int fe_die(struct vu_fe *fe, int err, const char *why)
{
	fe->dead = true;
	fe->joining = false;
	fe->error = why;
	fe->owed_n = 0;
	fe->beat_ms = 0;
	fe->config_owed = false;
	return err;
}

/* A public function begins: its time runs from here, unless the caller's own budget (vu_fe_budget()) runs already. */
void fe_begin(struct vu_fe *fe, unsigned int factor)
{
	if (!fe->budget)
		fe->until = now_ms() + (int64_t)factor * fe->timeout_ms;
}

void vu_fe_budget(struct vu_fe *fe, unsigned int ms)
{
	fe->budget = ms;
	fe->until = now_ms() + ms;
}

/* --- the line of what is owed --- */

static const struct vu_fe_owed *next_owed(const struct vu_fe *fe)
{
	return &fe->owed[fe->owed_first];
}

static int send_msg(struct vu_fe *fe, struct vu_msg *m)
{
	int err;

	if (fe->dead)
		return -EPIPE;
	err = vu_send(&fe->chan, m);
	if (err == -EAGAIN)
		return fe_die(fe, -ETIMEDOUT, "the back end does not read its socket");
	return err ? fe_die(fe, err, "the back end closed its socket") : 0;
}

static void config_came(struct vu_fe *fe, const struct vu_msg *m)
{
	fe->config_owed = false;
	if (m->size < 12 || !m->u.config.size)
		return;
	if (m->u.config.size != fe->config_want || m->size != 12 + fe->config_want) {
		fe_die(fe, -EPROTO, "the back end answered with another part of config space");
		return;
	}
	fe->config_size = m->u.config.size;
	memcpy(fe->config, m->u.config.data, fe->config_size);
}

/* Where was the ring stopped? Which ring the answer is about is known from the question. */
static void base_came(struct vu_fe *fe, const struct vu_fe_owed *o, const struct vu_msg *m)
{
	if (m->u.state.index != o->index || m->u.state.num > UINT16_MAX)
		fe_die(fe, -EPROTO, "the back end stopped another ring than asked");
	else
		fe->vring[o->index].base = (uint16_t)m->u.state.num;
}

/* A whole message is there: it must be what is owed next. Same number, marked as a reply, exact size, exact descriptors. */
static int pay(struct vu_fe *fe, struct vu_msg *m)
{
	struct vu_fe_owed o = *next_owed(fe);

	if (!fe->owed_n || m->request != o.request || !(m->flags & VU_REPLY) || m->size < o.size_min || m->size > o.size_max ||
	    m->nfds != o.fds) {
		vu_close_fds(&fe->chan, m);
		return fe_die(fe, -EPROTO, fe->owed_n ? "the back end gave an answer that does not fit the question" :
						     "the back end answered what nobody asked");
	}
	fe->owed_first = (fe->owed_first + 1) % VU_FE_OWED_MAX;
	fe->owed_n--;
	switch (o.what) {
	case VU_FE_ACK: fe->refused |= m->u.u64 != 0; break;
	case VU_FE_BEAT: fe->beat_ms = 0; break;
	case VU_FE_CONFIG: config_came(fe, m); break;
	case VU_FE_BASE: base_came(fe, &o, m); break;
	case VU_FE_ANSWER: fe->answer = *m; break;
	}
	return fe->dead && !fe->joining ? -EPROTO : 0;
}

/* Receive one message if it is there. Return: 1 = one came, 0 = none yet, -errno = the connection is dead. */
static int take(struct vu_fe *fe)
{
	struct vu_msg m;
	int r;

	if (fe->dead && !fe->joining)
		return -EPIPE;
	r = vu_recv(&fe->chan, &m);
	if (r == -EPROTO)
		return fe_die(fe, r, "the back end broke the framing");
	if (r < 0)
		return fe_die(fe, r, "the back end hung up");
	if (r > 0)
		r = pay(fe, &m);
	else
		return 0;
	return r ? r : 1;
}

/*D:260
 * We change sides: this half runs in lguest-core, and a vCPU of the guest may be waiting for it. The process at the
 * other end may hang or lie, so there is one place that waits, this one, and it waits to the end of the operation's
 * time, however many messages that takes. A back end that is late, or that says what nobody asked for, is dead from
 * then on and can make nobody wait a second time.
 */
/* Wait until no more than @left answers are owed. */
int fe_settle(struct vu_fe *fe, unsigned int left)
{
	struct pollfd p = { .fd = fe->chan.fd, .events = POLLIN };
	int64_t from = now_ms(), now = from;
	int r = 0;

	while (fe->owed_n > left) {
		r = take(fe);
		if (r < 0)
			break;
		if (r > 0)
			continue;
		now = now_ms();
		if (now >= fe->until) {
			r = fe_die(fe, -ETIMEDOUT, "the back end did not answer in time");
			break;
		}
		if (poll(&p, 1, (int)(fe->until - now)) < 0 && errno != EINTR) {
			r = fe_die(fe, -errno, "poll failed");
			break;
		}
	}
	fe->waited_ms += (uint64_t)(now_ms() - from);
	return r < 0 ? r : fe->dead ? -EPIPE : 0;
}

/* Send, and note what must come back. A line that is full makes its caller wait for one answer. */
int fe_say(struct vu_fe *fe, struct vu_msg *m, struct vu_fe_owed o)
{
	int err = fe->owed_n == VU_FE_OWED_MAX ? fe_settle(fe, VU_FE_OWED_MAX - 1) : 0;

	if (!err)
		err = send_msg(fe, m);
	if (err)
		return err;
	o.request = m->request;
	fe->owed[(fe->owed_first + fe->owed_n++) % VU_FE_OWED_MAX] = o;
	return 0;
}

/* Ask and wait; the answer replaces the question. */
static int exchange(struct vu_fe *fe, struct vu_msg *m, uint32_t size_min, uint32_t size_max, unsigned int fds)
{
	int err = fe_say(fe, m, (struct vu_fe_owed){ .what = VU_FE_ANSWER, .size_min = (uint16_t)size_min, .size_max = (uint16_t)size_max,
						  .fds = (uint8_t)fds });

	if (!err)
		err = fe_settle(fe, 0);
	if (!err)
		*m = fe->answer;
	return err;
}

int fe_ask(struct vu_fe *fe, struct vu_msg *m)
{
	const struct vu_rule *rule = vu_rule(m->request);

	return exchange(fe, m, rule->reply, rule->reply, rule->reply_fds);
}

/* Without waiting for the acknowledgement, where the back end gives one: fe_done() looks at all of them at once. */
int fe_tell(struct vu_fe *fe, struct vu_msg *m)
{
	if (!(fe->protocol & VU_P_REPLY_ACK))
		return send_msg(fe, m);
	m->flags |= VU_NEED_REPLY;
	return fe_say(fe, m, (struct vu_fe_owed){ .what = VU_FE_ACK, .size_min = 8, .size_max = 8 });
}

/* What the back end says to all that was told: @err so far. */
int fe_verdict(struct vu_fe *fe, int err)
{
	bool refused;

	/* A dead one was told nothing. What is owed then is owed by the one that is to join, for which nobody waits here. */
	if (!err)
		err = fe->dead ? -EPIPE : fe_settle(fe, 0);
	refused = fe->refused;
	fe->refused = false;
	if (err || !refused)
		return err;
	fe->error = "the back end refused a message";
	return -EREMOTEIO;
}

int fe_must(struct vu_fe *fe, int err)
{
	err = fe_verdict(fe, err);
	return err ? fe_die(fe, err, fe->error) : 0;
}

/* The end of an operation that was told. */
int fe_done(struct vu_fe *fe, int err)
{
	if (!fe->deferred)
		return fe_verdict(fe, err);
	fe->told = true;
	return err;
}

void vu_fe_defer(struct vu_fe *fe, bool on)
{
	fe->deferred = on;
}

int vu_fe_settle(struct vu_fe *fe)
{
	bool told = fe->told;

	fe->told = false;
	fe_begin(fe, 1);
	return fe->dead ? -EPIPE : told ? fe_verdict(fe, 0) : 0;
}

int fe_tell_u64(struct vu_fe *fe, uint32_t request, uint64_t value)
{
	struct vu_msg m = { .request = request, .size = 8, .u.u64 = value };

	return fe_tell(fe, &m);
}

int fe_tell_empty(struct vu_fe *fe, uint32_t request)
{
	struct vu_msg m = { .request = request };

	return fe_tell(fe, &m);
}

int fe_tell_state(struct vu_fe *fe, uint32_t request, uint32_t index, uint32_t num)
{
	struct vu_msg m = { .request = request, .size = sizeof(m.u.state), .u.state = { index, num } };

	return fe_tell(fe, &m);
}

int fe_ask_u64(struct vu_fe *fe, uint32_t request, uint64_t *value)
{
	struct vu_msg m = { .request = request };
	int err = fe_ask(fe, &m);

	*value = m.u.u64;
	return err;
}

int vu_fe_answers(struct vu_fe *fe)
{
	int r = 0;

	/* No more than were asked for: a peer that says more is dead with the first. */
	for (unsigned int i = 0; i <= VU_FE_OWED_MAX && (r = take(fe)) > 0; i++)
		;
	return r < 0 ? r : 0;
}

int vu_fe_beat(struct vu_fe *fe)
{
	struct vu_msg m = { .request = fe->protocol & VU_P_STATUS ? VU_GET_STATUS : VU_GET_FEATURES };
	int err = 0;

	if (!fe->dead && !fe->beat_ms && fe->owed_n < VU_FE_OWED_MAX)
		err = fe_say(fe, &m, (struct vu_fe_owed){ .what = VU_FE_BEAT, .size_min = 8, .size_max = 8 });
	if (!err && !fe->dead && !fe->beat_ms)
		fe->beat_ms = now_ms();
	return err;
}

void vu_fe_beat_again(struct vu_fe *fe)
{
	if (fe->beat_ms)
		fe->beat_ms = now_ms();
}

unsigned int vu_fe_beat_age(const struct vu_fe *fe)
{
	int64_t age = fe->beat_ms ? now_ms() - fe->beat_ms : 0;

	return age > 0 ? (unsigned int)age : 0;
}

int vu_fe_ask_config(struct vu_fe *fe, uint32_t len)
{
	struct vu_msg m = { .request = VU_GET_CONFIG, .size = 12 + len, .u.config.size = len };
	int err;

	if (!(fe->protocol & VU_P_CONFIG) || len > VU_CONFIG_MAX)
		return -ENOTSUP;
	if (fe->config_owed || fe->owed_n == VU_FE_OWED_MAX)
		return -EBUSY;
	fe->config_want = len;
	fe->config_size = 0;
	err = fe_say(fe, &m, (struct vu_fe_owed){ .what = VU_FE_CONFIG, .size_max = (uint16_t)(12 + len) });
	fe->config_owed = !err;
	return err;
}

void vu_fe_give_up(struct vu_fe *fe, const char *why)
{
	if (!fe->dead || fe->joining)
		fe_die(fe, -EPIPE, why);
}

/* --- opening --- */

/* The back end gets one end of a socket pair for its own messages. */
static int give_event_socket(struct vu_fe *fe)
{
	struct vu_msg m = { .request = VU_SET_BACKEND_REQ_FD, .nfds = 1 };
	int pair[2], err;

	if (!(fe->protocol & VU_P_BACKEND_REQ))
		return 0;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return fe_die(fe, -errno, "there is no socket pair for the back end's own messages");
	m.fd[0] = pair[1];
	err = fe_must(fe, fe_tell(fe, &m));
	close(pair[1]);
	if (err) {
		close(pair[0]);
		return err;
	}
	fe->event_fd = pair[0];
	vu_chan_init(&fe->event, pair[0], &vu_io_plain, NULL);
	fe->event.fds = fe->fds == VU_FDS_LEAVE ? VU_FDS_LEAVE : VU_FDS_REFUSE;
	return 0;
}

/* All but the first question, whose answer is there. */
static int negotiate(struct vu_fe *fe)
{
	uint64_t n;
	int err = 0;

	if (fe->features & VU_F_PROTOCOL_FEATURES) {
		err = fe_ask_u64(fe, VU_GET_PROTOCOL_FEATURES, &n);
		n &= OURS & fe->protocol_want;
		if (!err)
			err = fe_tell_u64(fe, VU_SET_PROTOCOL_FEATURES, n);
		fe->protocol = n;
	}
	if (!err)
		err = fe_tell_empty(fe, VU_SET_OWNER);
	if (!err && fe->protocol & VU_P_MQ) {
		err = fe_ask_u64(fe, VU_GET_QUEUE_NUM, &n);
		fe->queues = n < VU_MAX_QUEUES ? (uint32_t)n : VU_MAX_QUEUES;
	}
	if (!err && fe->protocol & VU_P_CONFIGURE_MEM_SLOTS) {
		err = fe_ask_u64(fe, VU_GET_MAX_MEM_SLOTS, &n);
		fe->slots = n < VU_FE_MAX_REGIONS ? (uint32_t)n : VU_FE_MAX_REGIONS;
	}
	err = fe_must(fe, err);
	return err ? err : give_event_socket(fe);
}

int fe_greeted(struct vu_fe *fe)
{
	fe->features = fe->answer.u.u64;
	return negotiate(fe);
}

/* A new connection: the first question is sent, and nothing waits for its answer. */
static int greet(struct vu_fe *fe, int fd)
{
	struct vu_msg m = { .request = VU_GET_FEATURES };

	vu_chan_init(&fe->chan, fd, &vu_io_plain, NULL);
	fe->chan.fds = fe->fds;
	fe->dead = fe->refused = fe->config_owed = false;
	fe->owed_n = 0;
	fe->beat_ms = 0;
	fe->protocol = 0;
	fe->queues = VU_MAX_QUEUES;
	fe->slots = VU_MEM_TABLE_MAX;
	return fe_say(fe, &m, (struct vu_fe_owed){ .what = VU_FE_ANSWER, .size_min = 8, .size_max = 8 });
}

int vu_fe_open_fds(struct vu_fe *fe, int fd, uint64_t protocol, unsigned int timeout_ms, enum vu_fds fds)
{
	int err;

	memset(fe, 0, sizeof(*fe));
	for (unsigned int i = 0; i < VU_MAX_QUEUES; i++)
		fe->vring[i].kick = fe->vring[i].call = fe->vring[i].err = -1;
	fe->inflight_fd = fe->event_fd = -1;
	fe->protocol_want = protocol;
	fe->timeout_ms = timeout_ms;
	fe->fds = fds;
	fe_begin(fe, 1);
	err = greet(fe, fd);
	if (!err)
		err = fe_settle(fe, 0);
	if (err)
		return err;
	fe_begin(fe, 1);	/* it may have had to start first */
	return fe_greeted(fe);
}

int vu_fe_open(struct vu_fe *fe, int fd, uint64_t protocol, unsigned int timeout_ms)
{
	return vu_fe_open_fds(fe, fd, protocol, timeout_ms, VU_FDS_TAKE);
}

void vu_fe_hang_up(struct vu_fe *fe)
{
	fe_die(fe, -EPIPE, fe->error);
	if (fe->fds == VU_FDS_LEAVE)
		return;	/* what lies in its sockets may take its time to be dropped */
	vu_close_fds(&fe->chan, &fe->chan.in);
	vu_close_fds(&fe->event, &fe->event.in);
	if (fe->chan.fd >= 0)
		close(fe->chan.fd);
	if (fe->event_fd >= 0)
		close(fe->event_fd);
	fe->chan.fd = fe->event_fd = -1;
}

/* --- config space --- */

/*D:265
 * A question and what may come back for it: all the bytes that were asked for, or one of the two ways in which back
 * ends say no. An answer of any other shape ends the connection.
 */
int vu_fe_get_config(struct vu_fe *fe, uint32_t off, void *buf, uint32_t len)
{
	struct vu_msg m = { .request = VU_GET_CONFIG, .size = 12 + len };
	int err;

	if (!(fe->protocol & VU_P_CONFIG))
		return -ENOTSUP;
	if (len > VU_CONFIG_MAX || off > VU_CONFIG_MAX - len)
		return -EINVAL;
	m.u.config.offset = off;
	m.u.config.size = len;
	/* A refusal has no payload (libvhost-user, and so qemu-storage-daemon) or a header that says 0 bytes. */
	fe_begin(fe, 1);
	err = exchange(fe, &m, 0, 12 + len, 0);
	if (err)
		return err;
	if (!m.size || (m.size >= 12 && !m.u.config.size))
		return -ENXIO;
	if (m.u.config.size != len || m.size != 12 + len)
		return fe_die(fe, -EPROTO, "the back end answered with another part of config space");
	memcpy(buf, m.u.config.data, len);
	return 0;
}

int vu_fe_set_config(struct vu_fe *fe, uint32_t off, const void *buf, uint32_t len)
{
	struct vu_msg m = { .request = VU_SET_CONFIG, .size = 12 + len };

	if (!(fe->protocol & VU_P_CONFIG))
		return -ENOTSUP;
	if (!len || len > VU_CONFIG_MAX || off > VU_CONFIG_MAX - len)
		return -EINVAL;
	m.u.config.offset = off;
	m.u.config.size = len;
	memcpy(m.u.config.data, buf, len);
	fe_begin(fe, 1);
	return fe_done(fe, fe_tell(fe, &m));
}

int vu_fe_event(struct vu_fe *fe)
{
	struct vu_msg m;
	const char *why;
	int r;

	if (fe->event_fd < 0)
		return 0;
	r = vu_recv(&fe->event, &m);
	if (!r)
		return 0;
	why = r > 0 ? vu_check(vu_backend_rule(m.request), &m, fe->protocol, VU_IN_RUNNING) : "hung up";
	if (r > 0)
		vu_close_fds(&fe->event, &m);
	if (!why)
		return (int)m.request;
	if (fe->fds != VU_FDS_LEAVE)
		close(fe->event_fd);
	fe->event_fd = -1;
	fe->error = "the back end broke the rules of its own socket";
	return r < 0 ? r : -EPROTO;
}

/* Dead for everybody else until it has joined: what they want meanwhile is noted. */
int vu_fe_connect(struct vu_fe *fe, int fd)
{
	int err;

	vu_fe_hang_up(fe);
	err = greet(fe, fd);
	fe->dead = true;
	fe->joining = !err;
	return err;
}
