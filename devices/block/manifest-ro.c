// SPDX-License-Identifier: GPL-2.0
/*D:841
 * manifest-ro.c: the manifest of lguest-block for a disk that is only read: neither writes nor flushes nor holes. The ring writes calls, to eventfds;
 * the image is open for reading alone.
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
	ROLE_RING_LOOP_AND("; read requests in one piece", ""),
	{ IORING_OP_READV, "READV", "read requests" },
	{ 0 }
};

const struct policy policy_block_ro_manifest = {
	.role = "block-ro",
	.purpose = "virtio-blk reads of one raw image, through a restricted io_uring",
	.calls = calls,
	.descs = descs,
	.limits = limits,
	.ring_ops = ring_ops,
	.namespaces = ROLE_NAMESPACES,
};
