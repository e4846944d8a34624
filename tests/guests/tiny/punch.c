// SPDX-License-Identifier: GPL-2.0
/* The core unmaps its own mapping of a region while the guest uses it: what the guest touched stays pinned; the rest fails in its way. */
#include "guest.h"

#define AT 0xffff80c000000000UL

void guest_main(u64 arg, u64 seed)
{
	(void)arg;
	(void)seed;
	for (u64 i = 0; i < RAM2_SIZE; i += 0x200000)
		pte_set(pte_of(boot_pml4, AT + i, 2), (RAM2_PA + i) | PTE_P | PTE_W | PTE_PS);
	for (u64 i = 0; i < 100; i++)
		*(volatile u64 *)(AT + i * 4096) = i;
	host(HOST_PUNCH, 0);
	for (u64 i = 0; i < 100; i++)
		CHECK_EQ(*(volatile u64 *)(AT + i * 4096), i);
	for (u64 i = 100; i < RAM2_SIZE / 4096; i++)
		*(volatile u64 *)(AT + i * 4096) = i;
}
