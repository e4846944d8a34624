// SPDX-License-Identifier: GPL-2.0
/*D:830
 * manifest.c: the manifest of lguest-console.
 *
 * It may move bytes between its window and one terminal, file or socket, all through one ring whose opcodes are
 * fixed, and map the windows that its peer sends. It may not open, create, execute or signal.
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
	{ POLICY_FD_RESOURCE, 1, POLICY_BOTH, "console input", "" },
	{ POLICY_FD_RESOURCE_OUT, 1, POLICY_BOTH, "console output", "" },
	{ POLICY_FD_RESIZE, 1, POLICY_BOTH, "window sizes of the terminal", "pipe:" },
	{ POLICY_FD_LISTEN, 1, POLICY_BOTH, "listening socket of the console", "socket:" },
	{ 0 }
};

static const struct policy_limit limits[] = {
	ROLE_LIMITS,
	{ 0 }
};

static const struct policy_ring_op ring_ops[] = {
	ROLE_RING_LOOP,
	{ IORING_OP_ACCEPT, "ACCEPT", "whoever connects to the console's socket" },
	{ IORING_OP_TIMEOUT, "TIMEOUT", "three ^C within a second; a reader that stalls" },
	{ IORING_OP_READV, "READV", "bytes typed" },
	{ IORING_OP_WRITEV, "WRITEV", "bytes shown" },
	{ 0 }
};

const struct policy policy_console_manifest = {
	.role = "console",
	.purpose = "bytes between a guest and one terminal, file or socket, through a restricted io_uring",
	.calls = calls,
	.descs = descs,
	.limits = limits,
	.ring_ops = ring_ops,
	.namespaces = ROLE_NAMESPACES,
};
