// SPDX-License-Identifier: GPL-2.0
/*
 * A device's line while it is routed to and fro all the time, and while the vCPU that has it stops and starts: each edge is delivered
 * once, somewhere. vCPU 0 asks lgtest's device (an ioeventfd that an irqfd answers) and halts until its answer has been counted by
 * whoever got it; a lost edge would be the end of that. vCPU 1 takes interrupts, and comes and goes; vCPU 2 routes, a few times in each
 * round, so that it does not make good by chance what was lost. arg: rounds.
 */
#include "guest.h"

static volatile u64 stop, answers, ready, turns, deaf;

static void count(struct regs *r, unsigned int line)
{
	(void)r;
	if (line == PING_LINE) {
		__atomic_fetch_add(&answers, 1, __ATOMIC_SEQ_CST);
		hcall(LHCALL_SEND_IPI, 1, LGUEST_IRQ_RESCHEDULE, 0, 0);
	}
}

/* For some time it takes what comes, or nothing; then it stops with whatever is pending */
static void taker(unsigned int cpu)
{
	u64 seed = rdtsc();

	if (deaf) {
		for (u64 n = 0; n < 1000000 && !*(volatile u32 *)&lgd_of(cpu)->irq_pending; n++)
			pause();
		ready++;
		return;
	}
	for (u64 n = random64(&seed) % 50; n && !stop; n--) {
		irq_on_cpu(cpu);
		pause();
		*(volatile u32 *)&lgd_of(cpu)->irq_enabled = 0;
	}
	/* The host may raise the line now, when nothing will be taken here any more */
	for (u64 n = random64(&seed) % 2000; n; n--)
		pause();
	ready++;
}

static void router(unsigned int cpu)
{
	u64 seed = rdtsc(), done = 0;

	while (!stop) {
		if (done < turns) {
			done++;
			CHECK_EQ(hcall(LHCALL_ROUTE_IRQ, PING_LINE, random64(&seed) % 3 ? 1 : 2 * (random64(&seed) & 1), 0, 0), 0);
		}
		irq_on_cpu(cpu);
		for (u64 n = random64(&seed) % 100; n; n--)
			pause();
		*(volatile u32 *)&lgd_of(cpu)->irq_enabled = 0;
	}
}

static void refused(void)
{
	CHECK_EQ(hcall(LHCALL_ROUTE_IRQ, LGUEST_IRQ_DEVICE - 1, 0, 0, 0), -22);
	CHECK_EQ(hcall(LHCALL_ROUTE_IRQ, LGUEST_IRQS, 0, 0, 0), -22);
	CHECK_EQ(hcall(LHCALL_ROUTE_IRQ, ~0UL, 0, 0, 0), -22);
	CHECK_EQ(hcall(LHCALL_ROUTE_IRQ, PING_LINE, 3, 0, 0), -22);
	CHECK_EQ(hcall(LHCALL_ROUTE_IRQ, PING_LINE, 1UL << 32, 0, 0), -22);
}

void guest_main(u64 arg, u64 seed)
{
	u64 started = 0;

	refused();
	on_interrupt = count;
	cpu_up(2, router);
	for (u64 i = 1; i <= arg; i++) {
		/* Half of the time it is there */
		if (ready == started && i % 4 == 1) {
			deaf = random64(&seed) & 1;
			if (!try_cpu_up(1, taker))
				started++;
		}
		if (deaf && ready != started)
			hcall(LHCALL_ROUTE_IRQ, PING_LINE, 1, 0, 0);
		else
			turns += random64(&seed) % 3;
		host(HOST_PING, i);
		while (answers < i) {
			hcall(LHCALL_HALT, 0, 0, 0, 0);
			irq_off();
		}
		CHECK_EQ(answers, i);
	}
	stop = 1;
	pass("%ld answers; vCPU 1 started %ld times", (long)answers, (long)started);
}
