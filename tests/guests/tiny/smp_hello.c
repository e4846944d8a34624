// SPDX-License-Identifier: GPL-2.0
/*
 * Several vCPUs: each starts when it is told to, on its own thread, knows its number, shares memory with the others, stops, and can
 * be started again with the page that it named; a wrong number is refused, and so is one that runs.
 */
#include "guest.h"

static volatile u64 here[CPUS], go;

static u32 rdtscp_aux(void)
{
	u32 a, d, aux;

	asm volatile("rdtscp" : "=a"(a), "=d"(d), "=c"(aux));
	return aux;
}

static void other(unsigned int cpu)
{
	here[cpu]++;
	wait_for(&go, here[cpu]);
	if (lgd.host_features & LG_HOST_TSC_AUX && rdtscp_aux() != cpu)
		fail("vCPU %u: RDTSCP says %u", cpu, rdtscp_aux());
	here[cpu] += 100;
}

void guest_main(u64 arg, u64 seed)
{
	struct lguest_vcpu_start bad = { .rip = 1UL << 47, .cr3 = pa(boot_pml4) };
	unsigned int n = lgd.nr_vcpus;

	(void)seed;
	CHECK_EQ(n, arg);
	CHECK_EQ(lgd.vcpu_id, 0);
	CHECK_EQ(hcall(LHCALL_VCPU_UP, n, pa(&bad), 0, 0), -22);
	CHECK_EQ(hcall(LHCALL_VCPU_UP, ~0UL, pa(&bad), 0, 0), -22);
	CHECK_EQ(hcall(LHCALL_VCPU_UP, 1, pa(&bad), 0, 0), -22);
	CHECK_EQ(hcall(LHCALL_VCPU_UP, 1, MMIO_PA, 0, 0), -22);
	for (u64 round = 1; round <= 20; round++) {
		for (unsigned int i = 1; i < n; i++) {
			long result;

			here[i] = round - 1;
			/* From the second round on it may not have stopped yet */
			while ((result = try_cpu_up(i, other)) == -16 && round > 1)
				pause();
			CHECK_EQ(result, 0);
		}
		for (unsigned int i = 1; i < n; i++)
			wait_for(&here[i], round);
		CHECK_EQ(try_cpu_up(1, other), -16);
		CHECK_EQ(try_cpu_up(0, other), -16);
		go = round;
		for (unsigned int i = 1; i < n; i++)
			wait_for(&here[i], round + 100);
	}
	pass("%u vCPUs", n);
}
