// SPDX-License-Identifier: GPL-2.0
/*H:345
 * Roots: the address spaces of the guest that are cached, each with two pages that CR3 can point to, and the tree of the kernel
 * half, which all of them show. Finding one, making one, and letting the oldest go.
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

/* The root stays in its place with nothing in it: its PCIDs are flushed before they are used again */
void release_root(struct lg_vcpu *vcpu, struct lg_root *root)
{
	flush_low(vcpu, root);
	hlist_del_init(&root->low->hash);
	hash_del(&root->hash);
	root->low->gfn = LG_NO_GFN;
	root->used = false;
	list_move_tail(&root->lru, &vcpu->lg->root_lru);
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
