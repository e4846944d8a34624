// SPDX-License-Identifier: GPL-2.0
/* Each of the lines can be raised by an eventfd, also while the guest halts. */
#include "guest.h"

void guest_main(u64 arg, u64 seed)
{
	(void)arg;
	(void)seed;
	for (u64 line = 0; line < LGUEST_IRQS; line++) {
		host(HOST_IRQFD_IN, IN(line, line & 1 ? 0 : 2000));
		while (!irqs[line])
			hcall(LHCALL_HALT, 0, 0, 0, 0);
		for (u64 i = 0; i < LGUEST_IRQS; i++)
			CHECK_EQ(irqs[i], i <= line);
		irq_off();
	}
}
