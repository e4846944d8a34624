// SPDX-License-Identifier: GPL-2.0
/*
 * Guests that never stop on their own: the host can always end them. arg: 0 kernel loop, 1 user loop, 2 system calls for ever, 3 faults
 * for ever, 4 a HALT that nothing ends, 5 hypercalls for ever, 6 interrupts for ever.
 */
#include "guest.h"

USER static void user_loop(u64 arg)
{
	for (;;)
		if (arg)
			user_syscall(0, 0);
		else
			pause();
}

static bool again(struct regs *r)
{
	(void)r;
	return true;
}

static void nothing(struct regs *r)
{
	(void)r;
}

void guest_main(u64 arg, u64 seed)
{
	(void)seed;
	user_map(boot_pml4);
	on_syscall = nothing;
	switch (arg) {
	case 0:
		for (;;)
			pause();
	case 1:
	case 2:
		user_call(user_loop, arg - 1);
		break;
	case 3:
		on_exception = again;
		asm volatile("ud2");
		break;
	case 4:
		for (;;)
			hcall(LHCALL_HALT, 0, 0, 0, 0);
	case 5:
		for (;;)
			hcall(LHCALL_FLUSH_TLB, LG_FLUSH_ALL, 0, 0, 0);
	case 6:
		for (;;) {
			hcall(LHCALL_SET_CLOCKEVENT, 1, 0, 0, 0);
			irq_on();
		}
	}
	fail("came back");
}
