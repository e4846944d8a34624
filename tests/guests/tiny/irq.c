// SPDX-License-Identifier: GPL-2.0
/* Interrupts with the flag on, off, and pending at enable; blocked lines; lowest line first; one raise, one delivery. */
#include "guest.h"

static u64 order[16], seen, rip_at, flags_at, nest;

static void note(struct regs *r, unsigned int line)
{
	CHECK_EQ(lgd.irq_enabled, 0);
	CHECK_EQ(r->user, 0);
	CHECK_EQ(r->cs, LGUEST_KERNEL_CS);
	CHECK_EQ(r->ss, LGUEST_KERNEL_DS);
	CHECK(r->rflags & LGUEST_FLAG_IF);
	if (seen < 16)
		order[seen++] = line;
	rip_at = r->rip;
	flags_at = r->rflags;
	if (nest && line == nest) {
		nest = 0;
		host(HOST_RAISE, 4);
		CHECK_EQ(irqs[4], 0);
		irq_on();
		CHECK_EQ(irqs[4], 1);
	}
}

static void clear(void)
{
	for (int i = 0; i < LGUEST_IRQS; i++)
		irqs[i] = 0;
	seen = 0;
}

void guest_main(u64 arg, u64 seed)
{
	(void)arg;
	(void)seed;
	on_interrupt = note;
	/* Off: pending is set, nothing is delivered until the guest enables and asks. */
	host(HOST_RAISE, 3);
	CHECK_EQ(irqs[3], 0);
	CHECK(lgd.irq_pending);
	*(volatile u32 *)&lgd.irq_enabled = LGUEST_FLAG_IF;
	hcall(LHCALL_SEND_INTERRUPTS, 0, 0, 0, 0);
	CHECK_EQ(irqs[3], 1);
	CHECK_EQ(lgd.irq_enabled, LGUEST_FLAG_IF);
	CHECK_EQ(lgd.irq_pending, 0);
	/* On: delivered at once. */
	host(HOST_RAISE, 5);
	CHECK_EQ(irqs[5], 1);
	for (int i = 0; i < 100; i++)
		hcall(LHCALL_FLUSH_ASYNC, 0, 0, 0, 0);
	CHECK_EQ(irqs[5], 1);
	CHECK_EQ(irqs[3], 1);
	/* Several: lowest first, each once, however often it was raised. */
	clear();
	irq_off();
	host(HOST_RAISE, 63);
	host(HOST_RAISE, 7);
	host(HOST_RAISE, 7);
	host(HOST_RAISE, 1);
	host(HOST_RAISE, 33);
	CHECK_EQ(seen, 0);
	irq_on();
	while (seen < 4)
		hcall(LHCALL_SEND_INTERRUPTS, 0, 0, 0, 0);
	for (int i = 0; i < 10; i++)
		hcall(LHCALL_SEND_INTERRUPTS, 0, 0, 0, 0);
	CHECK_EQ(seen, 4);
	CHECK_EQ(order[0], 1);
	CHECK_EQ(order[1], 7);
	CHECK_EQ(order[2], 33);
	CHECK_EQ(order[3], 63);
	/* Blocked: waits, without irq_pending; unblocked: comes. */
	clear();
	lgd.blocked_interrupts = 1UL << 6;
	host(HOST_RAISE, 6);
	host(HOST_RAISE, 8);
	hcall(LHCALL_SEND_INTERRUPTS, 0, 0, 0, 0);
	CHECK_EQ(irqs[6], 0);
	CHECK_EQ(irqs[8], 1);
	lgd.blocked_interrupts = 0;
	hcall(LHCALL_SEND_INTERRUPTS, 0, 0, 0, 0);
	CHECK_EQ(irqs[6], 1);
	/* Nested: a handler that enables lets the next one in. */
	clear();
	nest = 10;
	host(HOST_RAISE, 10);
	CHECK_EQ(irqs[10], 1);
	CHECK_EQ(irqs[4], 1);
	/* Raised while the guest only computes: the host must break in. */
	clear();
	host(HOST_RAISE_IN, IN(11, 20000));
	while (!irqs[11])
		pause();
	CHECK(rip_at >= KERNEL_BASE + LOAD_PA && rip_at < (u64)image_end);
	/* The same with the flag off: irq_pending shows it. */
	irq_off();
	host(HOST_RAISE_IN, IN(12, 20000));
	while (!*(volatile u32 *)&lgd.irq_pending)
		pause();
	CHECK_EQ(irqs[12], 0);
	irq_on();
	CHECK_EQ(irqs[12], 1);
}
