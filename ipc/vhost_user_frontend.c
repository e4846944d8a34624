// SPDX-License-Identifier: GPL-2.0
/*D:120
 * vhost_user_frontend.c: the front end's half. See vhost_user_frontend.h for what it may do.
 *
 * Everything goes through ask() (messages with an answer) or tell() (messages without, which are acknowledged
 * when REPLY_ACK is there): these two hold the deadline, and nothing else waits.
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
	fe->error = why;
	return err;
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

static int receive(struct vu_fe *fe, struct vu_msg *m, unsigned int timeout_ms)
{
	int64_t end = now_ms() + timeout_ms, left;
	struct pollfd p = { .fd = fe->chan.fd, .events = POLLIN };
	int r;

	for (;;) {
		r = vu_recv(&fe->chan, m);
		if (r > 0)
			return 0;
		if (r == -EPROTO)
			return die(fe, r, "the back end broke the framing");
		if (r < 0)
			return die(fe, r, "the back end hung up");
		left = end - now_ms();
		if (left <= 0)
			return die(fe, -ETIMEDOUT, "the back end did not answer in time");
		if (poll(&p, 1, (int)left) < 0 && errno != EINTR)
			return die(fe, -errno, "poll failed");
	}
}

/* Send and take the one answer that may come: same number, marked as a reply, exact size, exact descriptors. */
static int exchange(struct vu_fe *fe, struct vu_msg *m, uint32_t size_min, uint32_t size_max, unsigned int fds,
		    unsigned int timeout_ms)
{
	uint32_t request = m->request;
	int err = send_msg(fe, m);

	if (err)
		return err;
	err = receive(fe, m, timeout_ms);
	if (err)
		return err;
	if (m->request == request && m->flags & VU_REPLY && m->size >= size_min && m->size <= size_max && m->nfds == fds)
		return 0;
	vu_close_fds(&fe->chan, m);
	return die(fe, -EPROTO, "the back end gave an answer that does not fit the question");
}

static int ask(struct vu_fe *fe, struct vu_msg *m)
{
	const struct vu_rule *rule = vu_rule(m->request);

	return exchange(fe, m, rule->reply, rule->reply, rule->reply_fds, fe->timeout_ms);
}

static int tell(struct vu_fe *fe, struct vu_msg *m)
{
	int err;

	if (!(fe->protocol & VU_P_REPLY_ACK))
		return send_msg(fe, m);
	m->flags |= VU_NEED_REPLY;
	err = exchange(fe, m, 8, 8, 0, fe->timeout_ms);
	if (err || !m->u.u64)
		return err;
	fe->error = "the back end refused a message";
	return -EREMOTEIO;
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
	err = tell(fe, &m);
	close(pair[1]);
	if (err) {
		close(pair[0]);
		return err;
	}
	fe->event_fd = pair[0];
	vu_chan_init(&fe->event, pair[0], &vu_io_plain, NULL);
	return 0;
}

static int negotiate(struct vu_fe *fe)
{
	uint64_t n;
	int err = ask_u64(fe, VU_GET_FEATURES, &fe->features);

	fe->protocol = 0;
	fe->queues = VU_FE_MAX_QUEUES;
	fe->slots = VU_MEM_TABLE_MAX;
	if (!err && fe->features & VU_F_PROTOCOL_FEATURES) {
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
	return err ? err : give_event_socket(fe);
}

int vu_fe_open(struct vu_fe *fe, int fd, uint64_t protocol, unsigned int timeout_ms)
{
	memset(fe, 0, sizeof(*fe));
	for (unsigned int i = 0; i < VU_FE_MAX_QUEUES; i++)
		fe->vring[i].kick = fe->vring[i].call = fe->vring[i].err = -1;
	fe->inflight_fd = fe->event_fd = -1;
	fe->protocol_want = protocol;
	fe->timeout_ms = timeout_ms;
	vu_chan_init(&fe->chan, fd, &vu_io_plain, NULL);
	return negotiate(fe);
}

static void close_sockets(struct vu_fe *fe)
{
	vu_close_fds(&fe->chan, &fe->chan.in);
	if (fe->chan.fd >= 0)
		close(fe->chan.fd);
	if (fe->event_fd >= 0)
		close(fe->event_fd);
	fe->chan.fd = fe->event_fd = -1;
}

void vu_fe_close(struct vu_fe *fe)
{
	close_sockets(fe);
	if (fe->inflight_fd >= 0)
		close(fe->inflight_fd);
	fe->inflight_fd = -1;
	fe->dead = true;
}

int vu_fe_set_features(struct vu_fe *fe, uint64_t features)
{
	int err;

	if (features & ~fe->features)
		return -EINVAL;
	fe->acked = features | (fe->features & VU_F_PROTOCOL_FEATURES);
	err = tell_u64(fe, VU_SET_FEATURES, fe->acked);
	fe->features_set = !err;
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
	err = fe->protocol & VU_P_CONFIGURE_MEM_SLOTS ? send_region(fe, r, true) : send_table(fe);
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
		return fe->protocol & VU_P_CONFIGURE_MEM_SLOTS ? send_region(fe, &gone, false) : send_table(fe);
	}
	return -ENOENT;
}

