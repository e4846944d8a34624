// SPDX-License-Identifier: GPL-2.0
/*D:220
 * vhost_user_backend.c: handlers of the front end's messages. See vhost_user_backend.h for what they may do.
 *
 * Every handler gets a message whose size, descriptor count, negotiated features and state vu_check() has
 * approved, in own memory. It answers 0, or a negative errno with s->why set and nothing changed. A handler
 * that keeps a descriptor replaces it by -1 in the message; whatever is left there is closed.
 */
#include "ipc/vhost_user_backend.h"

#include <errno.h>
#include <sys/mman.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>

#include "ipc/unmap.h"

#define PAGE 4096u

static int refuse(struct vu_session *s, int err, const char *why)
{
	s->why = why;
	return err;
}

static struct vu_vring *ring(struct vu_session *s, uint64_t index)
{
	return index < s->queues ? &s->vring[index] : NULL;
}

static unsigned int state(const struct vu_session *s)
{
	for (unsigned int i = 0; i < s->queues; i++)
		if (s->vring[i].running)
			return VU_IN_RUNNING;
	return VU_IN_IDLE;
}

bool vu_session_enabled(const struct vu_session *s, const struct vu_vring *v)
{
	return v->vq.started && (v->enable || !(s->acked & VU_F_PROTOCOL_FEATURES));
}

static void close_fd(struct vu_session *s, int *fd)
{
	if (*fd >= 0)
		s->chan.io->close(s->chan.ctx, *fd);
	*fd = -1;
}

static void stop(struct vu_session *s, struct vu_vring *v);

/*
 * A front end that resets its driver may say no more than ENABLE 0 (Cloud Hypervisor did) before it sets everything up anew: a
 * ring that is disabled is stopped by the first message that changes what it was started with.
 */
static void stop_disabled(struct vu_session *s, struct vu_vring *v)
{
	if (v && v->running && !vu_session_enabled(s, v))
		stop(s, v);
}

/* --- features --- */

static int get_features(struct vu_session *s, struct vu_msg *m)
{
	m->u.u64 = s->offer;
	return 0;
}

static int set_features(struct vu_session *s, struct vu_msg *m)
{
	uint64_t f = m->u.u64;

	if (f & ~s->offer)
		return refuse(s, -EINVAL, "acks a feature that was not offered");
	for (unsigned int i = 0; f != s->acked && i < s->queues; i++)
		stop_disabled(s, &s->vring[i]);
	/* A ring keeps the layout it was started with: EVENT_IDX under a running one would move avail_event. */
	if (state(s) == VU_IN_RUNNING && (f ^ s->acked) & ~VU_F_PROTOCOL_FEATURES)
		return refuse(s, -EBUSY, "changes features while rings run");
	s->acked = f;
	s->ops->features(s, f & ~VU_F_PROTOCOL_FEATURES);
	return 0;
}

static int get_protocol_features(struct vu_session *s, struct vu_msg *m)
{
	m->u.u64 = s->offer_protocol;
	return 0;
}

static int set_protocol_features(struct vu_session *s, struct vu_msg *m)
{
	if (m->u.u64 & ~s->offer_protocol)
		return refuse(s, -EINVAL, "sets a protocol feature that was not offered");
	s->protocol = m->u.u64;
	return 0;
}

static int nothing(struct vu_session *s, struct vu_msg *m)
{
	(void)s;
	(void)m;
	return 0;
}

static int get_queue_num(struct vu_session *s, struct vu_msg *m)
{
	m->u.u64 = s->queues / s->queue_unit;
	return 0;
}

/* --- memory --- */

