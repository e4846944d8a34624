// SPDX-License-Identifier: GPL-2.0
/* Every hypercall number, with arguments of every kind, direct and queued: a result, an exit or a kill. */
#include "guest.h"

static u64 argument(u64 *seed)
{
	u64 r = random64(seed);

	switch (r % 10) {
	case 0: return r;
	case 1: return 0;
	case 2: return ~0UL;
	case 3: return r >> 40 & 0xff;
	case 4: return (r >> 20) & (RAM_SIZE - 1);
	case 5: return pa(&lgd);
	case 6: return pa(boot_pml4);
	case 7: return (1UL << (r >> 58)) - (r >> 40 & 1);
	case 8: return KERNEL_BASE + ((r >> 20) & (RAM_SIZE - 1));
	default: return (r >> 10) & 0xfffffffff000;
	}
}

/* Those that kill with most arguments; and so does the ring with all but a few */
static bool kills(u64 nr)
{
	return nr == LHCALL_NEW_PGTABLE || nr == LHCALL_LGUEST_INIT || nr == LHCALL_PRINT;
}

static bool can_be_queued(u64 nr)
{
	return nr == LHCALL_FLUSH_TLB || nr == LHCALL_FLUSH_RANGE || nr == LHCALL_DROP_PGTABLE || nr == LHCALL_SET_CLOCKEVENT ||
	       nr == LHCALL_NOTIFY || nr == LHCALL_LOAD_TLS;
}

void guest_main(u64 arg, u64 seed)
{
	for (u64 i = 0; i < arg; i++) {
		u64 nr = random64(&seed) % (LHCALL_NR + 4);

		/*
		 * A SHUTDOWN would end the test, a VCPU_DOWN of the only vCPU leave it to its time limit, a HALT wait, and others
		 * kill too often to get far: each their share.
		 */
		if (nr == LHCALL_SHUTDOWN || nr == LHCALL_VCPU_DOWN || (kills(nr) && random64(&seed) % 16))
			continue;
		irq_off();
		if (nr == LHCALL_HALT) {
			hcall(LHCALL_SET_CLOCKEVENT, 1000, 0, 0, 0);
			hcall(LHCALL_SEND_IPI, 1, LGUEST_IRQ_KICK, 0, 0);
		}
		if (nr == LHCALL_NR + 3)
			nr = random64(&seed);
		if (random64(&seed) % (can_be_queued(nr) ? 2 : 64)) {
			hcall(nr, argument(&seed), argument(&seed), argument(&seed), argument(&seed));
		} else {
			u64 slot = random64(&seed) % LHCALL_RING_SIZE;

			lgd.hcalls[slot].nr = nr == LHCALL_HALT ? 0 : nr;
			for (int j = 0; j < 4; j++)
				lgd.hcalls[slot].arg[j] = argument(&seed);
			lgd.hcall_status[slot] = LHCALL_RING_READY;
		}
		lgd.event_busy = 0;
	}
}
