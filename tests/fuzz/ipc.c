// SPDX-License-Identifier: GPL-2.0
/*
 * fuzz/ipc.c: the back end's session under a hostile front end. The input is a row of messages: mostly well-formed ones
 * with bad values, sometimes raw bytes; descriptors come along from a small set (memory, an eventfd, a pipe, a socket).
 *
 * Besides ASan and UBSan: no descriptor leaks, memory regions stay within their files, a running ring lies in memory, a record
 * in flight is for no more than there is.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ipc/vhost_user_backend.h"
#include "ipc/virtqueue_ring.h"

#define FUZZ_NAME "ipc"
#include "tests/fuzz/input.h"
#define MEM 0x8000u
#define MAX_MESSAGES 48
#define FEATURES (1ull << 32 | 1ull << 29 | 1ull << 28 | VU_F_PROTOCOL_FEATURES)
#define PROTOCOL (VU_P_MQ | VU_P_REPLY_ACK | VU_P_BACKEND_REQ | VU_P_CONFIG | VU_P_INFLIGHT_SHMFD | VU_P_RESET_DEVICE | \
		  VU_P_CONFIGURE_MEM_SLOTS | VU_P_STATUS)

void gmem_fetch_hook(const void *p, size_t len)
{
	(void)p;
	(void)len;
}

/* --- a socket that is not one: messages and descriptors come from here --- */

enum { FD_MEM = 1000, FD_EVENT, FD_SMALL, FD_KINDS = 3 };

static struct { uint8_t bytes[320]; size_t len, at; int fd[16]; unsigned int nfds; } wire;
static int real_fd[FD_KINDS];
static unsigned int given, closed, sent;

static ssize_t fake_recvmsg(void *ctx, int fd, struct msghdr *m)
{
	size_t n = m->msg_iov[0].iov_len;
	unsigned int fit = wire.nfds < VU_MAX_FDS ? wire.nfds : VU_MAX_FDS;

	(void)ctx;
	(void)fd;
	if (wire.at == wire.len)
		return -EAGAIN;
	if (n > wire.len - wire.at)
		n = wire.len - wire.at;
	memcpy(m->msg_iov[0].iov_base, wire.bytes + wire.at, n);
	wire.at += n;
	m->msg_flags = wire.nfds > VU_MAX_FDS ? MSG_CTRUNC : 0;
	m->msg_controllen = 0;
	if (fit) {
		struct cmsghdr *c = m->msg_control;

		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(fit * sizeof(int));
		m->msg_controllen = CMSG_SPACE(fit * sizeof(int));
		for (unsigned int i = 0; i < fit; i++) {
			int copy = dup(real_fd[wire.fd[i] % FD_KINDS]);

			memcpy(CMSG_DATA(c) + i * sizeof(int), &copy, sizeof(copy));
			given++;
		}
	}
	wire.nfds = 0;
	return (ssize_t)n;
}

static ssize_t fake_sendmsg(void *ctx, int fd, const struct msghdr *m)
{
	ssize_t n = 0;

	(void)ctx;
	(void)fd;
	for (size_t i = 0; i < m->msg_iovlen; i++)
		n += (ssize_t)m->msg_iov[i].iov_len;
	REQUIRE(n <= 284, "an answer of %zd bytes", n);
	sent++;
	return n;
}

static void fake_close(void *ctx, int fd)
{
	(void)ctx;
	REQUIRE(!close(fd), "descriptor %d closed twice", fd);
	closed++;
}

static const struct vu_io io = { fake_recvmsg, fake_sendmsg, fake_close };

/* --- the loop and the device --- */

static void nop(struct vu_session *s, struct vu_vring *v) { (void)s; (void)v; }
static void nops(struct vu_session *s) { (void)s; }
static void features(struct vu_session *s, uint64_t f) { (void)s; (void)f; }

/* A started ring is looked at once: its memory must be there. */
static void started(struct vu_session *s, struct vu_vring *v)
{
	struct iovec seg[16];
	struct vq_chain c = { .seg = seg, .seg_max = 16 };

	(void)s;
	vq_pass(&v->vq);
	while (vq_pop(&v->vq, &c) > 0)
		vq_push(&v->vq, c.head, 0);
	vq_publish(&v->vq);
}

static void get_config(struct vu_session *s, uint8_t *cfg)
{
	(void)s;
	memset(cfg, 0x33, 60);
}

static int set_config(struct vu_session *s, uint32_t off, const uint8_t *data, uint32_t len)
{
	(void)s;
	REQUIRE(off + len <= 60 && off + len >= off, "a config write outside");
	return data[0] & 1 ? -EINVAL : 0;
}

static bool byte_at(struct vu_session *s, int fd, uint64_t off)
{
	uint8_t b;

	(void)s;
	return pread(fd, &b, 1, (off_t)off) == 1;
}

static const struct vu_session_ops ops = {
	.start = started, .stop = nop, .wake = nop, .kick_changed = nop, .call_changed = nop, .quiesce = nops, .resume = nops,
	.features = features, .get_config = get_config, .set_config = set_config, .reset = nops, .byte_at = byte_at,
};

