/* SPDX-License-Identifier: GPL-2.0 */
/* acts.h: named attacks, and how their outcomes are counted. Test code; see hostile.c. */
#ifndef LGUEST_HOSTILE_ACTS_H
#define LGUEST_HOSTILE_ACTS_H

#include <stdarg.h>

#include "tests/sandbox/place.h"

/* In a list of roles: all that have a ring, whatever they are called. */
#define HOSTILE_RING_ROLES "(ring)"

/** hostile_role_in() - is the role among @roles: names with blanks between them, HOSTILE_RING_ROLES, or NULL for all? */
bool hostile_role_in(const struct policy *p, const char *roles);

/** check_acts() - run every named attack in @role's place, with each set of layers. */
void check_acts(const struct policy_role *role);

/** hostile_check() - count one verdict; a bad one is printed as a line. */
void hostile_check(bool good, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** hostile_outcome() - words for a result; in a static buffer. */
const char *hostile_outcome(const struct place_result *r);

#endif
