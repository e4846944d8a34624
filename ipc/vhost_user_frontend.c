// SPDX-License-Identifier: GPL-2.0
/*D:250
 * vhost_user_frontend.c: the front end's half. See vhost_user_frontend.h for what it may do.
 *
 * Questions and what comes back for them are two things here. say() sends and notes what must come back, in a line (struct
 * vu_fe_owed); take() receives one message and holds it against the head of the line. Whoever needs an answer waits with
 * settle(), which is the only place that waits, and never longer than to the end of the operation.
 */
#include "ipc/vhost_user_frontend.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define OURS (VU_P_MQ | VU_P_REPLY_ACK | VU_P_BACKEND_REQ | VU_P_CONFIG | VU_P_INFLIGHT_SHMFD | VU_P_RESET_DEVICE | \
	      VU_P_CONFIGURE_MEM_SLOTS | VU_P_STATUS)

/* Stopping a ring waits for its requests in flight; a disk may need more than the usual deadline. */
#define STOP_FACTOR 10u

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int die(struct vu_fe *fe, int err, const char *why)
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
static void begin(struct vu_fe *fe, unsigned int factor)
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
		return die(fe, -ETIMEDOUT, "the back end does not read its socket");
	return err ? die(fe, err, "the back end closed its socket") : 0;
}

static void config_came(struct vu_fe *fe, const struct vu_msg *m)
{
	fe->config_owed = false;
	fe->config_size = 0;
	if (m->size < 12 || !m->u.config.size)
		return;
	if (m->u.config.size != fe->config_want || m->size != 12 + fe->config_want) {
		die(fe, -EPROTO, "the back end answered with another part of config space");
		return;
	}
	fe->config_size = m->u.config.size;
	memcpy(fe->config, m->u.config.data, fe->config_size);
}

/* Where was the ring stopped? Which ring the answer is about is known from the question. */
static void base_came(struct vu_fe *fe, const struct vu_fe_owed *o, const struct vu_msg *m)
{
	if (m->u.state.index != o->index || m->u.state.num > UINT16_MAX)
		die(fe, -EPROTO, "the back end stopped another ring than asked");
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
		return die(fe, -EPROTO, fe->owed_n ? "the back end gave an answer that does not fit the question" :
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
		return die(fe, r, "the back end broke the framing");
	if (r < 0)
		return die(fe, r, "the back end hung up");
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
static int settle(struct vu_fe *fe, unsigned int left)
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
			r = die(fe, -ETIMEDOUT, "the back end did not answer in time");
			break;
		}
		if (poll(&p, 1, (int)(fe->until - now)) < 0 && errno != EINTR) {
			r = die(fe, -errno, "poll failed");
			break;
		}
	}
	fe->waited_ms += (uint64_t)(now_ms() - from);
	return r < 0 ? r : fe->dead ? -EPIPE : 0;
}

/* Send, and note what must come back. A line that is full makes its caller wait for one answer. */
static int say(struct vu_fe *fe, struct vu_msg *m, struct vu_fe_owed o)
{
	int err = fe->owed_n == VU_FE_OWED_MAX ? settle(fe, VU_FE_OWED_MAX - 1) : 0;

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
	int err = say(fe, m, (struct vu_fe_owed){ .what = VU_FE_ANSWER, .size_min = (uint16_t)size_min, .size_max = (uint16_t)size_max,
						  .fds = (uint8_t)fds });

	if (!err)
		err = settle(fe, 0);
	if (!err)
		*m = fe->answer;
	return err;
}

static int ask(struct vu_fe *fe, struct vu_msg *m)
{
	const struct vu_rule *rule = vu_rule(m->request);

	return exchange(fe, m, rule->reply, rule->reply, rule->reply_fds);
}

