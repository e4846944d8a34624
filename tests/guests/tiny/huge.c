// SPDX-License-Identifier: GPL-2.0
/* 2 MiB and 1 GiB entries: every page through them, their permissions and A/D bits, and 4 KiB entries in their place. arg 1: none of them may be executed. */
#include "guest.h"

#define HIGH 0xffff80c000000000UL
#define LOW 0x7000000000UL
#define SIZE 0x200000UL

static u64 nx;

static void flush(void)
{
	CHECK_EQ(hcall(LHCALL_FLUSH_TLB, LG_FLUSH_LOST, 0, 0, 0), 0);
}

static void at(u64 address, u64 user)
{
	u64 *entry = pte_of(current_root, address, 2), base = RAM2_PA | PTE_P | PTE_W | PTE_PS | nx | user;

	pte_set(entry, base);
	(void)*(volatile u64 *)address;
	CHECK_EQ(pte_get(entry), base | PTE_A);
	for (u64 i = 0; i < SIZE; i += 4096)
		*(volatile u64 *)(address + i) = i;
	CHECK_EQ(pte_get(entry), base | PTE_A | PTE_D);
	for (u64 i = 0; i < SIZE; i += 4096)
		CHECK_EQ(*(volatile u64 *)(address + i), i);
	/* Another view of a page inside. */
	map(current_root, address + SIZE, RAM2_PA + 7 * 4096, PTE_W | user);
	CHECK_EQ(*(volatile u64 *)(address + SIZE), 7 * 4096);
	/* The write permission goes for all of it. */
	pte_lose(entry, (base & ~PTE_W) | PTE_A, LG_LOST_WRITE);
	flush();
	for (u64 i = 0; i < SIZE; i += 16 * 4096) {
		CHECK_EQ(try_write((void *)(address + i), 1), 14);
		CHECK_EQ(fault.error, 3);
	}
	/* NX. */
	if (address >> 63 && !nx) {
		*(volatile u8 *)(address + SIZE) = 0xc3;
		CHECK_EQ(try_exec(address + 7 * 4096), NO_FAULT);
		pte_lose(entry, base | PTE_NX, LG_LOST_ALL);
		flush();
		CHECK_EQ(try_exec(address + 7 * 4096), 14);
		CHECK_EQ(fault.error, 0x11);
		*(volatile u64 *)(address + SIZE) = 7 * 4096;
	}
	/* Split. */
	pte_lose(entry, 0, LG_LOST_ALL);
	flush();
	CHECK_EQ(try_read((void *)(address + 4096)), 14);
	map(current_root, address + 4096, RAM2_PA + 9 * 4096, PTE_W | user);
	CHECK_EQ(*(volatile u64 *)(address + 4096), 9 * 4096);
	CHECK_EQ(try_read((void *)address), 14);
	/* And joined. */
	pte_lose(entry, (base + SIZE) & ~PTE_D, LG_LOST_ALL);
	flush();
	*(volatile u64 *)(address + 4096) = 77;
	pte_lose(entry, base, LG_LOST_ALL);
	flush();
	CHECK_EQ(*(volatile u64 *)(address + 4096), 4096);
	pte_lose(entry, base + SIZE, LG_LOST_ALL);
	flush();
	CHECK_EQ(*(volatile u64 *)(address + 4096), 77);
	pte_lose(entry, 0, LG_LOST_ALL);
	flush();
}

void guest_main(u64 arg, u64 seed)
{
	u64 *entry;

	nx = arg ? PTE_NX : 0;
	(void)seed;
	at(HIGH, 0);
	at(LOW, PTE_U);
	at(LOW + 3 * SIZE, 0);
	/* 1 GiB: RAM2_PA is 1 GiB-aligned; what is behind the region is an MMIO exit and not for here. */
	entry = pte_of(current_root, HIGH + (4UL << 30), 3);
	pte_set(entry, RAM2_PA | PTE_P | PTE_W | PTE_PS | nx);
	for (u64 i = 0; i < RAM2_SIZE; i += 5 * 4096)
		*(volatile u64 *)(HIGH + (4UL << 30) + i) = ~i;
	pte_set(pte_of(current_root, HIGH, 2), RAM2_PA | PTE_P | PTE_PS | nx);
	for (u64 i = 0; i < SIZE; i += 5 * 4096)
		CHECK_EQ(*(volatile u64 *)(HIGH + i), ~i);
	CHECK(pte_get(entry) & PTE_D);
}
