// SPDX-License-Identifier: GPL-2.0
/*L:140
 * spawn.c: start a role or the core: fork, put exactly its descriptors at their numbers, exec (launch.h).
 *
 * Between fork and exec the child may call what is safe there: dup2, close_range, prctl, setsid, execveat. It gets an
 * empty environment and a session of its own: keys typed at the terminal signal lguest-run alone.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/close_range.h>

#include "core/exit.h"
#include "run/launch.h"

#define FD_FLOOR	128

/* Where a role finds what it inherits; its options name these numbers. */
#define ROLE_FD_SOCKET		3
#define ROLE_FD_RESOURCE	4
#define ROLE_FD_DRAIN		5
#define ROLE_FD_CARRY		9

/* What lguest-console keeps there: 64 KiB and two counts. */
#define CARRY_SIZE		(68u << 10)

/* What each may say at once, in bytes, and then in a second: a whole boot of Linux is some 50 KiB. */
#define ROLE_BURST		(32u << 10)
#define ROLE_RATE		1024u
#define GUEST_BURST		(256u << 10)
#define GUEST_RATE		8192u

#define ARGS_MAX	(12 + 2 * GUEST_DEVICES)
#define FDS_MAX		(8 + GUEST_DEVICES)

struct process {
	const char *program;
	const char *argv[ARGS_MAX];
	unsigned int args;
	struct { int from, to; } fd[FDS_MAX];
	unsigned int fds;
	bool huge;	/* may use huge pages: the one that maps guest RAM; for a role's few KiB they are waste */
};

static void arg(struct process *p, const char *text)
{
	p->argv[p->args++] = text;
}

static void give(struct process *p, int from, int to)
{
	p->fd[p->fds].from = from;
	p->fd[p->fds++].to = to;
}

/*
 * Locked memory is counted against this limit: as high as we may, in what we start. The core's is the guest's memory, and it says
 * so when that is too much; a role's is its ring, which newer kernels (seen on 6.18) count for all processes of its user together.
 */
static void raise_memlock(void)
{
	struct rlimit want = { RLIM_INFINITY, RLIM_INFINITY }, have;

	if (!setrlimit(RLIMIT_MEMLOCK, &want) || getrlimit(RLIMIT_MEMLOCK, &have))
		return;
	have.rlim_cur = have.rlim_max;
	setrlimit(RLIMIT_MEMLOCK, &have);
}

/* In the child. What we were started with, and forgot, is closed at exec like everything of ours. */
static void __attribute__((noreturn)) become(const struct launch *l, const struct process *p, pid_t parent)
{
	static char *const no_environment[] = { NULL };
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EXIT_HOST);
	raise_memlock();
	if (!p->huge)
		prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	setsid();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
	for (unsigned int i = 0; i < p->fds; i++)
		if (dup2(p->fd[i].from, p->fd[i].to) < 0)
			_exit(EXIT_HOST);
	execveat(l->program_dir, p->program, (char *const *)p->argv, no_environment, 0);
	dprintf(STDERR_FILENO, "lguest-run: cannot start %s from the folder of lguest-run: %m\n", p->program);
	_exit(EXIT_HOST);
}

static int start(const struct launch *l, const struct process *p, pid_t *pid, int *pidfd)
{
	pid_t parent = getpid(), child = fork();
	int fd;

	if (child < 0) {
		complain("cannot start %s: %m", p->program);
		return EXIT_HOST;
	}
	if (!child)
		become(l, p, parent);
	fd = (int)syscall(SYS_pidfd_open, child, 0);
	if (fd < 0) {
		complain("cannot watch %s: %m", p->program);
		kill(child, SIGKILL);
		return EXIT_HOST;
	}
	*pidfd = fcntl(fd, F_DUPFD_CLOEXEC, FD_FLOOR);
	close(fd);
	*pid = child;
	return 0;
}

/* --- roles --- */

static void block_args(const struct role *r, struct process *p)
{
	p->program = "lguest-block";
	arg(p, "--blk-fd=4");
	if (r->read_only)
		arg(p, "--read-only");
	if (r->direct_io)
		arg(p, "--direct");
	if (r->serial) {
		arg(p, "--serial");
		arg(p, r->serial);
	}
	give(p, r->resource[0], ROLE_FD_RESOURCE);
}

static void net_args(const struct role *r, struct process *p)
{
	p->program = "lguest-net";
	arg(p, "--tap-fd=4");
	arg(p, "--mac");
	arg(p, r->mac);
	give(p, r->resource[0], ROLE_FD_RESOURCE);
}

/*
 * The guest is told that its output is taken when it lies there, so it must outlive the process. Sealed: a process that cut it
 * would kill the next one that touches it.
 */