/* Without waiting for the acknowledgement, where the back end gives one: done() looks at all of them at once. */
static int tell(struct vu_fe *fe, struct vu_msg *m)
{
	if (!(fe->protocol & VU_P_REPLY_ACK))
		return send_msg(fe, m);
	m->flags |= VU_NEED_REPLY;
	return say(fe, m, (struct vu_fe_owed){ .what = VU_FE_ACK, .size_min = 8, .size_max = 8 });
}

/* What the back end says to all that was told: @err so far. */
static int verdict(struct vu_fe *fe, int err)
{
	bool refused;

	if (!err)
		err = settle(fe, 0);
	refused = fe->refused;
	fe->refused = false;
	if (err || !refused)
		return err;
	fe->error = "the back end refused a message";
	return -EREMOTEIO;
}

/* The end of an operation that was told. */
static int done(struct vu_fe *fe, int err)
{
	if (!fe->deferred)
		return verdict(fe, err);
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
	begin(fe, 1);
	return fe->dead ? -EPIPE : told ? verdict(fe, 0) : 0;
}

static int tell_u64(struct vu_fe *fe, uint32_t request, uint64_t value)
{
	struct vu_msg m = { .request = request, .size = 8, .u.u64 = value };

	return tell(fe, &m);
}

static int tell_empty(struct vu_fe *fe, uint32_t request)
{
	struct vu_msg m = { .request = request };

	return tell(fe, &m);
}

static int tell_state(struct vu_fe *fe, uint32_t request, uint32_t index, uint32_t num)
{
	struct vu_msg m = { .request = request, .size = sizeof(m.u.state), .u.state = { index, num } };

	return tell(fe, &m);
}

static int ask_u64(struct vu_fe *fe, uint32_t request, uint64_t *value)
{
	struct vu_msg m = { .request = request };
	int err = ask(fe, &m);

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
		err = say(fe, &m, (struct vu_fe_owed){ .what = VU_FE_BEAT, .size_min = 8, .size_max = 8 });
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
	err = say(fe, &m, (struct vu_fe_owed){ .what = VU_FE_CONFIG, .size_max = (uint16_t)(12 + len) });
	fe->config_owed = !err;
	return err;
}

void vu_fe_give_up(struct vu_fe *fe, const char *why)
{
	if (!fe->dead || fe->joining)
		die(fe, -EPIPE, why);
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
		return -errno;
	m.fd[0] = pair[1];
	err = done(fe, tell(fe, &m));
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
		err = ask_u64(fe, VU_GET_PROTOCOL_FEATURES, &n);
		n &= OURS & fe->protocol_want;
		if (!err)
			err = tell_u64(fe, VU_SET_PROTOCOL_FEATURES, n);
		fe->protocol = n;
	}
	if (!err)
		err = tell_empty(fe, VU_SET_OWNER);
	if (!err && fe->protocol & VU_P_MQ) {
		err = ask_u64(fe, VU_GET_QUEUE_NUM, &n);
		fe->queues = n < VU_FE_MAX_QUEUES ? (uint32_t)n : VU_FE_MAX_QUEUES;
	}
	if (!err && fe->protocol & VU_P_CONFIGURE_MEM_SLOTS) {
		err = ask_u64(fe, VU_GET_MAX_MEM_SLOTS, &n);
		fe->slots = n < VU_FE_MAX_REGIONS ? (uint32_t)n : VU_FE_MAX_REGIONS;
	}
	err = done(fe, err);
	return err ? err : give_event_socket(fe);
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
	fe->queues = VU_FE_MAX_QUEUES;
	fe->slots = VU_MEM_TABLE_MAX;
	return say(fe, &m, (struct vu_fe_owed){ .what = VU_FE_ANSWER, .size_min = 8, .size_max = 8 });
}

