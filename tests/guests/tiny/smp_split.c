// SPDX-License-Identifier: GPL-2.0
/*
 * A supervisor page in the low half is the kernel's alone, also while another vCPU is in user mode in the same address space: that one
 * reads there all the time, and must fault each time, while the first one reads and writes. And what is lost is lost in both views.
 */
#include "guest.h"

#define AT	0x7000000000UL

static u64 *root;
static volatile u64 stop, faults, got_it;

USER void user_look(u64 address)
{
	user_syscall(0, *(volatile u64 *)address);
}

static void looker(unsigned int cpu)
{
	while (!stop) {
		u64 result = user_call_on(cpu, user_look, AT);

		if (result != USER_FAULTED)
			got_it = 1;
		faults++;
	}
}

void guest_main(u64 arg, u64 seed)
{
	u64 *page = page_alloc(), *other = page_alloc(), *user = page_alloc();
	volatile u64 *p = (u64 *)AT, *q = (u64 *)(AT + 4096);

	(void)seed;
	root = root_new();
	user_map(root);
	*page = 0x1111;
	*other = 0x2222;
	map(root, AT, pa(page), PTE_W);
	map(root, AT + 4096, pa(user), PTE_U | PTE_W);
	root_load(root);
	cpu_up(1, looker);
	wait_for(&faults, 2);
	for (u64 i = 0; i < arg; i++) {
		u64 *now = i & 1 ? other : page;

		pte_lose(pte_of(root, AT, 1), pa(now) | PTE_P | PTE_W, 0);
		flush_lost();
		CHECK_EQ(*p, *now);
		*q = i;
		CHECK_EQ(*user, i);
		if (!(i % 8))	/* the two views become one again */
			hcall(LHCALL_FLUSH_TLB, LG_FLUSH_USER, 0, 0, 0);
		/* One look may have begun before the page was there; the second one has not */
		wait_for(&faults, faults + 2);
		if (got_it)
			fail("round %ld: user mode has read a supervisor page", (long)i);
	}
	stop = 1;
	pass("%ld faults of user mode", (long)faults);
}
