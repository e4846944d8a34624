// SPDX-License-Identifier: GPL-2.0
/*
 * Where the processor has tiles, they are not the guest's: nothing would save them when another thread is scheduled. Their first use is #NM, and
 * the guest goes on.
 */
#include "guest.h"

void guest_main(u64 arg, u64 seed)
{
	static u8 config[64] __attribute__((aligned(64))) = { 1, [16] = 64, [48] = 16 };
	u32 a, b, c, d, low, high;

	(void)arg;
	(void)seed;
	cpuid(7, 0, &a, &b, &c, &d);
	if (!(d & (1 << 24)))
		pass("SKIP: this CPU has no tiles");
	cpuid(1, 0, &a, &b, &c, &d);
	CHECK(c & (1 << 27));
	asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	if ((low & 0x60000) != 0x60000)
		pass("SKIP: this host does not use the CPU's tiles");
	for (int i = 0; i < 20; i++) {
		CHECK_EQ(TRY_AT(".byte 0xc4, 0xe2, 0x78, 0x49, 0x07", config), NO_FAULT);	/* LDTILECFG */
		CHECK_EQ(TRY(".byte 0xc4, 0xe2, 0x7b, 0x49, 0xc0"), 7);			/* TILEZERO tmm0 */
		host(HOST_OTHER, 0);
	}
	pass("tiles are refused");
}
