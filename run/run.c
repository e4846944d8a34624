// SPDX-License-Identifier: GPL-2.0
/*L:100
 * run.c: lguest-run, the program that people start: it reads the command line, opens every resource, starts the
 * core and one process for each device, and watches them until the guest ends.
 *
 * It holds the terminal, the resources and its children. It never looks at the guest or at what a device moves.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ipc/exit.h"
#include "policy/printed.h"
#include "run/cgroup.h"
#include "run/child.h"
#include "run/control.h"
#include "run/file.h"
#include "run/launch.h"
#include "run/notify.h"
#include "run/say.h"
#include "run/text.h"

#define LOG_PATIENCE_MS	200	/* a terminal that nobody reads must not keep us from ending a guest */
#define FDS_NEEDED	256u
#define PID_DIGITS	10u

static void say(const char *text, size_t len)
{
	log_line("lguest-run", text, len);
}

static void end_log(void)
{
	log_end(LOG_PATIENCE_MS);
}

static int open_log(const struct launch *l)
{
	int err;

	if (!l->log)
		return 0;
	err = l->check ? log_check(l->log) : log_file(l->log);
	if (err) {
		errno = -err;
		complain("cannot write the log %s: %m%s", l->log, err == -ENXIO ? " (it is a FIFO that nobody reads)" : text_remedy(-err));
		return EXIT_FILE;
	}
	if (!l->check)
		complain_through(say);
	return 0;
}

/* A child's words and ours on one way: from here on nothing that is said holds this program up. */
static void begin_log(void)
{
	log_begin();
	complain_through(say);
}

static int pidfile = -1;

/* What a killed lguest-run left is a number in a line of its own; an empty file has nothing to lose. */
static bool is_ours_to_write(int fd)
{
	char text[16] = "";
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	size_t digits = strspn(text, "0123456789");

	return !n || (digits && digits <= PID_DIGITS && n == (ssize_t)digits + 1 && text[digits] == '\n');
}

static int refuse_pidfile(const struct launch *l, const char *what)
{
	complain("the pidfile %s %s", l->pidfile, what);
	return EXIT_FILE;
}

static int pidfile_failed(const struct launch *l, int error)
{
	errno = error;
	complain("cannot write the pidfile %s: %m%s", l->pidfile, text_remedy(error));
	return EXIT_FILE;
}

/* A lock tells a living owner from a file that a killed one left. No link is followed: the folder may be anyone's. */
static int open_pidfile(const struct launch *l)
{
	int err = file_open(l->pidfile, O_RDWR | O_NOFOLLOW | O_NONBLOCK, 0644, l->check, &pidfile);
	struct stat st;

	if (err == -ENXIO || (pidfile >= 0 && (fstat(pidfile, &st) || !S_ISREG(st.st_mode))))
		return refuse_pidfile(l, "is not a file: name a regular one, or one that is not there yet");
	if (err)
		return pidfile_failed(l, -err);
	if (pidfile >= 0 && !is_ours_to_write(pidfile))
		return refuse_pidfile(l, "has something else in it than a process id: name another, or remove it");
	if (pidfile >= 0 && !file_lock(pidfile, AT_FDCWD, l->pidfile))
		return refuse_pidfile(l, "belongs to another lguest-run that still runs: name another, or end that one");
	return 0;
}

static void remove_pidfile(const struct launch *l)
{
	if (pidfile >= 0 && file_is(pidfile, AT_FDCWD, l->pidfile))
		unlink(l->pidfile);
}

static int write_pidfile(const struct launch *l)
{
	int status = l->pidfile ? open_pidfile(l) : 0;

	if (status || l->check)
		fd_close(&pidfile);
	if (pidfile < 0 || (!ftruncate(pidfile, 0) && dprintf(pidfile, "%d\n", getpid()) > 0))
		return status;
	status = pidfile_failed(l, errno);
	remove_pidfile(l);	/* it is empty now */
	return status;
}

/*
 * Descriptors 0 to 2 must be taken, or a file of ours would land there and be written to as if it were a terminal. They stay
 * open in what we start, so not close-on-exec.
 */
