// SPDX-License-Identifier: GPL-2.0
/*D:343
 * backend_gone.c: a front end that has hung up, and its process that does not end.
 *
 * A role ends when its front end hangs up, but it can be kept from that by what it was given: closing a socket that lingers takes as long as its
 * owner said, memory may be a file whose server does not answer. The listening process, which reads nothing of a front end's, hears the hang-up
 * by a signal, and ends the role some time later, as lguest-run does. Requests in flight are awaited as always (the drain pipe).
 *
 * It may: look at one connection, end one process. What it cannot see is an end of the connection that its front end has hidden in the role itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "devices/backend_internal.h"

static int connection, role = -1;
static volatile sig_atomic_t leaving, killed;

static void look(int sig)
{
	struct pollfd p = { .fd = connection, .events = POLLRDHUP };
	int err = errno;

	(void)sig;
	if (!leaving && poll(&p, 1, 0) == 1 && p.revents & (POLLRDHUP | POLLHUP)) {
		leaving = 1;
		alarm(BACKEND_GONE_S);
	}
	errno = err;
}

static void end_role(int sig)
{
	int err = errno;

	(void)sig;
	killed = !syscall(SYS_pidfd_send_signal, role, SIGKILL, NULL, 0);
	errno = err;
}

void backend_gone_watch(int fd)
{
	const struct sigaction news = { .sa_handler = look, .sa_flags = SA_RESTART }, late = { .sa_handler = end_role, .sa_flags = SA_RESTART };

	alarm(0);	/* of the one before, if a ring of it still has that connection */
	connection = fd;
	leaving = killed = 0;
	sigaction(SIGIO, &news, NULL);
	sigaction(SIGALRM, &late, NULL);
	fcntl(fd, F_SETOWN, getpid());
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_ASYNC);
}

void backend_gone_role(pid_t pid)
{
	role = (int)syscall(SYS_pidfd_open, pid, 0);
	look(SIGIO);	/* it may have hung up before the signal was asked for */
}

bool backend_gone_done(void)
{
	alarm(0);
	close(role);
	role = -1;
	return killed;
}
