// SPDX-License-Identifier: GPL-2.0
/* Many tables, which the host wants back while the guest sleeps and while it computes: what they held comes back with the faults. */
#include "guest.h"

#define AT (1UL << 39)
#define STEP 0x200000UL
#define N 4000

static void touch_all(u64 expect)
{
	for (u64 i = 0; i < N; i++)
		CHECK_EQ(*(volatile u64 *)(AT + i * STEP), expect);
}

void guest_main(u64 arg, u64 seed)
{
	struct chain chain;

	(void)arg;
	(void)seed;
	make_chain(&chain, 0, 0);
	*chain.page = 7;
	boot_pml4[1] = pa(chain.pdpt) | PTE_P | PTE_W | PTE_U;
	for (int round = 0; round < 3; round++) {
		touch_all(7);
		host(HOST_SHRINK, 0);
		if (round == 1) {
			irq_off();
			hcall(LHCALL_SET_CLOCKEVENT, 200000000, 0, 0, 0);
			hcall(LHCALL_HALT, 0, 0, 0, 0);
		} else {
			for (int i = 0; i < 2000; i++)
				hcall(LHCALL_FLUSH_ASYNC, 0, 0, 0, 0);
		}
	}
	host(HOST_SHRINK, 0);
	for (int i = 0; i < 2000; i++)
		hcall(LHCALL_FLUSH_ASYNC, 0, 0, 0, 0);
}
