// SPDX-License-Identifier: GPL-2.0
/*D:190
 * vhost_user.c: the message table and the channel. See vhost_user.h for what they may do.
 */
#include "ipc/vhost_user.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define STATE sizeof(struct vu_vring_state)
#define REGION sizeof(struct vu_region)
#define CONFIG_HDR 12u

_Static_assert(sizeof(struct vu_region) == 32 && sizeof(struct vu_vring_addr) == 40, "wire layout");
/* The text says 20; every implementation sends the padding of the C structure too. */
_Static_assert(sizeof(struct vu_inflight) == 24 && sizeof(struct vu_config) == CONFIG_HDR + VU_CONFIG_MAX, "wire layout");

#define MSG(id, when, min, max, fmin, fmax, ...) \
	[VU_##id] = { .name = #id, .states = VU_IN_##when, .size_min = (min), .size_max = (max), \
		      .fds_min = (fmin), .fds_max = (fmax), __VA_ARGS__ }

/*D:200
 * Front end and back end are two processes with a socket between them, and everything that a front end may say there
 * has a row in this table: how long it is, how many descriptors ride on it, which negotiated feature it belongs to, and
 * whether it may come while rings run. vu_check() below holds each message against its row before a handler sees it, so
 * that handlers are left with what a message says.
 */
/*
 * Everything a front end may say. Messages without .protocol belong to the base protocol; front ends send
 * GET/SET_PROTOCOL_FEATURES, GET_QUEUE_NUM and SET_VRING_ENABLE before SET_FEATURES has acked bit 30 (QEMU's net
 * does so five times), so bit 30 cannot be asked for here. SET_VRING_* are permitted while *another* ring
 * runs; the session refuses them for a running one.
 */
static const struct vu_rule rules[VU_REQUEST_MAX] = {
	MSG(GET_FEATURES, ANY, 0, 0, 0, 0, .reply = 8),
	MSG(SET_FEATURES, ANY, 8, 8, 0, 0),
	MSG(SET_OWNER, ANY, 0, 0, 0, 0),
	MSG(RESET_OWNER, ANY, 0, 0, 0, 0),
	MSG(SET_MEM_TABLE, ANY, 8 + REGION, 8 + VU_MEM_TABLE_MAX * REGION, 1, VU_MEM_TABLE_MAX),
	MSG(SET_VRING_NUM, ANY, STATE, STATE, 0, 0),
	MSG(SET_VRING_ADDR, ANY, sizeof(struct vu_vring_addr), sizeof(struct vu_vring_addr), 0, 0),
	MSG(SET_VRING_BASE, ANY, STATE, STATE, 0, 0),
	MSG(GET_VRING_BASE, ANY, STATE, STATE, 0, 0, .reply = STATE),
	MSG(SET_VRING_KICK, ANY, 8, 8, 0, 1),
	MSG(SET_VRING_CALL, ANY, 8, 8, 0, 1),
	MSG(SET_VRING_ERR, ANY, 8, 8, 0, 1),
	MSG(GET_PROTOCOL_FEATURES, ANY, 0, 0, 0, 0, .reply = 8),
	MSG(SET_PROTOCOL_FEATURES, ANY, 8, 8, 0, 0),
	MSG(GET_QUEUE_NUM, ANY, 0, 0, 0, 0, .reply = 8, .protocol = VU_P_MQ),
	MSG(SET_VRING_ENABLE, ANY, STATE, STATE, 0, 0),
	MSG(SET_BACKEND_REQ_FD, ANY, 0, 0, 1, 1, .protocol = VU_P_BACKEND_REQ),
	MSG(GET_CONFIG, ANY, CONFIG_HDR, CONFIG_HDR + VU_CONFIG_MAX, 0, 0, .reply = CONFIG_HDR, .protocol = VU_P_CONFIG),
	MSG(SET_CONFIG, ANY, CONFIG_HDR + 1, CONFIG_HDR + VU_CONFIG_MAX, 0, 0, .protocol = VU_P_CONFIG),
	MSG(GET_INFLIGHT_FD, ANY, sizeof(struct vu_inflight), sizeof(struct vu_inflight), 0, 0,
	    .reply = sizeof(struct vu_inflight), .reply_fds = 1, .protocol = VU_P_INFLIGHT_SHMFD),
	MSG(SET_INFLIGHT_FD, IDLE, sizeof(struct vu_inflight), sizeof(struct vu_inflight), 1, 1,
	    .protocol = VU_P_INFLIGHT_SHMFD),
	MSG(RESET_DEVICE, ANY, 0, 0, 0, 0, .protocol = VU_P_RESET_DEVICE),
	MSG(GET_MAX_MEM_SLOTS, ANY, 0, 0, 0, 0, .reply = 8, .protocol = VU_P_CONFIGURE_MEM_SLOTS),
	MSG(ADD_MEM_REG, ANY, 8 + REGION, 8 + REGION, 1, 1, .protocol = VU_P_CONFIGURE_MEM_SLOTS),
	/* libblkio sends the region's descriptor with REM_MEM_REG */
	MSG(REM_MEM_REG, ANY, 8 + REGION, 8 + REGION, 0, 1, .protocol = VU_P_CONFIGURE_MEM_SLOTS),
	MSG(SET_STATUS, ANY, 8, 8, 0, 0, .protocol = VU_P_STATUS),
	MSG(GET_STATUS, ANY, 0, 0, 0, 0, .reply = 8, .protocol = VU_P_STATUS),
};

