// SPDX-License-Identifier: GPL-2.0
/*
 * flood.c: in the place of lguest-control: a hijacked one that asks for what it may, without end. The first process of it reads the answers, and
 * says when it has a thousand; those after it read none.
 */
#include <stdio.h>
#include <sys/socket.h>

#include "control/ask.h"

static const struct ask asks[] = {
	{ .type = ASK_STATUS, .serial = 1 },
	{ .type = ASK_STATS, .serial = 2 },
	{ .type = ASK_RESTART, .serial = 3, .rights = ASK_MAY_ALL, .word = "block0" },
	{ .type = ASK_GROW, .serial = 4, .rights = ASK_MAY_ALL, .word = "block0" },
	{ .type = ASK_RESTART, .serial = 5, .rights = ASK_MAY_ALL, .word = "nosuch0" },
	{ .type = ASK_RESUME, .serial = 6, .rights = ASK_MAY_ALL },
	{ .type = ASK_SIGNAL, .serial = 7, .rights = ASK_MAY_ALL, .arg = { 9 } },
};
#define ASKS (sizeof(asks) / sizeof(asks[0]))

/* The listening sockets are the same for each process: their priority tells the first. */
static bool first(void)
{
	socklen_t size = sizeof(int);
	int n = 0;

	if (getsockopt(CONTROL_FD_LISTEN, SOL_SOCKET, SO_PRIORITY, &n, &size) || n)
		return false;
	setsockopt(CONTROL_FD_LISTEN, SOL_SOCKET, SO_PRIORITY, &(int){ 1 }, sizeof(int));
	return true;
}

/* As many as lguest-control itself may have at once: a client each. */
static void ask_and_read(void)
{
	unsigned int due = 0, answers = 0;
	struct answer a;

	for (unsigned int i = 0;; i++) {
		if (send(CONTROL_FD_RUN, &asks[i % ASKS], sizeof(asks[0]), 0) < 0)
			return;
		due++;
		while (due && recv(CONTROL_FD_RUN, &a, sizeof(a), due < CONTROL_CLIENTS ? MSG_DONTWAIT : 0) > 0) {
			if (!a.serial || a.kind != ANSWER_DONE)
				continue;
			due--;
			if (++answers == 1000)
				fprintf(stderr, "flood: read 1000 answers\n");
		}
	}
}

int main(void)
{
	if (first()) {
		ask_and_read();
		return 0;
	}
	fprintf(stderr, "flood: reads nothing\n");
	for (unsigned int i = 0; send(CONTROL_FD_RUN, &asks[i % ASKS], sizeof(asks[0]), 0) > 0; i++)
		;
	return 0;
}
