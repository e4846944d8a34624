/* SPDX-License-Identifier: GPL-2.0 */
/*
 * lg.h: in the place of the kernel's headers, of kmod/lg.h and of kmod/shadow.h for a file of kmod/ that is proved: as much of the
 * structures as it needs, by the same names; locks that CBMC, which sees one thread, has no use for; and the pages that a guest shares. As in
 * guest.h nothing lies there: CBMC refuses every access but READ_ONCE(), which is another value each time, and WRITE_ONCE(). It may not do
 * anything that the file is proved to do.
 */
#ifndef LGUEST_PROOF_LG_H
#define LGUEST_PROOF_LG_H

#include "tests/proofs/proof.h"
#include <linux/lguest.h>

typedef uint64_t u64;
typedef int64_t s64;
typedef uint32_t u32;
typedef int32_t s32;
typedef u64 gfn_t;

#define PAGE_SHIFT	5	/* small tables: CBMC follows each entry */
#define ENTRIES		(1 << (PAGE_SHIFT - 3))
#define LOW_LAST	0x00007fffffffffffULL
#define KERNEL_START	0xffff800000000000ULL
#define _PAGE_RW	2
#define LG_ROOTS	1
#define LG_VCPUS	2
#define offset_in_page(p) ((unsigned long)(p) & ((1ul << PAGE_SHIFT) - 1))
#define min(a, b)	((a) < (b) ? (a) : (b))
#define max(a, b)	((a) > (b) ? (a) : (b))

#define lg_count(vcpu, what) ((void)(vcpu)->stat[LG_STAT_##what]++)

struct lg_root;

struct lg_sp {
	u64 *spt, gfn;
	unsigned int used, level;
	struct lg_root *root;
	struct lg_sp *next;	/* in its chain of the hash */
};

struct lg_root {
	u64 gen;
	struct lg_sp *low, *klow;
	unsigned int users;
	bool used;
};

struct lguest;

struct lg_vcpu {
	struct lguest *lg;
	struct lguest_data *data;
	struct lg_root *root;
	u32 taken;
	u64 stat[LG_STAT_NR];
};

struct lguest {
	u64 gen, kernel_gen;
	struct lg_root roots[LG_ROOTS];
	struct lg_sp *kernel;
	unsigned int nr_vcpus;
	struct lg_vcpu *vcpu[LG_VCPUS];
};

/* ---- What the guest can write to ---- */

#define SHARED_AT	0x100000u
#define shared_page(i)	((struct lguest_data *)(uintptr_t)(SHARED_AT + (i) * sizeof(struct lguest_data)))

static inline bool guests(const volatile void *p)
{
	return (uintptr_t)p - SHARED_AT < LG_VCPUS * sizeof(struct lguest_data);
}

#define READ_ONCE(x)		({ __typeof__(x) v_; if (!guests(&(x))) v_ = (x); v_; })	/* what is never set is any value */
#define WRITE_ONCE(x, value)	((void)(guests(&(x)) ? 0 : ((x) = (value), 0)))
#define smp_load_acquire(p)	(*(p))
#define smp_rmb()		((void)0)

/* ---- One thread ---- */

#define lockdep_assert_held(lock)	((void)0)
#define spin_lock(lock)			((void)0)
#define spin_unlock(lock)		((void)0)
#define rcu_read_lock()			((void)0)
#define rcu_read_unlock()		((void)0)
#define cond_resched()			((void)0)

/* ---- The rest of lg.ko: what a table holds does not matter, and how long a chain is is up to the proof ---- */

static struct lg_sp *chain;

#define bucket(lg, gfn)	chain
#define hlist_for_each_entry(pos, head, member) for (pos = (head); pos; pos = pos->next)
#define list_for_each_entry_reverse(pos, head, member) for (pos = NULL; pos;)

static inline unsigned int index_of(u64 va, unsigned int level) { return (va >> (PAGE_SHIFT + 9 * (level - 1))) & (ENTRIES - 1); }
static inline bool is_leaf(const struct lg_sp *sp, u64 entry) { return any_bool(); }
static inline bool is_fixed(const struct lg_sp *sp, unsigned int i) { return any_bool(); }
static inline struct lg_sp *sp_of(u64 entry) { return chain; }
static inline void zap_entry(struct lguest *lg, struct lg_sp *sp, unsigned int i) { sp->spt[i] = 0; }
static inline void unsplit_root(struct lguest *lg, struct lg_root *root) { }
static inline void release_root(struct lguest *lg, struct lg_root *root) { root->used = false; }
static inline void lg_shadow_reap(struct lguest *lg) { }

#endif
