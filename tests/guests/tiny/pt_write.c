// SPDX-License-Identifier: GPL-2.0
/* The same with writes, through tables that hold the tables: the guest tears itself to pieces. Any end is fine, as long as it ends. */
#include "guest.h"

void guest_main(u64 arg, u64 seed)
{
	u64 *root = root_new();

	root[0] = pa(root) | PTE_P | PTE_W | PTE_U;		/* itself */
	root[1] = pa(boot_pml4) | PTE_P | PTE_W | PTE_U;
	root[2] = PTE_P | PTE_W | PTE_U | PTE_PS;
	root[300] = pa(root) | PTE_P | PTE_W;
	root[511] = pa(root) | PTE_P | PTE_W | PTE_U;
	root_load(root);
	hcall(LHCALL_SET_CLOCKEVENT, 300000000, 0, 0, 0);
	for (u64 i = 0; i < arg; i++) {
		u64 r = random64(&seed), address = r & 0xffffffffff8;

		if (r >> 62 == 1)
			address |= 0xffffff8000000000;
		if (r >> 62 == 2)
			address = 0xffff960000000000 | (r & 0x7fffffffff8);
		if (r >> 55 & 1)
			TRY_REGS("mov %%rsi, (%%rdi)", 0, 0, 0, random64(&seed), address);
		else if (r >> 56 & 1)
			TRY_REGS("mov %%rsi, (%%rdi)", 0, 0, 0, (random64(&seed) & (RAM_SIZE - 1) & ~0xfffUL) | 7, address);
		else
			try_exec(address);
		if (!(r >> 40 & 15))
			hcall(LHCALL_FLUSH_TLB, r >> 50 & 3, 0, 0, 0);
		if (!(r >> 44 & 63))
			hcall(LHCALL_NEW_PGTABLE, r >> 51 & 1 ? pa(root) : pa(boot_pml4), 0, 0, 0);
	}
}
