// SPDX-License-Identifier: GPL-2.0
/* After DROP_PGTABLE the page of a top table may become anything, also another top table, without a record. */
#include "guest.h"

#define AT 0x7000000000UL

void guest_main(u64 arg, u64 seed)
{
	u64 *root = root_new(), *page[2] = { page_alloc(), page_alloc() };

	(void)arg;
	(void)seed;
	*page[0] = 10;
	*page[1] = 11;
	for (int i = 0; i < 200; i++) {
		map(root, AT, pa(page[i & 1]), PTE_U);
		root_load(root);
		CHECK_EQ(*(volatile u64 *)AT, 10 + (i & 1));
		root_load(boot_pml4);
		CHECK_EQ(try_read((void *)AT), 14);
		CHECK_EQ(hcall(LHCALL_DROP_PGTABLE, pa(root), 0, 0, 0), 0);
		memset(root, 0x5a, 4096);
		memset(root, 0, 2048);
		memcpy(root + 256, boot_pml4 + 256, 2048);
		if (i % 10 == 9)
			for (u64 v = 0; v < 512; v++)
				map(root, AT + v * 4096, pa(page[0]), PTE_U);
	}
}
