/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of lg.ko share: a guest, its vCPU, its memory, its shadow tables, and who offers which function. It
 * declares only; each group of functions is documented where it is defined.
 */
#ifndef LG_H
#define LG_H

#include <linux/cpumask.h>
#include <linux/eventfd.h>
#include <linux/hashtable.h>
#include <linux/hrtimer.h>
#include <linux/list.h>
#include <linux/mm_types.h>
#include <linux/mmu_notifier.h>
#include <linux/mutex.h>
#include <linux/nospec.h>
#include <linux/page-flags.h>
#include <linux/poll.h>
#include <linux/preempt.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <asm/fpu/api.h>
#include <asm/fpu/types.h>
#include <linux/lguest.h>
#include "compat.h"
#include "switch.h"

#define LG_ROOTS		64	/* address spaces cached: one PCID pair each */
#define LG_ROOT_HASH_BITS	6
#define LG_MAX_IOEVENTFDS	256	/* 16 devices of 16 queues */
#define LG_MAX_IRQFDS		64
#define LG_PIN_GROUP		16
#define LG_HUGE_ORDER		9
#define LG_HUGE_PAGES		(1 << LG_HUGE_ORDER)
#define LG_CACHE_PAGES		16	/* tables that one fault can need, and room for a few more faults */
#define LG_CACHE_VCPU		4	/* and for each further vCPU, whose faults come at the same time */

typedef u64 gpa_t;
typedef u64 gfn_t;

struct lguest;
struct lg_root;

/**
 * struct lg_sp - a page of a shadow table
 * @spt: the page, as the processor reads it
 * @gfn: the guest table that it shadows; LG_NO_GFN when it splits a large page of the guest
 * @parent, @parent_index: the one entry that points here; NULL for a top table
 * @root: whose low half this is part of; NULL in the kernel half
 * @used: entries that are not 0
 * @list: in one of the guest's sp_cache (free), doomed (cut off from the tree, not yet taken apart) or zapped (taken apart, but a
 *	processor may still be walking it)
 * @lost: its root's (or the kernel's) generation when it was taken apart: to see that nobody who is in with an older one walks it any more
 */
struct lg_sp {
	u64 *spt;
	gfn_t gfn;
	struct lg_sp *parent;
	struct lg_root *root;
	u16 parent_index;
	u16 used;
	u8 level;
	struct hlist_node hash;
	struct list_head list;
#ifdef LG_DEBUG
	u64 lost;
#endif
};
#define LG_NO_GFN		(~0ULL)

/**
 * struct lg_root - a guest address space: two views on one shadow low half
 * @low: the low half's top table: on a 4-level host it is the user view's own root page
 * @klow: the kernel view's own, as soon as a supervisor page was filled in the low half; else NULL, and both views show @low
 * @top: root pages (what CR3 points to) of the kernel view and of the user view
 * @slot: its PCIDs are asid << 6 | slot, and the same with one more bit for the user view (pcid.c)
 * @gen: the guest's gen when something of the low half was last lost
 * @users: vCPUs that have it as their current one: it is not released then
 * All of it is guarded by mmu_lock; @gen is read without, too
 */
struct lg_root {
	struct lg_sp *low, *klow;
	u64 *top[2];
	u64 gen;
	unsigned int slot, users;
	bool used;
	struct list_head lru;
	struct hlist_node hash;
};

struct lg_region {
	gfn_t gfn;
	u64 npages;
	unsigned long user_addr;
	u32 flags;		/* LGUEST_MEM_* */
	struct page **pages;	/* pinned, or NULL: set under pin_lock, cleared (release.c) under mmu_lock as well, under which alone what is there may be used */
};

struct lg_ioeventfd {
	u64 addr;
	u64 value;
	u32 flags;
	struct eventfd_ctx *ctx;
};

struct lg_irqfd {
	struct lguest *lg;
	u32 irq;
	struct eventfd_ctx *ctx;
	wait_queue_entry_t wait;
	wait_queue_head_t *wqh;
	poll_table pt;
	struct list_head list;
};

/**
 * struct lg_fpu - a vCPU's FPU state
 * @guest: where the kernel has calls for guests
 * @area: else: as XSAVE writes it, while the guest does not run
 * @host_xfd: what the thread may not use of it, while it does
 */
struct lg_fpu {
#ifdef LG_OWN_FPU
	u8 *area;
	u64 host_xfd;
#else
	struct fpu_guest guest;
#endif
};

