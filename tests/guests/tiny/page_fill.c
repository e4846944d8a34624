// SPDX-License-Identifier: GPL-2.0
/* A mapping that the guest adds works with no call; one that is not there is a fault of the guest's. */
#include "guest.h"

#define AT 0xffff80c000000000UL

void guest_main(u64 arg, u64 seed)
{
	(void)arg;
	(void)seed;
	CHECK_EQ(try_read((void *)AT), 14);
	CHECK_EQ(fault.cr2, AT);
	CHECK_EQ(fault.error, 0);
	CHECK_EQ(fault.cs, LGUEST_KERNEL_CS);
	CHECK_EQ(try_write((void *)(AT + 4096), 1), 14);
	CHECK_EQ(fault.error, 2);
	for (u64 i = 0; i < 600; i++) {
		u64 *page = page_alloc();

		page[7] = i;
		map(boot_pml4, AT + i * 4096, pa(page), PTE_W);
		CHECK_EQ(((volatile u64 *)(AT + i * 4096))[7], i);
		((volatile u64 *)(AT + i * 4096))[8] = ~i;
		CHECK_EQ(((volatile u64 *)page)[8], ~i);
	}
}
