// SPDX-License-Identifier: GPL-2.0
/*L:360
 * supervise.c: lguest-run after the start: wait, start a dead role again, and when the guest is over have all ended (launch.h, end.h).
 *
 * A role that dies gets a fresh process with the same descriptors, once the last I/O of the old one is over (its
 * drain pipe hangs up), and the core is sent the new connection. Every death costs (restart.h): pauses grow, and a role that serves
 * too little between its deaths is given up: its device tells the driver NEEDS_RESET, and the guest lives on; SIGUSR1 takes that back. When
 * the core dies, the guest is over.
 *
 * It may: poll its descriptors, start roles, kill its children. It trusts no message more than its size and type.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/control.h"
#include "ipc/exit.h"
#include "policy/policy.h"
#include "run/child.h"
#include "run/control.h"
#include "run/end.h"
#include "run/launch.h"
#include "run/life.h"
#include "run/notify.h"
#include "run/say.h"
#include "run/tell.h"
#include "run/watch.h"

#define UNDRAINED_MS	60000	/* for the last I/O of a dead process: then the user and the driver are told, and it is waited on */
#define QUIET_MS	2000	/* without any event but the core's signs of life */
#define RECORDER_MS	2000	/* for a recorder to end after its role */
#define REFUSED_EVERY_MS 30000	/* a refusal of each device is told once in this time; an honest core says one in a minute */
#define EXTEND_MS	30000	/* how often a service manager is told that a stop has no end: it has one of its own */
#define DYING_MS	2000	/* for a process whose connection is dead to be seen dead itself */

uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void finish(struct watch *w, int status, const char *fmt, ...)
{
	va_list ap;

	if (w->over)
		return;
	w->over = true;
	w->status = status;
	va_start(ap, fmt);
	vsnprintf(w->text, sizeof(w->text), fmt, ap);
	va_end(ap);
}

static pid_t sender_of(struct msghdr *m)
{
	const struct cmsghdr *c = CMSG_FIRSTHDR(m);
	struct ucred u = { 0 };

	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_CREDENTIALS)
		memcpy(&u, CMSG_DATA(c), sizeof(u));
	return u.pid;
}

ssize_t take_packet(int fd, void *buf, size_t size, pid_t *sender)
{
	_Alignas(struct cmsghdr) char space[CMSG_SPACE(sizeof(struct ucred))];	/* and of that nothing is left for a descriptor */
	struct iovec iov = { buf, size };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = sender ? space : NULL, .msg_controllen = sender ? sizeof(space) : 0 };

	/* A kernel that has no room for descriptors says that there are some. */
	if (recvmsg(fd, &m, MSG_PEEK | MSG_DONTWAIT) < 0)
		return -1;
	if (m.msg_flags & MSG_CTRUNC) {
		errno = EPROTO;
		return -1;
	}
	if (sender)
		*sender = sender_of(&m);
	return recv(fd, buf, size, MSG_DONTWAIT | MSG_TRUNC);
}

/* The start fails for this role, if nothing was the reason before. Return: the exit status. */
static int not_started(const struct watch *w, struct role *r)
{
	r->unstarted |= !w->over;
	return r->kind->status;
}

/* --- the core --- */

/*L:980
 * lguest-run hears it, and what it says is what the user gets: the guest's own status, or one of ipc/exit.h with a
 * sentence. A start that failed for one device is blamed on that device. finish() is obeyed once, so that the first
 * reason is the one that counts.
 */
static void core_ended(struct watch *w, const struct control_msg *msg)
{
	int code = (int)(msg->code & 0xff);

	if (code == EXIT_ROLE && !w->running)
		code = not_started(w, &w->l->role[msg->device]);
	/* Such a status might be taken for one of lguest-run's own: who said it is told. */
	if (w->running && code >= EXIT_USAGE && !msg->text[0])
		finish(w, code, "the guest powered off with status %d", code);
	finish(w, code, "%s", msg->text);
}

/* The guest is without this role from now on, if it was not before. */
static void without(struct role *r)
{
	if (!r->lost_ms)
		r->lost_ms = now_ms();
}

static void serves(struct role *r)
{
	r->served_ms = now_ms();
	r->lost_ms = 0;
}

