// SPDX-License-Identifier: GPL-2.0
/*H:370
 * Which TLB entries are whose: the PCIDs of a guest's roots, and what the switcher loads into CR3 so that no entry outlives what
 * it was made from. It knows nothing of what is in the tables: who drops an entry there sets tlb_gen (a root's, or
 * the vCPU's for the kernel half), and this is what makes the next load flush.
 */
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/smp.h>
#include <asm/processor-flags.h>
#include "lg.h"

/*
 * Linux itself uses PCIDs 0 to 6 (and the same with bit 11, with PTI): the first group of 64 is left to it. The
 * other 31 groups go to vCPUs in turn, on each CPU; when they are used up the epoch changes and all are free again. A
 * PCID that is loaded for the first time since its group was given out is loaded with a flush: so a
 * group needs no flush when it is taken.
 *
 * On processors with INVLPGB, kernels from 6.15 on give processes PCIDs up to 2047 that are the same on all CPUs; these processors need no
 * PTI, so that 2048 and up are nobody's. There the user view's bit is bit 10, and all 16 groups above are free.
 */
static bool high_half(void)
{
#ifdef X86_FEATURE_INVLPGB
	return boot_cpu_has(X86_FEATURE_INVLPGB);
#else
	return false;
#endif
}

static unsigned int first_group(void) { return high_half() ? 32 : 1; }
static unsigned int end_group(void) { return high_half() ? 48 : 32; }
static u64 user_bit(void) { return high_half() ? 1ULL << 10 : 1ULL << 11; }

struct lg_asids {
	u64 epoch;
	unsigned int next;
};
static DEFINE_PER_CPU(struct lg_asids, lg_asids) = { .epoch = 1 };

static void take_asid(struct lg_vcpu *vcpu)
{
	struct lg_asids *a = this_cpu_ptr(&lg_asids);

	if (a->next < first_group())
		a->next = first_group();
	if (a->next == end_group()) {
		a->epoch++;
		a->next = first_group();
	}
	vcpu->asid = a->next++;
	vcpu->asid_epoch = a->epoch;
	vcpu->asid_cpu = smp_processor_id();
	vcpu->tlb_gen = ++vcpu->lg->tlb_gen;
	lg_count(vcpu, ASIDS);
}

/* An entry that drops TLB entries: how, as the switcher wants it */
static noinline void flush_at_entry(struct lg_vcpu *vcpu)
{
	struct lg_switch *sw = vcpu->sw;

	sw->cr4 = vcpu->flush_globals ? native_read_cr4() : 0;
	sw->cr3_first = 0;
	if (vcpu->flush_tlb) {
		sw->cr3_first = sw->cr3[!sw->mode] & ~CR3_NOFLUSH;
		sw->cr3_enter &= ~CR3_NOFLUSH;
	}
}

/*H:380
 * Each turn passes here just before enter(). If nothing has changed since the last one, only the view of the guest's
 * mode is chosen. On another CPU or in another epoch the vCPU takes a new group of PCIDs; with another root CR3 gets
 * other values; and if something was lost, both views are loaded with a flush. That is where the losses of
 * lose_entry() are made good.
 */
/**
 * lg_load_cr3 - what the switcher loads into CR3, before each entry
 * @vcpu: about to run on this CPU; interrupts are off
 */
void lg_load_cr3(struct lg_vcpu *vcpu)
{
	struct lg_switch *sw = vcpu->sw;
	struct lg_root *root = vcpu->root;
	u64 pcid;

	if (lg_pcid && (vcpu->asid_cpu != smp_processor_id() || vcpu->asid_epoch != this_cpu_ptr(&lg_asids)->epoch)) {
		take_asid(vcpu);
		vcpu->cr3_stale = true;
	}
	if (vcpu->cr3_stale) {
		vcpu->cr3_stale = false;
		pcid = (u64)vcpu->asid << 6 | root->slot;
		sw->cr3[0] = __pa(root->top[0]);
		sw->cr3[1] = __pa(root->top[1]);
		if (lg_pcid) {
			sw->cr3[0] |= CR3_NOFLUSH | pcid;
			sw->cr3[1] |= CR3_NOFLUSH | pcid | user_bit();
		}
		sw->no_direct = root->kernel_only || !vcpu->data;
		vcpu->flush_tlb = lg_pcid && root->tlb_gen != vcpu->tlb_gen;
	}
	sw->cr3_enter = sw->cr3[sw->mode];
	sw->flush = vcpu->flush_tlb || vcpu->flush_globals || sw->invlpg;
	if (unlikely(sw->flush))
		flush_at_entry(vcpu);
}

/**
 * lg_flush_globals - from now on every entry drops all TLB entries, the host's global ones too
 * @vcpu: uses, or is about to use, an address where the host has its own; not in the guest
 *
 * The switcher does it when the guest's page table is loaded: before that, the host's own code would bring them back.
 */
void lg_flush_globals(struct lg_vcpu *vcpu)
{
	vcpu->flush_globals = true;
	vcpu->stat[LG_STAT_FLUSH_GLOBALS] = 1;
}

/**
 * lg_cr3_loaded - the guest was entered with a flush: what had to be flushed has been
 * @vcpu: just left the guest
 */
void lg_cr3_loaded(struct lg_vcpu *vcpu)
{
	vcpu->sw->invlpg = 0;
	if (vcpu->flush_tlb) {
		vcpu->flush_tlb = false;
		vcpu->root->tlb_gen = vcpu->tlb_gen;
	}
}
