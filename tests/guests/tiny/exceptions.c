// SPDX-License-Identifier: GPL-2.0
/* Exceptions of both modes come with the processor's vector and error code, and with the address it gives. */
#include "guest.h"

#define INSN(name, text) USER __attribute__((naked)) static void name(u64 arg) { (void)arg; asm volatile(text "; syscall"); }
INSN(divide, "xor %ecx, %ecx; div %ecx")
INSN(breakpoint, "int3")
INSN(undefined, "ud2")
INSN(icebp, ".byte 0xf1")
INSN(noncanonical, "mov $0x8000000000000000, %rax; mov (%rax), %al")
INSN(stack_fault, "mov $0x8000000000000000, %rbp; mov (%rbp), %al")
INSN(privileged, "hlt")
/* Unmask divide-by-zero, divide, then wait for it. */
INSN(x87, "fninit; push $0x33b; fldcw (%rsp); fld1; push $0; fidivl (%rsp); fwait")
INSN(sse, "push $0x1d80; ldmxcsr (%rsp); xorps %xmm0, %xmm0; mov $1, %eax; cvtsi2ss %eax, %xmm1; divss %xmm0, %xmm1")

static void expect(void (*f)(u64), u64 vector, u64 error)
{
	CHECK_EQ(user_call(f, 0), USER_FAULTED);
	CHECK_EQ(fault.vector, vector);
	CHECK_EQ(fault.error, error);
	CHECK_EQ(fault.cs, LGUEST_USER_CS);
}

void guest_main(u64 arg, u64 seed)
{
	bool tcg = on_tcg();	/* it has no #XM, and no #SS for addresses that are not canonical */
	u64 icebp_vector = 1;


	(void)arg;
	(void)seed;
	user_map(boot_pml4);
	/* QEMU has ICEBP since some version after 7.2 */
	if (tcg && TRY(".byte 0xf1") == 6)
		icebp_vector = 6;
	for (int i = 0; i < 20; i++) {
		expect(divide, 0, 0);
		expect(icebp, icebp_vector, 0);
		expect(breakpoint, 3, 0);
		CHECK_EQ(fault.rip, user_va((void *)(u64)breakpoint) + 1);
		expect(undefined, 6, 0);
		CHECK_EQ(fault.rip, user_va((void *)(u64)undefined));
		expect(noncanonical, 13, 0);
		expect(stack_fault, tcg ? 13 : 12, 0);
		expect(privileged, 13, 0);
		expect(x87, 16, 0);
		if (!tcg)
			expect(sse, 19, 0);
		CHECK_EQ(TRY("xor %%ecx, %%ecx; div %%ecx"), 0);
		CHECK_EQ(fault.cs, LGUEST_KERNEL_CS);
		CHECK_EQ(fault.ss, LGUEST_KERNEL_DS);
		CHECK_EQ(TRY(".byte 0xf1"), icebp_vector);
		CHECK_EQ(TRY("int3"), 3);
		CHECK_EQ(TRY("ud2"), 6);
		CHECK_EQ(TRY_AT("mov (%%rdi), %%al", 1UL << 63), 13);
		CHECK_EQ(TRY_AT("xchg %%rdi, %%rbp; mov (%%rbp), %%al; xchg %%rdi, %%rbp", KERNEL_BASE), NO_FAULT);
		CHECK_EQ(TRY("fninit; push $0x33b; fldcw (%%rsp); fld1; push $0; fidivl (%%rsp); fwait"), 16);
		TRY("fninit");
		if (!tcg)
			CHECK_EQ(TRY("push $0x1d80; ldmxcsr (%%rsp); xorps %%xmm0, %%xmm0; mov $1, %%eax; cvtsi2ss %%eax, %%xmm1;"
			     "divss %%xmm0, %%xmm1"), 19);
		TRY("push $0x1f80; ldmxcsr (%%rsp)");
	}
}