static const struct vu_rule config_change = {
	.name = "CONFIG_CHANGE_MSG", .states = VU_IN_ANY, .protocol = VU_P_BACKEND_REQ,
};

const struct vu_rule *vu_rule(uint32_t request)
{
	if (request >= VU_REQUEST_MAX || !rules[request].name)
		return NULL;
	return &rules[request];
}

const struct vu_rule *vu_backend_rule(uint32_t request)
{
	return request == VU_BACKEND_CONFIG_CHANGE_MSG ? &config_change : NULL;
}

const char *vu_check(const struct vu_rule *rule, const struct vu_msg *m, uint64_t protocol, unsigned int state)
{
	if (!rule)
		return "is not spoken here";
	if (m->flags & VU_REPLY)
		return "is marked as a reply";
	if (rule->protocol & ~protocol)
		return "belongs to a feature that was not negotiated";
	if (!(rule->states & state))
		return "is not permitted while rings run";
	if (m->size < rule->size_min || m->size > rule->size_max)
		return "has a wrong size";
	if (m->nfds < rule->fds_min || m->nfds > rule->fds_max)
		return "has a wrong number of descriptors";
	return NULL;
}

static ssize_t plain_recvmsg(void *ctx, int fd, struct msghdr *m)
{
	ssize_t n = recvmsg(fd, m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC | (m->msg_flags & MSG_PEEK));

	(void)ctx;
	return n < 0 ? -errno : n;
}

static ssize_t plain_sendmsg(void *ctx, int fd, const struct msghdr *m)
{
	ssize_t n = sendmsg(fd, m, MSG_DONTWAIT | MSG_NOSIGNAL);

	(void)ctx;
	return n < 0 ? -errno : n;
}

static void plain_close(void *ctx, int fd)
{
	(void)ctx;
	close(fd);
}

const struct vu_io vu_io_plain = { plain_recvmsg, plain_sendmsg, plain_close };

void vu_chan_init(struct vu_chan *c, int fd, const struct vu_io *io, void *ctx)
{
	memset(c, 0, sizeof(*c));
	c->fd = fd;
	c->io = io;
	c->ctx = ctx;
}

void vu_close_fds(struct vu_chan *c, struct vu_msg *m)
{
	for (unsigned int i = 0; i < m->nfds; i++)
		if (m->fd[i] >= 0)
			c->io->close(c->ctx, m->fd[i]);
	m->nfds = 0;
}

/*
 * The control buffer has room for VU_MAX_FDS descriptors and no more: the kernel discards the rest and says
 * MSG_CTRUNC, so that a peer cannot fill our descriptor table (253 fit in one message; DPDK's CVE-2022-0669).
 */
union control {
	struct cmsghdr hdr;
	uint8_t room[CMSG_SPACE(sizeof(int) * VU_MAX_FDS)];
};

/* Take the descriptors out of a control buffer. A second SCM_RIGHTS block cannot occur: the kernel merges. */
static int take_fds(struct vu_chan *c, struct msghdr *h)
{
	int fd[VU_MAX_FDS];
	size_t n;

	for (struct cmsghdr *k = CMSG_FIRSTHDR(h); k; k = CMSG_NXTHDR(h, k)) {
		if (k->cmsg_level != SOL_SOCKET || k->cmsg_type != SCM_RIGHTS)
			continue;
		n = (k->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fd, CMSG_DATA(k), n * sizeof(int));
		for (size_t i = 0; i < n; i++) {
			if (c->in.nfds < VU_MAX_FDS)
				c->in.fd[c->in.nfds++] = fd[i];
			else
				c->io->close(c->ctx, fd[i]);
		}
	}
	return h->msg_flags & MSG_CTRUNC ? -EPROTO : 0;
}

/*
 * Look at what is there without taking it: a kernel that has no room for descriptors says that there are some. @iov is cut to what was
 * looked at, since more may come meanwhile.
 */
