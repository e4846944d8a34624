// SPDX-License-Identifier: GPL-2.0
/*D:655
 * packet.c: what the guest says on its queue, and what it is told on the other (virtio 1.2, 5.10.6).
 *
 * Everything in a packet is the guest's word: it is copied once, then checked. A packet for a connection that does not exist is
 * answered with a refusal, as a closed port would; one that breaks the rules ends its connection.
 *
 * It may: pop and push the three queues. It may not: touch a socket.
 */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "devices/vsock/vsock.h"

#define HDR ((uint32_t)sizeof(struct virtio_vsock_hdr))
#define BIT(op) (1u << (op))

/* --- from the guest --- */

/* There is room: vsock_receive() sees to it. */
static void refuse(struct vsock *v, const struct virtio_vsock_hdr *h)
{
	if (le16toh(h->op) != VIRTIO_VSOCK_OP_RST && v->resets < VSOCK_RESETS)
		v->reset[v->resets++] = *h;
}

static void credit(struct vsock_conn *c, const struct virtio_vsock_hdr *h)
{
	c->peer_alloc = le32toh(h->buf_alloc);
	c->peer_forwarded = le32toh(h->fwd_cnt);
}

static void request(struct vsock *v, struct vsock_conn *c, const struct virtio_vsock_hdr *h)
{
	if (c)
		vsock_close(c, true);	/* a second one for the same ports: the guest and we do not agree on what there is */
	else if (le16toh(h->type) != VIRTIO_VSOCK_TYPE_STREAM || !vsock_dial(v, le32toh(h->src_port), le32toh(h->dst_port), h))
		refuse(v, h);
}

static void data(struct vsock_conn *c, const struct vq_chain *chain, uint32_t len)
{
	if (c->state != VSOCK_OPEN || len > chain->out_len - HDR || !vsock_give(c, chain, HDR, len))
		vsock_close(c, true);
}

/* A packet of a connection that there is. */
static void packet(struct vsock_conn *c, const struct vq_chain *chain, const struct virtio_vsock_hdr *h)
{
	credit(c, h);
	switch (le16toh(h->op)) {
	case VIRTIO_VSOCK_OP_RST:
		vsock_leave(c);
		break;
	case VIRTIO_VSOCK_OP_RESPONSE:
		if (c->state == VSOCK_ASKED)
			vsock_accepted(c);
		else
			vsock_close(c, true);
		break;
	case VIRTIO_VSOCK_OP_RW:
		data(c, chain, le32toh(h->len));
		break;
	case VIRTIO_VSOCK_OP_SHUTDOWN:
		vsock_shutdown(c, le32toh(h->flags) & (VIRTIO_VSOCK_SHUTDOWN_RCV | VIRTIO_VSOCK_SHUTDOWN_SEND));
		break;
	case VIRTIO_VSOCK_OP_CREDIT_REQUEST:
		c->send |= BIT(VIRTIO_VSOCK_OP_CREDIT_UPDATE);
		break;
	case VIRTIO_VSOCK_OP_CREDIT_UPDATE:
		break;
	default:
		vsock_close(c, true);
	}
}

static void take(struct vsock *v, const struct vq_chain *chain)
{
	struct virtio_vsock_hdr h;
	struct vsock_conn *c;

	if (vq_copy_out(chain, 0, &h, sizeof(h)) != sizeof(h) || le64toh(h.src_cid) != v->cid || le64toh(h.dst_cid) != VSOCK_HOST_CID)
		return;	/* nobody's: it says nothing that could be answered */
	c = vsock_find(v, le32toh(h.src_port), le32toh(h.dst_port));
	if (le16toh(h.op) == VIRTIO_VSOCK_OP_REQUEST)
		request(v, c, &h);
	else if (!c || le16toh(h.type) != VIRTIO_VSOCK_TYPE_STREAM)
		refuse(v, &h);
	else
		packet(c, chain, &h);
}

void vsock_receive(struct vsock *v, struct vq *q)
{
	static struct iovec seg[VSOCK_SEGS];
	struct vq_chain chain = { .seg = seg, .seg_max = VSOCK_SEGS };

	while (v->resets < VSOCK_RESETS && vq_pop(q, &chain) > 0) {
		take(v, &chain);
		vq_push(q, chain.head, 0);
	}
	v->held = v->resets == VSOCK_RESETS;
	backend_again(v->be, backend_vq(v->be, 0));	/* there may be something to answer, or room to send */
}

/* --- to the guest --- */

/* How much the guest has room for; what it says about that may be nonsense. */
static uint32_t room(const struct vsock_conn *c)
{
	uint32_t used = c->sent - c->peer_forwarded;

	return used < c->peer_alloc ? c->peer_alloc - used : 0;
}

static bool has_data(const struct vsock_conn *c)
{
	return c->state == VSOCK_OPEN && c->in_off < c->in_len && room(c);
}

/* The flags of a SHUTDOWN that the guest should be told: SEND behind all that the host sent. */
static uint32_t shutdown_flags(const struct vsock_conn *c)
{
	uint32_t flags = c->deaf ? VIRTIO_VSOCK_SHUTDOWN_RCV : 0;

	if (c->state != VSOCK_OPEN)
		return 0;
	return c->in_end && c->in_off == c->in_len ? flags | VIRTIO_VSOCK_SHUTDOWN_SEND : flags;
}

static bool has_work(const struct vsock_conn *c)
{
	return c->send || has_data(c) || shutdown_flags(c) & ~c->shut_told;
}

/* The next connection that has something to say, each in its turn; NULL: none has. */
static struct vsock_conn *next(struct vsock *v)
{
	for (unsigned int i = 0; i < VSOCK_CONNS; i++) {
		struct vsock_conn *c = &v->conn[(v->turn + i) % VSOCK_CONNS];

		if (!has_work(c))
			continue;
		v->turn = (v->turn + i + 1) % VSOCK_CONNS;
		return c;
	}
	return NULL;
}

