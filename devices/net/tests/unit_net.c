// SPDX-License-Identifier: GPL-2.0
/*
 * unit_net.c: lguest-net's request code on the fake loop: rows R10, R14, R16, R20, N1, N2, N4 of docs/known-bugs.md,
 * headers, and receive buffers of every odd layout.
 */
#include <criterion/criterion.h>

#include "devices/net/net.h"
#include "tests/lib/fake_loop.h"

int lguest_net_main(int argc, char **argv);

int tap_open(struct net *net) { net->pair[0].fixed = net->pair[0].tap = 16; return 0; }
static unsigned int offloads;
void tap_order(uint8_t flags) { (void)flags; }
void tap_offloads(const struct net *net) { (void)net; offloads++; }

#define ALL (1ull << VIRTIO_F_VERSION_1 | 1ull << VIRTIO_NET_F_MRG_RXBUF | 1ull << VIRTIO_NET_F_CSUM | \
	     1ull << VIRTIO_NET_F_HOST_TSO4)

static struct net *net;

static int set_option(const char *name, const char *value)
{
	const struct option *o = fake.ops->options;

	while (o->name && strcmp(o->name, name))
		o++;
	cr_assert_not_null(o->name, "--%s", name);
	return fake.ops->option(NULL, o->val, value);
}

static const char *rate_name, *rate_value; /* a bound that the next device is opened with */

static void open_net(uint64_t features, const char *mac)
{
	fake_open(lguest_net_main);
	net = fake.dev;
	net->pairs = 1;
	net->tap_name = "t";
	if (mac) {
		cr_assert_eq(set_option("mac", mac), 0);
		net->lock_mac = true;
	}
	if (rate_name)
		cr_assert_eq(set_option(rate_name, rate_value), 0);
	cr_assert_eq(fake.ops->open(NULL), 0);
	cr_assert_eq(fake.ops->start(NULL), 0);
	fake.ops->features_acked(NULL, features);
	fake_start(0, 8, 0);
	fake_start(1, 8, 0);
}

TestSuite(net, .timeout = 10);

/* Offer a frame of @len bytes (header included) to be sent; is it written to the tap? */
static bool sent(uint32_t len)
{
	uint16_t before = fake_used_idx(1);
	int op;

	fake_desc(1, 0, FAKE_DATA, len, 0, 0);
	fake_offer(1, 0);
	fake_kick(1, 10);
	op = fake_find(IORING_OP_WRITE) >= 0 ? fake_find(IORING_OP_WRITE) : fake_find(IORING_OP_WRITEV);
	if (op >= 0) {
		fake_complete((unsigned int)op, (int32_t)len);
		fake_kick(1, 10);
	}
	cr_assert_eq(fake_used_idx(1), (uint16_t)(before + 1), "every buffer comes back");
	return op >= 0;
}

Test(net, N1_short_frames)
{
	open_net(ALL, NULL);
	for (uint32_t len = 0; len < 26; len++)
		cr_assert_not(sent(len), "%u bytes", len);
	cr_assert(sent(26));
	cr_assert(sent(NET_HDR + 1514));
}

/* Flags that mean something only on the way in, or that nobody knows yet, do not reach the host's kernel (audit 23). */
Test(net, unknown_header_flags)
{
	const uint8_t *start;
	int op;

	open_net(ALL, NULL);
	for (unsigned int flags = 0; flags < 256; flags++) {
		fake.mem[FAKE_DATA] = (uint8_t)flags;
		fake_desc(1, 0, FAKE_DATA, 100, 0, 0);
		fake_offer(1, 0);
		fake_kick(1, 10);
		op = fake_find(IORING_OP_WRITE);
		cr_assert_geq(op, 0, "flags %#x", flags);
		start = (const uint8_t *)(uintptr_t)fake.pending[op].sqe.addr;
		cr_assert_eq(start[0], flags & 1, "flags %#x", flags);
		fake_complete((unsigned int)op, 100);
		fake_kick(1, 10);
	}
}

Test(net, mtu_of_the_tap)
{
	uint8_t cfg[12] = { 0 };

	open_net(ALL, NULL);
	cr_assert_eq(fake.limit_features >> VIRTIO_NET_F_MTU & 1, 0, "not known, not offered");
	net->mtu = 9000;
	cr_assert_eq(fake.ops->open(NULL), 0);
	cr_assert_eq(fake.limit_features >> VIRTIO_NET_F_MTU & 1, 1);
	fake.ops->get_config(NULL, cfg);
	cr_assert_eq(cfg[10] | cfg[11] << 8, 9000);
	net->mtu = 0;
}

