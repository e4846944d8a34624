// SPDX-License-Identifier: GPL-2.0
/*P:320
 * tap_owner.c: does a tap have an owner (tap_owner.h)?
 *
 * It may: ask the kernel about one interface, before the sandbox. It may not: attach to one, or change it.
 */
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include "devices/net/tap_owner.h"

struct link_request {
	struct nlmsghdr h;
	struct ifinfomsg i;
};

static const struct rtattr *attr(const void *data, size_t len, unsigned short type)
{
	const struct rtattr *a = data;

	for (; RTA_OK(a, len); a = RTA_NEXT(a, len))
		if ((a->rta_type & NLA_TYPE_MASK) == type)
			return a;
	return NULL;
}

static const struct rtattr *inside(const struct rtattr *a, unsigned short type)
{
	return a ? attr(RTA_DATA(a), RTA_PAYLOAD(a), type) : NULL;
}

/* Does the tap belong to a user or a group? Asked by netlink: /sys may be that of another network namespace. */
static bool has_owner(const char *name)
{
	struct link_request req = { .h = { .nlmsg_len = sizeof(req), .nlmsg_type = RTM_GETLINK, .nlmsg_flags = NLM_F_REQUEST },
				    .i = { .ifi_family = AF_UNSPEC, .ifi_index = (int)if_nametoindex(name) } };
	static union { struct nlmsghdr h; uint8_t room[16384]; } answer;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	const struct rtattr *data;
	ssize_t n;

	if (fd < 0)
		return false;
	n = send(fd, &req, sizeof(req), 0) < 0 ? -1 : recv(fd, &answer, sizeof(answer), 0);
	close(fd);
	if (n < 0 || !NLMSG_OK(&answer.h, (size_t)n) || answer.h.nlmsg_type != RTM_NEWLINK)
		return false;
	data = inside(attr(IFLA_RTA(NLMSG_DATA(&answer.h)), IFLA_PAYLOAD(&answer.h), IFLA_LINKINFO), IFLA_INFO_DATA);
	return inside(data, IFLA_TUN_OWNER) || inside(data, IFLA_TUN_GROUP);
}

bool tap_is_unowned(const struct ifreq *ifr)
{
	return ifr->ifr_flags & IFF_PERSIST && !has_owner(ifr->ifr_name);
}
