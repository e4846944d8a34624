// SPDX-License-Identifier: GPL-2.0
/*L:480
 * life.c: does lguest-core still serve its devices? lguest-run asks it every few seconds, as the core asks the roles (core/device.c).
 *
 * It may send a message that needs no wait, and read /proc of the core. A core that is stopped is a guest that somebody
 * paused: it owes no answer until it goes on.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "core/control.h"
#include "run/launch.h"

#define ASK_MS	4000	/* how often it is asked: each time wakes both */
#define LATE_MS	20000	/* an answer that takes longer does not come: it answers between any two things that it does, each of 3 s at most */

/* The core is the one child of its minder. Return: its state as proc(5) has it, 0 = nobody knows. */
static char core_state(pid_t minder)
{
	char path[64], state = 0;
	int pid = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)minder, (int)minder);
	f = fopen(path, "re");
	if (!f)
		return 0;
	if (fscanf(f, "%d", &pid) != 1)
		pid = 0;
	fclose(f);
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = pid ? fopen(path, "re") : NULL;
	if (!f)
		return 0;
	if (fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
		state = 0;
	fclose(f);
	return state;
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
	char state;

	if (now - l->asked_ms < ASK_MS)
		return (int)(ASK_MS - (now - l->asked_ms));
	/* This program was not run for a while itself (a stop, a host that slept): the core gets its time from now on. */
	if (l->asked_ms && now - l->asked_ms > 2 * ASK_MS)
		l->alive_ms = now;
	l->asked_ms = now;
	state = stopped || now - l->alive_ms > 2 * ASK_MS ? core_state(l->core_pid) : 'R';
	stopped = state == 'T' || state == 't';
	if (!state || stopped)
		l->alive_ms = now;	/* stopped, or nobody can tell */
	if (stopped)
		return ASK_MS;
	if (now - l->alive_ms > LATE_MS)
		return -1;
	ask(l);
	return ASK_MS;
}
