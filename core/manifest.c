// SPDX-License-Identifier: GPL-2.0
/*D:870
 * manifest.c: the manifest of lguest-core.
 *
 * It may run one guest through /dev/lguest, whose ioctls are pinned by number, talk to the back ends of its devices
 * and to lguest-run on sockets that it was given, and print the guest's early console. It may not open, create,
 * execute, signal, map memory or start a thread once the guest runs; it may make holes in its memory.
 *
 * Sealed calls besides ioctl name no descriptor: kick eventfds and connections come at numbers that no rule can know.
 */
#include <linux/fs.h>
#include <linux/futex.h>
#include <linux/lguest.h>

#include <sys/mman.h>
#include <sys/socket.h>

#include "core/layout.h"
#include "policy/rows.h"

#define MODULE_IOCTL(cmd, stages, why) \
	CALL(ioctl, stages, why, ARG_IS(0, CORE_FD_LGUEST), ARG_IS(1, cmd))

static const struct policy_call calls[] = {
	MODULE_IOCTL(LGUEST_RUN, POLICY_BOTH, "run the vCPUs"),
	MODULE_IOCTL(LGUEST_GET_REGS, POLICY_BOTH, "device registers: the value of a store"),
	MODULE_IOCTL(LGUEST_SET_REGS, POLICY_BOTH, "device registers: the result of a load, the next instruction"),
	MODULE_IOCTL(LGUEST_INTERRUPT, POLICY_BOTH, "configuration changes, events of an operator"),
	MODULE_IOCTL(LGUEST_GET_STATS, POLICY_BOTH, "counters for an operator"),
	MODULE_IOCTL(LGUEST_KILL, POLICY_BOTH, "a guest that broke the rules of device registers"),
	MODULE_IOCTL(LGUEST_GET_API_VERSION, POLICY_SETUP, "is it our module?"),
	MODULE_IOCTL(LGUEST_CREATE, POLICY_SETUP, "make the guest"),
	MODULE_IOCTL(LGUEST_CREATE_VCPU, POLICY_SETUP, "make its vCPUs"),
	MODULE_IOCTL(LGUEST_ADD_MEMORY, POLICY_SETUP, "RAM and windows"),
	MODULE_IOCTL(LGUEST_IOEVENTFD, POLICY_SETUP, "kicks go past this process"),
	MODULE_IOCTL(LGUEST_IRQFD, POLICY_SETUP, "calls too"),

	CALL(write, POLICY_BOTH, "early console, kicks by register store"),
	CALL(preadv2, POLICY_BOTH, "the error eventfds of queues, without waiting", ARG_IS(5, RWF_NOWAIT)),
	CALL(sendmsg, POLICY_BOTH, "vhost-user, control"),
	CALL(recvmsg, POLICY_BOTH, "vhost-user, control"),
	CALL(poll, POLICY_BOTH, "wait, with the deadlines of vhost-user"),
	CALL(restart_syscall, POLICY_BOTH, "poll goes on after SIGSTOP and SIGCONT"),
	CALL(clock_gettime, POLICY_BOTH, "deadlines, where the host's clock is not the vDSO's"),
	CALL(futex, POLICY_BOTH, "the locks between the threads, the kicks that one hands to another: FUTEX_WAIT, FUTEX_WAKE", ARG_BITS(1, ~1ull, FUTEX_PRIVATE_FLAG)),
	CALL(futex, POLICY_SETUP, "the vCPUs' threads are made and named", ARG_BITS(1, ~(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME | 11ull), 0)),
	CALL(socketpair, POLICY_BOTH, "a returned back end's own socket", ARG_IS(0, AF_UNIX), ARG_IS(1, SOCK_STREAM | SOCK_CLOEXEC), ARG_IS(2, 0)),
	CALL(close, POLICY_BOTH, "a dead back end's connection"),
	CALL(exit_group, POLICY_BOTH, "the end"),

	CALL(setsockopt, POLICY_SETUP, "a foreign back end's urgent byte has its place among the others", ARG_IS(1, SOL_SOCKET), ARG_IS(2, SO_OOBINLINE)),
	CALL(memfd_create, POLICY_SETUP, "RAM, windows and in-flight records"),
	CALL(ftruncate, POLICY_SETUP, "their sizes"),
	CALL(fcntl, POLICY_SETUP, "their seals", ARG_IS(1, F_ADD_SEALS)),
	CALL(mmap, POLICY_SETUP, "RAM, windows and in-flight records, the threads' stacks", ARG_WITHIN(2, PROT_READ | PROT_WRITE)),
	CALL(munmap, POLICY_SETUP, "what alignment leaves over"),
	CALL(mprotect, POLICY_SETUP, "the vCPUs' stacks", ARG_WITHIN(2, PROT_READ | PROT_WRITE)),
	CALL(madvise, POLICY_SETUP, "huge pages; the start's code is given back"),
	CALL(madvise, POLICY_SEALED, "memory that the guest has released: a hole where it was", ARG_IS(2, MADV_REMOVE)),
	CALL(brk, POLICY_SETUP, "the thread's record"),
	CALL(pread64, POLICY_SETUP, "kernel and initrd"),
	CALL(newfstatat, POLICY_SETUP, "their sizes", ARG_IS(3, AT_EMPTY_PATH)),
	CALL(getrandom, POLICY_SETUP, "the guest's seed"),
	CALL(eventfd2, POLICY_SETUP, "kicks and calls"),
	CALL(clone3, POLICY_SETUP, "the vCPUs' threads"),
	CALL(set_robust_list, POLICY_SETUP, "the vCPUs' threads"),
	CALL(rseq, POLICY_SETUP, "the vCPUs' threads"),
	CALL(rt_sigprocmask, POLICY_SETUP, "the vCPUs' threads"),
	CALL(rt_sigaction, POLICY_SETUP, "the vCPUs' threads: the C library's own signal"),
	CALL(close_range, POLICY_SETUP, "seal: close what set-up left"),
	CALL(prlimit64, POLICY_SETUP, "seal: limits of this process", ARG_IS(0, 0)),
	CALL(seccomp, POLICY_SETUP, "seal: the second filter", ARG_IS(0, SECCOMP_SET_MODE_FILTER), ARG_IS(1, 0)),
	{ 0 }
};

