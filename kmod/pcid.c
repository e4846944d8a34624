// SPDX-License-Identifier: GPL-2.0
/*H:370
 * Which TLB entries are whose: the PCIDs of a guest's roots, and what the switcher loads into CR3 so that no entry outlives what
 * it was made from. It knows nothing of what is in the tables: who drops an entry there counts the guest's generation up and notes it
 * (in the root, or as kernel_gen), and each vCPU that has seen only older ones flushes at its next load.
 */
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/smp.h>
#include <linux/string.h>
#include <asm/processor-flags.h>
#include "compat.h"
#include "lg.h"

/*
 * Linux itself uses PCIDs 0 to 6 (and the same with bit 11, with PTI): the first group of 64 is left to it. The
 * other 31 groups go to vCPUs in turn, on each CPU; when they are used up the epoch changes and all are free again. A
 * PCID that is loaded for the first time since its group was given out is loaded with a flush: so a
 * group needs no flush when it is taken.
 *
 * On processors with INVLPGB, kernels from 6.15 on give processes PCIDs up to 2047 that are the same on all CPUs (up to 4095 when they are
 * built without PTI: unfit_host()); these processors need no PTI, so that 2048 and up are nobody's. There the user view's bit is bit 10,
 * and all 16 groups above are free.
 */
static unsigned int first_group(void) { return lg_invlpgb() ? 32 : 1; }
static unsigned int end_group(void) { return lg_invlpgb() ? 48 : 32; }
static u64 user_bit(void) { return lg_invlpgb() ? 1ULL << 10 : 1ULL << 11; }

struct lg_asids {
	u64 epoch;
	unsigned int next;
};
static DEFINE_PER_CPU(struct lg_asids, lg_asids) = { .epoch = 1 };

/**
 * lg_take_asid - see to it that the vCPU has PCIDs of this CPU
 * @vcpu: its thread has just been scheduled here, perhaps from another CPU; both things that are looked at can change only while it
 *	is scheduled out
 */
void lg_take_asid(struct lg_vcpu *vcpu)
{
	struct lg_asids *a = this_cpu_ptr(&lg_asids);

	if (!lg_pcid || (vcpu->asid_cpu == smp_processor_id() && vcpu->asid_epoch == a->epoch))
		return;
	if (a->next < first_group())
		a->next = first_group();
	if (a->next == end_group()) {
		a->epoch++;
		a->next = first_group();
	}
	vcpu->asid = a->next++;
	vcpu->asid_epoch = a->epoch;
	vcpu->asid_cpu = smp_processor_id();
	memset(vcpu->seen, 0, sizeof(vcpu->seen));
	vcpu->cr3_stale = true;
	lg_count(vcpu, ASIDS);
}

/* An entry that drops TLB entries: how, as the switcher wants it. @need: the generation that it has to be good for */
static noinline void flush_at_entry(struct lg_vcpu *vcpu, u64 need)
{
	struct lg_switch *sw = vcpu->sw;

	sw->cr4 = vcpu->lg->flush_globals ? native_read_cr4() : 0;
	sw->cr3_first = 0;
	if (vcpu->entered >= need)
		return;
	vcpu->entered = need;
	/* Without PCIDs every load flushes */
	if (lg_pcid) {
		sw->cr3_first = sw->cr3[!sw->mode] & ~CR3_NOFLUSH;
		sw->cr3_enter &= ~CR3_NOFLUSH;
	}
}

/*H:380
 * Each turn passes here just before enter(). If nothing has changed since the last one, only the view of the guest's
 * mode is chosen. With another root, or other PCIDs, CR3 gets other values; and if anything was lost since the root's
 * PCIDs were last in use by this vCPU, both views are loaded with a flush. That is where the losses of lose_entry()
 * are made good. Then the vCPU says with which generation it is in: shootdown.c reads that.
 */
/**
 * lg_load_cr3 - what the switcher loads into CR3, before each entry
 * @vcpu: about to run on this CPU; interrupts are off, and where is LG_ENTERING since before the generations are read
 */
void lg_load_cr3(struct lg_vcpu *vcpu)
{
	struct lg_switch *sw = vcpu->sw;
	struct lg_root *root = vcpu->root;
	u64 pcid, need = max(READ_ONCE(root->gen), READ_ONCE(vcpu->lg->kernel_gen));

	if (vcpu->cr3_stale) {
		vcpu->cr3_stale = false;
		pcid = (u64)vcpu->asid << 6 | root->slot;
		sw->cr3[0] = __pa(root->top[0]);
		sw->cr3[1] = __pa(root->top[1]);
		if (lg_pcid) {
			sw->cr3[0] |= CR3_NOFLUSH | pcid;
			sw->cr3[1] |= CR3_NOFLUSH | pcid | user_bit();
		}
	}
	sw->cr3_enter = sw->cr3[sw->mode];
	vcpu->entered = vcpu->seen[root->slot];
	sw->flush = vcpu->entered < need || READ_ONCE(vcpu->lg->flush_globals) || sw->invlpg;
	if (unlikely(sw->flush))
		flush_at_entry(vcpu, need);
	WRITE_ONCE(vcpu->where, vcpu->entered);
}

/**
 * lg_flush_globals - from now on every entry drops all TLB entries, the host's global ones too
 * @vcpu: uses, or is about to use, an address where the host has its own; not in the guest
 *
 * The switcher does it when the guest's page table is loaded: before that, the host's own code would bring them back. What one vCPU
 * fills all can use: so those that are in the guest come out once, before the first such entry is made.
 */
void lg_flush_globals(struct lg_vcpu *vcpu)
{
	struct lguest *lg = vcpu->lg;

	if (READ_ONCE(lg->flush_globals))
		return;
	spin_lock(&lg->mmu_lock);
	/* A loss of which nothing was lost: it makes whoever is in the guest stale */
	WRITE_ONCE(lg->flush_globals, true);
	WRITE_ONCE(lg->kernel_gen, ++lg->gen);
	spin_unlock(&lg->mmu_lock);
	lg_shootdown(vcpu, LG_SCOPE_KERNEL, NULL);
}

/**
 * lg_cr3_loaded - the guest was entered with a flush: what had to be flushed has been
 * @vcpu: just left the guest
 */
void lg_cr3_loaded(struct lg_vcpu *vcpu)
{
	vcpu->sw->invlpg = 0;
	vcpu->seen[vcpu->root->slot] = vcpu->entered;
}