Test(net, N2_frames_beyond_64k)
{
	open_net(ALL, NULL);
	cr_assert(sent(NET_HDR + 65536));
	cr_assert_not(sent(NET_HDR + 65537));
}

static struct virtio_net_hdr_v1 *header(void)
{
	return (struct virtio_net_hdr_v1 *)(fake.mem + FAKE_DATA);
}

Test(net, headers_only_as_negotiated)
{
	open_net(1ull << VIRTIO_F_VERSION_1, NULL);
	cr_assert(sent(100));
	header()->flags = 1;
	cr_assert_not(sent(100), "checksum offload was not negotiated");
	*header() = (struct virtio_net_hdr_v1){ .gso_type = 1, .gso_size = 1400, .flags = 1 };
	cr_assert_not(sent(100), "nor segmentation");
	fake_stop(1);
	fake.ops->features_acked(NULL, 1ull << VIRTIO_F_VERSION_1 | 1ull << VIRTIO_NET_F_CSUM);
	fake_start(1, 8, 0);
	cr_assert_not(sent(100), "checksums alone are no segmentation");
	fake_stop(1);
	fake.ops->features_acked(NULL, ALL);
	fake_start(1, 8, 0);
	cr_assert(sent(100));
	header()->gso_type = 4;
	cr_assert_not(sent(100), "TSO6 was not");
	*header() = (struct virtio_net_hdr_v1){ .gso_type = 1, .gso_size = 0, .flags = 1 };
	cr_assert_not(sent(100), "segments of no bytes");
	*header() = (struct virtio_net_hdr_v1){ .gso_type = 1, .gso_size = 1400 };
	cr_assert_not(sent(100), "segmentation without a checksum");
	*header() = (struct virtio_net_hdr_v1){ .gso_type = 0x81, .gso_size = 1400, .flags = 1 };
	cr_assert_not(sent(100), "ECN was not");
	*header() = (struct virtio_net_hdr_v1){ .gso_type = 77, .flags = 1 };
	cr_assert_not(sent(100));
}

Test(net, N4_source_address_is_locked)
{
	static const uint8_t ours[] = { 0x52, 0x54, 0, 1, 2, 3 };
	uint8_t *source;

	open_net(ALL, "52:54:00:01:02:03");
	source = fake.mem + FAKE_DATA + NET_HDR + 6;
	cr_assert_not(sent(100));
	memcpy(source, ours, 6);
	cr_assert(sent(100));
	for (int i = 0; i < 6; i++) {
		source[i] ^= 1;
		cr_assert_not(sent(100), "byte %d differs", i);
		source[i] ^= 1;
	}
}

/* R10: what was checked is what is sent, also when the guest changes it before the kernel looks. */
Test(net, R10_checked_bytes_are_the_sent_bytes)
{
	static const uint8_t ours[] = { 0x52, 0x54, 0, 1, 2, 3 };
	static const uint32_t lengths[] = { 100, 2000 };	/* copied whole, and in two pieces */

	open_net(ALL, "52:54:00:01:02:03");
	for (int i = 0; i < 2; i++) {
		const uint8_t *bytes;
		int op;

		memset(fake.mem + FAKE_DATA, 0, 100);
		memcpy(fake.mem + FAKE_DATA + NET_HDR + 6, ours, 6);
		fake_desc(1, 0, FAKE_DATA, lengths[i], 0, 0);
		fake_offer(1, 0);
		fake_kick(1, 10);
		memset(fake.mem + FAKE_DATA, 0xee, 100);
		op = fake_find(IORING_OP_WRITE) >= 0 ? fake_find(IORING_OP_WRITE) : fake_find(IORING_OP_WRITEV);
		cr_assert_geq(op, 0);
		bytes = (const uint8_t *)(uintptr_t)fake.pending[op].sqe.addr;
		if (fake.pending[op].sqe.opcode == IORING_OP_WRITEV)
			bytes = ((const struct iovec *)bytes)[0].iov_base;
		cr_assert_eq(memcmp(bytes + NET_HDR + 6, ours, 6), 0);
		cr_assert_eq(bytes[0], 0, "nor the header");
		fake_complete((unsigned int)op, 100);
		fake_kick(1, 10);
	}
}