/*L:470
 * A death has a second way to be known: the core sees the connection, which may die under a process that lives on. A
 * foreign process is given up at once, for we cannot start it; one of ours gets some time to end by itself, or none if
 * it hangs, and end_hung() kills it, which brings us to role_died() again. The number in the message tells whether the
 * report is about this one or about one before it.
 */
/*
 * The connection is dead. The process is dying, and its end says why; or it hangs or broke the protocol, and is
 * ended when its time is over (end_hung()). Either way role_died() starts it again.
 */
static void device_lost(struct watch *w, const struct control_msg *msg)
{
	struct role *r = &w->l->role[msg->device];

	if (role_is_foreign(r)) {
		if (r->given_up)
			return;	/* said once, however often a core says it */
		r->given_up = true;
		complain("%s is gone (%s): the guest goes on without it", r->name, msg->text);
		control_event(EVENT_GIVEN_UP, r->name, 0);
		tell_given_up(w, r);
	} else if (r->pid && !r->end_at_ms && msg->process == r->process) {
		r->end_at_ms = now_ms() + (msg->code ? 0 : DYING_MS);
		r->hangs = msg->code;
		without(r);
	}
}

/* Not said by a hijacked core in each message either. */
static void device_refused(struct role *r)
{
	if (r->refused_ms && now_ms() - r->refused_ms < REFUSED_EVERY_MS)
		return;
	r->refused_ms = now_ms();
	complain("%s refused what the guest's driver set up: the device waits until that driver resets it", r->name);
}

static void device_back(struct role *r, uint32_t process)
{
	if (process != r->process || !r->pid)
		return;
	if (r->lost_ms)
		complain("%s is back after %llu ms", r->name, (unsigned long long)(now_ms() - r->lost_ms));
	control_back(r, r->lost_ms ? now_ms() - r->lost_ms : 0);
	serves(r);
}

/*L:420
 * The other thing that is read. The table of P:150 is asked first, so that here size, type, device and time are right;
 * what is left to doubt is whether it is true. CONTROL_LOST is how the core reports a role whose connection died, and
 * CONTROL_RECOVERED that its successor is in use.
 */
/* Return: was there a message? */
static bool core_message(struct watch *w)
{
	struct control_msg msg;
	pid_t sender;
	ssize_t n;

	if (w->l->control < 0)
		return false;
	n = take_packet(w->l->control, &msg, sizeof(msg), &sender);
	if (n < 0 && errno == EPROTO)
		finish(w, EXIT_CORE, "lguest-core sent a descriptor, which ours never does: it was taken over, and the guest is over");
	if (n == 0)
		w->l->control = -1;	/* not closed: an empty packet looks the same, and what is behind it is not to be dropped */
	if (n <= 0)
		return false;
	if (!control_allowed(&msg, (size_t)n, false, w->running ? CONTROL_RUNS : CONTROL_BEFORE, w->l->roles, false))
		return true;
	msg.text[sizeof(msg.text) - 1] = '\0';
	switch (msg.type) {
	case CONTROL_RUNNING:
		for (unsigned int i = 0; i < w->l->roles; i++)
			serves(&w->l->role[i]);
		w->running = w->l->ran = true;
		core_is(sender);
		notify("READY=1\nSTATUS=the guest runs");
		/* fall through */
	case CONTROL_ALIVE:
		w->l->alive_ms = now_ms();
		break;
	case CONTROL_LOST:
		device_lost(w, &msg);
		break;
	case CONTROL_RECOVERED:
		device_back(&w->l->role[msg.device], msg.process);
		break;
	case CONTROL_REFUSED:
		device_refused(&w->l->role[msg.device]);
		break;
	case CONTROL_STATS:
		control_stats(&msg);
		break;
	case CONTROL_END:
		core_ended(w, &msg);
		break;
	}
	return true;
}

/*
 * How a child ended. Of a role that a signal killed, its minder (policy/enter.c) says so with 128 + signal; a role that ends itself with such a
 * status is not believed there.
 */
static void reap(pid_t pid, siginfo_t *info)
{
	*info = (siginfo_t){ 0 };
	waitid(P_PID, (id_t)pid, info, WEXITED);
	if (info->si_code == CLD_EXITED && info->si_status > 128) {
		info->si_code = CLD_KILLED;
		info->si_status -= 128;
	}
}

