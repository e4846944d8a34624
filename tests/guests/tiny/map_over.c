// SPDX-License-Identifier: GPL-2.0
/*
 * The guest maps its own pages at slot 256 and at the cpu_entry_area: still not reachable, and the host's there stay whole. It
 * points sp0, its entries and an IRETQ there, too.
 */
#include "guest.h"

USER static void touch(u64 arg)
{
	user_syscall(0, *(volatile u64 *)arg);
}

void guest_main(u64 arg, u64 seed)
{
	static const u64 places[] = { 0xffff800000000000, 0xffff800000001000, 0xffff807ffffff000, 0xfffffe0000000000, 0xfffffe0000001000,
				      0xfffffe0000003000, 0xfffffe00000fe000 };
	u64 *page = page_alloc();

	(void)arg;
	(void)seed;
	user_map(boot_pml4);
	for (u64 i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		map(boot_pml4, places[i], pa(page), PTE_W | PTE_U);
	for (int slot = 256; slot < 509; slot += 252)
		boot_pml4[slot] |= PTE_U;
	hcall(LHCALL_FLUSH_TLB, LG_FLUSH_ALL, 0, 0, 0);
	for (int round = 0; round < 20; round++)
		for (u64 i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
			u64 v = places[i];

			CHECK_EQ(try_read((void *)v), 14);
			CHECK_EQ(fault.error, 0);
			CHECK_EQ(try_write((void *)(v + 8), 1), 14);
			CHECK_EQ(fault.error, 2);
			CHECK_EQ(try_exec(v), 14);
			CHECK_EQ(fault.error, 0x10);
			CHECK_EQ(user_call(touch, v), USER_FAULTED);
			CHECK_EQ(fault.vector, 14);
			CHECK_EQ(fault.error, 4);
			CHECK_EQ(TRY_AT("mov %%rsp, %%rax; push $0x2b; push %%rax; push $0x202; push $0x33; push %%rdi; iretq", v), 14);
			CHECK_EQ(fault.rip, v);
		}
	CHECK_EQ(*page, 0);
}
