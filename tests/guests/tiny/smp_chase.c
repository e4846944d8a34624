// SPDX-License-Identifier: GPL-2.0
/*
 * A queue whose count runs away: when vCPU 0 has looked how far to go, which is far, the other one keeps the count just ahead of what was
 * taken. Each look at it then finds a count that may be, and every record is of a table that nobody has. One call takes a bounded number of
 * records all the same. arg: so many calls were chased to the end of what one may take. That takes two vCPUs which run at once for that long:
 * a machine that lets one run at a time for ROUNDS calls has not shown it.
 */
#include "guest.h"

#define MOST	16384u		/* records of one call: DRAIN_STEPS */
#define ROUNDS	3000
#define FAR	0x40000000u
#define NEAR	(LGUEST_LOST_SIZE * 3 / 4)

static volatile u64 calls, stop, chased, longest;
static u64 want;

/* Return: how many records the call that is under way has taken, when it is over or the chase is lost */
static u32 chase(void)
{
	volatile struct lguest_data *d = &lgd;
	u64 call = calls;
	u32 from = d->host_out.taken, taken = from, now;

	/*
	 * Far, then near: the change is to come between its two looks, which are close together. So both are short, and as long as each other: no
	 * pause(), which ends an emulator's turn and left so few meetings that a busy machine had not ten in four minutes.
	 */
	do {
		d->lost_in.head = from + FAR;
		now = d->host_out.taken;
		d->lost_in.head = from + NEAR;
	} while (now == from && d->host_out.taken == from && calls == call);
	for (;;) {
		d->lost_in.head = taken + NEAR;
		now = d->host_out.taken;

		/* Given up, the count is what it was said to be */
		if (calls != call || now - from >= FAR / 2)
			return taken - from;
		taken = now;
		if (taken - from > MOST)
			fail("one call has taken %u records", taken - from);
	}
}

static void runaway(unsigned int cpu)
{
	(void)cpu;
	for (unsigned int i = 0; i < ROUNDS && chased < want; i++) {
		u32 n = chase();

		chased += n > MOST / 8 * 7;
		longest = n > longest ? n : longest;
	}
	stop = 1;
}

void guest_main(u64 arg, u64 seed)
{
	(void)seed;
	want = arg;
	cpu_up(1, runaway);
	while (!stop) {
		calls++;
		hcall(LHCALL_FLUSH_ASYNC, 0, 0, 0, 0);
	}
	if (!chased)
		pass("SKIP: of %ld calls none was chased to the end, and one for %ld records", (long)calls, (long)longest);
	pass("%ld calls, %ld chased to the end", (long)calls, (long)chased);
}
