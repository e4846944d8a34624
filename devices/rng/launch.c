// SPDX-License-Identifier: GPL-2.0
/*D:450
 * launch.c: what lguest-run does for a source of random numbers: nothing but to start its program, which needs nothing of the user's.
 * It runs in lguest-run, with the user's rights and outside any sandbox (run/kind.h).
 */
#include <stdio.h>

#include "run/child.h"
#include "run/launch.h"

static void rng_args(struct role *r, struct child *c)
{
	(void)r;
	(void)c;
}

static void rng_holds(const struct role *r)
{
	(void)r;
	puts("nothing");
}

const struct kind_launch rng_launch = { .ring = true, .args = rng_args, .holds = rng_holds };
