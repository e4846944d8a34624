// SPDX-License-Identifier: GPL-2.0
/*L:380
 * terminal.c: the user's terminal, lent to the guest's console (launch.h). lguest-console makes it raw and has
 * a keeper of its own to undo that; this is for the ends at which the keeper is killed too.
 *
 * It may change the settings of the terminal on descriptor 0, back to what they were.
 */
#include <signal.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "run/launch.h"

static struct termios saved;
static bool is_saved;

void terminal_restore(void)
{
	if (!is_saved)
		return;
	/* Setting a terminal from the background would stop this process just when it wants to end. */
	signal(SIGTTOU, SIG_IGN);
	tcsetattr(STDIN_FILENO, TCSADRAIN, &saved);
	is_saved = false;
}

void terminal_save(void)
{
	is_saved = !tcgetattr(STDIN_FILENO, &saved);
	if (is_saved)
		atexit(terminal_restore);
}
