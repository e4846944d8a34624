// SPDX-License-Identifier: GPL-2.0
/*L:440
 * restart.c: the price of a death (restart.h). It may compute.
 */
#include "run/restart.h"

static bool strike(struct restarts *r, uint64_t now)
{
	if (!r->strikes || now - r->first_strike_ms > RESTART_STRIKES_MS) {
		r->strikes = 0;
		r->first_strike_ms = now;
	}
	return ++r->strikes >= RESTART_STRIKES;
}

/* Over hours even a role that serves a little between its deaths may not die often. Return: is the store empty? */
static bool overdrawn(struct restarts *r, uint64_t now)
{
	uint64_t back = (now - r->spent_ms) / RESTART_STORE_MS;

	if (!r->spent)
		r->spent_ms = now;
	else
		r->spent_ms += back * RESTART_STORE_MS;
	r->spent = back < r->spent ? r->spent - (unsigned int)back : 0;
	return ++r->spent > RESTART_STORE;
}

/*L:450
 * count_death() asked for the price. A hijacked role chooses its exit status and when it dies, but it cannot choose to
 * have served: time in which the guest was served is what pays. Who dies without paying waits longer each time, and is
 * given up in the end.
 */
int restart_pause(struct restarts *r, uint64_t now, uint64_t served, bool own_fault)
{
	unsigned int debt;
	int pause = 0;

	r->debt_ms = served < r->debt_ms ? r->debt_ms - (unsigned int)served : 0;
	if (own_fault && strike(r, now))
		return -1;
	r->debt_ms += RESTART_PAYS_MS;
	debt = (r->debt_ms + RESTART_PAYS_MS - 1) / RESTART_PAYS_MS;
	if (debt > RESTART_DEBT_MAX)
		return -1;
	if (debt > 1)
		pause = RESTART_PAUSE_MS << (debt - 2);
	if (overdrawn(r, now) && pause < RESTART_STORE_MS)
		pause = RESTART_STORE_MS;
	return pause < RESTART_PAUSE_MAX_MS ? pause : RESTART_PAUSE_MAX_MS;
}
