// SPDX-License-Identifier: GPL-2.0
/*L:200
 * say.c: messages (say.h).
 *
 * It may write to standard error, and waits there for a fifth of a second at most.
 */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "ipc/exit.h"
#include "run/say.h"

static char sentence[8192];	/* two paths and some words */

static void patience_over(int sig)
{
	(void)sig;	/* it interrupts write() */
}

/* A terminal that nobody reads must not keep us from ending a guest: what it has not taken within this time is lost. */
#define PATIENCE_US	200000

static void (*through)(const char *text, size_t len);

void complain_through(void (*take)(const char *text, size_t len))
{
	through = take;
}

static void say(const char *fmt, va_list ap, const char *hint)
{
	const struct itimerval limit = { .it_value.tv_usec = PATIENCE_US, .it_interval.tv_usec = PATIENCE_US };
	const struct sigaction alarm = { .sa_handler = patience_over };
	const size_t room = sizeof(sentence) - strlen(hint) - 1;
	size_t n = (size_t)snprintf(sentence, sizeof(sentence), "lguest-run: ");
	int more = vsnprintf(sentence + n, room - n, fmt, ap);

	n = more < 0 || (size_t)more >= room - n ? room - 1 : n + (size_t)more;
	n += (size_t)sprintf(sentence + n, "%s\n", hint);
	if (through) {
		through(sentence + 12, n - 13);	/* without the name and the end of the line */
		return;
	}
	sigaction(SIGALRM, &alarm, NULL);
	setitimer(ITIMER_REAL, &limit, NULL);
	if (write(STDERR_FILENO, sentence, n) < 0)
		n = 0;	/* a closed one is no reason to do anything else */
	setitimer(ITIMER_REAL, &(struct itimerval){ 0 }, NULL);
}

void complain(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap, "");
	va_end(ap);
}

int wrong(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap, " (lguest-run --help shows all options)");
	va_end(ap);
	return EXIT_USAGE;
}
