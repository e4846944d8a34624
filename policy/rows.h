/* SPDX-License-Identifier: GPL-2.0 */
/*
 * rows.h: the rows that the manifests of all vhost-user back ends share.
 *
 * Only what the shared code (ipc/, devices/backend.c, policy_seal()) does itself. A role adds its own rows; what
 * only one role needs belongs in that role's file. There is no shared base that roles get "just in case".
 */
#ifndef LGUEST_POLICY_ROWS_H
#define LGUEST_POLICY_ROWS_H

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <linux/seccomp.h>

#include "policy/policy.h"

#define ROLE_NAMESPACES (CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS)

/*D:700
 * We have seen all the devices work and have taken their sandbox on trust. Now we look at the walls, beginning with the
 * smallest part: a row is one system call, the arguments that it is pinned to, and the reason for it. These are the
 * rows that the loop needs and every device has; a call for which a process has no row ends that process.
 */
/* Every sealed role: map and give back the regions of its peer (never executable, never private), end. */
#define ROLE_CALLS_ALWAYS \
	CALL(mmap, POLICY_SEALED, "guest windows, in-flight records", ARG_IS(2, PROT_READ | PROT_WRITE), \
	     ARG_IS(3, MAP_SHARED)), \
	CALL(munmap, POLICY_BOTH, "windows taken back"), \
	CALL(exit_group, POLICY_BOTH, "the end")

/* Everything of a role that runs on a ring: waiting, messages, kicks, calls and the device's own i/o. */
#define ROLE_CALLS_RING \
	CALL(io_uring_enter, POLICY_BOTH, "submit and wait, on the one ring", ARG_IS(0, POLICY_FD_RING)), \
	CALL(io_uring_setup, POLICY_SETUP, "the ring"), \
	CALL(io_uring_register, POLICY_SETUP, "the ring's restrictions"), \
	CALL(dup3, POLICY_SETUP, "the ring to its number", ARG_IS(1, POLICY_FD_RING), ARG_IS(2, O_CLOEXEC)), \
	CALL(close, POLICY_SETUP, "the ring's first number"), \
	CALL(write, POLICY_SETUP, "one-line messages", ARG_IS(0, POLICY_FD_LOG))

/* The loop on a host without io_uring. Kick, call and memory descriptors arrive at numbers that no rule can know. */
#define ROLE_CALLS_POLL \
	CALL(ppoll, POLICY_BOTH, "wait"), \
	CALL(recvmsg, POLICY_BOTH, "vhost-user messages", ARG_IS(0, POLICY_FD_CONTROL)), \
	CALL(sendmsg, POLICY_BOTH, "vhost-user replies", ARG_IS(0, POLICY_FD_CONTROL)), \
	CALL(read, POLICY_BOTH, "kick eventfds"), \
	CALL(pread64, POLICY_BOTH, "the last byte of a memory region: does the file reach that far?"), \
	CALL(write, POLICY_BOTH, "call eventfds"), \
	CALL(close, POLICY_BOTH, "descriptors taken back")

/*
 * Between policy_enter() and policy_seal(): no byte of a peer is read there, so these rules bind only mistakes.
 * Sealed calls are a subset: a filter that is loaded later can only take away.
 */
#define ROLE_CALLS_SETUP \
	CALL(mmap, POLICY_SETUP, "buffers, the ring", ARG_WITHIN(2, PROT_READ | PROT_WRITE)), \
	CALL(close_range, POLICY_SETUP, "seal: close what set-up left"), \
	CALL(madvise, POLICY_SETUP, "seal: the start's code is given back", ARG_IS(2, MADV_DONTNEED)), \
	CALL(prlimit64, POLICY_SETUP, "seal: limits of this process", ARG_IS(0, 0)), \
	CALL(seccomp, POLICY_SETUP, "seal: the second filter", ARG_IS(0, SECCOMP_SET_MODE_FILTER), ARG_IS(1, 0))

/*
 * Ring operations of the loop itself, in every role. A role that moves its data by READ and WRITE too says so: @reads and @writes
 * follow the loop's own reasons, "; read requests in one piece".
 */
#define ROLE_RING_LOOP ROLE_RING_LOOP_AND("", "")
#define ROLE_RING_LOOP_AND(reads, writes) \
	{ IORING_OP_READ, "READ", "kick eventfds, the last byte of a memory region" reads }, \
	{ IORING_OP_WRITE, "WRITE", "call eventfds, the log" writes }, \
	{ IORING_OP_RECVMSG, "RECVMSG", "vhost-user messages" }, \
	{ IORING_OP_SENDMSG, "SENDMSG", "vhost-user replies" }, \
	{ IORING_OP_CLOSE, "CLOSE", "descriptors taken back" }, \
	{ IORING_OP_POLL_ADD, "POLL_ADD", "readiness" }, \
	{ IORING_OP_ASYNC_CANCEL, "ASYNC_CANCEL", "a kick eventfd taken back, a queue stopped" }

#define ROLE_DESCS_CONTROL \
	{ POLICY_FD_LOG, 1, POLICY_BOTH, "log", "pipe:" }, \
	{ POLICY_FD_CONTROL, 1, POLICY_BOTH, "vhost-user connection", "socket:" }, \
	{ POLICY_FD_DRAIN, 1, POLICY_BOTH, "drain pipe", "pipe:" }, \
	{ POLICY_FD_INFLIGHT, 1, POLICY_BOTH, "in-flight records", "/memfd:lguest-inflight" }

#define ROLE_DESC_RING { POLICY_FD_RING, 1, POLICY_BOTH, "ring", "anon_inode:[io_uring]" }

#define LIMIT(res, stage, value) { RLIMIT_##res, stage, #res, value }

/* FSIZE is set by policy_enter() to the size of the image, or 0. */
#define ROLE_LIMITS \
	LIMIT(CORE, POLICY_SETUP, 0), \
	LIMIT(MSGQUEUE, POLICY_SETUP, 0), \
	LIMIT(MEMLOCK, POLICY_SEALED, 0), \
	LIMIT(NOFILE, POLICY_SETUP, POLICY_FD_MAX)

#endif
