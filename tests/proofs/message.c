// SPDX-License-Identifier: GPL-2.0
/*
 * message.c: proofs about ipc/vhost_user.c, which puts the peer's bytes together into messages. The socket answers anything that the
 * kernel could: any number of bytes up to what was asked for, any errors, up to as many descriptors as there is room for.
 */
#include "tests/proofs/proof.h"

#include "ipc/vhost_user.h"

#include <errno.h>
#include <sys/socket.h>

#define FDS_MAX 8u

static struct vu_chan chan;
static bool open_fd[FDS_MAX];	/* descriptors that the kernel has put into our table */
static unsigned int fds;

struct cmsghdr *__cmsg_nxthdr(struct msghdr *h, struct cmsghdr *c)
{
	(void)h;
	(void)c;
	return NULL;	/* one block of descriptors: the kernel merges */
}

/* Bytes come to where the message has room for them. Those of a payload are never looked at, so they need not be there. */
static void put_bytes(const uint8_t *at, size_t len)
{
	bool header = chan.got < VU_HDR_SIZE;
	size_t off = header ? chan.got : chan.got - VU_HDR_SIZE;

	PROVE(at == (header ? (uint8_t *)&chan.in : chan.in.u.bytes) + off && len <= (header ? VU_HDR_SIZE : chan.in.size) - off, "its next bytes");
	if (!header)
		return;
	chan.in.request = any_u32();
	chan.in.flags = any_u32();
	chan.in.size = any_u32();
}

static ssize_t any_recvmsg(void *ctx, int fd, struct msghdr *m)
{
	size_t n = any_u64(), fit;

	(void)ctx;
	(void)fd;
	if (any_bool())
		return any_bool() ? -EAGAIN : -ECONNRESET;
	ASSUME(n && n <= m->msg_iov->iov_len);
	PROVE(__CPROVER_w_ok(m->msg_iov->iov_base, m->msg_iov->iov_len), "room for what is asked for");
	if (!(m->msg_flags & MSG_PEEK))
		put_bytes(m->msg_iov->iov_base, m->msg_iov->iov_len);
	m->msg_flags = any_bool() ? MSG_CTRUNC : 0;
	fit = m->msg_controllen ? any_up_to(FDS_MAX - fds < VU_MAX_FDS ? FDS_MAX - fds : VU_MAX_FDS) : 0;
	if (fit) {
		struct cmsghdr *c = m->msg_control;

		*c = (struct cmsghdr){ .cmsg_len = CMSG_LEN(fit * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };
		for (unsigned int i = 0; i < fit; i++) {
			open_fd[fds] = true;
			((int *)((uint8_t *)c + CMSG_LEN(0)))[i] = (int)fds++;
		}
		m->msg_controllen = CMSG_SPACE(fit * sizeof(int));
	} else {
		m->msg_controllen = 0;
	}
	return (ssize_t)n;
}

static ssize_t any_sendmsg(void *ctx, int fd, const struct msghdr *m)
{
	(void)ctx;
	(void)fd;
	for (unsigned int i = 0; i < 2; i++)
		if (i < m->msg_iovlen)
			PROVE(__CPROVER_r_ok(m->msg_iov[i].iov_base, m->msg_iov[i].iov_len), "what is sent is there");
	PROVE(!m->msg_controllen || __CPROVER_r_ok(m->msg_control, m->msg_controllen), "and its descriptors");
	return any_bool() ? -EAGAIN : (ssize_t)any_up_to(512);
}

static void any_close(void *ctx, int fd)
{
	(void)ctx;
	PROVE(fd >= 0 && (unsigned int)fd < fds && open_fd[fd], "a descriptor that came, closed once");
	open_fd[fd] = false;
}

/* CBMC takes a call through a table for one of any function of about that type: the proofs name what is called (SCALE). */
static int part(struct vu_chan *c);
#include "ipc/vhost_user.c"

static unsigned int left_open(void)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < FDS_MAX; i++)
		n += open_fd[i];
	return n;
}

/*
 * PROOF: for every number of a message there is a row or none, and nothing else is read.
 * BOUND: none: all 2^32 numbers
 * BUG: ipc/vhost_user.c: "request >= VU_REQUEST_MAX ||" => "request > VU_REQUEST_MAX ||"
 */
void proof_rule(void)
{
	const struct vu_rule *r = vu_rule(any_u32());

	PROVE(!r || r->name, "a row has a name");
}

