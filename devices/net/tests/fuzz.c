// SPDX-License-Identifier: GPL-2.0
/*
 * fuzz.c: the request code of lguest-net with a hostile guest and a tap that delivers anything.
 *
 * Besides ASan and UBSan: what is written to the tap is a header, as negotiated, and a frame; its bytes lie in guest
 * memory or in the device's copy; with the source address locked every frame that leaves has that address.
 */
#include <string.h>

#include "devices/net/net.h"
#include "tests/fuzz/guest.h"

int lguest_net_main(int argc, char **argv);

static struct net *net;

int tap_open(struct net *n)
{
	n->pair[0].fixed = n->pair[0].tap = 16;
	return 0;
}

void tap_order(uint8_t flags) { (void)flags; }
void tap_offloads(const struct net *n)
{
	(void)n;
}

/* The device keeps its buffers between inputs, as it does between two guests. */
static void open_once(void)
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
		REQUIRE(!ops->option(NULL, ops->options[2].val, "52:54:00:01:02:03"), "mac");
		REQUIRE(!ops->open(NULL), "open");
	}
	for (unsigned int i = 0; i < NET_QUEUE_SIZE; i++)
		net->pair[0].tx[i].op.pending = false;
	for (unsigned int i = 0; i < NET_RX_SLOTS; i++)
		net->pair[0].rx[i].op.pending = false;
	net->pair[0].rx_first = net->pair[0].rx_count = net->pair[0].rx_reading = 0;
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

static int32_t perform(const struct io_uring_sqe *sqe, uint8_t how)
{
	static const uint32_t sizes[] = { 0, 1, 11, 12, 25, 26, 64, 600, 1526, 4000, NET_FRAME, 65000 };
	uint32_t n = sizes[how % 12];

	if (sqe->opcode != IORING_OP_READ)
		return write_frame(sqe, how);
	REQUIRE(sqe->len == NET_FRAME, "a read of %u bytes", sqe->len);
	memset((void *)(uintptr_t)sqe->addr, how, n);
	return how & 0x80 ? -11 : (int32_t)n;
}

/* A driver is reset and negotiates anew; queues are stopped meanwhile. */
static void special(void)
{
	uint8_t how = guest_byte();

	fake_stop(0);
	fake_stop(1);
	fake.ops->reset(NULL);
	fake.ops->features_acked(NULL, (how & 1 ? 1ull << VIRTIO_F_VERSION_1 : 0) | (how & 2 ? 1ull << VIRTIO_NET_F_MRG_RXBUF : 0) |
				 (how & 4 ? 1ull << VIRTIO_NET_F_CSUM : 0) | (how & 8 ? 1ull << VIRTIO_NET_F_HOST_TSO4 : 0) |
				 (how & 16 ? 1ull << VIRTIO_NET_F_CTRL_VQ : 0));
	net->lock_mac = how & 0x20;
	fake_start(0, 16, how >> 6);
	fake_start(1, 16, how >> 6);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct guest g = { .queues = 3, .perform = perform, .special = special };

	open_once();
	fake.ops->features_acked(NULL, 1ull << VIRTIO_F_VERSION_1 | 1ull << VIRTIO_NET_F_MRG_RXBUF);
	net->lock_mac = false;
	guest_run(&g, data, size);
	return 0;
}
