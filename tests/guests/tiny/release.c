// SPDX-License-Identifier: GPL-2.0
/*
 * LHCALL_RELEASE. arg 0: what was released reads as zeros, by every mapping, and its neighbours are what they were; what cannot be
 * released is refused, and then nothing is. arg 1: the guest releases all that it runs on. arg 2: its shared page, which stays. arg 3: every second page
 * of a large one of the host's. arg 4: what is refused. arg 5: a table that its own code is mapped by. arg 6: one call, and no more.
 */
#include "guest.h"

#define AT	0xffff80c000000000UL	/* RAM2 by small pages */
#define BY_2M	0xffff80d000000000UL	/* and by large ones, which the host splits or not */
#define PAGES	1024UL

static struct lguest_range range[LGUEST_RELEASE_MAX + 1];

static volatile u64 *small(u64 i) { return (u64 *)(AT + i * 4096); }
static volatile u64 *large(u64 i) { return (u64 *)(BY_2M + i * 4096); }
static long release(u64 n) { return hcall(LHCALL_RELEASE, pa(range), n, 0, 0); }

static void set(unsigned int i, u64 page, u64 n)
{
	range[i].gpa = RAM2_PA + page * 4096;
	range[i].size = n * 4096;
}

/* Through both mappings, so that both are in the shadow tables and the TLB */
static void fill_all(void)
{
	for (u64 i = 0; i < PAGES; i++)
		*small(i) = 0x1000 + i;
	for (u64 i = 0; i < PAGES; i++)
		CHECK_EQ(*large(i), 0x1000 + i);
}

static bool is_released(u64 i)
{
	return (i >= 16 && i < 48) || i == 64 || i >= 512;
}

static void good(void)
{
	set(0, 16, 32);
	set(1, 64, 1);
	set(2, 512, 512);
	set(3, 20, 4);		/* twice */
	set(4, 40, 8);
	CHECK_EQ(release(5), 0);
	for (u64 i = 0; i < PAGES; i++) {
		CHECK_EQ(*large(i), is_released(i) ? 0 : 0x1000 + i);
		CHECK_EQ(*small(i), is_released(i) ? 0 : 0x1000 + i);
	}
	fill_all();
	set(0, 0, 1);
	for (unsigned int i = 0; i < 100; i++)
		CHECK_EQ(release(1), 0);	/* nothing there */
	CHECK_EQ(*small(0), 0);
	CHECK_EQ(*small(1), 0x1001);
	set(0, 8, 8);
	CHECK_EQ(release(1), 0);	/* and not touched again: see released() */
}

static void refused(const char *what, u64 gpa, u64 size)
{
	set(0, 100, 1);
	range[1] = (struct lguest_range){ gpa, size };
	if (release(2) != -22)
		fail("%s was not refused", what);
	if (*small(100) != 0x1000 + 100)
		fail("%s: the good range before it was released", what);
}

static void bad(void)
{
	fill_all();
	refused("an address that is no page's", RAM2_PA + 8, 4096);
	refused("a size that is no page's", RAM2_PA, 4095);
	refused("nothing", RAM2_PA, 0);
	refused("more than 4 MiB", RAM2_PA, LGUEST_RELEASE_SIZE + 4096);
	refused("what begins before a region", RAM2_PA - 4096, 8192);
	refused("what ends behind a region", RAM2_PA + RAM2_SIZE - 4096, 8192);
	refused("what no region has", MMIO_PA, 4096);
	refused("the end of the address space", -4096UL, 4096);
	refused("what wraps", -4096UL, 8192);
	refused("a region that is not to be released", 0x200000, 4096);
	CHECK_EQ(release(0), -22);
	CHECK_EQ(release(LGUEST_RELEASE_MAX + 1), -22);
	CHECK_EQ(release(-1UL), -22);
	CHECK_EQ(hcall(LHCALL_RELEASE, MMIO_PA, 1, 0, 0), -14);
	CHECK_EQ(hcall(LHCALL_RELEASE, -8UL, 1, 0, 0), -14);
	CHECK_EQ(*small(100), 0x1000 + 100);
}

static void everything(void)
{
	range[0] = (struct lguest_range){ 0, RAM_SIZE / 2 };
	range[1] = (struct lguest_range){ RAM_SIZE / 2, RAM_SIZE / 2 };
	release(2);
	fail("it goes on without memory");
}

static void shared_page(void)
{
	u64 *before = page_alloc(), *after = page_alloc();

	before[0] = after[0] = 1;
	range[0] = (struct lguest_range){ pa(before), pa(after) - pa(before) + 4096 };
	CHECK(pa(after) > pa(before));
	CHECK_EQ(release(1), 0);
	CHECK_EQ(before[0] | after[0], 0);
	before[0] = after[0] = 1;
	range[0] = (struct lguest_range){ pa(&lgd), 4096 };
	CHECK_EQ(release(1), 0);
	CHECK_EQ(lgd.abi_version, LGUEST_ABI_VERSION);
	CHECK_EQ(init(), 0);
	CHECK_EQ(before[0] & after[0], 1);
}

static void holes(void)
{
	for (u64 round = 0; round < 8; round++) {
		fill_all();
		for (u64 i = 0; i < PAGES; i += 2 * LGUEST_RELEASE_MAX) {
			for (unsigned int j = 0; j < LGUEST_RELEASE_MAX; j++)
				set(j, i + 2 * j, 1);
			CHECK_EQ(release(LGUEST_RELEASE_MAX), 0);
		}
		for (u64 i = 0; i < PAGES; i++)
			CHECK_EQ(*small(i), i & 1 ? 0x1000 + i : 0);
	}
}

/* The last fault before the call went through this table, and the first one behind it would again */
static void own_table(void)
{
	u64 table = pa(pte_of(boot_pml4, KERNEL_BASE, 2)) & ~4095UL;

	range[0] = (struct lguest_range){ table, 4096 };
	*(volatile u64 *)va(0x40000) = 1;
	release(1);
	fail("it goes on by a table that is not there");
}

void guest_main(u64 arg, u64 seed)
{
	static void (*const what[])(void) = { good, everything, shared_page, holes, bad, own_table };

	(void)seed;
	if (arg == 6) {
		range[0] = (struct lguest_range){ 0x40000, 8192 };
		*(volatile u64 *)va(0x40000) = 1;
		release(1);
		return;
	}
	CHECK(lgd.host_features & LG_HOST_RELEASE);
	for (u64 i = 0; i < PAGES; i++)
		map(boot_pml4, AT + i * 4096, RAM2_PA + i * 4096, PTE_W);
	for (u64 i = 0; i < RAM2_SIZE; i += 0x200000)
		pte_set(pte_of(boot_pml4, BY_2M + i, 2), (RAM2_PA + i) | PTE_P | PTE_W | PTE_PS);
	fill_all();
	what[arg]();
}
