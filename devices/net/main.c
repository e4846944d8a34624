// SPDX-License-Identifier: GPL-2.0
/*D:600
 * main.c: lguest-net, a virtio-net (virtio 1.2, 5.1) on one tap: options, config space, and which queue is what.
 *
 * It may: attach to one tap before the sandbox, move frames afterwards. It may not: see anything of the guest but the
 * window of this device, nor of the host's network but that tap.
 */
#include <errno.h>
#include <sys/random.h>

#include "devices/net/net.h"
#include "policy/policy.h"

POLICY_DECLARE(net);

enum { OPT_TAP = 0x100, OPT_TAP_FD, OPT_MAC, OPT_LOCK_MAC, OPT_PAIRS, OPT_UNOWNED, OPT_BW, OPT_PPS, OPT_BURST };

#define BIT(n) (1ull << (n))

static const struct option options[] = {
	{ "tap", required_argument, NULL, OPT_TAP },
	{ "tap-fd", required_argument, NULL, OPT_TAP_FD },
	{ "mac", required_argument, NULL, OPT_MAC },
	{ "lock-mac", no_argument, NULL, OPT_LOCK_MAC },
	{ "queue-pairs", required_argument, NULL, OPT_PAIRS },
	{ "allow-unowned-tap", no_argument, NULL, OPT_UNOWNED },
	{ "bw", required_argument, NULL, OPT_BW },
	{ "pps", required_argument, NULL, OPT_PPS },
	{ "burst", required_argument, NULL, OPT_BURST },
	{ 0 }
};

static int parse_mac(struct backend *be, struct net *net, const char *arg)
{
	unsigned int b[6];
	char end;

	if (sscanf(arg, "%2x:%2x:%2x:%2x:%2x:%2x%c", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5], &end) != 6 || b[0] & 1) {
		backend_fail(be, "--mac=%s is not a unicast address like 52:54:00:12:34:56", arg);
		return -EINVAL;
	}
	for (int i = 0; i < 6; i++)
		net->mac[i] = (uint8_t)b[i];
	net->mac_given = true;
	return 0;
}

/* Several --tap-fd make several queue pairs. Numbers of the policy's table may be theirs: moved when placed. */
static int parse_tap_fd(struct backend *be, struct net *net, const char *arg)
{
	int fd = backend_number(be, "tap-fd", arg, 0, INT32_MAX);

	if (fd < 0)
		return fd;
	if (net->tap_fds == NET_PAIRS) {
		backend_fail(be, "at most %u --tap-fd can be given", NET_PAIRS);
		return -EINVAL;
	}
	net->tap_fd[net->tap_fds++] = fd;
	return 0;
}

static int net_option(struct backend *be, int opt, const char *arg)
{
	struct net *net = backend_dev(be);
	int n;

	switch (opt) {
	case OPT_TAP:
		net->tap_name = arg;
		return 0;
	case OPT_TAP_FD:
		return parse_tap_fd(be, net, arg);
	case OPT_MAC:
		return parse_mac(be, net, arg);
	case OPT_LOCK_MAC:
		net->lock_mac = true;
		return 0;
	case OPT_PAIRS:
		n = backend_number(be, "queue-pairs", arg, 1, NET_PAIRS);
		net->pairs = n > 0 ? (unsigned int)n : 0;
		return n < 0 ? n : 0;
	case OPT_UNOWNED:
		net->allow_unowned = true;
		return 0;
	case OPT_BW:
		return rate_option(be, arg, &net->sent.bw);
	case OPT_PPS:
		return rate_option(be, arg, &net->sent.iops);
	case OPT_BURST:
		return rate_option(be, arg, &net->sent.burst);
	}
	return -EINVAL;
}

