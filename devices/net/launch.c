// SPDX-License-Identifier: GPL-2.0
/*D:648
 * launch.c: what lguest-run does for a network card: it attaches to the tap, makes sure that it is the user's own, and hands it
 * over.
 * It runs in lguest-run, with the user's rights and outside any sandbox (run/kind.h). It may attach to the tap
 * that the user named. It makes none, and reads no frame.
 */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <linux/if_tun.h>

#include "ipc/exit.h"
#include "devices/net/tap_owner.h"
#include "policy/fds.h"
#include "run/busy.h"
#include "run/child.h"
#include "run/launch.h"
#include "run/say.h"
#include "run/text.h"

#define VNET_HEADER 12	/* of virtio 1.0: with num_buffers, always */

static int tap_failed(const struct role *r)
{
	if (errno == EBUSY)
		complain("the tap %s is in use by another guest or program: end it, or make another (ip tuntap add TAP mode tap user NAME)", r->path);
	else if (errno == EPERM)
		complain("the tap %s is not yours: ip tuntap add %s mode tap user NAME makes one that is", r->path, r->path);
	else if (errno == EINVAL)
		complain("%s is not a tap interface with one queue: ip tuntap add TAP mode tap user NAME makes one", r->path);
	else
		complain("cannot use the tap %s: %m%s", r->path, text_remedy(errno));
	return EXIT_HOST;
}

/* Return: 0, or -1 with errno. */
static int attach(int fd, struct ifreq *ifr)
{
	int size = VNET_HEADER, err;

	do
		err = ioctl(fd, TUNSETIFF, ifr);
	while (err && errno == EBUSY && busy_wait());
	return err || ioctl(fd, TUNSETVNETHDRSZ, &size) || ioctl(fd, TUNGETIFF, ifr) ? -1 : 0;
}

/* Chosen here, so that a role that comes back has the address that the guest knows. */
static void choose_mac(struct role *r)
{
	uint8_t b[3] = { 0 };

	if (getrandom(b, sizeof(b), GRND_NONBLOCK) < 0)
		b[0] = b[1] = b[2] = 1;	/* a host that has just booted: any address serves */
	snprintf(r->chosen, sizeof(r->chosen), "52:54:00:%02x:%02x:%02x", b[0], b[1], b[2]);
}

static int net_open(struct role *r)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };

	if (!role_key(r, "mac"))
		choose_mac(r);
	/* TUNSETIFF would make an interface that is not there, if we may: a mistyped name must be an error. */
	if (strlen(r->path) >= IFNAMSIZ || !if_nametoindex(r->path)) {
		complain("there is no tap %s: ip tuntap add %s mode tap user NAME makes one", r->path, r->path);
		return EXIT_HOST;
	}
	r->resource[0] = fd_open("/dev/net/tun", O_RDWR | O_NONBLOCK);
	if (r->resource[0] < 0) {
		complain("cannot open /dev/net/tun: %m%s", errno == ENOENT || errno == ENODEV ? " (load the module: modprobe tun)" : text_remedy(errno));
		return EXIT_HOST;
	}
	memcpy(ifr.ifr_name, r->path, strlen(r->path));
	if (attach(r->resource[0], &ifr))
		return tap_failed(r);
	if (role_key(r, "unowned") || !tap_is_unowned(&ifr))
		return 0;
	complain("the tap %s has no owner, so that any user of this host may attach to it: make it yours (ip tuntap del %s mode tap, then "
		 "ip tuntap add %s mode tap user NAME), or say --net %s,unowned", r->path, r->path, r->path, r->path);
	return EXIT_HOST;
}

static bool net_same(const struct role *r, const struct role *of)
{
	const unsigned int index = if_nametoindex(r->path);

	return index && index == if_nametoindex(of->path);
}

static void net_args(struct role *r, struct child *c)
{
	static const char *const rates[] = { "bw", "pps", "burst", NULL };

	child_option(c, "--tap-fd=%d", POLICY_FD_RESOURCE);
	child_option(c, "--mac=%s", role_key(r, "mac") ? role_key(r, "mac") : r->chosen);
	child_sizes(c, r, rates);
	child_give(c, r->resource[0], POLICY_FD_RESOURCE);
}

static void net_holds(const struct role *r)
{
	const char *mac = role_key(r, "mac");

	printf("the tap %s; the guest's address is %s\n", r->path, mac ? mac : "chosen at the start");
}

const struct kind_launch net_launch = {
	.ring = true, .asked = role_rates_asked, .open = net_open, .same = net_same, .args = net_args, .holds = net_holds,
};
