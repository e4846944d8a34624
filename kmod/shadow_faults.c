// SPDX-License-Identifier: GPL-2.0
/*H:255
 * A fault of the guest: its own tables are walked, and what they allow is entered into the shadow tables, with the neighbours. This
 * is the only file that makes entries; it never sleeps, and says what it is short of.
 */
#include <linux/mm.h>
#include <asm/trap_pf.h>
#include "lg.h"
#include "shadow.h"

/* Guest bits that matter */
#define G_P		_PAGE_PRESENT
#define G_W		_PAGE_RW
#define G_U		_PAGE_USER
#define G_A		_PAGE_ACCESSED
#define G_D		_PAGE_DIRTY
#define G_PS		_PAGE_PSE
#define G_NX		_PAGE_NX

/* See S_TABLE */
#define S_LEAF		(_PAGE_PRESENT | _PAGE_USER | _PAGE_ACCESSED | _PAGE_DIRTY)

/* Neighbours filled with one fault: of a guest page table, and of a large guest page that is split */
#define AROUND		16
#define AROUND_SPLIT	64

/* What a walk looks for is nearly always in one region */
static struct page *path_page(struct lguest *lg, struct lg_path *p, gfn_t gfn)
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

/* The bits of level 4's index begin here, on hosts with 5 levels too: what they walk for the guest is 4 */
#define PGDIR_SHIFT_4	39

static bool unchanged(const struct lg_path *p, unsigned int level)
{
	return READ_ONCE(*p->pte[level]) == p->entry[level] && likely(!lg_lost(p->page[level]));
}

/* Does the vCPU's last walk still say where the last-level table of @va is? Its entries are read again, once each, as a walk would */
static bool same_tables(const struct lg_path *p, gfn_t root, u64 va)
{
	return p->whole && p->root == root && p->block == va >> PMD_SHIFT && unchanged(p, 4) && unchanged(p, 3) && unchanged(p, 2);
}

/*H:270
 * lg_shadow_fault() has asked what the guest itself says of the address. This is the walk of every textbook, four
 * levels down, with one difference: each table is where the guest's entry says, so each step goes through
 * path_page(), which knows nothing but pinned guest memory. What is not pinned yet, or is no memory, ends the walk.
 */
/*
 * Walk the guest's own tables. Each entry is read once; what the guest does to it meanwhile is like a store that
 * a processor's walk just missed. With mmu_lock held: no vCPU's loss is taken from its queue between the walk and what is made of
 * it, so no table that is walked here can have become something else (docs/smp.md).
 */
static enum lg_fault walk_guest(struct lg_vcpu *vcpu, u64 va, struct lg_path *p, struct lg_walk *walk)
{
	bool known = same_tables(p, vcpu->root->low->gfn, va);
	gfn_t gfn = known ? p->table[1] : vcpu->root->low->gfn;
	unsigned int shift = known ? PAGE_SHIFT : PGDIR_SHIFT_4;
	u64 all = known ? p->up_all : ~0ULL, any = known ? p->up_any : 0, entry;

	p->whole = known;
	for (p->level = known ? 1 : 4; ; p->level--, shift -= 9) {
		struct page *table = path_page(vcpu->lg, p, gfn);

		if (!table)
			return missing(vcpu, gfn << PAGE_SHIFT, walk) == LG_NEED_PIN ? LG_NEED_PIN : LG_BAD_TABLE;
		p->page[p->level] = table;
		p->table[p->level] = gfn;
		p->pte[p->level] = (u64 *)page_address(table) + (va >> shift & (ENTRIES - 1));
		entry = p->entry[p->level] = READ_ONCE(*p->pte[p->level]);
		p->up_all = all;
		p->up_any = any;
		if (p->level == 1) {
			p->whole = true;
			p->root = vcpu->root->low->gfn;
			p->block = va >> PMD_SHIFT;
		}
		if (!(entry & G_P)) {
			walk->error = 0;
			return LG_GUEST_FAULT;
		}
		all &= entry;
		any |= entry;
		gfn = (entry & ADDR_MASK) >> PAGE_SHIFT;
		if (p->level == 1 || ((entry & G_PS) && p->level < 4))
			break;
	}
	p->all = all;
	p->any = any;
	p->leaf = entry;
	if (p->level > 1) {
		u64 pages = 1ULL << (shift - PAGE_SHIFT);

		gfn = (gfn & ~(pages - 1)) | ((va >> PAGE_SHIFT) & (pages - 1));
	}
	p->gfn = gfn;
	return LG_FILLED;
}

