// SPDX-License-Identifier: GPL-2.0
/*
 * liar.c: in the place of lguest-control: what a hijacked one can send to lguest-run, which must neither do it nor end. Each process of it sends one
 * packet of a row, chosen by how many have run, and waits to be killed.
 */
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/ask.h"

static const struct { size_t size; struct ask ask; } rows[] = {
	{ sizeof(struct ask), { .type = ASK_TYPES, .serial = 1, .rights = ASK_MAY_ALL } },
	{ sizeof(struct ask) - 1, { .type = ASK_STATUS, .serial = 1 } },
	{ sizeof(struct ask), { .type = ASK_STOP, .serial = 1 } },				/* without the right */
	{ sizeof(struct ask), { .type = ASK_RESTART, .serial = 1, .rights = 1, .word = "../block0" } },
	{ sizeof(struct ask), { .type = ASK_GROW, .serial = 1, .rights = 1, .word = "012345678901234567890123" } },
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* The listening sockets are the same for each: their priority counts the processes. */
static unsigned int nth(void)
{
	socklen_t size = sizeof(int);
	int n = 0;

	if (getsockopt(CONTROL_FD_LISTEN, SOL_SOCKET, SO_PRIORITY, &n, &size))
		return 0;
	setsockopt(CONTROL_FD_LISTEN, SOL_SOCKET, SO_PRIORITY, &(int){ n + 1 }, sizeof(int));
	return (unsigned int)n;
}

int main(void)
{
	unsigned int i = nth() % ROWS;

	fprintf(stderr, "liar: row %u\n", i);
	send(CONTROL_FD_RUN, &rows[i].ask, rows[i].size, 0);
	poll(NULL, 0, -1);
	return 0;
}
