// SPDX-License-Identifier: GPL-2.0
/*L:330
 * child.c: a program in a process of its own, with exactly its descriptors at their numbers (child.h).
 *
 * Between fork and exec the child may call what is safe there: dup2, close_range, prctl, setsid, execveat. It gets an
 * empty environment and a session of its own: keys typed at the terminal signal lguest-run alone.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/close_range.h>

#include "ipc/exit.h"
#include "run/cgroup.h"
#include "run/child.h"
#include "run/launch.h"
#include "run/say.h"
#include "run/text.h"

int fd_lift(int fd)
{
	int high;

	if (fd < 0)
		return fd;
	high = fcntl(fd, F_DUPFD_CLOEXEC, FD_FLOOR);
	close(fd);
	return high;
}

int fd_open(const char *path, int flags)
{
	return fd_lift(open(path, flags | O_CLOEXEC | O_NOCTTY, 0600));
}

void fd_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void child_arg(struct child *c, const char *text)
{
	c->argv[c->args++] = text;
}

void child_option(struct child *c, const char *fmt, ...)
{
	char *at = c->text + c->used;
	const size_t room = sizeof(c->text) - c->used;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(at, room, fmt, ap);
	va_end(ap);
	c->used += n < 0 ? 0 : (size_t)n < room ? (size_t)n + 1 : room;
	child_arg(c, at);
}

void child_sizes(struct child *c, const struct role *r, const char *const *names)
{
	uint64_t n;

	for (; *names; names++)
		if (role_key(r, *names) && text_size(role_key(r, *names), 1, &n))
			child_option(c, "--%s=%llu", *names, (unsigned long long)n);
}

void child_give(struct child *c, int from, int to)
{
	c->fd[c->fds].from = from;
	c->fd[c->fds++].to = to;
}

void child_raise_memlock(void)
{
	struct rlimit want = { RLIM_INFINITY, RLIM_INFINITY }, have;

	if (!setrlimit(RLIMIT_MEMLOCK, &want) || getrlimit(RLIMIT_MEMLOCK, &have))
		return;
	have.rlim_cur = have.rlim_max;
	setrlimit(RLIMIT_MEMLOCK, &have);
}

/*L:340
 * Between fork and exec: what was a copy of lguest-run becomes a program that holds what child_give() listed and
 * nothing else. All of our numbers are from FD_FLOOR up and all of its own below, so that no dup2() overwrites what
 * another one still needs. It dies with us.
 */
/* In the child. close_range() marks every descriptor close-on-exec, also those that our own parent leaked to us. */
static void __attribute__((noreturn)) become(const struct launch *l, const struct child *c, pid_t parent)
{
	static char *const no_environment[] = { NULL };
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EXIT_HOST);
	if (c->group > 0 && cgroup_enter(c->group)) {
		dprintf(c->fd[2].from, "lguest-run: %s cannot enter its control group: %m\n", c->program);
		_exit(EXIT_HOST);
	}
	child_raise_memlock();
	if (!c->huge)
		prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	setsid();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
	for (unsigned int i = 0; i < c->fds; i++)
		if (dup2(c->fd[i].from, c->fd[i].to) < 0)
			_exit(EXIT_HOST);
	if (c->fixed > 0)
		execveat(c->fixed, "", (char *const *)c->argv, no_environment, AT_EMPTY_PATH);
	else
		execveat(l->program_dir, c->program, (char *const *)c->argv, no_environment, 0);
	dprintf(STDERR_FILENO, "lguest-run: cannot start %s from the folder of lguest-run: %m\n", c->program);
	_exit(EXIT_HOST);
}

int child_start(const struct launch *l, const struct child *c, pid_t *pid, int *pidfd)
{
	pid_t parent = getpid(), child = fork();

	if (child < 0) {
		complain("cannot start %s: %m", c->program);
		return EXIT_HOST;
	}
	if (!child)
		become(l, c, parent);
	*pidfd = fd_lift((int)syscall(SYS_pidfd_open, child, 0));
	if (*pidfd < 0) {
		complain("cannot watch %s: %m", c->program);
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		return EXIT_HOST;
	}
	*pid = child;
	return 0;
}
