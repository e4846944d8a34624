// SPDX-License-Identifier: GPL-2.0
/*
 * A bit of everything for arg milliseconds: page faults and losses, root switches, system calls, timers, hypercalls, vectors; each
 * with its check. The load under which the host is killed, unplugged, forked and signalled.
 */
#include "guest.h"

#define LOW 0x7000000000UL

USER static void back(u64 arg)
{
	user_syscall(0, arg * 3 + *(volatile u64 *)LOW);
}

void guest_main(u64 arg, u64 seed)
{
	u64 *roots[8], end = clock_ns() + arg * 1000000, rounds = 0, *page[8];

	for (u64 i = 0; i < 8; i++) {
		roots[i] = root_new();
		page[i] = page_alloc();
		*page[i] = i;
		user_map(roots[i]);
		map(roots[i], LOW, pa(page[i]), PTE_U | PTE_W);
	}
	irq_on();
	while (clock_ns() < end) {
		u64 i = random64(&seed) % 8, x[2] = { random64(&seed), random64(&seed) }, y[2], vpage = LOW + 4096 * (1 + rounds % 64);

		rounds++;
		root_load(roots[i]);
		hcall(LHCALL_SET_CLOCKEVENT, random64(&seed) % 200000 + 1, 0, 0, 0);
		asm volatile("movups %0, %%xmm7" : : "m"(x));
		CHECK_EQ(user_call(back, rounds), rounds * 3 + i);
		irq_on();
		asm volatile("movups %%xmm7, %0" : "=m"(y));
		CHECK(x[0] == y[0] && x[1] == y[1]);
		map(roots[i], vpage, pa(page[i]), PTE_U | PTE_W);
		CHECK_EQ(*(volatile u64 *)vpage, i);
		pte_lose(pte_of(roots[i], vpage, 1), 0, LG_LOST_ALL);
		if (rounds & 1) {
			hcall(LHCALL_FLUSH_TLB, LG_FLUSH_LOST, 0, 0, 0);
			CHECK_EQ(try_read((void *)vpage), 14);
		}
		if (!(rounds % 16)) {
			irq_off();	/* or it comes before the HALT, which then waits for nothing */
			hcall(LHCALL_SET_CLOCKEVENT, 100000, 0, 0, 0);
			hcall(LHCALL_HALT, 0, 0, 0, 0);
		}
	}
	CHECK(irqs[LGUEST_IRQ_TIMER] || rounds < 10);
	pass("%ld rounds, %ld timer interrupts", (long)rounds, (long)irqs[LGUEST_IRQ_TIMER]);
}