/* For the most that can be in flight; pages that the traffic never touches cost nothing. */
static int make_buffers(struct net *net)
{
	for (unsigned int i = 0; i < net->pairs; i++) {
		struct net_pair *pair = &net->pair[i];
		uint8_t *frames = backend_map((size_t)NET_RX_SLOTS * NET_FRAME);

		pair->net = net;
		pair->index = i;
		pair->tx = backend_map(NET_QUEUE_SIZE * sizeof(*pair->tx));
		pair->rx = backend_map(NET_RX_SLOTS * sizeof(*pair->rx));
		if (!frames || !pair->tx || !pair->rx) {
			backend_fail(net->be, "no memory for %u queue pairs", net->pairs);
			return -ENOMEM;
		}
		net_transmit_start(pair);
		for (unsigned int k = 0; k < NET_RX_SLOTS; k++)
			pair->rx[k].buf = frames + (size_t)k * NET_FRAME;
	}
	return 0;
}

/* Locally administered, unicast. */
static int choose_mac(struct net *net)
{
	if (net->mac_given)
		return 0;
	if (getrandom(net->mac, sizeof(net->mac), 0) != sizeof(net->mac))
		return -EIO;
	net->mac[0] = (uint8_t)((net->mac[0] & 0xfc) | 2);
	return 0;
}

static int check_options(struct net *net)
{
	if (!net->tap_name == !net->tap_fds) {
		backend_fail(net->be, "one of --tap=NAME and --tap-fd=N must be given");
		return BACKEND_USAGE;
	}
	if (net->lock_mac && !net->mac_given) {
		backend_fail(net->be, "--lock-mac needs the address to lock to: give --mac as well");
		return BACKEND_USAGE;
	}
	if (net->tap_fds)
		net->pairs = net->tap_fds;
	return 0;
}

static int net_open(struct backend *be)
{
	struct net *net = backend_dev(be);
	uint64_t features = ~0ull;
	int err;

	net->be = be;
	err = check_options(net);
	if (!err)
		err = rate_begin(be, &net->sent);
	net->received = net->sent;	/* a wire has its rate in each direction */
	if (!err)
		err = choose_mac(net);
	if (!err)
		err = tap_open(net);
	if (!err)
		err = make_buffers(net);
	if (err)
		return err;
	if (!net->mtu)
		features &= ~BIT(VIRTIO_NET_F_MTU);
	if (net->pairs == 1)
		features &= ~(BIT(VIRTIO_NET_F_MQ) | BIT(VIRTIO_NET_F_CTRL_VQ));
	backend_limit(be, features, (uint16_t)(net->pairs == 1 ? 2 : 2 * net->pairs + 1));
	return 0;
}

static int net_start(struct backend *be)
{
	struct net *net = backend_dev(be);

	for (unsigned int i = 0; i < net->pairs; i++)
		net_receive_start(&net->pair[i]);
	rate_start(&net->sent, be);
	rate_start(&net->received, be);
	return 0;
}

static void net_features_acked(struct backend *be, uint64_t features)
{
	struct net *net = backend_dev(be);

	net->features = features;
	net->hdr_len = features & (BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_NET_F_MRG_RXBUF)) ? NET_HDR : NET_HDR_LEGACY;
	tap_offloads(net);
}

static void net_get_config(struct backend *be, uint8_t *cfg)
{
	struct net *net = backend_dev(be);
	struct virtio_net_config c = {
		.status = net->gone ? 0 : VIRTIO_NET_S_LINK_UP, .max_virtqueue_pairs = (uint16_t)net->pairs, .mtu = net->mtu,
	};

	memcpy(c.mac, net->mac, sizeof(c.mac));
	memcpy(cfg, &c, NET_CONFIG_SIZE);
}

/* 5.1.2: the control queue comes after the pairs that were negotiated. */
static bool is_control(const struct net *net, const struct vq *q)
{
	unsigned int pairs = net->features & BIT(VIRTIO_NET_F_MQ) ? net->pairs : 1;

	return net->features & BIT(VIRTIO_NET_F_CTRL_VQ) && q->index == 2 * pairs;
}

static bool is_transmit(const struct net *net, const struct vq *q)
{
	return q->index % 2 && !is_control(net, q);
}

