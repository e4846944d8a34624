// SPDX-License-Identifier: GPL-2.0
/* The shared page full of noise while hypercalls, events, interrupts and returns go on: it harms nobody but this guest. */
#include "guest.h"

USER static void back(u64 arg)
{
	user_syscall(0, arg);
}

void guest_main(u64 arg, u64 seed)
{
	user_map(boot_pml4);
	host(HOST_PULSE, IN(5, 300));
	for (u64 i = 0; i < arg; i++) {
		for (int n = (int)(random64(&seed) % 20); n; n--) {
			u64 where = random64(&seed) % 512, value = random64(&seed);

			if (value & 0x10)
				value >>= 32;
			((volatile u64 *)&lgd)[where] = value;
		}
		if (random64(&seed) & 1)	/* a head from anywhere, or one that the host believes, or one just past that */
			*(volatile u32 *)&lgd.lost_in.head = (u32)random64(&seed);
		else
			*(volatile u32 *)&lgd.lost_in.head += (u32)random64(&seed) % (LGUEST_LOST_SIZE + 20);
		*(volatile u32 *)&lgd.host_out.taken = (u32)random64(&seed);
		*(volatile u32 *)&lgd.host_out.done = (u32)random64(&seed);
		for (u64 j = 0; j < LGUEST_LOST_SIZE; j += 1 + random64(&seed) % 50)
			lgd.lost[j] = random64(&seed) & 1 ? random64(&seed) : (random64(&seed) & (RAM_SIZE - 1));
		lgd.event_busy = 0;
		hcall(random64(&seed) & 1 ? LHCALL_FLUSH_TLB : LHCALL_FLUSH_ASYNC, random64(&seed) % 4, 0, 0, 0);
		lgd.event_busy = 0;
		TRY("ud2");
		if (!(random64(&seed) & 7))
			user_call(back, 5);
	}
}
