// SPDX-License-Identifier: GPL-2.0
/*H:250
 * The shadow tables: what the processor really walks while the guest runs. They are a cache of the guest's own tables, a
 * TLB in memory. An entry is filled when the guest faults on it and is dropped when the guest says that its own
 * lost something (the lost queue, docs/abi.md); in between it may be stale exactly as a TLB entry may, so
 * nothing is write-protected and no store of the guest's traps.
 *
 * The tables form a tree: each page (struct lg_sp) has one parent entry. Below a root is the low half of one address space,
 * which its two views share: the kernel view has NX in the top-level entries, so the guest kernel can't be made to run
 * user pages. One more tree, lg->kernel, is the kernel half of all roots. Every leaf has U=1, since both of the guest's
 * modes run at CPL 3: what keeps guest user mode out is that the user view has no kernel half.
 *
 * Whatever the guest puts in its tables, a leaf maps only pages that lg_page() knows: pinned guest memory. All of this
 * belongs to the vCPU's thread. Nothing here takes long, whatever the guest's tables are: what is cut off from the tree is
 * taken apart later, a few tables at a time ("doomed"), and a queue that costs too much to look up drops everything
 * instead. Preemption is on throughout, and every loop that can be long has a cond_resched().
 */
#include <linux/hash.h>
#include <linux/io.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <asm/pgtable.h>
#include <asm/trap_pf.h>
#include "lg.h"

#define ENTRIES		512
#define ADDR_MASK	0x000ffffffffff000ULL

/* Guest bits that matter */
#define G_P		_PAGE_PRESENT
#define G_W		_PAGE_RW
#define G_U		_PAGE_USER
#define G_A		_PAGE_ACCESSED
#define G_D		_PAGE_DIRTY
#define G_PS		_PAGE_PSE
#define G_NX		_PAGE_NX

/* A and D are set so that the processor never writes to shadow tables; no G, ever: see docs/switcher.md */
#define S_TABLE		(_PAGE_PRESENT | _PAGE_RW | _PAGE_USER | _PAGE_ACCESSED | _PAGE_DIRTY)
#define S_LEAF		(_PAGE_PRESENT | _PAGE_USER | _PAGE_ACCESSED | _PAGE_DIRTY)

#define SWITCHER_SLOT	256
#define CEA_SLOT	508

/* Neighbours filled with one fault: of a guest page table, and of a large guest page that is split */
#define AROUND		16
#define AROUND_SPLIT	64

/*
 * Steps along hash chains that one drain of the lost queue may take. The queue of a guest whose tables are each shadowed once
 * needs a few for a record; the guest can make one table's chain as long as its limit, and then everything is dropped.
 */
#define DRAIN_STEPS	16384

static unsigned int index_of(u64 va, unsigned int level)
{
	return (va >> (PAGE_SHIFT + 9 * (level - 1))) & (ENTRIES - 1);
}

static struct lg_sp *sp_of(u64 entry)
{
	return (struct lg_sp *)page_private(pfn_to_page((entry & ADDR_MASK) >> PAGE_SHIFT));
}

/* ---- Pages of shadow tables ---- */

static struct hlist_head *bucket(struct lguest *lg, gfn_t gfn)
{
	return &lg->sp_hash[hash_64(gfn, lg->sp_hash_bits)];
}

static u64 *new_table(void)
{
	return lg_try((u64 *)get_zeroed_page(GFP_KERNEL_ACCOUNT));
}

static struct lg_sp *new_sp(void)
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

static void delete_sp(struct lg_sp *sp)
{
	set_page_private(virt_to_page(sp->spt), 0);
	free_page((unsigned long)sp->spt);
	kfree(sp);
}

static struct lg_sp *get_sp(struct lguest *lg, gfn_t gfn, unsigned int level, struct lg_root *root)
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

