// SPDX-License-Identifier: GPL-2.0
/*
 * All 65,536 selectors into each data segment register (arg: which), and as code segments by far return: a fault or not, never
 * more; the host's own come back when it runs. A far return to 32-bit code is alone (arg 6): a processor may cut rsp then, and
 * the fault finds no stack. With them loaded: hypercalls, exceptions, system calls.
 */
#include "guest.h"

USER static void nothing(u64 arg)
{
	user_syscall(0, arg);
}

void guest_main(u64 arg, u64 seed)
{
	u64 loaded = 0;

	user_map(boot_pml4);
	if (arg == 6) {
		TRY_AT("push %%rdi; push $16; lretq", LGUEST_USER32_CS);
		pass("exception %ld", (long)fault.vector);
	}
	for (u64 s = 0; s < 65536; s++) {
		u64 v;

		if (arg == 5 && (s & 0xfff8) == (LGUEST_USER32_CS & 0xfff8))
			continue;

		if (shortened && s > 0x80 && (s * 7 + seed) % 251)
			continue;
		if (arg == 5 && (s >> 3) % 37 && s > 0x200)
			continue;	/* far returns all fault; these are enough */
		switch (arg) {
		case 0: v = TRY_AT("mov %%edi, %%ds", s); break;
		case 1: v = TRY_AT("mov %%edi, %%es", s); break;
		case 2: v = TRY_AT("mov %%edi, %%fs", s); break;
		case 3: v = TRY_AT("mov %%edi, %%gs", s); break;
		case 4: v = TRY_AT("mov %%edi, %%ss", s); break;
		default: v = TRY_AT("push %%rdi; push $16; lretq", s); break;
		}
		if (v != NO_FAULT) {
			/* What is not there is #GP or #NP or #SS with the selector; rip 16 is not mapped, for those far returns that go. */
			if (v != 13 && v != 11 && v != 12 && v != 14)
				fail("selector 0x%x: exception %ld", (u32)s, (long)v);
			if (v != 14)
				CHECK_EQ(fault.error, s & 0xfffc);
			continue;
		}
		loaded++;
		CHECK_EQ(s & 4, 0);	/* there is no LDT */
		hcall(LHCALL_FLUSH_ASYNC, 0, 0, 0, 0);
		CHECK_EQ(TRY("ud2"), 6);
		CHECK_EQ(user_call(nothing, 7), 7);
		host(HOST_OTHER, 0);
	}
	TRY_AT("mov %%edi, %%ds; mov %%edi, %%es; mov %%edi, %%fs; mov %%edi, %%gs", 0);
	for (u64 s = 0; s < 256; s++)
		TRY_AT("lar %%edi, %%eax; lsl %%edi, %%eax; verr %%di; verw %%di", s);
	pass("%ld loaded", (long)loaded);
}
