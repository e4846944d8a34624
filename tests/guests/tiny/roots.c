// SPDX-License-Identifier: GPL-2.0
/*
 * Many address spaces: each root shows its own low half and the one kernel half, stays cached while another runs,
 * and a loss in a root that is not loaded counts when it is loaded again. arg: how many roots.
 */
#include "guest.h"

#define AT 0x7000000000UL
#define HIGH 0xffff80c000000000UL

void guest_main(u64 arg, u64 seed)
{
	u64 *roots[300], *pages[300], *other = page_alloc();

	CHECK(arg <= 300);
	*other = 999;
	for (u64 i = 0; i < arg; i++) {
		roots[i] = root_new();
		pages[i] = page_alloc();
		*pages[i] = 1000 + i;
		map(roots[i], AT, pa(pages[i]), PTE_U | PTE_W);
	}
	for (u64 round = 0; round < 4000; round++) {
		u64 i = random64(&seed) % arg, j = random64(&seed) % arg;
		u64 *pte = pte_of(roots[j], AT, 1);

		root_load(roots[i]);
		CHECK_EQ(*(volatile u64 *)AT, pte_get(pte_of(roots[i], AT, 1)) & PTE_W ? 1000 + i : 999);
		/* The kernel half: a page that one root makes, all roots see. */
		if (round < 200) {
			map(roots[i], HIGH + round * 4096, pa(pages[i]), 0);
			CHECK_EQ(*(volatile u64 *)(HIGH + round * 4096), 1000 + i);
		}
		/* Turn the other root's page over; it may be this one. */
		if (pte_get(pte) & PTE_W)
			pte_lose(pte, pa(other) | PTE_P | PTE_U, LG_LOST_ALL);
		else
			pte_lose(pte, pa(pages[j]) | PTE_P | PTE_U | PTE_W, LG_LOST_ALL);
	}
}