static int map_region(struct vu_session *s, const struct vu_region *r, int fd, struct gmem_region *out)
{
	uint64_t end, lead = r->offset % PAGE;
	void *p;

	if (!r->size || __builtin_add_overflow(r->offset, r->size, &end) || end > INT64_MAX)
		return refuse(s, -EINVAL, "names an empty or endless memory region");
	if (!s->ops->byte_at(s, fd, end - 1))
		return refuse(s, -EINVAL, "names memory beyond the end of its file");
	p = mmap(NULL, (size_t)(lead + r->size), PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)(r->offset - lead));
	if (p == MAP_FAILED)
		return refuse(s, -ENOMEM, "names memory that cannot be mapped");
	*out = (struct gmem_region){ .gpa = r->gpa, .size = r->size, .uaddr = r->uaddr, .map = p,
				     .map_len = (size_t)(lead + r->size), .host = (uint8_t *)p + lead };
	return 0;
}

static void unmap_table(struct gmem *t)
{
	for (unsigned int i = 0; i < t->n; i++)
		vu_unmap(t->r[i].map, t->r[i].map_len);
	t->n = 0;
}

static int add_region(struct vu_session *s, struct gmem *t, const struct vu_region *r, int fd)
{
	struct gmem_region g;
	int err = map_region(s, r, fd, &g);

	if (err)
		return err;
	err = gmem_add(t, &g);
	if (err) {
		vu_unmap(g.map, g.map_len);
		return refuse(s, err, err == -ENOSPC ? "adds more regions than there are slots" :
						       "adds a region that wraps or overlaps another");
	}
	return 0;
}

static struct vq_setup setup_of(struct vu_session *s, const struct vu_vring *v)
{
	struct vq_setup q = {
		.mem = &s->mem, .size = v->num, .avail_idx = v->base,
		.desc = v->desc, .avail = v->avail, .used = v->used,
		.event_idx = s->acked >> VIRTIO_RING_F_EVENT_IDX & 1, .indirect = s->acked >> VIRTIO_RING_F_INDIRECT_DESC & 1,
	};

	if (s->log && v->vq.index < s->log_queues && v->num <= s->log_queue_size)
		q.log = (struct vq_inflight *)(s->log + v->vq.index * vq_inflight_size(s->log_queue_size));
	return q;
}

/* Regions moved: every running ring must be looked up again before anybody touches it. */
static void retarget(struct vu_session *s)
{
	struct vq_setup q;

	for (unsigned int i = 0; i < s->queues; i++) {
		if (!s->vring[i].running)
			continue;
		q = setup_of(s, &s->vring[i]);
		vq_retarget(&s->vring[i].vq, &q);
	}
}

static int set_mem_table(struct vu_session *s, struct vu_msg *m)
{
	const struct vu_mem_table *t = &m->u.table;
	struct gmem new = { 0 }, old;
	int err;

	/* The count that the peer claims, the bytes it sent and the descriptors that came must agree. */
	if (t->n > VU_MEM_TABLE_MAX || m->size != 8 + t->n * sizeof(t->r[0]) || m->nfds != t->n)
		return refuse(s, -EINVAL, "counts its regions wrongly");
	for (uint32_t i = 0; i < t->n; i++) {
		err = add_region(s, &new, &t->r[i], m->fd[i]);
		if (err) {
			unmap_table(&new);
			return err;
		}
	}
	s->ops->quiesce(s);
	old = s->mem;
	s->mem = new;
	retarget(s);
	unmap_table(&old);
	s->ops->resume(s);
	return 0;
}

static int add_mem_reg(struct vu_session *s, struct vu_msg *m)
{
	/* Nothing moves: rings may go on running while a region is added (libblkio does so). */
	return add_region(s, &s->mem, &m->u.reg.r, m->fd[0]);
}

static int rem_mem_reg(struct vu_session *s, struct vu_msg *m)
{
	const struct vu_region *r = &m->u.reg.r;
	struct gmem_region gone;
	int err;

	s->ops->quiesce(s);
	err = gmem_remove(&s->mem, r->gpa, r->size, r->uaddr, &gone);
	if (!err) {
		retarget(s);
		vu_unmap(gone.map, gone.map_len);
	}
	s->ops->resume(s);
	return err ? refuse(s, err, "removes a region that is not there") : 0;
}