static void fill_standard_fds(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

/*
 * Whoever started us may ignore or block any signal, and exec keeps that: an ignored SIGCHLD, and no child's end is ever told; a blocked SIGALRM,
 * and a stalled terminal is waited for. Only SIGHUP is the user's to ignore (nohup). A write that nobody takes, or that passes a
 * limit of file size, is an error and not a death.
 */
static void take_defaults(void)
{
	struct sigaction hup;
	sigset_t none;
	bool nohup = !sigaction(SIGHUP, NULL, &hup) && hup.sa_handler == SIG_IGN;

	for (int sig = 1; sig < NSIG; sig++)
		if (sig != SIGHUP || !nohup)
			signal(sig, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The guest's memory is a file for this limit, and so is its disk. Return: 0, or an exit status after complain(). */
static int raise_file_size(const struct launch *l)
{
	struct rlimit have, none = { RLIM_INFINITY, RLIM_INFINITY };
	const char *why;

	if (!setrlimit(RLIMIT_FSIZE, &none) || getrlimit(RLIMIT_FSIZE, &have))
		return 0;
	have.rlim_cur = have.rlim_max;
	setrlimit(RLIMIT_FSIZE, &have);
	if (have.rlim_cur < l->memory) {
		complain("files of at most %llu KiB are allowed, and the guest's memory is one of %llu MiB (raise it: ulimit -f unlimited)",
			 (unsigned long long)have.rlim_cur >> 10, (unsigned long long)l->memory >> 20);
		return EXIT_HOST;
	}
	for (unsigned int i = 0; i < l->roles; i++) {
		why = resources_too_long(&l->role[i]);
		if (!why)
			continue;
		complain("the file %s %s", l->role[i].path, why);
		return EXIT_HOST;
	}
	return 0;
}

/* The limit of descriptors is raised as far as it may be: a guest of 16 devices needs some 250. */
static int raise_limits(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l))
		return 0;
	if (l.rlim_cur < l.rlim_max) {
		l.rlim_cur = l.rlim_max;
		setrlimit(RLIMIT_NOFILE, &l);
	}
	if (l.rlim_cur < FDS_NEEDED && !setrlimit(RLIMIT_NOFILE, &(struct rlimit){ FDS_NEEDED, FDS_NEEDED }))
		return 0;
	if (l.rlim_cur >= FDS_NEEDED)
		return 0;
	complain("too few open descriptors are allowed: %llu, and a guest needs %u (raise it: ulimit -n %u)", (unsigned long long)l.rlim_cur,
		 FDS_NEEDED, FDS_NEEDED);
	return EXIT_HOST;
}

/* More CPUs than the host lets us use work, and wait for each other: that is somebody's mistake more often than his wish. */
static void warn_of_cpus(const struct launch *l)
{
	cpu_set_t set;
	int have;

	if (sched_getaffinity(0, sizeof(set), &set))
		return;
	have = CPU_COUNT(&set);
	if (have > 0 && l->cpus > (unsigned int)have)
		complain("the guest has %u CPUs and may use %d of the host's: they will wait for each other (--cpus %d would not)", l->cpus, have, have);
}

/* --check: of what live() does first, that which may fail */
static int only_check(const struct launch *l)
{
	int status = cgroup_begin(l->cgroup, l->limit, l->limits);

	cgroup_end();
	if (!status)
		printf("lguest-run: everything that %s needs is there\n", l->name);
	return status;
}

static int live(struct launch *l)
{
	int status;

	begin_log();
	notify_begin();
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	status = cgroup_begin(l->cgroup, l->limit, l->limits);
	if (!status)
		status = supervise(l);
	cgroup_end();
	return status;
}

/*L:110
 * This is lguest-run on one screen. The order is the point: everything is read, opened and checked before the first
 * process of the guest is started, so that a mistake of the user's costs a sentence and starts nothing. live(), near
 * the end, is supervise() with what belongs around it, and lasts as long as the guest does. We take the calls in their order, the command line first.
 */
int main(int argc, char **argv)
{
	static struct launch l;
	int status;

	fill_standard_fds();
	take_defaults();
	atexit(end_log);
	status = options_parse(&l, argc, argv);
	if (status > 0)
		return status;
	if (!status && l.explain)
		explain(&l);
	if (status || l.explain)
		return printed("lguest-run") ? 0 : EXIT_FILE;
	status = open_log(&l);
	if (!status)
		warn_of_cpus(&l);
	if (!status)
		status = raise_limits();
	if (!status)
		status = resources_open(&l);
	if (!status)
		status = raise_file_size(&l);
	if (!status)
		status = sandbox_check(&l);
	if (!status)
		status = ring_check(&l);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);	/* another process of this user is not to take its descriptors; the check's child maps its user */
	if (!status)
		status = write_pidfile(&l);
	if (!status) {
		status = control_open(&l);
		if (status)
			remove_pidfile(&l);	/* ours: another one's is refused before */
	}
	if (status) {
		control_close(&l);
		resources_close(&l);
		return status;
	}
	status = l.check ? only_check(&l) : live(&l);
	control_close(&l);
	resources_close(&l);
	remove_pidfile(&l);
	return status;
}
