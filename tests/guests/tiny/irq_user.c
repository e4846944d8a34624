// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupts that come while user mode runs, and one that is pending at the return to it. User mode checks all of
 * its registers over and over; the kernel's interrupt handler sees user mode's selectors and flags.
 */
#include "guest.h"

#define NEEDED 400

USER_DATA static volatile u64 enough;

/* All registers hold a pattern; loops until `enough`; system call with rdi = 1 when all was well. */
USER __attribute__((naked)) static void patterns(u64 arg)
{
	(void)arg;
	asm volatile(
		"mov $0x1111, %rax; mov $0x2222, %rbx; mov $0x3333, %rcx; mov $0x4444, %rdx; mov $0x5555, %rsi\n\t"
		"mov $0x6666, %rdi; mov $0x7777, %rbp; mov $0x8888, %r8; mov $0x9999, %r9; mov $0xaaaa, %r10\n\t"
		"mov $0xbbbb, %r11; mov $0xcccc, %r12; mov $0xdddd, %r13; mov $0xeeee, %r14; mov %rsp, %r15\n"
		"1:\tcmp $0x1111, %rax; jne 2f; cmp $0x2222, %rbx; jne 2f; cmp $0x3333, %rcx; jne 2f\n\t"
		"cmp $0x4444, %rdx; jne 2f; cmp $0x5555, %rsi; jne 2f; cmp $0x6666, %rdi; jne 2f\n\t"
		"cmp $0x7777, %rbp; jne 2f; cmp $0x8888, %r8; jne 2f; cmp $0x9999, %r9; jne 2f\n\t"
		"cmp $0xaaaa, %r10; jne 2f; cmp $0xbbbb, %r11; jne 2f; cmp $0xcccc, %r12; jne 2f\n\t"
		"cmp $0xdddd, %r13; jne 2f; cmp $0xeeee, %r14; jne 2f; cmp %rsp, %r15; jne 2f\n\t"
		"stc; jnc 2f; cmpl $0, enough(%rip); je 1b\n\t"
		"mov $1, %edi; syscall\n"
		"2:\tmov $2, %edi; syscall");
}

static u64 from_user, gs_at;

static void note(struct regs *r, unsigned int line)
{
	(void)line;
	CHECK_EQ(lgd.irq_enabled, 0);
	if (!r->user)
		return;
	from_user++;
	gs_at = rdgsbase();
	CHECK_EQ(gs_at, 0xffff808000005000);
	CHECK_EQ(r->gsbase, 0x12345000);
	CHECK_EQ(r->cs, LGUEST_USER_CS);
	CHECK_EQ(r->ss, LGUEST_USER_DS);
	CHECK(r->rflags & LGUEST_FLAG_IF);
	CHECK(r->rip >= USER_BASE && r->rip < USER_BASE + 0x10000);
	if (from_user == NEEDED)
		*(volatile u64 *)((u64)&enough) = 1;
}

void guest_main(u64 arg, u64 seed)
{
	struct regs r;

	(void)arg;
	(void)seed;
	on_interrupt = note;
	user_map(boot_pml4);
	hcall(LHCALL_SET_KERNEL_GS, 0xffff808000005000, 0, 0, 0);
	CHECK_EQ(rdgsbase(), 0xffff808000005000);
	/* Pending at the return: comes as if from user mode, before its first instruction. */
	user_regs(&r, patterns, 0);
	r.gsbase = 0x12345000;
	host(HOST_RAISE, 2);
	CHECK_EQ(from_user, 0);
	enough = 1;
	CHECK_EQ(user_go(&r), 1);
	CHECK_EQ(from_user, 1);
	CHECK_EQ(irqs[2], 1);
	enough = 0;
	host(HOST_PULSE, IN(5, 500));
	CHECK_EQ(user_go(&r), 1);
	CHECK(from_user >= NEEDED);
}
