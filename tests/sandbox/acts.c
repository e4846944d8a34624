// SPDX-License-Identifier: GPL-2.0
/*
 * acts.c: what an attacker would really try from inside a role, with proper arguments.
 *
 * Each act runs three times. Sealed, it must kill the role (or fail, where an allowed call or ring operation is
 * used). With every layer except the filters it must still fail, where another layer is there for it. And with no
 * sandbox it must work: a control that fails means that the act tests nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/io_uring.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>
#include <sched.h>

#include "tests/sandbox/abstract.h"
#include "tests/sandbox/acts.h"

static long answer(long ret)
{
	return ret < 0 ? -errno : ret;
}

static long open_host_file(struct place *p, long arg)
{
	(void)p, (void)arg;
	return answer(syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY));
}

static long open_proc(struct place *p, long arg)
{
	(void)p, (void)arg;
	return answer(syscall(SYS_openat, AT_FDCWD, "/proc/self/mem", O_RDWR));
}

static long climb_out(struct place *p, long arg)
{
	(void)p, (void)arg;
	return answer(syscall(SYS_openat, AT_FDCWD, "../../../../../../etc/passwd", O_RDONLY));
}

static long reopen_image(struct place *p, long arg)
{
	(void)p, (void)arg;
	return answer(syscall(SYS_openat, AT_FDCWD, "/proc/self/fd/4", O_RDWR));
}

static long make_file(struct place *p, long arg)
{
	(void)p, (void)arg;
	return answer(syscall(SYS_openat, AT_FDCWD, "/tmp/.", O_RDWR | O_TMPFILE, 0600));
}

static long list_root(struct place *p, long arg)
{
	char buf[4096];
	long fd = syscall(SYS_openat, AT_FDCWD, "/", O_RDONLY | O_DIRECTORY);
	long n;

	(void)p, (void)arg;
	if (fd < 0)
		return -errno;
	n = syscall(SYS_getdents64, fd, buf, sizeof(buf));
	return n < 0 ? -errno : n <= 48 ? -ENOENT : n;	/* 48: "." and ".." only */
}

static long kill_host(struct place *p, long arg)
{
	(void)arg;
	return answer(syscall(SYS_kill, p->host_pid, 0));
}

static long kill_everybody(struct place *p, long arg)
{
	(void)p, (void)arg;
	return answer(syscall(SYS_kill, -1, 0));
}

static long ptrace_host(struct place *p, long arg)
{
	(void)arg;
	return answer(syscall(SYS_ptrace, PTRACE_SEIZE, p->host_pid, 0, 0));
}

static long read_host_memory(struct place *p, long arg)
{
	static char target[8];
	char buf[8];
	struct iovec local = { buf, sizeof(buf) }, remote = { target, sizeof(target) };

	(void)arg;
	return answer(syscall(SYS_process_vm_readv, p->host_pid, &local, 1, &remote, 1, 0));
}

static long write_host_memory(struct place *p, long arg)
{
	static char target[8];
	char buf[8] = "";
	struct iovec local = { buf, sizeof(buf) }, remote = { target, sizeof(target) };

	(void)arg;
	return answer(syscall(SYS_process_vm_writev, p->host_pid, &local, 1, &remote, 1, 0));
}

static long pidfd_host(struct place *p, long arg)
{
	(void)arg;
	return answer(syscall(SYS_pidfd_open, p->host_pid, 0));
}

static long limit_host(struct place *p, long arg)
{
	struct rlimit lim;

	(void)arg;
	return answer(syscall(SYS_prlimit64, p->host_pid, RLIMIT_NOFILE, NULL, &lim));
}

static long enter_host_namespaces(struct place *p, long arg)
{
	long fd = syscall(SYS_pidfd_open, p->host_pid, 0);

	(void)arg;
	return fd < 0 ? -errno : answer(syscall(SYS_setns, fd, CLONE_NEWNS | CLONE_NEWNET));
}

static long inet_socket(struct place *p, long arg)
{
	/* 127.0.0.1:9: refused or unreachable both mean "no answer"; only the first means a network */
	static const struct sockaddr sa = { AF_INET, { 0, 9, 127, 0, 0, 1 } };
	long fd = syscall(SYS_socket, AF_INET, SOCK_DGRAM, 0);

	(void)p, (void)arg;
	if (fd < 0)
		return -errno;
	return answer(syscall(SYS_connect, fd, &sa, sizeof(sa)));
}

static long abstract_socket(struct place *p, long arg)
{
	(void)p, (void)arg;
	return abstract_reach();
}

static long netlink_socket(struct place *p, long arg)
{
	(void)p, (void)arg;
	return answer(syscall(SYS_socket, AF_NETLINK, SOCK_RAW, 0));
}

