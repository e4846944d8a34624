// SPDX-License-Identifier: GPL-2.0
/*
 * fuzz.c: the request code of lguest-net with a hostile guest and a tap that delivers anything.
 *
 * Besides ASan and UBSan: what is written to the tap is a header, as negotiated, and a frame; its bytes lie in guest
 * memory or in the device's copy; with the source address locked every frame that leaves has that address. The first byte of the input
 * says whether the device has one pair of queues or two, with a control queue behind them.
 */
#include <string.h>

#include "devices/net/net.h"
#include "tests/fuzz/guest.h"

#define PAIRS 2u

int lguest_net_main(int argc, char **argv);

static struct net *net;

int tap_open(struct net *n)
{
	for (unsigned int i = 0; i < PAIRS; i++)
		n->pair[i].fixed = n->pair[i].tap = 16 + (int)i;
	return 0;
}

void tap_order(uint8_t flags) { (void)flags; }
void tap_offloads(const struct net *n)
{
	(void)n;
}

static void forget(struct net_pair *pair)
{
	for (unsigned int i = 0; i < NET_QUEUE_SIZE; i++)
		pair->tx[i].op.pending = false;
	for (unsigned int i = 0; i < NET_RX_SLOTS; i++)
		pair->rx[i].op.pending = false;
	net_transmit_start(pair);
	pair->rx_first = pair->rx_count = pair->rx_reading = 0;
}

/* The device keeps its buffers between inputs, as it does between two guests. */
static void open_with(unsigned int pairs)
{
	static void *dev;
	static const struct backend_ops *ops;

	fake_open(lguest_net_main);
	net = fake.dev;
	REQUIRE(net, "the device has said what it is");
	if (dev != net) {
		dev = net;
		ops = fake.ops;
		net->tap_name = "t";
		net->pairs = PAIRS;
		REQUIRE(!ops->option(NULL, ops->options[2].val, "52:54:00:01:02:03"), "mac");
		REQUIRE(!ops->open(NULL), "open");
	}
	for (unsigned int i = 0; i < PAIRS; i++)
		forget(&net->pair[i]);
	net->pairs = pairs;
	net->pairs_set = 0;
	net->gone = false;
	REQUIRE(!ops->start(NULL), "start");
}

static int32_t write_frame(const struct io_uring_sqe *sqe, uint8_t how)
{
	const struct iovec whole = { (void *)(uintptr_t)sqe->addr, sqe->len };
	const struct iovec *v = sqe->opcode == IORING_OP_WRITEV ? whole.iov_base : &whole;
	unsigned int n = sqe->opcode == IORING_OP_WRITEV ? sqe->len : 1;
	const struct virtio_net_hdr_v1 *h = v[0].iov_base;
	size_t len = 0;

	REQUIRE(v[0].iov_len >= NET_HDR + NET_ETH, "a frame without its beginning");
	if (!(net->features >> VIRTIO_NET_F_CSUM & 1))
		REQUIRE(!(h->flags & 1), "checksum offload that was not negotiated");
	if (!(net->features >> VIRTIO_NET_F_HOST_TSO4 & 1))
		REQUIRE(h->gso_type != 1, "segmentation that was not negotiated");
	if (net->lock_mac)
		REQUIRE(!memcmp((const uint8_t *)v[0].iov_base + NET_HDR + 6, net->mac, 6), "a forged source address");
	for (unsigned int i = 0; i < n; i++) {
		REQUIRE(!i || guest_own(v[i].iov_base, v[i].iov_len), "a frame from outside guest memory");
		for (size_t k = 0; k < v[i].iov_len; k += 256)
			(void)((volatile uint8_t *)v[i].iov_base)[k];
		len += v[i].iov_len;
	}
	REQUIRE(len <= NET_FRAME, "a frame of %zu bytes", len);
	return how & 1 ? -5 : (int32_t)len;
}

/* What the tap's header asks of the driver: mostly nothing, else any offload, negotiated or not. */
static void put_header(struct virtio_net_hdr_v1 *h)
{
	uint8_t offload = guest_byte();

	memset(h, 0, sizeof(*h));
	h->flags = offload & 3;
	h->gso_type = (uint8_t)((offload >> 2 & 7) | (offload & 0x80));
}

