// SPDX-License-Identifier: GPL-2.0
/*D:850
 * manifest.c: the manifest of lguest-net.
 *
 * It may move frames between its window and its tap queues, all through one ring whose opcodes are fixed, and map
 * the windows that its peer sends. It may order offloads of its tap from its minder, with one byte. It may not configure it, make
 * sockets, open, create, execute or signal.
 */
#include <linux/io_uring.h>

#include "policy/rows.h"

static const struct policy_call calls[] = {
	ROLE_CALLS_RING,
	ROLE_CALLS_ALWAYS,
	ROLE_CALLS_SETUP,
	{ 0 }
};

static const struct policy_desc descs[] = {
	ROLE_DESCS_CONTROL,
	ROLE_DESC_RING,
	{ POLICY_FD_ORDER, 1, POLICY_BOTH, "orders to its minder: offloads of the tap", "pipe:" },
	{ POLICY_FD_TAP, POLICY_CLASS, POLICY_BOTH, "tap queues", "/dev/net/tun" },
	{ 0 }
};

static const struct policy_limit limits[] = {
	ROLE_LIMITS,
	{ 0 }
};

static const struct policy_ring_op ring_ops[] = {
	ROLE_RING_LOOP_AND("; frames received", "; small frames sent"),
	{ IORING_OP_TIMEOUT, "TIMEOUT", "ticks of a bounded rate" },
	{ IORING_OP_WRITEV, "WRITEV", "frames sent" },
	{ 0 }
};

const struct policy policy_net_manifest = {
	.role = "net",
	.purpose = "frames between a guest and a tap, through a restricted io_uring",
	.calls = calls,
	.descs = descs,
	.limits = limits,
	.ring_ops = ring_ops,
	.namespaces = ROLE_NAMESPACES,
};
