/* SPDX-License-Identifier: GPL-2.0 */
/*
 * watch.h: the loop of lguest-run, for what runs in its turns: supervise.c, and control.c, which does what an operator asks.
 */
#ifndef LGUEST_RUN_WATCH_H
#define LGUEST_RUN_WATCH_H

#include "core/control.h"
#include "run/launch.h"

/**
 * struct owed - what the core is still to be told, since its socket had no room (tell.c)
 * @events: a bit for each of enum control_event, CONTROL_RESUMED first; @given_up: for each role
 * @stats: its counters are wanted
 */
struct owed {
	uint32_t events, given_up;
	bool stats;
};

/**
 * struct watch - the state of the loop
 * @over: the guest's end, @status: what lguest-run exits with then
 * @running: the core said so
 * @stop_at_ms: the guest was asked to power down, and is ended then; 0 = it was not asked, UINT64_MAX = it has all the time
 * @asked: CONTROL_POWERDOWN or CONTROL_RESET, whatever it was last asked; @sigpwr: by that signal
 * @extended_ms: when the service manager was last told that this takes longer
 * @paused: the core is stopped, by an operator
 * @needs_room: a role is to be started, and waits until the core's socket has room for its connection
 */
struct watch {
	struct launch *l;
	int signals;
	bool over;
	bool running;
	bool paused;
	bool needs_room;
	bool sigpwr;
	uint32_t asked;
	struct owed owed;
	int status;
	uint64_t busy_ms;	/* when something last happened, 0: what that needed was given back */
	uint64_t started_ms;
	uint64_t stop_at_ms, extended_ms;
	char text[sizeof(((struct control_msg *)0)->text)];
};

/** now_ms() - CLOCK_MONOTONIC */
uint64_t now_ms(void);

/** sooner() - of two times to wait, each -1 for none. */
static inline int sooner(int a, int b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

/** finish() - the guest is over; only the first reason counts. */
void finish(struct watch *w, int status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/**
 * take_packet() - a packet of a process that may be hijacked, without waiting
 * @fd: SOCK_SEQPACKET
 * @sender: NULL, or, where @fd has SO_PASSCRED: who sent it, as the kernel has it; 0 = a process that this namespace does not see
 *
 * Return: its length, which may be more than @size; 0 = it is empty, or the other end is closed; -1 with errno. EPROTO: a descriptor came with it. Then it
 * is left in the socket, which must not be closed: to drop a descriptor takes as long as its file likes, and here only SIGKILL would end that wait.
 */
ssize_t take_packet(int fd, void *buf, size_t size, pid_t *sender);

/**
 * power_down() - ask the guest to end itself
 * @event: CONTROL_POWERDOWN or CONTROL_RESET (core/control.h)
 * @seconds: until it is ended; 0 = as long as it likes. Of one that was asked before the sooner end counts.
 */
void power_down(struct watch *w, uint32_t event, unsigned int seconds);

#endif
