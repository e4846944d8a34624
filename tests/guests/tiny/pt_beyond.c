// SPDX-License-Identifier: GPL-2.0
/*
 * Page tables that are not in memory, or huge pages of which only a part is: what has no memory is an MMIO exit (a leaf)
 * or a kill (a table). arg: which.
 */
#include "guest.h"

#define AT 0xffff80c000000000UL
#define LOW 0x7000000000UL

void guest_main(u64 arg, u64 seed)
{
	(void)seed;
	switch (arg) {
	case 0:		/* a 1 GiB page whose first 8 MiB exist: behind it the device */
		pte_set(pte_of(boot_pml4, AT, 3), RAM2_PA | PTE_P | PTE_W | PTE_PS);
		*(volatile u64 *)(AT + RAM2_SIZE - 8) = 5;
		CHECK_EQ(*(volatile u64 *)(AT + RAM2_SIZE - 8), 5);
		asm volatile("movl %%eax, (%%rdi)" : : "a"(6), "D"(AT + RAM2_SIZE) : "memory");
		pass("done");
	case 1:		/* a table outside memory */
		pte_set(pte_of(boot_pml4, AT, 2), MMIO_PA | PTE_P | PTE_W);
		(void)*(volatile u64 *)AT;
		break;
	case 2:
		pte_set(pte_of(boot_pml4, LOW, 4), (1UL << 51) | PTE_P | PTE_W | PTE_U);
		(void)*(volatile u64 *)LOW;
		break;
	case 3:		/* roots outside memory */
		hcall(LHCALL_NEW_PGTABLE, MMIO_PA, 0, 0, 0);
		break;
	case 4:
		hcall(LHCALL_NEW_PGTABLE, ~0UL, 0, 0, 0);
		break;
	case 5:		/* a root that maps nothing: what the host has of the kernel half may be there still, or not */
		hcall(LHCALL_NEW_PGTABLE, pa(page_alloc()), 0, 0, 0);
		pass("went on");
	case 6:		/* the code goes away under the processor */
		pte_lose(&boot_pml4[257], 0, LG_LOST_ALL);
		hcall(LHCALL_FLUSH_TLB, LG_FLUSH_ALL, 0, 0, 0);
		break;
	case 7:		/* the shared page goes away: the host has it by its physical address, so nothing happens */
		pte_lose(pte_of(boot_pml4, (u64)&lgd, 1), 0, LG_LOST_ALL);
		hcall(LHCALL_FLUSH_TLB, LG_FLUSH_ALL, 0, 0, 0);
		hcall(LHCALL_FLUSH_ASYNC, 0, 0, 0, 0);
		pass("done");
	case 8:		/* DROP of the root in use, and of what never was one */
		hcall(LHCALL_DROP_PGTABLE, pa(boot_pml4), 0, 0, 0);
		hcall(LHCALL_DROP_PGTABLE, pa(page_alloc()), 0, 0, 0);
		hcall(LHCALL_DROP_PGTABLE, 12345, 0, 0, 0);
		CHECK_EQ(hcall(LHCALL_FLUSH_ASYNC, 0, 0, 0, 0), 0);
		pass("done");
	}
	fail("went on");
}
