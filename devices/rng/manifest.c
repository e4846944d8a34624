// SPDX-License-Identifier: GPL-2.0
/*D:710
 * manifest.c: the manifest of lguest-rng.
 *
 * It may ask the kernel for random bytes and put them in its window. It holds no resource.
 */
#include <linux/io_uring.h>

#include "policy/rows.h"

static const struct policy_call calls[] = {
	ROLE_CALLS_RING,
	ROLE_CALLS_ALWAYS,
	ROLE_CALLS_SETUP,
	CALL(getrandom, POLICY_BOTH, "what the guest asks for", ARG_IS(2, 0)),
	{ 0 }
};

static const struct policy_desc descs[] = {
	ROLE_DESCS_CONTROL,
	ROLE_DESC_RING,
	{ 0 }
};

static const struct policy_limit limits[] = {
	ROLE_LIMITS,
	{ 0 }
};

static const struct policy_ring_op ring_ops[] = {
	ROLE_RING_LOOP,
	{ 0 }
};

const struct policy policy_rng_manifest = {
	.role = "rng",
	.purpose = "random bytes of the host for a guest, through a restricted io_uring",
	.calls = calls,
	.descs = descs,
	.limits = limits,
	.ring_ops = ring_ops,
	.namespaces = ROLE_NAMESPACES,
};
