// SPDX-License-Identifier: GPL-2.0
/*S:110
 * Where the Switcher lives: its text is copied once, when the module loads, and every guest gets a small page-table tree of
 * its own that maps the text and, for each vCPU, an IDT, the private page, the shared page and a stack. The tree
 * hangs in top-level slot 256, of the launcher's page table and of each shadow root: so the crossing from one to
 * the other happens at one address, and no guest maps another's data. Nothing is ever mapped global or for user mode.
 */
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <asm/desc.h>
#include <asm/pgtable.h>
#include <asm/trapnr.h>
#include <asm/tlbflush.h>
#include "compat.h"
#include "lg.h"

/* No G, no U. The processor only needs A and D set so that it never writes to these tables itself */
#define TABLE_FLAGS	(_PAGE_PRESENT | _PAGE_RW | _PAGE_ACCESSED)
#define TEXT_FLAGS	(_PAGE_PRESENT | _PAGE_ACCESSED)
#define RO_FLAGS	(_PAGE_PRESENT | _PAGE_ACCESSED | _PAGE_NX)
#define RW_FLAGS	(_PAGE_PRESENT | _PAGE_ACCESSED | _PAGE_DIRTY | _PAGE_RW | _PAGE_NX)

static struct page *text_page[SW_TEXT_PAGES];

static u8 *copied(u32 offset)
{
	return (u8 *)page_address(text_page[offset >> PAGE_SHIFT]) + offset_in_page(offset);
}

/* In the copy, the jumps over what this host's processor needs become NOPs. A jump that goes back was too far for its one byte */
static int choose_sites(void)
{
	const struct lg_site *site;

	for (site = lg_switcher_sites; site < lg_switcher_sites_end; site++) {
		if (WARN_ON(*copied(site->offset) != 0xeb || *copied(site->offset + 1) > 127))
			return -EINVAL;
		if (!boot_cpu_has(site->feature))
			continue;
		*copied(site->offset) = 0x66;
		*copied(site->offset + 1) = 0x90;
	}
	return 0;
}

/* What the assembler takes for granted of the structs besides the offsets, which the build makes for it (offsets.c) */
static void check_layout(void)
{
	/* The switcher looks at both as one */
	BUILD_BUG_ON(offsetof(struct lg_switch, mce_pending) != offsetof(struct lg_switch, nmi_pending) + 4);
	BUILD_BUG_ON(sizeof(struct lg_switch) > PAGE_SIZE);
	BUILD_BUG_ON(sizeof(struct lguest_data) > PAGE_SIZE);
	BUILD_BUG_ON(offsetof(struct lguest_data, lost_in) % 64 || offsetof(struct lguest_data, host_out) % 64);
	BUILD_BUG_ON(LGUEST_LOST_SIZE & (LGUEST_LOST_SIZE - 1));
}

/*S:120
 * The text is in the module as data only; this makes the copy that runs, one for all guests. Code that only some
 * processors need is jumped over in it, and where this host's is one of them, choose_sites() makes the jump a NOP.
 * The pages are filled with 0xcc (INT3) before, so that a stray jump traps.
 */
/**
 * lg_switcher_init - copy the switcher's text, and fit it to the processor
 *
 * Return: 0 or -ENOMEM.
 */
int lg_switcher_init(void)
{
	unsigned int i;
	int err;

	check_layout();
	if (WARN_ON(lg_switcher_end - lg_switcher_start > SW_TEXT_PAGES * PAGE_SIZE))
		return -E2BIG;
	for (i = 0; i < SW_TEXT_PAGES; i++) {
		size_t off = i * PAGE_SIZE, len = lg_switcher_end - lg_switcher_start;

		text_page[i] = alloc_page(GFP_KERNEL | __GFP_ZERO);
		if (!text_page[i]) {
			lg_switcher_exit();
			return -ENOMEM;
		}
		/* A stray jump into what is not text must trap */
		memset(page_address(text_page[i]), 0xcc, PAGE_SIZE);
		if (off < len)
			memcpy(page_address(text_page[i]), lg_switcher_start + off, min(len - off, PAGE_SIZE));
	}
	err = choose_sites();
	if (err)
		lg_switcher_exit();
	return err;
}

/** lg_switcher_exit - free the text; no guest is left */
void lg_switcher_exit(void)
{
	unsigned int i;

	for (i = 0; i < SW_TEXT_PAGES; i++)
		if (text_page[i])
			__free_page(text_page[i]);
}

