/* SPDX-License-Identifier: GPL-2.0 */
/*
 * restart.h: how often a role may be started again. Pure: numbers in, numbers out.
 *
 * Every death counts, whatever its exit status says: a hijacked role chooses that itself. What it costs is a pause before the next start, which
 * doubles; what pays for it is time in which the guest was served.
 */
#ifndef LGUEST_RUN_RESTART_H
#define LGUEST_RUN_RESTART_H

#include <stdbool.h>
#include <stdint.h>

#define RESTART_STRIKES		5	/* deaths that are the role's own fault within RESTART_STRIKES_MS: it will not get better */
#define RESTART_STRIKES_MS	30000
#define RESTART_DEBT_MAX	12	/* deaths that were not paid for: the same */
#define RESTART_PAYS_MS		250	/* service that pays for one death */
#define RESTART_PAUSE_MS	100	/* the first pause; the first death that is not paid for has none */
#define RESTART_PAUSE_MAX_MS	30000
#define RESTART_STORE		300	/* deaths that are paid for as quickly; then one in RESTART_STORE_MS */
#define RESTART_STORE_MS	10000

/**
 * struct restarts - of one role
 * @debt_ms: service that is owed for deaths
 * @strikes: own deaths since @first_strike_ms
 * @spent: of the store, as of @spent_ms
 */
struct restarts {
	unsigned int debt_ms;
	unsigned int strikes;
	uint64_t first_strike_ms;
	unsigned int spent;
	uint64_t spent_ms;
};

/**
 * restart_pause() - count a death
 * @r: the role's
 * @now_ms: when it died
 * @served_ms: for how long the guest had been served by that process
 * @own_fault: nobody else killed it
 *
 * Return: milliseconds to wait before the next start, -1: give it up.
 */
int restart_pause(struct restarts *r, uint64_t now_ms, uint64_t served_ms, bool own_fault);

#endif