/* --- receiving --- */

/* The tap has a frame of @len bytes (header included) of value @fill. */
static void arrive(uint32_t len, uint8_t fill)
{
	int op = fake_find(IORING_OP_READ);
	uint8_t *buf;

	cr_assert_geq(op, 0, "nothing reads the tap");
	buf = (uint8_t *)(uintptr_t)fake.pending[op].sqe.addr;
	memset(buf, 0, NET_HDR);
	memset(buf + NET_HDR, fill, len - NET_HDR);
	fake_complete((unsigned int)op, (int32_t)len);
	fake_kick(0, 10);
}

static void give_buffer(uint16_t i, uint32_t off, uint32_t len)
{
	fake_desc(0, i, off, len, VQ_DESC_WRITE, 0);
	fake_offer(0, i);
}

Test(net, R20_frame_over_buffers_of_odd_sizes)
{
	static const uint32_t layout[] = { 12, 13, 1, 64, 200, 1000, 37, 500 };
	uint32_t left = 600 - NET_HDR, off = FAKE_DATA;

	open_net(ALL, NULL);
	for (uint16_t i = 0; i < 8; i++) {
		give_buffer(i, off, layout[i]);
		off += 2048;
	}
	fake_kick(0, 10);
	arrive(600, 0x42);
	cr_assert_eq(fake_used_idx(0), 6);
	cr_assert_eq(header()->num_buffers, 6);
	for (uint16_t i = 0; i < 6; i++) {
		uint32_t room = layout[i] - (i ? 0 : NET_HDR), here = room < left ? room : left;
		const uint8_t *p = fake.mem + FAKE_DATA + 2048u * i + (i ? 0 : NET_HDR);

		cr_assert_eq(fake_used(0, i).len, here + (i ? 0 : NET_HDR), "R14: exactly what was written");
		for (uint32_t k = 0; k < here; k++)
			cr_assert_eq(p[k], 0x42);
		cr_assert_eq(p[here], 0, "and not a byte more in buffer %u", i);
		left -= here;
	}
	cr_assert_eq(left, 0);
}

Test(net, R20_buffer_shorter_than_the_header)
{
	open_net(ALL, NULL);
	give_buffer(0, FAKE_DATA, 11);
	give_buffer(1, FAKE_DATA + 2048, 2048);
	fake_kick(0, 10);
	arrive(100, 1);
	cr_assert_not_null(fake.vq[0].broken);
	cr_assert_eq(fake.vq[0].inflight, 0);
	cr_assert_eq(fake_used_idx(0), 0);
}

Test(net, frame_waits_for_buffers)
{
	open_net(ALL, NULL);
	arrive(1000, 0x11);
	cr_assert_eq(fake_used_idx(0), 0);
	give_buffer(0, FAKE_DATA, 600);
	fake_kick(0, 10);
	cr_assert_eq(fake_used_idx(0), 0, "half a frame is no frame");
	cr_assert_eq(fake.vq[0].inflight, 0, "and nothing is held meanwhile");
	cr_assert_eq(fake.again, 0, "and nothing spins");
	give_buffer(1, FAKE_DATA + 2048, 600);
	fake_kick(0, 10);
	cr_assert_eq(fake_used_idx(0), 2);
	cr_assert_eq(header()->num_buffers, 2);
}

Test(net, frame_too_large_for_the_whole_ring_is_dropped)
{
	open_net(ALL, NULL);
	for (uint16_t i = 0; i < 8; i++)
		give_buffer(i, FAKE_DATA + 128u * i, 100);
	arrive(1200, 1);
	arrive(100, 2);
	cr_assert_eq(fake_used_idx(0), 1, "the next one comes through");
	cr_assert_eq(fake.mem[FAKE_DATA + NET_HDR], 2);
}

Test(net, without_mergeable_buffers)
{
	open_net(1ull << VIRTIO_F_VERSION_1, NULL);
	give_buffer(0, FAKE_DATA, 100);
	give_buffer(1, FAKE_DATA + 2048, 2000);
	arrive(500, 1);
	cr_assert_eq(fake_used_idx(0), 0, "does not fit: dropped, the buffer stays");
	arrive(90, 2);
	cr_assert_eq(fake_used_idx(0), 1);
	cr_assert_eq(header()->num_buffers, 1);
	cr_assert_eq(fake_used(0, 0).len, 90);
}