static uint64_t number(void)
{
	static const uint64_t nice[] = { 0, 1, 2, 4096, 0x1000, MEM, MEM - 1, MEM / 2, 64, 128, 256, 8, 0x100, ~0ull,
					 ~0ull - 4095, 1ull << 63, 1ull << 32, 0xffffffff, 0x4000, 0x5000, FEATURES, PROTOCOL,
					 0x10000, 12, 16, 32, 0x840, 3, 7, 255, 60, 57 };
	uint8_t code = byte();
	uint64_t v = 0;

	if (code < 0xe0)
		return nice[code % 32];
	for (int i = 0; i < 8; i++)
		v = v << 8 | byte();
	return v;
}

static void put(uint32_t *off, uint64_t v, unsigned int bytes)
{
	memcpy(wire.bytes + *off, &v, bytes);
	*off += bytes;
}

static void message(void)
{
	uint8_t request = byte() % (VU_REQUEST_MAX + 1), how = byte(), fds = byte();
	const struct vu_rule *rule = vu_rule(request);
	uint32_t off = 12, size = rule ? rule->size_min : byte();

	if (how & 0x10 && rule)
		size = rule->size_max;
	if (how & 0x20)
		size = byte();
	wire.nfds = how & 0x40 ? fds % 12 : rule ? rule->fds_min : 0;
	if (how & 0x80 && rule)
		wire.nfds = rule->fds_max;
	for (unsigned int i = 0; i < wire.nfds; i++)
		wire.fd[i] = fds >> 4 & 3;
	memset(wire.bytes, 0, sizeof(wire.bytes));
	/* fields of the widths that messages have */
	switch (request) {
	case VU_SET_MEM_TABLE:
		put(&off, how & 1 ? number() : (size - 8) / 32, 8);
		while (off + 8 <= 12 + size)
			put(&off, number(), 8);
		break;
	case VU_SET_VRING_NUM: case VU_SET_VRING_BASE: case VU_GET_VRING_BASE: case VU_SET_VRING_ENABLE:
		put(&off, byte() % 5, 4);
		put(&off, number(), 4);
		break;
	case VU_SET_VRING_ADDR:
		put(&off, byte() % 5, 4);
		put(&off, how & 1 ? number() : 0, 4);
		for (int i = 0; i < 4; i++)
			put(&off, number(), 8);
		break;
	case VU_GET_CONFIG: case VU_SET_CONFIG:
		put(&off, number(), 4);
		put(&off, number(), 4);
		put(&off, 0, 4);
		put(&off, number(), 8);
		break;
	case VU_SET_VRING_KICK: case VU_SET_VRING_CALL: case VU_SET_VRING_ERR:
		put(&off, how & 1 ? number() : byte() % 5u, 8);
		break;
	case VU_GET_INFLIGHT_FD: case VU_SET_INFLIGHT_FD:
		put(&off, number(), 8);
		put(&off, number(), 8);
		put(&off, byte() % 6, 2);
		put(&off, number(), 2);
		break;
	default:
		while (off < 60 && off < 12 + size)
			put(&off, number(), 8);
	}
	off = 0;
	put(&off, request, 4);
	put(&off, how & 8 && byte() & 1 ? byte() : VU_VERSION | (how & 4 ? VU_NEED_REPLY : 0), 4);
	put(&off, how & 8 && byte() & 1 ? number() : size, 4);
	wire.len = 12 + (size > 280 ? 280 : size);
	wire.at = 0;
}

static void setup(void)
{
	if (real_fd[0])
		return;
	real_fd[0] = memfd_create("mem", 0);
	real_fd[1] = eventfd(0, EFD_NONBLOCK);
	real_fd[2] = memfd_create("small", 0);
	REQUIRE(!ftruncate(real_fd[0], MEM) && !ftruncate(real_fd[2], 4096), "files");
}

static unsigned int count_fds(void)
{
	unsigned int n = 0;

	for (int fd = 0; fd < 200; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct vu_session s;
	static int inflight = -1;
	unsigned int before;

	setup();
	if (inflight < 0) {
		inflight = memfd_create("inflight", 0);
		REQUIRE(!ftruncate(inflight, 65536), "inflight");
	}
	before = count_fds();
	in = data;
	left = size;
	s = (struct vu_session){ .ops = &ops, .offer = FEATURES, .offer_protocol = PROTOCOL, .queues = 4, .queue_unit = 1,
				 .queue_size = 256, .config_size = 60, .inflight_fd = inflight, .inflight_size = 65536 };
	vu_session_open(&s, 9999, &io);
	s.protocol = PROTOCOL;
	for (int i = 0; left && i < MAX_MESSAGES; i++) {
		if (*in == 0)	/* no message has this number: the device has news as well */
			vu_session_config_changed(&s);
		message();
		/* a refused message ends a real connection; here the session must stand it and go on */
		vu_session_input(&s);
		REQUIRE(!s.log || (s.log_queues && s.log_queues <= s.queues && s.log_queue_size && s.log_queue_size <= s.queue_size),
			"records in flight of %u queues with %u entries", s.log_queues, s.log_queue_size);
		s.chan.got = 0;
		vu_close_fds(&s.chan, &s.chan.in);
		for (unsigned int k = 0; k < s.mem.n; k++)
			(void)*(volatile uint8_t *)(s.mem.r[k].host + s.mem.r[k].size - 1);
	}
	vu_session_close(&s);
	REQUIRE(count_fds() == before, "descriptors leak: %u before, %u after", before, count_fds());
	return 0;
}