static bool allowed(struct lg_vcpu *vcpu, u64 va, u32 error, const struct lg_path *p)
{
	if ((error & X86_PF_WRITE) && !(p->all & G_W))
		return false;
	if (error & X86_PF_INSTR && p->any & G_NX)
		return false;
	if (vcpu->sw->mode)
		return p->all & G_U;
	/* SMEP: the kernel view has NX on the whole low half */
	return !(error & X86_PF_INSTR) || va >> 47;
}

/*
 * The processor would set A, and D for a write, with a locked access: do the same in the guest's entries. Only in those that were walked:
 * false when one has changed since. A leaf gets its D from here alone, and so its write permission
 */
static bool set_accessed_dirty(struct lg_path *p, bool write)
{
	unsigned int level;

	for (level = 4; level >= p->level; level--) {
		u64 bits = G_A | (write && level == p->level ? G_D : 0);
		u64 old = p->entry[level];

		if ((old & bits) == bits)
			continue;
		if (cmpxchg(p->pte[level], old, old | bits) != old)
			return false;
		p->entry[level] = old | bits;
	}
	if (write)
		p->leaf |= G_D;
	return true;
}

/* @all, @any: as in struct lg_path, of all entries down to @guest_entry */
static u64 leaf_entry(u64 all, u64 any, u64 guest_entry, const struct page *page)
{
	u64 entry = page_to_phys(page) | S_LEAF | (any & G_NX);

	BUILD_BUG_ON(G_NX != _PAGE_NX || G_W != _PAGE_RW);
	if (guest_entry & G_D)
		entry |= all & G_W;
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
		mark_stale(lg, sp->root);
	}
	child = get_sp(lg, gfn, sp->level - 1, sp->root);
	if (!child)
		return NULL;
	child->parent = sp;
	child->parent_index = i;
	set_entry(lg, sp, i, __pa(child->spt) | S_TABLE);
	return child;
}

/*
 * Fill what lies beside, of entries that the guest has marked accessed and in the same region: no fault for those later. A supervisor page
 * in the low half is for the kernel view's own tree alone: not unasked
 */
static void fill_around(struct lg_vcpu *vcpu, struct lg_sp *sp, unsigned int i, const struct lg_path *p)
{
	unsigned int j, first = i & ~(AROUND - 1);
	u64 *spt = sp->spt, need = G_P | G_A | (sp->root ? G_U : 0);
	const u64 *table = p->pte[1] - i;
	struct page *page;

	if (sp->root && !(p->up_all & G_U))
		return;
	for (j = first; j < first + AROUND; j++) {
		u64 entry = READ_ONCE(table[j]);

		if (spt[j] || (entry & need) != need)
			continue;
		page = lg_region_page(p->region, (entry & ADDR_MASK) >> PAGE_SHIFT);
		if (!page)
			continue;
		set_entry(vcpu->lg, sp, j, leaf_entry(p->up_all & entry, p->up_any | entry, entry, page));
		lg_count(vcpu, FILLS_AROUND);
	}
}

static void fill_around_split(struct lg_vcpu *vcpu, struct lg_sp *sp, unsigned int i, const struct lg_path *p)
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
		set_entry(vcpu->lg, sp, j, leaf_entry(p->all, p->any, p->leaf, page));
		lg_count(vcpu, FILLS_AROUND);
	}
}

