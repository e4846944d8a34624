// SPDX-License-Identifier: GPL-2.0
/* WRPKRU that denies everything: the guest's accesses work nevertheless, and the host's own copying is not hindered. */
#include "guest.h"

USER static void deny(u64 arg)
{
	asm volatile("wrpkru; mov (%%rdi), %%rsi; mov %%rsi, (%%rdi)" : : "a"(0xffffffff), "c"(0), "d"(0), "D"(arg) : "rsi", "memory");
	user_syscall(0, 1);
}

void guest_main(u64 arg, u64 seed)
{
	u32 a, b, c, d;

	(void)arg;
	(void)seed;
	cpuid(7, 0, &a, &b, &c, &d);
	if (!(c & (1 << 4)))
		pass("SKIP: no protection keys are in use here");
	user_map(boot_pml4);
	for (u64 i = 0; i < (shortened ? 10 : 200); i++) {
		volatile u64 *p = (volatile u64 *)(0x7000000000 + i * 4096);

		CHECK_EQ(TRY_REGS("wrpkru", 0xffffffff, 0, 0, 0, 0), NO_FAULT);
		map(boot_pml4, (u64)p, pa(page_alloc()), PTE_U | PTE_W | PTE_NX);
		*p = 1;
		hcall(LHCALL_PRINT, pa("hello"), 5, 0, 0);
		host(HOST_OTHER, 0);
		TRY_REGS("wrpkru", 0xfffffffe, 0, 0, 0, 0);
		*p = 2;
		CHECK_EQ(user_call(deny, (u64)p), 1);
	}
	pass("with protection keys");
}
