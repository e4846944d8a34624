// SPDX-License-Identifier: GPL-2.0
/* LG_FRAME_FULL gives back every register with random contents, rcx and r11 and odd stack pointers too, arg times. */
#include "guest.h"

USER_DATA static u64 seen[18];
USER_DATA __attribute__((used)) static u8 user_stack[1024];

USER __attribute__((naked)) static void store(u64 arg)
{
	(void)arg;
	asm volatile(
		"mov %rax, seen(%rip); mov %rbx, 8+seen(%rip); mov %rcx, 16+seen(%rip); mov %rdx, 24+seen(%rip)\n\t"
		"mov %rsi, 32+seen(%rip); mov %rdi, 40+seen(%rip); mov %rbp, 48+seen(%rip); mov %rsp, 56+seen(%rip)\n\t"
		"mov %r8, 64+seen(%rip); mov %r9, 72+seen(%rip); mov %r10, 80+seen(%rip); mov %r11, 88+seen(%rip)\n\t"
		"mov %r12, 96+seen(%rip); mov %r13, 104+seen(%rip); mov %r14, 112+seen(%rip); mov %r15, 120+seen(%rip)\n\t"
		"rdgsbase %rax; mov %rax, 128+seen(%rip); lea 1024+user_stack(%rip), %rsp; pushf; pop %rax; mov %rax, 136+seen(%rip)\n\t"
		"cld; syscall");
}

void guest_main(u64 arg, u64 seed)
{
	const u64 flags = 0x8d5 | 0x400 | 0x200000;	/* CF PF AF ZF SF OF, DF, ID */

	user_map(boot_pml4);
	for (u64 i = 0; i < arg; i++) {
		struct regs r;

		user_regs(&r, store, 0);
		for (u64 *p = &r.r15; p <= &r.rdi; p++)
			*p = random64(&seed);
		r.rsp = random64(&seed);
		r.gsbase = random64(&seed) & 0x7fffffffffff;
		if (i & 1)
			r.gsbase |= 0xffff800000000000;
		r.rflags = (random64(&seed) & flags) | 0x202;
		user_go(&r);
		CHECK_EQ(fault.vector, 0);
		CHECK(seen[0] == r.rax && seen[1] == r.rbx && seen[2] == r.rcx && seen[3] == r.rdx && seen[4] == r.rsi);
		CHECK(seen[5] == r.rdi && seen[6] == r.rbp && seen[8] == r.r8 && seen[9] == r.r9 && seen[10] == r.r10);
		CHECK(seen[11] == r.r11 && seen[12] == r.r12 && seen[13] == r.r13 && seen[14] == r.r14 && seen[15] == r.r15);
		CHECK_EQ(seen[7], r.rsp);
		CHECK_EQ(seen[16], r.gsbase);
		CHECK_EQ(seen[17] & flags, r.rflags & flags);
	}
}
