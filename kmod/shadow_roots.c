// SPDX-License-Identifier: GPL-2.0
/*H:345
 * Roots: the address spaces of the guest that are cached, each with two pages that CR3 can point to, and the tree of the kernel
 * half, which all of them show. Finding one, making one, and letting the oldest go. What is not told to take the lock is called
 * with mmu_lock held.
 */
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include "lg.h"
#include "shadow.h"

static u64 top_entry(const void *table)
{
	return __pa(table) | S_TABLE;
}

/* Pages for a root, made before the lock is taken */
struct root_pages {
	struct lg_sp *low;
	u64 *top[2];
};

static void free_pages_of(struct root_pages *p)
{
	if (p->top[1] && lg_la57)
		free_page((unsigned long)p->top[1]);
	if (p->top[0])
		free_page((unsigned long)p->top[0]);
	if (p->low)
		delete_sp(p->low);
	*p = (struct root_pages){ };
}

static bool make_pages(struct root_pages *p)
{
	p->low = new_sp();
	p->top[0] = new_table();
	p->top[1] = lg_la57 ? new_table() : p->low ? p->low->spt : NULL;
	if (p->low && p->top[0] && p->top[1])
		return true;
	free_pages_of(p);
	return false;
}

/* The low half that the kernel view shows, where it is one entry */
static void show_low(struct lg_root *root, const struct lg_sp *low)
{
	WRITE_ONCE(root->top[0][0], top_entry(low->spt) | _PAGE_NX);
}

static void init_root(struct lguest *lg, struct lg_root *root, struct root_pages *p)
{
	unsigned int i;

	root->slot = root - lg->roots;
	root->low = p->low;
	root->top[0] = p->top[0];
	root->top[1] = p->top[1];
	*p = (struct root_pages){ };
	list_add(&root->lru, &lg->root_lru);
	root->low->level = 4;
	root->low->root = root;
	root->low->gfn = LG_NO_GFN;
	for (i = 0; i < 2; i++)
		root->top[i][SWITCHER_SLOT] = lg->sw_entry;
	if (lg_la57) {
		show_low(root, root->low);
		root->top[1][0] = top_entry(root->low->spt);
		root->top[0][ENTRIES - 1] = top_entry(lg->kernel->spt);
		root->top[1][ENTRIES - 1] = top_entry(lg->user_high);
		return;
	}
	root->top[1][CEA_SLOT] = lg_cea_entry;
	memcpy(root->top[0] + SWITCHER_SLOT + 1, lg->kernel->spt + SWITCHER_SLOT + 1,
	       (ENTRIES - SWITCHER_SLOT - 1) * sizeof(u64));
}

static void exit_root(struct lg_root *root)
{
	struct root_pages p = { root->low, { root->top[0], root->top[1] } };

	hlist_del_init(&root->low->hash);	/* others in its bucket are still to be taken out */
	free_pages_of(&p);
}

/*H:347
 * Both views of an address space show one low half, for as long as all in it is the user's. The first supervisor page that is
 * filled there (Linux patches its text through one) gives the kernel view a tree of its own, so that user mode, perhaps on
 * another vCPU at this moment, never sees it. Nothing is lost by that: what the kernel view has of the common tree in its TLB
 * stays true, and goes when the common tree loses it.
 */
/* The kernel view's own tree, which holds nothing yet; NULL when there is no table at hand */
struct lg_sp *split_root(struct lguest *lg, struct lg_root *root)
{
	struct lg_sp *sp = get_sp(lg, root->low->gfn, 4, root);
	unsigned int i;

	if (!sp)
		return NULL;
	root->klow = sp;
	if (lg_la57)
		show_low(root, sp);
	else
		for (i = 0; i < ENTRIES / 2; i++)
			WRITE_ONCE(root->top[0][i], 0);
	return sp;
}

/* The common tree is empty: the two are one again. The caller marks the root stale */
void unsplit_root(struct lguest *lg, struct lg_root *root)
{
	struct lg_sp *sp = root->klow;
	unsigned int i;

	if (!sp)
		return;
	for (i = 0; i < ENTRIES / 2; i++)
		zap_entry(lg, sp, i);
	root->klow = NULL;
	if (lg_la57)
		show_low(root, root->low);
	list_add(&sp->list, &lg->doomed);
}

/* The root, which is nobody's current one, stays in its place with nothing in it: its PCIDs are flushed before they are used again */
void release_root(struct lguest *lg, struct lg_root *root)
{
	WARN_ON_ONCE(root->users);
	flush_low(lg, root);
	hlist_del_init(&root->low->hash);
	hash_del(&root->hash);
	root->low->gfn = LG_NO_GFN;
	root->used = false;
	list_move_tail(&root->lru, &lg->root_lru);
}

static struct lg_root *unused_root(struct lguest *lg)
{
	struct lg_root *root;

	list_for_each_entry(root, &lg->root_lru, lru)
		if (!root->used)
			return root;
	return NULL;
}

/* A root that has no pages yet; NULL when all have */
static struct lg_root *bare_root(struct lguest *lg)
{
	struct lg_root *root;

	for (root = lg->roots; root < lg->roots + LG_ROOTS; root++)
		if (!root->low)
			return root;
	return NULL;
}

