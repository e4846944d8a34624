/* SPDX-License-Identifier: GPL-2.0 */
/*
 * control.h: lguest-run's half of the control sockets: it makes them, starts lguest-control, and does what that asks (control/ask.h). Without --control
 * each of these does nothing.
 */
#ifndef LGUEST_RUN_CONTROL_H
#define LGUEST_RUN_CONTROL_H

#include "control/ask.h"
#include "run/watch.h"

/** control_open() - make the folder and its sockets. Return: 0, or an exit status after complain(). */
int control_open(struct launch *l);

/** control_begin() - start lguest-control. Return: 0, or an exit status after complain(). */
int control_begin(struct launch *l);

/** control_turn() - what happened to the socket to lguest-control (@asks) and to its process (@ended), as poll(2) has it. */
void control_turn(struct watch *w, short asks, short ended);

/** control_waits_for() - what that socket is waited on for, as poll(2) has it. */
short control_waits_for(void);

/** control_due() - what is due by time. Return: milliseconds until the next, -1: nothing is. */
int control_due(struct watch *w, uint64_t now);

/** control_event() - tell whoever listens. @value: of events that have one. */
void control_event(enum answer_event event, const char *name, uint64_t value);

/** control_back() - a role serves again, after @away_ms: somebody may have asked for that. */
void control_back(struct role *r, uint64_t away_ms);

/**
 * control_pause() - a process of @r has died: what does that cost while an operator's order replaces it?
 * @r: the role
 *
 * The first death is the order's own, and free. What follows it and does not serve waits, but no strike is counted.
 *
 * Return: milliseconds to wait before the next start, -1: it is not being replaced, and pays as any other.
 */
int control_pause(const struct role *r);

/** control_resume() - a guest that an operator has paused goes on. Return: does it run now? */
bool control_resume(struct watch *w);

/** control_stats() - the core has answered CONTROL_STATS. */
void control_stats(const struct control_msg *msg);

/** control_over() - the guest is over: the last event. */
void control_over(int status, const char *text);

/** control_end() - end lguest-control, which may say its last words until @until_ms. */
void control_end(struct launch *l, uint64_t until_ms);

/** control_close() - remove the sockets, and the folder if it was made. */
void control_close(struct launch *l);

#endif
