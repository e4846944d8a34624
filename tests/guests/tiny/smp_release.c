// SPDX-License-Identifier: GPL-2.0
/*
 * One vCPU releases pages that the others are writing to: hostile, and to be borne. When the call has returned, nobody writes to what
 * the page was: all vCPUs see each other's stores in whatever it is now.
 */
#include "guest.h"

#define AT	0xffff80c000000000UL
#define PAGES	64

static struct lguest_range range = { RAM2_PA, PAGES * 4096 };
static volatile u64 beats[CPUS], stop, running;

static volatile u64 *word(unsigned int page, unsigned int cpu) { return (u64 *)(AT + page * 4096UL) + cpu; }

static void writer(unsigned int cpu)
{
	__atomic_fetch_add(&running, 1, __ATOMIC_SEQ_CST);
	while (!stop) {
		for (unsigned int i = 0; i < PAGES; i++)
			++*word(i, cpu);
		beats[cpu]++;
	}
	__atomic_fetch_sub(&running, 1, __ATOMIC_SEQ_CST);
}

static void one_round(void)
{
	u64 seen[CPUS];

	CHECK_EQ(hcall(LHCALL_RELEASE, pa(&range), 1, 0, 0), 0);
	for (unsigned int cpu = 1; cpu < lgd.nr_vcpus; cpu++)
		seen[cpu] = beats[cpu];
	for (unsigned int cpu = 1; cpu < lgd.nr_vcpus; cpu++)
		wait_for(&beats[cpu], seen[cpu] + 2);
	for (unsigned int cpu = 1; cpu < lgd.nr_vcpus; cpu++)
		for (unsigned int i = 0; i < PAGES; i++)
			if (!*word(i, cpu))
				fail("vCPU %u writes to what page %u was", cpu, i);
}

void guest_main(u64 arg, u64 seed)
{
	(void)seed;
	if (shortened)
		arg = (arg + 9) / 10;
	for (u64 i = 0; i < PAGES; i++)
		map(boot_pml4, AT + i * 4096, RAM2_PA + i * 4096, PTE_W);
	for (unsigned int cpu = 1; cpu < lgd.nr_vcpus; cpu++)
		cpu_up(cpu, writer);
	wait_for(&running, lgd.nr_vcpus - 1);
	while (arg--)
		one_round();
	stop = 1;
	while (running)
		pause();
}
