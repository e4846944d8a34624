// SPDX-License-Identifier: GPL-2.0
/*
 * Every combination of flags that POPF takes, in the kernel: then a hypercall, an exception, an interrupt, a return to
 * user mode. TF gives single steps, which DR6 says, AC faults on what is not aligned; IOPL, IF, VM, VIF and VIP do not change.
 */
#include "guest.h"

USER static void back(u64 arg)
{
	user_syscall(0, arg);
}

#define DR6_BS	0x4000UL

static u64 steps;

static bool count_steps(struct regs *r)
{
	if (r->vector != 1)
		return false;
	CHECK_EQ(r->user, 0);
	CHECK_EQ(lgd.dr6, DR6_BS);
	lgd.dr6 = ~0UL;
	steps++;
	return true;
}

static u64 popf_then_hcall(u64 f)
{
	u64 after;

	asm volatile("push %1; popf; mov $0x7777, %%eax; syscall; pushf; pop %0; push $2; popf"
		     : "=r"(after) : "r"(f) : "rax", "rcx", "r11", "memory", "cc");
	return after;
}

void guest_main(u64 arg, u64 seed)
{
	const int rounds = shortened ? 100 : 600;

	(void)arg;
	user_map(boot_pml4);
	on_exception = count_steps;
	for (int i = 0; i < rounds; i++) {
		u64 f = random64(&seed) & 0x3fffff, after;

		if (i < 22)
			f = 1UL << i;
		steps = 0;
		after = popf_then_hcall(f);
		CHECK_EQ(after & 0x1b3200, 0x200);			/* IF only of IF, IOPL, RF, VM, VIF, VIP */
		CHECK_EQ((after ^ f) & 0x244dd5, 0);			/* the arithmetic flags, TF, DF, NT, AC, ID are kept */
		if (f & 0x100) {
			if (steps < 3 || steps > 6)
				fail("%ld single steps around a hypercall", (long)steps);
		} else {
			CHECK_EQ(steps, 0);
		}
		if (!(f & 0x4000) && !(f & 0x100)) {
			TRY_AT("push %%rdi; popf; ud2", f);
			CHECK_EQ(fault.vector, 6);
			CHECK_EQ((fault.rflags ^ f) & 0x244cd5, 0);
			asm volatile("push %0; popf" : : "r"(f & ~0x400UL) : "cc", "memory");
			user_call(back, 5);
			asm volatile("push $2; popf" : : : "cc", "memory");
		}
		irq_off();
		host(HOST_RAISE, 3);
		asm volatile("push %0; popf; movl $0x200, lgd(%%rip); mov $9, %%eax; syscall; push $2; popf"
			     : : "r"(f & ~0x4000UL) : "rax", "rcx", "r11", "cc", "memory");
		irq_off();
	}
	/* NT and IRET. */
	on_exception = NULL;
	CHECK_EQ(TRY("push $0x4202; popf; iretq"), 13);
	/* AC. */
	CHECK_EQ(TRY("push $0x40202; popf; mov 1(%%rsp), %%eax"), on_tcg() ? NO_FAULT : 17);
	CHECK_EQ(TRY("push $0x202; popf; mov 1(%%rsp), %%eax"), NO_FAULT);
	CHECK(irqs[3] >= (u64)rounds);
}