static int make_carry(void)
{
	int low = memfd_create("lguest-console-out", MFD_CLOEXEC | MFD_ALLOW_SEALING), fd = -1;

	if (low >= 0 && !ftruncate(low, CARRY_SIZE) && !fcntl(low, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		fd = fcntl(low, F_DUPFD_CLOEXEC, FD_FLOOR);
	if (low >= 0)
		close(low);
	return fd;
}

static void console_args(const struct role *r, struct process *p)
{
	p->program = "lguest-console";
	arg(p, "--stdio");
	give(p, r->resource[0], STDIN_FILENO);
	give(p, r->resource[1], STDOUT_FILENO);
	if (r->carry > 0) {
		arg(p, "--carry-fd=9");
		give(p, r->carry, ROLE_FD_CARRY);
	}
}

static void rng_args(const struct role *r, struct process *p)
{
	(void)r;
	p->program = "lguest-rng";
}

static void (*const role_args[ROLE_KINDS])(const struct role *r, struct process *p) = {
	[ROLE_BLOCK] = block_args, [ROLE_NET] = net_args, [ROLE_CONSOLE] = console_args, [ROLE_RNG] = rng_args,
};

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* A pair of descriptors whose second is the child's; the first goes to a number that no role uses. */
static bool pair(int fds[2], int *ours)
{
	int theirs = fcntl(fds[1], F_DUPFD_CLOEXEC, FD_FLOOR);

	*ours = fcntl(fds[0], F_DUPFD_CLOEXEC, FD_FLOOR);
	close(fds[0]);
	close(fds[1]);	/* a copy left open here would keep the drain pipe from ever hanging up */
	fds[1] = theirs;
	return *ours >= 0 && theirs >= 0;
}

int spawn_role(struct launch *l, struct role *r)
{
	struct process p = { 0 };
	int sock[2], drain[2], err;
	char title[96];

	if (r->kind == ROLE_FOREIGN)
		return 0;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sock) || pipe2(drain, O_CLOEXEC) ||
	    !pair(sock, &r->socket) || !pair(drain, &r->drain) || log_pipe(&r->log, r->name, ROLE_BURST, ROLE_RATE)) {
		complain("no descriptors left for %s: %m", r->name);
		return EXIT_HOST;
	}
	if (r->kind == ROLE_CONSOLE && !r->carry)
		r->carry = make_carry();	/* without: what a killed console had not shown is lost */
	snprintf(title, sizeof(title), "%s:%s", l->name, r->name);
	arg(&p, title);
	arg(&p, "--fd=3");
	arg(&p, "--drain-fd=5");
	give(&p, l->null_fd, STDIN_FILENO);
	give(&p, l->null_fd, STDOUT_FILENO);
	give(&p, r->log.theirs, STDERR_FILENO);
	role_args[r->kind](r, &p);
	give(&p, sock[1], ROLE_FD_SOCKET);
	give(&p, drain[1], ROLE_FD_DRAIN);
	err = start(l, &p, &r->pid, &r->pidfd);
	close(sock[1]);
	close(drain[1]);
	r->end_at_ms = 0;
	r->wanted = r->blamed = r->hangs = false;
	return err;
}

/* --- the core --- */

int spawn_core(struct launch *l)
{
	char title[96], memory[24], device[GUEST_DEVICES][40], cmdline[GUEST_CMDLINE_MAX + 64];
	struct process p = { .program = "lguest-core", .huge = true };
	int control[2], err;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) || !pair(control, &l->control) ||
	    log_pipe(&l->core_log, "core", ROLE_BURST, ROLE_RATE) || log_pipe(&l->guest_log, "guest", GUEST_BURST, GUEST_RATE)) {
		complain("no descriptors left for the core: %m");
		return EXIT_HOST;
	}
	snprintf(memory, sizeof(memory), "%llu", (unsigned long long)l->memory);
	snprintf(title, sizeof(title), "%s:core", l->name);
	arg(&p, title);
	arg(&p, "--memory");
	arg(&p, memory);
	arg(&p, "--cmdline");
	cmdline_build(l, cmdline, sizeof(cmdline));
	arg(&p, cmdline);
	give(&p, l->null_fd, STDIN_FILENO);
	give(&p, l->guest_log.theirs, CORE_FD_CONSOLE);
	give(&p, l->core_log.theirs, CORE_FD_LOG);
	give(&p, control[1], CORE_FD_CONTROL);
	give(&p, l->lguest_fd, CORE_FD_LGUEST);
	give(&p, l->kernel_fd, CORE_FD_KERNEL);
	if (l->initrd)
		arg(&p, "--initrd");
	give(&p, l->initrd ? l->initrd_fd : l->null_fd, CORE_FD_INITRD);
	for (unsigned int i = 0; i < l->roles; i++) {
		struct role *r = &l->role[i];

		snprintf(device[i], sizeof(device[i]), "%s,%llu%s", role_type(r), (unsigned long long)r->window,
			 r->kind == ROLE_FOREIGN ? "" : ",own");
		arg(&p, "--device");
		arg(&p, device[i]);
		give(&p, r->socket, CORE_FD_DEVICE + (int)i);
	}
	err = start(l, &p, &l->core_pid, &l->core_pidfd);
	close(control[1]);
	/* The guest's memory is pinned for as long as anybody holds this: that is to be the core alone */
	close_fd(&l->lguest_fd);
	for (unsigned int i = 0; i < l->roles; i++)
		close_fd(&l->role[i].socket);
	return err;
}
