// SPDX-License-Identifier: GPL-2.0
/*H:251
 * The pages of the shadow tables: where they come from, how they hang together, and how what is cut off from the tree is taken
 * apart, a few at a time. Nothing here knows why an entry is made or dropped.
 */
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
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

struct lg_sp *get_sp(struct lguest *lg, gfn_t gfn, unsigned int level, struct lg_root *root)
{
	struct lg_sp *sp = list_first_entry_or_null(&lg->sp_cache, struct lg_sp, list);

	if (!sp)
		return NULL;
	list_del(&sp->list);
	lg->sp_cached--;
	sp->gfn = gfn;
	sp->level = level;
	sp->root = root;
	sp->parent = NULL;
	sp->used = 0;
	if (gfn != LG_NO_GFN)
		hlist_add_head(&sp->hash, bucket(lg, gfn));
	return sp;
}

/*M:110
 * Several vCPUs would begin here. A table is used again at once, because the only vCPU that could have walked it is
 * in the host; with a second one it must wait until each of them has left the guest, and the tables need locks. The
 * ABI is ready for it: it numbers vCPUs.
 */
/*
 * A table that nothing points to any more goes back to the cache. It needs no TLB flush first: this is the only vCPU and it
 * is not in the guest; every PCID that may have seen the table is flushed when it is next loaded (tlb_gen). There it stays
 * until the host asks (shrink.c) or the guest ends: the kernel's own allocator takes back thousands of pages in one go
 * with interrupts off, and when that happens is not to be the guest's to say.
 */
static void put_sp(struct lguest *lg, struct lg_sp *sp)
{
	if (sp->gfn != LG_NO_GFN)
		hlist_del_init(&sp->hash);
	if (sp->used)
		clear_page(sp->spt);
	list_add(&sp->list, &lg->sp_cache);
	lg->sp_cached++;
}

/* An entry of a top table is repeated in root pages: the kernel half in all of them, the low half in one */
static void mirror_top(struct lguest *lg, struct lg_sp *sp, unsigned int i, u64 entry)
{
	struct lg_root *root;

	if (lg_la57)
		return;
	if (sp->root) {
		sp->root->top[0][i] = entry ? entry | _PAGE_NX : 0;
		return;
	}
	list_for_each_entry(root, &lg->root_lru, lru)
		root->top[0][i] = entry;
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

/* Take one doomed table apart: those below it are doomed in its place */
static void reap_one(struct lguest *lg)
{
	struct lg_sp *sp = list_first_entry(&lg->doomed, struct lg_sp, list);
	unsigned int i;

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
		reap_one(lg);
		cond_resched();
	}
	return !list_empty(&lg->doomed);
}

/**
 * lg_shadow_give_back - free one table that is not in use
 * @lg: the guest
 *
 * Return: false when all are in use (or wait for the next few faults): evict, then try again.
 */
bool lg_shadow_give_back(struct lguest *lg)
{
	struct lg_sp *sp;

	if (lg->sp_cached <= LG_CACHE_PAGES) {
		if (list_empty(&lg->doomed))
			return false;
		reap_one(lg);
	}
	sp = list_first_entry(&lg->sp_cache, struct lg_sp, list);
	list_del(&sp->list);
	lg->sp_cached--;
	lg->sp_count--;
	delete_sp(sp);
	return true;
}

/**
 * lg_shadow_topup - have enough free tables for the next few faults
 * @lg: the guest
 *
 * May sleep. Return: 0; -ENOMEM; -ENOSPC when the guest's limit does not allow more (evict, then try again).
 */
int lg_shadow_topup(struct lguest *lg)
{
	while (lg->sp_cached < LG_CACHE_PAGES) {
		struct lg_sp *sp;

		if (!list_empty(&lg->doomed)) {
			reap_one(lg);
			continue;
		}
		if (lg->sp_count >= lg->sp_max)
			return -ENOSPC;
		sp = new_sp();
		if (!sp)
			return -ENOMEM;
		list_add(&sp->list, &lg->sp_cache);
		lg->sp_cached++;
		lg->sp_count++;
	}
	return 0;
}
