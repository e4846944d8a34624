// SPDX-License-Identifier: GPL-2.0
/* Some work with something going on around it: arg is what to ask lgtest for first (HOST_* in the low byte, its value above). */
#include "guest.h"

USER static void count(u64 arg)
{
	for (volatile u64 i = 0; i < 2000; i++)
		;
	user_syscall(0, arg + 1);
}

void guest_main(u64 arg, u64 seed)
{
	u64 *page = page_alloc();

	(void)seed;
	user_map(boot_pml4);
	for (u64 i = 0; i < 3000; i++) {
		if (i % 1000 == 0)
			host(arg & 0xff, arg >> 8);
		CHECK_EQ(user_call(count, i), i + 1);
		map(boot_pml4, 0x7000000000 + i % 600 * 4096, pa(page), PTE_W);
		*(volatile u64 *)(0x7000000000 + i % 600 * 4096) = i;
		CHECK_EQ(*page, i);
		pte_lose(pte_of(boot_pml4, 0x7000000000 + i % 600 * 4096, 1), 0, LG_LOST_ALL);
		hcall(LHCALL_FLUSH_TLB, LG_FLUSH_LOST, 0, 0, 0);
	}
}
