// SPDX-License-Identifier: GPL-2.0
/*
 * Instructions whose stack accesses an emulator makes as a supervisor (QEMU: far return, far call, IRETQ): from user mode, on a page that the
 * host has not filled yet, on none at all, on the kernel's, on one that is read only. Each goes on or is user mode's own page
 * fault, as a MOV there would be; it never ends the guest.
 */
#include "guest.h"

#define AT	0x7000000000UL
#define FRAME	0x800		/* in the page */

USER __attribute__((naked)) static void far_return(u64 arg)
{
	(void)arg;
	asm volatile("mov %rdi, %rsp; lretq");
}

USER __attribute__((naked)) static void iret(u64 arg)
{
	(void)arg;
	asm volatile("mov %rdi, %rsp; iretq");
}

/* A far call pushes; the pointer is on the ordinary stack, which is there */
USER __attribute__((naked)) static void far_call(u64 arg)
{
	(void)arg;
	asm volatile("lea 1f(%rip), %rax; mov %rax, -64(%rsp); movq $0x33, -56(%rsp); lea -64(%rsp), %rax; mov %rdi, %rsp; rex.W lcall *(%rax)\n"
		     "1: mov $1, %edi; syscall");
}

USER __attribute__((naked)) static void landing(u64 arg)
{
	(void)arg;
	asm volatile("mov $1, %edi; syscall");
}

static u64 frame_page;

/* A page that user mode has never touched, with a frame for both returns on it */
static u64 fresh(u64 flags)
{
	static u64 next = AT;
	u64 *page = page_alloc(), *frame = (u64 *)((u8 *)page + FRAME);

	frame[0] = user_va((void *)(u64)landing);
	frame[1] = LGUEST_USER_CS;
	frame[2] = 0x202;
	frame[3] = USER_STACK - 64;
	frame[4] = LGUEST_USER_DS;
	frame_page = next;
	next += 0x200000;	/* not a neighbour of another */
	if (flags)
		map(boot_pml4, frame_page, pa(page), flags);
	return frame_page + FRAME;
}

static void faults(void (*f)(u64), u64 at, u64 error)
{
	CHECK_EQ(user_call(f, at), USER_FAULTED);
	CHECK_EQ(fault.vector, 14);
	CHECK_EQ(fault.error & ~2UL, error);
	CHECK_EQ(fault.cr2 & ~0xfffUL, (at - 8) & ~0xfffUL);
}

void guest_main(u64 arg, u64 seed)
{
	(void)arg;
	(void)seed;
	user_map(boot_pml4);
	for (int i = 0; i < 8; i++) {
		CHECK_EQ(user_call(far_return, fresh(PTE_U | PTE_W | PTE_NX)), 1);
		CHECK_EQ(user_call(iret, fresh(PTE_U | PTE_W | PTE_NX)), 1);
		CHECK_EQ(user_call(far_call, fresh(PTE_U | PTE_W | PTE_NX)), 1);
		CHECK_EQ(user_call(far_return, fresh(PTE_U | PTE_NX)), 1);
		faults(far_return, fresh(0), 4);
		faults(iret, fresh(0), 4);
		faults(far_call, fresh(0), 4);
		faults(far_call, fresh(PTE_U | PTE_NX), 5);
		faults(far_return, fresh(PTE_W | PTE_NX), 5);
		faults(far_return, (u64)page_alloc() + FRAME, 5);
	}
}
