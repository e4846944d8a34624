// SPDX-License-Identifier: GPL-2.0
/*D:630
 * tap.c: attaching to a tap device.
 *
 * It may: open /dev/net/tun and ask the kernel about one interface, before the sandbox. It may not: create addresses, routes or anything
 * persistent, nor set the offloads of the tap once sealed: each change is told to every listener of the host's network, under a lock of the
 * whole host. It orders them from its minder, which does so when they change, and at most once a second for long; what the tap
 * hands out meanwhile that the driver did not ask for is dropped (rx.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <liburing.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "devices/each.h"
#include "devices/net/net.h"
#include "policy/policy.h"
#include "devices/net/tap_owner.h"

#define TAP_WAIT_MS 3000
#define MTU_MIN 68	/* of IPv4, and the least that VIRTIO_NET_F_MTU may say (virtio 1.2, 5.1.4.1) */

static int check_owner(struct net *net, const struct ifreq *ifr)
{
	if (net->allow_unowned || !tap_is_unowned(ifr))
		return 0;
	backend_fail(net->be, "tap '%s' is persistent and has no owner: any user of this host may attach to it; give it one "
		     "(ip tuntap add dev %s mode tap user NAME) or pass --allow-unowned-tap", ifr->ifr_name, ifr->ifr_name);
	return -EPERM;
}

/* The kernel says EINVAL to whatever is not what was asked for. */
static void attach_failed(struct net *net, const char *name, int err)
{
	enum tap_kind kind = if_nametoindex(name) ? tap_kind(name) : TAP_NONE;

	if (err == EBUSY)
		backend_fail(net->be, "cannot attach to tap '%s': it is in use by another program; end that one, or make another tap", name);
	else if (err == EPERM && kind != TAP_NONE)
		backend_fail(net->be, "cannot attach to tap '%s': it belongs to another user", name);
	else if (err == EINVAL && kind == TAP_TUN)
		backend_fail(net->be, "'%s' is a tun interface, which has no Ethernet frames; make a tap with another name", name);
	else if (err == EINVAL && kind == TAP_MANY_QUEUES)
		backend_fail(net->be, "'%s' is a multi_queue tap: give --queue-pairs=2 or more, or make one without multi_queue", name);
	else if (err == EINVAL && kind == TAP_ONE_QUEUE)
		backend_fail(net->be, "tap '%s' has one queue: leave out --queue-pairs, or make it with multi_queue", name);
	else if (err == EINVAL && if_nametoindex(name))
		backend_fail(net->be, "'%s' is no tap; make one with another name", name);
	else
		backend_fail(net->be, "cannot attach to tap '%s': %s; make it with 'ip tuntap add dev %s mode tap user NAME%s'", name,
			     strerror(err), name, net->pairs > 1 ? " multi_queue" : "");
}

/* The last operations of a program that has just ended keep its tap for some 100 ms: a busy one is worth a short wait. */
static int set_interface(int fd, struct ifreq *ifr)
{
	const struct timespec pause = { .tv_nsec = 10 * 1000 * 1000 };

	for (int ms = 0; ioctl(fd, TUNSETIFF, ifr); ms += 10) {
		if (errno != EBUSY || ms >= TAP_WAIT_MS)
			return -errno;
		nanosleep(&pause, NULL);
	}
	return 0;
}

static int attach(struct net *net, const char *name)
{
	struct ifreq ifr = { .ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR) };
	int fd, err;

	if (net->pairs > 1)
		ifr.ifr_flags = (short)(ifr.ifr_flags | IFF_MULTI_QUEUE);
	if (strlen(name) >= sizeof(ifr.ifr_name)) {
		backend_fail(net->be, "tap name '%s' is longer than 15 characters", name);
		return -ENAMETOOLONG;
	}
	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0) {
		err = -errno;
		backend_fail(net->be, "cannot open /dev/net/tun: %s; is the tun module loaded?", strerror(-err));
		return err;
	}
	memcpy(ifr.ifr_name, name, strlen(name));
	err = set_interface(fd, &ifr);
	if (!err)
		return fd;
	attach_failed(net, name, -err);
	close(fd);
	return err;
}

static int check_fd(struct net *net, int fd, struct ifreq *ifr)
{
	int flags = fcntl(fd, F_GETFL);

	if (ioctl(fd, TUNGETIFF, ifr) || flags < 0) {
		backend_fail(net->be, "descriptor %d is not an attached tap: %s", fd, strerror(errno));
		return -EINVAL;
	}
	if (!(ifr->ifr_flags & IFF_TAP) || !(ifr->ifr_flags & IFF_NO_PI) || !(ifr->ifr_flags & IFF_VNET_HDR)) {
		backend_fail(net->be, "'%s' was not attached with IFF_TAP | IFF_NO_PI | IFF_VNET_HDR", ifr->ifr_name);
		return -EINVAL;
	}
	return fcntl(fd, F_SETFL, flags | O_NONBLOCK) ? -errno : 0;
}

