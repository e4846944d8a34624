// SPDX-License-Identifier: GPL-2.0
/*L:480
 * life.c: does lguest-core still serve its devices? lguest-run asks it every few seconds, as the core asks the roles (core/device.c).
 *
 * It may send a message that needs no wait, signal the core, and read its state in /proc. A core that somebody has stopped owes no answer until it goes
 * on, if /proc shows that; one of which nothing is known owes it.
 */
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/control.h"
#include "run/child.h"
#include "run/launch.h"
#include "run/life.h"
#include "run/proc.h"

#define ASK_MS	4000	/* how often it is asked: each time wakes both */
#define LATE_MS	20000	/* an answer that takes longer does not come: it answers between any two things that it does, each of 3 s at most */

static pid_t core;
static int core_pidfd = -1;	/* so that a signal reaches it or nobody */

void core_is(pid_t pid)
{
	if (pid <= 0 || core)
		return;
	core_pidfd = fd_lift((int)syscall(SYS_pidfd_open, pid, 0));
	core = pid;
}

pid_t core_process(void)
{
	return core;
}

int core_signal(int sig)
{
	return (int)syscall(SYS_pidfd_send_signal, core_pidfd, sig, NULL, 0);
}

static bool core_stands(void)
{
	struct proc_stat s;

	return proc_stat(core, &s) && (s.state == 'T' || s.state == 't');
}

/* Where there is no room for a question, those before it are not answered either, and its time passes. */
static void ask(const struct launch *l)
{
	struct control_msg msg = { .type = CONTROL_ASK };

	send(l->control, &msg, sizeof(msg), MSG_NOSIGNAL | MSG_DONTWAIT);
}

/*
 * One that was found stopped is asked nothing more until it goes on: it answers then, and till then a socket full of questions would have no room
 * for what it has to be told.
 */
int core_must_live(struct launch *l, uint64_t now)
{
	static bool stopped;

	if (now - l->asked_ms < ASK_MS)
		return (int)(ASK_MS - (now - l->asked_ms));
	/* This program was not run for a while itself (a stop, a host that slept): the core gets its time from now on. */
	if (l->asked_ms && now - l->asked_ms > 2 * ASK_MS)
		l->alive_ms = now;
	l->asked_ms = now;
	stopped = (stopped || now - l->alive_ms > 2 * ASK_MS) && core_stands();
	if (stopped) {
		l->alive_ms = now;
		return ASK_MS;
	}
	if (now - l->alive_ms > LATE_MS)
		return -1;
	ask(l);
	return ASK_MS;
}
