// SPDX-License-Identifier: GPL-2.0
/* The time page gives the host's clocks, and never goes back. */
#include "guest.h"

void guest_main(u64 arg, u64 seed)
{
	u64 last = clock_ns();

	(void)arg;
	(void)seed;
	CHECK(lgd.time.tsc_khz);
	CHECK_EQ(lgd.time.version & 1, 0);
	for (int i = 0; i < 20; i++) {
		host(HOST_CLOCK, clock_ns());
		host(HOST_WALL, lgd.time.wall_sec + (lgd.time.wall_nsec + clock_ns() - lgd.time.wall_at) / 1000000000);
		for (int j = 0; j < 20000; j++) {
			u64 now = clock_ns();

			CHECK(now >= last);
			last = now;
		}
	}
}
