// SPDX-License-Identifier: GPL-2.0
/*
 * Shadow tables that were cut off, while another vCPU is in the guest with what it had before: vCPU 0 takes whole tables away, has the host
 * take note of that without waiting for anybody, and at once needs as many tables for other addresses. The host may not use the old ones for that
 * before vCPU 1, which only computes in the same address space, has come out. What is read must be right all the time. Whether a table was
 * used too early no emulator shows: lg.ko itself looks, when it is built with LG_DEBUG. arg: rounds.
 */
#include "guest.h"

#define AT	0x7000000000UL
#define TABLES	48

static u64 *root;
static volatile u64 stop, looks;

static void looker(unsigned int cpu)
{
	volatile u64 *p = (u64 *)(AT + (u64)(TABLES + cpu) * 0x200000);

	while (!stop) {
		for (unsigned int i = 0; i < 10000; i++)
			if (*p != 0x1111)
				fail("vCPU %u reads 0x%lx", cpu, (long)*p);
		looks++;
	}
}

void guest_main(u64 arg, u64 seed)
{
	u64 *page = page_alloc(), *table = page_alloc();

	(void)seed;
	root = root_new();
	*page = 0x1111;
	for (unsigned int i = 0; i < 512; i++)
		pte_set(&table[i], pa(page) | PTE_P | PTE_W | PTE_A | PTE_D);
	/* One table of the guest's in many places: each has a shadow of its own */
	for (unsigned int i = 0; i < TABLES + CPUS; i++)
		pte_set(pte_of(root, AT + i * 0x200000UL, 2), pa(table) | PTE_P | PTE_W | PTE_A);
	root_load(root);
	cpu_up(1, looker);
	wait_for(&looks, 1);
	for (u64 round = 0; round < arg; round++) {
		for (unsigned int i = 0; i < TABLES; i++)
			CHECK_EQ(*(volatile u64 *)(AT + i * 0x200000UL), 0x1111);
		for (unsigned int i = 0; i < TABLES; i++)
			pte_lose(pte_of(root, AT + i * 0x200000UL, 2), 0, 0);
		hcall(LHCALL_FLUSH_ASYNC, 0, 0, 0, 0);
		for (unsigned int i = 0; i < TABLES; i++)
			pte_set(pte_of(root, AT + i * 0x200000UL, 2), pa(table) | PTE_P | PTE_W | PTE_A);
	}
	stop = 1;
	flush_lost();
	pass("%ld tables taken away while vCPU 1 looked %ld times", (long)(arg * TABLES), (long)looks);
}
