// SPDX-License-Identifier: GPL-2.0
/*
 * Everything at once on shared tables: each vCPU has some address spaces, which all of them use, and maps, touches, unmaps and protects
 * pages of its own part of each, with checksums; shadow memory is scarce, roots are dropped, and address spaces are more than
 * are cached. arg: rounds of each vCPU; a supervisor page in the low half now and then.
 */
#include "guest.h"

#define ROOTS	8
#define PAGES	32
#define BASE	0x10000000000UL

static u64 *roots[ROOTS];
static u64 *ptes[ROOTS][CPUS][PAGES];
static u64 rounds;
static volatile u64 finished, seed_;
static u64 pages[CPUS][PAGES];

static u64 address_of(unsigned int cpu, unsigned int page) { return BASE + ((u64)cpu << 30) + ((u64)page << 21) + ((u64)page << 12); }

/* One address in one root, of this vCPU alone: what it says must be what was stored last */
static void step(unsigned int cpu, u64 *seed, u64 (*want)[PAGES])
{
	unsigned int r = random64(seed) % ROOTS, i = random64(seed) % PAGES;
	u64 *pte = ptes[r][cpu][i];
	volatile u64 *p = (u64 *)address_of(cpu, i);
	u64 phys = pages[cpu][random64(seed) % PAGES];
	volatile u64 *direct = va(phys);

	hcall(LHCALL_NEW_PGTABLE, pa(roots[r]), 0, 0, 0);
	if (pte_get(pte) & PTE_P && *p != want[r][i])
		fail("vCPU %u, root %u, page %u: 0x%lx, not 0x%lx", cpu, r, i, (long)*p, (long)want[r][i]);
	switch (random64(seed) % 4) {
	case 0:		/* another frame, whose word is made its own */
		if (pte_get(pte) & PTE_P)
			pte_lose_on(cpu, pte, phys | PTE_P | PTE_W | (random64(seed) & 1 ? PTE_U : 0), 0);
		else
			pte_set(pte, phys | PTE_P | PTE_W | PTE_U);
		flush_lost();
		*direct = 0;
		break;
	case 1:
		pte_lose_on(cpu, pte, 0, 0);
		flush_lost();
		break;
	case 2:
		if (pte_get(pte) & PTE_P) {
			pte_lose_on(cpu, pte, pte_get(pte) & ~(PTE_D), LG_LOST_WRITE);
			hcall(LHCALL_FLUSH_TLB, LG_FLUSH_MM, pa(roots[r]), 0, 0);
		}
		break;
	case 3:
		if (!(random64(seed) % 64))
			hcall(LHCALL_DROP_PGTABLE, pa(roots[random64(seed) % ROOTS]), 0, 0, 0);
		if (!(random64(seed) % 64))
			hcall(LHCALL_FLUSH_TLB, random64(seed) & 1 ? LG_FLUSH_ALL : LG_FLUSH_USER, 0, 0, 0);
		break;
	}
	/* Frames are this vCPU's, but several of its pages may name the same one: all of them are written, and looked at */
	if (pte_get(pte) & PTE_P) {
		u64 value = random64(seed), frame = pte_get(pte) & PTE_ADDR;

		*p = value;
		if (*(volatile u64 *)va(frame) != value)
			fail("vCPU %u, root %u, page %u: a write went elsewhere", cpu, r, i);
		for (unsigned int a = 0; a < ROOTS; a++)
			for (unsigned int b = 0; b < PAGES; b++)
				if ((pte_get(ptes[a][cpu][b]) & PTE_ADDR) == frame)
					want[a][b] = value;
	}
}

static void work(unsigned int cpu)
{
	static u64 want[CPUS][ROOTS][PAGES];
	u64 seed = seed_ * 8 + cpu + 1;

	for (u64 i = 0; i < rounds; i++)
		step(cpu, &seed, want[cpu]);
	hcall(LHCALL_NEW_PGTABLE, pa(boot_pml4), 0, 0, 0);
	__atomic_fetch_add(&finished, 1, __ATOMIC_SEQ_CST);
}

void guest_main(u64 arg, u64 seed)
{
	unsigned int n = lgd.nr_vcpus;

	rounds = arg;
	seed_ = seed;
	for (unsigned int cpu = 0; cpu < n; cpu++)
		for (unsigned int i = 0; i < PAGES; i++)
			pages[cpu][i] = pa(page_alloc());
	/* The tables below the top are common to all roots but for the last two: shadowed once in each */
	for (unsigned int r = 0; r < ROOTS; r++) {
		roots[r] = root_new();
		for (unsigned int cpu = 0; cpu < n; cpu++)
			for (unsigned int i = 0; i < PAGES; i++)
				ptes[r][cpu][i] = pte_of(roots[r], address_of(cpu, i), 1);
	}
	for (unsigned int cpu = 1; cpu < n; cpu++)
		cpu_up(cpu, work);
	work(0);
	wait_for(&finished, n);
	pass("%u vCPUs, %ld rounds each", n, (long)rounds);
}
