// SPDX-License-Identifier: GPL-2.0
/*
 * LHCALL_LGUEST_INIT with a page or contents that cannot be: an error or a kill, never more. arg: which; with those that INIT may
 * take (its values are addresses like others), what happens at the first event.
 */
#include "guest.h"

void guest_early(u64 arg, u64 seed)
{
	u64 where = pa(&lgd);
	long result;

	fill_lgd();
	switch (arg) {
	case 0: where = 1UL << 45; break;
	case 1: where = RAM_SIZE; break;
	case 2: where = ~0UL; break;
	case 3: where = pa(&lgd) + 8; break;
	case 4: where = MMIO_PA; break;
	case 5: lgd.abi_version = 0; break;
	case 6: lgd.abi_version = 99; break;
	case 7: lgd.init_flags = 1; break;
	case 8: lgd.event_entry_kernel = 1UL << 63; break;
	case 9: lgd.event_entry_kernel = 0xffff800000001000; break;
	case 10: lgd.event_entry_kernel = 0xfffffe0000001000; break;
	case 11: lgd.event_entry_kernel = 0; break;
	case 12: lgd.event_entry_kernel = 0xffffffff81000000; break;
	case 13: lgd.kernel_range[0][0] = 5; lgd.kernel_range[0][1] = 3; break;
	case 14: lgd.kernel_range[1][0] = 0; lgd.kernel_range[1][1] = ~0UL; break;
	case 15: lgd.kernel_range[1][0] = 1UL << 63; lgd.kernel_range[1][1] = (1UL << 63) + 4096; break;
	case 16: lgd.return_to_user = 1UL << 63; break;
	case 17: lgd.syscall_entry = 1UL << 63; break;
	case 18: lgd.event_entry_user = 1UL << 63; break;
	default:
		for (u64 *p = (u64 *)&lgd; p < (u64 *)(&lgd + 1); p++)
			*p = random64(&seed);
		lgd.abi_version = LGUEST_ABI_VERSION;
		lgd.init_flags = 0;
	}
	result = hcall(LHCALL_LGUEST_INIT, where, 0, 0, 0);
	if (result)
		pass("INIT returned %ld", result);
	if (arg <= 7)
		fail("INIT took it");
	hcall(LHCALL_FLUSH_TLB, LG_FLUSH_ALL, 0, 0, 0);
	CHECK_EQ(TRY("ud2"), 6);
	pass("INIT took it, and events work");
}

void guest_main(u64 arg, u64 seed)
{
	(void)arg;
	(void)seed;
}