/* What SYSCALL and SYSENTER do, and what RDTSCP and RDPID say */
enum { LG_MSR_STAR, LG_MSR_LSTAR, LG_MSR_CSTAR, LG_MSR_SFMASK, LG_MSR_SYSENTER_CS, LG_MSR_TSC_AUX, LG_MSRS };

/*
 * PARKED: it has not been started, or has stopped. Who starts it claims it, writes how, and says STARTING; its own thread does the rest.
 * vCPU 0 is RUNNING from the first; it has no root until SET_REGS.
 */
enum lg_state { LG_PARKED, LG_CLAIMED, LG_STARTING, LG_RUNNING };

/**
 * struct lg_path - a walk of the guest's tables: what it read, and on the way to where
 * @pte, @page, @entry, @table: for each level, the host's address of the entry, the page that it is in, what was read there, the table's page
 * @all, @any: bits that all entries had, and that one of them had; @up_all, @up_any: without the leaf
 * @level: of the leaf; @leaf: its entry, with D where this access sets it; @gfn: of the 4 KiB page
 * @region: looked in last, and first
 * @whole: it came down to level 1; then @root and @block say of which top table, and of which 2 MiB, levels 4 to 2 are
 *
 * A vCPU's last walk stays in it: for the next fault in the same 2 MiB the upper entries are read again, and when they are what they were,
 * so is all that was made of them, as guest memory that is pinned stays where it is.
 */
struct lg_path {
	u64 *pte[5];
	struct page *page[5];
	u64 entry[5];
	gfn_t table[5];
	u64 all, any, up_all, up_any;
	u64 leaf;
	unsigned int level;
	gfn_t gfn;
	const struct lg_region *region;
	bool whole;
	gfn_t root;
	u64 block;
};

/**
 * struct lg_vcpu - a virtual CPU
 * @sw: its private switcher page; @sw_va: where the switcher area is in slot 256; @enter_va: where one enters it
 * @data: the host's address of the page that the guest shares, once INIT was called
 * @pending: interrupt lines raised and not delivered; any CPU sets bits
 * @where: 0 while the vCPU is out of the guest; LG_ENTERING: it is about to look at the generations; else the generation with which it
 *	is in. Whoever changes @pending, or takes something away, must send an IPI unless it is 0 (or new enough)
 * @entered: what @where will be, or was; of the thread alone
 * @seen: for each root slot, the generation that its PCIDs are good for
 * @asid, @asid_cpu, @asid_epoch: which PCIDs are its, and since when
 * @root: also written under mmu_lock, so that others may look at it there
 * @kick: scratch for lg_shootdown(): which CPUs to interrupt
 */
struct lg_vcpu {
	struct lguest *lg;
	u32 id;
	struct mutex mutex;

	struct lg_switch *sw;
	u64 sw_va, enter_va;
	struct page *pages[3];		/* IDT, switch, stack */
	struct lguest_data *data;
	struct page *data_page;		/* held, so that RELEASE cannot free it: @data is used without a lock */
	unsigned int moves;		/* of that page, to another one */
	u64 entry_user, entry_kernel;

	struct lg_root *root;
	bool cr3_stale;
	u64 where, entered;
	u64 seen[LG_ROOTS];
	cpumask_var_t kick;
	unsigned int asid;
	int asid_cpu;
	u64 asid_epoch;
	bool stop;			/* LGUEST_RUN is to return */

	atomic64_t pending;
	int cpu;
	bool halted;
	wait_queue_head_t wq;
	struct hrtimer timer;
	unsigned int ring_next;
	u32 taken, done;		/* records of the lost queue that were read; that nobody goes by any more. Under mmu_lock */
	u32 snap[LGUEST_MAX_VCPUS];	/* scratch for lg_shootdown() */
	int state;			/* enum lg_state */
	struct lguest_vcpu_start start;	/* written by who has claimed it */
	bool halt_wait;			/* it halted with LG_HALT_WAIT */
	u64 run_delay, steal_ns;	/* the thread's, when last looked at; what that has come to */

	bool loaded;
	struct preempt_notifier notifier;
	struct lg_fpu fpu;
	u64 host_msr[LG_MSRS], guest_msr[LG_MSRS];
	bool host_msrs_known;
	bool trained;			/* the guest has run since this CPU's predictors last forgot */
	int err;			/* what LGUEST_RUN returns */
	u64 cr2, dr6;			/* of the last exit */
	u32 apf_flags;
	u64 refused_va, refused_rip;
	struct lg_path path;		/* under mmu_lock */
	u64 guest_fsbase, host_fsbase;
	u16 guest_sel[4], host_sel[4];	/* DS, ES, FS, GS */
	u32 host_pkru;
	struct desc_struct tls[3];

