/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tell.h: what lguest-run tells the core while the guest runs (core/control.h). Nothing here waits, and nothing is lost: what the core's socket has no
 * room for is owed until it has.
 */
#ifndef LGUEST_RUN_TELL_H
#define LGUEST_RUN_TELL_H

#include "run/watch.h"

/** tell_event() - an event for the guest. @event: enum control_event */
void tell_event(struct watch *w, unsigned int event);

/** tell_given_up() - @r will not come back, until tell_connection() says otherwise. */
void tell_given_up(struct watch *w, const struct role *r);

/** tell_stats() - the counters are wanted: one answer serves all who have asked. */
void tell_stats(struct watch *w);

/**
 * tell_connection() - a new process of @r's, and the connection to it
 *
 * It is not owed: a process that nobody greets would be of no use. tell_has_room() says before whether it is taken.
 *
 * Return: was it taken? Else errno says why not.
 */
bool tell_connection(struct watch *w, const struct role *r);

/** tell_has_room() - would the core's socket take a message now? */
bool tell_has_room(const struct watch *w);

/** tell_owes() - is there something that waits for room? */
bool tell_owes(const struct watch *w);

/** tell_owed() - send what is owed, as far as there is room. */
void tell_owed(struct watch *w);

#endif
