// SPDX-License-Identifier: GPL-2.0
/*H:315
 * Losing entries: what the guest says that it has taken away, one entry or all of a range, and what has to go because there is no
 * room. An entry that is dropped here is only noted as stale: pcid.c flushes before the next load.
 */
#include <linux/sched.h>
#include "lg.h"
#include "shadow.h"

/* Who was in the guest, or has TLB entries, from before this is stale. Only after the entry itself was changed: docs/smp.md */
void mark_stale(struct lguest *lg, struct lg_root *root)
{
	lockdep_assert_held(&lg->mmu_lock);
	WRITE_ONCE(*(root ? &root->gen : &lg->kernel_gen), ++lg->gen);
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
	}
}

#define LOW_LAST	((1ULL << 47) - 1)
#define KERNEL_START	((u64)-(1ULL << 47))

/*H:318
 * Each half of the address space has its own tree, or, since a root can be split, its own two; each has its own generation. So
 * a range that lies in one half makes nobody stale for the other.
 */
/**
 * lg_flush_range - drop what the shadow tables have of a range of virtual addresses
 * @vcpu: the vCPU; its current root and the kernel half
 * @start: first address
 * @end: first address after the range; nothing happens unless it is greater
 */
void lg_flush_range(struct lg_vcpu *vcpu, u64 start, u64 end)
{
	struct lguest *lg = vcpu->lg;
	struct lg_root *root = vcpu->root;
	u64 last = end - 1;

	if (end <= start)
		return;
	if (start <= LOW_LAST && root) {
		spin_lock(&lg->mmu_lock);
		zap_range(lg, root->low, start, min(last, LOW_LAST));
		if (root->klow)
			zap_range(lg, root->klow, start, min(last, LOW_LAST));
		mark_stale(lg, root);
		spin_unlock(&lg->mmu_lock);
	}
	if (last >= KERNEL_START) {
		spin_lock(&lg->mmu_lock);
		zap_range(lg, lg->kernel, max(start, KERNEL_START), last);
		mark_stale(lg, NULL);
		spin_unlock(&lg->mmu_lock);
	}
}

void flush_low(struct lguest *lg, struct lg_root *root)
{
	zap_range(lg, root->low, 0, LOW_LAST);
	unsplit_root(lg, root);
	mark_stale(lg, root);
}

/** lg_flush_user - drop the low half of the current root */
void lg_flush_user(struct lg_vcpu *vcpu)
{
	struct lguest *lg = vcpu->lg;

	if (!vcpu->root)
		return;
	spin_lock(&lg->mmu_lock);
	flush_low(lg, vcpu->root);
	spin_unlock(&lg->mmu_lock);
}

/** lg_flush_all - drop everything: all roots' low halves and the kernel half, in several holds of the lock */
void lg_flush_all(struct lg_vcpu *vcpu)
{
	struct lguest *lg = vcpu->lg;
	struct lg_root *root;

	for (root = lg->roots; root < lg->roots + LG_ROOTS; root++) {
		spin_lock(&lg->mmu_lock);
		if (root->users)
			flush_low(lg, root);
		else if (root->used)
			release_root(lg, root);
		spin_unlock(&lg->mmu_lock);
		cond_resched();
	}
	lg_flush_range(vcpu, KERNEL_START, ~0ULL);
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
	struct lguest *lg = vcpu->lg;
	struct lg_root *root;
	bool found = false;

	lg_count(vcpu, EVICTIONS);
	spin_lock(&lg->mmu_lock);
	list_for_each_entry_reverse(root, &lg->root_lru, lru) {
		if (!root->used || root->users || !(root->low->used || root->klow))
			continue;
		release_root(lg, root);
		found = true;
		break;
	}
	spin_unlock(&lg->mmu_lock);
	if (!found)
		lg_flush_all(vcpu);
}

/*H:330
 * One record names a table of the guest's and an entry in it. The hash finds every shadow of that table, whatever
 * address space it is of; there the entry is cut off with all below it (zap_entry()), or made read-only when no more
 * was lost. Nothing is flushed yet: mark_stale() notes that the PCIDs which may remember it have to be, before they
 * are loaded again.
 */
/*
 * One record of a lost queue: an entry of a table that is shadowed once (or more often, by odd guests). Nothing leaves the
 * chain while it is walked: what is cut off is only doomed. Return: false when there are no steps left, and it is not done.
 */
static bool lose_entry(struct lguest *lg, u64 record, unsigned int *steps)
{
	gfn_t gfn = record >> PAGE_SHIFT;
	unsigned int i = offset_in_page(record) / sizeof(u64);
	struct lg_sp *sp, *in;

	hlist_for_each_entry(sp, bucket(lg, gfn), hash) {
		if (!--*steps)
			return false;
		if (sp->gfn != gfn)
			continue;
		/* The kernel half of a top table is shadowed once for all */
		in = sp->level == 4 && i >= ENTRIES / 2 ? lg->kernel : sp;
		if (!in->spt[i] || is_fixed(in, i))
			continue;
		if (is_leaf(in, in->spt[i]) && (record & LG_LOST_FLAGS) == LG_LOST_WRITE)
			WRITE_ONCE(in->spt[i], in->spt[i] & ~(u64)_PAGE_RW);
		else
			zap_entry(lg, in, i);
		mark_stale(lg, in->root);
	}
	return true;
}

/* What one hold of the lock does at most */
#define HOLD_RECORDS	64
#define HOLD_STEPS	1024

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
	struct lguest *lg = vcpu->lg;
	struct lguest_data *data = vcpu->data;
	u32 head;
	bool ok;

	lg_shadow_reap(lg);
	if (!data)
		return;
	head = READ_ONCE(data->lost_in.head);
	if (head == vcpu->taken)
		return;
	smp_rmb();	/* the count, then the records */
	ok = head - vcpu->taken <= LGUEST_LOST_SIZE;
	while (ok && vcpu->taken != head) {
		unsigned int n, steps = HOLD_STEPS;

		spin_lock(&lg->mmu_lock);
		for (n = 0; ok && n < HOLD_RECORDS && vcpu->taken != head; n++) {
			lg_count(vcpu, LOST);
			ok = lose_entry(lg, READ_ONCE(data->lost[vcpu->taken++ % LGUEST_LOST_SIZE]), &steps);
		}
		spin_unlock(&lg->mmu_lock);
		cond_resched();
	}
	if (!ok)
		lg_flush_all(vcpu);
	vcpu->taken = head;
	WRITE_ONCE(data->host_out.taken, head);
	/* Nobody else runs on these tables, and this vCPU's next entry flushes what mark_stale() noted */
	WRITE_ONCE(data->host_out.done, head);
}