/* What a signal says of who was killed by it, for users. The guest's memory and windows are sealed files, so that nobody can cut them off under a process. */
static const char *cause(int sig)
{
	if (sig == SIGBUS)
		return "the host lost a page of memory, which its kernel log names, or vm.overcommit_memory=2 refuses one";
	return strsignal(sig);
}

static void core_died(struct watch *w)
{
	siginfo_t info;

	while (core_message(w))
		;	/* its last word may be waiting */
	reap(w->l->core_pid, &info);
	w->l->core_pid = 0;
	fd_close(&w->l->core_pidfd);
	if (info.si_code != CLD_EXITED && info.si_status == SIGSYS)
		finish(w, EXIT_CORE_POLICY, "lguest-core made a system call that its filter forbids, and was killed; the guest is over");
	else if (info.si_code != CLD_EXITED)
		finish(w, info.si_status == SIGBUS ? EXIT_HOST_MEMORY : EXIT_CORE, "lguest-core was killed by signal %d (%s); the guest is over",
		       info.si_status, cause(info.si_status));
	else
		finish(w, info.si_status >= EXIT_USAGE ? info.si_status : EXIT_CORE, "lguest-core ended with status %d; the guest is over",
		       info.si_status);
}

/* --- roles --- */

static void give_up(struct watch *w, struct role *r, const char *why)
{
	complain("%s %s: the guest goes on without it (kill -USR1 %d: try it again)", r->name, why, (int)getpid());
	r->given_up = true;
	r->wanted = false;
	control_event(EVENT_GIVEN_UP, r->name, 0);
	tell_given_up(w, r);
}

static void dead_since(struct role *r, uint64_t now)
{
	without(r);
	r->served_ms = 0;
	r->died_ms = now;
	control_event(EVENT_LOST, r->name, 0);
}

static void start_after(struct role *r, int pause)
{
	r->start_at_ms = r->died_ms + (uint64_t)pause;
	r->wanted = true;
	r->undrained = false;
}

/* Count the end of a role's process. Return: will there be another one? */
static bool count_death(struct watch *w, struct role *r, bool own_fault)
{
	static char often[64];
	uint64_t now = now_ms(), served = r->served_ms ? (r->lost_ms ? r->lost_ms : now) - r->served_ms : 0;
	int pause = restart_pause(&r->restarts, now, served, own_fault);

	dead_since(r, now);
	if (pause < 0) {
		if (r->restarts.strikes >= RESTART_STRIKES)
			snprintf(often, sizeof(often), "died %d times within %d s", RESTART_STRIKES, RESTART_STRIKES_MS / 1000);
		else
			snprintf(often, sizeof(often), "died %d times and hardly served in between", RESTART_DEBT_MAX + 1);
		give_up(w, r, often);
		return false;
	}
	start_after(r, pause);
	return true;
}

/* Return: what is said of the next start. */
static const char *when(const struct role *r)
{
	static char text[48];

	if (r->start_at_ms <= r->died_ms)
		return "starting it again";
	snprintf(text, sizeof(text), "starting it again in %llu ms", (unsigned long long)(r->start_at_ms - r->died_ms));
	return text;
}

/* A recording is of one process. Whether this one or its recorder died first, the next is served without. */
static void not_recorded(struct role *r)
{
	if (r->recorder <= 0)
		return;
	fd_close(&r->recorder);
	complain("%s is not recorded any more: %s/recording ends with the process that it is of", r->name, r->record);
}

/* It hangs: it was to end when its role did, and its copies would land in what a successor uses. */
static void end_recorder(const struct role *r, uint64_t now)
{
	if (r->recorder > 0 && now - r->died_ms >= RECORDER_MS)
		syscall(SYS_pidfd_send_signal, r->recorder, SIGKILL, NULL, 0);
}

/*L:460
 * The pause is over, and the drain pipe has hung up, if there was a process at all: nothing that the dead process had
 * asked of the kernel can still touch the window or the image, and a successor may begin, if the core can hear of it. It gets the same descriptors
 * and a new connection, whose other end goes to the core as CONTROL_CONNECT. There the way goes on in
 * control_message(), and ends in join() of core/device.c (L:740).
 */
