// SPDX-License-Identifier: GPL-2.0
/*D:835
 * manifest-keeper.c: the manifest of the process that restores a terminal when its console has ended (terminal.c).
 *
 * It may wait for signals and its child, pass signals and window sizes on, set the terminal's modes and state, and end. It holds the terminal, the writing
 * end of a pipe, and nothing that a guest or a front end wrote.
 */
#include <sys/ioctl.h>
#include <termios.h>

#include "policy/rows.h"

static const struct policy_call calls[] = {
	CALL(rt_sigtimedwait, POLICY_BOTH, "what happens"),
	CALL(wait4, POLICY_BOTH, "the child's end"),
	CALL(kill, POLICY_BOTH, "signals, passed on to the child: its user is the only one whose processes it may signal"),
	CALL(write, POLICY_BOTH, "window sizes", ARG_IS(0, POLICY_FD_RESIZE)),
	CALL(write, POLICY_BOTH, "the terminal's state, once more as a terminal has it", ARG_IS(0, POLICY_FD_RESOURCE_OUT)),
	CALL(ioctl, POLICY_BOTH, "the window's size", ARG_IS(0, 0), ARG_IS(1, TIOCGWINSZ)),
	CALL(ioctl, POLICY_BOTH, "the terminal's modes, as they were", ARG_IS(0, 0), ARG_IS(1, TCSETSF)),
	CALL(exit_group, POLICY_BOTH, "the end"),
	{ 0 }
};

static const struct policy_desc descs[] = {
	{ 0, 1, POLICY_BOTH, "terminal", "/dev/" },
	{ POLICY_FD_RESOURCE_OUT, 1, POLICY_BOTH, "terminal, to write without waiting", "/dev/" },
	{ POLICY_FD_RESIZE, 1, POLICY_BOTH, "window sizes", "pipe:" },
	{ 0 }
};

static const struct policy_limit limits[] = {
	LIMIT(CORE, POLICY_SETUP, 0),
	LIMIT(NPROC, POLICY_SETUP, 0),
	LIMIT(NOFILE, POLICY_SETUP, 0),
	{ 0 }
};

const struct policy policy_keeper_manifest = {
	.role = "keeper",
	.purpose = "restores a terminal when its console has ended",
	.calls = calls,
	.descs = descs,
	.limits = limits,
	.namespaces = 0,
};
