// SPDX-License-Identifier: GPL-2.0
/*
 * A guest kernel at addresses where the host has its own (direct map, text, vmalloc, modules): declared in kernel_range, so that
 * the host flushes global TLB entries. It must see its own pages there, always. arg: 1 declares, 0 does not.
 */
#include "guest.h"

static const u64 places[] = { 0xffff888000000000, 0xffff888001000000, 0xffffffff81000000, 0xffffffff81200000, 0xffffffff82000000,
			      0xffffc90000000000, 0xffffea0000000000, 0xffffffffc0000000, 0xffffffffff5fb000 };
#define N (sizeof(places) / sizeof(places[0]))

void guest_early(u64 arg, u64 seed)
{
	(void)seed;
	if (!arg)
		return;
	lgd.kernel_range[1][0] = 0xffff880000000000;
	lgd.kernel_range[1][1] = 0xffffeb0000000000;
	lgd.kernel_range[2][0] = 0xffffffff80000000;
	lgd.kernel_range[2][1] = 0xffffffffffe00000;
}

void guest_main(u64 arg, u64 seed)
{
	u64 *pages[N][16];

	(void)arg;
	for (u64 i = 0; i < N; i++)
		for (u64 j = 0; j < 16; j++) {
			pages[i][j] = page_alloc();
			*pages[i][j] = i * 100 + j;
			map(boot_pml4, places[i] + j * 4096, pa(pages[i][j]), PTE_W);
		}
	for (int round = 0; round < 300; round++) {
		for (u64 i = 0; i < N; i++)
			for (u64 j = 0; j < 16; j++) {
				volatile u64 *p = (volatile u64 *)(places[i] + j * 4096);

				CHECK_EQ(p[0], i * 100 + j);
				p[1] = random64(&seed);
				CHECK_EQ(p[1], pages[i][j][1]);
			}
		host(HOST_OTHER, 0);
	}
}
