// SPDX-License-Identifier: GPL-2.0
/* PRINT hands over exactly the text, at any place in memory, across pages; lengths 0 to 255. lgtest compares. */
#include "guest.h"

void guest_main(u64 arg, u64 seed)
{
	u8 *p = page_alloc();

	(void)arg;
	(void)seed;
	page_alloc();
	for (u64 n = 0; n <= 255; n++) {
		u8 *text = p + 4096 - n / 2;

		for (u64 i = 0; i < n; i++)
			text[i] = (u8)(1 + (i + n) % 255);
		CHECK_EQ(hcall(LHCALL_PRINT, pa(text), n, 0, 0), 0);
	}
}
