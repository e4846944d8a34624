// SPDX-License-Identifier: GPL-2.0
/* What goes wrong before INIT kills, with the fault in the reason. arg: what goes wrong. */
#include "guest.h"

void guest_early(u64 arg, u64 seed)
{
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
	}
	fail("went on");
}

void guest_main(u64 arg, u64 seed)
{
	(void)arg;
	(void)seed;
}
