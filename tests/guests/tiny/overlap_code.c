// SPDX-License-Identifier: GPL-2.0
/*
 * A guest kernel whose code and data are both where the host has its own: code in small pages all over the module area, data all over
 * the direct mapping, which every exit's way through the host brings into the TLB again. An instruction needs the translations of both at
 * once, so that one left over is for ever. arg: bit 0 puts the code over the kernel's text, where the host's own entries are of
 * 2 MiB (two entries of different size for one fetch are a machine check on some processors), and the data over its data. Bit 1
 * declares the ranges; without, the host has to see by itself where the guest is.
 */
#include "guest.h"

#define DIRECT_MAP	0xffff888000000000
#define DATA		0xffffffff82000000
#define MODULES		0xffffffffc0000000
#define TEXT		0xffffffff81000000
#define CODE_PAGES	1024

void guest_early(u64 arg, u64 seed)
{
	(void)seed;
	if (!(arg & 2))
		return;
	lgd.kernel_range[1][0] = DIRECT_MAP;
	lgd.kernel_range[1][1] = DIRECT_MAP + 0x40000000;
	lgd.kernel_range[2][0] = TEXT;
	lgd.kernel_range[2][1] = MODULES + CODE_PAGES * 4096;
}

/* The page at every address of the range, by one table that all upper entries point to */
static void map_everywhere(u64 from, u64 size, u64 phys, u64 flags)
{
	u64 *table = page_alloc();

	for (int i = 0; i < 512; i++)
		table[i] = phys | flags | PTE_P | PTE_A | PTE_D;
	for (u64 v = from; v < from + size; v += 0x200000)
		*pte_of(boot_pml4, v, 2) = pa(table) | PTE_P | PTE_W | PTE_U | PTE_A;
}

void guest_main(u64 arg, u64 seed)
{
	static const u8 load_and_return[] = { 0x48, 0x8b, 0x07, 0xc3 };	/* mov (%rdi), %rax; ret */
	u64 *data = page_alloc(), code_base = arg & 1 ? TEXT : MODULES, data_base = arg & 1 ? DATA : DIRECT_MAP;
	u64 step = arg & 1 ? 0x20000 : 0x100000, steps = arg & 1 ? 128 : 256;
	u8 *code = page_alloc();

	(void)seed;
	memcpy(code, load_and_return, sizeof(load_and_return));
	*data = 4711;
	map_everywhere(code_base, CODE_PAGES * 4096, pa(code), 0);
	map_everywhere(data_base, step * steps, pa(data), PTE_W);
	for (u64 i = 0; i < CODE_PAGES; i++) {
		u64 (*load)(const volatile u64 *) = (void *)(code_base + i * 4096);

		for (u64 n = i % 2; n < steps; n += 2 + i % 3 * 6)
			CHECK_EQ(load((volatile u64 *)(data_base + n * step)), 4711);
	}
}
