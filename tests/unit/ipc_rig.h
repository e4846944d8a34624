/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ipc_rig.h: a back end's session on one end of a socket pair, and a front end that says anything on the other. The
 * loop and the device are counters. For the tests of ipc/.
 */
#ifndef LGUEST_IPC_RIG_H
#define LGUEST_IPC_RIG_H

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "ipc/vhost_user_backend.h"

#define RIG_GPA 0x80000000ull
#define RIG_UADDR 0x550000000000ull
#define RIG_MEM 0x10000u

struct ipc_rig {
	struct vu_session s;
	int peer;	/* the front end's end */
	int memfd;
	uint8_t *mem;
	unsigned int starts, stops, wakes, quiesced, resumed, resets, kicks_changed;
	uint64_t features;
	uint8_t config[60];
};

static inline struct ipc_rig *rig_of(struct vu_session *s)
{
	return s->ctx;
}

static inline void rig_start(struct vu_session *s, struct vu_vring *v) { (void)v; rig_of(s)->starts++; }
static inline void rig_stop(struct vu_session *s, struct vu_vring *v) { (void)v; rig_of(s)->stops++; }
static inline void rig_wake(struct vu_session *s, struct vu_vring *v) { (void)v; rig_of(s)->wakes++; }
static inline void rig_kick(struct vu_session *s, struct vu_vring *v) { (void)v; rig_of(s)->kicks_changed++; }
static inline void rig_call(struct vu_session *s, struct vu_vring *v) { (void)s; (void)v; }
static inline void rig_quiesce(struct vu_session *s) { rig_of(s)->quiesced++; }
static inline void rig_resume(struct vu_session *s) { rig_of(s)->resumed++; }
static inline void rig_features(struct vu_session *s, uint64_t f) { rig_of(s)->features = f; }
static inline void rig_reset(struct vu_session *s) { rig_of(s)->resets++; }

static inline void rig_get_config(struct vu_session *s, uint8_t *cfg)
{
	memcpy(cfg, rig_of(s)->config, sizeof(rig_of(s)->config));
}

static inline int rig_set_config(struct vu_session *s, uint32_t off, const uint8_t *data, uint32_t len)
{
	if (off != 32)
		return -EINVAL;
	memcpy(rig_of(s)->config + off, data, len);
	return 0;
}

static inline bool rig_byte_at(struct vu_session *s, int fd, uint64_t off)
{
	uint8_t b;

	(void)s;
	return pread(fd, &b, 1, (off_t)off) == 1;
}

static const struct vu_session_ops rig_ops = {
	.start = rig_start, .stop = rig_stop, .wake = rig_wake, .kick_changed = rig_kick, .call_changed = rig_call,
	.quiesce = rig_quiesce, .resume = rig_resume, .features = rig_features, .get_config = rig_get_config,
	.set_config = rig_set_config, .reset = rig_reset, .byte_at = rig_byte_at,
};

#define RIG_FEATURES (1ull << 32 | 1ull << 29 | 1ull << 28 | VU_F_PROTOCOL_FEATURES)
#define RIG_PROTOCOL (VU_P_MQ | VU_P_REPLY_ACK | VU_P_BACKEND_REQ | VU_P_CONFIG | VU_P_INFLIGHT_SHMFD | \
		      VU_P_RESET_DEVICE | VU_P_CONFIGURE_MEM_SLOTS | VU_P_STATUS)

static inline int rig_memfd(size_t size)
{
	int fd = memfd_create("rig", MFD_CLOEXEC);

	cr_assert(fd >= 0 && !ftruncate(fd, (off_t)size));
	return fd;
}

static inline struct ipc_rig *ipc_rig_new(void)
{
	struct ipc_rig *r = calloc(1, sizeof(*r));
	int pair[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	r->peer = pair[1];
	r->memfd = rig_memfd(RIG_MEM);
	r->mem = mmap(NULL, RIG_MEM, PROT_READ | PROT_WRITE, MAP_SHARED, r->memfd, 0);
	for (unsigned int i = 0; i < sizeof(r->config); i++)
		r->config[i] = (uint8_t)(i + 1);
	r->s = (struct vu_session){ .ops = &rig_ops, .ctx = r, .offer = RIG_FEATURES, .offer_protocol = RIG_PROTOCOL,
				    .queues = 4, .queue_unit = 2, .queue_size = 256, .config_size = sizeof(r->config),
				    .inflight_fd = rig_memfd(65536), .inflight_size = 65536 };
	vu_session_open(&r->s, pair[0], &vu_io_plain);
	return r;
}

static inline void ipc_rig_free(struct ipc_rig *r)
{
	vu_session_close(&r->s);
	close(r->s.chan.fd);
	close(r->s.inflight_fd);
	close(r->peer);
	close(r->memfd);
	munmap(r->mem, RIG_MEM);
	free(r);
}

/* Say one message with any header; hand it to the session. */
static inline int say_raw(struct ipc_rig *r, uint32_t request, uint32_t flags, uint32_t size, const void *payload,
			  uint32_t bytes, const int *fd, unsigned int nfds)
{
	uint32_t hdr[3] = { request, flags, size };
	struct iovec iov[2] = { { hdr, sizeof(hdr) }, { (void *)(uintptr_t)payload, bytes } };
	union { struct cmsghdr h; uint8_t room[CMSG_SPACE(253 * sizeof(int))]; } c;
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = bytes ? 2 : 1 };

	if (nfds) {
		memset(&c, 0, sizeof(c));
		m.msg_control = &c;
		m.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
		c.h.cmsg_level = SOL_SOCKET;
		c.h.cmsg_type = SCM_RIGHTS;
		c.h.cmsg_len = CMSG_LEN(nfds * sizeof(int));
		memcpy(CMSG_DATA(&c.h), fd, nfds * sizeof(int));
	}
	cr_assert_eq(sendmsg(r->peer, &m, 0), (ssize_t)(sizeof(hdr) + bytes));
	return vu_session_input(&r->s);
}

