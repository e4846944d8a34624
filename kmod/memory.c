// SPDX-License-Identifier: GPL-2.0
/*H:120
 * Guest-physical memory: which ranges exist, and the host's page for each guest page. A page is pinned when the guest
 * first touches it and stays so until the guest gives it back (release.c), or it or its process ends, so a shadow entry can never
 * outlive its page, and the host reads guest memory through its own direct map. What is pinned is counted. lg_gpa() is the one way from a
 * guest-physical address to a pointer; nothing here knows about page tables.
 */
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/rcupdate.h>
#include <linux/sched/mm.h>
#include <linux/sched/user.h>
#include <linux/slab.h>
#include "compat.h"
#include "lg.h"

/* 2^46 bytes: what a shadow entry can hold on every processor that runs this, and far more than can be pinned */
#define LG_MAX_GFN	(1ULL << (46 - PAGE_SHIFT))
/* 1 TiB in a region: the array of its pages is then as large as the kernel's allocator gives */
#define LG_MAX_REGION	(INT_MAX / sizeof(struct page *))

/* ---- What the guest's process may lock ---- */

/* The user's sum, as io_uring has it: a process's own ends with its memory map, and a new program would begin at 0 again */
static int charge_user(struct user_struct *user, unsigned long pages)
{
	unsigned long limit = capable(CAP_IPC_LOCK) ? LONG_MAX : rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
	long old = atomic_long_read(&user->locked_vm);

	do {
		if (old + pages > limit)
			return -ENOMEM;
	} while (!atomic_long_try_cmpxchg(&user->locked_vm, &old, old + pages));
	return 0;
}

/**
 * lg_account - pages more, or fewer, are held for the guest
 * @lg: the guest
 * @pages: how many; fewer always succeeds
 *
 * Return: 0; -ENOMEM: over RLIMIT_MEMLOCK, of the process or of its user.
 */
int lg_account(struct lguest *lg, s64 pages)
{
	int err = 0;

	if (pages < 0) {
		atomic_long_add(pages, &lg->user->locked_vm);
		account_locked_vm(lg->mm, -pages, false);
	} else if (pages) {
		err = lg_fail() ? -ENOMEM : charge_user(lg->user, pages);
		if (err)
			return err;
		err = lg_fail() ? -ENOMEM : account_locked_vm(lg->mm, pages, true);
		if (err)
			atomic_long_sub(pages, &lg->user->locked_vm);
	}
	if (!err)
		atomic64_add(pages, &lg->accounted);
	return err;
}

/* ---- Regions ---- */

/*
 * Whether a range of the caller's is what a guest's memory may be: one mapping beside the other, writable and shared, of memory
 * that is no file's: a page that stays writable would go past the file system, which must be asked for every first
 * write. What is mapped there later is looked at again when it is pinned.
 */
static int check_mapping(unsigned long start, unsigned long end)
{
	struct mm_struct *mm = current->mm;
	struct vm_area_struct *vma;
	unsigned long at;
	int err = 0;

	if (mmap_read_lock_killable(mm))
		return -EINTR;
	for (at = start; at < end && !err; at = vma->vm_end) {
		vma = find_vma(mm, at);
		if (!vma || vma->vm_start > at) {
			err = -EFAULT;
			break;
		}
		if (!(vma->vm_flags & VM_WRITE) || !(vma->vm_flags & VM_SHARED))
			err = -EINVAL;
		else if (!lg_memory_only(vma))
			err = -EOPNOTSUPP;
		cond_resched();
	}
	mmap_read_unlock(mm);
	return err;
}

/*H:130
 * We have read how a guest's memory is held. Here the core gives the guest a range of its own memory: nothing is
 * copied, nothing is pinned yet, but all of it is accounted at once. See that an entry is complete before the count
 * says that it is there: a vCPU that runs looks regions up without the lock.
 */
