// SPDX-License-Identifier: GPL-2.0
/*H:310
 * Whether a guest's kernel is where the host's is. Unless PTI is on, the host's kernel pages are global in the TLB and stay there while
 * the guest runs: at the same address they hide the guest's translation, and two entries of different size for one instruction
 * fetch are a machine check on some processors. The shadow tables ask here at each fill of the kernel half; what the guest says of
 * itself is only a reason to know earlier.
 *
 * Only what never changes is looked up: the kernel image, once, when the module loads. All else of the host's half comes
 * and goes (modules, vmalloc, memory that is plugged in), so that its areas count as used throughout.
 */
#include <linux/mm.h>
#include <asm/pgtable.h>
#include "lg.h"

static u64 image_start, image_end;

/* Does the host map any of the 2 MiB at @va? The tables of the image are part of the image: they are never freed */
static bool mapped(u64 va)
{
	pgd_t *pgd = pgd_offset(current->mm, va);
	p4d_t *p4d;
	pud_t *pud;

	if (pgd_none(*pgd))
		return false;
	p4d = p4d_offset(pgd, va);
	if (p4d_none(*p4d))
		return false;
	pud = pud_offset(p4d, va);
	return !pud_none(*pud) && ((pud_val(*pud) & _PAGE_PSE) || !pmd_none(*pmd_offset(pud, va)));
}

/**
 * lg_overlap_init - find the host's kernel image, wherever KASLR has put it
 *
 * Return: false when there is none, which cannot be.
 */
bool lg_overlap_init(void)
{
	u64 va;

	image_start = image_end = 0;
	for (va = __START_KERNEL_map; va < MODULES_VADDR; va += PMD_SIZE) {
		if (!mapped(va))
			continue;
		if (!image_start)
			image_start = va;
		image_end = va + PMD_SIZE;
	}
	return image_start;
}

/* The end of the last of the three areas that KASLR moves: direct mapping, vmalloc, struct pages, always in this order */
static u64 areas_end(void)
{
	return VMEMMAP_START + (sizeof(struct page) << (MAX_PHYSMEM_BITS - PAGE_SHIFT));
}

/**
 * lg_overlaps_host - may the host have global TLB entries in a part of the kernel half?
 * @first: its first address
 * @last: its last
 * @large: the guest has it in large pages
 *
 * The fixmap, at the very top, is not counted for small pages: the host's are small too, nothing in it is executed, and
 * nothing of it is used on the way between host and guest; so INVLPG after a fault is enough there.
 */
bool lg_overlaps_host(u64 first, u64 last, bool large)
{
	if (first >= __START_KERNEL_map)
		return (first < image_end && last >= image_start) || (first < MODULES_END && last >= MODULES_VADDR) ||
			(large && last >= MODULES_END);
	if (first < HOLE_START || last >= HOLE_END)
		return true;
	return first < areas_end() && last >= PAGE_OFFSET;	/* possible with 5 levels only */
}
