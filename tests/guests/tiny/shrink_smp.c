// SPDX-License-Identifier: GPL-2.0
/*
 * Many tables, which the host wants back while arg + 1 vCPUs run: each thread gives some, and together no more than were asked for. Behind
 * that the vCPUs sleep, and nobody wakes them for something that is done.
 */
#include "guest.h"

#define AT (1UL << 39)
#define STEP 0x200000UL
#define N 1000
#define ROUNDS 8

static volatile u64 stop, running, asleep;

static void turn(unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		hcall(LHCALL_FLUSH_ASYNC, 0, 0, 0, 0);
}

static void other(unsigned int cpu)
{
	(void)cpu;
	__atomic_fetch_add(&running, 1, __ATOMIC_SEQ_CST);
	while (!stop)
		turn(1);
	irq_off();
	__atomic_fetch_add(&asleep, 1, __ATOMIC_SEQ_CST);
	for (;;)
		hcall(LHCALL_HALT, 0, 0, 0, 0);
}

void guest_main(u64 arg, u64 seed)
{
	struct chain chain;

	(void)seed;
	make_chain(&chain, 0, 0);
	*chain.page = 7;
	boot_pml4[1] = pa(chain.pdpt) | PTE_P | PTE_W | PTE_U;
	for (unsigned int cpu = 1; cpu <= arg; cpu++)
		cpu_up(cpu, other);
	wait_for(&running, arg);
	for (int round = 0; round < ROUNDS; round++) {
		for (u64 i = 0; i < N; i++)
			CHECK_EQ(*(volatile u64 *)(AT + i * STEP), 7);
		host(HOST_SHRINK, 0);
		turn(300);
	}
	stop = 1;
	wait_for(&asleep, arg);
	irq_off();
	hcall(LHCALL_SET_CLOCKEVENT, 500000000, 0, 0, 0);
	hcall(LHCALL_HALT, 0, 0, 0, 0);
}
