// SPDX-License-Identifier: GPL-2.0
/*H:315
 * Losing entries: what the guest says that it has taken away, one entry or all of a range, and what has to go because there is no
 * room. An entry that is dropped here is only noted as stale: pcid.c flushes before the next load.
 */
#include <linux/sched.h>
#include "lg.h"
#include "shadow.h"

/*
 * Steps along hash chains that one drain of the lost queue may take. The queue of a guest whose tables are each shadowed once
 * needs a few for a record; the guest can make one table's chain as long as its limit, and then everything is dropped.
 */
#define DRAIN_STEPS	16384

void mark_stale(struct lg_vcpu *vcpu, struct lg_root *root)
{
	if (root)
		root->tlb_gen = 0;
	else
		vcpu->tlb_gen = ++vcpu->lg->tlb_gen;	/* the kernel half is in every root's PCIDs */
	vcpu->cr3_stale = true;
}

/*H:317
 * Before we follow a loss from its start, the last step of one: a range of addresses goes from one table and all below it. What the
 * range covers whole is cut off at once, what it covers in part is gone into, four levels at most.
 */
void zap_range(struct lguest *lg, struct lg_sp *sp, u64 start, u64 last)
{
	unsigned int i, end = index_of(last, sp->level);
	u64 size = 1ULL << (PAGE_SHIFT + 9 * (sp->level - 1));

	for (i = index_of(start, sp->level); i <= end && sp->used; i++) {
		u64 entry = sp->spt[i], from = start, to = last;
		u64 base = (start & ~(size * ENTRIES - 1)) + i * size;

		if (!entry || is_fixed(sp, i))
			continue;
		if (from < base)
			from = base;
		if (to > base + size - 1)
			to = base + size - 1;
		if (is_leaf(sp, entry) || (from == base && to == base + size - 1))
			zap_entry(lg, sp, i);
		else
			zap_range(lg, sp_of(entry), from, to);
		if (sp->level == 4)	/* an entry of the kernel half is repeated in every root */
			cond_resched();
	}
}

/**
 * lg_flush_range - drop what the shadow tables have of a range of virtual addresses
 * @vcpu: the vCPU; its current root and the kernel half
 * @start: first address
 * @end: first address after the range; nothing happens unless it is greater
 */
void lg_flush_range(struct lg_vcpu *vcpu, u64 start, u64 end)
{
	struct lguest *lg = vcpu->lg;
	u64 last = end - 1;

	if (end <= start)
		return;
	if (start < 1ULL << 47 && vcpu->root) {
		zap_range(lg, vcpu->root->low, start, min(last, (1ULL << 47) - 1));
		mark_stale(vcpu, vcpu->root);
	}
	if (last >= -(1ULL << 47)) {
		zap_range(lg, lg->kernel, max(start, (u64)-(1ULL << 47)), last);
		mark_stale(vcpu, NULL);
	}
}

void flush_low(struct lg_vcpu *vcpu, struct lg_root *root)
{
	zap_range(vcpu->lg, root->low, 0, (1ULL << 47) - 1);
	root->kernel_only = false;
	mark_stale(vcpu, root);
}

/** lg_flush_user - drop the low half of the current root */
void lg_flush_user(struct lg_vcpu *vcpu)
{
	if (vcpu->root)
		flush_low(vcpu, vcpu->root);
}

/** lg_flush_all - drop everything: all roots' low halves and the kernel half */
void lg_flush_all(struct lg_vcpu *vcpu)
{
	struct lg_root *root, *next;

	list_for_each_entry_safe(root, next, &vcpu->lg->root_lru, lru) {
		if (root == vcpu->root)
			flush_low(vcpu, root);
		else if (root->used)
			release_root(vcpu, root);
	}
	lg_flush_range(vcpu, -(1ULL << 47), ~0ULL);
	lg_count(vcpu, FLUSHES);
}

/**
 * lg_shadow_evict - make room under the guest's limit
 * @vcpu: the vCPU
 *
 * The address space not used for longest goes first; when only the current one is left, everything goes: the guest
 * then pays with faults, never with an error.
 */
void lg_shadow_evict(struct lg_vcpu *vcpu)
{
	struct lg_root *root;

	lg_count(vcpu, EVICTIONS);
	list_for_each_entry_reverse(root, &vcpu->lg->root_lru, lru) {
		if (!root->used || root == vcpu->root || !root->low->used)
			continue;
		release_root(vcpu, root);
		return;
	}
	lg_flush_all(vcpu);
}

/*H:330
 * One record names a table of the guest's and an entry in it. The hash finds every shadow of that table, whatever
 * address space it is of; there the entry is cut off with all below it (zap_entry()), or made read-only when no more
 * was lost. Nothing is flushed yet: mark_stale() notes that the PCIDs which may remember it have to be, before they
 * are loaded again.
 */
/*
 * One record of the lost queue: an entry of a table that is shadowed once (or more often, by odd guests). Nothing leaves the
 * chain while it is walked: what is cut off is only doomed. It ends when there are no steps left.
 */
static void lose_entry(struct lg_vcpu *vcpu, u64 record, unsigned int *steps)
{
	struct lguest *lg = vcpu->lg;
	gfn_t gfn = record >> PAGE_SHIFT;
	unsigned int i = offset_in_page(record) / sizeof(u64);
	struct lg_sp *sp, *in;

	lg_count(vcpu, LOST);
	hlist_for_each_entry(sp, bucket(lg, gfn), hash) {
		if (!--*steps)
			return;
		if (!(*steps % 256))
			cond_resched();
		if (sp->gfn != gfn)
			continue;
		/* The kernel half of a top table is shadowed once for all */
		in = sp->level == 4 && i >= ENTRIES / 2 ? lg->kernel : sp;
		if (!in->spt[i] || is_fixed(in, i))
			continue;
		mark_stale(vcpu, in->root);
		if (is_leaf(in, in->spt[i]) && (record & LG_LOST_FLAGS) == LG_LOST_WRITE)
			WRITE_ONCE(in->spt[i], in->spt[i] & ~(u64)_PAGE_RW);
		else
			zap_entry(lg, in, i);
	}
}

/*H:320
 * We have seen entries come; now they go. Whenever an entry of the guest's own tables loses something, the guest
 * notes that in a queue in the page that it shares (chapter Guest), and each hypercall that touches translations comes
 * here first. The queue is the guest's to write to, hence the limit on steps: one that would take too long costs the
 * guest all of its entries, and the host little.
 */
/**
 * lg_drain_lost - do what the guest's lost queue says
 * @vcpu: the vCPU
 *
 * When that would take too long, or the queue is not one, everything is dropped: a TLB may always forget more.
 */
void lg_drain_lost(struct lg_vcpu *vcpu)
{
	struct lguest_data *data = vcpu->data;
	unsigned int steps = DRAIN_STEPS;
	u32 i, n;

	lg_shadow_reap(vcpu->lg);
	if (!data)
		return;
	n = READ_ONCE(data->lost_count);
	if (!n)
		return;
	if (n > LGUEST_LOST_SIZE)
		steps = 0;
	for (i = 0; i < n && steps; i++)
		lose_entry(vcpu, READ_ONCE(data->lost[i]), &steps);
	if (!steps)
		lg_flush_all(vcpu);
	WRITE_ONCE(data->lost_count, 0);
}
