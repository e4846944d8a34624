// SPDX-License-Identifier: GPL-2.0
/*
 * Page tables of random entries: pointing at each other, at themselves, at nothing, with reserved bits, with huge pages beyond all
 * memory. Touching addresses below them is a fault of the guest's, an MMIO exit, or a kill; often it just works.
 */
#include "guest.h"

#define SCRATCH 32

static u64 entry(u64 *seed, u64 *tables[])
{
	u64 r = random64(seed), flags = random64(seed) & 0x8000000000000fff;

	switch (r % 8) {
	case 0: return random64(seed);				/* anything */
	case 1: return (r & PTE_ADDR) | flags;			/* anywhere */
	case 2: return (RAM2_PA + ((r >> 20) & 0xfff000)) | flags;	/* inside and just behind the region */
	case 3: return ((r >> 20) & 0xfff000 & (RAM_SIZE - 1)) | flags;
	default: return pa(tables[(r >> 8) % SCRATCH]) | (flags & ~PTE_PS) | PTE_P | (r & (PTE_W | PTE_U));
	}
}

void guest_main(u64 arg, u64 seed)
{
	u64 *tables[SCRATCH], *root = root_new();

	for (int i = 0; i < SCRATCH; i++)
		tables[i] = page_alloc();
	user_map(root);
	for (u64 round = 0; round < arg; round++) {
		for (int i = 0; i < 200; i++)
			tables[random64(&seed) % SCRATCH][random64(&seed) % 16 * 33 % 512] = entry(&seed, tables);
		for (int i = 16; i < 256; i++)
			root[i] = round % 3 ? entry(&seed, tables) : root[i];
		if (round & 1)
			hcall(LHCALL_FLUSH_TLB, LG_FLUSH_ALL, 0, 0, 0);
		root_load(root);
		for (int i = 0; i < 100; i++) {
			u64 r = random64(&seed), address = 0;

			for (int level = 0; level < 4; level++, r >>= 9)
				address = address << 9 | (level ? r % 16 * 33 % 512 : 16 + r % 240);
			address = address << 12 | (r & 0xff8);
			/* Reads only: a write may hit our own code, which is fair, but ends the test early. */
			if (r & 0x100000)
				try_read((void *)address);
			else
				try_exec(address);
		}
		root_load(boot_pml4);
	}
}
