// SPDX-License-Identifier: GPL-2.0
/* Events that find no stack: the entry faults on it while the frame is busy, which kills. arg: how the stack is bad. */
#include "guest.h"

USER static void call(u64 arg)
{
	if (arg)
		asm volatile("ud2");
	user_syscall(0, 1);
}

static const u64 stacks[] = { 0, 8, 1UL << 63, 0x7fffffffffffffff, 0xffff800000001000, 0xfffffe0000001000, 0xffff888000001000, 1UL << 47 };

void guest_main(u64 arg, u64 seed)
{
	struct regs r;

	(void)seed;
	user_map(boot_pml4);
	if (arg < 8) {		/* in the kernel; a hypercall needs no stack */
		register u64 ok asm("rbx");

		asm volatile("mov %1, %%rsp; xor %%eax, %%eax; syscall; mov %%rax, %%rbx; ud2"
			     : "=r"(ok) : "r"(stacks[arg]) : "rax", "rcx", "r11", "memory");
		fail("went on");
	}
	/* sp0: at a system call, at an exception of user mode */
	user_regs(&r, call, arg >= 16);
	lgd.frame.rip = r.rip;
	lgd.frame.rflags = r.rflags;
	lgd.frame.rsp = r.rsp;
	lgd.frame.cs = LGUEST_USER_CS;
	lgd.frame.ss = LGUEST_USER_DS;
	lgd.frame.flags = 0;
	lgd.sp0 = stacks[arg & 7];
	asm volatile("mov %0, %%rdi; jmp return_to_user - 2" : : "r"((u64)(arg >= 16)));
}
