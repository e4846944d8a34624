// SPDX-License-Identifier: GPL-2.0
/* What goes wrong before INIT kills, with the fault in the reason. arg: what goes wrong. */
#include "guest.h"

void guest_early(u64 arg, u64 seed)
{
	u8 *page = page_alloc();

	(void)seed;
	switch (arg) {
	case 0:
		asm volatile("ud2");
		break;
	case 1:
		*(volatile u64 *)0x1000 = 0;
		break;
	case 2:
		hcall(LHCALL_HALT, 0, 0, 0, 0);		/* not allowed yet */
		break;
	case 3:
		asm volatile("mov $0x7fffffffe000, %rsp; push %rax");
		break;
	case 4:
		hcall(LHCALL_PRINT, 1UL << 45, 10, 0, 0);
		break;
	case 5:
		hcall(LHCALL_PRINT, RAM_SIZE - 5, 10, 0, 0);
		break;
	case 6:
		hcall(LHCALL_NEW_PGTABLE, 1UL << 45, 0, 0, 0);
		break;
	case 7:
		((void (*)(void))0xffff800000000000)();
		break;
	case 8:		/* never INIT, for ever */
		for (;;)
			pause();
	case 9:		/* SYSCALL in the last two bytes of all: the next rip is 0, which is not where INIT would have said that returns are */
		map(boot_pml4, 0xfffffffffffff000, pa(page), 0);
		page[4094] = 0x0f;
		page[4095] = 0x05;
		asm volatile("jmp *%0" : : "r"(0xfffffffffffffffe), "a"(LHCALL_FLUSH_ASYNC));
		break;
	}
	fail("went on");
}

void guest_main(u64 arg, u64 seed)
{
	(void)arg;
	(void)seed;
}
