// SPDX-License-Identifier: GPL-2.0
/*
 * The page that vCPU 0 shares with the host may become another one by a second INIT, as long as no other vCPU has said INIT: a Linux with
 * several CPUs does that once. arg 0: to and fro, with direct system calls and an interrupt at each page, and nobody writes to the
 * old one any more; 1: after another vCPU's INIT it is refused; 2: also when that vCPU has stopped again; 3: the other vCPU's page stays too.
 * arg 4: to and fro while a vCPU that has not said INIT empties vCPU 0's queue again and again, and be it in the middle of that: when INIT
 * has returned the page is the guest's, which may release it, and nobody else's. arg 5: to and fro for ever, which is refused in the end.
 */
#include "guest.h"

#define MOST_MOVES	1000	/* kmod/hypercalls.c */

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

/* NEW_PGTABLE may come before INIT, and takes all vCPUs' records. Here there are always more than a queue can hold: that takes longest */
static struct lguest_data *volatile page_now = &lgd;
static volatile u64 calls;

static void empty_queue(u64 cpu)
{
	(void)cpu;
	for (;;) {
		volatile struct lguest_data *d = page_now;

		d->lost_in.head = d->host_out.taken + LGUEST_LOST_SIZE + 1;
		hcall(LHCALL_NEW_PGTABLE, pa(boot_pml4), 0, 0, 0);
		calls++;
	}
}

/* cpu_up() would say INIT */
static void start_emptying(void)
{
	static u64 stack[512] __attribute__((aligned(16)));
	static struct lguest_vcpu_start begin;

	begin = (struct lguest_vcpu_start){ .rip = (u64)empty_queue, .rsp = (u64)&stack[511], .cr3 = pa(boot_pml4), .rdi = 1 };
	CHECK_EQ(hcall(LHCALL_VCPU_UP, 1, pa(&begin), 0, 0), 0);
	wait_for(&calls, 1);
}

#define UNTOUCHED	0x5eed5eed

static void move_under_drain(u64 rounds)
{
	struct lguest_data *pages[] = { &lgd, second };

	start_emptying();
	for (u64 i = 0; i < rounds; i++) {
		volatile struct lguest_data *old = pages[i & 1];
		struct lguest_data *now = pages[~i & 1];

		memcpy(now, pages[i & 1], 4096);
		page_now = now;
		CHECK_EQ(hcall(LHCALL_LGUEST_INIT, pa(now), 0, 0, 0), 0);
		old->host_out.taken = UNTOUCHED;
		old->host_out.done = UNTOUCHED;
		wait_for(&calls, calls + 2);
		CHECK_EQ(old->host_out.taken, UNTOUCHED);
		CHECK_EQ(old->host_out.done, UNTOUCHED);
	}
	pass("%ld moves, %ld calls", (long)rounds, (long)calls);
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
	if (arg == 4)
		move_under_drain(shortened ? 60 : 200);
	if (arg == 5) {
		for (u64 i = 0; i <= MOST_MOVES; i++)
			CHECK_EQ(hcall(LHCALL_LGUEST_INIT, pa(i & 1 ? &lgd : second), 0, 0, 0), 0);
		fail("the page was moved %d times", MOST_MOVES + 1);
	}
	cpu_up(1, other);
	wait_for(&here, 1);
	/* One that has stopped can be started again: then it is parked */
	while (how == 2 && try_cpu_up(1, other) == -16)
		pause();
	hcall(LHCALL_LGUEST_INIT, pa(second), 0, 0, 0);
	fail("INIT with another page was not refused");
}
