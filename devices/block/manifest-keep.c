// SPDX-License-Identifier: GPL-2.0
/*D:842
 * manifest-keep.c: the manifest of lguest-block for a disk that is not trimmed (nodiscard, or a file system without holes): without FALLOCATE, which
 * could also take space behind the image, where no limit of file size counts it.
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
	{ 0 }
};

const struct policy policy_block_keep_manifest = {
	.role = "block-keep",
	.purpose = "virtio-blk requests on one raw image without giving blocks back, through a restricted io_uring",
	.calls = calls,
	.descs = descs,
	.limits = limits,
	.ring_ops = ring_ops,
	.namespaces = ROLE_NAMESPACES,
};
