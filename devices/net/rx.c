// SPDX-License-Identifier: GPL-2.0
/*D:620
 * rx.c: frames from the tap to the guest.
 *
 * Frames are read into slots of our own and copied from there: no guest buffer is ever held while the wire is
 * quiet, so stopping a queue has nothing to cancel, and the kernel never writes to guest memory late. One read is
 * always armed; while frames come in bursts a batch of reads that do not wait goes before it, so that a burst
 * costs one system call. The batch follows the traffic: frames that come singly cost one call each and no more.
 *
 * It may: read the tap, write device-writable guest buffers. It may not: buffer more than NET_RX_SLOTS frames.
 */
#include <errno.h>
#include <liburing.h>

#include "devices/net/net.h"

static struct net_rx *slot(struct net_pair *pair, unsigned int i)
{
	return &pair->rx[(pair->rx_first + i) % NET_RX_SLOTS];
}

/* Where a pair's frames go: to its own queue when the driver uses it, else to the first. */
static struct vq *target(const struct net_pair *pair)
{
	struct net *net = pair->net;
	struct vq *q = backend_vq(net->be, 2 * pair->index);

	if (!pair->index || (backend_running(net->be, q) && (!net->pairs_set || pair->index < net->pairs_set)))
		return q;
	return backend_vq(net->be, 0);
}

/* A received frame's buffers: chains popped for it, their segments in one pool. */
struct spread {
	struct vq_chain chain[NET_MERGE];
	struct iovec seg[256];
	unsigned int n, segs;
	uint64_t room;
};

enum verdict { GIVEN, DROPPED, NO_BUFFER };

static void give_back(struct vq *q, struct spread *s)
{
	while (s->n)
		vq_unpop(q, s->chain[--s->n].head);
}

/*D:625
 * The other direction answers no request: a frame comes when it likes, lies in a slot of ours, and buffers of the guest
 * have to be found for it. They are popped as they are needed; when they do not suffice all of them are given back
 * (give_back() above), and the frame waits in its slot until the driver has put more there, or is dropped if that will
 * not help.
 */
/*
 * Pop until there is room for @need bytes: one chain, or several with MRG_RXBUF. A frame that does not fit into what
 * the driver has given waits for more, unless that is half of the ring already: more may never come then.
 */
static enum verdict gather(struct vq *q, struct spread *s, uint32_t need, uint32_t hdr_len, bool mergeable)
{
	struct vq_chain *c;

	s->n = s->segs = 0;
	s->room = 0;
	while (s->room < need) {
		if (s->n == (mergeable ? NET_MERGE : 1u))
			return DROPPED;
		c = &s->chain[s->n];
		c->seg = s->seg + s->segs;
		c->seg_max = (uint16_t)(sizeof(s->seg) / sizeof(s->seg[0]) - s->segs);
		if (!c->seg_max)
			return DROPPED;
		if (vq_pop(q, c) <= 0)
			return s->n && s->n >= q->size / 2u ? DROPPED : NO_BUFFER;
		s->n++;
		s->segs += c->in + c->out;
		s->room += c->in_len;
		/* 5.1.6.4: the header lies whole in the first buffer; the others may be as odd as they like */
		if (s->n == 1 && c->in_len < hdr_len) {
			vq_break(q, "receive buffer shorter than the header");
			return DROPPED;
		}
	}
	return GIVEN;
}

static void scatter(struct vq *q, struct spread *s, const struct net *net, const uint8_t *frame, uint32_t len)
{
	struct virtio_net_hdr_v1 hdr;
	uint32_t done = 0, n;

	memcpy(&hdr, frame, sizeof(hdr));
	hdr.num_buffers = (uint16_t)s->n;
	for (unsigned int i = 0; i < s->n; i++) {
		uint32_t off = i ? 0 : net->hdr_len;

		if (!i)
			vq_copy_in(&s->chain[0], 0, &hdr, net->hdr_len);
		n = (uint32_t)vq_copy_in(&s->chain[i], off, frame + NET_HDR + done, len - NET_HDR - done);
		done += n;
		vq_push(q, s->chain[i].head, off + n);
	}
}

#define HDR_F_NEEDS_CSUM 1u
#define HDR_GSO_TCPV4 1u
#define HDR_GSO_TCPV6 4u
#define HDR_GSO_ECN 0x80u

/* The tap's offloads follow the driver's choice a little later: a frame that the driver did not ask for (5.1.6.4) is not for it. */
static bool unasked(const struct net *net, const uint8_t *frame)
{
	struct virtio_net_hdr_v1 h;
	unsigned int gso;

	memcpy(&h, frame, sizeof(h));
	gso = h.gso_type & ~HDR_GSO_ECN;
	if (h.flags & HDR_F_NEEDS_CSUM && !(net->features >> VIRTIO_NET_F_GUEST_CSUM & 1))
		return true;
	if (!gso)
		return false;
	return !(gso == HDR_GSO_TCPV4 && net->features >> VIRTIO_NET_F_GUEST_TSO4 & 1) &&
	       !(gso == HDR_GSO_TCPV6 && net->features >> VIRTIO_NET_F_GUEST_TSO6 & 1);
}

