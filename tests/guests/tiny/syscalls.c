// SPDX-License-Identifier: GPL-2.0
/*
 * System calls and returns by direct switch, arg times, with interrupts of the host arriving: the entry and the return are
 * short ones of our own. lgtest checks that few of them were exits. User mode checks its registers.
 */
#include "guest.h"

USER __attribute__((naked)) static void caller(u64 arg)
{
	(void)arg;
	asm volatile(
		"mov %rdi, %rbx; mov %rsp, %r12; mov $0x5151, %ebp; mov $0x5252, %r13d; mov $0x5353, %r14d; mov $0x5454, %r15d\n"
		"1:\tmov %rbx, %rax; mov $0x61, %edi; mov $0x62, %esi; mov $0x63, %edx; mov $0x64, %r8d; mov $0x65, %r9d\n\t"
		"mov $0x66, %r10d; stc; syscall\n"
		"3:\tjnc 2f; lea 3b(%rip), %rsi; cmp %rsi, %rcx; jne 2f; lea 1(%rbx), %rcx; cmp %rcx, %rax; jne 2f\n\t"
		"cmp %rsp, %r12; jne 2f; cmp $0x5151, %ebp; jne 2f\n\t"
		"cmp $0x5252, %r13d; jne 2f; cmp $0x5353, %r14d; jne 2f; cmp $0x5454, %r15d; jne 2f\n\t"
		"cmp $0x61, %edi; jne 2f; cmp $0x63, %edx; jne 2f; cmp $0x64, %r8d; jne 2f\n\t"
		"cmp $0x65, %r9d; jne 2f; cmp $0x66, %r10d; jne 2f\n\t"
		"dec %rbx; jnz 1b\n\t"
		"mov $-1, %rax; mov $1, %edi; syscall\n"
		"2:\tmov $-1, %rax; mov $2, %edi; syscall");
}

/*
 * rax + 1 is the result; rax = -1 ends it. The frame already says where to return to. Interrupts from user mode leave by
 * the same SYSCALL: event_leave jumps there with its registers loaded.
 */
extern char short_entry[], short_return[];
asm(".text\n.balign 64\nshort_entry:\n\t"
    "cmp $-1, %rax; je short_end; inc %rax; movl $0, lgd+120(%rip)\n"
    "short_leave:\tsyscall\nshort_return:\n\tud2\n"
    "short_end:\tmov lgd+24(%rip), %rsp; call ended");

static volatile u64 interrupts __attribute__((used));

/* An interrupt of user mode with no C at all: count, clear, and go back to all that the frame says. */
extern char short_event[];
asm(".text\n.balign 64\nshort_event:\n\tincq interrupts(%rip); cmpl $37, lgd+112(%rip); jne 1f\n\t"
    "movl $1, lgd+120(%rip); movl $0, lgd+8(%rip); jmp short_leave\n1:\tmov lgd+112(%rip), %edi; call odd_event");

__attribute__((used)) static void odd_event(u64 vector)
{
	lgd.event_busy = 0;
	fail("event %ld from user mode at 0x%lx, cr2 0x%lx", (long)vector, (long)lgd.frame.rip, (long)lgd.cr2);
}

__attribute__((used)) static void ended(u64 how)
{
	CHECK_EQ(how, 1);
	pass("with %ld interrupts", (long)interrupts);
}

void guest_early(u64 arg, u64 seed)
{
	(void)seed;
	fill_lgd();
	lgd.syscall_entry = (u64)short_entry;
	lgd.event_entry_user = (u64)short_event;
	lgd.return_to_user = (u64)short_return;
	CHECK_EQ(init(), 0);
	user_map(boot_pml4);
	lgd.sp0 = (u64)boot_stack_top - 8192;
	lgd.frame.rip = user_va((void *)(u64)caller);
	lgd.frame.rflags = 0x202;
	lgd.frame.rsp = USER_STACK - 8;
	lgd.frame.cs = LGUEST_USER_CS;
	lgd.frame.ss = LGUEST_USER_DS;
	lgd.frame.flags = LG_FRAME_FULL;
	host(HOST_PULSE, IN(5, 1000));
	asm volatile("jmp short_leave" : : "D"(arg));
}

void guest_main(u64 arg, u64 seed)
{
	(void)arg;
	(void)seed;
}
