// SPDX-License-Identifier: GPL-2.0
/* A top-level entry that points to its own table: the tables are seen, and changed, through themselves. */
#include "guest.h"

#define SLOT 290UL
#define SELF(l1, l2, l3) ((u64 *)(0xffff000000000000 | SLOT << 39 | (u64)(l3) << 30 | (u64)(l2) << 21 | (u64)(l1) << 12))
#define AT 0xffff80c000000000UL

void guest_main(u64 arg, u64 seed)
{
	u64 *page = page_alloc(), *low = page_alloc(), *pte;

	(void)arg;
	(void)seed;
	boot_pml4[SLOT] = pa(boot_pml4) | PTE_P | PTE_W;
	for (int i = 257; i < 512; i++)
		CHECK_EQ(((volatile u64 *)SELF(SLOT, SLOT, SLOT))[i] & ~(PTE_A | PTE_D), boot_pml4[i] & ~(PTE_A | PTE_D));
	map(boot_pml4, AT, pa(page), PTE_W);
	*page = 1;
	pte = SELF(0, 256, 257);	/* the last-level table that maps AT */
	CHECK_EQ(pte_get(pte) & PTE_ADDR, pa(page));
	CHECK_EQ(*(volatile u64 *)AT, 1);
	*low = 2;
	pte_set(pte + 1, pa(low) | PTE_P | PTE_W);	/* a gain, through the tables themselves */
	CHECK_EQ(*(volatile u64 *)(AT + 4096), 2);
	pte_set(pte, pa(low) | PTE_P | PTE_W);
	CHECK_EQ(hcall(LHCALL_FLUSH_RANGE, AT, AT + 4096, 0, 0), 0);
	CHECK_EQ(*(volatile u64 *)AT, 2);
	for (u64 i = 0; i < 512; i++)
		if (i != SLOT)
			try_read(SELF(i, 257, SLOT));
}