static int get_max_mem_slots(struct vu_session *s, struct vu_msg *m)
{
	(void)s;
	m->u.u64 = GMEM_MAX_REGIONS;
	return 0;
}

/* --- rings --- */

/*D:240
 * Here a queue comes to life. Where does a kick go? Each queue has an eventfd, which the front end has sent with
 * SET_VRING_KICK; a guest of ours signals it through the module (kmod/eventfds.c), past lguest-core and straight to
 * this process. When size, addresses and eventfd are all known, the ring is started and the loop begins to wait for
 * that eventfd (ops->start).
 */
/*
 * A ring starts when all of size, addresses and kick eventfd are known, in whichever order they came.
 * A failure leaves it stopped, with the kick forgotten, so that the peer may try again.
 */
static int try_start(struct vu_session *s, struct vu_vring *v)
{
	struct vq_setup q;
	int err;

	if (v->running || !v->num || !v->addr_set || v->kick < 0)
		return 0;
	q = setup_of(s, v);
	err = vq_start(&v->vq, &q);
	if (err) {
		close_fd(s, &v->kick);
		return refuse(s, err, "starts a ring that is misaligned, outside memory or has a bad in-flight record");
	}
	v->running = true;
	s->ops->start(s, v);
	return 0;
}

static void stop(struct vu_session *s, struct vu_vring *v)
{
	if (v->running) {
		s->ops->stop(s, v);
		v->base = vq_stop(&v->vq);
		v->running = false;
	}
	close_fd(s, &v->kick);
	v->addr_set = false;
}

static int set_vring_num(struct vu_session *s, struct vu_msg *m)
{
	struct vu_vring *v = ring(s, m->u.state.index);
	uint32_t n = m->u.state.num;

	stop_disabled(s, v);
	if (!v || v->running)
		return refuse(s, -EINVAL, "names no ring, or a running one");
	if (!n || n > s->queue_size || n & (n - 1))
		return refuse(s, -EINVAL, "asks for a ring size that is too large or not a power of two");
	v->num = (uint16_t)n;
	return try_start(s, v);
}

static int set_vring_base(struct vu_session *s, struct vu_msg *m)
{
	struct vu_vring *v = ring(s, m->u.state.index);

	stop_disabled(s, v);
	if (!v || v->running || m->u.state.num > UINT16_MAX)
		return refuse(s, -EINVAL, "names no ring, a running one, or a bad index");
	v->base = (uint16_t)m->u.state.num;
	return 0;
}

static int set_vring_addr(struct vu_session *s, struct vu_msg *m)
{
	const struct vu_vring_addr *a = &m->u.addr;
	struct vu_vring *v = ring(s, a->index);

	stop_disabled(s, v);
	if (!v || v->running || a->flags)
		return refuse(s, -EINVAL, "names no ring, a running one, or asks for logging");
	v->desc = a->desc;
	v->avail = a->avail;
	v->used = a->used;
	v->addr_set = true;
	return try_start(s, v);
}

static int get_vring_base(struct vu_session *s, struct vu_msg *m)
{
	struct vu_vring *v = ring(s, m->u.state.index);

	if (!v)
		return refuse(s, -EINVAL, "names no ring");
	stop(s, v);
	m->u.state.num = v->base;
	return 0;
}

/* The three eventfd messages: which ring, and the descriptor or -1. */
static struct vu_vring *eventfd_of(struct vu_session *s, struct vu_msg *m, int *fd)
{
	struct vu_vring *v = ring(s, m->u.u64 & VU_RING_INDEX);
	bool none = m->u.u64 & VU_RING_NOFD;

	if (!v || m->u.u64 & ~(uint64_t)(VU_RING_INDEX | VU_RING_NOFD) || none == m->nfds)
		return NULL;
	*fd = -1;
	if (m->nfds) {
		*fd = m->fd[0];
		m->fd[0] = -1;
	}
	return v;
}

