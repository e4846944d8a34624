// SPDX-License-Identifier: GPL-2.0
/*
 * Lines that one vCPU raises on others: ping and pong between two, that halt between; all to all by mask; bits past the last vCPU and
 * lines past the last are no harm. With arg's lowest bit the waiting is LG_HALT_WAIT and a kick on line 6, which must never be lost.
 */
#include "guest.h"

static volatile u64 word[CPUS], stop, ready;
static u64 rounds;

static void halt_until(unsigned int cpu, u64 value)
{
	while (word[cpu] < value)
		hcall(LHCALL_HALT, LG_HALT_WAIT, 0, 0, 0);
}

static void kick(unsigned int cpu, u64 value)
{
	word[cpu] = value;
	CHECK_EQ(hcall(LHCALL_SEND_IPI, 1UL << cpu, LGUEST_IRQ_KICK, 0, 0), 0);
}

/* Interrupts stay off: only the kick ends the wait */
static void kicked(unsigned int cpu)
{
	lgd_of(cpu)->blocked_interrupts = 1UL << LGUEST_IRQ_KICK;
	__atomic_fetch_add(&ready, 1, __ATOMIC_SEQ_CST);
	for (u64 i = 1; i <= rounds; i++) {
		halt_until(cpu, i);
		if (cpu == 1)
			kick(0, i);
	}
	stop = 1;
}

static u64 deepest;

static void how_deep(struct regs *r, unsigned int line)
{
	(void)line;
	if ((u64)r < deepest)
		deepest = (u64)r;
}

/*
 * All lines but the one that is counted wait, and come at once, each in the way back of the one before; they do not pile up on the stack. The vCPUs
 * do it one after the other.
 */
static void all_lines(unsigned int cpu)
{
	static volatile u64 turn = 1;

	wait_for(&turn, cpu);
	deepest = ~0UL;
	on_interrupt = how_deep;
	for (unsigned int line = 0; line < LGUEST_IRQS; line++)
		if (line != LGUEST_IRQ_CALL)
			CHECK_EQ(hcall(LHCALL_SEND_IPI, 1UL << cpu, line, 0, 0), 0);
	irq_on_cpu(cpu);
	*(volatile u32 *)&lgd_of(cpu)->irq_enabled = 0;
	for (unsigned int line = 0; line < LGUEST_IRQS; line++)
		CHECK_EQ(cpu_irqs[cpu][line], line != LGUEST_IRQ_CALL);
	CHECK((u64)__builtin_frame_address(0) - deepest < 8 * sizeof(struct regs));
	on_interrupt = NULL;
	turn = cpu + 1;
}

static void ponged(unsigned int cpu)
{
	all_lines(cpu);
	__atomic_fetch_add(&ready, 1, __ATOMIC_SEQ_CST);
	for (u64 i = 1; i <= rounds; i++) {
		while (cpu_irqs[cpu][LGUEST_IRQ_CALL] < i) {
			hcall(LHCALL_HALT, 0, 0, 0, 0);
			*(volatile u32 *)&lgd_of(cpu)->irq_enabled = 0;
		}
		CHECK_EQ(hcall(LHCALL_SEND_IPI, 1, LGUEST_IRQ_RESCHEDULE, 0, 0), 0);
	}
}

void guest_main(u64 arg, u64 seed)
{
	unsigned int n = lgd.nr_vcpus;
	u64 others = (1UL << n) - 2;

	(void)seed;
	rounds = arg >> 1;
	CHECK_EQ(hcall(LHCALL_SEND_IPI, 1, 64, 0, 0), -22);
	CHECK_EQ(hcall(LHCALL_SEND_IPI, ~0UL << n, 1, 0, 0), 0);
	for (unsigned int i = 1; i < n; i++)
		cpu_up(i, arg & 1 ? kicked : ponged);
	wait_for(&ready, n - 1);
	if (arg & 1) {
		lgd.blocked_interrupts = 1UL << LGUEST_IRQ_KICK;
		for (u64 i = 1; i <= rounds; i++) {
			for (unsigned int cpu = 1; cpu < n; cpu++)
				kick(cpu, i);
			halt_until(0, i);
		}
		wait_for(&stop, 1);
		CHECK_EQ(irqs[LGUEST_IRQ_KICK], 0);
		pass("%ld kicks", (long)rounds);
	}
	for (u64 i = 1; i <= rounds; i++) {
		CHECK_EQ(hcall(LHCALL_SEND_IPI, others, LGUEST_IRQ_CALL, 0, 0), 0);
		/* Each of the others answers once: two answers that come together are one interrupt */
		while (irqs[LGUEST_IRQ_RESCHEDULE] < i && n == 2) {
			hcall(LHCALL_HALT, 0, 0, 0, 0);
			irq_off();
		}
		for (unsigned int cpu = 1; cpu < n; cpu++)
			wait_for(&cpu_irqs[cpu][LGUEST_IRQ_CALL], i);
	}
	for (unsigned int cpu = 1; cpu < n; cpu++)
		CHECK_EQ(cpu_irqs[cpu][LGUEST_IRQ_CALL], rounds);
	pass("%ld round trips", (long)rounds);
}
