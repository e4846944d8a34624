// SPDX-License-Identifier: GPL-2.0
/*
 * What the kernel finds at a system call: the user's rip, rflags and rsp in the frame, its GS base aside, the kernel's own loaded,
 * interrupts off, flags clear, registers untouched. And what user mode finds after the short return: rcx = rip, r11 = rflags.
 */
#include "guest.h"

#define KERNEL_GS 0xffff808000007000UL
#define USER_GS 0x7654321000UL

USER_DATA static volatile u64 rcx_after, r11_after, rsp_after, gs_after;

USER __attribute__((naked)) static void caller(u64 arg)
{
	(void)arg;
	asm volatile(
		"mov $0xb1, %ebx; mov $0xb2, %edx; mov $0xb3, %esi; mov $0xb4, %edi; mov $0xb5, %ebp; mov $0xb6, %r8d; mov $0xb7, %r9d\n\t"
		"mov $0xb8, %r10d; mov $0xb9, %r12d; mov $0xba, %r13d; mov $0xbb, %r14d; mov $0xbc, %r15d; mov $0xbd, %eax\n\t"
		"std; stc; syscall\n\t"
		"mov %rcx, rcx_after(%rip); mov %r11, r11_after(%rip); mov %rsp, rsp_after(%rip); rdgsbase %rcx; mov %rcx, gs_after(%rip)\n\t"
		"pushf; pop %rdx; cld; mov $1, %edi; syscall");
}

static u64 calls, first_rip;

static u64 flags_now(void)
{
	u64 f;

	asm volatile("pushf; pop %0" : "=r"(f));
	return f;
}

static void look(struct regs *r)
{
	CHECK_EQ(lgd.irq_enabled, 0);
	CHECK_EQ(rdgsbase(), KERNEL_GS);
	CHECK_EQ(r->gsbase, USER_GS);
	CHECK_EQ(flags_now() & 0x44400, 0);	/* DF, NT, AC */
	CHECK_EQ(r->rsp, USER_STACK - 8);
	CHECK(r->rflags & LGUEST_FLAG_IF);
	CHECK_EQ(lgd.event_busy, 0);
	if (calls++) {
		CHECK_EQ(r->rdi, 1);
		CHECK_EQ(r->rdx & 0x401, 0x401);
		user_leave(1);
	}
	first_rip = r->rip;
	CHECK_EQ(r->rflags & 0x401, 0x401);
	CHECK_EQ(*(volatile u16 *)((u64)user_start + r->rip - 2 - USER_BASE), 0x050f);
	CHECK(r->rbx == 0xb1 && r->rdx == 0xb2 && r->rsi == 0xb3 && r->rdi == 0xb4 && r->rbp == 0xb5 && r->r8 == 0xb6);
	CHECK(r->r9 == 0xb7 && r->r10 == 0xb8 && r->r12 == 0xb9 && r->r13 == 0xba && r->r14 == 0xbb && r->r15 == 0xbc);
	CHECK_EQ(r->rax, 0xbd);
	r->rcx = r->r11 = 0x666;	/* not looked at without LG_FRAME_FULL */
}

void guest_main(u64 arg, u64 seed)
{
	struct regs r;

	(void)arg;
	(void)seed;
	on_syscall = look;
	user_map(boot_pml4);
	hcall(LHCALL_SET_KERNEL_GS, KERNEL_GS, 0, 0, 0);
	user_regs(&r, caller, 0);
	r.gsbase = USER_GS;
	CHECK_EQ(user_go(&r), 1);
	CHECK_EQ(calls, 2);
	CHECK_EQ(rcx_after, first_rip);
	CHECK_EQ(r11_after & 0x401, 0x401);
	CHECK_EQ(rsp_after, USER_STACK - 8);
	CHECK_EQ(gs_after, USER_GS);
}
