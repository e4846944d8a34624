// SPDX-License-Identifier: GPL-2.0
/*
 * losses.c: proofs about kmod/shadow_losses.c: how much of the host's time a guest's lost queues can take, whatever the guest and its other vCPUs
 * write to them meanwhile. What stands for the kernel is in kernel/lg.h.
 */
#include "tests/proofs/proof.h"

#include "kmod/shadow_losses.c"

#define TABLES 1u

static u64 entries[ENTRIES];
static struct lg_sp tables[TABLES], kernel;
static struct lguest guest;
static struct lg_vcpu vcpus[LG_VCPUS];

/* Two vCPUs with any queues, and a chain of up to TABLES shadows of one table, which is any table's */
static void any_losses(void)
{
	ANY(vcpus);
	kernel.spt = entries;
	chain = NULL;
	for (unsigned int i = any_up_to(TABLES); i; i--) {
		tables[i - 1] = (struct lg_sp){ .spt = entries, .gfn = any_u64(), .level = 1 + any_up_to(3), .next = chain };
		chain = &tables[i - 1];
	}
	guest.kernel = &kernel;
	for (unsigned int i = 0; i < LG_VCPUS; i++) {
		vcpus[i].lg = &guest;
		vcpus[i].data = shared_page(i);
	}
}

/*
 * PROOF: one hold of the lock takes no more records than it pays steps for, HOLD_RECORDS at most, and there is another one only when it took one: so a call takes DRAIN_STEPS records at most.
 * BOUND: any counts and records, other ones at each look; HOLD_RECORDS 3 for 64, HOLD_STEPS 5 for 1024; a chain of 0 or 1 shadow tables, of 4 entries
 * SCALE: kmod/shadow_losses.c: "HOLD_RECORDS	64" => "HOLD_RECORDS	3"
 * SCALE: kmod/shadow_losses.c: "HOLD_STEPS	1024" => "HOLD_STEPS	5"
 * UNWIND: 5
 * BUG: kmod/shadow_losses.c: "if (!--*steps)\n\t\treturn false;\n\thlist" => "hlist"
 */
void proof_take_some(void)
{
	unsigned int left = any_u32(), had = left;
	u32 head = any_u32(), from;
	bool again;

	any_losses();
	from = vcpus[1].taken;
	again = take_some(&vcpus[0], &vcpus[1], head, &left);
	PROVE(left <= had, "steps are never given back");
	PROVE(vcpus[1].taken - from <= had - left, "each record costs a step");
	PROVE(vcpus[1].taken - from <= HOLD_RECORDS, "no more than one hold may");
	PROVE(!again || vcpus[1].taken != from || (s32)(head - from) <= 0, "it has got on");
}
