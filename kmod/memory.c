// SPDX-License-Identifier: GPL-2.0
/*H:200
 * Guest-physical memory: which ranges exist, and the host's page for each guest page. A page is pinned when the guest
 * first touches it and stays so until the guest ends, so a shadow entry can never outlive its page, and the host
 * reads guest memory through its own direct map. lg_gpa() is the one way from a guest-physical address to a
 * pointer; nothing here knows about page tables.
 */
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include "lg.h"

/* 2^46 bytes: what a shadow entry can hold on every processor that runs this, and far more than can be pinned */
#define LG_MAX_GFN	(1ULL << (46 - PAGE_SHIFT))

/**
 * lg_add_region - give the guest a range of memory
 * @lg: the guest; its lock is held
 * @r: copied from the caller and not checked yet
 *
 * The whole size is accounted to the caller's locked memory at once, although pages are pinned one by one.
 * Return: 0, -EINVAL, -EEXIST (overlap), -ENOSPC (no slot), -ENOMEM (also: over RLIMIT_MEMLOCK).
 */
int lg_add_region(struct lguest *lg, const struct lguest_memory_region *r)
{
	u64 npages = r->size >> PAGE_SHIFT, gfn = r->guest_phys >> PAGE_SHIFT;
	struct lg_region *new = &lg->region[lg->nr_regions];
	unsigned int i;
	int err;

	if (r->flags || r->reserved || !r->size || (r->guest_phys | r->size | r->user_addr) & ~PAGE_MASK)
		return -EINVAL;
	if (gfn >= LG_MAX_GFN || npages > LG_MAX_GFN - gfn || npages > INT_MAX ||
	    !access_ok((void __user *)r->user_addr, r->size))
		return -EINVAL;
	if (lg->nr_regions == LGUEST_MAX_REGIONS)
		return -ENOSPC;
	for (i = 0; i < lg->nr_regions; i++)
		if (gfn < lg->region[i].gfn + lg->region[i].npages && lg->region[i].gfn < gfn + npages)
			return -EEXIST;
	err = account_locked_vm(lg->mm, npages, true);
	if (err)
		return err;
	new->pages = kvcalloc(npages, sizeof(*new->pages), GFP_KERNEL_ACCOUNT);
	if (!new->pages) {
		account_locked_vm(lg->mm, npages, false);
		return -ENOMEM;
	}
	new->gfn = gfn;
	new->npages = npages;
	new->user_addr = r->user_addr;
	/* A running vCPU looks regions up without the lock: the entry first, then the count */
	smp_store_release(&lg->nr_regions, lg->nr_regions + 1);
	return 0;
}

/**
 * lg_free_regions - unpin all guest memory
 * @lg: a guest whose vCPUs are gone, so no TLB holds what is unpinned here under a PCID that will be loaded again
 */
void lg_free_regions(struct lguest *lg)
{
	unsigned int i;
	u64 n;

	for (i = 0; i < lg->nr_regions; i++) {
		struct lg_region *r = &lg->region[i];

		for (n = 0; n < r->npages; n++) {
			if (r->pages[n])
				unpin_user_pages_dirty_lock(&r->pages[n], 1, true);
			if (!(n & 0xfff))
				cond_resched();
		}
		account_locked_vm(lg->mm, r->npages, false);
		kvfree(r->pages);
	}
	lg->nr_regions = 0;
}

static struct lg_region *find_region(struct lguest *lg, gfn_t gfn)
{
	unsigned int i, n = smp_load_acquire(&lg->nr_regions);

	for (i = 0; i < n; i++)
		if (gfn - lg->region[i].gfn < lg->region[i].npages)
			return &lg->region[i];
	return NULL;
}

/**
 * lg_gfn_slot - where the host keeps its page for a guest page
 * @lg: the guest
 * @gfn: guest page number
 *
 * Return: a slot, holding NULL while the page is not pinned; NULL when the guest has no memory there.
 */
struct page **lg_gfn_slot(struct lguest *lg, gfn_t gfn)
{
	struct lg_region *r = find_region(lg, gfn);