static const struct policy_desc descs[] = {
	{ 0, 1, POLICY_BOTH, "nothing", "/dev/null" },
	{ CORE_FD_CONSOLE, 1, POLICY_BOTH, "early console", "pipe:" },
	{ CORE_FD_LOG, 1, POLICY_BOTH, "log", "pipe:" },	/* kept, so that nothing else gets this number */
	{ CORE_FD_CONTROL, 1, POLICY_BOTH, "lguest-run", "socket:" },
	{ CORE_FD_LGUEST, 1, POLICY_BOTH, "the guest", "/dev/lguest" },
	{ CORE_FD_KERNEL, 1, POLICY_SETUP, "kernel", "/" },
	{ CORE_FD_INITRD, 1, POLICY_SETUP, "initrd", "/" },
	{ CORE_FD_DEVICE, GUEST_DEVICES, POLICY_BOTH, "vhost-user connections", "socket:" },
	{ 0 }
};

/* MEMLOCK stays: guest memory is counted against it. */
static const struct policy_limit limits[] = {
	LIMIT(CORE, POLICY_SETUP, 0),
	LIMIT(MSGQUEUE, POLICY_SETUP, 0),
	LIMIT(RTPRIO, POLICY_SETUP, 0),
	LIMIT(NOFILE, POLICY_SETUP, CORE_FD_MAX),
	{ 0 }
};

const struct policy policy_core_manifest = {
	.role = "core",
	.purpose = "one guest: its memory, its vCPUs, the registers of its devices",
	.calls = calls,
	.descs = descs,
	.limits = limits,
	.may_stop = true,	/* a guest may be paused */
	.namespaces = ROLE_NAMESPACES,
	.own_first = CORE_FD_OWN,	/* guest memory, eventfds, in-flight records of our own, connections that come later */
};
