/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tap_owner.h: does a tap have an owner? The kernel lets any user attach to a persistent tap that has neither owner nor group.
 * May be called by: devices/net, run/, before any sandbox. May call: nothing of ours.
 */
#ifndef LGUEST_NET_TAP_OWNER_H
#define LGUEST_NET_TAP_OWNER_H

#include <stdbool.h>

struct ifreq;

/**
 * tap_is_unowned() - may any user of the host attach to this tap, see its frames, add to them, or remove it?
 * @ifr: what TUNGETIFF said of an attached descriptor: name and flags
 *
 * A tap that the kernel does not answer for is taken to be anybody's. Opens and closes a netlink socket.
 */
bool tap_is_unowned(const struct ifreq *ifr);

enum tap_kind {
	TAP_NONE,		/* no tun or tap interface, or the kernel does not tell */
	TAP_TUN,
	TAP_ONE_QUEUE,
	TAP_MANY_QUEUES,
};

/** tap_kind() - what an interface is, for the sentence that says why it could not be attached to. */
enum tap_kind tap_kind(const char *name);

#endif