static int32_t perform(const struct io_uring_sqe *sqe, uint8_t how)
{
	static const uint32_t sizes[] = { 0, 1, 11, 12, 25, 26, 64, 600, 1526, 4000, NET_FRAME, 65000 };
	uint32_t n = sizes[how % 12];

	if (sqe->opcode != IORING_OP_READ)
		return write_frame(sqe, how);
	REQUIRE(sqe->len == NET_FRAME, "a read of %u bytes", sqe->len);
	memset((void *)(uintptr_t)sqe->addr, how, n);
	if (n >= NET_HDR)
		put_header((void *)(uintptr_t)sqe->addr);
	return how & 0x80 ? how & 0x40 ? -77 : -11 : (int32_t)n;
}

/* What a driver says on the control queue: so many pairs are in use. */
static void command(unsigned int queue)
{
	uint8_t pairs = guest_byte();

	memcpy(fake.mem + FAKE_DATA + 640, (uint8_t[]){ 4, 0, pairs % 4, 0 }, 4);
	fake_desc(queue, 0, FAKE_DATA + 640, 4, 1, 1);
	fake_desc(queue, 1, FAKE_DATA + 1280, 1, 2, 0);
	if (!fake.vq[queue].size)
		return;
	fake_offer(queue, 0);
	fake_kick(queue, 4);
}

/* A driver is reset and negotiates anew; queues are stopped meanwhile. */
static void special(void)
{
	uint8_t how = guest_byte(), offloads = how & 0x80 ? guest_byte() : 0;
	unsigned int queues = net->pairs == 1 ? 3 : 2 * PAIRS + 1;
	uint64_t f = 0;

	if (how == 0xff) {
		command(queues - 1);
		return;
	}
	for (unsigned int i = 0; i < queues; i++)
		fake_stop(i);
	fake.ops->reset(NULL);
	f |= how & 1 ? 1ull << VIRTIO_F_VERSION_1 : 0;
	f |= how & 2 ? 1ull << VIRTIO_NET_F_MRG_RXBUF : 0;
	f |= how & 4 ? 1ull << VIRTIO_NET_F_CSUM : 0;
	f |= how & 8 ? 1ull << VIRTIO_NET_F_HOST_TSO4 : 0;
	f |= how & 16 ? 1ull << VIRTIO_NET_F_CTRL_VQ : 0;
	f |= offloads & 1 ? 1ull << VIRTIO_NET_F_GUEST_CSUM : 0;
	f |= offloads & 2 ? 1ull << VIRTIO_NET_F_GUEST_TSO4 : 0;
	f |= offloads & 4 ? 1ull << VIRTIO_NET_F_GUEST_TSO6 : 0;
	f |= offloads & 8 ? 1ull << VIRTIO_NET_F_HOST_TSO6 : 0;
	f |= net->pairs > 1 && offloads & 16 ? 1ull << VIRTIO_NET_F_MQ : 0;
	fake.ops->features_acked(NULL, f);
	net->lock_mac = how & 0x20;
	for (unsigned int i = 0; i < queues; i++)
		fake_start(i, 16, how >> 6);
}

static void check_pair(const struct net_pair *pair, const struct vq *q)
{
	unsigned int armed = 0;

	REQUIRE(!q->inflight, "buffers for received frames are held");
	REQUIRE(pair->rx_count <= NET_RX_SLOTS, "%u frames in %u slots", pair->rx_count, NET_RX_SLOTS);
	for (unsigned int i = 0; i < NET_RX_SLOTS; i++)
		armed += pair->rx[i].op.pending;
	REQUIRE(armed == pair->rx_reading, "%u reads are armed, of %u it knows", armed, pair->rx_reading);
}

static void check(void)
{
	REQUIRE(net->pairs_set <= net->pairs, "%u pairs of %u are in use", net->pairs_set, net->pairs);
	for (unsigned int i = 0; i < net->pairs; i++)
		check_pair(&net->pair[i], &fake.vq[2 * i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct guest one = { .queues = 3, .perform = perform, .special = special, .check = check };
	static const struct guest two = { .queues = 2 * PAIRS + 1, .perform = perform, .special = special, .check = check };
	bool pairs = size && data[0] & 0x80;

	open_with(pairs ? PAIRS : 1);
	fake.ops->features_acked(NULL, 1ull << VIRTIO_F_VERSION_1 | 1ull << VIRTIO_NET_F_MRG_RXBUF |
				 (pairs ? 1ull << VIRTIO_NET_F_MQ | 1ull << VIRTIO_NET_F_CTRL_VQ : 0));
	net->lock_mac = false;
	guest_run(pairs ? &two : &one, data, size);
	return 0;
}
