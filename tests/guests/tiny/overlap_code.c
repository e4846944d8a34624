// SPDX-License-Identifier: GPL-2.0
/*
 * A guest kernel whose code and data are both where the host has its own, and where every exit's way through the host brings that into the
 * TLB again. An instruction needs the translations of both at once, so that one of the host's left over at the entry is for ever.
 * One small page is everywhere in the range, code and data in one; each pair of addresses is tried right behind an exit.
 * arg: bit 0: over the kernel's text, where the host's entries are of 2 MiB (two entries of different size for one fetch are
 * a machine check on some processors); else over the first modules, of which lg.ko is one. Bit 1 declares the range; without, the
 * host has to see by itself where the guest is.
 */
#include "guest.h"

#define MODULES		0xffffffffc0200000	/* the first 2 MiB of the area are BPF's */
#define TEXT		0xffffffff81000000
#define SIZE		0x400000

static u64 base(u64 arg) { return arg & 1 ? TEXT : MODULES; }

void guest_early(u64 arg, u64 seed)
{
	(void)seed;
	if (!(arg & 2))
		return;
	lgd.kernel_range[1][0] = base(arg);
	lgd.kernel_range[1][1] = base(arg) + SIZE;
}

/* The page at every address of the range, by one table that all upper entries point to */
static void map_everywhere(u64 from, u64 size, u64 phys)
{
	u64 *table = page_alloc();

	for (int i = 0; i < 512; i++)
		table[i] = phys | PTE_P | PTE_W | PTE_A | PTE_D;
	for (u64 v = from; v < from + size; v += 0x200000)
		*pte_of(boot_pml4, v, 2) = pa(table) | PTE_P | PTE_W | PTE_U | PTE_A;
}

static void try_pair(u64 code, u64 data)
{
	u64 (*load)(const volatile u64 *) = (void *)code;

	hcall(LHCALL_FLUSH_ASYNC, 0, 0, 0, 0);
	CHECK_EQ(load((volatile u64 *)(data + 8)), 4711);
}

void guest_main(u64 arg, u64 seed)
{
	static const u8 load_and_return[] = { 0x48, 0x8b, 0x07, 0xc3 };	/* mov (%rdi), %rax; ret */
	u64 step = arg & 1 ? SIZE / 64 : 4096;
	u8 *page = page_alloc();

	(void)seed;
	memcpy(page, load_and_return, sizeof(load_and_return));
	((u64 *)page)[1] = 4711;
	map_everywhere(base(arg), SIZE, pa(page));
	for (u64 code = 0; code < 64; code++)
		for (u64 data = 0; data < 64; data++)
			try_pair(base(arg) + code * step, base(arg) + data * step);
}
