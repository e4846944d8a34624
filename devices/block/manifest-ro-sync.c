// SPDX-License-Identifier: GPL-2.0
/*D:844
 * manifest-ro-sync.c: the manifest of lguest-block for a disk that is only read, on a host that forbids io_uring.
 */
#include "policy/rows.h"

static const struct policy_call calls[] = {
	ROLE_CALLS_POLL,
	ROLE_CALLS_ALWAYS,
	CALL(preadv, POLICY_BOTH, "read requests", ARG_IS(0, POLICY_FD_RESOURCE)),
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

const struct policy policy_block_ro_sync_manifest = {
	.role = "block-ro-sync",
	.purpose = "virtio-blk reads of one raw image, through pread",
	.calls = calls,
	.descs = descs,
	.limits = limits,
	.namespaces = ROLE_NAMESPACES,
};
