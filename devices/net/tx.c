// SPDX-License-Identifier: GPL-2.0
/*D:610
 * tx.c: frames from the guest into the tap.
 *
 * Each frame is one write on the ring; all that one pass finds go to the kernel in one system call, which is worth
 * four to five times on small frames (docs/performance.md). Header and Ethernet header are copied and checked, and
 * the copy is what is sent: the guest cannot change its source address after the check. Small frames are copied whole;
 * the rest of a larger one goes from the guest's memory into the kernel, which copies it once.
 *
 * It may: read device-readable guest buffers, write to the tap. It may not: trust a length or a header field.
 */
#include <liburing.h>

#include "devices/net/net.h"

#define HDR_F_NEEDS_CSUM 1u
#define HDR_GSO_NONE 0u
#define HDR_GSO_TCPV4 1u
#define HDR_GSO_TCPV6 4u
#define HDR_GSO_ECN 0x80u

static bool has(const struct net *net, unsigned int bit)
{
	return net->features >> bit & 1;
}

/*
 * A header may use what was negotiated and nothing else: the host kernel's segmentation code is no surface that
 * a guest reaches by writing a byte that it has not asked for.
 */
static bool header_ok(const struct net *net, const struct virtio_net_hdr_v1 *h)
{
	unsigned int gso = h->gso_type & ~HDR_GSO_ECN;

	if (h->flags & HDR_F_NEEDS_CSUM && !has(net, VIRTIO_NET_F_CSUM))
		return false;
	if (h->gso_type & HDR_GSO_ECN && !has(net, VIRTIO_NET_F_HOST_ECN))
		return false;
	if (gso == HDR_GSO_NONE)
		return true;
	if (!(h->flags & HDR_F_NEEDS_CSUM) || !h->gso_size)
		return false;
	if (gso == HDR_GSO_TCPV4)
		return has(net, VIRTIO_NET_F_HOST_TSO4);
	return gso == HDR_GSO_TCPV6 && has(net, VIRTIO_NET_F_HOST_TSO6);
}

/* Bytes 6 to 11 of a frame are where it claims to come from. */
static bool source_ok(const struct net *net, const uint8_t *eth)
{
	return !net->lock_mac || !memcmp(eth + 6, net->mac, sizeof(net->mac));
}

void net_transmit_start(struct net_pair *pair)
{
	pair->tx_free = NULL;
	pair->tx_fresh = pair->tx_busy = 0;
}

static struct net_tx *free_frame(const struct net_pair *pair)
{
	return pair->tx_free ? pair->tx_free : &pair->tx[pair->tx_fresh];
}

static void take(struct net_pair *pair, struct net_tx *tx)
{
	if (pair->tx_free)
		pair->tx_free = tx->next;
	else
		pair->tx_fresh++;
	pair->tx_busy++;
}

static void put_back(struct net_pair *pair, struct net_tx *tx)
{
	tx->next = pair->tx_free;
	pair->tx_free = tx;
	pair->tx_busy--;
}

static void written(struct backend_op *op, int32_t res)
{
	struct net_tx *tx = (struct net_tx *)op;
	struct net *net = tx->pair->net;
	struct vq *q = backend_vq(net->be, 2 * tx->pair->index + 1);

	/* A frame that the host does not take (interface down, no memory) is lost, as on any wire. */
	(void)res;
	put_back(tx->pair, tx);
	vq_push(q, tx->head, 0);
	backend_again(net->be, q); /* one notification for all that complete together */
}

/*
 * Our copy of the beginning of a frame: header in the tap's form, and the frame, whole or only the Ethernet header.
 * Return: bytes of the frame copied, 0 when it may not be sent.
 */
static uint32_t copy_start(const struct net *net, const struct vq_chain *c, struct net_tx *tx)
{
	uint64_t len = c->out_len - net->hdr_len;
	uint32_t n = len <= NET_COPY ? (uint32_t)len : NET_ETH;
	struct virtio_net_hdr_v1 hdr = { 0 };

	vq_copy_out(c, 0, &hdr, net->hdr_len);
	/* Others are for frames that a device hands out (1.2, 5.1.6), or of versions to come. */
	hdr.flags &= HDR_F_NEEDS_CSUM;
	hdr.num_buffers = 0;
	vq_copy_out(c, net->hdr_len, tx->start + NET_HDR, n);
	if (!header_ok(net, &hdr) || !source_ok(net, tx->start + NET_HDR))
		return 0;
	memcpy(tx->start, &hdr, NET_HDR);
	return n;
}

/*D:615
 * A frame is on its way into the host's kernel, and the guest can still change it. So its beginning is copied, the copy
 * is checked (copy_start() above), and the copy is what is written; the rest, which nobody has checked, comes out of
 * the guest's memory. A frame that may not be sent is dropped, as on any wire.
 */
/* Queue one frame's write; false: it is dropped. */
static bool send_frame(struct net_pair *pair, const struct vq_chain *c)
{
	struct net *net = pair->net;
	/* A queue has no more requests in flight than entries, and there is one of these for each: one is free. */
	struct net_tx *tx = free_frame(pair);
	struct io_uring_sqe *sqe;
	uint32_t start, done;
	unsigned int n;

	if (c->in || c->out_len < net->hdr_len + NET_ETH || c->out_len > net->hdr_len + (uint64_t)NET_FRAME - NET_HDR)
		return false;
	start = copy_start(net, c, tx);
	if (!start)
		return false;
	take(pair, tx);
	tx->pair = pair;
	tx->head = c->head;
	tx->op.done = written;
	sqe = backend_sqe(net->be, &tx->op);
	done = net->hdr_len + start;
	if (done == c->out_len) {
		io_uring_prep_write(sqe, pair->fixed, tx->start, NET_HDR + start, 0);
	} else {
		tx->iov[0] = (struct iovec){ tx->start, NET_HDR + start };
		n = 1 + vq_slice(c->seg, c->out, done, c->out_len - done, tx->iov + 1);
		io_uring_prep_writev(sqe, pair->fixed, tx->iov, n, 0);
	}
	sqe->flags |= IOSQE_FIXED_FILE;
	return true;
}

void net_transmit(struct net_pair *pair, struct vq *q)
{
	static struct iovec seg[NET_SEGS];
	struct vq_chain c = { .seg = seg, .seg_max = NET_SEGS };

	struct rate *rate = &pair->net->sent;

	vq_limit(q, NET_TX_PASS);
	while (rate_may(rate, q) && vq_pop(q, &c) > 0) {
		rate_took(rate, c.out_len);
		if (!send_frame(pair, &c))
			vq_push(q, c.head, 0);
	}
}
