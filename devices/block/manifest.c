// SPDX-License-Identifier: GPL-2.0
/*D:840
 * manifest.c: the manifest of lguest-block on io_uring.
 *
 * It may submit reads, writes, flushes and hole punching on one image, wait for kicks and signal calls, all of it
 * through one ring whose opcodes are fixed, and map the windows that its peer sends. It may not open, create, execute,
 * signal or see anything else.
 * NPROC is left alone: the kernel makes the ring's worker threads against it, and those obey this same filter.
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
	{ POLICY_FD_RESOURCE, 1, POLICY_BOTH, "image", "/" },
	{ 0 }
};

static const struct policy_limit limits[] = {
	ROLE_LIMITS,
	{ 0 }
};

static const struct policy_ring_op ring_ops[] = {
	ROLE_RING_LOOP_AND("; read requests in one piece", "; write requests in one piece"),
	{ IORING_OP_READV, "READV", "read requests" },
	{ IORING_OP_WRITEV, "WRITEV", "write requests" },
	{ IORING_OP_FSYNC, "FSYNC", "flush requests" },
	{ IORING_OP_FALLOCATE, "FALLOCATE", "discard and write-zeroes requests" },
	{ 0 }
};

const struct policy policy_block_manifest = {
	.role = "block",
	.purpose = "virtio-blk requests on one raw image, through a restricted io_uring",
	.calls = calls,
	.descs = descs,
	.limits = limits,
	.ring_ops = ring_ops,
	.namespaces = ROLE_NAMESPACES,
};
