// SPDX-License-Identifier: GPL-2.0
/* User mode reaches pages whose entries have U at every level, and nothing else; errors are as a processor gives them. */
#include "guest.h"

#define AT 0x7000000000UL

USER static void reader(u64 arg)
{
	user_syscall(0, *(volatile u64 *)arg);
}

USER static void writer(u64 arg)
{
	*(volatile u64 *)arg = 5;
	user_syscall(0, 1);
}

static void refused(void (*f)(u64), u64 address, u64 error)
{
	CHECK_EQ(user_call(f, address), USER_FAULTED);
	CHECK_EQ(fault.vector, 14);
	CHECK_EQ(fault.error, error);
	CHECK_EQ(fault.cr2, address);
	CHECK_EQ(fault.cs, LGUEST_USER_CS);
	CHECK_EQ(fault.ss, LGUEST_USER_DS);
}

void guest_main(u64 arg, u64 seed)
{
	u64 *page = page_alloc(), *upper;

	(void)arg;
	(void)seed;
	user_map(boot_pml4);
	page[0] = 17;
	map(boot_pml4, AT, pa(page), PTE_U | PTE_W);
	map(boot_pml4, AT + 4096, pa(page), PTE_U | PTE_D);	/* dirty is no permission */
	map(boot_pml4, AT + 8192, pa(page), PTE_W);
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(user_call(reader, AT), 17);
		CHECK_EQ(user_call(reader, AT + 4096), 17);
		CHECK_EQ(user_call(writer, AT), 1);
		CHECK_EQ(page[0], 5);
		page[0] = 17;
		refused(writer, AT + 4096, 7);
		refused(reader, AT + 8192, 5);
		refused(writer, AT + 8192, 7);
		refused(reader, AT + 12288, 4);
		refused(writer, AT + 12288, 6);
		refused(reader, (u64)page, 5);		/* the kernel half: present, not for users */
		refused(writer, (u64)&lgd, 7);
		refused(reader, KERNEL_BASE + (1UL << 36), 4);
		*(volatile u64 *)(AT + 8192) = 17;	/* the kernel may, and it must not open it to users */
		refused(reader, AT + 8192, 5);
		CHECK_EQ(try_write((void *)(AT + 4096), 1), 14);	/* WP */
		CHECK_EQ(fault.error, 3);
	}
	/* U missing above. */
	upper = pte_of(boot_pml4, AT, 3);
	pte_lose(upper, pte_get(upper) & ~PTE_U, LG_LOST_ALL);
	hcall(LHCALL_FLUSH_TLB, LG_FLUSH_LOST, 0, 0, 0);
	refused(reader, AT, 5);
	CHECK_EQ(*(volatile u64 *)AT, 17);
	refused(reader, AT, 5);
	pte_set(upper, pte_get(upper) | PTE_U);
	CHECK_EQ(user_call(reader, AT), 17);
	/* U lost in a leaf. */
	pte_lose(pte_of(boot_pml4, AT, 1), pa(page) | PTE_P | PTE_W, LG_LOST_ALL);
	hcall(LHCALL_FLUSH_TLB, LG_FLUSH_LOST, 0, 0, 0);
	refused(reader, AT, 5);
	CHECK_EQ(*(volatile u64 *)AT, 17);
}