int vu_fe_open_fds(struct vu_fe *fe, int fd, uint64_t protocol, unsigned int timeout_ms, enum vu_fds fds)
{
	int err;

	memset(fe, 0, sizeof(*fe));
	for (unsigned int i = 0; i < VU_FE_MAX_QUEUES; i++)
		fe->vring[i].kick = fe->vring[i].call = fe->vring[i].err = -1;
	fe->inflight_fd = fe->event_fd = -1;
	fe->protocol_want = protocol;
	fe->timeout_ms = timeout_ms;
	fe->fds = fds;
	begin(fe, 1);
	err = greet(fe, fd);
	if (!err)
		err = settle(fe, 0);
	if (err)
		return err;
	fe->features = fe->answer.u.u64;
	begin(fe, 1);	/* it may have had to start first */
	return negotiate(fe);
}

int vu_fe_open(struct vu_fe *fe, int fd, uint64_t protocol, unsigned int timeout_ms)
{
	return vu_fe_open_fds(fe, fd, protocol, timeout_ms, VU_FDS_TAKE);
}

void vu_fe_hang_up(struct vu_fe *fe)
{
	die(fe, -EPIPE, fe->error);
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

/* The record that the back end made, if it is one of those. */
static void forget_record(struct vu_fe *fe)
{
	if (fe->inflight_fd >= 0 && !fe->inflight_kept)
		close(fe->inflight_fd);
	fe->inflight_fd = -1;
}

void vu_fe_close(struct vu_fe *fe)
{
	vu_fe_hang_up(fe);
	forget_record(fe);
}

int vu_fe_set_features(struct vu_fe *fe, uint64_t features)
{
	int err;

	if (features & ~fe->features)
		return -EINVAL;
	fe->acked = features | (fe->features & VU_F_PROTOCOL_FEATURES);
	fe->features_set = true;
	begin(fe, 1);
	err = done(fe, tell_u64(fe, VU_SET_FEATURES, fe->acked));
	if (err == -EREMOTEIO)
		fe->features_set = false;
	return err;
}

/* --- memory --- */

static void fill_region(struct vu_region *to, const struct vu_fe_region *r)
{
	*to = (struct vu_region){ r->gpa, r->size, r->uaddr, r->offset };
}

static int send_table(struct vu_fe *fe)
{
	struct vu_msg m = { .request = VU_SET_MEM_TABLE, .nfds = fe->regions,
			    .size = 8 + fe->regions * (uint32_t)sizeof(struct vu_region) };

	if (!fe->regions) /* an empty table cannot be said; the back end keeps the last one */
		return 0;
	m.u.table.n = fe->regions;
	for (unsigned int i = 0; i < fe->regions; i++) {
		fill_region(&m.u.table.r[i], &fe->region[i]);
		m.fd[i] = fe->region[i].fd;
	}
	return tell(fe, &m);
}

static int send_region(struct vu_fe *fe, const struct vu_fe_region *r, bool add)
{
	struct vu_msg m = { .request = add ? VU_ADD_MEM_REG : VU_REM_MEM_REG, .size = sizeof(m.u.reg), .nfds = add };

	fill_region(&m.u.reg.r, r);
	m.fd[0] = r->fd;
	return tell(fe, &m);
}

int vu_fe_add_region(struct vu_fe *fe, const struct vu_fe_region *r)
{
	int err;

	if (fe->regions >= fe->slots || fe->regions == VU_FE_MAX_REGIONS)
		return -ENOSPC;
	fe->region[fe->regions++] = *r;
	begin(fe, 1);
	err = fe->protocol & VU_P_CONFIGURE_MEM_SLOTS ? send_region(fe, r, true) : send_table(fe);
	err = done(fe, err);
	if (err)
		fe->regions--;
	return err;
}

int vu_fe_remove_region(struct vu_fe *fe, uint64_t gpa)
{
	struct vu_fe_region gone;

	for (unsigned int i = 0; i < fe->regions; i++) {
		if (fe->region[i].gpa != gpa)
			continue;
		gone = fe->region[i];
		fe->region[i] = fe->region[--fe->regions];
		begin(fe, 1);
		return done(fe, fe->protocol & VU_P_CONFIGURE_MEM_SLOTS ? send_region(fe, &gone, false) : send_table(fe));
	}
	return -ENOENT;
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
	begin(fe, 1);
	err = exchange(fe, &m, 0, 12 + len, 0);
	if (err)
		return err;
	if (!m.size || (m.size >= 12 && !m.u.config.size))
		return -ENXIO;
	if (m.u.config.size != len || m.size != 12 + len)
		return die(fe, -EPROTO, "the back end answered with another part of config space");
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
	begin(fe, 1);
	return done(fe, tell(fe, &m));
}

/* --- in-flight record --- */

static int send_inflight(struct vu_fe *fe)
{
	struct vu_msg m = { .request = VU_SET_INFLIGHT_FD, .size = sizeof(m.u.inflight), .nfds = 1 };

	m.u.inflight = fe->inflight;
	m.fd[0] = fe->inflight_fd;
	return tell(fe, &m);
}

int vu_fe_record(struct vu_fe *fe, int fd, uint16_t queues, uint16_t queue_size, uint64_t size)
{
	forget_record(fe);
	if (!(fe->protocol & VU_P_INFLIGHT_SHMFD) && !fe->dead)
		return 0;
	fe->inflight_fd = fd;
	fe->inflight_kept = true;
	fe->inflight = (struct vu_inflight){ .size = size, .queues = queues, .queue_size = queue_size };
	begin(fe, 1);
	return done(fe, send_inflight(fe));
}

/*D:270
 * The record of requests in flight, which we know from the ring, must outlive the back end, so the front end holds it.
 * Other front ends have it made by the back end, as here, and hand it back at once; lguest-core makes its own
 * (vu_fe_record() above) and takes no descriptor from any back end. Look at what is asked of the file first: it must be
 * as long, and have the shape, that was agreed on.
 */
int vu_fe_inflight(struct vu_fe *fe, uint16_t queues, uint16_t queue_size)
{
	struct vu_msg m = { .request = VU_GET_INFLIGHT_FD, .size = sizeof(m.u.inflight) };
	struct stat st;
	uint64_t end;
	int err;

	if (!(fe->protocol & VU_P_INFLIGHT_SHMFD))
		return 0;
	m.u.inflight.queues = queues;
	m.u.inflight.queue_size = queue_size;
	begin(fe, 1);
	err = ask(fe, &m);
	if (err)
		return err;
	fcntl(m.fd[0], F_SETFD, FD_CLOEXEC);
	forget_record(fe);
	fe->inflight_fd = m.fd[0];
	fe->inflight_kept = false;
	fe->inflight = m.u.inflight;
	if (__builtin_add_overflow(fe->inflight.size, fe->inflight.offset, &end) || fstat(fe->inflight_fd, &st) ||
	    st.st_size < 0 || end > (uint64_t)st.st_size || fe->inflight.queues != queues ||
	    fe->inflight.queue_size != queue_size)
		err = die(fe, -EPROTO, "the back end gave an in-flight record of a wrong shape");
	else
		err = done(fe, send_inflight(fe));
	if (err)
		forget_record(fe);	/* one that was refused is no record for a successor either */
	return err;
}

/* --- rings --- */

static int send_eventfd(struct vu_fe *fe, uint32_t request, uint32_t index, int fd)
{
	struct vu_msg m = { .request = request, .size = 8, .nfds = fd >= 0 };

	m.u.u64 = index | (fd < 0 ? VU_RING_NOFD : 0);
	m.fd[0] = fd;
	return tell(fe, &m);
}

static int send_addr(struct vu_fe *fe, uint32_t index, const struct vu_fe_vring *v)
{
	struct vu_msg m = { .request = VU_SET_VRING_ADDR, .size = sizeof(m.u.addr) };

	m.u.addr = (struct vu_vring_addr){ .index = index, .desc = v->desc, .used = v->used, .avail = v->avail };
	return tell(fe, &m);
}

/* The kick comes last: it starts the ring, and everything else of it must be there. */
static int send_vring(struct vu_fe *fe, uint32_t index, const struct vu_fe_vring *v)
{
	int err = tell_state(fe, VU_SET_VRING_NUM, index, v->num);

	if (!err)
		err = tell_state(fe, VU_SET_VRING_BASE, index, v->base);
	if (!err)
		err = send_addr(fe, index, v);
	if (!err)
		err = send_eventfd(fe, VU_SET_VRING_CALL, index, v->call);
	if (!err && v->err >= 0)
		err = send_eventfd(fe, VU_SET_VRING_ERR, index, v->err);
	if (!err)
		err = send_eventfd(fe, VU_SET_VRING_KICK, index, v->kick);
	if (!err && fe->acked & VU_F_PROTOCOL_FEATURES)
		err = tell_state(fe, VU_SET_VRING_ENABLE, index, v->enabled);
	return err;
}

int vu_fe_vring_start(struct vu_fe *fe, uint32_t index, const struct vu_fe_vring *v)
{
	int err;

	if (index >= VU_FE_MAX_QUEUES || v->kick < 0)
		return -EINVAL;
	/* Before the first word of it: a back end that dies over it may have begun, and the next one must know that it was to run. */
	fe->vring[index] = *v;
	fe->vring[index].started = true;
	begin(fe, 1);
	err = done(fe, send_vring(fe, index, v));
	if (err == -EREMOTEIO)
		fe->vring[index].started = false;
	return err;
}

static int ask_stop(struct vu_fe *fe, uint32_t index)
{
	struct vu_msg m = { .request = VU_GET_VRING_BASE, .size = sizeof(m.u.state), .u.state = { index, 0 } };

	return say(fe, &m, (struct vu_fe_owed){ .what = VU_FE_BASE, .index = (uint8_t)index, .size_min = sizeof(m.u.state),
						.size_max = sizeof(m.u.state) });
}

int vu_fe_vring_stop(struct vu_fe *fe, uint32_t index, uint16_t *base)
{
	int err;

	if (index >= VU_FE_MAX_QUEUES)
		return -EINVAL;
	fe->vring[index].started = false;	/* whatever comes back: its driver is done with it */
	begin(fe, STOP_FACTOR);
	err = ask_stop(fe, index);
	if (!err)
		err = settle(fe, 0);
	if (!err && base)
		*base = fe->vring[index].base;
	return err;
}

int vu_fe_vring_enable(struct vu_fe *fe, uint32_t index, bool on)
{
	if (index >= VU_FE_MAX_QUEUES)
		return -EINVAL;
	fe->vring[index].enabled = on;
	begin(fe, 1);
	return fe->acked & VU_F_PROTOCOL_FEATURES ? done(fe, tell_state(fe, VU_SET_VRING_ENABLE, index, on)) : 0;
}

int vu_fe_set_call(struct vu_fe *fe, uint32_t index, int fd)
{
	if (index >= VU_FE_MAX_QUEUES)
		return -EINVAL;
	fe->vring[index].call = fd;
	begin(fe, 1);
	return done(fe, send_eventfd(fe, VU_SET_VRING_CALL, index, fd));
}

void vu_fe_vring_base(struct vu_fe *fe, uint32_t index, uint16_t base)
{
	if (index < VU_FE_MAX_QUEUES)
		fe->vring[index].base = base;
}

/* --- the device --- */

int vu_fe_set_status(struct vu_fe *fe, uint8_t status)
{
	fe->status = status;
	begin(fe, 1);
	return fe->protocol & VU_P_STATUS ? done(fe, tell_u64(fe, VU_SET_STATUS, status)) : 0;
}

int vu_fe_get_status(struct vu_fe *fe, uint8_t *status)
{
	uint64_t v = fe->status;
	int err;

	begin(fe, 1);
	err = fe->protocol & VU_P_STATUS ? ask_u64(fe, VU_GET_STATUS, &v) : 0;
	if (!err && v > UINT8_MAX)
		return die(fe, -EPROTO, "the back end has a status of more than 8 bits");
	*status = (uint8_t)v;
	return err;
}

/*D:280
 * The guest's driver has reset its device. All that it had set up is forgotten first and the back end is asked
 * afterwards, so that nothing which a back end answers, or fails to answer, can bring an old queue back.
 */
/*
 * The driver's epoch is over, whatever the back end says to that: nothing of it is ever said again. A back end that fails here is dead, and
 * what it still does is over with its process.
 */
int vu_fe_reset(struct vu_fe *fe)
{
	bool started[VU_FE_MAX_QUEUES];
	int err = 0;

	for (uint32_t i = 0; i < VU_FE_MAX_QUEUES; i++) {
		started[i] = fe->vring[i].started;
		fe->vring[i].started = false;
	}
	forget_record(fe);
	fe->features_set = false;
	fe->acked = 0;
	fe->status = 0;
	begin(fe, STOP_FACTOR);
	for (uint32_t i = 0; i < VU_FE_MAX_QUEUES && !err; i++)
		if (started[i])
			err = ask_stop(fe, i);
	if (!err && fe->protocol & VU_P_STATUS)
		err = tell_u64(fe, VU_SET_STATUS, 0);
	else if (!err && fe->protocol & VU_P_RESET_DEVICE)
		err = tell_empty(fe, VU_RESET_DEVICE);
	err = verdict(fe, err);
	for (uint32_t i = 0; i < VU_FE_MAX_QUEUES; i++)
		fe->vring[i].base = 0;
	return err;
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

static int restore_regions(struct vu_fe *fe)
{
	int err = 0;

	if (!(fe->protocol & VU_P_CONFIGURE_MEM_SLOTS))
		return send_table(fe);
	for (unsigned int i = 0; i < fe->regions && !err; i++)
		err = send_region(fe, &fe->region[i], true);
	return err;
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

/*D:290
 * The device's process has died and lguest-run has started another. It is told everything again: features, memory and
 * record here, queues in vu_fe_resume() below, and on its side vq_start() finds what was in flight. One that offers
 * less than the driver was promised is given up. This was the wire; now we enter the program at its other end.
 */
int vu_fe_join(struct vu_fe *fe)
{
	int err;

	if (!fe->joining)
		return -EPIPE;
	fe->joining = fe->dead = false;
	begin(fe, 1);
	err = settle(fe, 0);
	if (err)
		return err;
	fe->features = fe->answer.u.u64;
	err = negotiate(fe);
	if (err)
		return err;
	if ((fe->features_set && fe->acked & ~fe->features) || fe->regions > fe->slots)
		return die(fe, -EPROTO, "the new back end offers less than the old one");
	if (fe->features_set)
		err = tell_u64(fe, VU_SET_FEATURES, fe->acked);
	if (!err)
		err = restore_regions(fe);
	if (!err && fe->inflight_fd >= 0 && fe->protocol & VU_P_INFLIGHT_SHMFD)
		err = send_inflight(fe);
	return done(fe, err);
}

int vu_fe_resume(struct vu_fe *fe)
{
	int err = 0;

	begin(fe, 1);
	for (uint32_t i = 0; i < VU_FE_MAX_QUEUES && !err; i++)
		if (fe->vring[i].started)
			err = send_vring(fe, i, &fe->vring[i]);
	if (!err && fe->status && fe->protocol & VU_P_STATUS)
		err = tell_u64(fe, VU_SET_STATUS, fe->status);
	return done(fe, err);
}

int vu_fe_reconnect(struct vu_fe *fe, int fd)
{
	int err;

	begin(fe, 1);
	err = vu_fe_connect(fe, fd);
	if (!err)
		err = vu_fe_join(fe);
	return err ? err : vu_fe_resume(fe);
}
