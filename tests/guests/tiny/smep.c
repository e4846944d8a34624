// SPDX-License-Identifier: GPL-2.0
/* The kernel view does not execute user pages (SMEP), but reads and writes them (no SMAP); user mode executes them. */
#include "guest.h"

#define AT 0x7000000000UL

USER static void ask(u64 arg)
{
	((void (*)(void))arg)();
	user_syscall(0, 42);
}

void guest_main(u64 arg, u64 seed)
{
	u8 *page = page_alloc();

	(void)arg;
	(void)seed;
	user_map(boot_pml4);
	page[0] = 0xc3;
	map(boot_pml4, AT, pa(page), PTE_U | PTE_W);
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(try_read((void *)AT), NO_FAULT);
		CHECK_EQ(try_write((void *)(AT + 8), 1), NO_FAULT);
		CHECK_EQ(try_exec(AT), 14);
		CHECK_EQ(fault.error, 0x11);
		CHECK_EQ(fault.rip, AT);
		CHECK_EQ(user_call(ask, AT), 42);
	}
	/* A supervisor page in the low half is for the kernel to read and write, and nobody's to execute. */
	map(boot_pml4, AT + 4096, pa(page), PTE_W);
	CHECK_EQ(try_exec(AT + 4096), 14);
	CHECK_EQ(fault.error, 0x11);
	CHECK_EQ(try_write((void *)(AT + 4096 + 8), 1), NO_FAULT);
	CHECK_EQ(user_call(ask, AT + 4096), USER_FAULTED);
	CHECK_EQ(fault.vector, 14);
	CHECK_EQ(fault.error, 0x15);
	CHECK_EQ(try_read((void *)(AT + 4096)), NO_FAULT);
	CHECK_EQ(try_exec(AT), 14);
	CHECK_EQ(user_call(ask, AT), 42);
}
