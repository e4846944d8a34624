// SPDX-License-Identifier: GPL-2.0
/*
 * giver.c: in the place of lguest-control: a hijacked one that gives lguest-run a connection whose close takes a minute, behind more requests than are taken
 * in a turn, and ends.
 */
#include <stdio.h>
#include <unistd.h>

#include "control/ask.h"
#include "tests/lib/give.h"

int main(void)
{
	const struct ask a = { .type = ASK_STATUS, .serial = 1 };
	int fd = lingering(NULL);

	for (int i = 0; i < 40; i++)
		send(CONTROL_FD_RUN, &a, sizeof(a), MSG_DONTWAIT);
	if (!send_with(CONTROL_FD_RUN, &a, sizeof(a), fd, 1, 0))
		perror("giver");
	return 0;
}
