// SPDX-License-Identifier: GPL-2.0
/*
 * Ping-pong with a host thread: notify, then halt until its interrupt came. The interrupt may come before, in or after the
 * HALT; a lost wake-up stops the test. arg: rounds.
 */
#include "guest.h"

void guest_main(u64 arg, u64 seed)
{
	for (u64 i = 0; i < arg; i++) {
		u64 before = irqs[PING_LINE];

		irq_off();
		host(HOST_PING, i);
		for (u64 spin = random64(&seed) % 2000; spin; spin--)
			pause();
		while (irqs[PING_LINE] == before)
			hcall(LHCALL_HALT, 0, 0, 0, 0);
		CHECK_EQ(irqs[PING_LINE], before + 1);
		CHECK_EQ(lgd.irq_enabled, LGUEST_FLAG_IF);
	}
}
