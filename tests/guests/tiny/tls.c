// SPDX-License-Identifier: GPL-2.0
/* LOAD_TLS and LOAD_GS: descriptors that user mode can load, and the base that comes with a selector. Bad ones harm nobody. */
#include "guest.h"

#define DATA(base) (0x00cff3000000ffffUL | ((base) & 0xffffff) << 16 | ((base) >> 24 & 0xff) << 56)

USER static void load_fs(u64 arg)
{
	u64 base;

	asm volatile("mov %1, %%fs; rdfsbase %0" : "=r"(base) : "r"((u32)arg));
	user_syscall(0, base);
}

void guest_main(u64 arg, u64 seed)
{
	(void)arg;
	user_map(boot_pml4);
	for (u64 i = 0; i < 50; i++) {
		u64 base[3] = { random64(&seed) & 0xffffffff, random64(&seed) & 0xffffffff, 0 };

		CHECK_EQ(hcall(LHCALL_LOAD_TLS, DATA(base[0]), DATA(base[1]), DATA(base[2]), 0), 0);
		for (u64 j = 0; j < 3; j++) {
			CHECK_EQ(user_call(load_fs, (12 + j) * 8 + 3), base[j]);
			CHECK_EQ(hcall(LHCALL_LOAD_GS, (12 + j) * 8 + 3, 0, 0, 0), base[j]);
		}
		hcall(LHCALL_LOAD_GS, 0, 0, 0, 0);
	}
	/* 16-bit data: as SS it would show bits of the host's stack pointer (espfix). */
	CHECK_EQ(hcall(LHCALL_LOAD_TLS, DATA(4096UL) & ~(1UL << 54), 0, 0, 0), (u64)-22L);
	/* Without the accessed bit: a processor would write it into the host's read-only table. */
	hcall(LHCALL_LOAD_TLS, DATA(4096UL) & ~(1UL << 40), 0, 0, 0);
	user_call(load_fs, 12 * 8 + 3);
	/* Call gates, code, system segments, kernel privilege: refused or made harmless; never a way up. */
	for (int i = 0; i < (shortened ? 100 : 2000); i++) {
		hcall(LHCALL_LOAD_TLS, random64(&seed), random64(&seed), random64(&seed), 0);
		for (u64 j = 0; j < 3; j++) {
			TRY_AT("mov %%edi, %%fs", (12 + j) * 8 + 3);
			TRY_AT("mov %%edi, %%es", (12 + j) * 8);
			TRY_AT("mov %%edi, %%gs", (12 + j) * 8 + 3);
			hcall(LHCALL_LOAD_GS, random64(&seed), 0, 0, 0);
			TRY_AT("sub $16, %%rsp; movq $0, (%%rsp); mov %%rdi, 8(%%rsp); lretq", (12 + j) * 8 + 3);
		}
		TRY("xor %%eax, %%eax; mov %%eax, %%fs; mov %%eax, %%es; mov %%eax, %%ds; mov %%eax, %%gs");
		hcall(LHCALL_LOAD_GS, 0, 0, 0, 0);
	}
	CHECK_EQ(hcall(LHCALL_LOAD_TLS, DATA(4096UL), 0, 0, 0), 0);
	CHECK_EQ(user_call(load_fs, 12 * 8 + 3), 4096);
}