static void restart(struct watch *w, struct role *r)
{
	r->wanted = false;
	not_recorded(r);
	r->process++;
	if (spawn_role(w->l, r)) {
		fd_close(&r->socket);
		fd_close(&r->drain);
		if (count_death(w, r, false))
			complain("%s could not be started: %s", r->name, when(r));
		return;
	}
	if (!tell_connection(w, r))
		complain("%s: lguest-core does not get the connection to its new process: %m; the process ends, and the next one is tried", r->name);
	fd_close(&r->socket);
}

/* The user's order: whatever was given up gets another chance. */
static void take_back(struct watch *w)
{
	for (unsigned int i = 0; i < w->l->roles; i++) {
		struct role *r = &w->l->role[i];

		if (!r->given_up || role_is_foreign(r))
			continue;
		complain("%s is tried again, as you wish", r->name);
		r->given_up = r->undrained = false;
		r->restarts = (struct restarts){ 0 };
		r->start_at_ms = r->died_ms = now_ms();
		r->wanted = true;
	}
}

static void describe_death(const struct role *r, const siginfo_t *info)
{
	if (info->si_code == CLD_EXITED)
		complain("%s ended with status %d: %s", r->name, info->si_status, when(r));
	else if (info->si_status == SIGSYS)
		complain("%s made a system call that its filter forbids, and was killed: %s", r->name, when(r));
	else
		complain("%s was killed by signal %d (%s): %s", r->name, info->si_status, cause(info->si_status), when(r));
}

/*L:430
 * Where does a dead role go? Here: its pidfd woke turn(). Before the guest runs a death ends the start; a console that
 * the user left ends the guest; any other death is counted, and if it was not one too many the role is *wanted*. Then
 * two things must pass before restart() (L:460): the pause that the death costs, and the last I/O of the dead process. And
 * the core must be able to hear of the next one.
 */
static void role_died(struct watch *w, struct role *r)
{
	siginfo_t info;
	int pause;

	reap(r->pid, &info);
	r->pid = 0;
	fd_close(&r->pidfd);
	if (w->over)
		return;
	if (info.si_code == CLD_EXITED && info.si_status == ROLE_LEFT && r->kind->terminal) {
		finish(w, EXIT_LEFT, "left");
		return;
	}
	/* Before the guest runs, a failing role has printed its reason. Status 0 means that the core hung up: the reason follows in its
	 * CONTROL_END. */
	if (!w->running && info.si_code == CLD_EXITED && !info.si_status)
		return;
	if (!w->running) {
		finish(w, not_started(w, r), "%s could not be started", r->name);
		return;
	}
	pause = control_pause(r);
	if (pause >= 0) {
		dead_since(r, now_ms());
		start_after(r, pause);
		if (pause)
			describe_death(r, &info);
		return;
	}
	if (count_death(w, r, r->blamed || info.si_code == CLD_EXITED || info.si_status != SIGKILL))
		describe_death(r, &info);
}

/* Its last process is dead, and the kernel still works for it. Nothing may be started beside that; the driver is told when it takes long. */
static void look_at_drain(struct watch *w, struct role *r, uint64_t now)
{
	if (r->undrained || now - r->died_ms < UNDRAINED_MS)
		return;
	r->undrained = true;
	complain("%s: the last I/O of its dead process is not over after %d s: the guest's driver is told; it is started again when it is over",
		 r->name, UNDRAINED_MS / 1000);
	tell_given_up(w, r);
}

/* A process that the core does not greet is of no use to anybody: it is started when the guest goes on, or when the core has taken what waits for it. */
static bool can_be_greeted(struct watch *w)
{
	if (w->paused)
		return false;
	if (tell_has_room(w))
		return true;
	w->needs_room = true;
	return false;
}

