// SPDX-License-Identifier: GPL-2.0
/*L:850
 * program.c: may this program take over a role (program.h)? A new version must speak the same interface: option names, descriptor numbers, what is
 * handed on from one process to the next (ipc/exit.h: ROLE_INTERFACE). It is asked, with a bound on bytes and time.
 *
 * It may run the program with --role-interface, as the user, with /dev/null for input and one pipe.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ipc/exit.h"
#include "run/child.h"
#include "run/program.h"

#define ASK_MS 2000

int program_open(const struct launch *l, const char *kind)
{
	char name[40];

	snprintf(name, sizeof(name), "lguest-%s", kind);
	return fd_lift(openat(l->program_dir, name, O_PATH | O_CLOEXEC));
}

static void __attribute__((noreturn)) run(int program, int out)
{
	static char name[] = "role", option[] = "--role-interface";
	char *const argv[] = { name, option, NULL }, *const none[] = { NULL };
	int null = open("/dev/null", O_RDWR);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(null, 2) < 0)
		_exit(127);
	execveat(program, "", argv, none, AT_EMPTY_PATH);
	_exit(127);
}

static long ms_left(const struct timespec *end)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (end->tv_sec - t.tv_sec) * 1000 + (end->tv_nsec - t.tv_nsec) / 1000000;
}

/* Until the pipe is closed, the buffer is full, or the time is over. Return: bytes. */
static size_t read_all(int fd, char *text, size_t size)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct timespec end;
	size_t got = 0;
	ssize_t n;
	long ms;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += ASK_MS / 1000;
	while (got < size && (ms = ms_left(&end)) > 0) {
		if (poll(&p, 1, (int)ms) <= 0)
			break;
		n = read(fd, text + got, size - got);
		if (n <= 0)
			break;
		got += (size_t)n;
	}
	return got;
}

/*L:860
 * "lguest-block 1.1.0 1" is all that a program may say. What it says is the user's own file's word: it is checked for mistakes, and bounded.
 */
bool program_version(int program, const char *kind, char *version, size_t size, char *why, size_t room)
{
	char text[128] = "", name[40], said[24], expected[40];
	unsigned int interface = 0;
	int pipes[2];
	pid_t pid;

	if (pipe2(pipes, O_CLOEXEC)) {
		snprintf(why, room, "no descriptor is left to ask the new program");
		return false;
	}
	pid = fork();
	if (!pid)
		run(program, pipes[1]);
	close(pipes[1]);
	if (pid > 0)
		text[read_all(pipes[0], text, sizeof(text) - 1)] = '\0';
	close(pipes[0]);
	if (pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	snprintf(expected, sizeof(expected), "lguest-%s", kind);
	if (sscanf(text, "%39s %23[0-9A-Za-z.+~-] %u", name, said, &interface) != 3 || strcmp(name, expected)) {
		snprintf(why, room, "the program that is installed as %s does not say what it is within 2 s: the old one goes on", expected);
		return false;
	}
	if (interface != ROLE_INTERFACE) {
		snprintf(why, room, "the installed %s %s has role interface %u, and this lguest-run %u: restart the guest", expected, said, interface,
			 ROLE_INTERFACE);
		return false;
	}
	snprintf(version, size, "%s", said);
	return true;
}
