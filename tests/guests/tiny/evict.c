// SPDX-License-Identifier: GPL-2.0
/* More tables than the cap on shadow pages allows: what was evicted comes back with its contents. Used with a small cap. */
#include "guest.h"

#define AT 0x1000000000UL
#define N 300

void guest_main(u64 arg, u64 seed)
{
	u64 *pages[16], *table = page_alloc();

	(void)arg;
	for (int i = 0; i < 16; i++) {
		pages[i] = page_alloc();
		*pages[i] = (u64)i;
	}
	/* One guest table of 16 pages, at N places 1 GiB and 2 MiB apart: the host needs tables for each. */
	for (int i = 0; i < 16; i++)
		table[i] = pa(pages[i]) | PTE_P | PTE_W | PTE_U;
	for (u64 i = 0; i < N; i++)
		pte_set(pte_of(boot_pml4, AT + i * 0x40200000UL, 2), pa(table) | PTE_P | PTE_W | PTE_U);
	for (int round = 0; round < 3000; round++) {
		u64 r = random64(&seed), i = r % N, page = (r >> 32) % 16;

		CHECK_EQ(*(volatile u64 *)(AT + i * 0x40200000UL + page * 4096), page);
	}
}