/*
 * PROOF: every row fits what a message has room for: payload, descriptors, answer.
 * BOUND: none: every row
 * BUG: ipc/vhost_user.c: "MSG(SET_CONFIG, ANY, CONFIG_HDR + 1, CONFIG_HDR + VU_CONFIG_MAX, 0, 0" => "MSG(SET_CONFIG, ANY, CONFIG_HDR + 1, CONFIG_HDR + VU_CONFIG_MAX + 8, 0, 0"
 */
void proof_rows(void)
{
	const struct vu_rule *r = vu_rule(any_up_to(VU_REQUEST_MAX));
	struct vu_msg m;

	if (!r)
		return;
	PROVE(r->size_min <= r->size_max && r->size_max <= sizeof(m.u), "payload");
	PROVE(r->fds_min <= r->fds_max && r->fds_max <= VU_MAX_FDS, "descriptors");
	PROVE(r->reply <= sizeof(m.u) && r->reply_fds <= 1 && r->states, "answer");
}

/*
 * PROOF: what vu_check() lets through has the size, the descriptors, the features and the state that its row names.
 * BOUND: none: every message
 * BUG: ipc/vhost_user.c: "m->size < rule->size_min || m->size > rule->size_max" => "m->size < rule->size_min"
 */
void proof_check(void)
{
	struct vu_msg m;
	const struct vu_rule *r;
	uint64_t protocol = any_u64();
	unsigned int state = any_bool() ? VU_IN_IDLE : VU_IN_RUNNING;

	ANY(m);
	r = vu_rule(m.request);
	if (vu_check(r, &m, protocol, state))
		return;
	PROVE(r && m.size >= r->size_min && m.size <= sizeof(m.u) && m.size <= r->size_max, "size");
	PROVE(m.nfds >= r->fds_min && m.nfds <= r->fds_max, "descriptors");
	PROVE(!(r->protocol & ~protocol) && r->states & state && !(m.flags & VU_REPLY), "when it may come");
}

/* A channel that has received a part of a message, any, and is to receive more */
static void any_chan(void)
{
	vu_chan_init(&chan, 3, NULL, NULL);
	chan.fds = (enum vu_fds)any_up_to(VU_FDS_LEAVE);
	chan.got = any_up_to(VU_HDR_SIZE + sizeof(chan.in.u));
	if (!chan.got)
		return;
	__CPROVER_havoc_slice(&chan.in, sizeof(chan.in));
	ASSUME(chan.got < VU_HDR_SIZE || (chan.in.size <= sizeof(chan.in.u) && chan.got < VU_HDR_SIZE + chan.in.size));
	chan.in.nfds = fds = any_up_to(VU_MAX_FDS);
	for (unsigned int i = 0; i < VU_MAX_FDS; i++) {
		chan.in.fd[i] = (int)i;
		open_fd[i] = i < fds;
	}
}

/*
 * PROOF: receiving a part writes inside the channel's own message, asks for no byte beyond it, and leaves every descriptor that came in it or
 *	closed, once.
 * BOUND: none: every part of every message; room for 2 descriptors in it and with each part, which stands for that for 8
 * ASSUME: the kernel puts no more descriptors than there is room for, in one block
 * SCALE: ipc/vhost_user.c: "c->io->" => "any_"
 * SCALE: ipc/vhost_user.c: "memcpy(fd, CMSG_DATA(k), n * sizeof(int));" => "for (size_t i = 0; i < n; i++)\n\t\t\tfd[i] = ((int *)((uint8_t *)k + CMSG_LEN(0)))[i];"
 * SCALE: ipc/vhost_user.h: "VU_MAX_FDS 8u" => "VU_MAX_FDS 2u"
 * UNWIND: 9
 * BUG: ipc/vhost_user.c: "VU_HDR_SIZE - off };" => "VU_HDR_SIZE };"
 */
void proof_part(void)
{
	uint32_t before, size;
	int r;

	any_chan();
	before = chan.got;
	size = chan.in.size;
	r = receive_part(&chan);
	PROVE(r <= 0, "an error or nothing");
	PROVE(r || (chan.got > before && chan.got <= (before < VU_HDR_SIZE ? VU_HDR_SIZE : VU_HDR_SIZE + size)), "no byte beyond it");
	PROVE(before < VU_HDR_SIZE || chan.in.size == size, "a size that was checked stays");
	PROVE(chan.in.nfds <= VU_MAX_FDS && left_open() == chan.in.nfds, "each is in the message or closed");
}

