// SPDX-License-Identifier: GPL-2.0
/* Accessed and dirty bits: set when, and only when, a processor would set them; set again after the guest cleared them. */
#include "guest.h"

#define HIGH 0xffff80c000000000UL
#define LOW 0x7000000000UL

static void at(u64 address, u64 user)
{
	u64 *page = page_alloc(), *pte = pte_of(current_root, address, 1);
	volatile u64 *p = (volatile u64 *)address;
	u64 base = pa(page) | PTE_P | PTE_W | user;

	for (int i = 0; i < 3; i++) {
		pte_set(pte, base);
		CHECK_EQ(pte_get(pte), base);
		(void)*p;
		CHECK_EQ(pte_get(pte), base | PTE_A);
		p[1] = 1;
		CHECK_EQ(pte_get(pte), base | PTE_A | PTE_D);
		/* Dirty cleared alone: a write sets it again. */
		pte_lose(pte, base | PTE_A, LG_LOST_WRITE);
		hcall(LHCALL_FLUSH_TLB, LG_FLUSH_LOST, 0, 0, 0);
		(void)*p;
		CHECK_EQ(pte_get(pte), base | PTE_A);
		p[2] = 2;
		CHECK_EQ(pte_get(pte), base | PTE_A | PTE_D);
		/* Both cleared: a read sets A alone. */
		pte_lose(pte, base, LG_LOST_ALL);
		hcall(LHCALL_FLUSH_TLB, LG_FLUSH_LOST, 0, 0, 0);
		CHECK_EQ(pte_get(pte), base);
		(void)*p;
		CHECK_EQ(pte_get(pte), base | PTE_A);
		pte_lose(pte, base, LG_LOST_ALL);
		hcall(LHCALL_FLUSH_TLB, LG_FLUSH_LOST, 0, 0, 0);
		/* A refused write sets neither. */
		pte_lose(pte, base & ~PTE_W, LG_LOST_ALL);
		hcall(LHCALL_FLUSH_TLB, LG_FLUSH_LOST, 0, 0, 0);
		CHECK_EQ(try_write(p, 1), 14);
		CHECK_EQ(pte_get(pte) & PTE_D, 0);
		pte_lose(pte, 0, LG_LOST_ALL);
		hcall(LHCALL_FLUSH_TLB, LG_FLUSH_LOST, 0, 0, 0);
	}
	CHECK_EQ(page[1], 1);
	CHECK_EQ(page[2], 2);
}

void guest_main(u64 arg, u64 seed)
{
	u64 *upper;

	(void)arg;
	(void)seed;
	at(HIGH, 0);
	at(LOW, PTE_U);
	at(LOW + 4096, 0);
	/* Tables have an accessed bit of their own. */
	for (int level = 2; level <= 4; level++)
		CHECK(pte_get(pte_of(current_root, LOW, level)) & PTE_A);
	upper = pte_of(current_root, LOW + (1UL << 30), 2);
	pte_of(current_root, LOW + (1UL << 30), 1);
	CHECK_EQ(pte_get(upper) & PTE_A, 0);
	map(current_root, LOW + (1UL << 30), pa(page_alloc()), PTE_U);
	(void)*(volatile u64 *)(LOW + (1UL << 30));
	CHECK(pte_get(upper) & PTE_A);
	CHECK_EQ(pte_get(upper) & PTE_D, 0);
}
