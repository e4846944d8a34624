// SPDX-License-Identifier: GPL-2.0
/*
 * What a page-table entry loses is gone when the guest has said so, by each of the ways to say it: the queue
 * with each call that drains it, a range, all of user space, everything. arg: which way.
 */
#include "guest.h"

#define HIGH 0xffff80c000000000UL
#define LOW 0x10000000UL
enum way { LOST, RANGE, USER_HALF, ALL, ASYNC, PGTABLE, WAYS };

static void lose(enum way how, u64 address, u64 value, u64 flag)
{
	u64 *pte = pte_of(current_root, address, 1);

	switch (how) {
	case LOST:
		pte_lose(pte, value, flag);
		CHECK_EQ(hcall(LHCALL_FLUSH_TLB, LG_FLUSH_LOST, 0, 0, 0), 0);
		CHECK_EQ(lgd.host_out.taken, lgd.lost_in.head);
		CHECK_EQ(lgd.host_out.done, lgd.lost_in.head);
		break;
	case RANGE:
		pte_set(pte, value);
		CHECK_EQ(hcall(LHCALL_FLUSH_RANGE, address, address + 4096, 0, 0), 0);
		break;
	case USER_HALF:
	case ALL:
		pte_set(pte, value);
		CHECK_EQ(hcall(LHCALL_FLUSH_TLB, address >> 63 ? LG_FLUSH_ALL : LG_FLUSH_USER, 0, 0, 0), 0);
		break;
	case ASYNC:
		pte_lose(pte, value, flag);
		CHECK_EQ(hcall(LHCALL_FLUSH_ASYNC, 0, 0, 0, 0), 0);
		break;
	default:
		pte_lose(pte, value, flag);
		CHECK_EQ(hcall(LHCALL_NEW_PGTABLE, pa(current_root), 0, 0, 0), 0);
	}
}

static void at(enum way how, u64 address, u64 user)
{
	volatile u64 *p = (volatile u64 *)address;
	u64 *one = page_alloc(), *two = page_alloc();

	one[0] = 1;
	two[0] = 2;
	map(current_root, address, pa(one), PTE_W | user);
	CHECK_EQ(p[0], 1);
	p[1] = 5;
	lose(how, address, pa(one) | PTE_P | user | PTE_A | PTE_D, LG_LOST_WRITE);	/* the write permission */
	CHECK_EQ(p[0], 1);
	CHECK_EQ(try_write(p, 7), 14);
	CHECK_EQ(fault.error, 3);
	CHECK_EQ(fault.cr2, address);
	map(current_root, address, pa(one), PTE_W | user);			/* gained: no call */
	p[0] = 3;
	CHECK_EQ(one[0], 3);
	lose(how, address, pa(two) | PTE_P | PTE_W | user, LG_LOST_ALL);	/* another frame */
	CHECK_EQ(p[0], 2);
	p[1] = 6;
	CHECK_EQ(one[1], 5);
	CHECK_EQ(two[1], 6);
	lose(how, address, 0, LG_LOST_ALL);					/* gone */
	CHECK_EQ(try_read(p), 14);
	CHECK_EQ(fault.error, 0);
	map(current_root, address, pa(one), user);
	CHECK_EQ(p[0], 3);
	CHECK_EQ(try_write(p, 7), 14);
	lose(how, address, 0, LG_LOST_ALL);
}

void guest_main(u64 arg, u64 seed)
{
	(void)seed;
	CHECK(arg < WAYS);
	for (u64 i = 0; i < 20; i++) {
		at((enum way)arg, HIGH + i * 0x201000, 0);
		at((enum way)arg, LOW + i * 0x201000, PTE_U);
		at((enum way)arg, LOW + i * 0x201000 + 4096, 0);
	}
}
