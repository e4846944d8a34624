// SPDX-License-Identifier: GPL-2.0
/* An exception while the frame of the last event is still busy: a double fault, which kills. An interrupt then just waits. */
#include "guest.h"

void guest_main(u64 arg, u64 seed)
{
	(void)arg;
	(void)seed;
	lgd.event_busy = 1;
	host(HOST_RAISE, 3);
	irq_on();
	for (int i = 0; i < 10; i++)
		hcall(LHCALL_SEND_INTERRUPTS, 0, 0, 0, 0);
	CHECK_EQ(irqs[3], 0);
	lgd.event_busy = 0;
	hcall(LHCALL_SEND_INTERRUPTS, 0, 0, 0, 0);
	CHECK_EQ(irqs[3], 1);
	irq_off();
	lgd.event_busy = 1;
	asm volatile("ud2");
	fail("went on behind a double fault");
}