/* A legacy driver's header has no num_buffers. */
Test(net, legacy_header_of_10_bytes)
{
	open_net(0, NULL);
	give_buffer(0, FAKE_DATA, 100);
	arrive(50, 7);
	cr_assert_eq(fake_used(0, 0).len, 48);
	cr_assert_eq(fake.mem[FAKE_DATA + 9], 0);
	cr_assert_eq(fake.mem[FAKE_DATA + 10], 7);
	cr_assert_eq(fake.mem[FAKE_DATA + 48], 0);
	cr_assert(sent(24));
	cr_assert_not(sent(23));
}

Test(net, N3_flood_is_bounded)
{
	unsigned int read = 0;

	open_net(ALL, NULL);
	while (fake_find(IORING_OP_READ) >= 0 && read++ < 1000)
		arrive(100, 3);
	cr_assert_eq(read, NET_RX_SLOTS, "no more is taken from the tap than we can hold");
	cr_assert_eq(fake_used_idx(0), 0);
}

Test(net, R16_stop_with_frames_in_flight)
{
	open_net(ALL, NULL);
	for (uint16_t i = 0; i < 8; i++) {
		fake_desc(1, i, FAKE_DATA, 1000, 0, 0);
		fake_offer(1, i);
	}
	fake_kick(1, 10);
	cr_assert_eq(fake.vq[1].inflight, 8);
	fake_stop(1);
	memset(fake.mem, 0x99, FAKE_MEM);
	while (fake_find(IORING_OP_READ) >= 0 && fake.pending_n)
		fake_complete(0, 200);
	cr_assert_eq(fake.mem[FAKE_RING + 0x2002], 0x99, "no late write");
}

Test(net, control_queue)
{
	uint8_t *cmd;

	open_net(ALL, NULL);
	net->pairs = 3;
	net->pair[2].net = net;
	fake.ops->features_acked(NULL, ALL | 1ull << VIRTIO_NET_F_MQ | 1ull << VIRTIO_NET_F_CTRL_VQ);
	/* queue 2N: 6; its ring lies outside the fake's first three, so borrow queue 2's memory */
	fake_start(2, 8, 0);
	fake.vq[6] = fake.vq[2];
	fake.vq[6].index = 6;
	fake.ops->queue_start(NULL, &fake.vq[6]);
	cr_assert_eq(net->pairs_set, 1);
	cmd = fake.mem + FAKE_DATA;
	static const struct { uint8_t class, command; uint16_t pairs; uint8_t ack; } t[] = {
		{ 4, 0, 2, 0 }, { 4, 0, 3, 0 }, { 4, 0, 0, 1 }, { 4, 0, 4, 1 }, { 4, 1, 1, 1 }, { 0, 0, 1, 1 },
	};

	for (uint16_t i = 0; i < 6; i++) {
		memcpy(cmd, &t[i], 2);
		memcpy(cmd + 2, &t[i].pairs, 2);
		cmd[4] = 0xff;
		fake_desc(2, 0, FAKE_DATA, 4, VQ_DESC_NEXT, 1);
		fake_desc(2, 1, FAKE_DATA + 4, 1, VQ_DESC_WRITE, 0);
		fake.vq[2].size = 8;
		fake_offer(2, 0);
		fake_kick(6, 10);
		cr_assert_eq(cmd[4], t[i].ack, "command %u", i);
	}
	cr_assert_eq(net->pairs_set, 3);
}

/* --- rates --- */

/* A step of the rate's clock, 5 ms while somebody waits; all that follows from it. */
static void tick(struct rate *r)
{
	unsigned int i = 0;

	while (i < fake.pending_n && fake.pending[i].op != &r->op)
		i++;
	cr_assert_lt(i, fake.pending_n, "no tick is armed");
	cr_assert_eq(fake.pending[i].sqe.opcode, IORING_OP_TIMEOUT);
	fake_complete(i, -ETIME);
	fake_kick(0, 10);
	fake_kick(1, 10);
}

/* Ticks until the used index of queue @q is @wanted; the device may not spin meanwhile. */
static unsigned int ticks_until(struct rate *r, unsigned int q, uint16_t wanted)
{
	unsigned int n = 0;

	for (int op; fake_used_idx(q) != wanted && n < 1000; n++) {
		cr_assert_eq(fake.again, 0, "nothing spins");
		tick(r);
		op = fake_find(IORING_OP_WRITE);
		if (op >= 0) {
			fake_complete((unsigned int)op, 1012);
			fake_kick(1, 10);
		}
	}
	return n;
}

