// SPDX-License-Identifier: GPL-2.0
/*
 * The page that vCPU 0 shares with the host may become another one by a second INIT, as long as no other vCPU has said INIT: a Linux with
 * several CPUs does that once. arg 0: to and fro, with direct system calls and an interrupt at each page, and nobody writes to the
 * old one any more; 1: after another vCPU's INIT it is refused; 2: also when that vCPU has stopped again; 3: the other vCPU's page stays too.
 */
#include "guest.h"

static u64 how;
static struct lguest_data *second;
static volatile u64 here;

static void other(unsigned int cpu)
{
	if (how == 3)
		hcall(LHCALL_LGUEST_INIT, pa(second), 0, 0, 0);
	here = cpu;
	while (how == 1)
		pause();
}

USER void user_add(u64 n)
{
	user_syscall(0, n + 1);
}

/* A page has a line that waits, which it says when interrupts are off */
static void look_at(struct lguest_data *now, const struct lguest_data *old, u64 i)
{
	volatile struct lguest_data *d = now;

	CHECK_EQ(d->vcpu_id, 0);
	CHECK_EQ(d->nr_vcpus, 2);
	host(HOST_RAISE, 8 + i % 8);
	CHECK_EQ(d->irq_pending, LGUEST_FLAG_IF);
	CHECK_EQ(((const volatile struct lguest_data *)old)->irq_pending, 0);
}

static void move(u64 rounds)
{
	for (u64 i = 0; i < rounds; i++) {
		memcpy(second, &lgd, 4096);
		CHECK_EQ(hcall(LHCALL_LGUEST_INIT, pa(second), 0, 0, 0), 0);
		look_at(second, &lgd, i);
		CHECK_EQ(init(), 0);
		*(volatile u32 *)&second->irq_pending = 0;
		for (u64 n = 0; n < 3; n++)	/* the frame of a system call goes to where the page is now */
			CHECK_EQ(user_call(user_add, i + n), i + n + 1);
		CHECK_EQ(((volatile struct lguest_data *)second)->irq_pending, 0);
		irq_on();
		irq_off();
		CHECK_EQ(irqs[8 + i % 8], i / 8 + 1);
	}
	cpu_up(1, other);
	wait_for(&here, 1);
	pass("%ld moves", (long)rounds);
}

void guest_main(u64 arg, u64 seed)
{
	(void)seed;
	how = arg;
	second = page_alloc();
	memcpy(second, &lgd, 4096);
	user_map(boot_pml4);
	if (!arg)
		move(40);
	cpu_up(1, other);
	wait_for(&here, 1);
	/* One that has stopped can be started again: then it is parked */
	while (how == 2 && try_cpu_up(1, other) == -16)
		pause();
	hcall(LHCALL_LGUEST_INIT, pa(second), 0, 0, 0);
	fail("INIT with another page was not refused");
}
