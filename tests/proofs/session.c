// SPDX-License-Identifier: GPL-2.0
/*
 * session.c: proofs about ipc/vhost_user_backend.c: what a back end does with a message whose row vu_check() has approved (message.c).
 * Rings are started and stopped by functions of virtqueue.c, which has its own proofs: here they are what those prove. mmap() gives any
 * address, or fails.
 */
#include "tests/proofs/proof.h"

#include <errno.h>
#include <sys/mman.h>

#include "ipc/vhost_user.h"

/* CBMC takes a call through a table for one of any function of about that type, so the proofs name what is called (SCALE). */
static ssize_t io_recvmsg(void *ctx, int fd, struct msghdr *h) { (void)ctx; (void)fd; (void)h; return -EAGAIN; }
static ssize_t io_sendmsg(void *ctx, int fd, const struct msghdr *h) { (void)ctx; (void)fd; (void)h; return any_bool() ? -EAGAIN : 20; }
static void io_close(void *ctx, int fd) { (void)ctx; PROVE(fd >= 0, "a descriptor"); }

#include "ipc/vhost_user.c"
#include "ipc/unmap.c"
#include "ipc/virtqueue_mem.c"
#include "ipc/vhost_user_backend.h"

#define QUEUES 2u
#define ENTRIES 64u
#define CONFIG 60u

static struct vu_session s;
static struct vu_msg m;
static unsigned int mapped, unmapped, quiet;
static uint64_t mapped_len;

void *mmap(void *at, size_t len, int prot, int flags, int fd, off_t off)
{
	(void)at; (void)prot; (void)flags; (void)fd;
	PROVE(len && off >= 0 && off % 4096 == 0, "a mapping that there can be");
	if (any_bool())
		return MAP_FAILED;
	mapped++;
	mapped_len = len;
	return (void *)(uintptr_t)(0x100000000ull * mapped);
}

int munmap(void *at, size_t len)
{
	(void)at; (void)len;
	unmapped++;
	return 0;
}

int vq_start(struct vq *q, const struct vq_setup *set)
{
	PROVE(!set->log || (uint64_t)set->log % 8 == 0, "a record is aligned");
	if (any_bool())
		return -EFAULT;
	q->started = true;
	q->size = set->size;
	return 0;
}

int vq_retarget(struct vq *q, const struct vq_setup *set)
{
	(void)set;
	PROVE(quiet, "nothing is in flight while rings move");
	if (any_bool())
		q->started = false;
	return 0;
}

uint16_t vq_stop(struct vq *q)
{
	q->started = false;
	return any_u16();
}

/* What the loop does for a session */
static void ring_op(struct vu_session *x, struct vu_vring *v)
{
	(void)x;
	PROVE(v >= s.vring && v < s.vring + QUEUES, "a ring of the device");
}
static void op_start(struct vu_session *x, struct vu_vring *v) { ring_op(x, v); }
static void op_stop(struct vu_session *x, struct vu_vring *v) { ring_op(x, v); }
static void op_wake(struct vu_session *x, struct vu_vring *v) { ring_op(x, v); }
static void op_kick_changed(struct vu_session *x, struct vu_vring *v) { ring_op(x, v); }
static void op_call_changed(struct vu_session *x, struct vu_vring *v) { ring_op(x, v); }
static void op_quiesce(struct vu_session *x) { (void)x; quiet++; }
static void op_resume(struct vu_session *x) { (void)x; quiet--; }
static void op_reset(struct vu_session *x) { (void)x; }
static void op_features(struct vu_session *x, uint64_t f) { (void)x; PROVE(!(f & ~s.offer), "offered"); }
static void op_get_config(struct vu_session *x, uint8_t *cfg) { (void)x; PROVE(__CPROVER_w_ok(cfg, CONFIG), "room for config space"); }

static int op_set_config(struct vu_session *x, uint32_t off, const uint8_t *data, uint32_t len)
{
	(void)x;
	PROVE(off < CONFIG && len <= CONFIG - off && __CPROVER_r_ok(data, len), "inside config space");
	return any_bool() ? -EINVAL : 0;
}

