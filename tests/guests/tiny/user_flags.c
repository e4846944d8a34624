// SPDX-License-Identifier: GPL-2.0
/* Single steps and alignment checks of user mode are exceptions of user mode, and do not follow it into the kernel. */
#include "guest.h"

USER __attribute__((naked)) static void stepped(u64 arg)
{
	(void)arg;
	asm volatile("nop; nop; mov $5, %edi; syscall; nop; mov $6, %edi; syscall");
}

USER __attribute__((naked)) static void steps_itself(u64 arg)
{
	(void)arg;
	asm volatile("pushf; orl $0x100, (%rsp); popf; nop; nop; mov $5, %edi; syscall");
}

/* The trap flag behind a MOV SS, then SYSCALL: the step that the MOV put off must not hit the kernel. */
USER __attribute__((naked)) static void ss_then_syscall(u64 arg)
{
	(void)arg;
	asm volatile("mov %ss, %eax; pushf; orl $0x100, (%rsp); popf; mov %eax, %ss; syscall");
}

USER __attribute__((naked)) static void ss_then_int3(u64 arg)
{
	(void)arg;
	asm volatile("mov %ss, %eax; pushf; orl $0x100, (%rsp); popf; mov %eax, %ss; int3; mov $5, %edi; syscall");
}

USER static void misaligned(u64 arg)
{
	asm volatile("mov (%0), %%rax" : : "r"(arg) : "rax");
	user_syscall(0, 3);
}

USER static void nested_task(u64 arg)
{
	(void)arg;
	asm volatile("pushf; orl $0x4000, (%rsp); popf");
	user_syscall(0, 3);
}

/* NT stays through a system call and through an exception, as SYSRET and IRETQ keep it; the result is what is left of it. */
USER __attribute__((naked)) static void keeps_nested(u64 arg)
{
	(void)arg;
	asm volatile("pushf; orl $0x4000, (%rsp); popf; mov $77, %eax; mov $5, %edi; syscall\n\t"
		     "pushf; pop %rbx; int3; pushf; pop %rdi; and %rbx, %rdi; and $0x4000, %edi; mov $0, %eax; syscall");
}

USER static void iret_nested(u64 arg)
{
	(void)arg;
	asm volatile("pushf; orl $0x4000, (%rsp); popf; iretq");
}

static u64 steps;

static bool count_steps(struct regs *r)
{
	if (!r->user || r->vector != 1)
		return false;
	steps++;
	return true;
}

static bool go_on(struct regs *r)
{
	return r->user && r->vector == 3;
}

static u64 flags_now(void)
{
	u64 f;

	asm volatile("pushf; pop %0" : "=r"(f));
	return f;
}

static void look(struct regs *r)
{
	CHECK_EQ(flags_now() & 0x44500, 0);
	if (r->rdi == 5 && r->rax == 77) {
		r->rax = 0;
		return;
	}
	user_leave(r->rdi);
}

void guest_main(u64 arg, u64 seed)
{
	struct regs r;

	(void)arg;
	(void)seed;
	user_map(boot_pml4);
	on_exception = count_steps;
	on_syscall = look;
	for (int full = 0; full < 2; full++) {
		user_regs(&r, stepped, 0);
		r.full = full ? LG_FRAME_FULL : 0;
		r.rax = 77;
		r.rflags |= 0x100;
		steps = 0;
		CHECK_EQ(user_go(&r), 6);
		if (steps < 5 || steps > 7)
			fail("%ld single steps instead of about 6", (long)steps);
	}
	steps = 0;
	CHECK_EQ(user_call(steps_itself, 0), 5);
	if (steps < 3 || steps > 4)
		fail("%ld single steps of its own instead of about 3", (long)steps);
	for (int i = 0; i < 100; i++) {
		CHECK_EQ(user_call(ss_then_syscall, 9), 9);
		user_call(ss_then_int3, 9);
		CHECK_EQ(fault.vector, 3);
		fault.vector = 0;
	}
	on_exception = NULL;
	CHECK_EQ(user_call(misaligned, USER_STACK - 17), 3);
	user_regs(&r, misaligned, USER_STACK - 17);
	r.rflags |= 0x40000;
	if (on_tcg()) {		/* which checks no alignment */
		CHECK_EQ(user_go(&r), 3);
	} else {
		CHECK_EQ(user_go(&r), USER_FAULTED);
		CHECK_EQ(fault.vector, 17);
		CHECK_EQ(fault.error, 0);
		CHECK(fault.rflags & 0x40000);
	}
	CHECK_EQ(user_call(nested_task, 0), 3);
	on_exception = go_on;
	CHECK_EQ(user_call(keeps_nested, 0), 0x4000);
	on_exception = NULL;
	CHECK_EQ(user_call(iret_nested, 0), USER_FAULTED);
	CHECK_EQ(fault.vector, 13);
}
