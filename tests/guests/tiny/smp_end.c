// SPDX-License-Identifier: GPL-2.0
/*
 * How a guest with several vCPUs ends: arg 0: all compute, with interrupts off, until the host ends it; 1: the last vCPU shuts it down while the
 * others compute; 2: while the others halt; 3: the first is stopped, and the last, which goes on, shuts it down.
 */
#include "guest.h"

static volatile u64 running;
static u64 how;

static void other(unsigned int cpu)
{
	__atomic_fetch_add(&running, 1, __ATOMIC_SEQ_CST);
	if (how && cpu == lgd.nr_vcpus - 1) {
		wait_for(&running, lgd.nr_vcpus);
		/* Time for the others to be where they are to be */
		for (u64 end = rdtsc() + 20000000; rdtsc() < end; )
			pause();
		pass("said by vCPU %u", cpu);
	}
	for (;;)
		if (how > 1)
			hcall(LHCALL_HALT, LG_HALT_WAIT, 0, 0, 0);
}

void guest_main(u64 arg, u64 seed)
{
	(void)seed;
	how = arg;
	for (unsigned int cpu = 1; cpu < lgd.nr_vcpus; cpu++)
		cpu_up(cpu, other);
	running++;
	if (how == 3)
		hcall(LHCALL_VCPU_DOWN, 0, 0, 0, 0);
	other(0);
}