static bool op_byte_at(struct vu_session *x, int fd, uint64_t off) { (void)x; (void)fd; PROVE(off <= INT64_MAX, "an offset"); return any_bool(); }

#include "ipc/vhost_user_backend.c"

/* A session in any state, and a message that vu_check() approved. */
static void any_session(uint32_t request)
{
	s.offer = any_u64() | VU_F_PROTOCOL_FEATURES;
	s.offer_protocol = any_u64();
	s.queues = QUEUES;
	s.queue_unit = 1;
	s.queue_size = ENTRIES;
	s.config_size = CONFIG;
	s.inflight_fd = 11;
	s.inflight_size = 65536;
	vu_chan_init(&s.chan, 3, NULL, NULL);
	s.request.fd = -1;
	s.acked = any_u64();
	s.protocol = any_u64();
	ASSUME(!(s.acked & ~s.offer));
	for (unsigned int i = 0; i < QUEUES; i++) {
		struct vu_vring *v = &s.vring[i];

		v->vq.index = (uint16_t)i;
		v->num = any_bool() ? (uint16_t)(1u << any_up_to(6)) : 0;
		v->base = any_u16();
		v->kick = any_bool() ? 20 : -1;
		v->call = v->err = -1;
		v->addr_set = any_bool();
		v->enable = any_bool();
		v->running = any_bool();
		v->vq.started = v->running;
		v->vq.size = v->num;
		ASSUME(!v->running || (v->num && v->kick >= 0));
	}
	ANY(m);
	m.request = request;
	ASSUME(!vu_check(vu_rule(request), &m, s.protocol, state(&s)));
}

/*
 * PROOF: a number names a ring exactly when the device has that many.
 * BOUND: none: every number; a device with 2 rings of up to 64 entries
 * SCALE: ipc/vhost_user_backend.c: "s->ops->" => "op_"
 * SCALE: ipc/vhost_user_backend.c: "s->chan.io->" => "io_"
 * SCALE: ipc/vhost_user.c: "c->io->" => "io_"
 * SCALE: ipc/vhost_user.h: "VU_MAX_QUEUES 16u" => "VU_MAX_QUEUES 2u"
 * SCALE: ipc/virtqueue.h: "VQ_MAX_SIZE 1024" => "VQ_MAX_SIZE 64"
 * SCALE: ipc/virtqueue.h: "uint16_t resubmit[VQ_MAX_SIZE];" => ""
 * SCALE: ipc/virtqueue.h: "uint16_t staged_head[VQ_MAX_SIZE];" => ""
 * SCALE: ipc/virtqueue.h: "uint32_t in_len[VQ_MAX_SIZE];" => ""
 * SCALE: ipc/virtqueue_mem.h: "GMEM_MAX_REGIONS 64" => "GMEM_MAX_REGIONS 2"
 * UNWIND: 4
 * BUG: ipc/vhost_user_backend.c: "return index < s->queues ? &s->vring[index] : NULL;" => "return index <= s->queues ? &s->vring[index] : NULL;"
 */
void proof_ring(void)
{
	uint64_t i = any_u64();

	s.queues = QUEUES;
	PROVE(ring(&s, i) == (i == 0 ? &s.vring[0] : i == 1 ? &s.vring[1] : NULL), "a ring of the device");
}

/*
 * PROOF: reading config space gives exactly the bytes asked for, out of a copy, whatever offset and size are named.
 * BOUND: none: every message; a device with 60 bytes
 * AS: ring
 * UNWIND: 4
 * BUG: ipc/vhost_user_backend.c: "c->size <= VU_CONFIG_MAX && *off < s->config_size" => "*off < s->config_size"
 */
void proof_get_config(void)
{
	any_session(VU_GET_CONFIG);
	if (!get_config(&s, &m))
		PROVE(m.size <= 12 + VU_CONFIG_MAX, "no longer than a message");
}

/*
 * PROOF: writing config space reaches the device with bytes that came, inside what it has.
 * BOUND: none: every message
 * AS: ring
 * UNWIND: 4
 * BUG: ipc/vhost_user_backend.c: " || c->size > s->config_size - off" => ""
 */
