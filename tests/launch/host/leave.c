// SPDX-License-Identifier: GPL-2.0
/*
 * leave.c: a user at a terminal, for faults.sh: runs a program on a pty of its own as a login would, waits until TEXT
 * has come out of it, leaves it in the way that is asked for, and looks at the terminal and at the clock.
 *
 *	leave WAY TEXT PROGRAM [ARG...]
 *
 * WAY: close (the terminal's window), hup, term, int (signals to the program), ctrl-c (typed three times), wait (for its own end),
 * nohup (close the terminal of a program that ignores SIGHUP: it must live on, and gets SIGTERM a second later), stalled (stop reading
 * what the terminal shows, then SIGTERM).
 *
 * On standard output, one line: STATUS MILLISECONDS SETTINGS RAW. STATUS is the exit status, or 128 + the signal; the time is from
 * leaving to the end. SETTINGS: "restored" when the terminal's are what they were, "changed", or "gone" with the terminal. RAW: "raw" when
 * they were others meanwhile, else "cooked". What the terminal shows goes to standard error.
 *
 * It may: start that one program, signal and kill it.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define START_MS	60000	/* for TEXT to come */
#define SETTLE_MS	500	/* what TEXT announces happens within this time */
#define END_MS		20000

static struct termios before;
static int master, slave;
static bool unread;		/* nobody looks at the terminal any more */
static uint64_t left_at, ended_at;
static pid_t child;

static void __attribute__((noreturn)) die(const char *what)
{
	printf("leave: %s: %s\n", what, strerror(errno));
	if (child > 0)
		kill(child, SIGKILL);
	exit(99);
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void open_terminal(void)
{
	struct winsize size = { .ws_row = 25, .ws_col = 80 };

	master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (master < 0 || grantpt(master) || unlockpt(master))
		die("cannot make a terminal");
	slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0 || tcgetattr(slave, &before) || ioctl(slave, TIOCSWINSZ, &size))
		die("cannot open the terminal");
}

static void start(const char *way, char **argv)
{
	child = fork();
	if (child < 0)
		die("cannot fork");
	if (child)
		return;
	setsid();
	ioctl(slave, TIOCSCTTY, 0);
	for (int fd = 0; fd <= 2; fd++)
		dup2(slave, fd);
	if (!strcmp(way, "nohup"))
		signal(SIGHUP, SIG_IGN);
	execvp(argv[0], argv);
	_exit(127);
}

/* Show what the terminal shows for at most @ms. Return: did @text come out (if there is one)? */
static bool watch(int ms, const char *text)
{
	static char seen[65536];
	static size_t n;
	uint64_t until = now_ms() + (uint64_t)ms, now;

	while ((now = now_ms()) < until) {
		struct pollfd p = { .fd = master, .events = POLLIN };
		ssize_t got;

		if (poll(&p, 1, (int)(until - now)) <= 0)
			continue;
		if (n > sizeof(seen) / 2)
			n = 0;
		got = read(master, seen + n, sizeof(seen) - 1 - n);
		if (got <= 0)
			return false;
		if (write(STDERR_FILENO, seen + n, (size_t)got) < 0)
			die("cannot show the terminal");
		n += (size_t)got;
		seen[n] = '\0';
		if (text && strstr(seen, text))
			return true;
	}
	return false;
}

static void close_terminal(void)
{
	close(slave);
	close(master);
	slave = master = -1;
}

static void leave(const char *way)
{
	bool nohup = !strcmp(way, "nohup");

	unread = !strcmp(way, "stalled");
	if (nohup)
		close_terminal();
	if (nohup || unread)
		usleep(1000000);
	left_at = now_ms();
	if (!strcmp(way, "close")) {
		close_terminal();
	} else if (nohup || unread) {
		kill(child, SIGTERM);
	} else if (!strcmp(way, "hup")) {
		kill(child, SIGHUP);
	} else if (!strcmp(way, "term")) {
		kill(child, SIGTERM);
	} else if (!strcmp(way, "int")) {
		kill(child, SIGINT);
	} else if (!strcmp(way, "ctrl-c")) {
		if (write(master, "\3\3\3", 3) != 3)
			die("cannot type");
	} else if (strcmp(way, "wait")) {
		errno = EINVAL;
		die(way);
	}
}

/* The program's end. A terminal is read to the end, as a window does: a program may wait until its words are taken. */
static int await(void)
{
	uint64_t until = now_ms() + END_MS;
	int status;

	while (waitpid(child, &status, WNOHANG) != child) {
		if (now_ms() > until) {
			errno = ETIME;
			die("it does not end");
		}
		if (master >= 0 && !unread)
			watch(2, NULL);
		else
			usleep(1000);
	}
	ended_at = now_ms();
	if (master >= 0)
		watch(20, NULL);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static bool settings_as_before(void)
{
	struct termios t;

	return !tcgetattr(slave, &t) && t.c_iflag == before.c_iflag && t.c_oflag == before.c_oflag && t.c_cflag == before.c_cflag &&
	       t.c_lflag == before.c_lflag && !memcmp(t.c_cc, before.c_cc, sizeof(t.c_cc));
}

int main(int argc, char **argv)
{
	bool raw;
	int status;

	if (argc < 4)
		return 98;
	signal(SIGPIPE, SIG_IGN);
	open_terminal();
	start(argv[1], argv + 3);
	if (!watch(START_MS, argv[2])) {
		errno = ETIME;
		die("the text did not come");
	}
	watch(SETTLE_MS, NULL);
	raw = !settings_as_before();
	leave(argv[1]);
	status = await();
	printf("%d %llu %s %s\n", status, (unsigned long long)(ended_at - left_at),
	       slave < 0 ? "gone" : settings_as_before() ? "restored" : "changed", raw ? "raw" : "cooked");
	return 0;
}
