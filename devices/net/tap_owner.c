// SPDX-License-Identifier: GPL-2.0
/*D:640
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

/*
 * What the kernel tells of a tun or tap interface. Asked by netlink: /sys may be that of another network namespace.
 * Return: the attributes, which live until the next call; NULL when it tells nothing.
 */
static const struct rtattr *tun_info(const char *name)
{
	struct link_request req = { .h = { .nlmsg_len = sizeof(req), .nlmsg_type = RTM_GETLINK, .nlmsg_flags = NLM_F_REQUEST },
				    .i = { .ifi_family = AF_UNSPEC, .ifi_index = (int)if_nametoindex(name) } };
	static union { struct nlmsghdr h; uint8_t room[16384]; } answer;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	ssize_t n;

	if (fd < 0)
		return NULL;
	n = send(fd, &req, sizeof(req), 0) < 0 ? -1 : recv(fd, &answer, sizeof(answer), 0);
	close(fd);
	if (n < 0 || !NLMSG_OK(&answer.h, (size_t)n) || answer.h.nlmsg_type != RTM_NEWLINK)
		return NULL;
	return inside(attr(IFLA_RTA(NLMSG_DATA(&answer.h)), IFLA_PAYLOAD(&answer.h), IFLA_LINKINFO), IFLA_INFO_DATA);
}

bool tap_is_unowned(const struct ifreq *ifr)
{
	const struct rtattr *data;

	if (!(ifr->ifr_flags & IFF_PERSIST))
		return false;
	data = tun_info(ifr->ifr_name);
	return !inside(data, IFLA_TUN_OWNER) && !inside(data, IFLA_TUN_GROUP);
}

static unsigned int byte_of(const struct rtattr *a)
{
	return a && RTA_PAYLOAD(a) ? *(const uint8_t *)RTA_DATA(a) : 0;
}

enum tap_kind tap_kind(const char *name)
{
	const struct rtattr *data = tun_info(name);
	unsigned int type = byte_of(inside(data, IFLA_TUN_TYPE));

	if (!type)
		return TAP_NONE;
	if (type != IFF_TAP)
		return TAP_TUN;
	return byte_of(inside(data, IFLA_TUN_MULTI_QUEUE)) ? TAP_MANY_QUEUES : TAP_ONE_QUEUE;
}