static bool permits(u64 entry, u32 error)
{
	return entry && !((error & X86_PF_WRITE) && !(entry & _PAGE_RW)) &&
		!((error & X86_PF_INSTR) && (entry & _PAGE_NX));
}

/*
 * Some processors stop, and the host with them, when they find an instruction through entries of two sizes (INTEL-SA-00210). What a guest
 * changes is flushed on the other vCPUs only when they come out: what may be executed there is in small pages. KVM does the same
 */
static bool may_be_huge(const struct lg_path *p)
{
	return p->level > 1 && (p->any & G_NX || !boot_cpu_has_bug(X86_BUG_ITLB_MULTIHIT));
}

/* Where the guest's page is large and so is the host's below it, the entry can be: @last is then 2, and its first page is returned */
static struct page *usable_huge_page(struct lg_vcpu *vcpu, const struct lg_path *p, struct page *page, unsigned int *last)
{
	struct page *huge = may_be_huge(p) ? lg_huge_page(vcpu->lg, p->gfn & ~(u64)(LG_HUGE_PAGES - 1)) : NULL;

	*last = huge ? 2 : 1;
	return huge ?: page;
}

/* The guest uses this address, and its neighbours in the same 2 MiB may be filled with it: is it one of the host's, and that not known? */
static bool first_of_host(struct lguest *lg, u64 va, bool large)
{
	u64 first = va & PMD_MASK;

	return va >> 47 && !lg->flush_globals && lg_overlaps_host(first, first + PMD_SIZE - 1, large);
}

/* Which tree a fill goes to; NULL when the kernel view has to get one of its own and there is no table at hand */
static struct lg_sp *tree_of(struct lg_vcpu *vcpu, u64 va, const struct lg_path *p)
{
	struct lg_root *root = vcpu->root;

	if (va >> 47)
		return vcpu->lg->kernel;
	if (vcpu->sw->mode || ((p->all & G_U) && !root->klow))
		return root->low;
	if (!root->klow)
		lg_count(vcpu, SPLIT_ROOTS);
	return root->klow ?: split_root(vcpu->lg, root);
}

/*H:280
 * The guest's tables allow the access and its page is at hand: now the entry is made. The loop goes down the shadow
 * tables and makes what is missing, each table noted with the guest table that it stands for, by which a loss will
 * find it. Where the guest's entry is not dirty the leaf gets no write permission: so the first write faults, and
 * sets the bit. Neighbours are filled along with it, to save their faults.
 */
static enum lg_fault fill(struct lg_vcpu *vcpu, u64 va, u32 error, struct lg_path *p, struct page *page)
{
	struct lguest *lg = vcpu->lg;
	unsigned int i, last;
	struct lg_sp *sp;
	u64 old, new;

