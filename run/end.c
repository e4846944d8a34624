// SPDX-License-Identifier: GPL-2.0
/*L:985
 * end.c: the processes of a guest are ended, and none is left (end.h). Whose children are the guest's, and who only came to us with the shell that we were.
 *
 * It may kill and reap children, wait for them, and close connections. Each wait has an end: a child that is killed here is a minder, which waits for
 * nothing but its own child, and dies at once.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "run/child.h"
#include "run/control.h"
#include "run/end.h"
#include "run/launch.h"
#include "run/notify.h"
#include "run/proc.h"
#include "run/say.h"
#include "run/watch.h"

#define GRACE_MS	300	/* for roles to end by themselves when the core is gone */
#define REAP_QUIET_MS	5000	/* of END_REAP_MS without a word */
#define DRAIN_MS	500	/* then for the kernel to let go of what they held */
#define STRANGERS	256	/* children that may have been there before us: with more there is no telling who is left */

static bool is_known(const struct launch *l, pid_t pid)
{
	for (unsigned int i = 0; i < l->roles; i++)
		if (l->role[i].pid == pid)
			return true;
	return l->core_pid == pid || l->control_pid == pid;
}

/* A shell that became us by exec had children, which are ours now, and none of the guest's. 0: it is reaped, and its number may be anybody's. */
static pid_t stranger[STRANGERS];

void end_note_strangers(void)
{
	proc_children(getpid(), stranger, STRANGERS);
}

static void forget_stranger(pid_t pid)
{
	for (unsigned int i = 0; i < STRANGERS; i++)
		if (stranger[i] == pid)
			stranger[i] = 0;
}

/* What strangers leave behind comes to us as well, in our session as a rule. What we start has sessions of its own. */
static bool is_stranger(pid_t pid)
{
	for (unsigned int i = 0; i < STRANGERS; i++)
		if (stranger[i] == pid)
			return true;
	return getsid(pid) == getsid(0);
}

/* Is nobody left but strangers? Where /proc does not tell, everybody is taken for ours. */
static bool only_strangers(void)
{
	pid_t child[STRANGERS];
	int n = proc_children(getpid(), child, STRANGERS);

	for (int i = 0; i < n && i < STRANGERS; i++)
		if (!is_stranger(child[i]))
			return false;
	return n > 0 && n <= STRANGERS;
}

/* A role whose minder was killed (end_hung() does) is ours to reap; the children that pidfds watch are left to those. */
void end_reap_adopted(const struct launch *l)
{
	siginfo_t info;

	for (;;) {
		info.si_pid = 0;
		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) || !info.si_pid || is_known(l, info.si_pid))
			return;
		forget_stranger(info.si_pid);
		waitid(P_PID, (id_t)info.si_pid, &info, WEXITED | WNOHANG);
	}
}

/*
 * A role in its own pid namespace is the child of a minder; when the minder was killed the kernel kills the role,
 * and hands it to us (run.c made us its reaper). Its tap and its image are free only when it is gone.
 */
static void reap_orphans(void)
{
	const struct timespec tick = { .tv_nsec = 100000000 };
	uint64_t from = now_ms(), now = from;
	bool told = false;
	sigset_t news;
	pid_t pid;

	/* Blocked, so that no end is missed between the look and the wait */
	sigemptyset(&news);
	sigaddset(&news, SIGCHLD);
	sigprocmask(SIG_BLOCK, &news, NULL);
	do {
		pid = waitpid(-1, NULL, WNOHANG);
		if (!pid && only_strangers())
			return;
		if (!pid)
			sigtimedwait(&news, NULL, &tick);
		now = now_ms();
		notify_alive(now);
		if (!pid && !told && now - from > REAP_QUIET_MS) {
			complain("a process of this guest was killed and is not gone yet: what it has of the host (memory, image, tap) is in use until it is");
			told = true;
		}
	} while (pid >= 0 && now - from < END_REAP_MS);
	if (pid >= 0)
		complain("a killed process of this guest is still not gone: lguest-run ends without it; see why with ps -eo pid,stat,wchan:32,args");
}

static bool wait_child(pid_t pid, int pidfd, uint64_t until)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	uint64_t now = now_ms();

	if (poll(&p, 1, now < until ? (int)(until - now) : 0) <= 0)
		return false;
	waitid(P_PID, (id_t)pid, &(siginfo_t){ 0 }, WEXITED);
	return true;
}

/*
 * A dead role's ring lives on in the kernel until its last request is over, and holds the tap and the image: who
 * starts the next guest as soon as this program has ended must find them free.
 */
static void wait_drain(const struct role *r, uint64_t until)
{
	struct pollfd p = { .fd = r->drain };
	uint64_t now = now_ms();

	if (r->drain < 0 || poll(&p, 1, now < until ? (int)(until - now) : 0))
		return;
	complain("%s: the last I/O of its process is not over; %s is in use until it is", r->name, r->path ? r->path : "what it holds");
}

/*L:990
 * And all that is left is ended: the core, by a signal that it cannot refuse; the roles, whose connections closed with
 * it, after a short grace; those that are killed are waited for, a minute at most, and then what the kernel still does for them, half a second, so that image
 * and tap are free when we return, or a sentence says that they are not. That is the whole of user space. One call in
 * it stayed closed: LGUEST_RUN. Chapter Host opens it, from the other side of /dev/lguest.
 */
/* The core first: with it the guest stops. Roles see their connections close, finish what is in flight, and end. */
void end_all(struct launch *l)
{
	uint64_t until;

	if (l->core_pid) {
		kill(l->core_pid, SIGKILL);
		waitid(P_PID, (id_t)l->core_pid, &(siginfo_t){ 0 }, WEXITED);
	}
	until = now_ms() + GRACE_MS;
	control_end(l, until);
	for (unsigned int i = 0; i < l->roles; i++) {
		struct role *r = &l->role[i];

		fd_close(&r->socket);
		if (!r->pid || wait_child(r->pid, r->pidfd, until))
			continue;
		kill(r->pid, SIGKILL);
		waitid(P_PID, (id_t)r->pid, &(siginfo_t){ 0 }, WEXITED);
	}
	reap_orphans();
	until = now_ms() + DRAIN_MS;
	for (unsigned int i = 0; i < l->roles; i++)
		wait_drain(&l->role[i], until);
}
