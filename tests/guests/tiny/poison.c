// SPDX-License-Identifier: GPL-2.0
/* A page that works, that the hardware then loses, and that the host must not give out, or read, once more. arg: which of RAM2's. */
#include "guest.h"

#define AT 0xffff80c000000000UL

void guest_main(u64 arg, u64 seed)
{
	(void)seed;
	map(boot_pml4, AT, RAM2_PA + arg * 4096, PTE_W);
	*(volatile u64 *)AT = 1;
	host(HOST_POISON, 0);
	hcall(LHCALL_FLUSH_TLB, LG_FLUSH_ALL, 0, 0, 0);
	*(volatile u64 *)AT = 2;
	fail("the lost page was given out again");
}
