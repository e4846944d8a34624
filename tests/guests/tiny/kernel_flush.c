// SPDX-License-Identifier: GPL-2.0
/* arg losses in the kernel half, one by one: each is seen at once, and none of them costs other guests on the CPU their PCIDs. */
#include "guest.h"

#define AT 0xffff80c000000000UL

void guest_main(u64 arg, u64 seed)
{
	u64 *pages[2] = { page_alloc(), page_alloc() };

	(void)seed;
	*pages[0] = 0;
	*pages[1] = 1;
	for (u64 i = 0; i < arg; i++) {
		map(boot_pml4, AT, pa(pages[i & 1]), PTE_W);
		CHECK_EQ(hcall(LHCALL_FLUSH_RANGE, AT, AT + 4096, 0, 0), 0);
		CHECK_EQ(*(volatile u64 *)AT, i & 1);
	}
}