static int set_vring_kick(struct vu_session *s, struct vu_msg *m)
{
	struct vu_vring *v;
	int fd, old;

	if (m->u.u64 & VU_RING_NOFD)
		return refuse(s, -EOPNOTSUPP, "asks for a polled ring");
	v = eventfd_of(s, m, &fd);
	if (!v)
		return refuse(s, -EINVAL, "names no ring or has no descriptor");
	old = v->kick;
	v->kick = fd;
	if (v->running)
		s->ops->kick_changed(s, v);
	close_fd(s, &old);
	return try_start(s, v);
}

static int set_vring_call(struct vu_session *s, struct vu_msg *m)
{
	int fd;
	struct vu_vring *v = eventfd_of(s, m, &fd);

	if (!v)
		return refuse(s, -EINVAL, "names no ring or has no descriptor");
	s->ops->call_changed(s, v);
	close_fd(s, &v->call);
	v->call = fd;
	return 0;
}

static int set_vring_err(struct vu_session *s, struct vu_msg *m)
{
	int fd;
	struct vu_vring *v = eventfd_of(s, m, &fd);

	if (!v)
		return refuse(s, -EINVAL, "names no ring or has no descriptor");
	close_fd(s, &v->err);
	v->err = fd;
	return 0;
}

static int set_vring_enable(struct vu_session *s, struct vu_msg *m)
{
	struct vu_vring *v = ring(s, m->u.state.index);

	if (!v || m->u.state.num > 1)
		return refuse(s, -EINVAL, "names no ring or neither 0 nor 1");
	v->enable = m->u.state.num;
	if (vu_session_enabled(s, v))
		s->ops->wake(s, v);
	return 0;
}

/* --- config space --- */

static bool config_range(const struct vu_session *s, const struct vu_msg *m, uint32_t *off)
{
	const struct vu_config *c = &m->u.config;

	/* Some front ends (the Rust ones) count config space from the registers of a virtio-mmio device; the others from 0 */
	*off = c->offset >= VIRTIO_MMIO_CONFIG ? c->offset - VIRTIO_MMIO_CONFIG : c->offset;
	return c->size && c->size <= VU_CONFIG_MAX && *off < s->config_size;
}

/*
 * The answer has exactly the requested size; what lies beyond our config space reads as zero, since front ends
 * ask for the structure that *they* know (QEMU 57 bytes of a block device, libblkio 60).
 */
static int get_config(struct vu_session *s, struct vu_msg *m)
{
	uint8_t cfg[2 * VU_CONFIG_MAX] = { 0 };
	uint32_t off;

	/* QEMU asks with the bytes behind the header, libvhost-user's front ends without */
	if (!config_range(s, m, &off)) {
		m->size = 12;
		m->u.config.size = 0; /* the protocol's own way to say no: the session goes on */
		return 0;
	}
	s->ops->get_config(s, cfg);
	memcpy(m->u.config.data, cfg + off, m->u.config.size);
	m->size = 12 + m->u.config.size;
	return 0;
}

static int set_config(struct vu_session *s, struct vu_msg *m)
{
	const struct vu_config *c = &m->u.config;
	uint32_t off;

	if (!config_range(s, m, &off) || m->size != 12 + c->size || c->size > s->config_size - off)
		return refuse(s, -EINVAL, "writes outside config space");
	if (s->ops->set_config(s, off, c->data, c->size))
		return refuse(s, -EPERM, "writes config bytes that are read-only");
	return 0;
}

/* --- in-flight records --- */

static bool inflight_shape(const struct vu_session *s, const struct vu_inflight *f)
{
	return f->queues && f->queues <= s->queues && f->queue_size && f->queue_size <= s->queue_size;
}

static int get_inflight_fd(struct vu_session *s, struct vu_msg *m)
{
	struct vu_inflight *f = &m->u.inflight;
	void *p;

	if (!inflight_shape(s, f))
		return refuse(s, -EINVAL, "asks in-flight records for more than there is");
	f->size = f->queues * vq_inflight_size(f->queue_size);
	f->offset = 0;
	/* An earlier front end of this process may have used the file: a record starts as zeros. */
	p = mmap(NULL, s->inflight_size, PROT_READ | PROT_WRITE, MAP_SHARED, s->inflight_fd, 0);
	if (p == MAP_FAILED)
		return refuse(s, -ENOMEM, "asks for in-flight records that cannot be mapped");
	memset(p, 0, f->size);
	munmap(p, s->inflight_size);
	m->fd[0] = s->inflight_fd;
	m->nfds = 1;
	return 0;
}

