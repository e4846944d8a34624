// SPDX-License-Identifier: GPL-2.0
/* The least a guest can do: print, initialise, shut down. */
#include "guest.h"

void guest_early(u64 arg, u64 seed)
{
	(void)arg;
	(void)seed;
	say("hello before INIT\n");
}

void guest_main(u64 arg, u64 seed)
{
	(void)arg;
	(void)seed;
	say("hello, %s\n", "lguest");
}
