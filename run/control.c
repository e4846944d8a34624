// SPDX-License-Identifier: GPL-2.0
/*L:810
 * control.c: what an operator asks of a guest, lguest-run's half (control.h). lguest-control reads strangers' lines and sends fixed structures; here
 * they are checked by the table of control/ask.h and done, or refused with a sentence.
 *
 * It may: make sockets in the folder that the user named, start lguest-control, stop and continue the core, have a role replaced by the program
 * that now has its name. It waits for nobody but, 2 s at most, for a new program to say what it is. No path and no descriptor comes from a client.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc/exit.h"
#include "policy/fds.h"
#include "policy/listen.h"
#include "run/busy.h"
#include "run/cgroup.h"
#include "run/child.h"
#include "run/control.h"
#include "run/file.h"
#include "run/life.h"
#include "run/notify.h"
#include "run/proc.h"
#include "run/program.h"
#include "run/say.h"
#include "run/tell.h"
#include "version.h"

#define STRIKES		5	/* deaths of lguest-control within STRIKES_MS: the guest does not need it */
#define STRIKES_MS	30000
#define REPLACE_MS	5000	/* for a new program to serve; how often one device may be replaced, too */
#define STATS_MS	2000	/* for the core to count */
#define STATS_PENDING	8
#define UNREAD_MS	2000	/* for lguest-control to read what it was answered */
#define ASKS_AT_ONCE	16
#define LEFT_MOST	1024	/* packets that a dead lguest-control can have left, and those that it did not take */
#define AGAIN_MS	1000u	/* from a start that failed to the next: twice as long each time, up to AGAIN_MAX_MS */
#define AGAIN_MAX_MS	64000u
#define LOG_BURST	4096u
#define LOG_RATE	256u

/**
 * The one replacement that may be under way.
 * @role: NULL = none; @serial: who asked; @grow: for another size of its disk
 * @previous: the program that served, to go back to; 0 = none; @old: version of that
 * @deaths: of its processes since one was ended for this; @back: we go back already
 * @until_ms: when its time is over, which stands while the guest is paused: nothing is started then
 */
static struct {
	struct role *role;
	uint32_t serial;
	bool grow, back;
	unsigned int deaths;
	int previous;
	char old[24];
	uint64_t until_ms;
	uint64_t size;
} replace;

static int listener[2] = { -1, -1 }, lock = -1;
static int theirs;			/* the end of @asks that each lguest-control gets; 0 = not made yet */
static bool taken_over;			/* lguest-control sent what it never does: there is none any more */
static bool made_folder, made_lock;
static int folder = -1;
static unsigned int deaths;
static uint64_t first_death_ms;
static uint64_t again_ms;		/* when the next lguest-control is tried, since one could not be started; 0 = none is to be */
static unsigned int again_pause_ms;
static struct { uint32_t serial; bool counted; } waiting[STATS_PENDING];	/* who said "stats", and whether the core has answered that */
static uint64_t counters[LG_STAT_NR];
static uint64_t asked_stats_ms;
static uint64_t crowded_ms;		/* since when the socket to lguest-control has no room for an answer, 0 = it has */
static uint64_t paused_ms;		/* since when the guest is */
static uint64_t last_replaced_ms[GUEST_DEVICES];
static uint64_t refused_ms;		/* when a program last did not say what it is */
static uint64_t known_size[GUEST_DEVICES];	/* of images */
static struct launch *launched;		/* for events */

/* --- folder and sockets --- */

static const char *const names[2] = { "control", "status" };

static int refuse(const struct launch *l, const char *what, const char *remedy)
{
	complain("--control %s: %s%s", l->control_dir, what, remedy);
	return EXIT_FILE;
}

/* Only under the lock is anything removed that somebody else may have made, and only a socket that nobody has open. */
static int make_way(const struct launch *l, const struct sockaddr_un *a, const char *name)
{
	struct stat st;
	bool left;

	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW))
		return 0;
	left = file_is_left_socket(a, true);
	while (!left && S_ISSOCK(st.st_mode) && busy_wait())	/* for lguest-control of a guest that was just killed */
		left = file_is_left_socket(a, true);
	if (!left)
		return refuse(l, name, " is there and is no socket that a guest left: remove it, or name another folder");
	unlinkat(folder, name, 0);
	return 0;
}