static u64 *new_table(struct lguest *lg)
{
	struct page *page = lg_try(alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO));

	if (!page)
		return NULL;
	list_add(&page->lru, &lg->sw_tables);
	return page_address(page);
}

static void free_tables(struct lguest *lg)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, &lg->sw_tables, lru) {
		list_del(&page->lru);
		__free_page(page);
	}
}

static void flush_tlb(void *unused)
{
	lg_flush_tlb_here();
}

/**
 * lg_flush_host - no processor has anything in its TLB that slot 256 showed before
 * @mm: of the guest's process
 *
 * Other threads of the launcher may have the slot in their TLBs, and processors walk ahead of what they run. So CPUs
 * that have the map loaded flush now, and one that loads it again flushes because the generation has changed: the kernel's own
 * protocol (switch_mm_irqs_off() sets its bit in the mask, then reads the generation). A CPU that runs others is left alone, unless its
 * bit is still there: since 6.13 the kernel takes it out later. Where a map has one PCID on all CPUs no generation is looked at, so
 * that all flush.
 */
void lg_flush_host(struct mm_struct *mm)
{
	atomic64_inc(&mm->context.tlb_gen);
	smp_mb__after_atomic();
	on_each_cpu_mask(lg_invlpgb() ? cpu_online_mask : mm_cpumask(mm), flush_tlb, NULL, 1);
}

/*S:130
 * CR3 changes under the feet of the code that changes it: so that code must be at one address on both sides. That is
 * top-level slot 256, which Linux does not use. Here a guest's small tree of tables is entered into the launcher's
 * page table; each shadow root gets the same entry when it is made (init_root() in shadow_roots.c). No other process has
 * it, and no other guest's is in this one.
 */
/**
 * lg_map_switcher - put the guest's slot 256 into its launcher's page table
 * @lg: the guest, which nobody knows yet
 * @mm: of the current process
 *
 * Return: 0; -EBUSY (the slot is taken: the process has a guest already) or -ENOMEM, and then nothing is left.
 */
int lg_map_switcher(struct lguest *lg, struct mm_struct *mm)
{
	pgd_t *pgd = mm->pgd + SWITCHER_SLOT;
	u64 *table, *upper = NULL;
	int levels;

	INIT_LIST_HEAD(&lg->sw_tables);
	/* PTE table, PMD, PUD and, on a 5-level host, P4D: each upper one holds one entry */
	for (levels = lg_la57 ? 4 : 3; levels > 0; levels--) {
		table = new_table(lg);
		if (!table) {
			free_tables(lg);
			return -ENOMEM;
		}
		if (upper)
			upper[0] = __pa(table) | TABLE_FLAGS;
		else
			lg->sw_entry = __pa(table) | TABLE_FLAGS;
		upper = table;
	}
	/*
	 * The kernel's own view only: with PTI the user view is another page, which never sees this. set_pgd() would
	 * do that too, but is not for modules; the slot is not used by Linux at all. mm->page_table_lock keeps two
	 * openers of one process apart.
	 */
	spin_lock(&mm->page_table_lock);
	if (pgd_val(*pgd)) {
		spin_unlock(&mm->page_table_lock);
		free_tables(lg);
		return -EBUSY;
	}
	WRITE_ONCE(pgd->pgd, lg->sw_entry);
	spin_unlock(&mm->page_table_lock);
	/* Who had the slot before has emptied it, and may not have come to its own flush yet */
	lg_flush_host(mm);
	lg->pgd_slot = (u64 *)pgd;
	lg->sw_pt = table;
	return 0;
}

/**
 * lg_unmap_switcher - take slot 256 out again and free its tables
 * @lg: a guest that no vCPU runs; nothing happens when the slot is not mapped
 * @mm: its process's, which may be going away, but its page table is still there
 */
void lg_unmap_switcher(struct lguest *lg, struct mm_struct *mm)
{
	if (!lg->pgd_slot)
		return;
	WRITE_ONCE(*lg->pgd_slot, 0);
	lg->pgd_slot = NULL;
	lg->sw_pt = NULL;
	lg_flush_host(mm);
	free_tables(lg);
}

static void map_page(struct lg_vcpu *vcpu, unsigned int off, struct page *page, u64 flags)
{
	unsigned int i = (vcpu->id << SW_AREA_SHIFT | off) >> PAGE_SHIFT;

	WRITE_ONCE(vcpu->lg->sw_pt[i], page_to_phys(page) | flags);
}

