// SPDX-License-Identifier: GPL-2.0
/*H:473
 * Memory that the guest gives back: it names pages that hold nothing any more, the host forgets each translation of them and
 * unpins them, and the core punches the hole. The guest's word that a page is free is never believed: what it
 * releases and goes on using is missing, and is a new page of zeros at the next touch. This file may take pages out of
 * the regions' arrays; nothing else does before the guest ends.
 */
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include "lg.h"

/* Slots emptied in one hold of mmu_lock: a large page's, some microseconds */
#define HOLD_SLOTS	LG_HUGE_PAGES

/* Slots of a region, from @first up to @end */
struct slots {
	u64 first, end;
};

/* Pages that are the guest's no longer, and not unpinned yet */
struct taken {
	struct page **pages;
	unsigned int n;
	s64 cost;
};

/* The whole of a range must be in one region of those that the core has said can be given back */
static struct lg_region *region_of(struct lguest *lg, const struct lguest_range *range)
{
	u64 gfn = range->gpa >> PAGE_SHIFT, npages = range->size >> PAGE_SHIFT;
	struct lg_region *r;

	if ((range->gpa | range->size) & ~PAGE_MASK || !range->size || range->size > LGUEST_RELEASE_SIZE)
		return NULL;
	r = lg_find_region(lg, gfn);
	return r && (r->flags & LGUEST_MEM_RELEASE) && npages <= r->npages - (gfn - r->gfn) ? r : NULL;
}

/*
 * One hold of mmu_lock, under pin_lock: from here on no walk and no fill finds the pages, and what vCPUs remember of their last walk,
 * which may lead through them, is not remembered any more
 */
static void clear_slots(struct lguest *lg, struct lg_region *r, u64 first, unsigned int n)
{
	unsigned int i;

	spin_lock(&lg->mmu_lock);
	for (i = 0; i < n; i++)
		WRITE_ONCE(r->pages[array_index_nospec(first + i, r->npages)], NULL);
	for (i = 0; i < lg->nr_vcpus; i++)
		lg->vcpu[i]->path.whole = false;
	spin_unlock(&lg->mmu_lock);
}

/*
 * Is all that the region has of the slot's large page in the slots from @first up to @end? While a part of it stays pinned the host can neither
 * split nor free it: nothing would come back, and the piece would cost as much as the whole
 */
static bool goes_whole(const struct lg_region *r, u64 at, u64 first, u64 end)
{
	struct page *page = r->pages[array_index_nospec(at, r->npages)];
	unsigned long held = lg_held_by(page), into = page_to_pfn(page) & (held - 1);
	u64 begins = at - min_t(u64, at, into);

	return begins >= first && min(at - into + held, r->npages) <= end;
}

/*
 * Under pin_lock: the page of a slot that can go with its range. One that a vCPU shares with the host stays: held by the vCPU, it would be memory that
 * nobody has accounted. (A vCPU that makes it its own meanwhile holds it, too)
 */
static struct page *page_to_go(const struct lguest *lg, const struct lg_region *r, u64 at, const struct slots *range)
{
	struct page *page = r->pages[array_index_nospec(at, r->npages)];
	unsigned int i;

	for (i = 0; page && i < lg->nr_vcpus; i++)
		if (page == READ_ONCE(lg->vcpu[i]->data_page))
			return NULL;
	return page && goes_whole(r, at, range->first, range->end) ? page : NULL;
}

static bool begins_large(struct page *page)
{
	unsigned long held = lg_held_by(page);

	return held > 1 && !(page_to_pfn(page) & (held - 1));
}

/* Pages in a row, the first that there are from @at on: small ones, or those of one large page. Return: how many, into @to */
static unsigned int find_row(const struct lguest *lg, const struct lg_region *r, u64 *at, const struct slots *range, struct page **to)
{
	u64 end = min(range->end, *at + HOLD_SLOTS);
	unsigned int n = 0;

	while (*at < end && !page_to_go(lg, r, *at, range))
		++*at;
	end = min(range->end, *at + HOLD_SLOTS);
	while (*at + n < end) {
		to[n] = page_to_go(lg, r, *at + n, range);
		if (!to[n] || (n && begins_large(to[n])))
			break;
		n++;
	}
	return n;
}

