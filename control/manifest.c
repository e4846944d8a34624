// SPDX-License-Identifier: GPL-2.0
/*L:910
 * manifest.c: the manifest of lguest-control.
 *
 * It may talk to lguest-run, take connections on two sockets, and read and write these. It opens, maps and starts nothing.
 */
#include <sys/socket.h>

#include "control/ask.h"
#include "policy/rows.h"

#define DONTWAIT (MSG_DONTWAIT | MSG_NOSIGNAL)

static const struct policy_call calls[] = {
	CALL(ppoll, POLICY_BOTH, "wait"),
	CALL(accept4, POLICY_BOTH, "a client of the control socket", ARG_IS(0, CONTROL_FD_LISTEN), ARG_IS(3, SOCK_CLOEXEC | SOCK_NONBLOCK)),
	CALL(accept4, POLICY_BOTH, "a client of the status socket", ARG_IS(0, CONTROL_FD_STATUS), ARG_IS(3, SOCK_CLOEXEC | SOCK_NONBLOCK)),
	CALL(dup3, POLICY_BOTH, "a client to its number", ARG_CLASS(1, CONTROL_FD_CLIENT), ARG_IS(2, O_CLOEXEC)),
	CALL(setsockopt, POLICY_BOTH, "a client's urgent byte has its place among the others", ARG_CLASS(0, CONTROL_FD_CLIENT), ARG_IS(1, SOL_SOCKET),
	     ARG_IS(2, SO_OOBINLINE)),
	CALL(shutdown, POLICY_BOTH, "a client that is hung up on", ARG_CLASS(0, CONTROL_FD_CLIENT), ARG_IS(1, SHUT_RDWR)),
	CALL(close, POLICY_BOTH, "a client that is gone"),
	CALL(recvmsg, POLICY_BOTH, "answers", ARG_IS(0, CONTROL_FD_RUN), ARG_IS(2, DONTWAIT)),
	CALL(recvmsg, POLICY_BOTH, "lines of clients, which are looked at first", ARG_CLASS(0, CONTROL_FD_CLIENT),
	     ARG_BITS(2, ~(uint64_t)MSG_PEEK, DONTWAIT)),
	CALL(sendmsg, POLICY_BOTH, "requests", ARG_IS(0, CONTROL_FD_RUN), ARG_IS(2, DONTWAIT)),
	CALL(sendmsg, POLICY_BOTH, "lines to clients", ARG_CLASS(0, CONTROL_FD_CLIENT), ARG_IS(2, DONTWAIT)),
	CALL(clock_gettime, POLICY_BOTH, "time of events and of clients that stall, where the host's clock is not the vDSO's"),
	CALL(exit_group, POLICY_BOTH, "the end"),

	CALL(madvise, POLICY_SETUP, "seal: the start's code is given back", ARG_IS(2, MADV_DONTNEED)),
	CALL(close_range, POLICY_SETUP, "seal: close what set-up left"),
	CALL(prlimit64, POLICY_SETUP, "seal: limits of this process", ARG_IS(0, 0)),
	CALL(seccomp, POLICY_SETUP, "seal: the second filter", ARG_IS(0, SECCOMP_SET_MODE_FILTER), ARG_IS(1, 0)),
	CALL(write, POLICY_SETUP, "one-line messages", ARG_IS(0, POLICY_FD_LOG)),
	{ 0 }
};

static const struct policy_desc descs[] = {
	{ POLICY_FD_LOG, 1, POLICY_BOTH, "log", "pipe:" },
	{ CONTROL_FD_RUN, 1, POLICY_BOTH, "lguest-run", "socket:" },
	{ CONTROL_FD_LISTEN, 1, POLICY_BOTH, "the control socket", "socket:" },
	{ CONTROL_FD_STATUS, 1, POLICY_BOTH, "the status socket", "socket:" },
	{ CONTROL_FD_CLIENT, CONTROL_CLIENTS, POLICY_SEALED, "clients", "socket:" },
	{ 0 }
};

static const struct policy_limit limits[] = {
	LIMIT(CORE, POLICY_SETUP, 0),
	LIMIT(MSGQUEUE, POLICY_SETUP, 0),
	LIMIT(MEMLOCK, POLICY_SEALED, 0),
	LIMIT(NOFILE, POLICY_SETUP, 64),
	{ 0 }
};

const struct policy policy_control_manifest = {
	.role = "control",
	.purpose = "lines of clients to requests of lguest-run, and back",
	.calls = calls,
	.descs = descs,
	.limits = limits,
	.namespaces = ROLE_NAMESPACES,
};
