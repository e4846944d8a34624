// SPDX-License-Identifier: GPL-2.0
/*
 * Several vCPUs make hypercalls of several vCPUs with random arguments, scribble over their queues and over each other's tables, and
 * start and stop each other, all at once. It may end in any way; the host must not notice.
 */
#include "guest.h"

static u64 *shared, rounds, seed_, *roots[4];
static volatile u64 finished;

static void once(unsigned int cpu, u64 *seed)
{
	u64 r = random64(seed), a = r >> 8 & 0xff, b = random64(seed);
	struct lguest_data *d = lgd_of(cpu);

	switch (r % 16) {
	case 0:
		hcall(LHCALL_SEND_IPI, a, b % 72, 0, 0);
		break;
	case 1:
		hcall(LHCALL_ROUTE_IRQ, b % 72, a % 6, 0, 0);
		break;
	case 2:
		hcall(LHCALL_FLUSH_TLB, a % 7, pa(roots[b % 4]), 0, 0);
		break;
	case 3:
		hcall(LHCALL_NEW_PGTABLE, pa(roots[b % 4]), 0, 0, 0);
		break;
	case 4:
		hcall(LHCALL_DROP_PGTABLE, pa(roots[b % 4]), 0, 0, 0);
		break;
	case 5:
		hcall(LHCALL_FLUSH_RANGE, b, b + (random64(seed) & 0xffffffff), 0, 0);
		break;
	case 6:		/* the queue: a head that jumps, now and then */
		*(volatile u32 *)&d->lost_in.head += (u32)(a % 3 ? a % 8 : b);
		break;
	case 7:
		d->lost[a] = b & 0xffffff;
		break;
	case 8:
		shared[a] = pa(shared) + ((b & 3) << 12) + (b >> 60);
		break;
	case 9:		/* nobody waits for what never comes: a kick of its own ends it */
		hcall(LHCALL_SEND_IPI, 1UL << cpu, LGUEST_IRQ_KICK, 0, 0);
		d->blocked_interrupts = 1UL << LGUEST_IRQ_KICK;
		hcall(LHCALL_HALT, LG_HALT_WAIT, 0, 0, 0);
		break;
	case 10:
		*(volatile u32 *)((char *)&d->host_out + a % 64 / 4 * 4) = (u32)b;
		break;
	case 11:
		hcall(LHCALL_SET_CLOCKEVENT, b % 100000, 0, 0, 0);
		break;
	case 12:
		hcall(LHCALL_FLUSH_ASYNC, 0, 0, 0, 0);
		break;
	case 13:
		irq_on_cpu(cpu);
		break;
	default:
		/* An address whose tables everybody writes to */
		(void)*(volatile u64 *)(0x10000000000UL + (b & 0x1ff000));
	}
}

static bool go_on(struct regs *r)
{
	/* A fault of the random address: behind the load, whose length is 3 with any two registers */
	if (r->vector != 14 || r->cr2 >> 47)
		return false;
	r->rip += 3;
	return true;
}

static void work(unsigned int cpu)
{
	u64 seed = seed_ * 8 + cpu;

	for (u64 i = 0; i < rounds; i++)
		once(cpu, &seed);
	__atomic_fetch_add(&finished, 1, __ATOMIC_SEQ_CST);
}

void guest_main(u64 arg, u64 seed)
{
	rounds = arg;
	seed_ = seed;
	on_exception = go_on;
	shared = page_alloc();
	for (int i = 0; i < 3; i++)
		page_alloc();
	for (int i = 0; i < 4; i++) {
		roots[i] = root_new();
		pte_set(pte_of(roots[i], 0x10000000000UL, 2), pa(shared) | PTE_P | PTE_W | PTE_U);
	}
	hcall(LHCALL_NEW_PGTABLE, pa(roots[0]), 0, 0, 0);
	current_root = roots[0];
	for (unsigned int cpu = 1; cpu < lgd.nr_vcpus; cpu++)
		cpu_up(cpu, work);
	work(0);
	while (finished < lgd.nr_vcpus)
		if (!(random64(&seed) % 100))
			for (unsigned int cpu = 1; cpu < lgd.nr_vcpus; cpu++)
				try_cpu_up(cpu, work);
	pass("done");
}
