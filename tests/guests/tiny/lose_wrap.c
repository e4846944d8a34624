// SPDX-License-Identifier: GPL-2.0
/* The lost queue's head runs freely, past 2^32 too; a head that is too far ahead costs everything, and the queue works on. */
#include "guest.h"

#define AT 0xffff80c000000000UL
#define N 40

static u64 *page;

static void touch(void)
{
	for (u64 i = 0; i < N; i++) {
		map(boot_pml4, AT + i * 4096, pa(page), PTE_W);
		*(volatile u64 *)(AT + i * 4096) = i;
	}
}

static void all_gone(void)
{
	CHECK_EQ(lgd.host_out.taken, lgd.lost_in.head);
	CHECK_EQ(lgd.host_out.done, lgd.lost_in.head);
	for (u64 i = 0; i < N; i++)
		CHECK_EQ(try_read((void *)(AT + i * 4096)), 14);
}

/* Entries lose without a record, and the head is @ahead of what the host has taken: it must forget all. */
static void overflow(u32 ahead)
{
	touch();
	for (u64 i = 0; i < N; i++)
		pte_set(pte_of(boot_pml4, AT + i * 4096, 1), 0);
	lgd.lost_in.head += ahead;
	CHECK_EQ(hcall(LHCALL_FLUSH_TLB, LG_FLUSH_LOST, 0, 0, 0), 0);
	all_gone();
}

static void wrap(u32 first)
{
	lgd.lost_in.head = first;
	CHECK_EQ(hcall(LHCALL_FLUSH_TLB, LG_FLUSH_LOST, 0, 0, 0), 0);
	CHECK_EQ(lgd.host_out.taken, first);
	touch();
	for (u64 i = 0; i < N; i++)
		pte_lose(pte_of(boot_pml4, AT + i * 4096, 1), 0, LG_LOST_ALL);
	CHECK_EQ(lgd.lost_in.head, first + N);
	CHECK_EQ(hcall(LHCALL_FLUSH_TLB, LG_FLUSH_LOST, 0, 0, 0), 0);
	all_gone();
}

void guest_main(u64 arg, u64 seed)
{
	(void)arg;
	(void)seed;
	page = page_alloc();
	CHECK_EQ(lgd.vcpu_id, 0);
	CHECK_EQ(lgd.nr_vcpus, 1);
	for (u32 i = 0; i <= N; i++)
		wrap(~0U - i);
	wrap(0x7fffffff);
	overflow(LGUEST_LOST_SIZE + 1);
	overflow(0x80000000);
	overflow(~0U);
	/* Exactly as many as it holds is no overflow: what was not recorded may stay. */
	touch();
	for (u32 i = 0; i < LGUEST_LOST_SIZE; i++)
		lgd.lost[(lgd.lost_in.head + i) % LGUEST_LOST_SIZE] = pa(pte_of(boot_pml4, AT, 1));
	pte_set(pte_of(boot_pml4, AT, 1), 0);
	lgd.lost_in.head += LGUEST_LOST_SIZE;
	CHECK_EQ(hcall(LHCALL_FLUSH_ASYNC, 0, 0, 0, 0), 0);
	CHECK_EQ(try_read((void *)AT), 14);
	for (u64 i = 1; i < N; i++)
		CHECK_EQ(*(volatile u64 *)(AT + i * 4096), N - 1);
}
