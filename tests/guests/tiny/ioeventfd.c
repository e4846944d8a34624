// SPDX-License-Identifier: GPL-2.0
/* Notifies go to the eventfd bound to their address and value, else to the core as an exit; lgtest counts each. */
#include "guest.h"

void guest_main(u64 arg, u64 seed)
{
	(void)seed;
	for (u64 i = 0; i < arg; i++) {
		host(HOST_COUNT, i);
		host(HOST_VALUE, 7);
	}
	host(HOST_VALUE, 8);		/* another value: exits */
	host(HOST_VALUE, 7UL << 32);
	host(HOST_OTHER, 0);
	host(HOST_UNBIND, HOST_VALUE);
	host(HOST_VALUE, 7);		/* bound no longer: exits */
	host(HOST_UNBIND, HOST_COUNT);
	host(HOST_COUNT, 7);
}