	struct page **pin_pages;	/* LG_HUGE_PAGES of them: room for one call */
	u64 stat[LG_STAT_NR];
};

/**
 * struct lguest - a guest: what one open file stands for
 * @mm: whose guest it is; NULL until CREATE has succeeded, and set last: who sees it sees a whole guest
 * @failed: CREATE went wrong: this file never gets a guest
 * @user, @accounted: whose locked memory it counts as, and how many pages
 * @list: of all guests (guest.c), from when it has tables until they go
 * @reads_tsc: a vCPU was told how to read the time from it
 */
struct lguest {
	struct mm_struct *mm;
	struct mutex lock;
	bool failed;
	struct list_head list;
	bool reads_tsc;
	struct mmu_notifier notifier;
	struct mutex gone_lock;		/* process_gone() may be called twice, and at once */
	struct user_struct *user;
	atomic64_t accounted;
	u64 pinned;			/* pages of the regions; under pin_lock */
	u64 *pgd_slot;			/* slot 256 of mm's table */
	struct list_head sw_tables;	/* page-table pages of slot 256 */
	u64 sw_entry;			/* what slot 256 of every root holds */
	u64 *sw_pt;

	struct lg_region region[LGUEST_MAX_REGIONS];
	unsigned int nr_regions;
	struct mutex pin_lock;		/* pages[] are set under it; not held while pages are sought */
	struct lg_vcpu *vcpu[LGUEST_MAX_VCPUS];
	unsigned int nr_vcpus;		/* ids are dense; constant once started is set */
	bool started;			/* LGUEST_RUN was called */
	u8 route[LGUEST_IRQS];		/* device lines: to which vCPU */

	/*
	 * Shadow tables: all of this is guarded by mmu_lock, which is held for microseconds: never while anything sleeps, an IPI is
	 * waited for or interrupts are off. gen counts losses: a root's gen and kernel_gen hold its value at their last one.
	 */
	spinlock_t mmu_lock;
	u64 gen, kernel_gen;		/* kernel_gen and the roots' are read without the lock, too */
	bool flush_globals;		/* it is, or was, where the host's own global TLB entries are: every entry drops those */
	struct hlist_head *sp_hash;
	unsigned int sp_hash_bits;
	struct lg_root roots[LG_ROOTS];
	struct list_head root_lru;
	DECLARE_HASHTABLE(root_hash, LG_ROOT_HASH_BITS);
	struct lg_sp *kernel;		/* top table of the kernel half, shared by all roots */
	u64 *user_high;			/* LA57: the user view's upper half: the cpu_entry_area alone */
	struct list_head sp_cache, doomed, zapped;
	unsigned int sp_cached, nr_zapped, sp_count, sp_max;
	unsigned int sp_target;		/* free tables to have at hand: enough for the next few faults of each vCPU */
	atomic_t shrink;	/* tables that the host wants back: the vCPUs' threads see to it */

	spinlock_t events_lock;
	struct lg_ioeventfd ioeventfd[LG_MAX_IOEVENTFDS];
	unsigned int nr_ioeventfds;
	struct list_head irqfds;
	unsigned int nr_irqfds;

	spinlock_t dead_lock;
	bool dead;
	char reason[LGUEST_TEXT_SIZE];
	struct {			/* code is not 0: it has shut down, and this is its own text */
		u32 code, status, length;
	} end;

	struct dentry *debugfs;
};

#define lg_count(vcpu, what) ((vcpu)->stat[LG_STAT_##what]++)

/* main.c */
extern bool lg_la57, lg_pcid;
extern u64 lg_cea_entry;
#ifdef LG_DEBUG
bool lg_fail(void);
#else
static inline bool lg_fail(void) { return false; }
#endif
/* An allocation: every one that a request or a guest can cause goes through this, so that fail_at can make it fail */
#define lg_try(allocation)	(lg_fail() ? NULL : (allocation))

/* switcher.c */
int lg_switcher_init(void);
void lg_switcher_exit(void);
int lg_map_switcher(struct lguest *lg, struct mm_struct *mm);
void lg_unmap_switcher(struct lguest *lg, struct mm_struct *mm);
int lg_vcpu_map(struct lg_vcpu *vcpu);
void lg_vcpu_unmap(struct lg_vcpu *vcpu);
void lg_map_data(struct lg_vcpu *vcpu, struct page *page);
void lg_flush_host(struct mm_struct *mm);
u64 lg_switcher_addr(struct lg_vcpu *vcpu, const void *label);
void lg_enter(u64 address);
extern const char lg_host_return[];
extern const struct lg_site {
	u32 offset, feature;
} lg_switcher_sites[], lg_switcher_sites_end[];
extern const char lg_switcher_start[], lg_switcher_end[], lg_idt_stubs[], lg_nmi_stub[], lg_mce_stub[],
	lg_db_stub[], lg_df_stub[], lg_syscall[], lg_cstar[], lg_switcher_enter[];

