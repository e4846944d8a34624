// SPDX-License-Identifier: GPL-2.0
/*D:770
 * mind.c: the parent of a role, which stays behind when the role moves into its own namespaces: it ends as the role does, shows what
 * the role says where nobody else reads it, and does for it the one thing that a sealed role may ask for.
 *
 * Started by lguest-run it waits, and nothing else (minder.c). Started by hand, or for a role that has an order to give, it reads two pipes
 * beside (attendant.c): bytes of a role that may be hijacked, of which one is a number that the device's own function checks, and
 * the others are shown with control characters replaced, up to a limit. It holds no right of its starter's by then.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "policy/internal.h"

#define SHOWN_MAX	32768u	/* bytes of one role's life */
#define ORDERS_AT_ONCE	4u	/* then one in ORDER_MS */
#define ORDER_MS	1000
#define READS		64	/* of a pipe, at once: a writer that never ends is not to hide the role's end */

static int log_pipe[2] = { -1, -1 }, order_pipe[2] = { -1, -1 };
static void (*do_order)(uint8_t what);

/* --- pipes --- */

static void close_both(int p[2])
{
	for (int i = 0; i < 2; i++) {
		if (p[i] >= 0)
			close(p[i]);
		p[i] = -1;
	}
}

/* Both ends out of the way of the fixed numbers. The writing end never waits. */
static int make_pipe(int p[2])
{
	int low[2];

	close_both(p);
	if (pipe2(low, O_CLOEXEC | O_NONBLOCK))
		return -errno;
	for (int i = 0; i < 2; i++) {
		p[i] = fcntl(low[i], F_DUPFD_CLOEXEC, POLICY_FD_MAX);
		close(low[i]);
	}
	return p[0] < 0 || p[1] < 0 ? -EMFILE : 0;
}

/* A pipe for writing alone that does not block is lguest-run's: it reads it. Any other may be a terminal, a log, or somebody who stalls. */
static bool log_is_safe(void)
{
	int flags = fcntl(POLICY_FD_LOG, F_GETFL);
	struct stat st;

	return flags >= 0 && (flags & O_ACCMODE) == O_WRONLY && flags & O_NONBLOCK && !fstat(POLICY_FD_LOG, &st) && S_ISFIFO(st.st_mode);
}

int policy_make_pipes(const struct policy_options *opt)
{
	int err = log_is_safe() ? 0 : make_pipe(log_pipe);

	do_order = opt->order;
	if (!err && opt->order)
		err = make_pipe(order_pipe);
	return err;
}

int policy_take_pipes(void)
{
	int err = log_pipe[1] >= 0 ? policy_place_fd(log_pipe[1], POLICY_FD_LOG) : 0;

	if (err >= 0 && order_pipe[1] >= 0)
		err = policy_place_fd(order_pipe[1], POLICY_FD_ORDER);
	return err < 0 ? err : 0;
}

void policy_drop_pipes(void)
{
	int *const writing[] = { &log_pipe[1], &order_pipe[1] };

	for (unsigned int i = 0; i < 2; i++) {
		if (*writing[i] >= 0)
			close(*writing[i]);
		*writing[i] = -1;
	}
}

/* --- what it does for the role --- */

static unsigned int shown;

