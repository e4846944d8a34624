// SPDX-License-Identifier: GPL-2.0
/*
 * pairs N: N pairs of processes that pass a byte to and fro for ever, so that the scheduler is always at work on every CPU. For the
 * self-tests of the host; whoever starts it ends the host.
 */
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

static void pass_on(int in, int out, int first)
{
	char byte = 0;

	if (first && write(out, &byte, 1) != 1)
		_exit(1);
	while (read(in, &byte, 1) == 1 && write(out, &byte, 1) == 1)
		;
	_exit(1);
}

int main(int argc, char **argv)
{
	int there[2], back[2];

	for (int i = argc > 1 ? atoi(argv[1]) : 1; i > 0; i--) {
		if (pipe(there) || pipe(back))
			return 1;
		if (!fork())
			pass_on(there[0], back[1], 0);
		if (!fork())
			pass_on(back[0], there[1], 1);
	}
	pause();
	return 0;
}