static void drop_log(struct vu_session *s)
{
	if (s->log_map)
		vu_unmap(s->log_map, s->log_map_len);
	s->log_map = NULL;
	s->log = NULL;
}

static int set_inflight_fd(struct vu_session *s, struct vu_msg *m)
{
	const struct vu_inflight *f = &m->u.inflight;
	struct vu_region r = { .size = f->size, .offset = f->offset };
	struct gmem_region g;
	int err;

	if (!inflight_shape(s, f) || f->size < f->queues * vq_inflight_size(f->queue_size) || f->offset % 8)
		return refuse(s, -EINVAL, "gives in-flight records of a wrong shape");
	err = map_region(s, &r, m->fd[0], &g);
	if (err)
		return err;
	drop_log(s);
	s->log_map = g.map;
	s->log_map_len = g.map_len;
	s->log = g.host;
	s->log_queues = f->queues;
	s->log_queue_size = f->queue_size;
	return 0;
}

/* --- device --- */

/*
 * Rings stop and the device forgets. Call and error eventfds and the enable flags stay: QEMU does not send them again
 * after a reset.
 */
static void reset(struct vu_session *s)
{
	for (unsigned int i = 0; i < s->queues; i++) {
		stop(s, &s->vring[i]);
		s->vring[i].num = s->vring[i].base = 0;
	}
	drop_log(s);
	s->status = 0;
	s->ops->reset(s);
}

static int reset_device(struct vu_session *s, struct vu_msg *m)
{
	(void)m;
	reset(s);
	return 0;
}

static int set_backend_req_fd(struct vu_session *s, struct vu_msg *m)
{
	close_fd(s, &s->request.fd);
	vu_chan_init(&s->request, m->fd[0], s->chan.io, s->chan.ctx);
	m->fd[0] = -1;
	return 0;
}

static int set_status(struct vu_session *s, struct vu_msg *m)
{
	if (m->u.u64 > UINT8_MAX)
		return refuse(s, -EINVAL, "sets a status of more than 8 bits");
	if (!m->u.u64)
		return reset_device(s, m);
	s->status = (uint8_t)m->u.u64;
	return 0;
}

static int get_status(struct vu_session *s, struct vu_msg *m)
{
	m->u.u64 = s->status;
	for (unsigned int i = 0; i < s->queues; i++)
		if (s->vring[i].vq.broken)
			m->u.u64 |= VIRTIO_CONFIG_S_NEEDS_RESET;
	return 0;
}

static int (*const handlers[VU_REQUEST_MAX])(struct vu_session *s, struct vu_msg *m) = {
	[VU_GET_FEATURES] = get_features,
	[VU_SET_FEATURES] = set_features,
	[VU_SET_OWNER] = nothing,
	[VU_RESET_OWNER] = nothing, /* deprecated: "used to be sent", to be ignored */
	[VU_SET_MEM_TABLE] = set_mem_table,
	[VU_SET_VRING_NUM] = set_vring_num,
	[VU_SET_VRING_ADDR] = set_vring_addr,
	[VU_SET_VRING_BASE] = set_vring_base,
	[VU_GET_VRING_BASE] = get_vring_base,
	[VU_SET_VRING_KICK] = set_vring_kick,
	[VU_SET_VRING_CALL] = set_vring_call,
	[VU_SET_VRING_ERR] = set_vring_err,
	[VU_GET_PROTOCOL_FEATURES] = get_protocol_features,
	[VU_SET_PROTOCOL_FEATURES] = set_protocol_features,
	[VU_GET_QUEUE_NUM] = get_queue_num,
	[VU_SET_VRING_ENABLE] = set_vring_enable,
	[VU_SET_BACKEND_REQ_FD] = set_backend_req_fd,
	[VU_GET_CONFIG] = get_config,
	[VU_SET_CONFIG] = set_config,
	[VU_GET_INFLIGHT_FD] = get_inflight_fd,
	[VU_SET_INFLIGHT_FD] = set_inflight_fd,
	[VU_RESET_DEVICE] = reset_device,
	[VU_GET_MAX_MEM_SLOTS] = get_max_mem_slots,
	[VU_ADD_MEM_REG] = add_mem_reg,
	[VU_REM_MEM_REG] = rem_mem_reg,
	[VU_SET_STATUS] = set_status,
	[VU_GET_STATUS] = get_status,
};