	page = usable_huge_page(vcpu, p, page, &last);
	if (first_of_host(lg, va, last == 2))
		return LG_NEED_GLOBALS;
	sp = tree_of(vcpu, va, p);
	if (!sp)
		return LG_NEED_TABLES;
	while (sp->level > last) {
		/* Below a large page of the guest the shadow tables have no guest table of their own */
		gfn_t gfn = sp->level > p->level ? p->table[sp->level - 1] : LG_NO_GFN;

		sp = child_sp(vcpu, sp, index_of(va, sp->level), gfn);
		if (!sp)
			return LG_NEED_TABLES;
	}
	i = index_of(va, last);
	old = sp->spt[i];
	new = leaf_entry(p->all, p->any, p->leaf, page);
	if (last == 2) {
		new |= _PAGE_PSE;
		lg_count(vcpu, HUGE_FILLS);
		/* Filled page by page before: one entry replaces the table */
		if (old && !is_leaf(sp, old)) {
			zap_entry(lg, sp, i);
			mark_stale(lg, sp->root);
			old = 0;
		}
	}
	if (old == new && permits(old, error)) {
		/* A stale TLB entry: ours after a gain, or a global one of the host's at this address */
		lg_count(vcpu, SPURIOUS);
		vcpu->sw->invlpg = va | 1;	/* any address of the page, and never 0, which is none */
		return LG_FILLED;
	}
	set_entry(lg, sp, i, new);
	/* A change of an entry that was there may be in the TLB as it was */
	if (old) {
		vcpu->sw->invlpg = va | 1;
		if ((old ^ new) & ADDR_MASK || (old & ~new & _PAGE_RW))
			mark_stale(lg, sp->root);
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
static enum lg_fault handle_fault(struct lg_vcpu *vcpu, u64 va, u32 error, struct lg_walk *walk)
{
	struct lg_path *p = &vcpu->path;
	struct page *page;
	enum lg_fault ret;

	if (!lg_canonical48(va) || index_of(va, 4) == SWITCHER_SLOT || index_of(va, 4) == CEA_SLOT)
		ret = LG_GUEST_FAULT;
	else
		ret = walk_guest(vcpu, va, p, walk);
	if (ret == LG_FILLED && !allowed(vcpu, va, error, p)) {
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

	if (!set_accessed_dirty(p, error & X86_PF_WRITE))
		return LG_AGAIN;
	page = path_page(vcpu->lg, p, p->gfn);
	if (!page)
		return missing(vcpu, p->gfn << PAGE_SHIFT | offset_in_page(va), walk);
	ret = fill(vcpu, va, error, p, page);
	if (ret == LG_FILLED)
		lg_count(vcpu, FILLS);
	return ret;
}

/*
 * The bytes of the instruction that made the access, for the core, as many as can be read: under the same hold of the lock that found no
 * memory there, so that they are of the page that was run
 */
static void fetch_insn(struct lg_vcpu *vcpu, struct lg_walk *walk)
{
	u64 va = vcpu->sw->rip;
	struct lg_path p = { };
	struct lg_walk none;

	walk->insn_len = 0;
	while (walk->insn_len < sizeof(walk->insn)) {
		unsigned int part = min_t(unsigned int, sizeof(walk->insn) - walk->insn_len, PAGE_SIZE - offset_in_page(va));
		struct page *page;

		if (!lg_canonical48(va) || walk_guest(vcpu, va, &p, &none) != LG_FILLED)
			return;
		page = path_page(vcpu->lg, &p, p.gfn);
		if (!page)
			return;
		memcpy(walk->insn + walk->insn_len, page_address(page) + offset_in_page(va), part);
		walk->insn_len += part;
		va += part;
	}
}

/**
 * lg_shadow_fault - the guest faulted: fill, or say what else it is
 * @vcpu: the vCPU
 * @va: the address (CR2)
 * @error: the processor's error code
 * @walk: out: the address that is missing, the guest's own error code, or the instruction
 *
 * Does not sleep. Return: LG_FILLED (run again), LG_GUEST_FAULT (the guest's own page fault), LG_MMIO (no memory there),
 * LG_BAD_TABLE (a page table where there is no memory), LG_NEED_PIN, LG_NEED_TABLES, LG_NEED_GLOBALS (see to it and call again),
 * LG_AGAIN (the guest changed its table meanwhile).
 */
enum lg_fault lg_shadow_fault(struct lg_vcpu *vcpu, u64 va, u32 error, struct lg_walk *walk)
{
	enum lg_fault ret;

	lg_count(vcpu, PAGE_FAULTS);
	walk->error = 0;
	if (!vcpu->root)
		return LG_GUEST_FAULT;
	spin_lock(&vcpu->lg->mmu_lock);
	ret = handle_fault(vcpu, va, error, walk);
	if (ret == LG_MMIO)
		fetch_insn(vcpu, walk);
	spin_unlock(&vcpu->lg->mmu_lock);
	return ret;
}
