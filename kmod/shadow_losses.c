// SPDX-License-Identifier: GPL-2.0
/*H:315
 * Losing entries: what the guest says that it has taken away, one entry or all of a range, and what has to go because there is no
 * room. An entry that is dropped here is only noted as stale: pcid.c flushes before the next load.
 */
#include <linux/rcupdate.h>
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
 * chain while it is walked: what is cut off is only doomed. It costs a step, and another for each table that is looked at. Return: false when
 * there are no steps left, and it is not done.
 */
static bool lose_entry(struct lguest *lg, u64 record, unsigned int *steps)
{
	gfn_t gfn = record >> PAGE_SHIFT;
	unsigned int i = offset_in_page(record) / sizeof(u64);
	struct lg_sp *sp, *in;

	if (!--*steps)
		return false;
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

/*
 * What one hold of the lock does at most, and steps of one hypercall; a record of an ordinary guest takes a few. The steps alone bound how many
 * records there can be: the count that says so is the guest's, and may run away from who goes after it
 */
#define HOLD_RECORDS	64
#define HOLD_STEPS	1024
#define DRAIN_STEPS	16384

/*
 * Records of a queue up to @head, or as many as one hold of the lock may take. A record counts as taken in the hold that did what it
 * says. Return: false when this is too costly.
 */
static bool take_some(struct lg_vcpu *vcpu, struct lg_vcpu *from, u32 head, unsigned int *left)
{
	unsigned int n, steps = min(HOLD_STEPS, *left), had = steps;
	struct lguest_data *data = from->data;
	bool ok = true;

	if (!*left || READ_ONCE(data->lost_in.head) - from->taken > LGUEST_LOST_SIZE)
		return false;
	smp_rmb();	/* the count, then the records */
	for (n = 0; ok && n < HOLD_RECORDS && (s32)(head - from->taken) > 0; n++) {
		ok = lose_entry(vcpu->lg, READ_ONCE(data->lost[from->taken % LGUEST_LOST_SIZE]), &steps);
		if (ok)
			WRITE_ONCE(from->taken, from->taken + 1);
	}
	WRITE_ONCE(data->host_out.taken, from->taken);
	vcpu->stat[LG_STAT_LOST] += n;
	if (from != vcpu)
		vcpu->stat[LG_STAT_TAKEN_BY_OTHERS] += n;
	*left -= min(*left, had - steps);
	return ok || (n > 1 && *left);
}

/* Everything is dropped instead of what the queue says up to @head */
static void give_up_queue(struct lg_vcpu *vcpu, struct lg_vcpu *from, u32 head)
{
	struct lguest_data *data;

	lg_flush_all(vcpu);
	spin_lock(&vcpu->lg->mmu_lock);
	data = from->data;
	/* Never back behind what another vCPU has taken meanwhile, unless the count is none */
	if ((s32)(head - from->taken) > 0 || READ_ONCE(data->lost_in.head) - from->taken > LGUEST_LOST_SIZE)
		WRITE_ONCE(from->taken, head);
	WRITE_ONCE(data->host_out.taken, from->taken);
	spin_unlock(&vcpu->lg->mmu_lock);
}

static bool anything_in(const struct lg_vcpu *from, u32 *head)
{
	const struct lguest_data *data = smp_load_acquire(&from->data);

	if (data)
		*head = READ_ONCE(data->lost_in.head);
	return data && *head != READ_ONCE(from->taken);
}

/* The queue of another vCPU is in a page that INIT may change for another: who looks without mmu_lock does so as a reader of RCU's */
static bool look_into(const struct lg_vcpu *vcpu, const struct lg_vcpu *from, u32 *head)
{
	bool any;

	if (from == vcpu)
		return anything_in(from, head);
	rcu_read_lock();
	any = anything_in(from, head);
	rcu_read_unlock();
	return any;
}

static void drain_queue(struct lg_vcpu *vcpu, struct lg_vcpu *from, unsigned int *left)
{
	struct lguest *lg = vcpu->lg;
	bool ok;
	u32 head;

	if (!look_into(vcpu, from, &head))
		return;
	do {
		spin_lock(&lg->mmu_lock);
		ok = take_some(vcpu, from, head, left);
		spin_unlock(&lg->mmu_lock);
		cond_resched();
	} while (ok && (s32)(head - READ_ONCE(from->taken)) > 0);
	if (!ok)
		give_up_queue(vcpu, from, head);
}

/*H:320
 * We have seen entries come; now they go. Whenever an entry of the guest's own tables loses something, the guest
 * notes that in a queue in the page that the vCPU shares (chapter Guest), and each hypercall that touches translations comes
 * here first and takes what all vCPUs' queues hold. A queue is the guest's to write to, hence the limit on steps: one
 * that would take too long costs the guest all of its entries, and the host little.
 */
/**
 * lg_drain_lost - do what the guest's lost queues say
 * @vcpu: the vCPU
 *
 * When that would take too long, or a queue is not one, everything is dropped: a TLB may always forget more. Nobody is waited for:
 * lg_shootdown() does that, and only then is "done" what was taken.
 */
void lg_drain_lost(struct lg_vcpu *vcpu)
{
	struct lguest *lg = vcpu->lg;
	unsigned int i, left = DRAIN_STEPS;

	lg_shadow_reap(lg);
	for (i = 0; i < lg->nr_vcpus; i++)
		drain_queue(vcpu, lg->vcpu[i], &left);
}
