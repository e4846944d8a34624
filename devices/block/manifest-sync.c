// SPDX-License-Identifier: GPL-2.0
/*D:843
 * manifest-sync.c: the manifest of lguest-block on a host that forbids io_uring.
 *
 * The same work with preadv, pwritev, fdatasync and fallocate, each pinned to the image's descriptor.
 */
#include "policy/rows.h"

static const struct policy_call calls[] = {
	ROLE_CALLS_POLL,
	ROLE_CALLS_ALWAYS,
	CALL(preadv, POLICY_BOTH, "read requests", ARG_IS(0, POLICY_FD_RESOURCE)),
	CALL(pwritev, POLICY_BOTH, "write requests", ARG_IS(0, POLICY_FD_RESOURCE)),
	CALL(fdatasync, POLICY_BOTH, "flush requests", ARG_IS(0, POLICY_FD_RESOURCE)),
	CALL(fallocate, POLICY_BOTH, "discard and write-zeroes requests", ARG_IS(0, POLICY_FD_RESOURCE)),
	ROLE_CALLS_SETUP,
	{ 0 }
};

static const struct policy_desc descs[] = {
	ROLE_DESCS_CONTROL,
	{ POLICY_FD_RESOURCE, 1, POLICY_BOTH, "image", "/" },
	{ 0 }
};

static const struct policy_limit limits[] = {
	ROLE_LIMITS,
	LIMIT(NPROC, POLICY_SETUP, 0),
	{ 0 }
};

const struct policy policy_block_sync_manifest = {
	.role = "block-sync",
	.purpose = "virtio-blk requests on one raw image, through pread and pwrite",
	.calls = calls,
	.descs = descs,
	.limits = limits,
	.namespaces = ROLE_NAMESPACES,
};
