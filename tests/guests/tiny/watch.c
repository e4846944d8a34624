// SPDX-License-Identifier: GPL-2.0
/*
 * The host has a hardware breakpoint of its own on an address that the guest uses: the guest must not see it, and MOV SS behind
 * which the processor keeps a #DB back until SYSCALL has gone to ring 0 must not hurt the host. arg: rounds.
 */
#include "guest.h"

USER_DATA static volatile u64 user_word[2];
static volatile u64 word[2] __attribute__((aligned(16)));

USER static void user_part(u64 arg)
{
	u64 ss;

	asm volatile("mov %%ss, %0; mov %0, (%1); mov (%1), %%ss; syscall" : "=&r"(ss) : "r"(arg), "D"(5) : "rcx", "r11", "rax", "memory");
}

void guest_main(u64 arg, u64 seed)
{
	(void)seed;
	user_map(boot_pml4);
	host(HOST_BREAK, (u64)word);
	host(HOST_BREAK, user_va(user_word));
	for (u64 i = 0; i < arg; i++) {
		u64 result;

		asm volatile("mov %%ss, %%edx; mov %%rdx, (%%rsi); mov (%%rsi), %%ss; syscall" : "=a"(result)
			     : "a"(LHCALL_FLUSH_ASYNC), "S"(word) : "rdx", "rcx", "r11", "rdi", "memory");
		CHECK_EQ(result, 0);
		CHECK_EQ(TRY_REGS("mov %%ss, %%edx; mov %%rdx, (%%rsi); mov (%%rsi), %%ss; int3", 0, 0, 0, word, 0), 3);
		CHECK_EQ(TRY_REGS("mov %%ss, %%edx; mov %%rdx, (%%rsi); mov (%%rsi), %%ss; int $0x80", 0, 0, 0, word, 0), 13);
		CHECK_EQ(user_call(user_part, user_va(user_word)), 5);
	}
}
