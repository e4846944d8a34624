// SPDX-License-Identifier: GPL-2.0
/*
 * Returns to user mode that cannot be: a #GP in kernel mode at return_to_user, with the frame as it was. And odd values that the
 * ABI allows: addresses of the high half, selectors that mean 0x33, flags that are ignored, any stack pointer.
 */
#include "guest.h"

USER static void one(u64 arg)
{
	user_syscall(0, arg);
}

USER static void flags(u64 arg)
{
	u64 f;

	(void)arg;
	asm volatile("pushf; pop %0" : "=r"(f));
	user_syscall(0, f);
}

USER static void selectors(u64 arg)
{
	u64 cs, ss;

	(void)arg;
	asm volatile("mov %%cs, %0; mov %%ss, %1" : "=r"(cs), "=r"(ss));
	user_syscall(0, cs | ss << 16);
}

USER __attribute__((naked)) static void touch_stack(u64 arg)
{
	(void)arg;
	asm volatile("push %rax; mov $1, %edi; syscall");
}

static void refused(struct regs *r)
{
	CHECK_EQ(user_go(r), USER_REFUSED);
	CHECK_EQ(fault.vector, 13);
	CHECK_EQ(fault.error, 0);
	CHECK_EQ(fault.rip, (u64)return_to_user);
	CHECK_EQ(fault.cs, LGUEST_KERNEL_CS);
}

void guest_main(u64 arg, u64 seed)
{
	static const u64 bad[] = {
		1UL << 47, 1UL << 48, 1UL << 56, 1UL << 63, 0x7fffffffffffffff, 0xffff7fffffffffff, 0xfff0000000000000,
	};
	/* As IRETQ goes: there, and not one instruction further. Linux has its vsyscalls up there */
	static const u64 high[] = {
		0xffff800000000000, KERNEL_BASE + LOAD_PA, 0xffffffff81000000, 0xffffffffff600000, 0xfffffe0000000000, ~0UL,
	};
	static const u64 bad_gs[] = { 1UL << 47, 1UL << 56, 1UL << 63, 0x7fffffffffffffff, 0xffff7fffffffffff };
	struct regs r;

	(void)arg;
	user_map(boot_pml4);
	for (int full = 0; full < 2; full++) {
		for (u64 i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
			user_regs(&r, one, 3);
			r.full = full ? LG_FRAME_FULL : 0;
			r.rip = bad[i];
			refused(&r);
		}
		for (u64 i = 0; i < sizeof(high) / sizeof(high[0]); i++) {
			user_regs(&r, one, 3);
			r.full = full ? LG_FRAME_FULL : 0;
			r.rip = high[i];
			CHECK_EQ(user_go(&r), USER_FAULTED);
			CHECK_EQ(fault.vector, 14);
			CHECK_EQ(fault.rip, high[i]);
			CHECK_EQ(fault.cr2, high[i]);
			CHECK_EQ(fault.error & ~1UL, 0x14);	/* by user mode, an instruction */
		}
		for (u64 i = 0; i < sizeof(bad_gs) / sizeof(bad_gs[0]); i++) {
			user_regs(&r, one, 3);
			r.full = full ? LG_FRAME_FULL : 0;
			r.gsbase = bad_gs[i];
			refused(&r);
		}
		user_regs(&r, one, 3);
		r.full = full ? LG_FRAME_FULL : 0;
		CHECK_EQ(user_go(&r), 3);
	}
	/* Selectors and flags: whatever is asked for, user mode gets its own. */
	for (int i = 0; i < 300; i++) {
		u64 chance = random64(&seed);

		user_regs(&r, selectors, 0);
		r.full = i & 1 ? LG_FRAME_FULL : (u64)(i & 2) << 3;
		r.cs = chance & 0xffff;
		r.ss = (chance >> 16) & 0xffff;
		if (r.cs == LGUEST_USER32_CS)
			continue;
		CHECK_EQ(user_go(&r), LGUEST_USER_CS | LGUEST_USER_DS << 16);
		user_regs(&r, flags, 0);
		r.full = i & 1 ? LG_FRAME_FULL : 0;
		r.rflags = (chance >> 5) & ~0x40100UL;	/* not TF and AC: they trap, see user_flags.c */
		chance = user_go(&r);
		CHECK_EQ(chance & ~0x214cd7UL, 0x200);	/* IF on; IOPL, VM, VIF, VIP and the rest off */
		CHECK_EQ(chance & 0x204cd5UL, r.rflags & 0x204cd5);
	}
	/* Stack pointers: the return is fine, the first push is user mode's fault. */
	user_regs(&r, touch_stack, 0);
	r.rsp = 0x8000000000000100;
	CHECK_EQ(user_go(&r), USER_FAULTED);
	CHECK_EQ(fault.vector, on_tcg() ? 13 : 12);
	CHECK_EQ(fault.rsp, r.rsp);
	r.rsp = 0xffff800000001000;
	CHECK_EQ(user_go(&r), USER_FAULTED);
	CHECK_EQ(fault.vector, 14);
	r.rsp = 0xfffffe0000002000;
	CHECK_EQ(user_go(&r), USER_FAULTED);
	CHECK_EQ(fault.vector, 14);
	/* The last low address is one to which a return is possible; what is there is not. */
	user_regs(&r, one, 0);
	r.rip = 0x7fffffffffff;
	CHECK_EQ(user_go(&r), USER_FAULTED);
	CHECK_EQ(fault.vector, 14);
	CHECK_EQ(fault.cr2, r.rip);
}
