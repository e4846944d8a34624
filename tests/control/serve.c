// SPDX-License-Identifier: GPL-2.0
/*
 * serve.c: the clients of lguest-control (control/serve.c) around sockets of this program's, which plays lguest-run and all of the clients, and is the
 * clock. Each case is a process. TAP on standard output.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "control/line.h"
#include "control/serve.h"
#include "tests/lib/give.h"
#include "tests/lib/tap.h"

#define TURNS	64	/* more than anything here takes */
#define STATUS	"{\"execute\":\"status\"}\n"
#define UNKNOWN	"{\"execute\":\"dance\"}\n"	/* is answered without lguest-run */

enum which { CONTROL, STATUS_ONLY };

static struct timespec now = { 1000, 0 };
static int run;		/* lguest-run's end */
static struct { struct sockaddr_un a; socklen_t size; } at[2];

int __wrap_clock_gettime(clockid_t clock, struct timespec *t);
int __wrap_clock_gettime(clockid_t clock, struct timespec *t)
{
	(void)clock;
	*t = now;
	return 0;
}

static void must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

/* Our own descriptors are above those of lguest-control. */
static int high(int fd)
{
	int to = fcntl(fd, F_DUPFD_CLOEXEC, 100);

	must(fd >= 0 && to >= 0, "a descriptor");
	close(fd);
	return to;
}

static void place(int fd, int number)
{
	must(dup2(fd, number) == number, "a descriptor's number");
	close(fd);
}

static int listener(enum which w)
{
	int fd = high(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));

	at[w].a.sun_family = AF_UNIX;
	at[w].size = sizeof(at[w].a);
	must(!bind(fd, (struct sockaddr *)&at[w].a, sizeof(sa_family_t)) && !listen(fd, 32) &&
	     !getsockname(fd, (struct sockaddr *)&at[w].a, &at[w].size), "a listener");
	return fd;
}

static void begin(void)
{
	int pair[2], control = listener(CONTROL), status = listener(STATUS_ONLY);

	must(!socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), "a pair");
	run = high(pair[0]);
	place(high(pair[1]), CONTROL_FD_RUN);
	place(control, CONTROL_FD_LISTEN);
	place(status, CONTROL_FD_STATUS);
	line_begin();
	serve_begin("guest");
}

/* Until there is nothing to do. */
static void turns(void)
{
	struct pollfd p[SERVE_FDS];
	int n = 1;

	for (int i = 0; n > 0; i++) {
		must(i < TURNS, "it has always something to do");
		serve_poll(p);
		n = poll(p, SERVE_FDS, 0);
		must(n >= 0 && serve(p), "poll");
	}
}

static void later(unsigned int seconds)
{
	now.tv_sec += seconds;
	turns();
}

/* --- a client --- */

static int dial(enum which w)
{
	int fd = high(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));

	must(!connect(fd, (struct sockaddr *)&at[w].a, at[w].size), "connect");
	turns();
	return fd;
}

static bool says(int fd, const char *text)
{
	bool sent = send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text);

	turns();
	return sent;
}

/* Is there a word in what has come? */
static bool hears(int fd, const char *word)
{
	static char text[1 << 16];
	ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	return strstr(text, word);
}

static int client(enum which w)
{
	int fd = dial(w);

	must(hears(fd, "LGUEST"), "a greeting");
	return fd;
}

static bool ended(int fd)
{
	char text[4096];
	ssize_t n = 1;

	while (n > 0)
		n = recv(fd, text, sizeof(text), 0);
	return !n || errno == ECONNRESET;
}

static bool is_served(int fd)
{
	return says(fd, UNKNOWN) && hears(fd, "UnknownCommand");
}

/* --- descriptors --- */

/* A pipe's end goes to @fd behind @byte and is nowhere else then. Return: the other end, which tells when the last copy is dropped; -1: refused. */
static int give_with(int fd, char byte, int flags)
{
	int pair[2], err;

	must(!pipe(pair), "a pipe");
	pair[0] = high(pair[0]);
	err = send_with(fd, &byte, 1, pair[1], 1, flags) ? 0 : errno;
	close(pair[1]);
	errno = err;
	return err ? -1 : pair[0];
}

