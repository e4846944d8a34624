// SPDX-License-Identifier: GPL-2.0
/*D:800
 * attendant.c: the manifest of a minder that reads its role's pipes: where the role was started by hand, whose log would be a terminal or a
 * file, and where it has an order to give.
 *
 * It may wait for its child, show what that says, set the offloads of a tap, and end. It holds the log, two pipes and, for lguest-net, the tap.
 */
#include <linux/if_tun.h>
#include <sys/ioctl.h>

#include "policy/rows.h"

static const struct policy_call calls[] = {
	CALL(wait4, POLICY_BOTH, "the role's end"),
	CALL(ppoll, POLICY_BOTH, "the role's pipes, or its end"),
	CALL(rt_sigreturn, POLICY_BOTH, "from the handler that interrupts ppoll"),
	CALL(read, POLICY_BOTH, "what the role says, and what it orders", ARG_BITS(0, ~1ull, POLICY_FD_SHOW & POLICY_FD_ORDER)),
	CALL(write, POLICY_BOTH, "to the log", ARG_IS(0, POLICY_FD_LOG)),
	CALL(ioctl, POLICY_BOTH, "the offloads that a driver acked", ARG_IS(0, POLICY_FD_TAP), ARG_IS(1, TUNSETOFFLOAD)),
	CALL(clock_gettime, POLICY_BOTH, "the pause between orders, where the host's clock is not the vDSO's"),
	CALL(exit_group, POLICY_BOTH, "the end"),
	{ 0 }
};

static const struct policy_desc descs[] = {
	{ POLICY_FD_LOG, 1, POLICY_BOTH, "log", "" },
	{ POLICY_FD_SHOW, 1, POLICY_BOTH, "what the role says", "pipe:" },
	{ POLICY_FD_ORDER, 1, POLICY_BOTH, "what it orders", "pipe:" },
	{ POLICY_FD_TAP, 1, POLICY_BOTH, "tap", "/dev/net/tun" },
	{ 0 }
};

static const struct policy_limit limits[] = {
	LIMIT(CORE, POLICY_SETUP, 0),
	LIMIT(NPROC, POLICY_SETUP, 0),
	LIMIT(NOFILE, POLICY_SETUP, 2),
	{ 0 }
};

const struct policy policy_attendant_manifest = {
	.role = "attendant",
	.purpose = "waits for one role and ends as it ended, shows what it says, and sets the offloads of its tap",
	.calls = calls,
	.descs = descs,
	.limits = limits,
	.namespaces = 0,
};
