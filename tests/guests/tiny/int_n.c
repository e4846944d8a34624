// SPDX-License-Identifier: GPL-2.0
/* Every INT n in both modes: #BP and #OF for 3 and 4, else #GP with the vector in the error code; none reaches the host's handler. */
#include "guest.h"

static u8 code[64];
USER_DATA static u8 user_code[256 * 8] = { 1 };

static void expect(u64 n, u64 vector, const char *mode)
{
	/* QEMU's software emulation makes the error code from the gate's offset. */
	u64 error = on_tcg() ? n * 16 + 2 : n * 8 + 2;

	if (n == 3 || n == 4 ? vector != n : vector != 13 || (fault.error != error && fault.error != n * 8 + 2))
		fail("int 0x%x in %s: vector %ld, error 0x%lx", (u32)n, mode, (long)vector, (long)fault.error);
}

void guest_main(u64 arg, u64 seed)
{
	struct regs r;

	(void)arg;
	(void)seed;
	user_map(boot_pml4);
	for (u64 n = 0; n < 256; n++) {
		memcpy(user_code + n * 8, (u8[]){ 0xcd, (u8)n, 0xbf, 1, 0, 0, 0, 0x90 }, 8);
		memcpy(code, (u8[]){ 0xcd, (u8)n, 0xc3 }, 3);
		expect(n, try_exec((u64)code), "the kernel");
		if (n != 3 && n != 4)
			CHECK_EQ(fault.rip, (u64)code);
		user_regs(&r, (void (*)(u64))(u64)(user_code + n * 8), 0);
		r.rax = n & 1 ? 1 : 60;		/* exit, in either of the host's tables of system calls */
		CHECK_EQ(user_go(&r), USER_FAULTED);
		expect(n, fault.vector, "user mode");
	}
}
