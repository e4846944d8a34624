// SPDX-License-Identifier: GPL-2.0
/*
 * A thread of the launcher makes an LDT while this runs (HOST_LDT): the next RUN must be refused, since a processor would read descriptors through
 * the guest's own page tables. Until then LSL finds none.
 */
#include "guest.h"

void guest_main(u64 arg, u64 seed)
{
	u64 limit = 0, before = rdtsc();
	u8 found;

	(void)arg;
	(void)seed;
	host(HOST_LDT, 20000);
	while (rdtsc() - before < 20000000000UL) {
		asm volatile("lsl %w2, %0; setz %1" : "+r"(limit), "=q"(found) : "r"(7) : "cc");
		if (found)
			fail("the launcher's LDT is the guest's, too: limit 0x%lx", (long)limit);
	}
	fail("RUN went on beside an LDT");
}
