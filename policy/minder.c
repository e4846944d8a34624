// SPDX-License-Identifier: GPL-2.0
/*D:795
 * minder.c: the manifest of the parent that stays behind when a role moves into its own pid namespace.
 *
 * It may wait for that child, say in one line how it ended, and end. It holds the log and nothing else.
 */
#include "policy/rows.h"

static const struct policy_call calls[] = {
	CALL(wait4, POLICY_BOTH, "the role's end"),
	CALL(write, POLICY_BOTH, "how it ended, in one line", ARG_IS(0, POLICY_FD_LOG)),
	CALL(exit_group, POLICY_BOTH, "the end"),
	{ 0 }
};

static const struct policy_desc descs[] = {
	{ POLICY_FD_LOG, 1, POLICY_BOTH, "log", "" },
	{ 0 }
};

static const struct policy_limit limits[] = {
	LIMIT(CORE, POLICY_SETUP, 0),
	LIMIT(NPROC, POLICY_SETUP, 0),
	LIMIT(NOFILE, POLICY_SETUP, 0),
	{ 0 }
};

const struct policy policy_minder_manifest = {
	.role = "minder",
	.purpose = "waits for one role and ends as it ended",
	.calls = calls,
	.descs = descs,
	.limits = limits,
	.namespaces = 0,
};
