// SPDX-License-Identifier: GPL-2.0
/*
 * message.c: proofs about ipc/vhost_user.c, which puts the peer's bytes together into messages. The socket answers anything that the
 * kernel could: any number of bytes up to what was asked for, any errors, up to as many descriptors as there is room for.
 */
#include "tests/proofs/proof.h"

#include "ipc/vhost_user.c"

#define FDS_MAX 12u

static struct vu_chan chan;
static bool open_fd[FDS_MAX];	/* descriptors that the kernel has put into our table */
static unsigned int fds, bytes_asked;

struct cmsghdr *__cmsg_nxthdr(struct msghdr *h, struct cmsghdr *c)
{
	(void)h;
	(void)c;
	return NULL;	/* one block of descriptors: the kernel merges */
}

static ssize_t any_recvmsg(void *ctx, int fd, struct msghdr *m)
{
	size_t n = any_u64(), fit;
	int got[VU_MAX_FDS];

	(void)ctx;
	(void)fd;
	bytes_asked += m->msg_iov->iov_len;
	if (any_bool())
		return any_bool() ? -EAGAIN : -ECONNRESET;
	ASSUME(n && n <= m->msg_iov->iov_len);
	PROVE(__CPROVER_w_ok(m->msg_iov->iov_base, m->msg_iov->iov_len), "room for what is asked for");
	__CPROVER_havoc_slice(m->msg_iov->iov_base, n);
	m->msg_flags = any_bool() ? MSG_CTRUNC : 0;
	fit = m->msg_controllen ? any_up_to(FDS_MAX - fds < VU_MAX_FDS ? FDS_MAX - fds : VU_MAX_FDS) : 0;
	if (fit) {
		struct cmsghdr *c = m->msg_control;

		*c = (struct cmsghdr){ .cmsg_len = CMSG_LEN(fit * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };
		for (unsigned int i = 0; i < fit; i++) {
			open_fd[fds] = true;
			got[i] = (int)fds++;
		}
		memcpy(CMSG_DATA(c), got, fit * sizeof(int));
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

static void close_once(void *ctx, int fd)
{
	(void)ctx;
	PROVE(fd >= 0 && (unsigned int)fd < fds && open_fd[fd], "a descriptor that came, closed once");
	open_fd[fd] = false;
}

static const struct vu_io io = { any_recvmsg, any_sendmsg, close_once };

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

/*
 * PROOF: receiving writes inside the channel's own message, asks for no byte beyond it, and gives out a message only when all of it is there
 *	with a header as it must be.
 * BOUND: messages that come in up to 4 pieces, with up to 8 descriptors each
 * ASSUME: the kernel puts no more descriptors than there is room for, in one block
 * UNWIND: 13
 * FLAGS: --unwindset vu_recv.0:5 --no-unwinding-assertions
 * BUG: ipc/vhost_user.c: "c->in.size > sizeof(c->in.u) ||" => ""
 * SLOW: no answer in 300 s; its bug is found
 */
void proof_recv(void)
{
	static struct vu_msg m;

	vu_chan_init(&chan, 3, &io, NULL);
	if (vu_recv(&chan, &m) != 1)
		return;
	PROVE(m.size <= sizeof(m.u) && (m.flags & VU_VERSION_MASK) == VU_VERSION, "a header as it must be");
	PROVE(bytes_asked >= VU_HDR_SIZE + m.size, "all of it");
	PROVE(m.nfds <= VU_MAX_FDS && chan.got == 0 && chan.in.nfds == 0, "its descriptors are the caller's");
}

/*
 * PROOF: no descriptor of a peer is forgotten: after an error each one that came is closed, once; else it is in the message.
 * BOUND: as proof_recv, for 3 pieces
 * ASSUME: as proof_recv
 * UNWIND: 13
 * FLAGS: --unwindset vu_recv.0:4 --no-unwinding-assertions
 * BUG: ipc/vhost_user.c: "vu_close_fds(c, &c->in);\n\tc->got = 0;" => "c->got = 0;"
 * SLOW: not seen yet with this bound and this bug
 */
void proof_recv_fds(void)
{
	static struct vu_msg m;
	int r;

	vu_chan_init(&chan, 3, &io, NULL);
	r = vu_recv(&chan, &m);
	if (r < 0)
		PROVE(!left_open(), "all are closed");
	else
		PROVE(left_open() == (r ? m.nfds : chan.in.nfds), "all are known");
}

/*
 * PROOF: a channel that lets none in asks the kernel for none.
 * BOUND: as proof_recv
 * UNWIND: 13
 * FLAGS: --unwindset vu_recv.0:5 --no-unwinding-assertions
 * BUG: ipc/vhost_user.c: "if (c->fds != VU_FDS_TAKE)" => "if (c->fds == VU_FDS_LEAVE)"
 * SLOW: no answer in 300 s; its bug is found
 */
void proof_recv_refuses(void)
{
	static struct vu_msg m;

	vu_chan_init(&chan, 3, &io, NULL);
	chan.fds = VU_FDS_REFUSE;
	vu_recv(&chan, &m);
	PROVE(!fds, "none came");
}

/*
 * PROOF: sending reads the message's own bytes and descriptors only.
 * BOUND: none: every size up to a message's, 0 to 8 descriptors
 * UNWIND: 13
 * BUG: ipc/vhost_user.c: "m->u.bytes, m->size } };" => "m->u.bytes, m->size + 64 } };"
 */
void proof_send(void)
{
	static struct vu_msg m;

	ANY(m);
	ASSUME(m.size <= sizeof(m.u) && m.nfds <= VU_MAX_FDS);
	vu_chan_init(&chan, 3, &io, NULL);
	vu_send(&chan, &m);
}
