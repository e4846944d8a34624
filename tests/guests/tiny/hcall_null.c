// SPDX-License-Identifier: GPL-2.0
/* A hypercall comes back with its result, and with every register but rax, rcx and r11 as it was. */
#include "guest.h"

void guest_main(u64 arg, u64 seed)
{
	u64 bad;

	(void)arg;
	(void)seed;
	for (int i = 0; i < 1000; i++)
		CHECK_EQ(hcall(LHCALL_FLUSH_ASYNC, 0, 0, 0, 0), 0);
	CHECK_EQ(hcall(LHCALL_NR, 0, 0, 0, 0), -38);
	CHECK_EQ(hcall(~0UL, 0, 0, 0, 0), -38);
	asm volatile("mov $1, %%rbx; mov $2, %%rdx; mov $3, %%rsi; mov $4, %%rdi; mov $5, %%r8; mov $6, %%r9\n\t"
		     "mov $7, %%r10; mov $8, %%r12; mov $9, %%r13; mov $10, %%r14; mov $11, %%r15\n\t"
		     "push %%rbp; mov $12, %%rbp; mov $0x7777, %%eax; mov %%rsp, fault(%%rip); syscall\n\t"
		     "cmp %%rsp, fault(%%rip); jne 1f; cmp $12, %%rbp; jne 1f; cmp $1, %%rbx; jne 1f; cmp $2, %%rdx; jne 1f\n\t"
		     "cmp $3, %%rsi; jne 1f; cmp $4, %%rdi; jne 1f; cmp $5, %%r8; jne 1f; cmp $6, %%r9; jne 1f\n\t"
		     "cmp $7, %%r10; jne 1f; cmp $8, %%r12; jne 1f; cmp $9, %%r13; jne 1f; cmp $10, %%r14; jne 1f\n\t"
		     "cmp $11, %%r15; jne 1f; add $38, %%rax; jmp 2f\n"
		     "1:\tmov $1, %%eax\n2:\tpop %%rbp"
		     : "=a"(bad) : : "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
		       "memory", "cc");
	CHECK_EQ(bad, 0);
}