static int give(int fd, char byte)
{
	return give_with(fd, byte, 0);
}

static bool dropped(int tell)
{
	struct pollfd p = { .fd = tell };

	must(tell >= 0, "a descriptor is given");
	return poll(&p, 1, 0) != 0;
}

static bool in_a_line(void)
{
	int owner = client(CONTROL), c = client(STATUS_ONLY), tell;

	must(says(c, "{\"exec"), "half a line");
	tell = give(c, 'u');
	turns();
	return !dropped(tell) && ended(c) && is_served(owner);
}

static bool behind_a_request(void)
{
	int owner = client(CONTROL), c = client(STATUS_ONLY), tell;
	struct ask a;

	must(says(c, STATUS) && recv(run, &a, sizeof(a), 0) == sizeof(a), "a request");
	tell = give(c, '{');
	close(c);
	turns();
	return !dropped(tell) && is_served(owner);
}

static bool behind_a_bad_line(void)
{
	int owner = client(CONTROL), c = dial(STATUS_ONLY), tell;

	must(send(c, "x\n", 2, 0) == 2, "a bad line");
	tell = give(c, 'y');
	turns();
	return !dropped(tell) && ended(c) && is_served(owner);
}

static bool after_the_end(void)
{
	int c = client(STATUS_ONLY);

	must(says(c, "x\n"), "a bad line");
	return give(c, 'y') < 0 && errno == EPIPE;
}

/* An urgent byte is one like the others, also for a look: poll() tells of it in any case. */
static bool urgent(void)
{
	int owner = client(CONTROL), c = client(STATUS_ONLY), line = client(STATUS_ONLY), gone = client(STATUS_ONLY), tell, told;

	must(send(c, "{", 1, MSG_OOB) == 1, "an urgent byte");
	turns();
	must(says(c, "\"execute\":\"dance\"}\n") && hears(c, "UnknownCommand"), "and the rest of its line");
	tell = give_with(line, '{', MSG_OOB);
	must(send(line, "\n", 1, MSG_NOSIGNAL) == 1, "a line behind it");
	told = give_with(gone, '{', MSG_OOB);
	close(gone);
	turns();
	return !dropped(tell) && !dropped(told) && ended(line) && is_served(owner);
}

/* Who finds no place sends one, and has it when there is a place. */
static bool without_a_place(void)
{
	int fd[CONTROL_CLIENTS], late, tell, owner;

	for (unsigned int i = 0; i < CONTROL_CLIENTS; i++)
		fd[i] = client(CONTROL);
	late = dial(CONTROL);
	tell = give(late, '{');
	turns();
	must(!dropped(tell) && !hears(late, "LGUEST"), "it waits");
	close(fd[0]);
	close(fd[1]);
	turns();
	owner = client(CONTROL);
	return !dropped(tell) && hears(late, "LGUEST") && ended(late) && is_served(owner);
}

static bool places_come_back(void)
{
	static char heap[100000];
	int c;

	memset(heap, '\n', sizeof(heap));
	for (int i = 0; i < 100; i++) {
		c = dial(i % 2);
		must(send(c, heap, sizeof(heap), 0) == sizeof(heap), "a heap");
		turns();
		must(hears(c, "BadRequest") && ended(c), "it is hung up on");
		close(c);
	}
	for (unsigned int i = 0; i < CONTROL_CLIENTS; i++)
		client(CONTROL);
	return true;
}

/* --- places and time --- */

static unsigned int due(void)
{
	struct pollfd p[SERVE_FDS];

	return (unsigned int)serve_poll(p);
}

static bool places_for_the_owner(void)
{
	int late = -1, fd[CONTROL_CLIENTS];

	for (unsigned int i = 0; i < 12; i++)
		must(!dropped(give(client(STATUS_ONLY), '{')), "a lost place");
	late = dial(STATUS_ONLY);
	for (unsigned int i = 0; i < 4; i++)
		fd[i] = client(CONTROL);
	for (unsigned int i = 0; i < 4; i++)
		must(is_served(fd[i]), "the owner's client");
	return !hears(late, "LGUEST") && !hears(dial(CONTROL), "LGUEST");
}