static struct lg_root *release_oldest(struct lguest *lg)
{
	struct lg_root *root;

	list_for_each_entry_reverse(root, &lg->root_lru, lru) {
		if (root->users)
			continue;
		release_root(lg, root);
		return root;
	}
	return NULL;
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

/*
 * Address spaces come one by one: their pages are made when they are first needed, up to LG_ROOTS; then the oldest goes. NULL: @p
 * has no pages, and they would do
 */
static struct lg_root *new_root(struct lguest *lg, gfn_t gfn, struct root_pages *p, bool no_memory)
{
	struct lg_root *root = unused_root(lg), *bare = root ? NULL : bare_root(lg);

	if (bare && p->low) {
		init_root(lg, bare, p);
		root = bare;
	} else if (bare && !no_memory) {
		return NULL;
	}
	root = root ?: release_oldest(lg);
	if (!root)
		return NULL;
	root->used = true;
	root->low->gfn = gfn;
	hlist_add_head(&root->low->hash, bucket(lg, gfn));
	hash_add(lg->root_hash, &root->hash, gfn);
	return root;
}

/* The vCPU goes from the root it has to @root, or to none */
static void change_root(struct lg_vcpu *vcpu, struct lg_root *root)
{
	if (root == vcpu->root)
		return;
	if (vcpu->root)
		vcpu->root->users--;
	if (root)
		root->users++;
	vcpu->root = root;
	vcpu->cr3_stale = true;
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
	struct lguest *lg = vcpu->lg;
	struct root_pages p = { };
	bool hit = true, no_memory = false;
	struct lg_root *root;

	for (;;) {
		spin_lock(&lg->mmu_lock);
		root = find_root(lg, gfn);
		if (!root) {
			hit = false;
			root = new_root(lg, gfn, &p, no_memory);
		}
		if (root) {
			change_root(vcpu, root);
			list_move(&root->lru, &lg->root_lru);
		}
		spin_unlock(&lg->mmu_lock);
		if (root || no_memory)
			break;
		no_memory = !make_pages(&p);
	}
	/* Another vCPU may have made the same one meanwhile */
	if (p.low)
		free_pages_of(&p);
	vcpu->stat[hit ? LG_STAT_ROOT_HITS : LG_STAT_ROOT_MISSES]++;
	return root ? 0 : -ENOMEM;
}

/**
 * lg_flush_mm - what the low half of an address space has lost is no vCPU's any more when this returns
 * @vcpu: its own thread; the queues were drained
 * @cr3: guest-physical address of the address space's top table; when it is not cached nobody is on it
 */
void lg_flush_mm(struct lg_vcpu *vcpu, gpa_t cr3)
{
	struct lg_root *root;

	spin_lock(&vcpu->lg->mmu_lock);
	root = find_root(vcpu->lg, (cr3 & ADDR_MASK) >> PAGE_SHIFT);
	spin_unlock(&vcpu->lg->mmu_lock);
	lg_shootdown(vcpu, LG_SCOPE_ROOT, root);
}

/** lg_leave_root - the vCPU stops: it has no address space until it is started again */
void lg_leave_root(struct lg_vcpu *vcpu)
{
	spin_lock(&vcpu->lg->mmu_lock);
	change_root(vcpu, NULL);
	spin_unlock(&vcpu->lg->mmu_lock);
}

/**
 * lg_drop_root - the guest will not use this top table again
 * @vcpu: the vCPU
 * @cr3: its guest-physical address; nothing happens when it is not cached. One that a vCPU still has stays, with nothing in it
 */
void lg_drop_root(struct lg_vcpu *vcpu, gpa_t cr3)
{
	struct lguest *lg = vcpu->lg;
	struct lg_root *root;

	spin_lock(&lg->mmu_lock);
	root = find_root(lg, (cr3 & ADDR_MASK) >> PAGE_SHIFT);
	if (root && root->users)
		flush_low(lg, root);
	else if (root)
		release_root(lg, root);
	spin_unlock(&lg->mmu_lock);
}

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
	INIT_LIST_HEAD(&lg->zapped);
	lg->gen = lg->kernel_gen = LG_FIRST_GEN;
	lg->sp_target = LG_CACHE_PAGES;
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

static void delete_all(struct list_head *pages)
{
	struct lg_sp *sp, *next;

	list_for_each_entry_safe(sp, next, pages, list) {
		delete_sp(sp);
		cond_resched();
	}
}

/* The lock keeps nobody out any more; it is what those that are called expect */
static void free_all_tables(struct lguest *lg)
{
	struct lg_root *root;

	spin_lock(&lg->mmu_lock);
	zap_range(lg, lg->kernel, KERNEL_START, ~0ULL);
	spin_unlock(&lg->mmu_lock);
	for (root = lg->roots; root < lg->roots + LG_ROOTS; root++) {
		if (!root->low)
			continue;
		spin_lock(&lg->mmu_lock);
		flush_low(lg, root);
		list_del(&root->lru);
		spin_unlock(&lg->mmu_lock);
		exit_root(root);
		root->low = NULL;
		cond_resched();
	}
	while (lg_shadow_reap(lg))
		;
	delete_all(&lg->zapped);
	delete_all(&lg->sp_cache);
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
