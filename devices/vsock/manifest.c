// SPDX-License-Identifier: GPL-2.0
/*D:860
 * manifest.c: the manifest of lguest-vsock.
 *
 * It may move bytes between its window and connections that it was given: those that it accepts on its listening socket and those
 * that its helper makes for it (manifest-dial.c), all through one ring whose opcodes are fixed. It may not make a socket,
 * connect, open, create, execute or signal.
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
	{ POLICY_FD_RESOURCE, 1, POLICY_BOTH, "the helper that connects", "socket:" },
	{ POLICY_FD_LISTEN, 1, POLICY_BOTH, "listening socket for the host's programs", "socket:" },
	{ 0 }
};

static const struct policy_limit limits[] = {
	ROLE_LIMITS,
	{ 0 }
};

static const struct policy_ring_op ring_ops[] = {
	ROLE_RING_LOOP_AND("", "; a port for the helper"),
	{ IORING_OP_ACCEPT, "ACCEPT", "programs of the host that connect" },
	{ IORING_OP_TIMEOUT, "TIMEOUT", "whoever connects and says nothing" },
	{ IORING_OP_READV, "READV", "bytes of the host's programs" },
	{ IORING_OP_WRITEV, "WRITEV", "bytes of the guest's" },
	{ IORING_OP_SHUTDOWN, "SHUTDOWN", "the guest has sent all" },
	{ 0 }
};

const struct policy policy_vsock_manifest = {
	.role = "vsock",
	.purpose = "connections between a guest and Unix sockets of the host, through a restricted io_uring",
	.calls = calls,
	.descs = descs,
	.limits = limits,
	.ring_ops = ring_ops,
	.namespaces = ROLE_NAMESPACES,
};