static void net_queue_start(struct backend *be, struct vq *q)
{
	struct net *net = backend_dev(be);

	/* Its frames go on while the driver wakes up; with less left to do than this, we would wait for it. */
	if (is_transmit(net, q) && !net->sent.bw && !net->sent.iops)
		q->patience = q->size / 4;
	/* The driver begins with one pair (5.1.6.5.5); without a control queue here, somebody else knows. */
	if (is_control(net, q) && !net->pairs_set)
		net->pairs_set = 1;
}

static void net_queue_kick(struct backend *be, struct vq *q)
{
	struct net *net = backend_dev(be);

	if (is_control(net, q)) {
		net_control(net, q);
	} else if (q->index / 2u >= net->pairs) {
		vq_break(q, "kick on a queue that the negotiated features do not have");
	} else if (q->index % 2) {
		net_transmit(&net->pair[q->index / 2], q);
	} else {
		/* Queue 0 also takes the frames of pairs that the driver does not use. */
		for (unsigned int i = q->index / 2u; i < net->pairs; i += q->index ? net->pairs : 1)
			net_receive(&net->pair[i]);
	}
}

static void net_reset(struct backend *be)
{
	struct net *net = backend_dev(be);

	net->pairs_set = 0;
	for (unsigned int i = 0; i < net->pairs; i++)
		net_receive_forget(&net->pair[i]);
}

static const char *const capabilities[] = { "tap", "tap-fd", "mac", "lock-mac", "queue-pairs", NULL };

static const struct backend_ops net_ops = {
	.name = "lguest-net",
	.type = "net",
	.capabilities = capabilities,
	.summary = "virtio-net back end for one tap",
	.usage =
		"  --tap=NAME           attach to this tap, or make it (needs CAP_NET_ADMIN)\n"
		"  --tap-fd=N           tap inherited attached as N (IFF_VNET_HDR); once per queue pair\n"
		"  --mac=ADDRESS        the guest's address (default: a random one)\n"
		"  --lock-mac           drop frames of the guest from any other address\n"
		"  --queue-pairs=N      1 to 7 (default 1); the tap must be multi_queue\n"
		"  --allow-unowned-tap  use a persistent tap that has no owner, which any user may attach to\n"
		"  --bw=N, --pps=N      bytes and frames a second at most, in each direction\n"
		"  --burst=N            bytes that may be saved up (default: those of a second)\n",
	.options = options,
	.role = &policy_net,
	.features = BIT(VIRTIO_NET_F_CSUM) | BIT(VIRTIO_NET_F_GUEST_CSUM) | BIT(VIRTIO_NET_F_MAC) |
		    BIT(VIRTIO_NET_F_MTU) | BIT(VIRTIO_NET_F_GUEST_TSO4) | BIT(VIRTIO_NET_F_GUEST_TSO6) | BIT(VIRTIO_NET_F_GUEST_ECN) |
		    BIT(VIRTIO_NET_F_HOST_TSO4) | BIT(VIRTIO_NET_F_HOST_TSO6) | BIT(VIRTIO_NET_F_HOST_ECN) |
		    BIT(VIRTIO_NET_F_MRG_RXBUF) | BIT(VIRTIO_NET_F_STATUS) | BIT(VIRTIO_NET_F_CTRL_VQ) |
		    BIT(VIRTIO_NET_F_MQ),
	.queues = NET_QUEUES,
	.queue_unit = 2,
	.queue_size = NET_QUEUE_SIZE,
	.config_size = NET_CONFIG_SIZE,
	.completions = 1024,
	.option = net_option,
	.open = net_open,
	.order = tap_order,
	.start = net_start,
	.features_acked = net_features_acked,
	.get_config = net_get_config,
	.queue_start = net_queue_start,
	.queue_kick = net_queue_kick,
	.reset = net_reset,
};

int main(int argc, char **argv)
{
	static struct net net = { .pairs = 1 };

	return backend_main(argc, argv, &net_ops, &net);
}
