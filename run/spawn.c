// SPDX-License-Identifier: GPL-2.0
/*L:310
 * spawn.c: start a role, or the core: its command line, and its ends of the pairs that connect it (launch.h). What a kind of
 * device needs beyond that is its launch.c's matter, the process itself child.c's.
 *
 * It may make sockets and pipes, and start programs beside lguest-run.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipc/exit.h"
#include "policy/fds.h"
#include "run/cgroup.h"
#include "run/child.h"
#include "run/launch.h"
#include "run/say.h"

/* What each may say at once, in bytes, and then in a second: a whole boot of Linux is some 50 KiB. */
#define ROLE_BURST		(32u << 10)
#define ROLE_RATE		1024u
#define GUEST_BURST		(256u << 10)
#define GUEST_RATE		8192u

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

/* What there was at the start is required of every process, at a restart too (sandbox.c). */
static void sandbox_options(const struct launch *l, struct child *c)
{
	child_option(c, "--require=%#x", l->require);
	if (l->user)
		child_option(c, "--user=%u", (unsigned int)l->user);
	if (l->verbose)
		child_arg(c, "--verbose");
}

/*
 * lguest-record for this process of the role, between it and the core: all that the role receives comes by it. Its words are the role's, and it holds
 * the role's drain pipe, so that a successor waits for its last copy too. Nobody waits for it: it ends when either end hangs up.
 */
static int spawn_recorder(const struct launch *l, struct role *r, int *theirs, int drain)
{
	struct child c = { .program = "lguest-record" };
	char group[sizeof(r->name) + 8];
	int hop[2], end, err;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, hop) || !pair(hop, &end)) {
		complain("no descriptors left to record %s: %m", r->name);
		return EXIT_HOST;
	}
	snprintf(group, sizeof(group), "%s-record", r->name);
	c.group = cgroup_make(group, 2 * (r->window ? r->window : l->memory) + CGROUP_ROLE_MEMORY, 8);
	child_option(&c, "%s:%s", l->name, group);
	child_option(&c, "--fd=%d", POLICY_FD_CONTROL);
	child_option(&c, "--record-fd=%d", POLICY_FD_RESOURCE);
	child_option(&c, "--backend-fd=%d", POLICY_FD_RESOURCE_OUT);
	child_option(&c, "--drain-fd=%d", POLICY_FD_DRAIN);
	if (l->record_max)
		child_option(&c, "--max=%llu", (unsigned long long)(l->record_max >> 20));
	sandbox_options(l, &c);
	child_give(&c, l->null_fd, STDIN_FILENO);
	child_give(&c, l->null_fd, STDOUT_FILENO);
	child_give(&c, r->log.theirs, STDERR_FILENO);
	child_give(&c, *theirs, POLICY_FD_CONTROL);
	child_give(&c, r->record_fd, POLICY_FD_RESOURCE);
	child_give(&c, end, POLICY_FD_RESOURCE_OUT);
	child_give(&c, drain, POLICY_FD_DRAIN);
	err = child_start(l, &c, &pid, &r->recorder);
	close(*theirs);
	close(end);
	fd_close(&c.group);	/* a recorder has no successor */
	fd_close(&r->record_fd);
	*theirs = hop[1];
	return err;
}

/* What connects a role: our ends are its own fields, the process's are @socket and @drain, each -1 until there is one. */
static bool make_pairs(struct role *r, int *socket, int *drain)
{
	int fds[2];
	bool both;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		return false;
	both = pair(fds, &r->socket);
	*socket = fds[1];
	if (!both || pipe2(fds, O_CLOEXEC))
		return false;
	both = pair(fds, &r->drain);
	*drain = fds[1];
	return both;
}

static int start_role(const struct launch *l, struct role *r, int socket, int drain)
{
	struct child c = { 0 };
	char program[40];

	if (r->group <= 0)
		r->group = cgroup_make(r->name, r->kind->memory ? r->kind->memory : CGROUP_ROLE_MEMORY, CGROUP_ROLE_PIDS);
	c.group = r->group;
	snprintf(program, sizeof(program), "lguest-%s", r->kind->name);
	c.program = program;
	c.fixed = r->program;
	child_option(&c, "%s:%s", l->name, r->name);
	child_option(&c, "--fd=%d", POLICY_FD_CONTROL);
	child_option(&c, "--drain-fd=%d", POLICY_FD_DRAIN);
	sandbox_options(l, &c);
	child_give(&c, l->null_fd, STDIN_FILENO);
	child_give(&c, l->null_fd, STDOUT_FILENO);
	child_give(&c, r->log.theirs, STDERR_FILENO);
	r->kind->launch->args(r, &c);
	child_give(&c, socket, POLICY_FD_CONTROL);
	child_give(&c, drain, POLICY_FD_DRAIN);
	return child_start(l, &c, &r->pid, &r->pidfd);
}