static int listen_at(const struct launch *l, unsigned int i)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	mode_t mask;
	int fd, err;

	if ((size_t)snprintf(a.sun_path, sizeof(a.sun_path), "%s/%s", l->control_dir, names[i]) >= sizeof(a.sun_path))
		return refuse(l, "the name is too long for a socket", ": 90 characters at most");
	err = make_way(l, &a, names[i]);
	if (err)
		return err;
	fd = fd_lift(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
	if (fd >= 0)
		listen_without_rights(fd);
	mask = umask(i ? 0117 : 0177);
	err = fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 16) ? errno : 0;
	umask(mask);
	if (err)
		return refuse(l, "cannot make its sockets: ", strerror(err));
	listener[i] = fd;
	return 0;
}

/* An empty file may be the lock of a guest that was killed. It is used, and stays: it may also be somebody else's. */
static int take_lock(const struct launch *l)
{
	struct stat st;

	lock = fd_lift(openat(folder, "lock", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
	made_lock = lock >= 0;
	if (!made_lock && errno != EEXIST)
		return refuse(l, "cannot make its lock: ", strerror(errno));
	if (!made_lock)
		lock = fd_lift(openat(folder, "lock", O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
	if (lock < 0 ? errno != ENOENT : fstat(lock, &st) || !S_ISREG(st.st_mode) || st.st_size)
		return refuse(l, "lock is there and is not lguest-run's", ": name another folder");
	if (lock >= 0 && file_lock(lock, folder, "lock"))
		return 0;
	made_lock = false;
	return refuse(l, "another lguest-run uses the folder", ": name another, or end that one");
}

/*L:820
 * The file's mode is the whole check of who may do what: the role that reads the lines is in a user namespace, where every stranger looks alike.
 * So the folder must be the user's own, and nobody else's to write.
 */
int control_open(struct launch *l)
{
	struct stat st;
	int err;

	if (!l->control_dir)
		return 0;
	made_folder = !mkdir(l->control_dir, 0750);
	if (!made_folder && errno != EEXIST)
		return refuse(l, "cannot make the folder: ", strerror(errno));
	folder = fd_lift(open(l->control_dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
	if (folder < 0)
		return refuse(l, "cannot open the folder: ", strerror(errno));
	if (fstat(folder, &st) || st.st_uid != geteuid() || st.st_mode & 022)
		return refuse(l, "the folder is not yours alone to write", ": name one that is (chmod go-w)");
	err = take_lock(l);
	if (!err)
		err = listen_at(l, 0);
	if (!err)
		err = listen_at(l, 1);
	return err;
}

/* The listeners end with this process: who waits there may have sent a descriptor, and only a process that ends does not wait for what it drops. */
void control_close(struct launch *l)
{
	for (unsigned int i = 0; i < 2; i++)
		if (listener[i] >= 0)
			unlinkat(folder, names[i], 0);
	if (made_lock)
		unlinkat(folder, "lock", 0);
	fd_close(&lock);
	fd_close(&folder);
	if (made_folder)
		rmdir(l->control_dir);
}

/* --- the process --- */

/* One pair for all of its processes, since it is never closed (take_packet()). */
static bool connect_it(struct launch *l)
{
	int pair[2];

	if (theirs)
		return true;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return false;
	l->asks = fd_lift(pair[0]);
	theirs = fd_lift(pair[1]);
	return l->asks > 0 && theirs > 0;
}

static int start(struct launch *l)
{
	struct child c = { .program = "lguest-control" };
	static int group;	/* each successor's too; 0 = none yet, -1 = there was none to be had */

	if (!connect_it(l) || log_pipe(&l->control_log, "control", LOG_BURST, LOG_RATE)) {
		complain("no descriptors left for lguest-control: %m");
		return EXIT_HOST;
	}
	if (group <= 0)
		group = cgroup_make("control", CGROUP_ROLE_MEMORY / 4, 8);
	c.group = group;
	child_option(&c, "%s:control", l->name);
	child_option(&c, "--name=%s", l->name);
	child_option(&c, "--require=%#x", l->require);
	if (l->user)
		child_option(&c, "--user=%u", (unsigned int)l->user);
	if (l->verbose)
		child_arg(&c, "--verbose");
	child_give(&c, l->null_fd, STDIN_FILENO);
	child_give(&c, l->null_fd, STDOUT_FILENO);
	child_give(&c, l->control_log.theirs, STDERR_FILENO);
	child_give(&c, theirs, CONTROL_FD_RUN);
	child_give(&c, listener[0], CONTROL_FD_LISTEN);
	child_give(&c, listener[1], CONTROL_FD_STATUS);
	return child_start(l, &c, &l->control_pid, &l->control_pidfd);
}

/* Bytes that a new process would serve of an image: what a start asks of it is asked again. Return: 0 when none would, with the end of "its image ...". */
static uint64_t size_of(const struct role *r, const char **why)
{
	uint64_t size = r->kind->launch->size(r, why);

	if (!size)
		return 0;
	*why = resources_too_long(r);
	return *why ? 0 : size;
}

int control_begin(struct launch *l)
{
	const char *why;

	if (!l->control_dir)
		return 0;
	launched = l;
	for (unsigned int i = 0; i < l->roles; i++) {
		if (!role_is_foreign(&l->role[i]))
			l->role[i].program = program_open(l, l->role[i].kind->name);
		if (l->role[i].kind->launch->size)
			known_size[i] = size_of(&l->role[i], &why);
	}
	return start(l);
}

static void give_up(struct launch *l)
{
	taken_over = true;
	l->asks = 0;
	complain("lguest-control sent a descriptor, which ours never does: it was taken over, and the guest goes on without its sockets");
	if (l->control_pid)
		kill(l->control_pid, SIGKILL);
	again_ms = 0;
}

/* What a dead one asked and what it was told is not its successor's. Both ends are ours: there is no hang-up here, only an end of what is there. */
static void forget_what_was_said(struct launch *l)
{
	struct answer a;
	struct ask ask;

	for (int i = 0; i < LEFT_MOST && recv(theirs, &a, sizeof(a), MSG_DONTWAIT) >= 0; i++)
		;
	for (int i = 0; i < LEFT_MOST && !taken_over; i++)
		if (take_packet(l->asks, &ask, sizeof(ask), NULL) < 0) {
			if (errno == EPROTO)
				give_up(l);
			break;
		}
	memset(waiting, 0, sizeof(waiting));
	replace.serial = 0;
	crowded_ms = 0;
}

/* The host may have no process to spare just now. Who cannot be started has done nothing wrong, and is tried for as long as the guest lives. */
static void start_again(struct launch *l, uint64_t now)
{
	again_ms = start(l) ? now + again_pause_ms : 0;
	if (!again_ms)
		return;
	complain("lguest-control is tried again in %u s, and until then nobody answers at the guest's sockets", again_pause_ms / 1000);
	again_pause_ms = 2 * again_pause_ms < AGAIN_MAX_MS ? 2 * again_pause_ms : AGAIN_MAX_MS;
}

/* Whatever it was that ended it: the guest goes on, and so does lguest-run. */
static void asker_died(struct launch *l, uint64_t now)
{
	siginfo_t info = { 0 };

	waitid(P_PID, (id_t)l->control_pid, &info, WEXITED);
	l->control_pid = 0;
	fd_close(&l->control_pidfd);
	forget_what_was_said(l);
	if (taken_over)
		return;
	if (now - first_death_ms > STRIKES_MS) {
		first_death_ms = now;
		deaths = 0;
	}
	if (++deaths >= STRIKES) {
		complain("lguest-control died %d times within %d s: the guest goes on without its sockets", STRIKES, STRIKES_MS / 1000);
		l->asks = 0;
		return;
	}
	complain("lguest-control ended: starting it again");
	again_pause_ms = AGAIN_MS;
	start_again(l, now);
}

/* --- answers --- */

/*
 * An answer is some twenty packets at most, and each of them is sent or lost. Where poll(2) calls a socket writable three quarters of it are free, room for
 * more than a hundred: nothing is answered before that, and what is asked meanwhile waits in the socket.
 */
static bool has_room(const struct launch *l)
{
	struct pollfd p = { .fd = l->asks, .events = POLLOUT };

	if (poll(&p, 1, 0) > 0 && p.revents & POLLOUT)
		crowded_ms = 0;
	else if (!crowded_ms)
		crowded_ms = now_ms();
	return !crowded_ms;
}

short control_waits_for(void)
{
	return crowded_ms ? POLLOUT : POLLIN;
}

/* Return: milliseconds until it is to have read something of what fills its socket, -1: there is room; 0: there is again, for those who wait. */
static int look_at_crowd(const struct launch *l, uint64_t now)
{
	if (!crowded_ms || l->asks <= 0 || !l->control_pid)
		return -1;
	if (has_room(l))
		return 0;
	if (now - crowded_ms < UNREAD_MS)
		return (int)(UNREAD_MS - (now - crowded_ms));
	complain("lguest-control does not read what it was answered: ending it");
	kill(l->control_pid, SIGKILL);
	crowded_ms = now;
	return UNREAD_MS;
}

/* While nobody is there, nothing is kept: who comes next would tell it as if it had just happened. */
static void send_answer(const struct answer *a)
{
	if (!launched || launched->asks <= 0 || !launched->control_pid)
		return;
	if (send(launched->asks, a, sizeof(*a), MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == EAGAIN)
		kill(launched->control_pid, SIGKILL);	/* it does not read: another one will */
}

static void add_text(struct answer *a, size_t *at, const char *text)
{
	size_t n = strlen(text);

	if (n > sizeof(a->text) - 2 - *at)
		n = sizeof(a->text) - 2 - *at;
	memcpy(a->text + *at, text, n);
	*at += n + 1;
}

static void done(uint32_t serial, enum answer_code code, const char *why)
{
	struct answer a = { .serial = serial, .code = code, .kind = ANSWER_DONE };
	size_t at = 0;

	if (!serial)
		return;
	add_text(&a, &at, why);
	send_answer(&a);
}

void control_event(enum answer_event event, const char *name, uint64_t value)
{
	struct answer a = { .kind = ANSWER_EVENT, .n = event, .value = { value } };
	size_t at = 0;

	if (!launched)
		return;
	add_text(&a, &at, name);
	send_answer(&a);
}

void control_over(int status, const char *text)
{
	control_event(EVENT_END, text, (uint64_t)status);
}

void control_end(struct launch *l, uint64_t until)
{
	struct pollfd p = { .fd = l->control_pidfd, .events = POLLIN };
	uint64_t now = now_ms();

	if (!l->control_pid)
		return;
	if (l->asks > 0)
		shutdown(l->asks, SHUT_RDWR);
	l->asks = 0;
	launched = NULL;
	if (poll(&p, 1, now < until ? (int)(until - now) : 0) <= 0)
		kill(l->control_pid, SIGKILL);
	waitid(P_PID, (id_t)l->control_pid, &(siginfo_t){ 0 }, WEXITED);
	l->control_pid = 0;
}

/* --- status, stats --- */

static enum device_state state_of(const struct role *r)
{
	if (r->given_up)
		return DEVICE_GIVEN_UP;
	if (role_is_foreign(r))
		return DEVICE_FOREIGN;
	return r->lost_ms || !r->pid ? DEVICE_AWAY : DEVICE_SERVES;
}

static void tell_status(const struct watch *w, uint32_t serial)
{
	const struct launch *l = w->l;
	struct answer a = { .serial = serial, .kind = ANSWER_GUEST };
	size_t at = 0;

	a.value[GUEST_STATE] = w->stop_at_ms ? STATE_STOPPING : w->paused ? STATE_PAUSED : w->running ? STATE_RUNNING : STATE_STARTING;
	a.value[GUEST_UPTIME_MS] = now_ms() - w->started_ms;
	a.value[GUEST_PID] = (uint64_t)getpid();
	a.value[GUEST_MEMORY] = l->memory;
	add_text(&a, &at, l->name);
	add_text(&a, &at, LGUEST_VERSION);
	send_answer(&a);
	for (unsigned int i = 0; i < l->roles; i++) {
		const struct role *r = &l->role[i];

		a = (struct answer){ .serial = serial, .kind = ANSWER_DEVICE };
		a.value[DEVICE_STATE] = state_of(r);
		a.value[DEVICE_PID] = (uint64_t)r->pid;
		a.value[DEVICE_RESTARTS] = r->process;
		a.value[DEVICE_AWAY_MS] = r->lost_ms ? now_ms() - r->lost_ms : 0;
		at = 0;
		add_text(&a, &at, r->name);
		add_text(&a, &at, r->type->name);
		add_text(&a, &at, role_is_foreign(r) ? "" : r->version[0] ? r->version : LGUEST_VERSION);
		send_answer(&a);
	}
	done(serial, ANSWER_OK, "");
}

/* What a minder minds, its one child. Return: 0 where that is not told: the minder's own numbers are nobody's. */
static pid_t minded(pid_t minder)
{
	pid_t child = 0;

	return minder && proc_children(minder, &child, 1) > 0 ? child : 0;
}

static void add_process(struct answer *a, pid_t pid)
{
	struct proc_stat s;

	if (!proc_stat(pid, &s))
		return;
	a->value[PROCESS_USER_MS] = s.user_ms;
	a->value[PROCESS_SYSTEM_MS] = s.system_ms;
	a->value[PROCESS_RESIDENT] = s.resident;
}

/* What is not told of a process stays 0: each that lives is resident. */
static void tell_process(uint32_t serial, const char *name, pid_t pid, const char *group)
{
	struct answer a = { .serial = serial, .kind = ANSWER_PROCESS };
	struct cgroup_bill bill;
	size_t at = 0;

	add_text(&a, &at, name);
	add_process(&a, pid);
	if (group && cgroup_bill(group, &bill)) {
		a.value[PROCESS_CGROUP] = 1;
		a.value[PROCESS_CGROUP_USEC] = bill.usec;
		a.value[PROCESS_CGROUP_MEMORY] = bill.memory;
		a.value[PROCESS_CGROUP_READ] = bill.read;
		a.value[PROCESS_CGROUP_WRITTEN] = bill.written;
	}
	send_answer(&a);
}

/*L:845
 * The core has told the module's counters, for which somebody may be waiting: he gets them, and what each process of the guest has used, as soon as there is
 * room for that.
 */
void control_stats(const struct control_msg *msg)
{
	_Static_assert(LG_STAT_NR <= ANSWER_VALUES, "the counters fit");
	memcpy(counters, msg->stats, sizeof(counters));
	for (unsigned int i = 0; i < STATS_PENDING; i++)
		waiting[i].counted = waiting[i].serial;
}

static void tell_counted(const struct watch *w, uint32_t serial)
{
	struct answer a = { .serial = serial, .kind = ANSWER_COUNTERS, .n = LG_STAT_NR };
	const struct launch *l = w->l;

	memcpy(a.value, counters, sizeof(counters));
	send_answer(&a);
	tell_process(serial, "lguest-run", getpid(), NULL);
	tell_process(serial, "core", l->core_pid ? core_process() : 0, "core");
	for (unsigned int i = 0; i < l->roles; i++)
		if (!role_is_foreign(&l->role[i]))
			tell_process(serial, l->role[i].name, minded(l->role[i].pid), l->role[i].name);
	if (l->control_pid)
		tell_process(serial, "control", minded(l->control_pid), "control");
	done(serial, ANSWER_OK, "");
}

static void answer_counted(const struct watch *w)
{
	for (unsigned int i = 0; i < STATS_PENDING; i++) {
		if (!waiting[i].counted)
			continue;
		if (!has_room(w->l))
			return;
		tell_counted(w, waiting[i].serial);
		waiting[i].serial = 0;
		waiting[i].counted = false;
	}
}

static void ask_stats(struct watch *w, uint32_t serial)
{
	unsigned int i = 0;

	if (!w->running || w->paused) {
		done(serial, ANSWER_NOT_NOW, "the guest does not run now");
		return;
	}
	while (i < STATS_PENDING && waiting[i].serial)
		i++;
	if (i == STATS_PENDING) {
		done(serial, ANSWER_BUSY, "eight others wait for the same");
		return;
	}
	waiting[i].serial = serial;
	asked_stats_ms = now_ms();
	tell_stats(w);
}

/* --- pause, resume, ends --- */

/* A core that is stopped is a guest that stands: its roles go on and wait, and it owes no sign of life (life.c). Return: is it so now? */
static bool set_paused(struct watch *w, bool pause)
{
	uint64_t now = now_ms();

	if (w->paused == pause)
		return true;
	if (core_signal(pause ? SIGSTOP : SIGCONT))
		return false;
	w->paused = pause;
	w->l->alive_ms = now;
	if (pause) {
		paused_ms = now;
	} else {
		replace.until_ms += now - paused_ms;
		tell_event(w, CONTROL_RESUMED);
	}
	control_event(pause ? EVENT_PAUSED : EVENT_RESUMED, "", 0);
	notify("STATUS=the guest %s", pause ? "is paused" : "runs");
	return true;
}

bool control_resume(struct watch *w)
{
	return set_paused(w, false);
}

static void ask_pause(struct watch *w, uint32_t serial, bool pause)
{
	if (!w->running || w->stop_at_ms)
		done(serial, ANSWER_NOT_NOW, w->running ? "the guest was asked to end" : "the guest does not run yet");
	else if (!set_paused(w, pause))
		done(serial, ANSWER_FAILED, "the core cannot be signalled: was lguest-run started by the user who runs it?");
	else
		done(serial, ANSWER_OK, "");
}

static void ask_end(struct watch *w, const struct ask *a)
{
	if (!w->running || w->paused || w->stop_at_ms) {
		done(a->serial, ANSWER_NOT_NOW, w->stop_at_ms ? "the guest was asked already: stop ends it" : w->paused ? "the guest is paused: resume it first" :
		     "the guest does not run yet");
		return;
	}
	done(a->serial, ANSWER_OK, "");
	power_down(w, a->type == ASK_POWERDOWN ? CONTROL_POWERDOWN : CONTROL_RESET, (unsigned int)a->arg[0]);
}

/* --- restart, grow --- */

static struct role *find_role(struct launch *l, const char *name)
{
	for (unsigned int i = 0; i < l->roles; i++)
		if (!strcmp(l->role[i].name, name))
			return &l->role[i];
	return NULL;
}

/* Return: may this device be replaced now? Else the answer is given. */
static bool may_replace(const struct watch *w, const struct ask *a, const struct role *r)
{
	const char *why = NULL;
	enum answer_code code = ANSWER_NOT_NOW;

	if (!r || role_is_foreign(r)) {
		code = ANSWER_BAD_ARGUMENT;
		why = r ? "lguest-run did not start that device's program" : "the guest has no such device";
	} else if (!w->running || w->paused || w->stop_at_ms) {
		why = "the guest does not run now";
	} else if (replace.role) {
		why = "a device is being replaced already";
	} else if (last_replaced_ms[r - w->l->role] && now_ms() - last_replaced_ms[r - w->l->role] < REPLACE_MS) {
		why = "it was replaced less than 5 s ago";
	} else if (r->given_up || !r->pid || r->lost_ms) {
		why = "the device is away: it is started again anyway, or by kill -USR1 when it was given up";
	}
	if (why)
		done(a->serial, code, why);
	return !why;
}

static void begin_replace(struct watch *w, struct role *r, const struct ask *a)
{
	replace.role = r;
	replace.serial = a->serial;
	replace.grow = a->type == ASK_GROW;
	replace.deaths = 0;
	replace.back = false;
	replace.until_ms = now_ms() + REPLACE_MS;
	last_replaced_ms[r - w->l->role] = now_ms();
	kill(r->pid, SIGKILL);
}

/*L:830
 * Another version of a device's program, under load. It must say what it is first; then the old process is killed and everything goes the way of
 * any other death, with no strike counted. The program that served is kept open: when the new one does not serve within 5 s the old one comes back.
 * A program has 2 s to say what it is, in which nothing else is done here: after one that did not, none is asked for 5 s, whoever wants it.
 */
static void ask_restart(struct watch *w, const struct ask *a)
{
	struct role *r = find_role(w->l, a->word);
	char version[24], why[160];
	int program;

	if (!may_replace(w, a, r))
		return;
	if (refused_ms && now_ms() - refused_ms < REPLACE_MS) {
		done(a->serial, ANSWER_NOT_NOW, "a program was refused less than 5 s ago");
		return;
	}
	program = program_open(w->l, r->kind->name);
	if (program < 0 || !program_version(program, r->kind->name, version, sizeof(version), why, sizeof(why))) {
		refused_ms = now_ms();
		done(a->serial, ANSWER_FAILED, program < 0 ? "the program cannot be opened" : why);
		if (program >= 0)
			close(program);
		return;
	}
	replace.previous = r->program;
	snprintf(replace.old, sizeof(replace.old), "%s", r->version);
	r->program = program;
	snprintf(r->version, sizeof(r->version), "%s", version);
	begin_replace(w, r, a);
}

static void ask_grow(struct watch *w, const struct ask *a)
{
	struct role *r = find_role(w->l, a->word);
	char text[200];
	const char *why;
	uint64_t size;

	if (!may_replace(w, a, r))
		return;
	if (!r->kind->launch->size) {
		done(a->serial, ANSWER_BAD_ARGUMENT, "it is no disk");
		return;
	}
	size = size_of(r, &why);
	if (!size || size < known_size[r - w->l->role]) {
		snprintf(text, sizeof(text), "its image %s", size ? "is smaller than it was: a disk only grows" : why);
		done(a->serial, ANSWER_BAD_ARGUMENT, text);
		return;
	}
	known_size[r - w->l->role] = size;
	replace.previous = 0;
	replace.size = size;
	begin_replace(w, r, a);
}

/* The sum of the pauses passes REPLACE_MS long before the shift ends: then give_in() counts anew. */
int control_pause(const struct role *r)
{
	if (replace.role != r)
		return -1;
	return replace.deaths++ ? RESTART_PAUSE_MS << (replace.deaths - 2) : 0;
}

static void end_replace(struct role *r)
{
	if (replace.previous > 0)
		close(replace.previous);
	replace.previous = 0;
	replace.role = NULL;
	last_replaced_ms[launched ? r - launched->role : 0] = now_ms();
}

static void replaced(struct role *r, uint64_t away_ms)
{
	struct answer a = { .serial = replace.serial, .kind = ANSWER_DONE, .n = 1, .value = { replace.grow ? replace.size : away_ms } };
	size_t at = 0;

	add_text(&a, &at, r->name);
	add_text(&a, &at, r->version[0] ? r->version : LGUEST_VERSION);
	if (replace.back)
		done(replace.serial, ANSWER_FAILED, "the new program did not serve within 5 s: the old one serves again");
	else
		send_answer(&a);
	end_replace(r);
}

void control_back(struct role *r, uint64_t away_ms)
{
	control_event(EVENT_BACK, r->name, away_ms);
	if (replace.role == r)
		replaced(r, away_ms);
}

/* Its time is over: back to the program that served, or, when that does not serve either, to what any death would do. */
static void give_in(uint64_t now)
{
	struct role *r = replace.role;

	if (replace.back || replace.previous <= 0) {
		done(replace.serial, ANSWER_FAILED, "the device does not come back: see the log");
		end_replace(r);
		return;
	}
	complain("%s: the new program did not serve within %d s: going back to the old one", r->name, REPLACE_MS / 1000);
	close(r->program);
	r->program = replace.previous;
	replace.previous = 0;
	snprintf(r->version, sizeof(r->version), "%s", replace.old);
	replace.back = true;
	replace.deaths = 0;
	replace.until_ms = now + REPLACE_MS;
	r->start_at_ms = now;
	if (r->pid)
		kill(r->pid, SIGKILL);
}

/* --- the turn --- */

/*L:840
 * One request. The table was asked before; what is left is whether it can be done now. Nothing here waits for the client or for the guest: what
 * takes time is answered when it is over.
 */
static void do_ask(struct watch *w, const struct ask *a)
{
	switch (a->type) {
	case ASK_STATUS:
		tell_status(w, a->serial);
		break;
	case ASK_STATS:
		ask_stats(w, a->serial);
		break;
	case ASK_PAUSE:
	case ASK_RESUME:
		ask_pause(w, a->serial, a->type == ASK_PAUSE);
		break;
	case ASK_POWERDOWN:
	case ASK_RESET:
		ask_end(w, a);
		break;
	case ASK_STOP:
		done(a->serial, ANSWER_OK, "");
		finish(w, EXIT_STOPPED, "ended by stop");
		break;
	case ASK_SIGNAL:
		done(a->serial, ANSWER_NOT_NOW, "the guest's kernel takes no signals for its init");
		break;
	case ASK_RESTART:
		ask_restart(w, a);
		break;
	case ASK_GROW:
		ask_grow(w, a);
		break;
	}
}

/* Return: was there a request, and did it look like one? */
static bool take_ask(struct watch *w)
{
	struct ask a = { 0 };
	ssize_t n = take_packet(w->l->asks, &a, sizeof(a), NULL);

	if (n < 0 && errno == EPROTO)
		give_up(w->l);
	if (n < 0)
		return false;
	if (ask_allowed(&a, (size_t)n)) {
		do_ask(w, &a);
		return true;
	}
	complain("lguest-control sent what is no request: ending it");
	kill(w->l->control_pid, SIGKILL);
	return false;
}

void control_turn(struct watch *w, short asks, short ended)
{
	struct launch *l = w->l;
	int taken = 0;

	if (l->asks > 0)
		answer_counted(w);
	/* Without a process nobody is there to be answered, or ended: kill(0) would end us. */
	while (asks && l->asks > 0 && l->control_pid && taken < ASKS_AT_ONCE && !w->over && has_room(l) && take_ask(w))
		taken++;
	if (ended && l->control_pid)
		asker_died(l, now_ms());
}

/* Return: milliseconds until the core is to have counted for who waits, -1: nobody does. */
static int look_at_stats(uint64_t now)
{
	int next = -1;

	for (unsigned int i = 0; i < STATS_PENDING; i++) {
		if (!waiting[i].serial || waiting[i].counted)
			continue;
		if (now - asked_stats_ms >= STATS_MS) {
			done(waiting[i].serial, ANSWER_TIMEOUT, "the core did not answer within 2 s");
			waiting[i].serial = 0;
		} else {
			next = (int)(STATS_MS - (now - asked_stats_ms));
		}
	}
	return next;
}

/* Return: milliseconds until a new program is to serve, -1: no device is replaced, or the guest is paused. */
static int look_at_replaced(const struct watch *w, uint64_t now)
{
	if (!replace.role || w->paused)
		return -1;
	if (now < replace.until_ms)
		return (int)(replace.until_ms - now);
	give_in(now);
	return 0;
}

/* Return: milliseconds until lguest-control is tried again, -1: it need not be. */
static int look_at_start(struct launch *l, uint64_t now)
{
	if (again_ms && now >= again_ms)
		start_again(l, now);
	return again_ms ? (int)(again_ms - now) : -1;
}

/*L:843
 * What was asked and takes time has a bound, and this is where the loop of lguest-run learns of the nearest: a core that does not answer,
 * a new program that does not serve, a lguest-control that does not read.
 */
int control_due(struct watch *w, uint64_t now)
{
	return sooner(sooner(look_at_start(w->l, now), look_at_stats(now)), sooner(look_at_replaced(w, now), look_at_crowd(w->l, now)));
}
