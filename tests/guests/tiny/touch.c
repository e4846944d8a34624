// SPDX-License-Identifier: GPL-2.0
/* Touches one page of each of arg regions at TOUCH_PA, TOUCH_STEP apart. What the host thinks of their memory is the test. */
#include "guest.h"

#define AT 0xffff80c000000000UL

void guest_main(u64 arg, u64 seed)
{
	(void)seed;
	for (u64 i = 0; i < arg; i++) {
		map(boot_pml4, AT + i * 4096, TOUCH_PA + i * TOUCH_STEP, PTE_W);
		*(volatile u64 *)(AT + i * 4096) = i;
	}
}