/* memory.c */
int lg_add_region(struct lguest *lg, const struct lguest_memory_region *r);
void lg_free_regions(struct lguest *lg, struct mm_struct *mm);
struct lg_region *lg_find_region(struct lguest *lg, gfn_t gfn);
struct page *lg_page(struct lguest *lg, gfn_t gfn);
int lg_pin(struct lg_vcpu *vcpu, gfn_t gfn);
struct page *lg_huge_page(struct lguest *lg, gfn_t gfn);
void *lg_gpa(struct lguest *lg, gpa_t gpa);
int lg_read_guest(struct lg_vcpu *vcpu, void *to, gpa_t gpa, unsigned int len);
unsigned long lg_held_by(struct page *page);
s64 lg_extra_cost(const struct lg_region *r, u64 first, struct page **pages, unsigned int n);
int lg_account(struct lguest *lg, s64 pages);

/* release.c */
s64 lg_release_memory(struct lg_vcpu *vcpu, gpa_t pa, u64 n, struct lguest_range *range);

/* shadow_faults.c, shadow_pages.c, shadow_losses.c, shadow_roots.c */
enum lg_fault { LG_FILLED, LG_GUEST_FAULT, LG_MMIO, LG_BAD_TABLE, LG_NEED_PIN, LG_NEED_TABLES, LG_NEED_GLOBALS, LG_AGAIN };
struct lg_walk {
	gpa_t gpa;		/* MMIO, BAD_TABLE, NEED_PIN: where */
	u32 error;		/* GUEST_FAULT: the error code */
	u8 insn[15];		/* MMIO: the instruction */
	u8 insn_len;
};
int lg_shadow_init(struct lguest *lg);
void lg_shadow_exit(struct lguest *lg);
enum lg_fault lg_shadow_fault(struct lg_vcpu *vcpu, u64 va, u32 error, struct lg_walk *walk);
/* Fewer free tables at hand than the next few faults may take: the common answer, no, costs no call */
static inline bool lg_shadow_short(const struct lguest *lg)
{
	return READ_ONCE(lg->sp_cached) < lg->sp_target;
}

int lg_shadow_topup(struct lg_vcpu *vcpu);
bool lg_shadow_reap(struct lguest *lg);
int lg_shadow_give_back(struct lg_vcpu *vcpu);
void lg_shadow_evict(struct lg_vcpu *vcpu);
int lg_set_root(struct lg_vcpu *vcpu, gpa_t cr3);
void lg_flush_mm(struct lg_vcpu *vcpu, gpa_t cr3);
void lg_drop_root(struct lg_vcpu *vcpu, gpa_t cr3);
void lg_flush_user(struct lg_vcpu *vcpu);
void lg_flush_all(struct lg_vcpu *vcpu);
void lg_flush_range(struct lg_vcpu *vcpu, u64 start, u64 end);
void lg_drain_lost(struct lg_vcpu *vcpu);
void lg_leave_root(struct lg_vcpu *vcpu);

/* shootdown.c */
#define LG_ENTERING		1	/* in lg_vcpu.where; generations begin at 2 */
#define LG_FIRST_GEN		2
enum lg_scope {
	LG_SCOPE_ALL,		/* whatever a vCPU is in the guest with */
	LG_SCOPE_KERNEL,	/* the kernel half */
	LG_SCOPE_ROOT,		/* the low half of one root */
};
bool lg_nobody_stale(struct lguest *lg);
void lg_shootdown(struct lg_vcpu *vcpu, enum lg_scope scope, const struct lg_root *root);

/* overlap.c */
bool lg_overlap_init(void);
bool lg_overlaps_host(u64 first, u64 last, bool large);

/* shrink.c */
int lg_shrinker_init(void);
void lg_shrinker_exit(void);
void lg_shrink(struct lg_vcpu *vcpu);

/* pcid.c */
void lg_load_cr3(struct lg_vcpu *vcpu);
void lg_cr3_loaded(struct lg_vcpu *vcpu);
void lg_take_asid(struct lg_vcpu *vcpu);
void lg_flush_globals(struct lg_vcpu *vcpu);