static void header(struct vsock_conn *c, struct virtio_vsock_hdr *h, uint16_t op, uint32_t len, uint32_t flags)
{
	*h = (struct virtio_vsock_hdr){
		.src_cid = htole64(VSOCK_HOST_CID), .dst_cid = htole64(c->v->cid), .src_port = htole32(c->host_port),
		.dst_port = htole32(c->guest_port), .len = htole32(len), .type = htole16(VIRTIO_VSOCK_TYPE_STREAM), .op = htole16(op),
		.flags = htole32(flags), .buf_alloc = htole32(VSOCK_BUF), .fwd_cnt = htole32(c->forwarded),
	};
	c->forwarded_told = c->forwarded;
}

static uint32_t tell_data(struct vsock_conn *c, const struct vq_chain *chain)
{
	uint64_t space = chain->in_len - HDR, left = c->in_len - c->in_off;
	uint32_t len = (uint32_t)(left < space ? left : space);
	struct virtio_vsock_hdr h;

	if (len > room(c))
		len = room(c);
	header(c, &h, VIRTIO_VSOCK_OP_RW, len, 0);
	vq_copy_in(chain, 0, &h, HDR);
	vq_copy_in(chain, HDR, c->in + c->in_off, len);
	c->in_off += len;
	c->sent += len;
	vsock_read_on(c);
	return HDR + len;
}

/* The first of what waits: answers and credit, in the order that the numbers of the operations happen to have; ends; data. */
static uint32_t tell(struct vsock_conn *c, const struct vq_chain *chain)
{
	struct virtio_vsock_hdr h;
	uint32_t flags = shutdown_flags(c);
	uint16_t op;

	if (c->send) {
		op = (uint16_t)__builtin_ctz(c->send);
		c->send &= c->send - 1;
		flags = 0;
	} else if (flags & ~c->shut_told) {
		op = VIRTIO_VSOCK_OP_SHUTDOWN;
		c->shut_told = flags;
	} else {
		return tell_data(c, chain);
	}
	header(c, &h, op, 0, flags);
	vq_copy_in(chain, 0, &h, HDR);
	vsock_told(c);
	return HDR;
}

static uint32_t tell_reset(struct vsock *v, const struct vq_chain *chain)
{
	const struct virtio_vsock_hdr *in = &v->reset[0];
	struct virtio_vsock_hdr h = {
		.src_cid = in->dst_cid, .dst_cid = in->src_cid, .src_port = in->dst_port, .dst_port = in->src_port, .type = in->type,
		.op = htole16(VIRTIO_VSOCK_OP_RST),
	};

	vq_copy_in(chain, 0, &h, HDR);
	memmove(v->reset, v->reset + 1, --v->resets * sizeof(v->reset[0]));
	if (v->held)
		backend_again(v->be, backend_vq(v->be, 1));
	v->held = false;
	return HDR;
}

void vsock_send(struct vsock *v, struct vq *q)
{
	static struct iovec seg[VSOCK_SEGS];
	struct vq_chain chain = { .seg = seg, .seg_max = VSOCK_SEGS };
	struct vsock_conn *c = NULL;

	while (!v->lost && (v->resets || (c = next(v)))) {
		if (vq_pop(q, &chain) <= 0)
			break;
		/* A buffer for a header alone could never take data, and the guest would wait for it. */
		if (chain.in_len <= HDR) {
			vq_push(q, chain.head, 0);
			vq_break(q, "a buffer that has no room for a packet");
			return;
		}
		vq_push(q, chain.head, v->resets ? tell_reset(v, &chain) : tell(c, &chain));
	}
}

/* --- events --- */

/* The guest knows of no connection that is gone: it may hear of others. */
static void found(struct vsock *v)
{
	v->lost = false;
	backend_cancel(v->be, &v->patience.op);
	backend_again(v->be, backend_vq(v->be, 0));
}

static void patience_over(struct backend_op *op, int32_t res)
{
	struct vsock *v = (struct vsock *)((char *)op - offsetof(struct vsock, patience.op));

	if (v->lost && res == -ECANCELED)
		backend_timer(v->be, &v->patience, v->told ? VSOCK_HANDLED_MS : VSOCK_EVENT_MS);	/* it was that of what was waited for before */
	else if (v->lost)
		found(v);
}

void vsock_lost(struct vsock *v)
{
	v->lost = true;
	v->told = false;
	v->patience.op.done = patience_over;
	if (!v->patience.op.pending)
		backend_timer(v->be, &v->patience, VSOCK_EVENT_MS);
	backend_again(v->be, backend_vq(v->be, 2));
}

/*
 * A packet that the guest finds together with the event may well be handled before it: Linux looks at its queues in their order. So the next one waits
 * until the guest gives a buffer for events, which it does when it has handled one.
 */
void vsock_events(struct vsock *v, struct vq *q)
{
	const struct virtio_vsock_event reset = { .id = htole32(VIRTIO_VSOCK_EVENT_TRANSPORT_RESET) };
	static struct iovec seg[VSOCK_SEGS];
	struct vq_chain chain = { .seg = seg, .seg_max = VSOCK_SEGS };

	if (!v->lost)
		return;
	if (v->told) {
		if (vq_want_kicks(q))
			found(v);
		return;
	}
	if (vq_pop(q, &chain) <= 0)
		return;
	vq_push(q, chain.head, (uint32_t)vq_copy_in(&chain, 0, &reset, sizeof(reset)));
	v->told = true;
	backend_cancel(v->be, &v->patience.op);
	vq_want_kicks(q);
}
