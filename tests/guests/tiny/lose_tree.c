// SPDX-License-Identifier: GPL-2.0
/* Clearing an entry of an upper level drops the subtree below it; a replaced table is the one that is walked. */
#include "guest.h"

#define HIGH 0xffff80c000000000UL
#define LOW 0x8000000000UL

static void at(u64 base, int level)
{
	u64 *root = current_root, *entry, old;

	for (u64 i = 0; i < 40; i++) {
		u64 *page = page_alloc();

		*page = i;
		map(root, base + i * 4096, pa(page), PTE_W | PTE_U);
		CHECK_EQ(*(volatile u64 *)(base + i * 4096), i);
	}
	entry = pte_of(root, base, level);
	old = pte_get(entry);
	pte_lose(entry, 0, LG_LOST_ALL);
	CHECK_EQ(hcall(LHCALL_FLUSH_TLB, LG_FLUSH_LOST, 0, 0, 0), 0);
	for (u64 i = 0; i < 40; i++)
		CHECK_EQ(try_read((void *)(base + i * 4096)), 14);
	pte_set(entry, old);
	for (u64 i = 0; i < 40; i++)
		CHECK_EQ(*(volatile u64 *)(base + i * 4096), i);
	/* The write permission of a table entry counts for all below. */
	pte_lose(entry, old & ~PTE_W, LG_LOST_ALL);
	CHECK_EQ(hcall(LHCALL_FLUSH_TLB, LG_FLUSH_LOST, 0, 0, 0), 0);
	CHECK_EQ(try_write((void *)(base + 5 * 4096), 1), 14);
	CHECK_EQ(fault.error, 3);
	pte_lose(entry, 0, LG_LOST_ALL);
	/* Another table in its place. */
	map(root, base + 3 * 4096, pa(boot_pml4), 0);
	CHECK_EQ(hcall(LHCALL_FLUSH_TLB, LG_FLUSH_LOST, 0, 0, 0), 0);
	CHECK_EQ(*(volatile u64 *)(base + 3 * 4096 + 257 * 8) & PTE_ADDR, boot_pml4[257] & PTE_ADDR);
	CHECK_EQ(try_read((void *)(base + 4 * 4096)), 14);
}

void guest_main(u64 arg, u64 seed)
{
	(void)arg;
	(void)seed;
	at(HIGH, 2);
	at(HIGH + (1UL << 32), 3);
	at(LOW, 2);
	at(LOW + (1UL << 32), 3);
	at(LOW * 3, 4);
}
