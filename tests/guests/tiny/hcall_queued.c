// SPDX-License-Identifier: GPL-2.0
/* The async ring: what is ready runs in order, before the hypercall that finds it, and its slots are free again. */
#include "guest.h"

static unsigned int cursor;

static void queue(u64 nr, u64 a, u64 b, u64 c)
{
	CHECK_EQ(lgd.hcall_status[cursor], LHCALL_RING_FREE);
	lgd.hcalls[cursor].nr = nr;
	lgd.hcalls[cursor].arg[0] = a;
	lgd.hcalls[cursor].arg[1] = b;
	lgd.hcalls[cursor].arg[2] = c;
	asm volatile("" : : : "memory");
	*(volatile u8 *)&lgd.hcall_status[cursor] = LHCALL_RING_READY;
	cursor = (cursor + 1) % LHCALL_RING_SIZE;
}

/* lgtest counts the notifies: arg of them in all. */
void guest_main(u64 arg, u64 seed)
{
	u64 sent = 0;

	while (sent < arg) {
		unsigned int n = (unsigned int)(random64(&seed) % LHCALL_RING_SIZE) + 1;

		for (; n && sent < arg; n--, sent++)
			queue(LHCALL_NOTIFY, NOTIFY_PA + HOST_COUNT, sent, 0);
		CHECK_EQ(hcall(sent & 1 ? LHCALL_FLUSH_ASYNC : LHCALL_FLUSH_TLB, 0, 0, 0, 0), 0);
		for (int i = 0; i < LHCALL_RING_SIZE; i++)
			CHECK_EQ(lgd.hcall_status[i], LHCALL_RING_FREE);
	}
	/* In order: the second timer wins, so it must be the one that fires. */
	queue(LHCALL_SET_CLOCKEVENT, 3600UL * 1000000000, 0, 0);
	queue(LHCALL_SET_CLOCKEVENT, 1000000, 0, 0);
	hcall(LHCALL_HALT, 0, 0, 0, 0);
	CHECK_EQ(irqs[LGUEST_IRQ_TIMER], 1);
}

void guest_early(u64 arg, u64 seed)
{
	(void)arg;
	(void)seed;
	for (int i = 0; i < LHCALL_RING_SIZE; i++)
		lgd.hcall_status[i] = LHCALL_RING_FREE;
}