static bool is_leaf(const struct lg_sp *sp, u64 entry)
{
	return sp->level == 1 || (entry & _PAGE_PSE);
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

static void set_entry(struct lguest *lg, struct lg_sp *sp, unsigned int i, u64 entry)
{
	sp->used += !!entry - !!sp->spt[i];
	WRITE_ONCE(sp->spt[i], entry);
	if (sp->level == 4)
		mirror_top(lg, sp, i, entry);
}

/* ---- Losing entries ---- */

static void mark_stale(struct lg_vcpu *vcpu, struct lg_root *root)
{
	if (root)
		root->tlb_gen = 0;
	else
		vcpu->tlb_gen = ++vcpu->lg->tlb_gen;	/* the kernel half is in every root's PCIDs */
	vcpu->cr3_stale = true;
}

/*
 * What an entry points to is cut off here and taken apart by reap_one(), so that this costs the same whatever is below. Until then
 * such a table is still found by its guest table: losing an entry of it once more harms nothing.
 */
static void zap_entry(struct lguest *lg, struct lg_sp *sp, unsigned int i)
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

static bool is_fixed(const struct lg_sp *sp, unsigned int i)
{
	return sp->level == 4 && (sp->root ? i >= ENTRIES / 2 : i == SWITCHER_SLOT || i == CEA_SLOT);
}

static void zap_range(struct lguest *lg, struct lg_sp *sp, u64 start, u64 last)
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

static void flush_low(struct lg_vcpu *vcpu, struct lg_root *root)
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

/* The root stays in its place with nothing in it: its PCIDs are flushed before they are used again */
static void release_root(struct lg_vcpu *vcpu, struct lg_root *root)
{
	flush_low(vcpu, root);
	hlist_del_init(&root->low->hash);
	hash_del(&root->hash);
	root->low->gfn = LG_NO_GFN;
	root->used = false;
	list_move_tail(&root->lru, &vcpu->lg->root_lru);
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
 * notes that in a queue in the page that it shares (chapter G), and each hypercall that touches translations comes
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

/* ---- Roots ---- */

static u64 top_entry(const void *table)
{
	return __pa(table) | S_TABLE;
}

static int init_root(struct lguest *lg, struct lg_root *root)
{
	unsigned int i;

	root->slot = root - lg->roots;
	root->low = new_sp();
	root->top[0] = new_table();
	root->top[1] = lg_la57 ? new_table() : root->low ? root->low->spt : NULL;
	if (!root->low || !root->top[0] || !root->top[1])
		return -ENOMEM;
	root->low->level = 4;
	root->low->root = root;
	root->low->gfn = LG_NO_GFN;
	for (i = 0; i < 2; i++)
		root->top[i][SWITCHER_SLOT] = lg->sw_entry;
	if (lg_la57) {
		root->top[0][0] = top_entry(root->low->spt) | _PAGE_NX;
		root->top[1][0] = top_entry(root->low->spt);
		root->top[0][ENTRIES - 1] = top_entry(lg->kernel->spt);
		root->top[1][ENTRIES - 1] = top_entry(lg->user_high);
		return 0;
	}
	root->top[1][CEA_SLOT] = lg_cea_entry;
	memcpy(root->top[0] + SWITCHER_SLOT + 1, lg->kernel->spt + SWITCHER_SLOT + 1,
	       (ENTRIES - SWITCHER_SLOT - 1) * sizeof(u64));
	return 0;
}

static void exit_root(struct lg_root *root)
{
	if (root->top[1] && lg_la57)
		free_page((unsigned long)root->top[1]);
	if (root->top[0])
		free_page((unsigned long)root->top[0]);
	if (!root->low)
		return;
	hlist_del_init(&root->low->hash);	/* others in its bucket are still to be taken out */
	delete_sp(root->low);
}

/* A root that has no pages yet, with them; NULL when there is none left, or no memory */
static struct lg_root *make_root(struct lguest *lg)
{
	struct lg_root *root;

	for (root = lg->roots; root < lg->roots + LG_ROOTS; root++) {
		if (root->low)
			continue;
		if (init_root(lg, root)) {
			exit_root(root);
			memset(root, 0, sizeof(*root));
			return NULL;
		}
		list_add(&root->lru, &lg->root_lru);
		return root;
	}
	return NULL;
}

static struct lg_root *unused_root(struct lguest *lg)
{
	struct lg_root *root;

	list_for_each_entry(root, &lg->root_lru, lru)
		if (!root->used)
			return root;
	return NULL;
}

static struct lg_root *oldest_root(struct lg_vcpu *vcpu)
{
	struct lg_root *root;

	list_for_each_entry_reverse(root, &vcpu->lg->root_lru, lru)
		if (root != vcpu->root)
			return root;
	return NULL;
}

/* Address spaces come one by one: their pages are made when they are first needed, up to LG_ROOTS; then the oldest goes */
static struct lg_root *new_root(struct lg_vcpu *vcpu, gfn_t gfn)
{
	struct lguest *lg = vcpu->lg;
	struct lg_root *root = unused_root(lg) ?: make_root(lg);

	if (!root) {
		root = oldest_root(vcpu);
		if (!root)
			return NULL;
		release_root(vcpu, root);
	}
	root->used = true;
	root->low->gfn = gfn;
	hlist_add_head(&root->low->hash, bucket(lg, gfn));
	hash_add(lg->root_hash, &root->hash, gfn);
	return root;
}

/* By a hash of their own: the chains of sp_hash are as long as the guest wants them */
static struct lg_root *find_root(struct lguest *lg, gfn_t gfn)
{
	struct lg_root *root;

	hash_for_each_possible(lg->root_hash, root, hash, gfn)
		if (root->low->gfn == gfn)
			return root;
	return NULL;
}

/*H:360
 * The guest changes its address space (hypercall NEW_PGTABLE) and we come here. If it is one that we still have, with
 * its shadow tables and its PCIDs, this is a look into a hash and a pointer. If not, it gets a root that is free, or
 * the one that was not used for longest. CR3 is not touched: what will be loaded into it is the business of the next
 * two stations.
 */
/**
 * lg_set_root - the guest's CR3
 * @vcpu: the vCPU
 * @cr3: guest-physical address of the top table; the low 12 bits are ignored
 *
 * May sleep when the root is not cached. A root outside guest memory is accepted here; the first
 * fault through it kills the guest.
 * Return: 0 or -ENOMEM.
 */
int lg_set_root(struct lg_vcpu *vcpu, gpa_t cr3)
{
	gfn_t gfn = (cr3 & ADDR_MASK) >> PAGE_SHIFT;
	struct lg_root *root = find_root(vcpu->lg, gfn);

	if (root) {
		lg_count(vcpu, ROOT_HITS);
	} else {
		lg_count(vcpu, ROOT_MISSES);
		root = new_root(vcpu, gfn);
		if (!root)
			return -ENOMEM;
	}
	if (root != vcpu->root) {
		vcpu->root = root;
		vcpu->cr3_stale = true;
	}
	list_move(&root->lru, &vcpu->lg->root_lru);
	return 0;
}

/**
 * lg_drop_root - the guest will not use this top table again
 * @vcpu: the vCPU
 * @cr3: its guest-physical address; nothing happens when it is not cached or is the current one
 */
void lg_drop_root(struct lg_vcpu *vcpu, gpa_t cr3)
{
	struct lg_root *root = find_root(vcpu->lg, (cr3 & ADDR_MASK) >> PAGE_SHIFT);

	if (root && root != vcpu->root)
		release_root(vcpu, root);
}

/**
 * lg_prepare_user - make the current root fit for user mode
 * @vcpu: about to run in user mode
 *
 * Both views share the low half. When a supervisor page has been filled there (Linux patches its text through one), user
 * mode must not see it: drop the half, and let faults bring back what user mode may have.
 */
void lg_prepare_user(struct lg_vcpu *vcpu)
{
	if (vcpu->root->kernel_only)
		flush_low(vcpu, vcpu->root);
}

/* ---- Faults ---- */

struct guest_path {
	u64 *pte[5];		/* the host's address of each level's entry */
	gfn_t table[5];
	u64 leaf;
	unsigned int level;	/* of the leaf */
	bool writable, user, nx;
	bool up_writable, up_user, up_nx;	/* without the leaf's own bits */
	gfn_t gfn;		/* of the 4 KiB page */
	const struct lg_region *region;		/* looked in last, and first */
};

/* What a walk looks for is nearly always in one region */
static struct page *path_page(struct lguest *lg, struct guest_path *p, gfn_t gfn)
{
	if (!p->region || gfn - p->region->gfn >= p->region->npages)
		p->region = lg_find_region(lg, gfn);
	return p->region ? lg_region_page(p->region, gfn) : NULL;
}

static enum lg_fault missing(struct lg_vcpu *vcpu, gpa_t gpa, struct lg_walk *walk)
{
	walk->gpa = gpa;
	return lg_find_region(vcpu->lg, gpa >> PAGE_SHIFT) ? LG_NEED_PIN : LG_MMIO;
}

/*H:270
 * lg_shadow_fault() has asked what the guest itself says of the address. This is the walk of every textbook, four
 * levels down, with one difference: each table is where the guest's entry says, so each step goes through
 * path_page(), which knows nothing but pinned guest memory. What is not pinned yet, or is no memory, ends the walk.
 */
/*
 * Walk the guest's own tables. Each entry is read once; what the guest does to it meanwhile is like a store that
 * a processor's walk just missed.
 */
static enum lg_fault walk_guest(struct lg_vcpu *vcpu, u64 va, struct guest_path *p, struct lg_walk *walk)
{
	gfn_t gfn = vcpu->root->low->gfn;
	u64 entry;

	p->writable = p->user = true;
	p->nx = false;
	p->region = NULL;
	for (p->level = 4; ; p->level--) {
		struct page *table = path_page(vcpu->lg, p, gfn);

		if (!table)
			return missing(vcpu, gfn << PAGE_SHIFT, walk) == LG_NEED_PIN ? LG_NEED_PIN : LG_BAD_TABLE;
		p->table[p->level] = gfn;
		p->pte[p->level] = (u64 *)page_address(table) + index_of(va, p->level);
		entry = READ_ONCE(*p->pte[p->level]);
		if (!(entry & G_P)) {
			walk->error = 0;
			return LG_GUEST_FAULT;
		}
		p->up_writable = p->writable;
		p->up_user = p->user;
		p->up_nx = p->nx;
		p->writable &= !!(entry & G_W);
		p->user &= !!(entry & G_U);
		p->nx |= !!(entry & G_NX);
		gfn = (entry & ADDR_MASK) >> PAGE_SHIFT;
		if (p->level == 1 || ((entry & G_PS) && p->level < 4))
			break;
	}
	p->leaf = entry;
	if (p->level > 1) {
		u64 pages = 1ULL << (9 * (p->level - 1));

		gfn = (gfn & ~(pages - 1)) | ((va >> PAGE_SHIFT) & (pages - 1));
	}
	p->gfn = gfn;
	return LG_FILLED;
}

static bool allowed(struct lg_vcpu *vcpu, u64 va, u32 error, const struct guest_path *p)
{
	if ((error & X86_PF_WRITE) && !p->writable)
		return false;
	if (error & X86_PF_INSTR && p->nx)
		return false;
	if (vcpu->sw->mode)
		return p->user;
	/* SMEP: the kernel view has NX on the whole low half */
	return !(error & X86_PF_INSTR) || va >> 47;
}

/* The processor would set A, and D for a write, with a locked access: do the same in the guest's entries */
static void set_accessed_dirty(struct guest_path *p, bool write)
{
	unsigned int level;

	for (level = 4; level >= p->level; level--) {
		u64 bits = G_A | (write && level == p->level ? G_D : 0);
		u64 old = READ_ONCE(*p->pte[level]);

		/* Lost the race: the guest changed the entry, and its own bits are as good as ours */
		if ((old & G_P) && (old & bits) != bits)
			cmpxchg(p->pte[level], old, old | bits);
		if (level == p->level && write)
			p->leaf |= G_D;
	}
}

static u64 leaf_entry(const struct guest_path *p, u64 guest_entry, const struct page *page)
{
	u64 entry = page_to_phys(page) | S_LEAF;

	if (p->writable && (guest_entry & G_D))
		entry |= _PAGE_RW;
	if (p->nx)
		entry |= _PAGE_NX;
	return entry;
}

static struct lg_sp *child_sp(struct lg_vcpu *vcpu, struct lg_sp *sp, unsigned int i, gfn_t gfn)
{
	struct lguest *lg = vcpu->lg;
	u64 entry = sp->spt[i];
	struct lg_sp *child;

	if (entry && !is_leaf(sp, entry)) {
		child = sp_of(entry);
		if (child->gfn == gfn)
			return child;
	}
	/* Another table, or a large page, was here and its loss is not flushed yet: the newer one wins */
	if (entry) {
		zap_entry(lg, sp, i);
		mark_stale(vcpu, sp->root);
	}
	child = get_sp(lg, gfn, sp->level - 1, sp->root);
	if (!child)
		return NULL;
	child->parent = sp;
	child->parent_index = i;
	set_entry(lg, sp, i, __pa(child->spt) | S_TABLE);
	return child;
}

/* Fill what lies beside, of entries that the guest has marked accessed and in the same region: no fault for those later */
static void fill_around(struct lg_vcpu *vcpu, struct lg_sp *sp, unsigned int i, const struct guest_path *p)
{
	const u64 *table = p->pte[1] - i;
	unsigned int j, first = i & ~(AROUND - 1);
	struct guest_path q;
	struct page *page;

	for (j = first; j < first + AROUND; j++) {
		u64 entry = READ_ONCE(table[j]);

		if (sp->spt[j] || (entry & (G_P | G_A)) != (G_P | G_A))
			continue;
		page = lg_region_page(p->region, (entry & ADDR_MASK) >> PAGE_SHIFT);
		if (!page)
			continue;
		/* A supervisor page in the low half would make the root unfit for user mode: not unasked */
		if (sp->root && !(p->up_user && (entry & G_U)))
			continue;
		q.writable = p->up_writable && (entry & G_W);
		q.nx = p->up_nx || (entry & G_NX);
		set_entry(vcpu->lg, sp, j, leaf_entry(&q, entry, page));
		lg_count(vcpu, FILLS_AROUND);
	}
}

static void fill_around_split(struct lg_vcpu *vcpu, struct lg_sp *sp, unsigned int i, const struct guest_path *p)
{
	unsigned int j, first = i & ~(AROUND_SPLIT - 1);
	gfn_t base = p->gfn - i;
	struct page *page;

	for (j = first; j < first + AROUND_SPLIT; j++) {
		if (sp->spt[j])
			continue;
		page = lg_region_page(p->region, base + j);
		if (!page)
			continue;
		set_entry(vcpu->lg, sp, j, leaf_entry(p, p->leaf, page));
		lg_count(vcpu, FILLS_AROUND);
	}
}

static bool permits(u64 entry, u32 error)
{
	return entry && !((error & X86_PF_WRITE) && !(entry & _PAGE_RW)) &&
		!((error & X86_PF_INSTR) && (entry & _PAGE_NX));
}

/* Where the guest's page is large and so is the host's below it, the entry can be: @last is then 2, and its first page is returned */
static struct page *usable_huge_page(struct lg_vcpu *vcpu, const struct guest_path *p, struct page *page, unsigned int *last)
{
	struct page *huge = p->level > 1 ? lg_huge_page(vcpu->lg, p->gfn & ~(u64)(LG_HUGE_PAGES - 1)) : NULL;

	*last = huge ? 2 : 1;
	return huge ?: page;
}

/* The guest uses this address, and its neighbours in the same 2 MiB may be filled with it: is it one of the host's? */
static void look_for_host(struct lg_vcpu *vcpu, u64 va, bool large)
{
	u64 first = va & PMD_MASK;

	if (va >> 47 && !vcpu->flush_globals && lg_overlaps_host(first, first + PMD_SIZE - 1, large))
		lg_flush_globals(vcpu);
}

/*H:280
 * The guest's tables allow the access and its page is at hand: now the entry is made. The loop goes down the shadow
 * tables and makes what is missing, each table noted with the guest table that it stands for, by which a loss will
 * find it. Where the guest's entry is not dirty the leaf gets no write permission: so the first write faults, and
 * sets the bit. Neighbours are filled along with it, to save their faults.
 */
static enum lg_fault fill(struct lg_vcpu *vcpu, u64 va, u32 error, struct guest_path *p, struct page *page)
{
	struct lg_sp *sp = va >> 47 ? vcpu->lg->kernel : vcpu->root->low;
	unsigned int i, last;
	u64 old, new;

	page = usable_huge_page(vcpu, p, page, &last);
	look_for_host(vcpu, va, last == 2);
	while (sp->level > last) {
		/* Below a large page of the guest the shadow tables have no guest table of their own */
		gfn_t gfn = sp->level > p->level ? p->table[sp->level - 1] : LG_NO_GFN;

		sp = child_sp(vcpu, sp, index_of(va, sp->level), gfn);
		if (!sp)
			return LG_NEED_TABLES;
	}
	i = index_of(va, last);
	old = sp->spt[i];
	new = leaf_entry(p, p->leaf, page);
	if (last == 2) {
		new |= _PAGE_PSE;
		lg_count(vcpu, HUGE_FILLS);
		/* Filled page by page before: one entry replaces the table */
		if (old && !is_leaf(sp, old)) {
			zap_entry(vcpu->lg, sp, i);
			mark_stale(vcpu, sp->root);
			old = 0;
		}
	}
	if (old == new && permits(old, error)) {
		/* A stale TLB entry: ours after a gain, or a global one of the host's at this address */
		lg_count(vcpu, SPURIOUS);
		vcpu->sw->invlpg = va | 1;	/* any address of the page, and never 0, which is none */
		return LG_FILLED;
	}
	set_entry(vcpu->lg, sp, i, new);
	/* A change of an entry that was there may be in the TLB as it was */
	if (old) {
		vcpu->sw->invlpg = va | 1;
		if ((old ^ new) & ADDR_MASK || (old & ~new & _PAGE_RW))
			mark_stale(vcpu, sp->root);
	}
	if (sp->root && !p->user) {
		vcpu->root->kernel_only = true;
		vcpu->sw->no_direct = 1;
	}
	if (p->level == 1)
		fill_around(vcpu, sp, i, p);
	else if (last == 1)
		fill_around_split(vcpu, sp, i, p);
	return LG_FILLED;
}

/*H:260
 * Now that we know what the shadow tables are, the fault can be answered. The guest's tables are walked as its
 * processor would walk them (walk_guest(), which is next), the access is held against what they allow in this mode,
 * their accessed and dirty bits are set, and the entry is made (fill()). Nothing here sleeps: what would have to is
 * given back to page_fault(), which does it and asks again.
 */
/**
 * lg_shadow_fault - the guest faulted: fill, or say what else it is
 * @vcpu: the vCPU
 * @va: the address (CR2)
 * @error: the processor's error code
 * @walk: out: the address that is missing, or the guest's own error code
 *
 * Does not sleep. Return: LG_FILLED (run again), LG_GUEST_FAULT (the guest's own page fault), LG_MMIO (no memory there),
 * LG_BAD_TABLE (a page table where there is no memory), LG_NEED_PIN, LG_NEED_TABLES (see to it and call again).
 */
enum lg_fault lg_shadow_fault(struct lg_vcpu *vcpu, u64 va, u32 error, struct lg_walk *walk)
{
	struct guest_path p;
	struct page *page;
	enum lg_fault ret;

	lg_count(vcpu, PAGE_FAULTS);
	walk->error = 0;
	if (!vcpu->root)
		return LG_GUEST_FAULT;
	if (!lg_canonical48(va) || index_of(va, 4) == SWITCHER_SLOT || index_of(va, 4) == CEA_SLOT)
		ret = LG_GUEST_FAULT;
	else
		ret = walk_guest(vcpu, va, &p, walk);
	if (ret == LG_FILLED && !allowed(vcpu, va, error, &p)) {
		walk->error = X86_PF_PROT;
		ret = LG_GUEST_FAULT;
	}
	/* User mode's fault on the kernel half is never filled: its view has none */
	if (ret == LG_FILLED && vcpu->sw->mode && va >> 47) {
		walk->error = X86_PF_PROT;
		ret = LG_GUEST_FAULT;
	}
	if (ret == LG_GUEST_FAULT)
		walk->error |= (error & (X86_PF_WRITE | X86_PF_INSTR)) | (vcpu->sw->mode ? X86_PF_USER : 0);
	if (ret != LG_FILLED)
		return ret;

	set_accessed_dirty(&p, error & X86_PF_WRITE);
	page = path_page(vcpu->lg, &p, p.gfn);
	if (!page)
		return missing(vcpu, p.gfn << PAGE_SHIFT | offset_in_page(va), walk);
	lg_count(vcpu, FILLS);
	return fill(vcpu, va, error, &p, page);
}

/**
 * lg_walk_va - guest-physical address of a virtual one, as the guest's tables have it now
 * @vcpu: the vCPU
 * @va: the address
 * @gpa: out
 *
 * Return: 0; -EFAULT when it is not mapped (or a table is not pinned, which does not happen for what just ran).
 */
int lg_walk_va(struct lg_vcpu *vcpu, u64 va, gpa_t *gpa)
{
	struct guest_path p;
	struct lg_walk walk;

	if (!vcpu->root || !lg_canonical48(va) || walk_guest(vcpu, va, &p, &walk) != LG_FILLED)
		return -EFAULT;
	*gpa = p.gfn << PAGE_SHIFT | offset_in_page(va);
	return 0;
}

/* ---- Life ---- */

/*H:350
 * Losses and shortage we have seen; now what the entries hang from. This is made with the guest: the top table of the
 * kernel half, which the kernel views of all address spaces show. One entry in it is the host's, the cpu_entry_area:
 * the stacks that the processor goes to when the guest is interrupted must be there under the guest's page table,
 * too. The roots themselves come when they are needed.
 */
/**
 * lg_shadow_init - the tables that every root needs
 * @lg: new
 *
 * Return: 0 or -ENOMEM; lg_shadow_exit() cleans up in both cases.
 */
int lg_shadow_init(struct lguest *lg)
{
	/* Some 4 tables a bucket when all are used */
	lg->sp_hash_bits = clamp(ilog2(lg->sp_max / 4), 5, 16);
	lg->sp_hash = lg_try(kvcalloc(1U << lg->sp_hash_bits, sizeof(*lg->sp_hash), GFP_KERNEL_ACCOUNT));
	if (!lg->sp_hash)
		return -ENOMEM;
	hash_init(lg->root_hash);
	INIT_LIST_HEAD(&lg->root_lru);
	INIT_LIST_HEAD(&lg->sp_cache);
	INIT_LIST_HEAD(&lg->doomed);
	lg->kernel = new_sp();
	if (!lg->kernel)
		return -ENOMEM;
	lg->kernel->level = 4;
	lg->kernel->gfn = LG_NO_GFN;
	/* The host's own entry: entry stacks, IST stacks, GDT and TSS at their host addresses, supervisor only */
	lg->kernel->spt[CEA_SLOT] = lg_cea_entry;
	lg->kernel->used = 1;
	if (lg_la57) {
		lg->user_high = new_table();
		if (!lg->user_high)
			return -ENOMEM;
		lg->user_high[CEA_SLOT] = lg_cea_entry;
	}
	return 0;
}

static void free_all_tables(struct lguest *lg)
{
	struct lg_sp *sp, *next;
	unsigned int i;

	zap_range(lg, lg->kernel, -(1ULL << 47), ~0ULL);
	for (i = 0; i < LG_ROOTS; i++) {
		if (!lg->roots[i].low)
			continue;
		zap_range(lg, lg->roots[i].low, 0, (1ULL << 47) - 1);
		exit_root(&lg->roots[i]);
	}
	while (lg_shadow_reap(lg))
		;
	list_for_each_entry_safe(sp, next, &lg->sp_cache, list) {
		delete_sp(sp);
		cond_resched();
	}
	delete_sp(lg->kernel);
}

/**
 * lg_shadow_exit - free all tables
 * @lg: no vCPU of it will run again; whatever lg_shadow_init() has made of it, or a second time
 */
void lg_shadow_exit(struct lguest *lg)
{
	if (lg->kernel)
		free_all_tables(lg);
	lg->kernel = NULL;
	free_page((unsigned long)lg->user_high);
	lg->user_high = NULL;
	kvfree(lg->sp_hash);
	lg->sp_hash = NULL;
}