static int look(struct vu_chan *c, struct iovec *iov)
{
	uint8_t seen[sizeof(c->in.u)];
	struct iovec to = { seen, iov->iov_len };
	struct msghdr h = { .msg_iov = &to, .msg_iovlen = 1, .msg_flags = MSG_PEEK };
	ssize_t n = c->io->recvmsg(c->ctx, c->fd, &h);

	if (n <= 0)
		return n ? (int)n : -ECONNRESET;
	iov->iov_len = (size_t)n;
	return h.msg_flags & MSG_CTRUNC ? -EPROTO : 0;
}

/* One recvmsg of the part that is missing: of the 12 bytes of header first, then of the payload. */
static int receive_part(struct vu_chan *c)
{
	bool header = c->got < VU_HDR_SIZE;
	uint32_t off = header ? c->got : c->got - VU_HDR_SIZE;
	struct iovec iov;
	union control control;
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
	unsigned int before = c->in.nfds;
	ssize_t n;
	int r;

	if (c->fds != VU_FDS_TAKE)
		h.msg_controllen = 0;
	if (header)
		iov = (struct iovec){ (uint8_t *)&c->in + off, VU_HDR_SIZE - off };
	else
		iov = (struct iovec){ c->in.u.bytes + off, c->in.size - off };
	r = c->fds == VU_FDS_LEAVE ? look(c, &iov) : 0;
	if (r)
		return r;
	n = c->io->recvmsg(c->ctx, c->fd, &h);
	if (n <= 0)
		return n ? (int)n : -ECONNRESET;
	r = take_fds(c, &h);
	if (r)
		return r;
	/* Descriptors ride with the first byte of a message. Later ones are somebody's trick. */
	if (c->got && c->in.nfds != before)
		return -EPROTO;
	c->got += (uint32_t)n;
	return 0;
}

static int drop_partial(struct vu_chan *c, int why)
{
	vu_close_fds(c, &c->in);
	c->got = 0;
	return why;
}

/*D:210
 * A stream socket has no messages, only bytes that come when they like and descriptors that ride on some of them. A
 * message is put together in the channel's own memory, over as many calls as it takes and without waiting in any, and
 * it leaves this function whole or not at all. What is wrong here is not a wrong message but the end of the connection,
 * and every descriptor that came with it is closed.
 */
int vu_recv(struct vu_chan *c, struct vu_msg *m)
{
	int r;

	_Static_assert(offsetof(struct vu_msg, u) % 8 == 0 && offsetof(struct vu_msg, size) == 8, "header layout");
	if (!c->got)
		memset(&c->in, 0, sizeof(c->in));
	while (c->got < VU_HDR_SIZE || c->got < VU_HDR_SIZE + c->in.size) {
		r = receive_part(c);
		if (r == -EAGAIN || r == -EINTR)
			return 0;
		if (r)
			return drop_partial(c, r);
		if (c->got < VU_HDR_SIZE)
			continue;
		if ((c->in.flags & VU_VERSION_MASK) != VU_VERSION || c->in.size > sizeof(c->in.u) ||
		    c->in.flags & ~(VU_VERSION_MASK | VU_REPLY | VU_NEED_REPLY))
			return drop_partial(c, -EPROTO);
	}
	*m = c->in;
	c->got = 0;
	c->in.nfds = 0;
	return 1;
}

/*D:215
 * The other direction. Messages are so short that a socket which takes only a part of one belongs to a peer that has
 * stopped reading, and nobody waits for such a peer.
 */
int vu_send(struct vu_chan *c, const struct vu_msg *m)
{
	uint32_t hdr[3] = { m->request, m->flags | VU_VERSION, m->size };
	struct iovec iov[2] = { { hdr, sizeof(hdr) }, { (uint8_t *)(uintptr_t)m->u.bytes, m->size } };
	union control control;
	struct msghdr h = { .msg_iov = iov, .msg_iovlen = m->size ? 2 : 1 };
	ssize_t n;

	if (m->nfds) {
		memset(&control, 0, sizeof(control));
		h.msg_control = &control;
		h.msg_controllen = CMSG_SPACE(sizeof(int) * m->nfds);
		control.hdr = (struct cmsghdr){ .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS,
						.cmsg_len = CMSG_LEN(sizeof(int) * m->nfds) };
		memcpy(CMSG_DATA(&control.hdr), m->fd, sizeof(int) * m->nfds);
	}
	do
		n = c->io->sendmsg(c->ctx, c->fd, &h);
	while (n == -EINTR);
	if (n < 0)
		return (int)n;
	/* A message is at most 284 bytes: a socket that took only a part of one is one whose peer stopped reading. */
	return (size_t)n == sizeof(hdr) + m->size ? 0 : -EAGAIN;
}
