// SPDX-License-Identifier: GPL-2.0
/* The one-shot timer fires once, not early, again when set again, not when it was turned off; HALT waits for it. */
#include "guest.h"

void guest_main(u64 arg, u64 seed)
{
	u64 start_ns, n = 0;

	(void)arg;
	for (int i = 0; i < 50; i++) {
		u64 ns = 100000 + random64(&seed) % 3000000;

		start_ns = clock_ns();
		irq_off();
		hcall(LHCALL_SET_CLOCKEVENT, ns, 0, 0, 0);
		while (irqs[LGUEST_IRQ_TIMER] == n)
			hcall(LHCALL_HALT, 0, 0, 0, 0);
		n++;
		CHECK_EQ(irqs[LGUEST_IRQ_TIMER], n);
		CHECK_EQ(lgd.irq_enabled, LGUEST_FLAG_IF);
		if (clock_ns() - start_ns < ns)
			fail("a timer of %ld ns came after %ld ns", (long)ns, (long)(clock_ns() - start_ns));
	}
	/* It breaks into computing. */
	irq_on();
	hcall(LHCALL_SET_CLOCKEVENT, 1000000, 0, 0, 0);
	while (irqs[LGUEST_IRQ_TIMER] == n)
		pause();
	n++;
	/* Turned off; and moved. */
	hcall(LHCALL_SET_CLOCKEVENT, 20000000, 0, 0, 0);
	hcall(LHCALL_SET_CLOCKEVENT, 0, 0, 0, 0);
	for (start_ns = clock_ns(); clock_ns() - start_ns < 40000000; )
		pause();
	CHECK_EQ(irqs[LGUEST_IRQ_TIMER], n);
	irq_off();
	hcall(LHCALL_SET_CLOCKEVENT, 3600UL * 1000000000, 0, 0, 0);
	hcall(LHCALL_SET_CLOCKEVENT, 1, 0, 0, 0);
	while (irqs[LGUEST_IRQ_TIMER] == n)
		hcall(LHCALL_HALT, 0, 0, 0, 0);
	/* For ever, and beyond what a signed number holds. */
	hcall(LHCALL_SET_CLOCKEVENT, ~0UL, 0, 0, 0);
	hcall(LHCALL_SET_CLOCKEVENT, 1UL << 63, 0, 0, 0);
	for (start_ns = clock_ns(); clock_ns() - start_ns < 20000000; )
		pause();
	CHECK_EQ(irqs[LGUEST_IRQ_TIMER], n + 1);
}