/* What stays of a large page for a vCPU's sake costs more than the whole, which is in the region's price, and may have to be paid for first */
static int take_row(struct lguest *lg, struct lg_region *r, u64 *at, const struct slots *range, struct taken *t)
{
	struct page **to = t->pages + t->n;
	unsigned int n = find_row(lg, r, at, range, to);
	s64 cost;
	int err;

	if (!n)
		return 0;
	cost = lg_extra_cost(r, *at, to, n);
	err = cost < 0 ? lg_account(lg, -cost) : 0;
	if (err)
		return err;
	clear_slots(lg, r, *at, n);
	lg->pinned -= n;
	t->n += n;
	t->cost += max(cost, 0LL);
	*at += n;
	return 0;
}

static int take_range(struct lguest *lg, struct lg_region *r, const struct lguest_range *range, struct taken *t)
{
	u64 at = (range->gpa >> PAGE_SHIFT) - r->gfn;
	const struct slots slots = { at, at + (range->size >> PAGE_SHIFT) };
	int err = 0;

	while (at < slots.end && !err) {
		mutex_lock(&lg->pin_lock);
		err = take_row(lg, r, &at, &slots, t);
		mutex_unlock(&lg->pin_lock);
		cond_resched();
	}
	return err;
}

#ifdef LG_DEBUG
/* Whoever is in the guest has come there after everything was dropped */
static void look_for_stale(struct lguest *lg, u64 gen)
{
	unsigned int i;

	for (i = 0; i < lg->nr_vcpus; i++) {
		u64 where = READ_ONCE(lg->vcpu[i]->where);

		if (where > LG_ENTERING && where < gen)
			pr_err("lguest: BUG: vCPU %u is in the guest with pages that are let go\n", i);
	}
}
#else
static void look_for_stale(struct lguest *lg, u64 gen) { }
#endif

static void give_up(struct lguest *lg, const struct taken *t)
{
	unsigned int i;

	for (i = 0; i < t->n; i += HOLD_SLOTS) {
		unpin_user_pages_dirty_lock(t->pages + i, min(t->n - i, (unsigned int)HOLD_SLOTS), true);
		cond_resched();
	}
	lg_account(lg, -t->cost);
}

static u64 pages_of(const struct lguest_range *range, unsigned int n)
{
	u64 pages = 0;

	while (n--)
		pages += range[n].size >> PAGE_SHIFT;
	return pages;
}

/*H:476
 * The order is the whole of it. First the slots are emptied, under the lock under which entries are made, so that none is made any more; then
 * every entry there is is dropped, and whoever is in the guest with an old one is brought out; and only then are the
 * pages let go. One vCPU that touches a page meanwhile pins it anew, and keeps it.
 */
/**
 * lg_release_memory - the guest has no use for what is in some ranges of its memory
 * @vcpu: who says so; its own thread, with no lock held
 * @pa: guest-physical address of @n struct lguest_range
 * @n: any value
 * @range: out: the ranges, for the core, which can give the memory behind them back to the host now: room for LGUEST_RELEASE_MAX
 *
 * With one bad range none is released. Return: 0; -EINVAL: @n, or a range that is not of whole pages, larger than LGUEST_RELEASE_SIZE,
 * or not in one region that may be released; -EFAULT: @pa is not in guest memory; -ENOMEM (also: over RLIMIT_MEMLOCK, by what is left of a
 * large page): some were released, and hold what they held.
 */
s64 lg_release_memory(struct lg_vcpu *vcpu, gpa_t pa, u64 n, struct lguest_range *range)
{
	struct lg_region *region[LGUEST_RELEASE_MAX];
	struct lguest *lg = vcpu->lg;
	struct taken t = { };
	unsigned int i;
	int err = 0;
	u64 gen;

	if (!n || n > LGUEST_RELEASE_MAX)
		return -EINVAL;
	if (lg_read_guest(vcpu, range, pa, n * sizeof(*range)))
		return -EFAULT;
	for (i = 0; i < n; i++) {
		region[i] = region_of(lg, &range[i]);
		if (!region[i])
			return -EINVAL;
	}
	t.pages = lg_try(kvmalloc_array(pages_of(range, n), sizeof(*t.pages), GFP_KERNEL_ACCOUNT));
	if (!t.pages)
		return -ENOMEM;
	for (i = 0; i < n && !err; i++)
		err = take_range(lg, region[i], &range[i], &t);
	lg_drain_lost(vcpu);
	if (t.n)
		lg_flush_all(vcpu);
	gen = READ_ONCE(lg->kernel_gen);
	lg_shootdown(vcpu, LG_SCOPE_ALL, NULL);
	if (t.n)
		look_for_stale(lg, gen);
	give_up(lg, &t);
	vcpu->stat[LG_STAT_RELEASED_PAGES] += t.n;
	kvfree(t.pages);
	return err;
}
