// SPDX-License-Identifier: GPL-2.0
/*D:500
 * terminal.c: raw mode, and the keeper: a parent process that does nothing but restore the terminal when the
 * console role has ended, in whichever way: a sealed role that is killed by its filter, or by kill -9, cannot
 * restore anything, and has no right to.
 *
 * The keeper may: set terminal modes, wait for its child, pass signals and window sizes on, and nothing else (manifest-keeper.c). It reads
 * nothing that a guest or a front end wrote.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "devices/console/console.h"
#include "policy/policy.h"

POLICY_DECLARE(keeper);

static bool get_size(struct console_size *size)
{
	struct winsize w;

	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &w))
		return false;
	*size = (struct console_size){ w.ws_col, w.ws_row };
	return true;
}

/* The pipe is non-blocking: a role that does not read loses sizes, and gets the next one. */
static void send_size(int fd)
{
	struct console_size size;

	if (get_size(&size) && write(fd, &size, sizeof(size)) < 0)
		return;
}

/*
 * All signals are taken here, one at a time, so nothing can happen in a handler. Until the child has become the user that the keeper is, it
 * cannot be signalled: what it is owed is tried again.
 */
static int wait_for(pid_t child, const sigset_t *set)
{
	const struct timespec soon = { .tv_nsec = 50000000 };
	int status, owed = 0, sig;

	for (;;) {
		sig = sigtimedwait(set, NULL, owed ? &soon : NULL);
		if (sig == SIGWINCH)
			send_size(POLICY_FD_RESIZE);
		else if (sig == SIGCHLD && waitpid(child, &status, WNOHANG) == child)
			return status;
		else if (sig > 0 && sig != SIGCHLD)
			owed = sig;
		if (owed && (!kill(child, owed) || errno != EPERM))
			owed = 0;
	}
}

/* The kernel's own form of the modes, which needs no knowledge of it: what is read is what is written. */
static unsigned char modes[256];

/*
 * What a guest may have left on: an unfinished string, another screen, mouse and focus reports, bracketed paste, keys and character sets of an
 * application, colours, no cursor. Where the cursor is, stays. Terminals do not mind what they do not know.
 */
static const char reset[] = "\033\\" "\033[!p" "\033[?1047l" "\033[?1000;1002;1003;1004;1005;1006;1015;2004l" "\033[?1l" "\033>"
			    "\033[?7h" "\033[?25h" "\033(B\017" "\033[0m";

/*
 * A terminal may still answer what the guest asked it; that is not for the shell. What has come within this time is thrown away with the modes
 * that are set then (TCSETSF).
 */
static void restore(const sigset_t *set)
{
	const struct timespec answers = { .tv_nsec = 100000000 };

	/* One that nobody reads gets as much as it takes. */
	if (write(POLICY_FD_RESOURCE_OUT, reset, sizeof(reset) - 1) > 0)
		sigtimedwait(set, NULL, &answers);
	ioctl(STDIN_FILENO, TCSETSF, modes);
}

/* One's own, so that it can be non-blocking for nobody else; where that is forbidden (after su) there is none. */
static void open_terminal(void)
{
	int fd = open("/proc/self/fd/0", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd >= 0)
		policy_place_fd(fd, POLICY_FD_RESOURCE_OUT);
	else
		close(POLICY_FD_RESOURCE_OUT);	/* whatever was there */
}

static void __attribute__((noreturn)) keeper(pid_t child, const sigset_t *set, int resize)
{
	int status;

	/* In the background of its session it would be stopped, with the terminal still raw. */
	signal(SIGTTOU, SIG_IGN);
	open_terminal();
	if (policy_place_fd(STDIN_FILENO, STDIN_FILENO) < 0 || policy_place_fd(resize, POLICY_FD_RESIZE) < 0 ||
	    policy_confine_parent(&policy_keeper)) {
		kill(child, SIGKILL);
		ioctl(STDIN_FILENO, TCSETSF, modes);
		_exit(1);
	}
	status = wait_for(child, set);
	restore(set);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

static void keeper_signals(sigset_t *set)
{
	static const int signals[] = { SIGCHLD, SIGWINCH, SIGTERM, SIGINT, SIGHUP, SIGQUIT };

	sigemptyset(set);
	for (unsigned int i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaddset(set, signals[i]);
}

/*D:510
 * A terminal in raw mode must be put back however its console ends, and a sealed process that is killed can put nothing
 * back. So the program forks: the parent stays as the keeper above, with the old modes and a filter that lets it set
 * them and do little else, and the child goes on to become the role. Look at the signals: they are blocked before the
 * terminal becomes raw, so that none can end us in between.
 */
int terminal_keep(struct console *con)
{
	struct termios saved, raw;
	sigset_t set, old;
	pid_t child;
	int resize[2];

	if (tcgetattr(STDIN_FILENO, &saved) || ioctl(STDIN_FILENO, TCGETS, modes))
		return -errno;
	policy_share_user(0);
	con->size_known = get_size(&con->size);
	if (pipe2(resize, O_CLOEXEC | O_NONBLOCK))
		return -errno;
	raw = saved;
	cfmakeraw(&raw);
	keeper_signals(&set);
	/* Before raw mode: a signal between the two must find somebody who restores it. */
	sigprocmask(SIG_BLOCK, &set, &old);
	if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw))
		return -errno;
	child = fork();
	if (child > 0) {
		close(resize[0]);
		keeper(child, &set, resize[1]);
	}
	if (child < 0) {
		int err = -errno;

		tcsetattr(STDIN_FILENO, TCSAFLUSH, &saved);
		return err;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigprocmask(SIG_SETMASK, &old, NULL);
	close(resize[1]);
	return policy_place_fd(resize[0], POLICY_FD_RESIZE) < 0 ? -EBADF : 0;
}