static void offer_frames(unsigned int n)
{
	for (uint16_t i = 0; i < n; i++) {
		fake_desc(1, i, FAKE_DATA, NET_HDR + 1000, 0, 0);
		fake_offer(1, i);
	}
	fake_kick(1, 10);
}

/* 10,120 bytes a second are ten frames of 1,012 with their headers: one every 20 steps, and the first when there is anything in the bucket. */
/* Frames on their way have a place each, whatever the order in which they end, and all places come back, those of dropped frames too. */
Test(net, places_of_frames)
{
	const struct net_pair *pair;

	open_net(ALL, NULL);
	pair = &net->pair[0];
	for (unsigned int i = 0; i < 2 * NET_QUEUE_SIZE; i++)
		cr_assert_eq(sent(i % 2 ? 100 : 10), i % 2);
	for (unsigned int round = 0; round < 4; round++) {
		unsigned int others = fake.pending_n;

		offer_frames(8);
		cr_assert_eq(fake.pending_n, others + 8);
		cr_assert_eq(pair->tx_busy, 8);
		for (unsigned int i = others; i < others + 8; i++)
			for (unsigned int k = others; k < i; k++)
				cr_assert_neq(fake.pending[i].sqe.addr, fake.pending[k].sqe.addr);
		while (fake.pending_n > others)
			fake_complete(round % 2 ? fake.pending_n - 1 : others, 1012);
		fake_kick(1, 10);
		cr_assert_eq(pair->tx_busy, 0);
		cr_assert_eq(pair->tx_fresh, 8);
	}
}

Test(net, rate_of_bytes_sent)
{
	rate_name = "bw";
	rate_value = "10120";
	open_net(ALL, NULL);
	offer_frames(3);
	cr_assert_lt(fake_find(IORING_OP_WRITE), 0, "the bucket of a new process is empty");
	cr_assert_eq(ticks_until(&net->sent, 1, 1), 1);
	for (uint16_t i = 2; i <= 3; i++) {
		unsigned int n = ticks_until(&net->sent, 1, i);

		cr_assert(n >= 19 && n <= 21, "%u steps", n);
	}
}

Test(net, rate_of_frames_sent)
{
	rate_name = "pps";
	rate_value = "20";
	open_net(ALL, NULL);
	offer_frames(3);
	cr_assert_eq(ticks_until(&net->sent, 1, 1), 1);
	cr_assert_eq(ticks_until(&net->sent, 1, 2), 10);
	cr_assert_eq(ticks_until(&net->sent, 1, 3), 10);
}

/* Received frames wait in their slots, then the tap is not read any more; nothing is lost of what was read. */
Test(net, rate_of_what_is_received)
{
	rate_name = "bw";
	rate_value = "10120";
	open_net(ALL, NULL);
	for (uint16_t i = 0; i < 3; i++)
		give_buffer(i, FAKE_DATA + 2048u * i, 2048);
	fake_kick(0, 10);
	for (uint8_t i = 1; i <= 3; i++)
		arrive(NET_HDR + 1000, i);
	cr_assert_eq(fake_used_idx(0), 0, "the bucket of a new process is empty");
	cr_assert_eq(ticks_until(&net->received, 0, 1), 1);
	for (uint16_t i = 2; i <= 3; i++) {
		unsigned int n = ticks_until(&net->received, 0, i);

		cr_assert(n >= 19 && n <= 21, "%u steps", n);
		cr_assert_eq(fake.mem[FAKE_DATA + 2048u * (i - 1u) + NET_HDR], i, "the frames in their order");
	}
	offer_frames(1);
	cr_assert_eq(ticks_until(&net->sent, 1, 1), 1, "each direction has its own");
}

Test(net, rate_that_is_none)
{
	static const char *const wrong[] = { "", "0", "-1", "1M", " 1", "1099511627777", "99999999999999999999" };

	open_net(ALL, NULL);
	for (unsigned int i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		cr_assert_eq(set_option("bw", wrong[i]), -EINVAL, "'%s'", wrong[i]);
	cr_assert_lt(fake_find(IORING_OP_TIMEOUT), 0, "without a bound nothing ticks");
	cr_assert_eq(set_option("burst", "1000"), 0);
	cr_assert_eq(fake.ops->open(NULL), BACKEND_USAGE, "a burst of nothing");
}
