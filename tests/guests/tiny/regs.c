// SPDX-License-Identifier: GPL-2.0
/* GET_REGS at an exit shows the registers; what SET_REGS changed is what the guest goes on with. */
#include "guest.h"

void guest_main(u64 arg, u64 seed)
{
	u64 ok, si = 0x1234, di = NOTIFY_PA + HOST_REGS;

	(void)arg;
	(void)seed;
	wrfsbase(0x1f5ba5e000);
	wrgsbase(0x165ba5e000);
	asm volatile(
		"push %%rbp; mov $0x101, %%ebx; mov $0x102, %%ebp; mov $0x103, %%r8d; mov $0x104, %%r9d; mov $0x106, %%r12d\n\t"
		"mov $0x107, %%r13d; mov $0x108, %%r14d; mov $0x109, %%r15d; stc; std; syscall; jc 1f; cld\n\t"
		"cmp $0x201, %%ebx; jne 1f; cmp $0x202, %%ebp; jne 1f; cmp $0x203, %%r8d; jne 1f; cmp $0x204, %%r9d; jne 1f\n\t"
		"cmp $0x206, %%r12d; jne 1f; cmp $0x207, %%r13d; jne 1f; cmp $0x208, %%r14d; jne 1f; cmp $0x209, %%r15d; jne 1f\n\t"
		"cmp $0x210, %%rax; jne 1f; cmp $0x211, %%rdx; jne 1f; cmp $0x212, %%rsi; jne 1f; cmp $0x213, %%rdi; jne 1f\n\t"
		"mov $1, %%eax; jmp 2f\n1:\txor %%eax, %%eax\n2:\tcld; pop %%rbp"
		: "=a"(ok), "+S"(si), "+D"(di) : "a"(LHCALL_NOTIFY)
		: "memory", "cc", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15");
	CHECK_EQ(ok, 1);
	CHECK_EQ(rdfsbase(), 0x2f5ba5e000);
	CHECK_EQ(rdgsbase(), 0x265ba5e000);
}