static int open_queue(struct net *net, unsigned int i)
{
	struct ifreq ifr = { 0 };
	int fd = net->tap_name ? attach(net, net->tap_name) : net->tap_fd[i], hdr = NET_HDR, err;

	if (fd < 0)
		return fd;
	err = check_fd(net, fd, &ifr);
	/* An inherited descriptor was opened by somebody who knew which tap it is. */
	if (!err && net->tap_name && !i)
		err = check_owner(net, &ifr);
	if (err)
		return err;
	if (ioctl(fd, TUNSETVNETHDRSZ, &hdr) || (!i && ioctl(fd, TUNSETOFFLOAD, 0))) {
		backend_fail(net->be, "cannot set up tap '%s': %s", ifr.ifr_name, strerror(errno));
		return -errno;
	}
	net->pair[i].tap = policy_place_fd(fd, POLICY_FD_TAP + (int)i);
	net->pair[i].fixed = backend_fixed_file(net->be, net->pair[i].tap);
	return net->pair[i].fixed < 0 ? net->pair[i].fixed : 0;
}

/*
 * The tap's MTU, for the guest. It is asked for by name, and a tap that was inherited may be of another network namespace: only an interface
 * with the same address is the same.
 */
static void read_mtu(struct net *net)
{
	struct ifreq ifr = { 0 }, mine = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && !ioctl(net->pair[0].tap, TUNGETIFF, &ifr) && !ioctl(net->pair[0].tap, SIOCGIFHWADDR, &mine) &&
	    !ioctl(fd, SIOCGIFHWADDR, &ifr) && !memcmp(&ifr.ifr_hwaddr, &mine.ifr_hwaddr, sizeof(ifr.ifr_hwaddr)) &&
	    !ioctl(fd, SIOCGIFMTU, &ifr) && ifr.ifr_mtu >= MTU_MIN && ifr.ifr_mtu <= UINT16_MAX)
		net->mtu = (uint16_t)ifr.ifr_mtu;
	if (fd >= 0)
		close(fd);
}

/* Time that went by before its front end came is nothing saved up, in either direction. */
static void rates_of_each(struct backend *be)
{
	struct net *net = backend_dev(be);

	rate_begin(be, &net->sent);
	rate_begin(be, &net->received);
}

int tap_open(struct net *net)
{
	int err = 0;

	backend_each(net->be, rates_of_each);
	for (unsigned int i = 0; i < net->pairs && !err; i++)
		err = open_queue(net, i);
	if (!err)
		read_mtu(net);
	return err;
}

/* The order is on its way: at most one, and the newest choice after it. */
static struct order {
	struct backend_op op;
	struct backend *be;
	uint8_t wanted, sent;
	bool given;
} order;

static void give_order(struct backend *be);

static void order_given(struct backend_op *op, int32_t res)
{
	(void)op;
	(void)res;
	if (order.wanted != order.sent)
		give_order(order.be);
}

static void give_order(struct backend *be)
{
	struct io_uring_sqe *sqe;

	if (order.op.pending)
		return;
	order.op.done = order_given;
	order.be = be;
	order.sent = order.wanted;
	order.given = true;
	sqe = backend_sqe(be, &order.op);
	if (sqe)
		io_uring_prep_write(sqe, POLICY_FD_ORDER, &order.sent, sizeof(order.sent), 0);
}

/* In the minder. The kernel refuses what it does not know. */
void tap_order(uint8_t flags)
{
	ioctl(POLICY_FD_TAP, TUNSETOFFLOAD, (unsigned long)flags);
}

void tap_offloads(const struct net *net)
{
	static const struct {
		unsigned int feature, flag;
	} map[] = {
		{ VIRTIO_NET_F_GUEST_CSUM, TUN_F_CSUM },
		{ VIRTIO_NET_F_GUEST_TSO4, TUN_F_TSO4 },
		{ VIRTIO_NET_F_GUEST_TSO6, TUN_F_TSO6 },
		{ VIRTIO_NET_F_GUEST_ECN, TUN_F_TSO_ECN },
	};
	uint8_t flags = 0;

	for (unsigned int i = 0; i < sizeof(map) / sizeof(map[0]); i++)
		if (net->features >> map[i].feature & 1)
			flags |= (uint8_t)map[i].flag;
	/* TSO without CSUM is refused by the kernel and makes no sense: then nothing is offloaded. */
	if (!(flags & TUN_F_CSUM))
		flags = 0;
	order.wanted = flags;
	if (!order.given || order.wanted != order.sent)
		give_order(net->be);
}