/*
 * PROOF: a channel that lets no descriptor in asks the kernel for none.
 * BOUND: as proof_part
 * AS: part
 * UNWIND: 9
 * BUG: ipc/vhost_user.c: "if (c->fds != VU_FDS_TAKE)" => "if (c->fds == VU_FDS_LEAVE)"
 */
void proof_part_refuses(void)
{
	unsigned int had;

	any_chan();
	had = fds;
	chan.fds = VU_FDS_REFUSE;
	receive_part(&chan);
	PROVE(fds == had, "none came");
}

static uint64_t came;	/* bytes, by part() */

/* What proof_part says of receive_part() */
static int part(struct vu_chan *c)
{
	uint32_t end = c->got < VU_HDR_SIZE ? VU_HDR_SIZE : VU_HDR_SIZE + c->in.size, n = any_u32();

	PROVE(c->got < VU_HDR_SIZE || (c->in.size <= sizeof(c->in.u) && c->got < end), "a message that has more to come");
	while (c->in.nfds < VU_MAX_FDS && any_bool()) {
		open_fd[fds] = true;
		c->in.fd[c->in.nfds++] = (int)fds++;
	}
	if (any_bool())
		return any_bool() ? -EAGAIN : any_bool() ? -EPROTO : -ECONNRESET;
	ASSUME(n && n <= end - c->got);
	if (c->got < VU_HDR_SIZE) {
		c->in.request = any_u32();
		c->in.flags = any_u32();
		c->in.size = any_u32();
	}
	c->got += n;
	came += n;
	return 0;
}

/*
 * PROOF: a message is given out only when all of it is there, with a header as it must be, and its descriptors are the caller's then.
 * BOUND: messages that come in up to 6 parts; room for 2 descriptors, which stands for that for 8
 * SCALE: ipc/vhost_user.c: "r = receive_part(c);" => "r = part(c);"
 * SCALE: ipc/vhost_user.c: "c->io->" => "any_"
 * SCALE: ipc/vhost_user.h: "VU_MAX_FDS 8u" => "VU_MAX_FDS 2u"
 * UNWIND: 9
 * FLAGS: --unwindset vu_recv.0:7 --no-unwinding-assertions
 * BUG: ipc/vhost_user.c: "c->in.size > sizeof(c->in.u) ||" => ""
 */
void proof_recv(void)
{
	static struct vu_msg m;

	vu_chan_init(&chan, 3, NULL, NULL);
	if (vu_recv(&chan, &m) != 1)
		return;
	PROVE(m.size <= sizeof(m.u) && (m.flags & VU_VERSION_MASK) == VU_VERSION, "a header as it must be");
	PROVE(came == VU_HDR_SIZE + m.size, "all of it");
	PROVE(m.nfds <= VU_MAX_FDS && chan.got == 0 && chan.in.nfds == 0, "its descriptors are the caller's");
}

/*
 * PROOF: no descriptor of a peer is forgotten: after an error each one that came is closed, once; else it is in the message.
 * BOUND: as proof_recv
 * AS: recv
 * UNWIND: 9
 * FLAGS: --unwindset vu_recv.0:7 --no-unwinding-assertions
 * BUG: ipc/vhost_user.c: "vu_close_fds(c, &c->in);\n\tc->got = 0;" => "c->got = 0;"
 */
void proof_recv_fds(void)
{
	static struct vu_msg m;
	int r;

	vu_chan_init(&chan, 3, NULL, NULL);
	r = vu_recv(&chan, &m);
	PROVE(left_open() == (r < 0 ? 0 : r ? m.nfds : chan.in.nfds), "all are known, or closed");
}

/*
 * PROOF: sending reads the message's own bytes and descriptors only.
 * BOUND: none: every size up to a message's, 0 to 8 descriptors
 * SCALE: ipc/vhost_user.c: "c->io->" => "any_"
 * UNWIND: 13
 * BUG: ipc/vhost_user.c: "m->u.bytes, m->size } };" => "m->u.bytes, m->size + 64 } };"
 */
void proof_send(void)
{
	static struct vu_msg m;

	ANY(m);
	ASSUME(m.size <= sizeof(m.u) && m.nfds <= VU_MAX_FDS);
	vu_chan_init(&chan, 3, NULL, NULL);
	vu_send(&chan, &m);
}