/* Clients that ask and go, more than there are places, are no more requests than there are places: the owner's is taken beside them. */
static bool who_asks_and_goes(void)
{
	struct answer done = { .kind = ANSWER_DONE };
	struct ask a[20];
	int owner = client(CONTROL), fd, n = 0;

	for (unsigned int i = 0; i < 20; i++) {
		fd = dial(STATUS_ONLY);
		must(says(fd, STATUS), "a request");
		close(fd);
		turns();
	}
	must(says(owner, STATUS), "the owner's request");
	while (n < 20 && recv(run, &a[n], sizeof(a[n]), MSG_DONTWAIT) == sizeof(a[n]))
		n++;
	if (n != 13 || a[12].rights != ASK_MAY_ALL)
		return false;
	for (int i = 0; i < n; i++) {
		done.serial = a[i].serial;
		must(send(run, &done, sizeof(done), 0) == sizeof(done), "an answer");
	}
	turns();
	return hears(owner, "return") && is_served(client(STATUS_ONLY));
}

/* A line begins with its first byte, and what lguest-run takes for an answer is not the client's time. */
static bool half_a_line(void)
{
	int slow = client(STATUS_ONLY), waits = client(STATUS_ONLY);
	struct answer done = { .kind = ANSWER_DONE, .code = ANSWER_FAILED };
	struct ask a;

	must(says(waits, STATUS "{\"execute\":") && recv(run, &a, sizeof(a), 0) == sizeof(a), "a request and half a line");
	for (int i = 0; i < 5; i++, later(2))
		must(says(slow, "{") && due() <= 10000 - 2000 * (unsigned int)i, "a byte");
	must(ended(slow), "half a line lasts 10 s");
	later(20);
	done.serial = a.serial;
	must(send(run, &done, sizeof(done), 0) == sizeof(done), "an answer");
	turns();
	must(hears(waits, "Failed") && due() == 10000, "an answer");
	later(9);
	must(says(waits, "\"dance\"}\n") && hears(waits, "UnknownCommand") && says(waits, "{"), "the rest of a line");
	later(9);
	must(says(waits, "\"execute\":\"dance\"}\n") && hears(waits, "UnknownCommand") && says(waits, "{"), "half a line again");
	later(10);
	return ended(waits);
}

static bool silence(void)
{
	int owner = client(CONTROL), quiet = client(STATUS_ONLY), asks = client(STATUS_ONLY), waits = client(STATUS_ONLY), listens = client(STATUS_ONLY);

	must(says(listens, "{\"execute\":\"events\"}\n") && hears(listens, "return") && says(waits, STATUS) && due() == 60000, "five clients");
	later(50);
	must(is_served(asks) && due() == 10000, "one that asks");
	later(10);
	must(ended(quiet), "a minute");
	later(49);
	must(is_served(asks), "one that asks again");
	later(60);
	return ended(asks) && !ended(waits) && is_served(listens) && is_served(owner);
}

static const struct { bool (*holds)(void); const char *what; } cases[] = {
	{ in_a_line, "a descriptor in a line is not dropped, who sent it is hung up on, and others are served" },
	{ behind_a_request, "nor one behind a request under way, whose client goes" },
	{ behind_a_bad_line, "nor one behind a line for which a client is hung up on" },
	{ after_the_end, "nobody who was hung up on can send one" },
	{ urgent, "an urgent byte keeps nobody busy, and one with a descriptor is not passed over" },
	{ without_a_place, "the 17th client waits for a place; a descriptor that it has sent is not dropped" },
	{ places_come_back, "a client that is hung up on leaves its place, whatever it had sent" },
	{ places_for_the_owner, "12 clients of the status socket, served or lost, leave four places to the control socket" },
	{ who_asks_and_goes, "who asks and goes keeps his place until that is answered, and leaves it then" },
	{ half_a_line, "a line has 10 s from its first byte to its last, but for the time that an answer takes" },
	{ silence, "a client of the status socket that says nothing for a minute is hung up on, one that listens or waits for an answer is not, nor the owner's" },
};

static bool one(unsigned int i)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		alarm(20);
		begin();
		exit(!cases[i].holds());
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && !status;
}

int main(void)
{
	tap_prefix = "control-strangers serve: ";
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		passed(one(i), "%s", cases[i].what);
	return tap_failed != 0;
}
