// SPDX-License-Identifier: GPL-2.0
/*
 * The host goes to sleep and comes back, and the guest goes on: its clock does not go back, its timer fires, early never. arg: 0, it computes
 * between two ticks; 1, it halts. That its vCPU stood still meanwhile is seen in the clock, for which the host takes a second.
 */
#include "guest.h"

#define TICK_NS		1000000
#define BACK_LINE	9	/* raised when the host is back; the next one: it cannot do this */
#define TICKS_AFTER	50
#define ASLEEP_NS	500000000

static u64 last, longest;

static u64 now(void)
{
	u64 ns = clock_ns();

	if (ns < last)
		fail("the clock went back from %ld to %ld ns", (long)last, (long)ns);
	if (ns - last > longest)
		longest = ns - last;
	last = ns;
	return ns;
}

static void tick(bool halts)
{
	u64 n = irqs[LGUEST_IRQ_TIMER], since = now();

	hcall(LHCALL_SET_CLOCKEVENT, TICK_NS, 0, 0, 0);
	while (irqs[LGUEST_IRQ_TIMER] == n) {
		irq_off();
		if (halts && irqs[LGUEST_IRQ_TIMER] == n)
			hcall(LHCALL_HALT, 0, 0, 0, 0);
		irq_on();
		now();
	}
	if (now() - since < TICK_NS)
		fail("a timer of %d ns came after %ld ns", TICK_NS, (long)(last - since));
}

void guest_main(u64 arg, u64 seed)
{
	(void)seed;
	last = clock_ns();
	irq_on();
	host(HOST_SUSPEND, BACK_LINE);
	while (!irqs[BACK_LINE] && !irqs[BACK_LINE + 1])
		tick(arg);
	if (irqs[BACK_LINE + 1])
		pass("SKIP: the host's kernel has no CONFIG_PM_DEBUG");
	for (int i = 0; i < TICKS_AFTER; i++)
		tick(arg);
	if (longest < ASLEEP_NS)
		fail("the guest stood still for %ld ns at most: the host did not sleep", (long)longest);
}