static void show(void)
{
	char buf[1024];
	ssize_t n;

	for (unsigned int i = 0; i < READS && (n = read(log_pipe[0], buf, sizeof(buf))) > 0; i++) {
		for (ssize_t k = 0; k < n; k++)
			if ((buf[k] < ' ' && buf[k] != '\n' && buf[k] != '\t') || buf[k] == 0x7f || buf[k] & 0x80)
				buf[k] = '?';
		if (shown > SHOWN_MAX)
			continue;
		shown += (unsigned int)n;
		if (write(POLICY_FD_LOG, buf, (size_t)n) < 0)
			shown = SHOWN_MAX + 1;
	}
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Only the newest order counts, one that says nothing new does not, and a role cannot give them as fast as it likes. Return: ms to the next, -1. */
static int obey(void)
{
	static int wanted = -1, done = -1;
	static unsigned int left = ORDERS_AT_ONCE;
	static int64_t refilled;
	int64_t now = now_ms();
	uint8_t buf[64];
	ssize_t n;

	for (unsigned int i = 0; i < READS && (n = read(order_pipe[0], buf, sizeof(buf))) > 0; i++)
		wanted = buf[n - 1];
	for (; now - refilled >= ORDER_MS; refilled = left < ORDERS_AT_ONCE ? refilled + ORDER_MS : now)
		left += left < ORDERS_AT_ONCE;
	if (wanted == done)
		return -1;
	if (!left)
		return (int)(ORDER_MS - (now - refilled));
	left--;
	done = wanted;
	do_order((uint8_t)wanted);
	return -1;
}

/* --- the wait --- */

static void child_news(int sig)
{
	(void)sig;	/* it ends ppoll() */
}

bool policy_attends(void)
{
	return log_pipe[0] >= 0 || order_pipe[0] >= 0;
}

/* SIGCHLD is let in during ppoll() alone, so that no end can be missed between a look and the wait. */
static void take_child_news(sigset_t *open)
{
	struct sigaction sa = { .sa_handler = child_news };
	sigset_t block;

	sigemptyset(&block);
	sigaddset(&block, SIGCHLD);
	sigprocmask(SIG_BLOCK, &block, open);
	sigdelset(open, SIGCHLD);
	sigaction(SIGCHLD, &sa, NULL);
}

static int attend(pid_t pid, int options, const sigset_t *open)
{
	struct pollfd p[2] = { { .fd = log_pipe[0], .events = POLLIN }, { .fd = order_pipe[0], .events = POLLIN } };
	struct timespec wait;
	int status, ms = -1;
	pid_t r;

	for (;;) {
		r = waitpid(pid, &status, options | WNOHANG);
		if (r && (r == pid || errno != EINTR))
			break;
		wait = (struct timespec){ ms / 1000, ms % 1000 * 1000000 };
		if (ppoll(p, 2, ms < 0 ? NULL : &wait, open) >= 0 || errno != EINTR) {
			if (p[0].fd >= 0)
				show();
			ms = p[1].fd >= 0 ? obey() : -1;
		}
		/* Every writer is gone: a role that ends, or a hijacked one that closed it */
		for (unsigned int i = 0; i < 2; i++)
			if (p[i].revents & POLLHUP)
				p[i].fd = -1;
	}
	if (log_pipe[0] >= 0)
		show();
	return r == pid ? status : -1;
}

int policy_wait(pid_t pid)
{
	sigset_t open;
	int status;

	shown = 0;
	take_child_news(&open);
	status = attend(pid, 0, &open);
	close_both(log_pipe);
	close_both(order_pipe);
	return status;
}

/* --- the minder --- */

/*D:780
 * Whoever stays behind for a role must be confined as well: a moment ago it was the user's own process. Started by root
 * it becomes the user that its role is; in any case it keeps the descriptors of its own manifest and the calls of that
 * one's sealed filter, and no capability.
 */
int policy_confine_helper(const struct policy_role *role, const struct policy_user *u)
{
	int death = 0, err = policy_close_unlisted(role->policy, POLICY_SETUP);
	pid_t parent = getppid();
	bool dropped;

	if (!err && prctl(PR_GET_PDEATHSIG, &death))
		err = -errno;
	policy_drop_bounding_set(&dropped);
	if (!err && u->was_root && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0))
		err = -errno;
	if (!err)
		err = policy_change_user(u, false);
	if (err == -EINVAL && u->was_root)
		err = 0;	/* as confine(): there is no other user here */
	/* Changing the user made us forget that we die with who started us; it may have died meanwhile. */
	if (!err && death && (prctl(PR_SET_PDEATHSIG, death, 0, 0, 0) || getppid() != parent))
		err = -ESRCH;
	if (!err)
		err = policy_drop_capabilities();
	if (!err && (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)))
		err = -errno;
	if (!err)
		err = policy_set_limits(role->policy, POLICY_SETUP);
	if (err)
		return err;
	policy_forget_start();
	return policy_load_filter(&role->sealed);
}

/* One line on the role's end, and an end like it; a role that still is there dies with us. */
static _Noreturn void mourn(const char *name, const char *how, int sig)
{
	char line[160];
	int len = snprintf(line, sizeof(line), "lguest-%s: %s\n", name, how);

	if (write(POLICY_FD_LOG, line, (size_t)len) < 0)
		_exit(1);
	_exit(128 + sig);
}

/* What lies above says "killed by a signal": a role that ends itself with such a status is not believed. */
#define EXIT_MOST 127

/*D:790
 * Where does a dead role go? Here is its parent, which waits for it and can do little else. It ends as its role has
 * ended, and says in one line by which signal, if it was one; a role that is stopped counts as killed, unless its
 * manifest lets it stop. lguest-run waits for this end and, as a rule, starts another process (chapter Launcher), which
 * vu_fe_join() tells what the dead one knew.
 */
_Noreturn void policy_mind(const struct policy_role *role, pid_t pid, const struct policy_user *u)
{
	const char *name = role->policy->role;
	const int options = role->policy->may_stop ? 0 : WUNTRACED;
	bool attends = policy_attends();
	sigset_t open;
	char line[128];
	int status;

	if (attends && log_pipe[0] >= 0)
		log_pipe[0] = policy_place_fd(log_pipe[0], POLICY_FD_SHOW);
	if (attends && order_pipe[0] >= 0)
		order_pipe[0] = policy_place_fd(order_pipe[0], POLICY_FD_ORDER);
	if (attends)
		take_child_news(&open);
	if (policy_confine_helper(attends ? &policy_attendant : &policy_minder, u))
		_exit(1);	/* the role dies with us */
	if (attends) {
		status = attend(pid, options, &open);
		if (status < 0)
			_exit(1);
	} else {
		while (waitpid(pid, &status, options) < 0)
			if (errno != EINTR)
				_exit(1);
	}
	if (WIFEXITED(status))
		_exit(WEXITSTATUS(status) < EXIT_MOST ? WEXITSTATUS(status) : EXIT_MOST);
	if (WIFSTOPPED(status))
		mourn(name, "stopped: ended, for its guest would wait for it", SIGKILL);
	snprintf(line, sizeof(line), "ended by signal %d%s", WTERMSIG(status),
		 WTERMSIG(status) == SIGSYS ? ": a system call outside its policy" : "");
	mourn(name, line, WTERMSIG(status));
}
