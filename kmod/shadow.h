/* SPDX-License-Identifier: GPL-2.0 */
/*H:250
 * The shadow tables: what the processor really walks while the guest runs. They are a cache of the guest's own tables, a
 * TLB in memory. An entry is filled when the guest faults on it and is dropped when the guest says that its own
 * lost something (the lost queue, docs/abi.md); in between it may be stale exactly as a TLB entry may, so
 * nothing is write-protected and no store of the guest's traps.
 *
 * The tables form a tree: each page (struct lg_sp) has one parent entry. Below a root is the low half of one address space,
 * which its two views share: the kernel view has NX in the top-level entries, so the guest kernel can't be made to run
 * user pages. A supervisor page in the low half gives the kernel view a low half of its own. One more tree, lg->kernel, is the kernel half of all roots. Every leaf has U=1, since both of the guest's
 * modes run at CPL 3: what keeps guest user mode out is that the user view has no kernel half.
 *
 * Whatever the guest puts in its tables, a leaf maps only pages that lg_page() knows: pinned guest memory. All vCPUs share the
 * tables; one spinlock guards them (mmu_lock). Nothing under it takes long, whatever the guest's tables are: what is cut off from
 * the tree is taken apart later, a table at a time ("doomed"), and a queue that costs too much to look up drops everything
 * instead. Between two holds of the lock there is a cond_resched(). docs/smp.md argues why this is enough.
 */
#ifndef LG_SHADOW_H
#define LG_SHADOW_H

#include <linux/hash.h>
#include <linux/mm.h>
#include "lg.h"

#define ENTRIES		512
#define ADDR_MASK	0x000ffffffffff000ULL

/* A and D are set so that the processor never writes to shadow tables; no G, ever: see docs/switcher.md */
#define S_TABLE		(_PAGE_PRESENT | _PAGE_RW | _PAGE_USER | _PAGE_ACCESSED | _PAGE_DIRTY)

static inline unsigned int index_of(u64 va, unsigned int level)
{
	return (va >> (PAGE_SHIFT + 9 * (level - 1))) & (ENTRIES - 1);
}

static inline struct lg_sp *sp_of(u64 entry)
{
	return (struct lg_sp *)page_private(pfn_to_page((entry & ADDR_MASK) >> PAGE_SHIFT));
}

static inline struct hlist_head *bucket(struct lguest *lg, gfn_t gfn)
{
	return &lg->sp_hash[hash_64(gfn, lg->sp_hash_bits)];
}

static inline bool is_leaf(const struct lg_sp *sp, u64 entry)
{
	return sp->level == 1 || (entry & _PAGE_PSE);
}

static inline bool is_fixed(const struct lg_sp *sp, unsigned int i)
{
	return sp->level == 4 && (sp->root ? i >= ENTRIES / 2 : i == SWITCHER_SLOT || i == CEA_SLOT);
}

/* shadow_pages.c: the pages, and the entries in them */
u64 *new_table(void);
struct lg_sp *new_sp(void);
void delete_sp(struct lg_sp *sp);
struct lg_sp *get_sp(struct lguest *lg, gfn_t gfn, unsigned int level, struct lg_root *root);
void set_entry(struct lguest *lg, struct lg_sp *sp, unsigned int i, u64 entry);
void zap_entry(struct lguest *lg, struct lg_sp *sp, unsigned int i);
void to_cache(struct lguest *lg, struct list_head *pages, unsigned int n);

/* shadow_losses.c: what the guest takes away */
void mark_stale(struct lguest *lg, struct lg_root *root);
void zap_range(struct lguest *lg, struct lg_sp *sp, u64 start, u64 last);
void flush_low(struct lguest *lg, struct lg_root *root);

/* shadow_roots.c: address spaces */
struct lg_sp *split_root(struct lguest *lg, struct lg_root *root);
void unsplit_root(struct lguest *lg, struct lg_root *root);
void release_root(struct lguest *lg, struct lg_root *root);

#endif
