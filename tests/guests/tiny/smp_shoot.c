// SPDX-License-Identifier: GPL-2.0
/*
 * The promise of a flush: when it returns, no vCPU uses what was lost. One vCPU changes which frame an address names and flushes; the
 * others write through that address all the time, in a way that the low bits of arg choose; then nothing may reach the old frame
 * any more. With SHARED_LOSS another vCPU than the one that changed it flushes (as Linux's batched flushes do).
 *
 *	bits 0-2	0 the others are in kernel mode, 1 in user mode, 2 in user mode with system calls, 3 in an address space that changes
 *			all the time, 4 halt between
 *	bit 3		the flush is of one address space (MM)
 *	bit 4		the address is of the kernel half
 *	bit 5		SHARED_LOSS
 *	bit 6		what is lost is a whole table: it becomes other memory after the flush, with random entries in it
 *	bit 7		the last vCPU takes what is in the queues all the time, as context switches do, and waits for nobody;
 *			with two vCPUs, the one that has changed the entry does
 *	bits 8 up	rounds
 */
#include "guest.h"

#define HOW	(arg_ & 7)
#define MM	(arg_ & 8)
#define KERNEL	(arg_ & 16)
#define SHARED_LOSS (arg_ & 32)
#define TABLE	(arg_ & 64)
#define DRAINER	(arg_ & 128)
#define USER_ADDRESS	0x7f1234000000
#define KERNEL_ADDRESS	0xffff80c000000000	/* slot 257, of which root_new() copies the entry */

static u64 arg_, address;
static volatile u64 *frame[2];	/* by which the checker looks */
static volatile u64 stop, running, asked, flushed;
static u64 *root, *second_root[CPUS];
static u64 *table[2];

/* In user mode: bumps the word until the kernel says stop, through a flag beside it */
USER_DATA volatile u64 user_stop, user_address;
USER void user_write(u64 syscalls)
{
	volatile u64 *p = (u64 *)user_address;

	while (!user_stop) {
		(*p)++;
		if (syscalls)
			break;
	}
	user_syscall(0, 0);
}

static void answer(void)
{
	if (asked > flushed) {
		u64 n = asked;

		flush_lost();
		flushed = n;
	}
}

static void writer(unsigned int cpu)
{
	volatile u64 *p = (u64 *)address;
	u64 *roots[2] = { root, second_root[cpu] };

	__atomic_fetch_add(&running, 1, __ATOMIC_SEQ_CST);
	for (u64 i = 0; !stop; i++) {
		if (DRAINER && cpu > 1 && cpu == lgd.nr_vcpus - 1) {
			hcall(LHCALL_FLUSH_ASYNC, 0, 0, 0, 0);
			continue;
		}
		if (SHARED_LOSS && cpu == 1)
			answer();
		switch (HOW) {
		case 0:
			for (unsigned int j = 0; j < 1000 && !(SHARED_LOSS && cpu == 1 && asked > flushed); j++)
				(*p)++;
			break;
		case 1:
		case 2:
			user_call_on(cpu, user_write, HOW == 2);
			break;
		case 3:
			hcall(LHCALL_NEW_PGTABLE, pa(roots[i & 1]), 0, 0, 0);
			(*p)++;
			break;
		case 4:
			(*p)++;
			hcall(LHCALL_SEND_IPI, 1UL << cpu, LGUEST_IRQ_WORK, 0, 0);
			hcall(LHCALL_HALT, 0, 0, 0, 0);
			*(volatile u32 *)&lgd_of(cpu)->irq_enabled = 0;
			break;
		}
	}
	__atomic_fetch_sub(&running, 1, __ATOMIC_SEQ_CST);
}

static void flush_somewhere(void)
{
	/* A drain comes between the loss and the flush: always when it is ours, else as often as not */
	if (DRAINER && lgd.nr_vcpus == 2)
		hcall(LHCALL_FLUSH_ASYNC, 0, 0, 0, 0);
	else if (DRAINER)
		for (unsigned int i = 0; i < 1000 && *(volatile u32 *)&lgd.host_out.taken != lgd.lost_in.head; i++)
			pause();
	if (!SHARED_LOSS) {
		if (!MM)
			flush_lost();
		else if (!nothing_lost())
			hcall(LHCALL_FLUSH_TLB, LG_FLUSH_MM, pa(root), 0, 0);
		return;
	}
	asked++;
	wait_for(&flushed, asked);
}

/* Which frame the address names from now on */
static void name_frame(unsigned int which, bool all_roots)
{
	u64 flags = PTE_P | PTE_W | PTE_A | PTE_D | (KERNEL ? 0 : PTE_U);

	if (TABLE) {
		pte_set(&table[which][(address >> 12) & 511], pa((void *)frame[which]) | flags);
		pte_lose(pte_of(root, address, 2), pa(table[which]) | PTE_P | PTE_W | PTE_A | (KERNEL ? 0 : PTE_U), 0);
	} else {
		pte_lose(pte_of(root, address, 1), pa((void *)frame[which]) | flags, 0);
	}
	if (all_roots && !KERNEL)
		for (unsigned int cpu = 1; cpu < CPUS; cpu++)
			second_root[cpu][address >> 39 & 511] = root[address >> 39 & 511];
}

/* Nothing more comes there, and the others had time for some writes */
static void check_quiet(unsigned int old, u64 round)
{
	u64 seen = *frame[old], now = *frame[!old];

	for (unsigned int i = 0; i < 200; i++)
		pause();
	/* Let them write to the new one: so that they have it in their TLBs. What they wrote to the old one before, it keeps */
	for (unsigned int i = 0; i < 100000 && *frame[!old] == now; i++)
		pause();
	if (*frame[old] != seen)
		fail("round %ld: a flush had returned, and the old frame was written to: %ld, %ld", (long)round, (long)seen,
		     (long)*frame[old]);
}

void guest_main(u64 arg, u64 seed)
{
	unsigned int n = lgd.nr_vcpus;

	arg_ = arg;
	address = KERNEL ? KERNEL_ADDRESS : USER_ADDRESS;
	root = root_new();
	user_map(root);
	for (unsigned int i = 0; i < 2; i++) {
		frame[i] = page_alloc();
		table[i] = page_alloc();
	}
	for (unsigned int cpu = 1; cpu < CPUS; cpu++)
		second_root[cpu] = root_new();
	if (!TABLE)
		pte_of(root, address, 1);
	else
		pte_of(root, address, 2);
	name_frame(0, true);
	root_load(root);
	*(volatile u64 *)((u64)user_va(&user_address) ) = address;
	for (unsigned int cpu = 1; cpu < n; cpu++)
		cpu_up(cpu, writer);
	wait_for(&running, n - 1);
	for (u64 round = 0; round < arg >> 8; round++) {
		unsigned int old = round & 1;

		name_frame(!old, false);
		flush_somewhere();
		check_quiet(old, round);
		if (TABLE)
			for (unsigned int i = 0; i < 512; i++)
				pte_set(&table[old][i], random64(&seed));
	}
	*(volatile u64 *)user_va(&user_stop) = 1;
	stop = 1;
	while (running)
		pause();
	pass("%ld flushes", (long)(arg >> 8));
}
