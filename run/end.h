/* SPDX-License-Identifier: GPL-2.0 */
/*
 * end.h: the end of a guest's processes, of one whose minder was killed too.
 */
#ifndef LGUEST_RUN_END_H
#define LGUEST_RUN_END_H

#include "run/launch.h"

#define END_REAP_MS	60000	/* for killed processes to be gone: the core gives back all of guest memory first */

/** end_note_strangers() - before the first process of the guest: who is our child already is none of the guest's. */
void end_note_strangers(void);

/** end_reap_adopted() - take the ends of children that nobody waits for: roles whose minder was killed, and strangers. It does not wait. */
void end_reap_adopted(const struct launch *l);

/**
 * end_all() - end what still runs, and wait until it is gone
 *
 * END_REAP_MS at most for what was killed, and half a second for what the kernel still does for it; a sentence says what is not gone then.
 */
void end_all(struct launch *l);

#endif
