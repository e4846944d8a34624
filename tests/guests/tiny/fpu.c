// SPDX-License-Identifier: GPL-2.0
/*
 * Vector and x87 registers stay the guest's own while a process of the host uses them on the same CPU, through hypercalls, system
 * calls, halts and interrupts. arg: rounds.
 */
#include "guest.h"

static u8 area[16][32] __attribute__((aligned(64))), got[16][32] __attribute__((aligned(64)));
USER_DATA static u8 user_area[16][32] __attribute__((aligned(64)));
static bool avx;

#define EACH(op) op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7) op(8) op(9) op(10) op(11) op(12) op(13) op(14) op(15)
#define LOAD_Y(n) "vmovups " #n "*32(%0), %%ymm" #n "\n\t"
#define STORE_Y(n) "vmovups %%ymm" #n ", " #n "*32(%0)\n\t"
#define LOAD_X(n) "movups " #n "*32(%0), %%xmm" #n "\n\t"
#define STORE_X(n) "movups %%xmm" #n ", " #n "*32(%0)\n\t"

static void load(void)
{
	if (avx)
		asm volatile(EACH(LOAD_Y) : : "r"(area) : "memory");
	else
		asm volatile(EACH(LOAD_X) : : "r"(area) : "memory");
}

static void check(const char *after)
{
	u16 control;
	u32 mxcsr;
	u64 top;

	memset(got, 0, sizeof(got));
	if (avx)
		asm volatile(EACH(STORE_Y) : : "r"(got) : "memory");
	else
		asm volatile(EACH(STORE_X) : : "r"(got) : "memory");
	for (int i = 0; i < 16; i++)
		for (int j = 0; j < (avx ? 32 : 16); j++)
			if (got[i][j] != area[i][j])
				fail("after %s, byte %d of register %d is %x, not %x", after, j, i, got[i][j], area[i][j]);
	asm volatile("fnstcw %0; stmxcsr %1; fld %%st(0); fistpll %2" : "=m"(control), "=m"(mxcsr), "=m"(top));
	CHECK_EQ(control, 0x27f);
	CHECK_EQ(mxcsr & 0xffc0, 0x3f80);
	CHECK_EQ(top, 12345);
}

/* Adds one to the first byte of ymm3 in memory that it stores, so that the kernel sees that user mode had the registers. */
USER static void user_part(u64 arg)
{
	asm volatile("movups %%xmm3, (%0)" : : "r"(arg) : "memory");
	user_syscall(0, *(u64 *)arg);
}

void guest_main(u64 arg, u64 seed)
{
	u32 a, b, c, d, low, high;
	u64 number = 12345;
	u16 control = 0x27f;
	u32 mxcsr = 0x3f80;

	cpuid(1, 0, &a, &b, &c, &d);
	CHECK(c & (1 << 27));	/* OSXSAVE */
	asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	avx = (c & (1 << 28)) && (low & 6) == 6;
	user_map(boot_pml4);
	asm volatile("fninit; fldcw %0; ldmxcsr %1; fildll %2" : : "m"(control), "m"(mxcsr), "m"(number));
	host(HOST_HOG, 0);
	for (u64 i = 0; i < arg; i++) {
		for (u64 *p = (u64 *)area; p < (u64 *)(area + 16); p++)
			*p = random64(&seed);
		load();
		for (u64 t = rdtsc() + 3000000; rdtsc() < t; )
			pause();
		check("computing");
		hcall(LHCALL_FLUSH_ASYNC, 0, 0, 0, 0);
		check("a hypercall");
		CHECK_EQ(user_call(user_part, user_va(user_area)), *(u64 *)area[3]);
		check("user mode");
		hcall(LHCALL_SET_CLOCKEVENT, 500000, 0, 0, 0);
		for (u64 n = irqs[0]; n == irqs[0]; )
			hcall(LHCALL_HALT, 0, 0, 0, 0);
		check("a halt");
		host(HOST_OTHER, 0);
		check("an exit to the core");
		irq_off();
	}
	pass(avx ? "with AVX" : "SSE only: this CPU has no AVX");
}
