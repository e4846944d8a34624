// SPDX-License-Identifier: GPL-2.0
/*D:260
 * tap.c: attaching to a tap device.
 *
 * It may: open /dev/net/tun and ask the kernel about one interface, before the sandbox; set the offloads of the tap
 * afterwards (the one ioctl of the sealed filter). It may not: create addresses, routes or anything persistent.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "devices/net/net.h"
#include "policy/policy.h"
#include "devices/net/tap_owner.h"

static int check_owner(struct net *net, const struct ifreq *ifr)
{
	if (net->allow_unowned || !tap_is_unowned(ifr))
		return 0;
	backend_fail(net->be, "tap '%s' is persistent and has no owner: any user of this host may attach to it; give it one "
		     "(ip tuntap add dev %s mode tap user NAME) or pass --allow-unowned-tap", ifr->ifr_name, ifr->ifr_name);
	return -EPERM;
}

static int attach(struct net *net, const char *name)
{
	struct ifreq ifr = { .ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR) };
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (net->pairs > 1)
		ifr.ifr_flags = (short)(ifr.ifr_flags | IFF_MULTI_QUEUE);
	if (fd < 0) {
		backend_fail(net->be, "cannot open /dev/net/tun: %s; is the tun module loaded?", strerror(errno));
		return -errno;
	}
	if (strlen(name) >= sizeof(ifr.ifr_name)) {
		backend_fail(net->be, "tap name '%s' is longer than 15 characters", name);
		return -EINVAL;
	}
	memcpy(ifr.ifr_name, name, strlen(name));
	if (!ioctl(fd, TUNSETIFF, &ifr))
		return fd;
	backend_fail(net->be, "cannot attach to tap '%s': %s; make it with 'ip tuntap add dev %s mode tap user NAME%s'", name,
		     strerror(errno), name, net->pairs > 1 ? " multi_queue" : "");
	close(fd);
	return -errno;
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

int tap_open(struct net *net)
{
	int err = 0;

	for (unsigned int i = 0; i < net->pairs && !err; i++)
		err = open_queue(net, i);
	return err;
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
	unsigned long flags = 0;

	for (unsigned int i = 0; i < sizeof(map) / sizeof(map[0]); i++)
		if (net->features >> map[i].feature & 1)
			flags |= map[i].flag;
	/* TSO without CSUM is refused by the kernel and makes no sense: then nothing is offloaded. */
	if (!(flags & TUN_F_CSUM))
		flags = 0;
	ioctl(POLICY_FD_TAP, TUNSETOFFLOAD, flags);
}
