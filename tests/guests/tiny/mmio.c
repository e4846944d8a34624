// SPDX-License-Identifier: GPL-2.0
/*
 * Accesses to guest-physical memory that no region has come to the core with address, direction and instruction; lgtest plays a
 * device whose registers give back the complement of what was stored.
 */
#include "guest.h"

#define AT 0xffff80c000000000UL
#define USER_AT 0x7000000000UL

static u32 read32(u64 address)
{
	u32 v;

	asm volatile("movl (%%rdi), %%eax" : "=a"(v) : "D"(address) : "memory");
	return v;
}

static void write32(u64 address, u32 v)
{
	asm volatile("movl %%eax, (%%rdi)" : : "a"(v), "D"(address) : "memory");
}

USER static void from_user(u64 arg)
{
	u32 v = 0x1234;

	asm volatile("movl %%eax, (%%rdi)\n\tmovl (%%rdi), %%eax" : "+a"(v) : "D"(arg) : "memory");
	user_syscall(0, v);
}

/* 57 bits, which a host of five levels gives to every program, and emulators to all */
#define WIDE (1UL << 55)

USER static void wide_from_user(u64 arg)
{
	u32 v = 0x4321;
	u64 f, g;

	asm volatile("wrfsbase %4; wrgsbase %4; movl %%eax, (%%rdi); movl (%%rdi), %%eax; rdfsbase %1; rdgsbase %2; xor %%ecx, %%ecx; wrgsbase %%rcx"
		     : "+a"(v), "=&r"(f), "=&r"(g) : "D"(arg), "r"(WIDE) : "rcx", "memory");
	user_syscall(0, f == WIDE && g == WIDE ? v : 0);
}

static void wide_bases(void)
{
	if (TRY_AT("wrfsbase %%rdi", WIDE) != NO_FAULT)
		return;
	write32(AT, 6);
	CHECK_EQ(read32(AT), (u32)~6);
	CHECK_EQ(rdfsbase(), WIDE);
	wrfsbase(0);
	CHECK_EQ(user_call(wide_from_user, USER_AT), (u32)~0x4321);
	wrfsbase(0);
}

void guest_main(u64 arg, u64 seed)
{
	u8 *code = page_alloc();

	(void)arg;
	user_map(boot_pml4);
	for (u64 i = 0; i < 4; i++)
		map(boot_pml4, AT + i * 4096, MMIO_PA + i * 4096, PTE_W);
	map(boot_pml4, USER_AT, MMIO_PA, PTE_W | PTE_U);
	for (u64 i = 0; i < 500; i++) {
		u64 reg = AT + (random64(&seed) & 0x3ff8);
		u32 v = (u32)random64(&seed);

		write32(reg, v);
		CHECK_EQ(read32(reg), (u32)~v);
	}
	CHECK_EQ(pte_get(pte_of(boot_pml4, AT, 1)) & (PTE_A | PTE_D), PTE_A | PTE_D);
	CHECK_EQ(user_call(from_user, USER_AT), (u32)~0x1234);
	wide_bases();
	/* Permissions come first. */
	pte_lose(pte_of(boot_pml4, AT, 1), MMIO_PA | PTE_P, LG_LOST_ALL);
	hcall(LHCALL_FLUSH_TLB, LG_FLUSH_LOST, 0, 0, 0);
	CHECK_EQ(try_write((void *)AT, 1), 14);
	CHECK_EQ(fault.error, 3);
	/* An instruction at the very end of a page with nothing behind it: mov %eax, (%rdi); ret. */
	code[4093] = 0x89;
	code[4094] = 0x07;
	code[4095] = 0xc3;
	map(boot_pml4, AT + 0x100000, pa(code), 0);
	asm volatile("call *%%rcx" : : "a"(5), "c"(AT + 0x100000 + 4093), "D"(AT + 4096) : "memory");
	CHECK_EQ(read32(AT + 4096), (u32)~5);
	/* Behind the end of a region, and at the top of the address space. */
	map(boot_pml4, AT + 0x200000, RAM_SIZE - 4096, PTE_W);
	map(boot_pml4, AT + 0x201000, RAM_SIZE, PTE_W);
	map(boot_pml4, AT + 0x202000, (1UL << 46) - 4096, PTE_W);
	*(volatile u32 *)(AT + 0x200ffc) = 9;
	CHECK_EQ(*(volatile u32 *)(AT + 0x200ffc), 9);
	write32(AT + 0x201000, 77);
	CHECK_EQ(read32(AT + 0x201000), (u32)~77);
	write32(AT + 0x202008, 78);
	CHECK_EQ(read32(AT + 0x202008), (u32)~78);
}