/**
 * lg_add_region - give the guest a range of memory
 * @lg: the guest; its lock is held
 * @r: copied from the caller and not checked yet
 *
 * The whole size is accounted to the caller's and its user's locked memory at once, although pages are pinned one by one.
 * Return: 0, -EINVAL, -EEXIST (overlap), -ENOSPC (no slot), -EFAULT (not mapped), -EOPNOTSUPP (a file's memory), -ENOMEM (also:
 * over RLIMIT_MEMLOCK), -EINTR (the caller is being killed).
 */
int lg_add_region(struct lguest *lg, const struct lguest_memory_region *r)
{
	u64 npages = r->size >> PAGE_SHIFT, gfn = r->guest_phys >> PAGE_SHIFT;
	struct lg_region *new = &lg->region[lg->nr_regions];
	unsigned int i;
	int err;

	if (r->flags & ~LGUEST_MEM_RELEASE || r->reserved || !r->size || (r->guest_phys | r->size | r->user_addr) & ~PAGE_MASK)
		return -EINVAL;
	if (gfn >= LG_MAX_GFN || npages > LG_MAX_GFN - gfn || npages > LG_MAX_REGION ||
	    !access_ok((void __user *)r->user_addr, r->size))
		return -EINVAL;
	if (lg->nr_regions == LGUEST_MAX_REGIONS)
		return -ENOSPC;
	for (i = 0; i < lg->nr_regions; i++)
		if (gfn < lg->region[i].gfn + lg->region[i].npages && lg->region[i].gfn < gfn + npages)
			return -EEXIST;
	err = check_mapping(r->user_addr, r->user_addr + r->size);
	if (err)
		return err;
	err = lg_account(lg, npages);
	if (err)
		return err;
	new->pages = lg_try(kvcalloc(npages, sizeof(*new->pages), GFP_KERNEL_ACCOUNT));
	if (!new->pages) {
		lg_account(lg, -npages);
		return -ENOMEM;
	}
	new->gfn = gfn;
	new->npages = npages;
	new->user_addr = r->user_addr;
	new->flags = r->flags;
	/* A running vCPU looks regions up without the lock: the entry first, then the count */
	smp_store_release(&lg->nr_regions, lg->nr_regions + 1);
	return 0;
}

/**
 * lg_free_regions - unpin all guest memory
 * @lg: a guest that never runs again: no PCID that has its translations is loaded before it was flushed; or a second time
 * @mm: its process's
 */
void lg_free_regions(struct lguest *lg, struct mm_struct *mm)
{
	unsigned int i;
	u64 n;

	for (i = 0; i < lg->nr_regions; i++) {
		struct lg_region *r = &lg->region[i];

		for (n = 0; n < r->npages; n++) {
			if (r->pages[n])
				unpin_user_pages_dirty_lock(&r->pages[n], 1, true);
			if (!(n & 0xff))
				cond_resched();
		}
		kvfree(r->pages);
	}
	for (i = 0; i < lg->nr_vcpus; i++)
		lg_drop_data(lg->vcpu[i]);
	lg->nr_regions = 0;
	if (atomic64_read(&lg->accounted))
		lg_account(lg, -atomic64_read(&lg->accounted));
}

/**
 * lg_find_region - the region that a guest page is in
 * @lg: the guest
 * @gfn: any value
 *
 * Return: the region, or NULL when the guest has no memory there.
 */
struct lg_region *lg_find_region(struct lguest *lg, gfn_t gfn)
{
	unsigned int i, n = smp_load_acquire(&lg->nr_regions);

	for (i = 0; i < n; i++)
		if (gfn - lg->region[i].gfn < lg->region[i].npages)
			return &lg->region[i];
	return NULL;
}

/** lg_page - the host's page for a guest page of any region: see lg_region_page() */
struct page *lg_page(struct lguest *lg, gfn_t gfn)
{
	const struct lg_region *r = lg_find_region(lg, gfn);