/**
 * lg_switcher_addr - where a label of switcher_64.S is for a vCPU
 * @vcpu: the vCPU
 * @label: in the module's own copy
 */
u64 lg_switcher_addr(struct lg_vcpu *vcpu, const void *label)
{
	return vcpu->sw_va + (label - (const void *)lg_switcher_start);
}

/*S:140
 * While the guest runs, this is where the processor looks for each interrupt and exception. Each gate leads into our
 * text, none into the host's; NMI, #MC, #DB and #DF have stubs of their own, since they can come while the switcher
 * itself runs. We now have all the parts, and cross.
 */
/*
 * The IDT. The gates that have an IST stack in the host's IDT have the same one here; only INT3 and INTO may be
 * raised by an INT instruction, all others are #GP for the guest.
 */
static void fill_idt(struct lg_vcpu *vcpu, gate_desc *idt)
{
	struct desc_ptr host;
	unsigned int i;

	store_idt(&host);
	for (i = 0; i < 256; i++) {
		const gate_desc *hg = (gate_desc *)host.address + i;
		const void *stub = lg_idt_stubs + i * 16;
		u64 addr;

		if (i == X86_TRAP_DB)
			stub = lg_db_stub;
		else if (i == X86_TRAP_NMI)
			stub = lg_nmi_stub;
		else if (i == X86_TRAP_DF)
			stub = lg_df_stub;
		else if (i == X86_TRAP_MC)
			stub = lg_mce_stub;
		addr = lg_switcher_addr(vcpu, stub);
		idt[i] = (gate_desc) {
			.offset_low = (u16)addr,
			.segment = __KERNEL_CS,
			.bits = {
				.ist = hg->bits.ist,
				.type = GATE_INTERRUPT,
				.dpl = i == X86_TRAP_BP || i == X86_TRAP_OF ? 3 : 0,
				.p = 1,
			},
			.offset_middle = (u16)(addr >> 16),
			.offset_high = (u32)(addr >> 32),
		};
	}
}

/**
 * lg_vcpu_map - make a vCPU's switcher area
 * @vcpu: new, with lg and id set
 *
 * Return: 0; -ENOMEM with nothing mapped. lg_vcpu_unmap() cleans up in both cases.
 */
int lg_vcpu_map(struct lg_vcpu *vcpu)
{
	unsigned int i;

	vcpu->sw_va = (lg_la57 ? SWITCHER_START_5 : SWITCHER_START) + ((u64)vcpu->id << SW_AREA_SHIFT);
	for (i = 0; i < ARRAY_SIZE(vcpu->pages); i++) {
		vcpu->pages[i] = lg_try(alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO));
		if (!vcpu->pages[i])
			return -ENOMEM;
	}
	fill_idt(vcpu, page_address(vcpu->pages[0]));
	vcpu->sw = page_address(vcpu->pages[1]);
	vcpu->sw->guest_idtr = (struct lg_idtr) { .size = 4095, .address = vcpu->sw_va + SW_IDT_OFF };
	vcpu->sw->verw_sel = __KERNEL_DS;
	vcpu->sw->return_to_user = SW_NO_RETURN;
	for (i = 0; i < SW_TEXT_PAGES; i++)
		map_page(vcpu, i * PAGE_SIZE, text_page[i], TEXT_FLAGS);
	map_page(vcpu, SW_IDT_OFF, vcpu->pages[0], RO_FLAGS);
	map_page(vcpu, SW_SWITCH_OFF, vcpu->pages[1], RW_FLAGS);
	map_page(vcpu, SW_STACK_OFF, vcpu->pages[2], RW_FLAGS);
	return 0;
}

/**
 * lg_map_data - map the page that the guest shares, once INIT has named it
 * @vcpu: the vCPU; the place was not mapped before, so there is nothing to flush
 * @page: pinned until the guest ends
 */
void lg_map_data(struct lg_vcpu *vcpu, struct page *page)
{
	map_page(vcpu, SW_DATA_OFF, page, RW_FLAGS);
}

/** lg_vcpu_unmap - free what lg_vcpu_map() made; it is not mapped: not yet, or slot 256 has gone */
void lg_vcpu_unmap(struct lg_vcpu *vcpu)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vcpu->pages); i++)
		if (vcpu->pages[i])
			__free_page(vcpu->pages[i]);
}