/* suspend.c */
int lg_suspend_init(void);
void lg_suspend_exit(void);

/* vcpu.c */
int lg_vcpu_create(struct lguest *lg, u32 id);
void lg_vcpu_free(struct lg_vcpu *vcpu);
int lg_vcpu_run(struct lg_vcpu *vcpu, struct lguest_run *run);

/* guest.c */
extern spinlock_t lg_guests_lock;
extern struct list_head lg_guests;
void lg_enlist(struct lguest *lg);
void lg_delist(struct lguest *lg);
void lg_kick(struct lg_vcpu *vcpu);
__printf(2, 3) void kill_guest(struct lguest *lg, const char *fmt, ...);
void lg_shut_down(struct lguest *lg, u32 code, u32 status, const char *text, u32 length);

/* events.c */
void lg_deliver_event(struct lg_vcpu *vcpu, u32 vector, u64 error);
void lg_deliver_interrupt(struct lg_vcpu *vcpu);
bool lg_interrupt_ready(struct lg_vcpu *vcpu);
void lg_raise(struct lg_vcpu *vcpu, u32 irq);
void lg_raise_line(struct lguest *lg, u32 irq);
void lg_hand_over(struct lg_vcpu *vcpu);
bool lg_claim(struct lg_vcpu *vcpu);
void lg_return_to_user(struct lg_vcpu *vcpu);
void lg_slow_syscall(struct lg_vcpu *vcpu);
void lg_halt(struct lg_vcpu *vcpu);
void lg_timer_init(struct lg_vcpu *vcpu);
void lg_set_clockevent(struct lg_vcpu *vcpu, u64 ns);
void lg_fill_time(struct lg_vcpu *vcpu);

/* fpu.c */
u64 lg_fpu_unsaved(void);
bool lg_fpu_create(struct lg_fpu *fpu);
void lg_fpu_free(struct lg_fpu *fpu);
void lg_fpu_run(struct lg_fpu *fpu, bool in);
#ifdef LG_OWN_FPU
void lg_fpu_begin(struct lg_fpu *fpu);
void lg_fpu_end(struct lg_fpu *fpu);
static inline void lg_fpu_load(void) { }
#else
static inline void lg_fpu_begin(struct lg_fpu *fpu) { }
static inline void lg_fpu_end(struct lg_fpu *fpu) { }

/* The thread was scheduled, or an interrupt used the registers: they are to be loaded */
static inline void lg_fpu_load(void)
{
	if (test_thread_flag(TIF_NEED_FPU_LOAD))
		switch_fpu_return();
}
#endif

/* hypercalls.c */
void lg_hypercall(struct lg_vcpu *vcpu, struct lguest_run *run);
void lg_drop_data(struct lg_vcpu *vcpu);

/* eventfds.c */
int lg_ioeventfd(struct lguest *lg, const struct lguest_ioeventfd *args);
int lg_irqfd(struct lguest *lg, const struct lguest_irqfd *args);
bool lg_notify(struct lguest *lg, u64 addr, u64 value);
void lg_free_eventfds(struct lguest *lg);

/* Has the hardware lost it? Of a page of hugetlbfs the kernel marks the first 4 KiB for all of them */
static inline bool lg_lost(struct page *page)
{
	return PageHWPoison(page) || (PageCompound(page) && is_page_hwpoison(page));
}

/**
 * lg_region_page - the host's page for a guest page
 * @r: the region that it may be in
 * @gfn: any value: the guest chooses it, in its page tables too, so that a mispredicted branch must not make this a read of anywhere
 *
 * Return: the page; NULL when it is not there, not pinned yet, or the hardware has lost what was in it: to read that again, in
 * the host's own name, would be the end of the host (lg_pin() then says so).
 */
static inline struct page *lg_region_page(const struct lg_region *r, gfn_t gfn)
{
	u64 i = gfn - r->gfn;
	struct page *page;

	if (i >= r->npages)
		return NULL;
	page = READ_ONCE(r->pages[array_index_nospec(i, r->npages)]);
	return page && likely(!lg_lost(page)) ? page : NULL;
}

/* Has lg_deliver_interrupt() anything to do? Two words that say no nearly always */
static inline bool lg_interrupt_work(struct lg_vcpu *vcpu)
{
	return vcpu->data && (atomic64_read(&vcpu->pending) || READ_ONCE(vcpu->data->irq_pending));
}

static inline bool lg_canonical48(u64 va)
{
	return (u64)((s64)(va << 16) >> 16) == va;
}

#endif