void proof_set_config(void)
{
	any_session(VU_SET_CONFIG);
	m.u.config.size = any_u32();
	set_config(&s, &m);
}

/*
 * PROOF: a ring's size becomes a power of two of at most what the device has, and never that of a ring that runs.
 * BOUND: none: every message; 2 rings of up to 64 entries in any state
 * AS: ring
 * UNWIND: 4
 * BUG: ipc/vhost_user_backend.c: "if (!n || n > s->queue_size || n & (n - 1))" => "if (!n || n & (n - 1))"
 */
void proof_vring_num(void)
{
	any_session(VU_SET_VRING_NUM);
	set_vring_num(&s, &m);
	for (unsigned int i = 0; i < QUEUES; i++)
		PROVE(s.vring[i].num <= ENTRIES && !(s.vring[i].num & (s.vring[i].num - 1)), "a size that there is");
}

/*
 * PROOF: a ring's addresses and base are those of a ring that there is and that does not run.
 * BOUND: none: every message; 2 rings of up to 64 entries in any state
 * AS: ring
 * UNWIND: 4
 * BUG: ipc/vhost_user_backend.c: "if (!v || v->running || a->flags)" => "if (!v || a->flags)"
 */
void proof_vring_addr(void)
{
	bool ran = any_bool();
	uint32_t i;

	any_session(VU_SET_VRING_ADDR);
	i = m.u.addr.index;
	ran = i < QUEUES && s.vring[i].running && vu_session_enabled(&s, &s.vring[i]);
	if (!set_vring_addr(&s, &m))
		PROVE(i < QUEUES && !ran, "a ring that does not run");
}

/*
 * PROOF: an eventfd message names a ring that there is, takes its descriptor once, and none where it says that there is none.
 * BOUND: none: every message
 * AS: ring
 * UNWIND: 4
 * BUG: ipc/vhost_user_backend.c: "m->fd[0] = -1;\n\t}\n\treturn v;" => "}\n\treturn v;"
 */
void proof_eventfd(void)
{
	struct vu_vring *v;
	int fd = -1, came;

	any_session(VU_SET_VRING_CALL);
	ASSUME(m.fd[0] >= 0);
	came = m.fd[0];
	v = eventfd_of(&s, &m, &fd);
	if (!v)
		return;
	PROVE(v >= s.vring && v < s.vring + QUEUES, "a ring of the device");
	PROVE(m.nfds ? fd == came && m.fd[0] == -1 : fd == -1, "taken once");
}

/*
 * PROOF: a memory region is mapped only when its last byte is there; offset and size never wrap, and the mapping covers it whole.
 * BOUND: none: every region
 * AS: ring
 * UNWIND: 4
 * BUG: ipc/vhost_user_backend.c: "!r->size || __builtin_add_overflow(r->offset, r->size, &end) || end > INT64_MAX" => "!r->size || (end = r->offset + r->size) > INT64_MAX"
 */
void proof_map_region(void)
{
	struct vu_region r;
	struct gmem_region g;

	any_session(VU_ADD_MEM_REG);
	ANY(r);
	if (map_region(&s, &r, 30, &g))
		return;
	PROVE(g.size == r.size && g.size && g.map_len >= g.size && g.map_len - g.size == (uint64_t)g.host - (uint64_t)g.map, "covered whole");
	PROVE(g.map_len == mapped_len && r.offset % 4096 == g.map_len - g.size, "from its offset");
}

/*
 * PROOF: a memory table is taken whole or not at all: what was mapped for one that is refused is unmapped, and its counts are the message's.
 * BOUND: tables of up to 2 regions
 * AS: ring
 * SCALE: ipc/vhost_user.h: "VU_MEM_TABLE_MAX 8u" => "VU_MEM_TABLE_MAX 2u"
 * UNWIND: 4
 * BUG: ipc/vhost_user_backend.c: "unmap_table(&new);\n\t\t\treturn err;" => "return err;"
 */
void proof_mem_table(void)
{
	int err;

	any_session(VU_SET_MEM_TABLE);
	err = set_mem_table(&s, &m);
	PROVE(!quiet, "the device goes on");
	if (err)
		PROVE(mapped == unmapped && !s.mem.n, "not at all");
	else
		PROVE(s.mem.n == m.u.table.n && m.u.table.n == m.nfds && mapped - unmapped == s.mem.n, "whole");
}

