// SPDX-License-Identifier: GPL-2.0
/*
 * The guest tables that cost the host most: arg >> 8 pages of shadow tables that all shadow the same few tables of the guest's, and
 * then, by arg & 255, one thing that drops or looks up many of them at once. The host must be able to do something else
 * meanwhile, and as soon as ever: the test measures that (latency/lgprobe.c).
 */
#include "guest.h"

/* The low half */
static struct chain chain;
enum { RETURN, DRAIN, DRAIN_UPPER, RING, ROOT, ALL, RANGE, DROP, GO_ON, SLEEP, FOR_EVER, PHASES };

/* @n shadow pages of the last level, or half as many of the last two, in a low half that has nothing else; only entry 0 is used of each. */
static void fill(u64 *root, u64 n, u64 step)
{
	for (int i = 1; i < 255; i++)
		root[i] = pa(chain.pdpt) | PTE_P | PTE_W | PTE_U | PTE_A;
	for (u64 i = 0; i < n; i++)
		*(volatile u64 *)((1UL << 39) + i * step) = 1;
}

static void records(const u64 *table)
{
	for (u32 i = 0; i < LGUEST_LOST_SIZE; i++)
		lgd.lost[(lgd.lost_in.head + i) % LGUEST_LOST_SIZE] = pa(table + i);
	lgd.lost_in.head += LGUEST_LOST_SIZE;
}

USER static void come_back(u64 arg)
{
	user_syscall(0, arg);
}

/* A supervisor page in the low half: the way to user mode must drop the whole of it */
static void return_to_user_mode(void)
{
	map(current_root, 0x10000000, pa(page_alloc()), PTE_W);
	*(volatile u64 *)0x10000000 = 1;
	CHECK_EQ(user_call(come_back, 7), 7);
}

static void ring(void)
{
	for (int i = 0; i < LHCALL_RING_SIZE; i++) {
		lgd.hcalls[i].nr = LHCALL_FLUSH_TLB;
		lgd.hcalls[i].arg[0] = i & 1 ? LG_FLUSH_ALL : LG_FLUSH_LOST;
		lgd.hcall_status[i] = LHCALL_RING_READY;
	}
	hcall(LHCALL_FLUSH_ASYNC, 0, 0, 0, 0);
}

static void phase(u64 what, u64 *other)
{
	switch (what) {
	case RETURN:
		return_to_user_mode();
		break;
	case DRAIN:
		records(chain.pt);
		hcall(LHCALL_FLUSH_ASYNC, 0, 0, 0, 0);
		break;
	case DRAIN_UPPER:
		records(chain.pd);
		hcall(LHCALL_FLUSH_ASYNC, 0, 0, 0, 0);
		break;
	case RING:
		records(chain.pt);
		ring();
		break;
	case ROOT:	/* a root whose table is also the one that all the others shadow */
		for (int i = 257; i < 512; i++)	/* and stays so: for the low half it is as it was */
			chain.pt[i] = boot_pml4[i];
		root_load(chain.pt);
		root_load(boot_pml4);
		break;
	case ALL:
		hcall(LHCALL_FLUSH_TLB, LG_FLUSH_ALL, 0, 0, 0);
		break;
	case RANGE:
		hcall(LHCALL_FLUSH_RANGE, 1UL << 39, (1UL << 47) - 4096, 0, 0);
		break;
	case DROP:
		root_load(other);
		hcall(LHCALL_DROP_PGTABLE, pa(boot_pml4), 0, 0, 0);
		root_load(boot_pml4);
		break;
	case SLEEP:	/* and all that was put off is done before it sleeps */
		hcall(LHCALL_FLUSH_TLB, LG_FLUSH_ALL, 0, 0, 0);
		hcall(LHCALL_SET_CLOCKEVENT, 100000000, 0, 0, 0);
		hcall(LHCALL_HALT, 0, 0, 0, 0);
		break;
	case FOR_EVER:	/* all of them, again and again, with as many tables each time */
		for (;;)
			for (u64 i = RETURN; i < FOR_EVER; i++) {
				phase(i, other);
				fill(current_root, 6000, 1UL << (i == DRAIN_UPPER ? 30 : 21));
			}
	default:	/* what was put off is done bit by bit, as new tables are needed */
		hcall(LHCALL_FLUSH_TLB, LG_FLUSH_ALL, 0, 0, 0);
		fill(current_root, 3000, 1UL << 21);
	}
}

void guest_main(u64 arg, u64 seed)
{
	u64 n = arg >> 8, what = arg & 255, *other;

	(void)seed;
	CHECK(what < PHASES);
	user_map(boot_pml4);
	make_chain(&chain, PTE_A, PTE_A | PTE_D);
	other = root_new();
	fill(boot_pml4, what == DRAIN_UPPER ? n / 2 : n, 1UL << (what == DRAIN_UPPER ? 30 : 21));
	host(HOST_MEASURE, 0);
	phase(what, other);
	phase(what, other);
	host(HOST_MEASURED, what);
}
