// SPDX-License-Identifier: GPL-2.0
/*
 * FS and GS bases: any canonical value, the host's own addresses too, is kept through hypercalls, system calls, events and host
 * interrupts in both modes; what is not canonical is a #GP. Nothing in the host depends on them.
 */
#include "guest.h"

static const u64 values[] = {
	0, 1, 0x7fffffffffff, 0x7fffffff0000, 0xffff800000000000, 0xffff888000000000, 0xffffffff81000000, 0xffffffff82000000,
	0xfffffe0000001000, 0xffffffffffffffff, 0xffffffffffff0000, 0xffff888007c00000, KERNEL_BASE,
};
/* Not canonical with 5 levels either: a host that has them gives those 57 bits to everybody. */
static const u64 bad[] = { 1UL << 63, 0x7fffffffffffffff, 0xf0ff7fffffffffff, 1UL << 60 };

USER static void in_user(u64 arg)
{
	u64 f, g;

	asm volatile("wrfsbase %2; wrgsbase %2; mov $3000, %%ecx; 1: dec %%ecx; jnz 1b; rdfsbase %0; rdgsbase %1"
		     : "=&r"(f), "=&r"(g) : "r"(arg) : "rcx");
	if (f != arg || g != arg)
		user_syscall(0, 2);
	user_syscall(0, 1);
}

USER static void bad_in_user(u64 arg)
{
	asm volatile("wrgsbase %0" : : "r"(arg));
	user_syscall(0, 1);
}

/* QEMU's software emulation takes any value; then the host has to live with it. */
static void refused(u64 vector)
{
	if (vector != 13 && !(vector == NO_FAULT && on_tcg()))
		fail("a base that is not canonical: exception %ld", (long)vector);
}

void guest_main(u64 arg, u64 seed)
{
	(void)arg;
	(void)seed;
	user_map(boot_pml4);
	host(HOST_PULSE, IN(5, 1000));
	irq_on();
	for (int round = 0; round < (shortened ? 3 : 30); round++) {
		for (u64 i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
			u64 v = values[i];

			CHECK_EQ(hcall(LHCALL_SET_KERNEL_GS, v, 0, 0, 0), 0);
			CHECK_EQ(rdgsbase(), v);
			wrfsbase(v);
			hcall(LHCALL_FLUSH_ASYNC, 0, 0, 0, 0);
			CHECK_EQ(rdfsbase(), v);
			CHECK_EQ(rdgsbase(), v);
			CHECK_EQ(TRY("ud2"), 6);
			CHECK_EQ(rdgsbase(), v);
			CHECK_EQ(user_call(in_user, v), 1);
			CHECK_EQ(rdgsbase(), v);
			CHECK_EQ(lgd.user_gsbase, v);
			CHECK_EQ(rdfsbase(), v);
			/* By the instruction, without telling the host. */
			wrgsbase(~v & 0x7fffffffffff);
			for (u64 t = rdtsc() + 200000; rdtsc() < t; )
				pause();
			hcall(LHCALL_FLUSH_ASYNC, 0, 0, 0, 0);
			CHECK_EQ(rdgsbase(), ~v & 0x7fffffffffff);
			irq_on();
		}
		for (u64 i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
			refused(TRY_AT("wrgsbase %%rdi", bad[i]));
			hcall(LHCALL_FLUSH_ASYNC, 0, 0, 0, 0);
			wrgsbase(0);
			refused(TRY_AT("wrfsbase %%rdi", bad[i]));
			hcall(LHCALL_FLUSH_ASYNC, 0, 0, 0, 0);
			wrfsbase(0);
			refused(user_call(bad_in_user, bad[i]) == USER_FAULTED ? fault.vector : NO_FAULT);
			wrgsbase(0);
			irq_on();
		}
	}
	hcall(LHCALL_SET_KERNEL_GS, 0, 0, 0, 0);
}