/*
 * PROOF: an in-flight record that is asked for fits the file that was made for it.
 * BOUND: none: every message; 2 rings of 64 entries
 * UNWIND: 4
 * FLAGS: --unwindset memset.0:2
 * AS: ring
 * SCALE: ipc/vhost_user_backend.c: "memset(p, 0, f->size);" => "PROVE(f->size <= s->inflight_size, \"fits the file\");"
 * BUG: ipc/vhost_user_backend.c: "f->queues <= s->queues && f->queue_size" => "f->queue_size"
 */
void proof_get_inflight(void)
{
	any_session(VU_GET_INFLIGHT_FD);
	get_inflight_fd(&s, &m);
}

/*
 * PROOF: a record that the peer gives holds as many queues as it says, and each ring's part lies inside it.
 * BOUND: none: every message; 2 rings of up to 64 entries
 * AS: ring
 * UNWIND: 4
 * BUG: ipc/vhost_user_backend.c: "f->size < f->queues * vq_inflight_size(f->queue_size) || " => ""
 */
void proof_set_inflight(void)
{
	unsigned int i = any_up_to(QUEUES - 1);
	struct vq_setup q;

	any_session(VU_SET_INFLIGHT_FD);
	s.log = NULL;
	s.log_map = NULL;
	if (set_inflight_fd(&s, &m))
		return;
	q = setup_of(&s, &s.vring[i]);
	if (q.log)
		PROVE((uint64_t)q.log + vq_inflight_size(s.vring[i].num) <= (uint64_t)s.log_map + s.log_map_len, "inside the record");
}

/*
 * PROOF: no feature is acked that was not offered, and none changes under a ring that runs.
 * BOUND: none: every message; 2 rings of up to 64 entries in any state
 * AS: ring
 * UNWIND: 4
 * BUG: ipc/vhost_user_backend.c: "state(s) == VU_IN_RUNNING && (f ^ s->acked)" => "state(s) == VU_IN_IDLE && (f ^ s->acked)"
 */
void proof_features(void)
{
	uint64_t before;

	any_session(VU_SET_FEATURES);
	before = s.acked;
	if (set_features(&s, &m))
		PROVE(s.acked == before, "refused: as it was");
	PROVE(!(s.acked & ~s.offer), "offered");
	if (state(&s) == VU_IN_RUNNING)
		PROVE(!((s.acked ^ before) & ~VU_F_PROTOCOL_FEATURES), "not under a ring that runs");
}

/*
 * PROOF: whatever the message, the session that has handled it is in order: no ring runs without size and kick, no count is out of range.
 * BOUND: every message but those about memory and records, which have their own proofs; 2 rings of up to 64 entries in any state
 * AS: ring
 * UNWIND: 9
 * BUG: ipc/vhost_user_backend.c: "if (v->running || !v->num || !v->addr_set || v->kick < 0)" => "if (v->running || !v->addr_set || v->kick < 0)"
 * LONG: 43 s, and 37 s for its bug
 */
void proof_session(void)
{
	static const uint8_t others[] = { VU_SET_VRING_NUM, VU_SET_VRING_ADDR, VU_SET_VRING_BASE, VU_GET_VRING_BASE, VU_SET_VRING_KICK, VU_SET_VRING_ENABLE };
	uint32_t n = any_up_to(sizeof(others) - 1);

	any_session(others[n]);
	for (unsigned int i = 0; i < VU_MAX_FDS; i++)
		ASSUME(m.fd[i] >= 0 && m.fd[i] < 128);
	for (unsigned int i = 0; i < sizeof(others); i++)	/* each by a number that CBMC knows, or it takes all handlers for possible */
		if (i == n)
			handlers[others[i]](&s, &m);
	for (unsigned int i = 0; i < QUEUES; i++)
		PROVE(!s.vring[i].running || (s.vring[i].num && s.vring[i].kick >= 0 && s.vring[i].vq.started), "a ring that runs has all it needs");
}