/* --- config space --- */

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
	err = exchange(fe, &m, 0, 12 + len, 0, fe->timeout_ms);
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
	return tell(fe, &m);
}

/* --- in-flight record --- */

static int send_inflight(struct vu_fe *fe)
{
	struct vu_msg m = { .request = VU_SET_INFLIGHT_FD, .size = sizeof(m.u.inflight), .nfds = 1 };

	m.u.inflight = fe->inflight;
	m.fd[0] = fe->inflight_fd;
	return tell(fe, &m);
}

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
	err = ask(fe, &m);
	if (err)
		return err;
	fcntl(m.fd[0], F_SETFD, FD_CLOEXEC);
	if (fe->inflight_fd >= 0)
		close(fe->inflight_fd);
	fe->inflight_fd = m.fd[0];
	fe->inflight = m.u.inflight;
	if (__builtin_add_overflow(fe->inflight.size, fe->inflight.offset, &end) || fstat(fe->inflight_fd, &st) ||
	    st.st_size < 0 || end > (uint64_t)st.st_size || fe->inflight.queues != queues ||
	    fe->inflight.queue_size != queue_size)
		return die(fe, -EPROTO, "the back end gave an in-flight record of a wrong shape");
	return send_inflight(fe);
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
	err = send_vring(fe, index, v);
	if (err)
		return err;
	fe->vring[index] = *v;
	fe->vring[index].started = true;
	return 0;
}

int vu_fe_vring_stop(struct vu_fe *fe, uint32_t index, uint16_t *base)
{
	struct vu_msg m = { .request = VU_GET_VRING_BASE, .size = sizeof(m.u.state), .u.state = { index, 0 } };
	int err;

	if (index >= VU_FE_MAX_QUEUES)
		return -EINVAL;
	err = exchange(fe, &m, sizeof(m.u.state), sizeof(m.u.state), 0, STOP_FACTOR * fe->timeout_ms);
	if (err)
		return err;
	if (m.u.state.index != index || m.u.state.num > UINT16_MAX)
		return die(fe, -EPROTO, "the back end stopped another ring than asked");
	fe->vring[index].started = false;
	fe->vring[index].base = (uint16_t)m.u.state.num;
	if (base)
		*base = fe->vring[index].base;
	return 0;
}

int vu_fe_vring_enable(struct vu_fe *fe, uint32_t index, bool on)
{
	if (index >= VU_FE_MAX_QUEUES)
		return -EINVAL;
	fe->vring[index].enabled = on;
	return fe->acked & VU_F_PROTOCOL_FEATURES ? tell_state(fe, VU_SET_VRING_ENABLE, index, on) : 0;
}

int vu_fe_set_call(struct vu_fe *fe, uint32_t index, int fd)
{
	if (index >= VU_FE_MAX_QUEUES)
		return -EINVAL;
	fe->vring[index].call = fd;
	return send_eventfd(fe, VU_SET_VRING_CALL, index, fd);
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
	return fe->protocol & VU_P_STATUS ? tell_u64(fe, VU_SET_STATUS, status) : 0;
}

int vu_fe_get_status(struct vu_fe *fe, uint8_t *status)
{
	uint64_t v = fe->status;
	int err = fe->protocol & VU_P_STATUS ? ask_u64(fe, VU_GET_STATUS, &v) : 0;

	if (!err && v > UINT8_MAX)
		return die(fe, -EPROTO, "the back end has a status of more than 8 bits");
	*status = (uint8_t)v;
	return err;
}

int vu_fe_reset(struct vu_fe *fe)
{
	int err = 0;

	for (uint32_t i = 0; i < VU_FE_MAX_QUEUES && !err; i++) {
		if (fe->vring[i].started)
			err = vu_fe_vring_stop(fe, i, NULL);
		fe->vring[i].base = 0;
		fe->vring[i].started = false;
	}
	fe->features_set = false;
	fe->status = 0;
	if (!err && fe->protocol & VU_P_STATUS)
		return tell_u64(fe, VU_SET_STATUS, 0);
	if (!err && fe->protocol & VU_P_RESET_DEVICE)
		return tell_empty(fe, VU_RESET_DEVICE);
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

int vu_fe_reconnect(struct vu_fe *fe, int fd)
{
	int err;

	close_sockets(fe);
	vu_chan_init(&fe->chan, fd, &vu_io_plain, NULL);
	fe->dead = false;
	err = negotiate(fe);
	if (err)
		return err;
	if (fe->acked & ~fe->features || fe->regions > fe->slots)
		return die(fe, -EPROTO, "the new back end offers less than the old one");
	if (fe->features_set)
		err = tell_u64(fe, VU_SET_FEATURES, fe->acked);
	if (!err)
		err = restore_regions(fe);
	if (!err && fe->inflight_fd >= 0 && fe->protocol & VU_P_INFLIGHT_SHMFD)
		err = send_inflight(fe);
	for (uint32_t i = 0; i < VU_FE_MAX_QUEUES && !err; i++)
		if (fe->vring[i].started)
			err = send_vring(fe, i, &fe->vring[i]);
	return !err && fe->status ? vu_fe_set_status(fe, fe->status) : err;
}