/*L:320
 * One role. Look above at what it is given: /dev/null at 0 and 1, its log, the connection and the drain pipe, and whatever
 * its launch.c adds. The parent's copies of the child's ends of connection and drain pipe are closed, whether it started or not:
 * if one were left, the drain pipe would never hang up. When this role dies the same function starts its successor.
 */
int spawn_role(struct launch *l, struct role *r)
{
	int socket = -1, drain = -1, err = 0;

	if (role_is_foreign(r))
		return 0;
	if (!make_pairs(r, &socket, &drain) || log_pipe(&r->log, r->name, ROLE_BURST, ROLE_RATE)) {
		complain("no descriptors left for %s: %m", r->name);
		err = EXIT_HOST;
	}
	if (!err && r->record_fd > 0)
		err = spawn_recorder(l, r, &socket, drain);
	if (!err)
		err = start_role(l, r, socket, drain);
	fd_close(&socket);
	fd_close(&drain);
	r->end_at_ms = 0;
	r->wanted = r->blamed = r->hangs = false;
	return err;
}

/* --- the core --- */

/* What the core must know of a device (core/core.c has the grammar): numbers only, so that it knows no kind by name. */
static void core_device(const struct role *r, struct child *c)
{
	const struct device_kind *t = r->type;

	child_arg(c, "--device");
	child_option(c, "%s,window=%llu,id=%u,queues=%u,unit=%u,config=%u:%u,hidden=%llu%s", t->name, (unsigned long long)r->window, t->id,
		     t->queues, t->unit ? t->unit : 1, t->config[0], t->config[1], (unsigned long long)t->hidden, role_is_foreign(r) ? "" : ",own");
}

static uint64_t windows(const struct launch *l)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < l->roles; i++)
		sum += l->role[i].window;
	return sum;
}

/* Of the core's threads: what is always there, and one for each further vCPU and each kicker of a foreign back end (lguest-core's main()) */
static unsigned int core_pids(const struct launch *l)
{
	unsigned int n = CGROUP_CORE_PIDS + l->cpus - 1;

	for (unsigned int i = 0; i < l->roles; i++)
		n += role_is_foreign(&l->role[i]);
	return n;
}

/*L:350
 * lguest-core comes last, because it gets the other end of every role's connection. Of the devices it is told numbers
 * (core_device(), above). Look at the end: lguest-run closes its own /dev/lguest and its ends of the connections, and
 * from then on has no way into the guest.
 */
int spawn_core(struct launch *l)
{
	struct child c = { .program = "lguest-core", .huge = true };
	char cmdline[GUEST_CMDLINE_MAX + 64];
	int control[2], err;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) || !pair(control, &l->control) ||
	    setsockopt(l->control, SOL_SOCKET, SO_PASSCRED, &(int){ 1 }, sizeof(int)) ||	/* which process the core is: core_is() */
	    log_pipe(&l->core_log, "core", ROLE_BURST, ROLE_RATE) || log_pipe(&l->guest_log, "guest", GUEST_BURST, GUEST_RATE)) {
		complain("no descriptors left for the core: %m");
		return EXIT_HOST;
	}
	c.group = cgroup_make("core", l->memory + l->memory / 8 + windows(l) + CGROUP_CORE_EXTRA, core_pids(l));
	child_option(&c, "%s:core", l->name);
	sandbox_options(l, &c);
	child_arg(&c, "--memory");
	child_option(&c, "%llu", (unsigned long long)l->memory);
	child_arg(&c, "--cpus");
	child_option(&c, "%u", l->cpus);
	child_arg(&c, "--cmdline");
	cmdline_build(l, cmdline, sizeof(cmdline));
	child_arg(&c, cmdline);
	child_give(&c, l->null_fd, STDIN_FILENO);
	child_give(&c, l->guest_log.theirs, CORE_FD_CONSOLE);
	child_give(&c, l->core_log.theirs, CORE_FD_LOG);
	child_give(&c, control[1], CORE_FD_CONTROL);
	child_give(&c, l->lguest_fd, CORE_FD_LGUEST);
	child_give(&c, l->kernel_fd, CORE_FD_KERNEL);
	if (l->initrd)
		child_arg(&c, "--initrd");
	child_give(&c, l->initrd ? l->initrd_fd : l->null_fd, CORE_FD_INITRD);
	for (unsigned int i = 0; i < l->roles; i++) {
		core_device(&l->role[i], &c);
		child_give(&c, l->role[i].socket, CORE_FD_DEVICE + (int)i);
	}
	err = child_start(l, &c, &l->core_pid, &l->core_pidfd);
	close(control[1]);
	/* The guest's memory is pinned for as long as anybody holds this: that is to be the core alone */
	fd_close(&l->lguest_fd);
	for (unsigned int i = 0; i < l->roles; i++)
		fd_close(&l->role[i].socket);
	return err;
}