static enum verdict give(struct vq *q, struct net *net, const uint8_t *frame, uint32_t len)
{
	static struct spread s;
	bool mergeable = net->features >> VIRTIO_NET_F_MRG_RXBUF & 1;
	enum verdict v;

	if (len < NET_HDR + NET_ETH || unasked(net, frame))
		return DROPPED;
	v = gather(q, &s, len - NET_HDR + net->hdr_len, net->hdr_len, mergeable);
	if (v == GIVEN)
		scatter(q, &s, net, frame, len);
	else
		give_back(q, &s);
	return v;
}

/* Is the oldest frame all there? */
static bool waits(struct net_pair *pair)
{
	return pair->rx_count && !slot(pair, 0)->op.pending;
}

/* Hand out finished frames, oldest first. */
static void deliver(struct net_pair *pair)
{
	struct net *net = pair->net;
	struct vq *q = target(pair);
	enum verdict v;
	bool may = true;

	if (!backend_running(net->be, q))
		return;
	vq_pass(q);
	while (waits(pair) && (may = rate_may(&net->received, q))) {
		v = give(q, net, slot(pair, 0)->buf, slot(pair, 0)->len);
		if (v == NO_BUFFER)
			break;
		if (v == GIVEN)
			rate_took(&net->received, slot(pair, 0)->len);
		pair->rx_first = (pair->rx_first + 1) % NET_RX_SLOTS;
		pair->rx_count--;
	}
	backend_notify(net->be, q);
	/*
	 * Frames wait for buffers: be told of the next, or go on at once when some came meanwhile. Those that wait for their time are
	 * handed out by a tick; behind them the slots fill, then the tap's queue, and what comes then is lost, as on any full wire.
	 */
	if (may && waits(pair) && vq_want_kicks(q))
		backend_again(net->be, q);
}

static void queue_read(struct net_pair *pair, struct net_rx *rx, bool wait)
{
	struct io_uring_sqe *sqe = backend_sqe(pair->net->be, &rx->op);

	io_uring_prep_read(sqe, pair->fixed, rx->buf, NET_FRAME, 0);
	sqe->flags |= IOSQE_FIXED_FILE;
	if (!wait)
		sqe->rw_flags = RWF_NOWAIT;
}

/*
 * The reads of one batch: all but the last give up when there is no frame, so that an idle tap has one armed read
 * and not a crowd that wakes together.
 */
static void read_on(struct net_pair *pair)
{
	unsigned int space = NET_RX_SLOTS - pair->rx_count, n = pair->rx_batch;

	if (pair->rx_reading || pair->net->gone)
		return;
	if (n > space)
		n = space;
	pair->rx_got = 0;
	pair->rx_reading = n;
	pair->rx_count += n;
	for (unsigned int i = 0; i < n; i++)
		queue_read(pair, slot(pair, pair->rx_count - n + i), i + 1 == n);
}

/* Twice as many reads when all of them found a frame, else as many as did. */
static void adapt(struct net_pair *pair)
{
	if (pair->rx_got == pair->rx_batch && pair->rx_batch < NET_RX_SLOTS / 2)
		pair->rx_batch *= 2;
	else if (pair->rx_got < pair->rx_batch)
		pair->rx_batch = pair->rx_got ? pair->rx_got : 1;
}

/* The interface was removed under us. Reading on would fail at once, for ever; the guest is told that its link is down. */
static void lose_tap(struct net *net)
{
	if (net->gone)
		return;
	net->gone = true;
	backend_config_changed(net->be);
}

static void read_done(struct backend_op *op, int32_t res)
{
	struct net_rx *rx = (struct net_rx *)op;
	struct net_pair *pair = rx->pair;

	/* No frame is a frame of length 0, which deliver() drops in its turn. */
	rx->len = res > 0 ? (uint32_t)res : 0;
	pair->rx_got += rx->len ? 1 : 0;
	if (res == -EBADFD || res == -EFAULT || res == -EIO)
		lose_tap(pair->net);
	if (!--pair->rx_reading)
		adapt(pair);
	/* What completes together is delivered together, by the pass that this asks for. */
	backend_again(pair->net->be, target(pair));
}

void net_receive(struct net_pair *pair)
{
	deliver(pair);
	read_on(pair);
}

void net_receive_forget(struct net_pair *pair)
{
	for (unsigned int i = 0; i < pair->rx_count; i++)
		if (!slot(pair, i)->op.pending)
			slot(pair, i)->len = 0;
}

void net_receive_start(struct net_pair *pair)
{
	for (unsigned int i = 0; i < NET_RX_SLOTS; i++) {
		pair->rx[i].pair = pair;
		pair->rx[i].op.done = read_done;
	}
	pair->rx_batch = 1;
	read_on(pair);
}