static inline int say_fd(struct ipc_rig *r, uint32_t request, const void *payload, uint32_t size, int fd)
{
	return say_raw(r, request, VU_VERSION, size, payload, size, &fd, fd >= 0);
}

static inline int say(struct ipc_rig *r, uint32_t request, const void *payload, uint32_t size)
{
	return say_fd(r, request, payload, size, -1);
}

static inline int say_u64(struct ipc_rig *r, uint32_t request, uint64_t v)
{
	return say(r, request, &v, 8);
}

static inline int say_state(struct ipc_rig *r, uint32_t request, uint32_t index, uint32_t num)
{
	struct vu_vring_state st = { index, num };

	return say(r, request, &st, sizeof(st));
}

static inline int say_eventfd(struct ipc_rig *r, uint32_t request, uint64_t index)
{
	int fd = eventfd(0, EFD_NONBLOCK), err = say_fd(r, request, &index, 8, fd);

	close(fd);
	return err;
}

/* The session's answer; its payload size is checked. Descriptor that came with it, or -1. */
static inline int answer(struct ipc_rig *r, uint32_t request, void *payload, uint32_t size)
{
	struct vu_chan c;
	struct vu_msg m;

	vu_chan_init(&c, r->peer, &vu_io_plain, NULL);
	cr_assert_eq(vu_recv(&c, &m), 1, "no answer to message %u", request);
	cr_assert_eq(m.request, request);
	cr_assert_eq(m.flags, VU_VERSION | VU_REPLY);
	cr_assert_eq(m.size, size, "answer of %u bytes", m.size);
	memcpy(payload, m.u.bytes, size);
	return m.nfds ? m.fd[0] : -1;
}

static inline uint64_t ask_u64(struct ipc_rig *r, uint32_t request)
{
	uint64_t v = 0;

	cr_assert_eq(say(r, request, NULL, 0), 0);
	answer(r, request, &v, 8);
	return v;
}

static inline bool no_answer(struct ipc_rig *r)
{
	uint8_t b;

	return recv(r->peer, &b, 1, MSG_DONTWAIT | MSG_PEEK) < 0 && errno == EAGAIN;
}

static inline void negotiate(struct ipc_rig *r)
{
	cr_assert_eq(ask_u64(r, VU_GET_FEATURES), RIG_FEATURES);
	cr_assert_eq(ask_u64(r, VU_GET_PROTOCOL_FEATURES), RIG_PROTOCOL);
	cr_assert_eq(say_u64(r, VU_SET_PROTOCOL_FEATURES, RIG_PROTOCOL), 0);
	cr_assert_eq(say(r, VU_SET_OWNER, NULL, 0), 0);
	cr_assert_eq(say_u64(r, VU_SET_FEATURES, RIG_FEATURES), 0);
}

static inline int add_region(struct ipc_rig *r, uint64_t gpa, uint64_t size, uint64_t uaddr, uint64_t offset, int fd)
{
	struct vu_mem_reg m = { .r = { gpa, size, uaddr, offset } };

	return say_fd(r, VU_ADD_MEM_REG, &m, sizeof(m), fd);
}

static inline int add_memory(struct ipc_rig *r)
{
	return add_region(r, RIG_GPA, RIG_MEM, RIG_UADDR, 0, r->memfd);
}

static inline int set_addr(struct ipc_rig *r, uint32_t index)
{
	struct vu_vring_addr a = { .index = index, .desc = RIG_UADDR, .avail = RIG_UADDR + 0x4000, .used = RIG_UADDR + 0x5000 };

	return say(r, VU_SET_VRING_ADDR, &a, sizeof(a));
}

static inline void start_ring(struct ipc_rig *r, uint32_t index)
{
	cr_assert_eq(say_state(r, VU_SET_VRING_NUM, index, 64), 0);
	cr_assert_eq(say_state(r, VU_SET_VRING_BASE, index, 0), 0);
	cr_assert_eq(set_addr(r, index), 0);
	cr_assert_eq(say_eventfd(r, VU_SET_VRING_CALL, index), 0);
	cr_assert_eq(say_eventfd(r, VU_SET_VRING_KICK, index), 0);
	cr_assert_eq(say_state(r, VU_SET_VRING_ENABLE, index, 1), 0);
	cr_assert(vu_session_enabled(&r->s, &r->s.vring[index]));
}

static inline unsigned int open_fds(void)
{
	unsigned int n = 0;

	for (int fd = 0; fd < 512; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

#endif
