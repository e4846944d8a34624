// SPDX-License-Identifier: GPL-2.0
/*H:251
 * The pages of the shadow tables: where they come from, how they hang together, and how what is cut off from the tree is taken
 * apart, a few at a time, and used again when nobody can be walking it any more. Nothing here knows why an entry is made or
 * dropped. What is not told to take the lock is called with mmu_lock held.
 */
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include "lg.h"
#include "shadow.h"

u64 *new_table(void)
{
	return lg_try((u64 *)get_zeroed_page(GFP_KERNEL_ACCOUNT));
}

struct lg_sp *new_sp(void)
{
	struct lg_sp *sp = lg_try(kzalloc(sizeof(*sp), GFP_KERNEL_ACCOUNT));
	struct page *page = sp ? lg_try(alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO)) : NULL;

	if (!page) {
		kfree(sp);
		return NULL;
	}
	sp->spt = page_address(page);
	set_page_private(page, (unsigned long)sp);
	return sp;
}

void delete_sp(struct lg_sp *sp)
{
	set_page_private(virt_to_page(sp->spt), 0);
	free_page((unsigned long)sp->spt);
	kfree(sp);
}

#ifdef LG_DEBUG
static void note_lost(struct lguest *lg, struct lg_sp *sp)
{
	sp->lost = sp->root ? sp->root->gen : lg->kernel_gen;
}

/* Nobody is in the guest since before the table was cut off. It looks at each table by itself, and shares nothing with shootdown.c */
static void check_unused(struct lguest *lg, const struct lg_sp *sp)
{
	unsigned int i;

	for (i = 0; i < lg->nr_vcpus; i++) {
		u64 where = READ_ONCE(lg->vcpu[i]->where);

		WARN_ONCE(where >= LG_FIRST_GEN && where < sp->lost && (!sp->root || lg->vcpu[i]->root == sp->root),
			  "lguest: a table that was lost at %llu is used again, and vCPU %u is in with %llu\n", sp->lost, i, where);
	}
}
#else
static void note_lost(struct lguest *lg, struct lg_sp *sp) { }
static void check_unused(struct lguest *lg, const struct lg_sp *sp) { }
#endif

struct lg_sp *get_sp(struct lguest *lg, gfn_t gfn, unsigned int level, struct lg_root *root)
{
	struct lg_sp *sp = list_first_entry_or_null(&lg->sp_cache, struct lg_sp, list);

	lockdep_assert_held(&lg->mmu_lock);
	if (!sp)
		return NULL;
	check_unused(lg, sp);
	list_del(&sp->list);
	WRITE_ONCE(lg->sp_cached, lg->sp_cached - 1);
	sp->gfn = gfn;
	sp->level = level;
	sp->root = root;
	sp->parent = NULL;
	sp->used = 0;
	if (gfn != LG_NO_GFN)
		hlist_add_head(&sp->hash, bucket(lg, gfn));
	return sp;
}

/*
 * A table that nothing points to any more. A processor that was in the guest before may still be walking it, so it is not used for
 * anything else until none is (reuse_zapped(), lg_shootdown()). It needs no TLB flush then: every PCID that may have seen the table is
 * flushed when it is next loaded. In the cache it stays until the host asks (shrink.c) or the guest ends: the kernel's own
 * allocator takes back thousands of pages in one go with interrupts off, and when that happens is not to be the guest's to say.
 */
static void put_sp(struct lguest *lg, struct lg_sp *sp)
{
	if (sp->gfn != LG_NO_GFN)
		hlist_del_init(&sp->hash);
	if (sp->used)
		memset64(sp->spt, 0, ENTRIES);
	note_lost(lg, sp);
	list_add(&sp->list, &lg->zapped);
	lg->nr_zapped++;
}

void to_cache(struct lguest *lg, struct list_head *pages, unsigned int n)
{
	list_splice_init(pages, &lg->sp_cache);
	WRITE_ONCE(lg->sp_cached, lg->sp_cached + n);
}

/* Nobody is in the guest with anything that has been lost: then nobody walks what was cut off */
static bool reuse_zapped(struct lguest *lg)
{
	if (!lg->nr_zapped || !lg_nobody_stale(lg))
		return false;
	to_cache(lg, &lg->zapped, lg->nr_zapped);
	lg->nr_zapped = 0;
	return true;
}

/* An entry of a top table is repeated in root pages: the kernel half in all of them, the low half in one */
static void mirror_top(struct lguest *lg, struct lg_sp *sp, unsigned int i, u64 entry)
{
	struct lg_root *root = sp->root;

	if (lg_la57)
		return;
	if (!root) {
		list_for_each_entry(root, &lg->root_lru, lru)
			WRITE_ONCE(root->top[0][i], entry);
	} else if (sp == (root->klow ?: root->low)) {
		WRITE_ONCE(root->top[0][i], entry ? entry | _PAGE_NX : 0);
	}
}

void set_entry(struct lguest *lg, struct lg_sp *sp, unsigned int i, u64 entry)
{
	sp->used += !!entry - !!sp->spt[i];
	WRITE_ONCE(sp->spt[i], entry);
	if (sp->level == 4)
		mirror_top(lg, sp, i, entry);
}

/*
 * What an entry points to is cut off here and taken apart by reap_one(), so that this costs the same whatever is below. Until then
 * such a table is still found by its guest table: losing an entry of it once more harms nothing.
 */
