// SPDX-License-Identifier: GPL-2.0
/*D:845
 * manifest-keep-sync.c: the manifest of lguest-block for a disk that is not trimmed, on a host that forbids io_uring: without fallocate.
 */
#include "policy/rows.h"

static const struct policy_call calls[] = {
	ROLE_CALLS_POLL,
	ROLE_CALLS_ALWAYS,
	CALL(preadv, POLICY_BOTH, "read requests", ARG_IS(0, POLICY_FD_RESOURCE)),
	CALL(pwritev, POLICY_BOTH, "write requests", ARG_IS(0, POLICY_FD_RESOURCE)),
	CALL(fdatasync, POLICY_BOTH, "flush requests", ARG_IS(0, POLICY_FD_RESOURCE)),
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

const struct policy policy_block_keep_sync_manifest = {
	.role = "block-keep-sync",
	.purpose = "virtio-blk requests on one raw image without giving blocks back, through pread and pwrite",
	.calls = calls,
	.descs = descs,
	.limits = limits,
	.namespaces = ROLE_NAMESPACES,
};