	return r ? lg_region_page(r, gfn) : NULL;
}

/**
 * lg_gpa - the only way from a guest-physical address to a pointer
 * @lg: the guest
 * @gpa: any value; what follows the pointer up to the end of the page is usable
 *
 * Return: a pointer, or NULL when there is no memory there or it is not pinned yet.
 */
void *lg_gpa(struct lguest *lg, gpa_t gpa)
{
	struct page *page = lg_page(lg, gpa >> PAGE_SHIFT);

	return page ? page_address(page) + offset_in_page(gpa) : NULL;
}

/* ---- Pinning ---- */

/* Pages of a region, from @first up to @end */
struct run {
	u64 first, end;
};

/* The pages beside @want, and itself, that are not pinned, within @limit and the region */
static struct run unpinned_around(const struct lg_region *r, u64 want, struct run limit)
{
	struct run run = { want, want + 1 };

	limit.end = min(limit.end, r->npages);
	while (run.first > limit.first && !READ_ONCE(r->pages[run.first - 1]))
		run.first--;
	while (run.end < limit.end && !READ_ONCE(r->pages[run.end]))
		run.end++;
	return run;
}

/**
 * lg_held_by - pages that one pin holds
 * @page: the pinned one
 *
 * All of a large page, since that can neither be split nor freed then. Pages beyond 2 MiB are hugetlb's, which are the
 * administrator's to give out, and are never given back one by one: they count by 2 MiB.
 */
unsigned long lg_held_by(struct page *page)
{
	return min_t(unsigned long, folio_nr_pages(page_folio(page)), LG_HUGE_PAGES);
}

/* Does @next hold nothing that @page, before it, does not hold already? */
static bool continues(struct page *page, struct page *next)
{
	return page && next == page + 1 && page_folio(page) == page_folio(next) &&
		(page_to_pfn(next) & (lg_held_by(next) - 1));
}

/**
 * lg_extra_cost - what pages of a region cost beside what the region has paid
 * @r: the region, which has paid one page for each of its own
 * @first: which of its pages
 * @pages: what is to come there, or was there until now
 * @n: how many
 *
 * A large page that is in the region whole costs nothing more; one of which it has a part costs the rest too, once for each
 * piece. Under pin_lock. Return: pages to account when they come; when they go, as many fewer.
 */
s64 lg_extra_cost(const struct lg_region *r, u64 first, struct page **pages, unsigned int n)
{
	struct page *before = first ? r->pages[first - 1] : NULL;
	s64 cost = 0;
	unsigned int i;

	for (i = 0; i < n; i++) {
		cost += continues(before, pages[i]) ? -1 : (s64)lg_held_by(pages[i]) - 1;
		before = pages[i];
	}
	if (first + n < r->npages && r->pages[first + n] && continues(before, r->pages[first + n]))
		cost -= lg_held_by(before);
	return cost;
}

/* Memory that is no file's, and nobody's private copy. The mapping can go at any time, but not before a grace period */
static bool may_be_guest_memory(struct page *page)
{
	struct folio *folio = page_folio(page);
	struct address_space *mapping;
	bool may;

	if (folio_test_hugetlb(folio))
		return true;
	rcu_read_lock();
	mapping = READ_ONCE(folio->mapping);
	may = mapping && !((unsigned long)mapping & PAGE_MAPPING_FLAGS) && lg_is_shmem(mapping);
	rcu_read_unlock();
	return may;
}

/*M:140
 * That pages are pinned (FOLL_LONGTERM) makes all this simple, and has a price: guest memory that was touched is
 * nobody else's until the guest ends or gives it back. To do without, the host must be able to take a page back: a notifier that finds
 * the shadow entries of a page, clears them and kicks the vCPU; release.c has the half that is not finding them. This was the last
 * station; CONTRIBUTING.md says how to go on from here.
 */