void zap_entry(struct lguest *lg, struct lg_sp *sp, unsigned int i)
{
	u64 entry = sp->spt[i];

	if (!entry)
		return;
	set_entry(lg, sp, i, 0);
	if (!is_leaf(sp, entry))
		list_add(&sp_of(entry)->list, &lg->doomed);
}

/* Take one doomed table apart: those below it are doomed in its place. All are unreachable already: no generation changes */
static void reap_one(struct lguest *lg)
{
	struct lg_sp *sp = list_first_entry(&lg->doomed, struct lg_sp, list);
	unsigned int i;

	lockdep_assert_held(&lg->mmu_lock);
	list_del(&sp->list);
	if (sp->level > 1)
		for (i = 0; i < ENTRIES && sp->used; i++)
			zap_entry(lg, sp, i);
	put_sp(lg, sp);
}

/* Doomed tables that are taken apart at a time */
#define REAP_TABLES	64

/**
 * lg_shadow_reap - take some doomed tables apart
 * @lg: the guest
 *
 * Return: true when there are more.
 */
bool lg_shadow_reap(struct lguest *lg)
{
	unsigned int i;

	for (i = 0; i < REAP_TABLES && !list_empty(&lg->doomed); i++) {
		spin_lock(&lg->mmu_lock);
		if (!list_empty(&lg->doomed))
			reap_one(lg);
		spin_unlock(&lg->mmu_lock);
		cond_resched();
	}
	return !list_empty(&lg->doomed);
}

/* A doomed table, if there is one, and what is free of those zapped: true when the cache has more than before */
static bool reuse(struct lguest *lg)
{
	bool more;

	spin_lock(&lg->mmu_lock);
	if (!list_empty(&lg->doomed))
		reap_one(lg);
	more = reuse_zapped(lg);
	spin_unlock(&lg->mmu_lock);
	return more;
}

static bool anything_cut_off(struct lguest *lg)
{
	return !list_empty(&lg->doomed) || READ_ONCE(lg->nr_zapped);
}

/*H:342
 * A page for the host. Those that lie ready go first; then what was cut off, and when somebody may still be walking that, it is waited
 * for. Only the caller, which evicts address spaces when this finds nothing, makes the guest pay with faults.
 */
/**
 * lg_shadow_give_back - free one table that is not in use
 * @vcpu: its own thread, preemptible
 *
 * Return: 1; 0: what was cut off was not free yet, try again; -ENOENT: all are in use (or wait for the next few faults), evict, then try again.
 */
int lg_shadow_give_back(struct lg_vcpu *vcpu)
{
	struct lguest *lg = vcpu->lg;
	struct lg_sp *sp = NULL;

	if (READ_ONCE(lg->sp_cached) <= lg->sp_target) {
		if (!anything_cut_off(lg))
			return -ENOENT;
		if (!reuse(lg) && list_empty(&lg->doomed))
			lg_shootdown(vcpu, LG_SCOPE_ALL, NULL);
	}
	spin_lock(&lg->mmu_lock);
	if (lg->sp_cached > lg->sp_target) {
		sp = list_first_entry(&lg->sp_cache, struct lg_sp, list);
		list_del(&sp->list);
		WRITE_ONCE(lg->sp_cached, lg->sp_cached - 1);
		WRITE_ONCE(lg->sp_count, lg->sp_count - 1);
	}
	spin_unlock(&lg->mmu_lock);
	if (!sp)
		return 0;
	delete_sp(sp);
	return 1;
}

/* One more table, if the guest may have it */
static int add_table(struct lguest *lg)
{
	struct lg_sp *sp;
	int err = 0;

	spin_lock(&lg->mmu_lock);
	if (lg->sp_count >= lg->sp_max)
		err = -ENOSPC;
	else
		WRITE_ONCE(lg->sp_count, lg->sp_count + 1);
	spin_unlock(&lg->mmu_lock);
	if (err)
		return err;
	sp = new_sp();
	spin_lock(&lg->mmu_lock);
	if (sp) {
		list_add(&sp->list, &lg->sp_cache);
		WRITE_ONCE(lg->sp_cached, lg->sp_cached + 1);
	} else {
		WRITE_ONCE(lg->sp_count, lg->sp_count - 1);
		err = -ENOMEM;
	}
	spin_unlock(&lg->mmu_lock);
	return err;
}

/**
 * lg_shadow_topup - have enough free tables for the next few faults
 * @vcpu: its own thread, preemptible
 *
 * May sleep. Others may take them before this vCPU does: then its fault says LG_NEED_TABLES, and it comes again.
 * Return: 0; -ENOMEM; -ENOSPC when the guest's limit does not allow more (evict, then try again).
 */
int lg_shadow_topup(struct lg_vcpu *vcpu)
{
	struct lguest *lg = vcpu->lg;
	int err;

	while (lg_shadow_short(lg)) {
		if (anything_cut_off(lg) && reuse(lg))
			continue;
		err = add_table(lg);
		if (err == -ENOSPC && anything_cut_off(lg)) {
			/* What is cut off is somebody else's for as long as he is in the guest with it */
			lg_shadow_reap(lg);
			lg_shootdown(vcpu, LG_SCOPE_ALL, NULL);
			return 0;
		}
		if (err)
			return err;
	}
	return 0;
}
