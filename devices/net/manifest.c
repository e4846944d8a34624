// SPDX-License-Identifier: GPL-2.0
/*P:280
 * manifest.c: the manifest of lguest-net.
 *
 * It may move frames between its window and its tap queues, all through one ring whose opcodes are fixed, and map
 * the windows that its peer sends. It may set the offloads of its tap. It may not configure it otherwise, make
 * sockets, open, create, execute or signal.
 */
#include <linux/if_tun.h>
#include <linux/io_uring.h>

#include "policy/rows.h"

static const struct policy_call calls[] = {
	ROLE_CALLS_RING,
	ROLE_CALLS_ALWAYS,
	CALL(ioctl, POLICY_BOTH, "the offloads that a driver acked, anew at each of its resets", ARG_IS(0, POLICY_FD_TAP),
	     ARG_IS(1, TUNSETOFFLOAD)),
	ROLE_CALLS_SETUP,
	{ 0 }
};

static const struct policy_desc descs[] = {
	ROLE_DESCS_CONTROL,
	ROLE_DESC_RING,
	{ POLICY_FD_TAP, POLICY_CLASS, POLICY_BOTH, "tap queues", "/dev/net/tun" },
	{ 0 }
};

static const struct policy_limit limits[] = {
	ROLE_LIMITS,
	{ 0 }
};

static const struct policy_ring_op ring_ops[] = {
	ROLE_RING_LOOP_AND("; frames received", "; small frames sent"),
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
