// SPDX-License-Identifier: GPL-2.0
/* The three kinds of shutdown, with a status and a text (arg: the kind); after it the guest does not run on. */
#include "guest.h"

void guest_main(u64 arg, u64 seed)
{
	static const char last[] = "last words";

	(void)seed;
	hcall(LHCALL_SHUTDOWN, pa(last), sizeof(last) - 1, arg, 40 + arg);
	fail("went on behind SHUTDOWN");
}
