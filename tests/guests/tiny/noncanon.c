// SPDX-License-Identifier: GPL-2.0
/*
 * Ways to take rip out of the canonical addresses: the guest gets a fault or is killed. The last of them puts SYSCALL in the
 * last two bytes of the low half, so that the address behind it is the first that SYSRET must not see. arg: which.
 */
#include "guest.h"

#define TOP 0x7ffffffff000UL

USER static void jump(u64 arg)
{
	asm volatile("jmp *%0" : : "r"(arg));
}

USER static void ret(u64 arg)
{
	asm volatile("push %0; ret" : : "r"(arg));
}

static void from_user(void (*f)(u64), u64 to)
{
	CHECK_EQ(user_call(f, to), USER_FAULTED);
	/* A host with 5 levels knows more canonical addresses: nothing is there. */
	if (fault.vector != 13 && fault.vector != 14)
		fail("jump to 0x%lx: exception %ld", (long)to, (long)fault.vector);
}

static u64 calls;

static void at_the_edge(struct regs *r)
{
	calls++;
	CHECK_EQ(r->rip, TOP + 4096);
	CHECK_EQ(r->rdi, 4711);
	/* Going back there as it asks is refused; the stub sees it. */
}

void guest_main(u64 arg, u64 seed)
{
	static const u64 to[] = { 1UL << 63, 1UL << 47, 0x7fffffffffffffff, 0xffff7fffffffffff, 1UL << 56, 1UL << 57 };
	u8 *page = page_alloc();
	struct regs r;

	(void)seed;
	user_map(boot_pml4);
	page[4094] = 0x0f;
	page[4095] = 0x05;
	switch (arg) {
	case 0:
		for (u64 i = 0; i < sizeof(to) / sizeof(to[0]); i++) {
			u64 v;

			from_user(jump, to[i]);
			from_user(ret, to[i]);
			v = TRY_AT("jmp *%%rdi", to[i]);
			CHECK(v == 13 || v == 14);
			v = TRY_AT("push %%rdi; ret", to[i]);
			CHECK(v == 13 || v == 14);
			v = TRY_AT("mov %%rsp, %%rax; push $0x2b; push %%rax; push $0x202; push $0x33; push %%rdi; iretq", to[i]);
			CHECK(v == 13 || v == 14);
		}
		break;
	case 1:		/* from user mode, by direct switch */
		map(boot_pml4, TOP, pa(page), PTE_U);
		on_syscall = at_the_edge;
		for (int i = 0; i < 100; i++) {
			user_regs(&r, jump, 4711);
			r.full = i & 1 ? LG_FRAME_FULL : 0;
			r.rip = TOP + 4094;
			CHECK_EQ(user_go(&r), USER_REFUSED);
			CHECK_EQ(fault.vector, 13);
			CHECK_EQ(fault.rip, (u64)return_to_user);
		}
		CHECK_EQ(calls, 100);
		break;
	case 2:		/* a hypercall at the top of everything: rip wraps to 0 */
		map(boot_pml4, 0xfffffffffffff000, pa(page), 0);
		CHECK_EQ(TRY_REGS("jmp *%%rdi", LHCALL_FLUSH_ASYNC, 0, 0, 0, 0xffffffffffffffee + 16), 14);
		CHECK_EQ(fault.rip, 0);
		break;
	}
}
