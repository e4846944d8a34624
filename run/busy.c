// SPDX-License-Identifier: GPL-2.0
/*L:257
 * busy.c: patience with a guest that has just ended (busy.h). A killed role's ring holds what it was given (an image, a tap, a listener) until its last I/O
 * is over, some 100 ms after the process and its lguest-run are gone, and whoever starts the next guest at once would be told that it is in use.
 *
 * It may sleep.
 */
#include <errno.h>
#include <time.h>

#include "run/busy.h"

#define BUSY_MS	3000
#define LOOK_MS	10

bool busy_wait(void)
{
	const struct timespec pause = { .tv_nsec = LOOK_MS * 1000000 };
	static unsigned int waited;
	const int error = errno;

	if (waited >= BUSY_MS)
		return false;
	nanosleep(&pause, NULL);
	waited += LOOK_MS;
	errno = error;
	return true;
}
