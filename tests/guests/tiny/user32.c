// SPDX-License-Identifier: GPL-2.0
/*
 * 32-bit code of user mode: it runs, faults and is interrupted like other code; INT 0x80, SYSENTER and SYSCALL from it are
 * exceptions of the guest's, never the host's system calls.
 */
#include "guest.h"

USER_DATA static volatile u64 stop;

#define CODE32(name, text) USER __attribute__((naked)) static void name(u64 arg) { (void)arg; asm volatile(".code32\n\t" text "\n\t.code64"); }
CODE32(fault32, "mov $7, %eax; ud2")
CODE32(int80, "mov $1, %eax; int $0x80; ud2")
CODE32(sysenter, "mov $1, %eax; mov %esp, %ebp; sysenter; ud2")
CODE32(syscall32, "mov $1, %eax; syscall; ud2")
CODE32(far_back, "mov $0x1234567, %ebx; ljmp *(%edi)")
CODE32(into32, "movb $0x7f, %al; addb $1, %al; into; ud2")
CODE32(bound32, "mov $5, %eax; bound %eax, (%edi); ud2")
CODE32(spin, "1: incl %ecx; cmpl $0, (%edi); je 1b; ud2")
CODE32(segment, "mov $0x2b, %eax; mov %eax, %ds; mov %eax, %es; mov (%edi), %eax; ud2")

USER static void back(u64 arg)
{
	(void)arg;
	asm volatile("mov %%ebx, %%edi; syscall" : : : "rdi");
}

USER_DATA static struct {
	u32 offset;
	u16 selector;
} __attribute__((packed)) far;
USER_DATA static int bounds[2] = { 1, 3 };

static u64 go(void (*f)(u64), u64 arg)
{
	struct regs r;

	user_regs(&r, f, arg);
	r.cs = LGUEST_USER32_CS;
	r.rsp = USER_BASE + 0x20000;	/* below 4 GiB */
	return user_go(&r);
}

static void note(struct regs *r, unsigned int line)
{
	(void)line;
	CHECK_EQ(r->user, 1);
	CHECK_EQ(r->cs, LGUEST_USER32_CS);
	if (irqs[5] == 20)
		stop = 1;
}

/* A gate that the guest may not use, or an instruction that is not there: #GP or #UD, as the processor's maker decides. */
static void refused(void (*f)(u64))
{
	CHECK_EQ(go(f, 0), USER_FAULTED);
	if (fault.vector != 13 && fault.vector != 6)
		fail("%ld instead of #GP or #UD", (long)fault.vector);
	CHECK_EQ(fault.cs, LGUEST_USER32_CS);
}

void guest_main(u64 arg, u64 seed)
{
	(void)arg;
	(void)seed;
	user_map(boot_pml4);
	asm volatile("mov %0, %%ds; mov %0, %%es" : : "r"(LGUEST_USER_DS));	/* 32-bit code needs them */
	map(boot_pml4, USER_BASE + 0x1f000, pa(page_alloc()), PTE_U | PTE_W);
	for (int i = 0; i < 20; i++) {
		CHECK_EQ(go(fault32, 0), USER_FAULTED);
		CHECK_EQ(fault.vector, 6);
		CHECK_EQ(fault.cs, LGUEST_USER32_CS);
		CHECK_EQ(fault.rip, user_va((void *)(u64)fault32) + 5);
		refused(int80);
		refused(sysenter);
		refused(syscall32);
		far.offset = (u32)user_va((void *)(u64)back);
		far.selector = LGUEST_USER_CS;
		CHECK_EQ(go(far_back, user_va(&far)), 0x1234567);
		CHECK_EQ(go(into32, 0), USER_FAULTED);
		CHECK_EQ(fault.vector, 4);
		CHECK_EQ(go(bound32, user_va(bounds)), USER_FAULTED);
		CHECK_EQ(fault.vector, 5);
		CHECK_EQ(go(segment, user_va(bounds)), USER_FAULTED);
		CHECK_EQ(fault.vector, 6);
	}
	on_interrupt = note;
	host(HOST_PULSE, IN(5, 1000));
	CHECK_EQ(go(spin, user_va(&stop)), USER_FAULTED);
	CHECK_EQ(fault.vector, 6);
	CHECK(irqs[5] >= 20);
}
