// SPDX-License-Identifier: GPL-2.0
/*
 * A guest kernel at addresses where the host has its own (direct map, text, vmalloc, modules): the host has to flush global TLB entries,
 * whether the guest declares that in kernel_range or not. It must see its own pages there, always: the host's entries would not let it read
 * the host's memory (they are for ring 0), but give page faults for nothing, and lgtest sees those counted. One page is
 * mapped all over the host's text, where each exit leaves entries. arg: 1 declares, 0 does not; 2 uses pages of the
 * fixmap only, for which nothing is flushed.
 */
#include "guest.h"

static const u64 places[] = { 0xffff888000000000, 0xffff888001000000, 0xffffffff82000000, 0xffffffff83000000, 0xffffffffa0000000,
			      0xffffc90000000000, 0xffffea0000000000, 0xffffffffc0000000, 0xffffffffff5fb000 };
#define TEXT 0xffffffff81000000
#define TEXT_END 0xffffffff82000000
#define N (sizeof(places) / sizeof(places[0]))

void guest_early(u64 arg, u64 seed)
{
	(void)seed;
	if (arg != 1)
		return;
	lgd.kernel_range[1][0] = 0xffff880000000000;
	lgd.kernel_range[1][1] = 0xffffeb0000000000;
	lgd.kernel_range[2][0] = 0xffffffff80000000;
	lgd.kernel_range[2][1] = 0xffffffffffe00000;
}

void guest_main(u64 arg, u64 seed)
{
	u64 *pages[N][16], *text = page_alloc(), first = arg == 2 ? N - 1 : 0, text_end = arg == 2 ? TEXT : TEXT_END;

	*text = 4711;
	for (u64 v = TEXT; v < text_end; v += 4096)
		map(boot_pml4, v, pa(text), PTE_W);
	for (u64 i = first; i < N; i++)
		for (u64 j = 0; j < 16; j++) {
			pages[i][j] = page_alloc();
			*pages[i][j] = i * 100 + j;
			map(boot_pml4, places[i] + j * 4096, pa(pages[i][j]), PTE_W);
		}
	for (int round = 0; round < (shortened ? 20 : 100); round++) {
		for (u64 i = first; i < N; i++)
			for (u64 j = 0; j < 16; j++) {
				volatile u64 *p = (volatile u64 *)(places[i] + j * 4096);

				CHECK_EQ(p[0], i * 100 + j);
				p[1] = random64(&seed);
				CHECK_EQ(p[1], pages[i][j][1]);
			}
		for (u64 v = TEXT; v < text_end; v += 4096)
			CHECK_EQ(*(volatile u64 *)v, 4711);
		host(HOST_OTHER, 0);
	}
}
