/* SPDX-License-Identifier: GPL-2.0 */
/*
 * mirror.h: the memory of a guest and that of the back end, which lguest-record keeps equal. What the guest changes is copied to the back end, and
 * written down; what the back end changes is copied to the guest. A ring's index goes last in both directions, by itself, and no further than it was
 * before the rest was copied: either end may poll it. So the back end has read nothing that the recording does not have, and nobody an entry too early.
 */
#ifndef LGUEST_RECORD_MIRROR_H
#define LGUEST_RECORD_MIRROR_H

#include <stdbool.h>
#include <stdint.h>

#include "ipc/vhost_user.h"

#define QUEUES VU_MAX_QUEUES

/**
 * struct queue - a ring, as the messages of the front end tell of it
 * @num, @desc, @avail, @used: its size, and where it is; @known: it has a place
 * @started: its kick descriptor came, so that the back end works on it; @on: and we know what is in flight (mirror_begin())
 * @guest_kick, @guest_call: the front end's eventfds, @own_kick, @own_call: the back end's; -1: none
 * @base: where the front end lets it begin; @kicked, @seen, @taken: indexes up to which the back end was woken, the guest was told, and requests
 *	are marked as in flight
 */
struct queue {
	uint16_t num;
	uint64_t desc, avail, used;
	bool known, started, on;
	int guest_kick, own_kick;
	int guest_call, own_call;
	uint16_t base, kicked, seen, taken;
};

extern struct queue queue[QUEUES];

/**
 * mirror_message() - the front end says which memory there is: the back end gets ours in its place
 * @m: its descriptors are taken, and become ours; other messages are left alone
 *
 * Return: 0 or -errno, after a sentence if the message is at fault.
 */
int mirror_message(struct vu_msg *m);

/** mirror_is_own() - does @at lie in memory that the back end has of us, not the front end's? */
bool mirror_is_own(const uint8_t *at);

/** mirror_begin() - a queue that has all it needs begins: what is in flight already must be known before the back end works on it. */
void mirror_begin(unsigned int i);

/** mirror_memory() - copy what the guest has changed, but for indexes of rings. */
void mirror_memory(void);

/** mirror_to_back() - copy what the guest has changed, indexes last, and wake the back end for what is new. */
void mirror_to_back(void);

/** mirror_to_guest() - the other way. */
void mirror_to_guest(void);

#endif
