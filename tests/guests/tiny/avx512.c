// SPDX-License-Identifier: GPL-2.0
/*
 * All 32 vector registers of 512 bits and all mask registers stay the guest's own while a thread of the host that uses them, too, is woken
 * on its CPU by each of the guest's hypercalls. arg: how often.
 */
#include "guest.h"

#define SETS 8

static struct {
	u8 zmm[32][64];
	u32 k[8];
} __attribute__((aligned(64))) area[SETS], got;

#define EACH_Z(op) op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7) op(8) op(9) op(10) op(11) op(12) op(13) op(14) op(15) \
	op(16) op(17) op(18) op(19) op(20) op(21) op(22) op(23) op(24) op(25) op(26) op(27) op(28) op(29) op(30) op(31)
#define EACH_K(op) op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7)
#define LOAD_Z(n) "vmovdqu64 " #n "*64(%0), %%zmm" #n "\n\t"
#define STORE_Z(n) "vmovdqu64 %%zmm" #n ", " #n "*64(%0)\n\t"
#define LOAD_K(n) "kmovw 2048+" #n "*4(%0), %%k" #n "\n\t"
#define STORE_K(n) "kmovw %%k" #n ", 2048+" #n "*4(%0)\n\t"

static void compare(u64 round, const u64 *a, const u64 *b)
{
	for (unsigned int i = 0; i < sizeof(got) / 8; i++)
		if (a[i] != b[i])
			fail("round %ld: word %d of the vector and mask registers is %lx, not %lx", (long)round, i, (long)b[i], (long)a[i]);
}

void guest_main(u64 arg, u64 seed)
{
	u32 a, b, c, d, low, high;

	cpuid(7, 0, &a, &b, &c, &d);
	CHECK(b & (1 << 16));
	asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	CHECK_EQ(low & 0xe6, 0xe6);
	for (unsigned int s = 0; s < SETS; s++) {
		for (u64 *p = (u64 *)area[s].zmm; p < (u64 *)area[s].k; p++)
			*p = random64(&seed);
		for (unsigned int i = 0; i < 8; i++)
			area[s].k[i] = random64(&seed) & 0xffff;
	}
	for (u64 i = 0; i < arg; i++) {
		asm volatile(EACH_Z(LOAD_Z) EACH_K(LOAD_K) : : "r"(&area[i % SETS]) : "memory");
		host(HOST_PING, 0);
		asm volatile(EACH_Z(STORE_Z) EACH_K(STORE_K) : : "r"(&got) : "memory");
		compare(i, (u64 *)&area[i % SETS], (u64 *)&got);
	}
	pass("each time its own");
}
