// SPDX-License-Identifier: GPL-2.0
/*D:865
 * manifest-dial.c: the manifest of lguest-vsock's helper, which connects to the host's sockets.
 *
 * It may take a port number from the sealed process, connect to a Unix socket, and hand the connection over. It is no other user than dial.c says, and
 * sees the file system: connect() goes by a name, which dial.c makes of a fixed beginning and the number.
 */
#include <sys/socket.h>

#include "policy/rows.h"

static const struct policy_call calls[] = {
	CALL(recvfrom, POLICY_BOTH, "which port", ARG_IS(0, POLICY_FD_RESOURCE)),
	CALL(socket, POLICY_BOTH, "a Unix socket", ARG_IS(0, AF_UNIX), ARG_IS(1, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK), ARG_IS(2, 0)),
	CALL(connect, POLICY_BOTH, "it is connected", ARG_IS(0, 0)),
	CALL(sendmsg, POLICY_BOTH, "the connection, or why there is none", ARG_IS(0, POLICY_FD_RESOURCE)),
	CALL(close, POLICY_BOTH, "the helper's copy", ARG_IS(0, 0)),
	CALL(exit_group, POLICY_BOTH, "the end"),
	{ 0 }
};

static const struct policy_desc descs[] = {
	{ POLICY_FD_LOG, 1, POLICY_BOTH, "log", "" },
	{ POLICY_FD_RESOURCE, 1, POLICY_BOTH, "the sealed process", "socket:" },
	{ 0 }
};

static const struct policy_limit limits[] = {
	LIMIT(CORE, POLICY_SEALED, 0),
	LIMIT(NPROC, POLICY_SEALED, 0),
	LIMIT(NOFILE, POLICY_SEALED, POLICY_FD_MAX),	/* also of descriptors that all processes of its user have on their way */
	{ 0 }
};

const struct policy policy_vsock_dial_manifest = {
	.role = "vsock-dial",
	.purpose = "connects to one folder's sockets for lguest-vsock",
	.calls = calls,
	.descs = descs,
	.limits = limits,
	.namespaces = 0,
};