/* Return: milliseconds until something is due for a role that waits to be started, -1: nothing is. */
static int look_at_waiting(struct watch *w, uint64_t now)
{
	int next = -1, ms;

	w->needs_room = false;
	for (unsigned int i = 0; i < w->l->roles; i++) {
		struct role *r = &w->l->role[i];

		if (!r->wanted)
			continue;
		end_recorder(r, now);
		if (now >= r->start_at_ms && r->drain >= 0)
			look_at_drain(w, r, now);
		else if (now >= r->start_at_ms && can_be_greeted(w))
			restart(w, r);
		ms = now < r->start_at_ms ? (int)(r->start_at_ms - now) : r->undrained || (w->paused && r->drain < 0) ? -1 : 1000;
		if (ms >= 0 && (next < 0 || ms < next))
			next = ms;
	}
	return next;
}

/* --- the loop --- */

/* The role is in a session of its own, and its terminal signals ours. */
static void pass_window_size(const struct launch *l)
{
	for (unsigned int i = 0; i < l->roles; i++)
		if (l->role[i].kind->terminal && l->role[i].pid)
			kill(l->role[i].pid, SIGWINCH);
}

/* What a service manager is to wait: @ms, and then for the end of everything. */
static unsigned long long stop_usec(uint64_t ms)
{
	return (ms + 10000 + END_REAP_MS) * 1000;
}

/* Return: milliseconds that the guest has until it is ended, of those without end as many as are told at a time. */
static uint64_t stop_left(const struct watch *w, uint64_t now)
{
	if (w->stop_at_ms == UINT64_MAX)
		return EXTEND_MS;
	return w->stop_at_ms > now ? w->stop_at_ms - now : 0;
}

void power_down(struct watch *w, uint32_t event, unsigned int seconds)
{
	uint64_t now = now_ms(), until = seconds ? now + seconds * 1000ull : UINT64_MAX;

	if (w->asked != event) {
		tell_event(w, event);
		control_event(EVENT_POWERDOWN, "", 0);
	}
	w->asked = event;
	if (!w->stop_at_ms || until < w->stop_at_ms)
		w->stop_at_ms = until;
	w->extended_ms = now;
	notify("STOPPING=1\nSTATUS=the guest was asked to end\nEXTEND_TIMEOUT_USEC=%llu", stop_usec(stop_left(w, now)));
}

/* The first SIGPWR asks the guest, also one that an operator has paused, or has asked already; a second one ends it, and so does the first before it runs. */
static void power_signal(struct watch *w)
{
	if (!w->running || w->sigpwr || !control_resume(w)) {
		finish(w, EXIT_STOPPED, "ended by SIGPWR");
		return;
	}
	w->sigpwr = true;
	power_down(w, CONTROL_POWERDOWN, w->l->stop_timeout);
	complain("the guest is asked to power down; it is ended after %llu s", (unsigned long long)(stop_left(w, now_ms()) + 999) / 1000);
}

/* Return: milliseconds until a stop without end is to be extended again. */
static int extend_stop(struct watch *w, uint64_t now)
{
	if (now - w->extended_ms >= EXTEND_MS) {
		w->extended_ms = now;
		notify("EXTEND_TIMEOUT_USEC=%llu", stop_usec(EXTEND_MS));
	}
	return (int)(EXTEND_MS - (now - w->extended_ms));
}

/* Return: milliseconds until something is due for a guest that was asked to end, -1: none was. */
static int look_at_stop(struct watch *w, uint64_t now)
{
	if (!w->stop_at_ms || w->over)
		return -1;
	if (w->stop_at_ms == UINT64_MAX)
		return extend_stop(w, now);
	if (now < w->stop_at_ms)
		return w->stop_at_ms - now < 3600000 ? (int)(w->stop_at_ms - now) : 3600000;
	if (w->asked == CONTROL_RESET)
		finish(w, EXIT_GUEST_RESTART, "the guest did not restart itself in time, and was ended: start it again, unless its unit does");
	else
		finish(w, EXIT_STOPPED, "the guest did not power down in time, and was ended");
	return 0;
}

