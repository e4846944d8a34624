// SPDX-License-Identifier: GPL-2.0
/* NX in a leaf or above it: a fetch faults with the fetch bit; reads and writes do not. */
#include "guest.h"

#define HIGH 0xffff80c000000000UL
#define LOW 0x7000000000UL

static void at(u64 address)
{
	u8 *page = page_alloc();
	u64 *upper = pte_of(current_root, address, 2);

	page[0] = 0xc3;		/* RET */
	map(current_root, address, pa(page), PTE_W);
	CHECK_EQ(try_exec(address), NO_FAULT);
	pte_lose(pte_of(current_root, address, 1), pa(page) | PTE_P | PTE_W | PTE_NX, LG_LOST_ALL);
	hcall(LHCALL_FLUSH_TLB, LG_FLUSH_LOST, 0, 0, 0);
	CHECK_EQ(try_exec(address), 14);
	CHECK_EQ(fault.error, 0x11);
	CHECK_EQ(fault.cr2, address);
	CHECK_EQ(fault.rip, address);
	CHECK_EQ(try_read((void *)address), NO_FAULT);
	CHECK_EQ(try_write((void *)(address + 1), 1), NO_FAULT);
	pte_set(pte_of(current_root, address, 1), pa(page) | PTE_P | PTE_W);
	CHECK_EQ(try_exec(address), NO_FAULT);
	pte_lose(upper, pte_get(upper) | PTE_NX, LG_LOST_ALL);
	hcall(LHCALL_FLUSH_TLB, LG_FLUSH_LOST, 0, 0, 0);
	CHECK_EQ(try_exec(address), 14);
	CHECK_EQ(fault.error, 0x11);
	CHECK_EQ(try_write((void *)(address + 1), 1), NO_FAULT);
	CHECK_EQ(try_exec(address + 4096), 14);	/* not there */
	CHECK_EQ(fault.error, 0x10);
}

void guest_main(u64 arg, u64 seed)
{
	(void)arg;
	(void)seed;
	at(HIGH);
	/* In the low half the kernel executes nothing, whatever U and NX say. */
	map(current_root, LOW, pa(page_alloc()), PTE_W);
	CHECK_EQ(try_exec(LOW), 14);
	CHECK_EQ(fault.error, 0x11);
	CHECK_EQ(try_read((void *)LOW), NO_FAULT);
}