static int reply(struct vu_session *s, struct vu_msg *m)
{
	int err;

	m->flags = VU_REPLY;
	err = vu_send(&s->chan, m);
	m->nfds = 0; /* the one descriptor that an answer carries is ours and stays open */
	return err;
}

/*D:230
 * We are in the device's process, and a whole message lies in own memory. There is one path for all of them: its row
 * says whether it may come now, its handler acts or refuses, and what is sent back follows from the row: an answer, an
 * acknowledgement where the peer wanted one, or nothing. A refusal that cannot be told in this way ends the connection.
 */
int vu_session_handle(struct vu_session *s, struct vu_msg *m)
{
	const struct vu_rule *rule = vu_rule(m->request);
	bool ack = m->flags & VU_NEED_REPLY && s->protocol & VU_P_REPLY_ACK;
	const char *why = vu_check(rule, m, s->protocol, state(s));
	int err = 0;

	s->why_request = m->request;
	if (why)
		err = refuse(s, -EPROTO, why);
	else
		err = handlers[m->request](s, m);
	if (!err && rule->reply) {
		if (m->size < rule->reply)
			m->size = rule->reply;
		return reply(s, m);
	}
	vu_close_fds(&s->chan, m);
	/* A message that has an answer of its own has none for "no", but config's empty one. */
	if (!ack || (rule && rule->reply))
		return err ? -EPROTO : 0;
	m->size = 8;
	m->u.u64 = err ? 1 : 0;
	return reply(s, m);
}

int vu_session_input(struct vu_session *s)
{
	struct vu_msg m;
	int r;

	while ((r = vu_recv(&s->chan, &m)) > 0) {
		r = vu_session_handle(s, &m);
		if (r)
			return r;
	}
	if (r == -EPROTO)
		s->why = "breaks the framing";
	return r;
}

void vu_session_open(struct vu_session *s, int fd, const struct vu_io *io)
{
	vu_chan_init(&s->chan, fd, io, s->ctx);
	vu_chan_init(&s->request, -1, io, s->ctx);
	s->acked = s->protocol = 0;
	s->status = 0;
	s->mem.n = 0;
	s->why = NULL;
	for (unsigned int i = 0; i < s->queues; i++) {
		memset(&s->vring[i], 0, sizeof(s->vring[i]));
		s->vring[i].vq.index = (uint16_t)i;
		s->vring[i].kick = s->vring[i].call = s->vring[i].err = -1;
	}
}

void vu_session_close(struct vu_session *s)
{
	reset(s);
	for (unsigned int i = 0; i < s->queues; i++) {
		s->ops->call_changed(s, &s->vring[i]);
		close_fd(s, &s->vring[i].call);
		close_fd(s, &s->vring[i].err);
	}
	unmap_table(&s->mem);
	close_fd(s, &s->request.fd);
	vu_close_fds(&s->chan, &s->chan.in);
}

void vu_session_config_changed(struct vu_session *s)
{
	struct vu_msg m = { .request = VU_BACKEND_CONFIG_CHANGE_MSG };

	/* A peer that does not read its socket loses the notice, and only that. */
	if (s->request.fd >= 0 && vu_send(&s->request, &m))
		close_fd(s, &s->request.fd);
}