static void signalled(struct watch *w)
{
	struct signalfd_siginfo info;

	if (read(w->signals, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGWINCH)
		pass_window_size(w->l);
	else if (info.ssi_signo == SIGUSR1)
		take_back(w);
	else if (info.ssi_signo == SIGPWR)
		power_signal(w);
	else
		finish(w, 128 + (int)info.ssi_signo, "ended by signal %u (%s)", info.ssi_signo, strsignal((int)info.ssi_signo));
}

/* End the roles whose time is over. Return: milliseconds until the next one's is, -1: none. */
static int end_hung(struct launch *l)
{
	uint64_t now = now_ms();
	int next = -1;

	for (unsigned int i = 0; i < l->roles; i++) {
		struct role *r = &l->role[i];

		if (!r->pid || !r->end_at_ms)
			continue;
		if (now >= r->end_at_ms) {
			complain("%s does not answer any more: ending it", r->name);
			r->blamed = !r->hangs;
			r->end_at_ms = 0;
			kill(r->pid, SIGKILL);
		} else if (next < 0 || r->end_at_ms - now < (uint64_t)next) {
			next = (int)(r->end_at_ms - now);
		}
	}
	return next;
}

/* A core whose main thread hangs recovers nothing any more, whatever its guest does. Return: as end_hung(), 0 when the guest is over. */
static int watch_core(struct watch *w)
{
	int next;

	if (!w->running || w->paused || !w->l->core_pid || w->over)
		return -1;
	next = core_must_live(w->l, now_ms());
	if (next >= 0)
		return next;
	finish(w, EXIT_CORE, "lguest-core does not answer any more; the guest is over");
	return 0;
}

/* --- what is said --- */

static struct log_source *source(struct launch *l, unsigned int i)
{
	return i == 0 ? &l->core_log : i == 1 ? &l->guest_log : i == 2 ? &l->control_log : &l->role[i - 3].log;
}

static unsigned int sources(const struct launch *l)
{
	return 3 + l->roles;
}

static void read_logs(struct launch *l)
{
	uint64_t now = now_ms();

	for (unsigned int i = 0; i < sources(l); i++)
		log_read(source(l, i), now);
	log_write();
}

static void last_words(struct launch *l)
{
	for (unsigned int i = 0; i < sources(l); i++)
		log_last(source(l, i), now_ms());
}

/* Return: milliseconds until an unfinished line is to be written, -1: there is none. */
static int unfinished(struct launch *l)
{
	uint64_t now = now_ms();
	int next = -1;

	for (unsigned int i = 0; i < sources(l); i++)
		next = sooner(next, log_due(source(l, i), now));
	return next;
}

/* Where turn() looks for what in its set. */
enum { AT_SIGNALS, AT_CONTROL, AT_CORE, AT_LOG, AT_CORE_LOG, AT_GUEST_LOG, AT_ASKS, AT_ASKER, AT_ASKER_LOG, AT_ROLES };
enum { AT_PID, AT_DRAIN, AT_ROLE_LOG, ROLE_FDS };

static struct pollfd wait_on(int fd, bool wanted, short events)
{
	return (struct pollfd){ .fd = wanted && fd > 0 ? fd : -1, .events = events };
}

static unsigned int poll_set(const struct watch *w, struct pollfd *p)
{
	const struct launch *l = w->l;
	uint64_t now = now_ms();

	p[AT_SIGNALS] = wait_on(w->signals, true, POLLIN);
	p[AT_CONTROL] = wait_on(l->control, true, tell_owes(w) || w->needs_room ? POLLIN | POLLOUT : POLLIN);
	p[AT_CORE] = wait_on(l->core_pidfd, true, POLLIN);
	p[AT_LOG] = wait_on(log_stuck(), true, POLLOUT);
	p[AT_CORE_LOG] = wait_on(l->core_log.fd, true, POLLIN);
	p[AT_GUEST_LOG] = wait_on(l->guest_log.fd, true, POLLIN);
	p[AT_ASKS] = wait_on(l->asks, l->control_pid, control_waits_for());
	p[AT_ASKER] = wait_on(l->control_pidfd, true, POLLIN);
	p[AT_ASKER_LOG] = wait_on(l->control_log.fd, true, POLLIN);
	for (unsigned int i = 0; i < l->roles; i++) {
		const struct role *r = &l->role[i];
		struct pollfd *at = &p[AT_ROLES + ROLE_FDS * i];

		at[AT_PID] = wait_on(r->pidfd, r->pid, POLLIN);
		at[AT_DRAIN] = wait_on(r->drain, r->wanted && now >= r->start_at_ms, 0);
		at[AT_ROLE_LOG] = wait_on(r->log.fd, true, POLLIN);
	}
	return AT_ROLES + ROLE_FDS * l->roles;
}

/* What a start, a restart or a burst of lines has needed is given back once all is quiet: a guest lives for days, and there may be many. */
static void forget_when_quiet(struct watch *w, int events)
{
	uint64_t now = now_ms();

	if (events) {
		w->busy_ms = now;
		return;
	}
	if (!w->busy_ms || now - w->busy_ms < QUIET_MS)
		return;
	w->busy_ms = 0;
	policy_forget_start();
}

/*L:390
 * One turn: a single poll() over signals, the core's messages, a pidfd for each process, the logs, and the drain pipes
 * of dead roles. Its timeout is the nearest thing that falls due. What a process said is read before its end is told,
 * so that the reason stands above "was killed". The next stations take what can come, one by one.
 */
static void turn(struct watch *w)
{
	struct launch *l = w->l;
	struct pollfd p[AT_ROLES + ROLE_FDS * GUEST_DEVICES];
	int ms = sooner(sooner(end_hung(l), watch_core(w)), sooner(look_at_waiting(w, now_ms()), unfinished(l)));
	int ready;

	ms = sooner(sooner(ms, notify_alive(now_ms())), sooner(look_at_stop(w, now_ms()), control_due(w, now_ms())));
	ready = poll(p, poll_set(w, p), ms);
	if (ready < 0)
		return;
	forget_when_quiet(w, ready - (p[AT_CONTROL].revents != 0));
	read_logs(l);	/* what a process said comes before what is said of its end */
	if (p[AT_SIGNALS].revents)
		signalled(w);
	if (p[AT_CONTROL].revents & POLLOUT)
		tell_owed(w);
	if (p[AT_CONTROL].revents & ~POLLOUT)
		core_message(w);
	if (p[AT_CORE].revents && l->core_pid)
		core_died(w);
	control_turn(w, p[AT_ASKS].revents, p[AT_ASKER].revents);
	end_reap_adopted(l);
	for (unsigned int i = 0; i < l->roles && !w->over; i++) {
		const struct pollfd *at = &p[AT_ROLES + ROLE_FDS * i];

		if (at[AT_PID].revents)
			role_died(w, &l->role[i]);
		if (at[AT_DRAIN].revents)
			fd_close(&l->role[i].drain);	/* look_at_waiting() starts the next one */
	}
}

static sigset_t held;

void supervise_hold(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGQUIT, SIGWINCH, SIGUSR1, SIGPWR };
	struct sigaction hup;

	sigemptyset(&held);
	for (unsigned int i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaddset(&held, signals[i]);
	/* nohup(1): a guest that shall outlive its terminal. A blocked signal would come even though it is ignored. */
	if (!sigaction(SIGHUP, NULL, &hup) && hup.sa_handler != SIG_IGN)
		sigaddset(&held, SIGHUP);
	sigprocmask(SIG_BLOCK, &held, NULL);
}

static int start_all(struct launch *l)
{
	int err = 0;

	for (unsigned int i = 0; i < l->roles && !err; i++)
		err = spawn_role(l, &l->role[i]);
	if (!err)
		err = control_begin(l);
	return err ? err : spawn_core(l);
}

/*L:370
 * Everything is open; this is the rest of the program. It starts the processes, turns in one loop until finish() was
 * called by somebody, and then ends whatever still runs. A start that fails half-way needs nothing special: it skips
 * the loop.
 */
int supervise(struct launch *l)
{
	struct watch w = { .l = l, .signals = signalfd(-1, &held, SFD_CLOEXEC), .started_ms = now_ms() };
	int err;

	if (w.signals < 0) {
		complain("no descriptor left for signals: %m");
		return EXIT_HOST;
	}
	terminal_save();
	end_note_strangers();
	err = start_all(l);
	if (err) {
		w.over = true;
		w.status = err;
	}
	while (!w.over)
		turn(&w);
	control_over(w.status, w.text);
	end_all(l);
	last_words(l);
	terminal_restore();
	if (w.text[0])
		complain("%s", w.text);
	return w.status;
}