/* Pages of the process for a run of the region into vcpu->pin_pages. Return: how many of the first ones, or an error */
static int pin_run(struct lg_vcpu *vcpu, const struct lg_region *r, struct run run)
{
	int tries, got = -ENOMEM;

	/* To move a page to where it may stay can fail for a reason that passes */
	for (tries = 0; tries < 2 && got == -ENOMEM; tries++) {
		cond_resched();
		got = lg_fail() ? -ENOMEM : pin_user_pages_fast(r->user_addr + (run.first << PAGE_SHIFT), run.end - run.first,
								FOLL_WRITE | FOLL_LONGTERM, vcpu->pin_pages);
	}
	return got ?: -EFAULT;
}

static void unpin_run(struct lg_vcpu *vcpu, int got)
{
	if (got > 0)
		unpin_user_pages(vcpu->pin_pages, got);
}

/* Under pin_lock: the run is counted and becomes the guest's, unless another vCPU was first with a part of it */
static int enter_run(struct lg_vcpu *vcpu, struct lg_region *r, u64 first, int got)
{
	int i, err;

	for (i = 0; i < got; i++)
		if (r->pages[first + i])
			return -EAGAIN;
	err = lg_account(vcpu->lg, lg_extra_cost(r, first, vcpu->pin_pages, got));
	if (err)
		return err;
	for (i = 0; i < got; i++)
		WRITE_ONCE(r->pages[first + i], vcpu->pin_pages[i]);
	vcpu->lg->pinned += got;
	return 0;
}

/* The first @got pages of the run are pinned: count them and let the guest have them, or give them back */
static int keep_run(struct lg_vcpu *vcpu, struct lg_region *r, u64 first, int got)
{
	int i, err = 0;

	for (i = 0; i < got && !err; i++)
		if (!may_be_guest_memory(vcpu->pin_pages[i]))
			err = -EOPNOTSUPP;
	if (!err) {
		mutex_lock(&vcpu->lg->pin_lock);
		err = enter_run(vcpu, r, first, got);
		mutex_unlock(&vcpu->lg->pin_lock);
	}
	if (err) {
		unpin_run(vcpu, got);
		return err;
	}
	return 0;
}

/* Pin a run that has @want in it; when what comes before that can't be had, only @want itself */
static int pin_wanted(struct lg_vcpu *vcpu, const struct lg_region *r, u64 want, struct run *run)
{
	int got = pin_run(vcpu, r, *run);

	if (got > (s64)(want - run->first))
		return got;
	unpin_run(vcpu, got);
	*run = (struct run){ want, want + 1 };
	return pin_run(vcpu, r, *run);
}

/* -EAGAIN: another vCPU has pinned a part of it meanwhile */
static int try_pin(struct lg_vcpu *vcpu, struct lg_region *r, u64 want)
{
	struct page *page = READ_ONCE(r->pages[want]);
	u64 held, into;
	struct run run;
	int got, err;

	if (page)
		return lg_lost(page) ? -EHWPOISON : 0;
	run.first = want & ~(u64)(LG_PIN_GROUP - 1);
	run = unpinned_around(r, want, (struct run){ run.first, run.first + LG_PIN_GROUP });
	got = pin_wanted(vcpu, r, want, &run);
	if (got < 0)
		return got;
	held = lg_held_by(vcpu->pin_pages[want - run.first]);
	into = page_to_pfn(vcpu->pin_pages[want - run.first]) & (held - 1);
	if (held > 1) {
		unpin_run(vcpu, got);
		run = unpinned_around(r, want, (struct run){ want - min(want, into), want - into + held });
		got = pin_wanted(vcpu, r, want, &run);
		if (got < 0)
			return got;
	}
	err = keep_run(vcpu, r, run.first, got);
	if (err && err != -EAGAIN) {	/* a neighbour's fault, perhaps, or the page went out of its file just now, and there is another */
		got = pin_run(vcpu, r, (struct run){ want, want + 1 });
		err = got < 0 ? got : keep_run(vcpu, r, want, got);
	}
	return err;
}

