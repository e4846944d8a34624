// SPDX-License-Identifier: GPL-2.0
/* The lost queue takes LGUEST_LOST_SIZE records, and every one of them counts. */
#include "guest.h"

#define AT 0xffff80c000000000UL
#define N (2 * LGUEST_LOST_SIZE + 10)

void guest_main(u64 arg, u64 seed)
{
	u64 *page = page_alloc();

	(void)arg;
	(void)seed;
	for (int round = 0; round < 5; round++) {
		for (u64 i = 0; i < N; i++) {
			map(boot_pml4, AT + i * 4096, pa(page), PTE_W);
			*(volatile u64 *)(AT + i * 4096) = i;
		}
		for (u64 i = 0; i < N; i++)
			pte_lose(pte_of(boot_pml4, AT + i * 4096, 1), 0, LG_LOST_ALL);
		CHECK_EQ(hcall(LHCALL_FLUSH_TLB, LG_FLUSH_LOST, 0, 0, 0), 0);
		for (u64 i = 0; i < N; i++)
			CHECK_EQ(try_read((void *)(AT + i * 4096)), 14);
	}
}