	/* The guest chooses gfn in its page tables: a mispredicted find_region() must not make that a read of anywhere */
	return r ? &r->pages[array_index_nospec(gfn - r->gfn, r->npages)] : NULL;
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
	struct page **slot = lg_gfn_slot(lg, gpa >> PAGE_SHIFT);

	return slot && *slot ? page_address(*slot) + offset_in_page(gpa) : NULL;
}

/* Pin what is not pinned yet of [first, end) of a region, run by run. Return: 0 or an error of the first run that failed */
static int pin_range(struct lg_vcpu *vcpu, struct lg_region *r, u64 first, u64 end)
{
	while (first < end) {
		u64 n = 0;
		int got, i;

		if (r->pages[first]) {
			first++;
			continue;
		}
		while (first + n < end && !r->pages[first + n])
			n++;
		got = pin_user_pages_fast(r->user_addr + (first << PAGE_SHIFT), n, FOLL_WRITE | FOLL_LONGTERM,
					  vcpu->pin_pages);
		if (got <= 0)
			return got ?: -EFAULT;
		for (i = 0; i < got; i++)
			r->pages[first + i] = vcpu->pin_pages[i];
		vcpu->stat[LG_STAT_PINNED_PAGES] += got;
		first += got;
	}
	return 0;
}

/**
 * lg_pin - pin the guest page, and its neighbours while at it
 * @vcpu: whose thread this is (the process that owns the memory)
 * @gfn: the page wanted
 *
 * Pages are pinned 16 at a time (one aligned group): a guest that starts touches them in order, and each pin otherwise costs an exit.
 * Where the host's page turns out to be a large one, all of it is: a 2 MiB shadow entry needs that. Only a failure for the page
 * itself counts. Return: 0, -EFAULT (no memory there, or it cannot be written), -ENOMEM.
 */
int lg_pin(struct lg_vcpu *vcpu, gfn_t gfn)
{
	struct lg_region *r = find_region(vcpu->lg, gfn);
	u64 want, first, end;
	int err;

	if (!r)
		return -EFAULT;
	want = gfn - r->gfn;
	if (r->pages[want])
		return 0;
	first = want & ~(u64)(LG_PIN_GROUP - 1);
	end = min(first + LG_PIN_GROUP, r->npages);
	err = pin_range(vcpu, r, first, end);
	if (!r->pages[want])	/* a neighbour before it failed */
		err = pin_range(vcpu, r, want, want + 1);
	if (!r->pages[want])
		return err ?: -EFAULT;
	if (compound_order(compound_head(r->pages[want])) >= LG_HUGE_ORDER) {
		first = ((gfn & ~(u64)(LG_HUGE_PAGES - 1)) - r->gfn);
		/* Part of a large page at the region's start or end is no use to a 2 MiB entry */
		if (first < r->npages && first + LG_HUGE_PAGES <= r->npages)
			pin_range(vcpu, r, first, first + LG_HUGE_PAGES);
	}
	return 0;
}

/**
 * lg_huge_page - the host's 2 MiB behind 2 MiB of the guest, if they are one piece
 * @lg: the guest
 * @gfn: first page, a multiple of 512
 *
 * Return: the first page, 2 MiB aligned and followed by the other 511, all pinned; or NULL.
 */
struct page *lg_huge_page(struct lguest *lg, gfn_t gfn)
{
	struct lg_region *r = find_region(lg, gfn);
	struct page **pages;
	unsigned int i;

	if (!r || gfn - r->gfn + LG_HUGE_PAGES > r->npages)
		return NULL;
	pages = &r->pages[gfn - r->gfn];
	if (!pages[0] || page_to_pfn(pages[0]) & (LG_HUGE_PAGES - 1) || compound_order(compound_head(pages[0])) < LG_HUGE_ORDER)
		return NULL;
	for (i = 1; i < LG_HUGE_PAGES; i++)
		if (pages[i] != pages[0] + i)
			return NULL;
	return pages[0];
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
		from = lg_gpa(vcpu->lg, gpa);
		memcpy(to, from, part);
		to += part;
		gpa += part;
		len -= part;
	}
	return 0;
}
