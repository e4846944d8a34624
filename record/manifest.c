// SPDX-License-Identifier: GPL-2.0
/*L:955
 * manifest.c: the manifest of lguest-record.
 *
 * It may carry messages between two connections, map the memory that one of them sends, make memory and eventfds for the other, and write one file.
 * It opens nothing. What it makes counts against the limits below.
 */
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "policy/rows.h"

#define RECV_FLAGS (MSG_DONTWAIT | MSG_CMSG_CLOEXEC | MSG_PEEK)
#define DONTWAIT (MSG_DONTWAIT | MSG_NOSIGNAL)

static const struct policy_call calls[] = {
	CALL(ppoll, POLICY_BOTH, "wait; does a wakening fit: poll, stopped and continued, would need restart_syscall too"),
	CALL(recvmsg, POLICY_BOTH, "messages of the front end", ARG_IS(0, POLICY_FD_CONTROL), ARG_WITHIN(2, RECV_FLAGS)),
	CALL(recvmsg, POLICY_BOTH, "messages of the back end", ARG_IS(0, POLICY_FD_RESOURCE_OUT), ARG_WITHIN(2, RECV_FLAGS)),
	CALL(sendmsg, POLICY_BOTH, "messages to the front end", ARG_IS(0, POLICY_FD_CONTROL), ARG_IS(2, DONTWAIT)),
	CALL(sendmsg, POLICY_BOTH, "messages to the back end", ARG_IS(0, POLICY_FD_RESOURCE_OUT), ARG_IS(2, DONTWAIT)),
	CALL(preadv2, POLICY_BOTH, "kick and call eventfds, without waiting", ARG_IS(2, 1), ARG_IS(5, RWF_NOWAIT)),
	CALL(write, POLICY_BOTH, "the recording", ARG_IS(0, POLICY_FD_RESOURCE)),
	CALL(write, POLICY_BOTH, "one-line messages", ARG_IS(0, POLICY_FD_LOG)),
	CALL(write, POLICY_BOTH, "kick and call eventfds", ARG_IS(2, 8)),
	CALL(eventfd2, POLICY_BOTH, "kick and call of the back end", ARG_IS(0, 0), ARG_IS(1, EFD_NONBLOCK | EFD_CLOEXEC)),
	CALL(memfd_create, POLICY_BOTH, "the back end's memory and in-flight records", ARG_IS(1, MFD_CLOEXEC)),
	CALL(ftruncate, POLICY_BOTH, "its size; the recording on a full disk, back to its last whole record"),
	CALL(newfstatat, POLICY_BOTH, "does a memory region lie within its file", ARG_IS(3, AT_EMPTY_PATH)),
	CALL(fcntl, POLICY_BOTH, "a copy of what is sent on", ARG_IS(1, F_DUPFD_CLOEXEC)),
	CALL(mmap, POLICY_BOTH, "the guest's memory and the back end's", ARG_IS(2, PROT_READ | PROT_WRITE), ARG_IS(3, MAP_SHARED)),
	CALL(munmap, POLICY_BOTH, "memory taken back"),
	CALL(close, POLICY_BOTH, "descriptors taken back"),
	CALL(clock_gettime, POLICY_BOTH, "the time of a record, where the host's clock is not the vDSO's"),
	CALL(exit_group, POLICY_BOTH, "the end"),

	CALL(madvise, POLICY_SETUP, "seal: the start's code is given back", ARG_IS(2, MADV_DONTNEED)),
	CALL(close_range, POLICY_SETUP, "seal: close what set-up left"),
	CALL(prlimit64, POLICY_SETUP, "seal: limits of this process", ARG_IS(0, 0)),
	CALL(seccomp, POLICY_SETUP, "seal: the second filter", ARG_IS(0, SECCOMP_SET_MODE_FILTER), ARG_IS(1, 0)),
	{ 0 }
};

static const struct policy_desc descs[] = {
	{ POLICY_FD_LOG, 1, POLICY_BOTH, "log", "pipe:" },
	{ POLICY_FD_CONTROL, 1, POLICY_BOTH, "the front end", "socket:" },
	{ POLICY_FD_RESOURCE, 1, POLICY_BOTH, "the recording", "/" },
	{ POLICY_FD_RESOURCE_OUT, 1, POLICY_BOTH, "the back end", "socket:" },
	{ POLICY_FD_DRAIN, 1, POLICY_BOTH, "drain pipe of the recorded role", "pipe:" },
	{ 0 }
};

/* 8 regions, 16 queues of 4 eventfds, a message's descriptors: it is the sum of two back ends. */
static const struct policy_limit limits[] = {
	LIMIT(CORE, POLICY_SETUP, 0),
	LIMIT(MSGQUEUE, POLICY_SETUP, 0),
	LIMIT(MEMLOCK, POLICY_SEALED, 0),
	LIMIT(NOFILE, POLICY_SETUP, POLICY_FD_MAX),
	{ 0 }
};

const struct policy policy_record_manifest = {
	.role = "record",
	.purpose = "carries what a front end and a back end say to each other, and writes down what the back end receives",
	.calls = calls,
	.descs = descs,
	.limits = limits,
	.namespaces = ROLE_NAMESPACES,
};