/*H:290
 * page_fault() comes here for a page of the guest's, or one of its tables, that is not pinned yet, and then asks
 * lg_shadow_fault() again. From now on the page stays where it is until the guest or its process ends, and that is
 * what lets a shadow entry hold its address with nobody watching. See what is checked before the guest has it: that
 * it is no file's, and that its owner may lock so much.
 */
/**
 * lg_pin - pin the guest page, and its neighbours while at it
 * @vcpu: whose thread this is (the process that owns the memory)
 * @gfn: the page wanted: any value, and a mispredicted branch makes no read of anywhere of it (as in lg_region_page())
 *
 * Pages are pinned 16 at a time (one aligned group): a guest that starts touches them in order, and each pin otherwise costs an exit.
 * Of a large page of the host's all that the region has is pinned at once: a 2 MiB shadow entry needs that, and it is counted
 * as a whole. Only a failure for the page itself counts. Return: 0, -EFAULT (no memory there, or it cannot be written),
 * -EOPNOTSUPP (a file's, or private), -EHWPOISON (the hardware has lost it), -ENOMEM (also: over RLIMIT_MEMLOCK).
 */
int lg_pin(struct lg_vcpu *vcpu, gfn_t gfn)
{
	struct lg_region *r = lg_find_region(vcpu->lg, gfn);
	int err;

	if (!r)
		return -EFAULT;
	/* Each time another vCPU has got on. One that pins and releases for ever ends with the process, as this one does */
	do {
		err = try_pin(vcpu, r, array_index_nospec(gfn - r->gfn, r->npages));
	} while (err == -EAGAIN);
	return err;
}

/**
 * lg_huge_page - the host's 2 MiB behind 2 MiB of the guest, if they are one piece
 * @lg: the guest
 * @gfn: first page, a multiple of 512; any value, as for lg_pin()
 *
 * Return: the first page, 2 MiB aligned and followed by the other 511, all pinned; or NULL.
 */
struct page *lg_huge_page(struct lguest *lg, gfn_t gfn)
{
	struct lg_region *r = lg_find_region(lg, gfn);
	struct page **pages, *first;
	unsigned int i;

	if (!r || gfn - r->gfn + LG_HUGE_PAGES > r->npages)
		return NULL;
	pages = &r->pages[array_index_nospec(gfn - r->gfn, r->npages)];
	first = READ_ONCE(pages[0]);
	if (!first || page_to_pfn(first) & (LG_HUGE_PAGES - 1) || compound_order(compound_head(first)) < LG_HUGE_ORDER)
		return NULL;
	for (i = 1; i < LG_HUGE_PAGES; i++)
		if (READ_ONCE(pages[i]) != first + i)
			return NULL;
	return first;
}

/**
 * lg_read_guest - copy guest-physical memory, pinning as needed
 * @vcpu: whose thread this is
 * @to: where to
 * @gpa: from where, any value
 * @len: bytes; may cross pages
 *
 * Return: 0 or -EFAULT.
 */
int lg_read_guest(struct lg_vcpu *vcpu, void *to, gpa_t gpa, unsigned int len)
{
	while (len) {
		unsigned int part = min_t(unsigned int, len, PAGE_SIZE - offset_in_page(gpa));
		void *from;

		if (lg_pin(vcpu, gpa >> PAGE_SHIFT))
			return -EFAULT;
		/* Another vCPU can release the page, but not now */
		spin_lock(&vcpu->lg->mmu_lock);
		from = lg_gpa(vcpu->lg, gpa);
		if (from)
			memcpy(to, from, part);
		spin_unlock(&vcpu->lg->mmu_lock);
		if (!from)
			return -EFAULT;
		to += part;
		gpa += part;
		len -= part;
	}
	return 0;
}