static long grow_window(struct place *p, long arg)
{
	(void)arg;
	/* The page behind the mapping holds what this role was not given. */
	return answer(syscall(SYS_mremap, p->window, WINDOW_MAPPED, WINDOW_SIZE, MREMAP_MAYMOVE, 0));
}

static long duplicate_window(struct place *p, long arg)
{
	(void)arg;
	return answer(syscall(SYS_mremap, p->window, 0, WINDOW_SIZE, MREMAP_MAYMOVE, 0));
}

static long remap_window(struct place *p, long arg)
{
	(void)arg;
	return answer(syscall(SYS_remap_file_pages, p->window, WINDOW_MAPPED, 0, 1, 0));
}

static long map_code(struct place *p, long arg)
{
	(void)p, (void)arg;
	return answer(syscall(SYS_mmap, NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_SHARED,
			      POLICY_FD_RESOURCE, 0));
}

static long map_private(struct place *p, long arg)
{
	(void)p, (void)arg;
	return answer(syscall(SYS_mmap, NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

static long map_over(struct place *p, long arg)
{
	(void)arg;
	return answer(syscall(SYS_mmap, p->window, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
			      POLICY_FD_RESOURCE, 0));
}

static long make_executable(struct place *p, long arg)
{
	(void)arg;
	return answer(syscall(SYS_mprotect, p->window, 4096, PROT_READ | PROT_EXEC));
}

static long execute(struct place *p, long arg)
{
	static char *const argv[] = { "true", NULL };

	(void)p, (void)arg;
	return answer(syscall(SYS_execve, "/bin/true", argv, argv + 1));
}

static long second_ring(struct place *p, long arg)
{
	struct io_uring_params params;

	(void)p, (void)arg;
	memset(&params, 0, sizeof(params));
	return answer(syscall(SYS_io_uring_setup, 4, &params));
}

static long register_files(struct place *p, long arg)
{
	int fds[1] = { POLICY_FD_CONTROL };

	(void)p, (void)arg;
	return answer(syscall(SYS_io_uring_register, POLICY_FD_RING, IORING_REGISTER_FILES, fds, 1));
}

static long other_descriptor(struct place *p, long arg)
{
	char c = 'x';

	(void)p, (void)arg;
	return answer(syscall(SYS_write, POLICY_FD_CONTROL, &c, 1));
}

static long new_filter(struct place *p, long arg)
{
	(void)p, (void)arg;
	return answer(syscall(SYS_prctl, PR_GET_SECCOMP));
}

static long new_namespace(struct place *p, long arg)
{
	(void)p, (void)arg;
	return answer(syscall(SYS_unshare, CLONE_NEWUTS));
}

static long become_parent(struct place *p, long arg)
{
	long pid = syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);

	(void)p, (void)arg;
	if (!pid)
		_exit(0);
	if (pid > 0)
		syscall(SYS_wait4, pid, NULL, 0, NULL);	/* nothing outlives the run */
	return answer(pid);
}

static long ring_open(struct place *p, long arg)
{
	struct io_uring_sqe sqe = { .opcode = IORING_OP_OPENAT, .fd = AT_FDCWD, .addr = (uintptr_t)"/etc/passwd" };

	(void)arg;
	return place_ring_op(p, &sqe);
}

static long ring_socket(struct place *p, long arg)
{
	struct io_uring_sqe sqe = { .opcode = 45 /* IORING_OP_SOCKET */, .fd = AF_INET, .off = SOCK_DGRAM };

	(void)arg;
	return place_ring_op(p, &sqe);
}

static long ring_write_image(struct place *p, long arg)
{
	struct io_uring_sqe sqe = { .opcode = IORING_OP_WRITE, .fd = POLICY_FD_RESOURCE, .addr = (uintptr_t)"x",
				    .len = 1 };

	(void)arg;
	return place_ring_op(p, &sqe);
}

static long write_image(struct place *p, long arg)
{
	struct iovec v = { "x", 1 };

	(void)p, (void)arg;
	return answer(syscall(SYS_pwritev, POLICY_FD_RESOURCE, &v, 1, 0, 0));
}

static long map_image(struct place *p, long arg)
{
	(void)p, (void)arg;
	return answer(syscall(SYS_mmap, NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, POLICY_FD_RESOURCE, 0));
}

static long grow_image(struct place *p, long arg)
{
	struct io_uring_sqe sqe = { .opcode = IORING_OP_WRITE, .fd = POLICY_FD_RESOURCE, .addr = (uintptr_t)"x",
				    .len = 1, .off = 65536 };

	(void)arg;
	return place_ring_op(p, &sqe);
}

/* Blocks behind the end of the file: no limit of file size counts them. */
static long take_space(struct place *p, long arg)
{
	struct io_uring_sqe sqe = { .opcode = IORING_OP_FALLOCATE, .fd = POLICY_FD_RESOURCE, .len = FALLOC_FL_KEEP_SIZE, .off = 65536,
				    .addr = 1 << 20 };

	(void)arg;
	return place_ring_op(p, &sqe);
}

static long take_space_call(struct place *p, long arg)
{
	(void)p, (void)arg;
	return answer(syscall(SYS_fallocate, POLICY_FD_RESOURCE, FALLOC_FL_KEEP_SIZE, 65536L, 1L << 20));
}

static long ring_sync_image(struct place *p, long arg)
{
	struct io_uring_sqe sqe = { .opcode = IORING_OP_FSYNC, .fd = POLICY_FD_RESOURCE };

	(void)arg;
	return place_ring_op(p, &sqe);
}

/* What the operator types: descriptor 2 is his terminal, made by check_acts(). */
static long ring_read_terminal(struct place *p, long arg)
{
	char c[8];
	struct io_uring_sqe sqe = { .opcode = IORING_OP_READ, .fd = POLICY_FD_LOG, .addr = (uintptr_t)c, .len = sizeof(c), .off = ~0ull };

	(void)arg;
	return place_ring_op(p, &sqe);
}

static long read_terminal(struct place *p, long arg)
{
	char c[8];

	(void)p, (void)arg;
	return answer(syscall(SYS_read, POLICY_FD_LOG, c, sizeof(c)));
}

enum { DIES, FAILS, WORKS, SKIP };

/*
 * @sealed: DIES, or FAILS for what allowed calls must answer with an error. @unfiltered: FAILS where another layer
 * stands behind the filter; SKIP where the filter is the only one (docs/security.md lists these).
 */
static const struct act {
	const char *name;
	long (*fn)(struct place *p, long arg);
	int sealed;
	int unfiltered;
	bool read_only;		/* the image is open for reading only; the control run has it writable */
	const char *roles;	/* NULL: all; else these (hostile_role_in()) */
} acts[] = {
	{ "open a file of the host", open_host_file, DIES, FAILS, false, NULL },
	{ "open /proc/self/mem", open_proc, DIES, FAILS, false, NULL },
	{ "climb out of the root", climb_out, DIES, FAILS, false, NULL },
	{ "open the image again", reopen_image, DIES, FAILS, false, NULL },
	{ "make a file", make_file, DIES, FAILS, false, NULL },
	{ "list the root directory", list_root, DIES, FAILS, false, NULL },
	{ "signal the launcher", kill_host, DIES, FAILS, false, NULL },
	{ "signal everybody", kill_everybody, DIES, FAILS, false, NULL },
	{ "ptrace the launcher", ptrace_host, DIES, FAILS, false, NULL },
	{ "read the launcher's memory", read_host_memory, DIES, FAILS, false, NULL },
	{ "write the launcher's memory", write_host_memory, DIES, FAILS, false, NULL },
	{ "pidfd of the launcher", pidfd_host, DIES, FAILS, false, NULL },
	{ "limits of the launcher", limit_host, DIES, FAILS, false, NULL },
	{ "enter the launcher's namespaces", enter_host_namespaces, DIES, FAILS, false, NULL },
	{ "send to 127.0.0.1", inet_socket, DIES, FAILS, false, NULL },
	{ "abstract socket of the host", abstract_socket, DIES, FAILS, false, NULL },
	{ "netlink socket", netlink_socket, DIES, SKIP, false, NULL },
	{ "grow the window by mremap", grow_window, DIES, SKIP, false, NULL },
	{ "duplicate the window by mremap", duplicate_window, DIES, SKIP, false, NULL },
	{ "remap_file_pages on the window", remap_window, DIES, SKIP, false, NULL },
	{ "map memory to execute", map_code, DIES, SKIP, false, NULL },
	{ "map private memory", map_private, DIES, SKIP, false, NULL },
	{ "map over the window", map_over, DIES, SKIP, false, NULL },
	{ "make memory executable", make_executable, DIES, SKIP, false, NULL },
	{ "execute a program", execute, DIES, FAILS, false, NULL },
	{ "make a second ring", second_ring, DIES, SKIP, false, NULL },
	{ "register files", register_files, DIES, SKIP, false, HOSTILE_RING_ROLES },
	{ "prctl", new_filter, DIES, SKIP, false, NULL },
	{ "make a namespace", new_namespace, DIES, FAILS, false, NULL },
	{ "fork", become_parent, DIES, SKIP, false, NULL },
	{ "write(2) to the connection", other_descriptor, DIES, SKIP, false, HOSTILE_RING_ROLES },
	{ "pwritev(2) on the image", write_image, DIES, SKIP, false, HOSTILE_RING_ROLES },
	{ "open a file through the ring", ring_open, FAILS, FAILS, false, HOSTILE_RING_ROLES },
	{ "make a socket through the ring", ring_socket, FAILS, SKIP, false, HOSTILE_RING_ROLES },
	{ "write a read-only image through the ring", ring_write_image, FAILS, FAILS, true, "block block-ro" },
	{ "map a read-only image", map_image, FAILS, FAILS, true, "block block-sync block-ro block-ro-sync" },
	{ "write a read-only image", write_image, FAILS, FAILS, true, "block-sync" },
	{ "write a read-only image", write_image, DIES, FAILS, true, "block-ro-sync" },
	{ "take space behind the image's end", take_space_call, DIES, SKIP, false, "block-ro-sync block-keep-sync" },
	{ "take space behind the image's end", take_space, FAILS, SKIP, false, "block-ro block-keep" },
	{ "sync an image that is only read", ring_sync_image, FAILS, SKIP, false, "block-ro" },
	{ "read the operator's terminal through the ring", ring_read_terminal, FAILS, FAILS, false, HOSTILE_RING_ROLES },
	{ "read the operator's terminal", read_terminal, FAILS, FAILS, false, "block-sync block-ro-sync block-keep-sync" },
	{ "read the operator's terminal", read_terminal, DIES, FAILS, false, "core" },
	{ "write behind the image's end", grow_image, FAILS, SKIP, false, "block" },
};

bool hostile_role_in(const struct policy *p, const char *roles)
{
	size_t len = strlen(p->role);

	if (!roles)
		return true;
	if (!strcmp(roles, HOSTILE_RING_ROLES))
		return p->ring_ops;
	for (const char *at = strstr(roles, p->role); at; at = strstr(at + 1, p->role))
		if ((at == roles || at[-1] == ' ') && (at[len] == ' ' || !at[len]))
			return true;
	return false;
}

static bool good(int expected, const struct place_result *r)
{
	switch (expected) {
	case DIES:
		return r->outcome == PLACE_DIED;
	case FAILS:
		/* SIGXFSZ is how a limit on file size says no. */
		return (r->outcome == PLACE_RET && r->ret < 0) ||
		       (r->outcome == PLACE_CRASHED && r->signal == SIGXFSZ);
	case WORKS:
		return r->outcome == PLACE_RET && r->ret >= 0;
	default:
		return r->outcome != PLACE_BROKEN;
	}
}

static void run_act(const struct policy_role *role, const struct act *a, enum place_how how, const char *words,
		    int expected)
{
	int flags = a->read_only && how != PLACE_BARE ? O_RDONLY : O_RDWR;
	struct place_result r = place_run(role, how, flags, a->fn, 0);

	hostile_check(good(expected, &r), "%s: %s (%s): %s", role->policy->role, a->name, words, hostile_outcome(&r));
}

/* The operator's terminal as descriptor 2, where as many lines as anybody reads have been typed. Its other end stays open. */
static bool lend_terminal(void)
{
	static const char line[] = "secret\n";
	int low = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), master = fcntl(low, F_DUPFD_CLOEXEC, POLICY_FD_MAX), slave;
	char name[64];

	if (master < 0 || grantpt(master) || unlockpt(master) || ptsname_r(master, name, sizeof(name)))
		return false;
	close(low);
	slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0 || dup2(slave, POLICY_FD_LOG) < 0)
		return false;
	close(slave);
	for (int i = 0; i < 8; i++)
		if (write(master, line, sizeof(line) - 1) < 0)
			return false;
	return true;
}

void check_acts(const struct policy_role *role)
{
	int host = abstract_host();

	hostile_check(host >= 0, "abstract socket of the host");
	hostile_check(lend_terminal(), "a terminal");
	/* away from the fixed numbers */
	hostile_check(fcntl(host, F_DUPFD_CLOEXEC, POLICY_FD_MAX) >= POLICY_FD_MAX, "room for a descriptor");
	close(host);
	for (unsigned int i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
		const struct act *a = &acts[i];

		if (!hostile_role_in(role->policy, a->roles))
			continue;
		run_act(role, a, PLACE_SEAL, "sealed", a->sealed);
		if (a->unfiltered != SKIP)
			run_act(role, a, PLACE_NO_FILTER, "without the filters", a->unfiltered);
		run_act(role, a, PLACE_BARE, "control: no sandbox", WORKS);
	}
}
