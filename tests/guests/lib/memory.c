// SPDX-License-Identifier: GPL-2.0
/*
 * Page tables and user mode for tiny guests. Tables come from the RAM behind the image and stay; the kernel half is
 * shared by all roots because root_new() copies its entries.
 */
#include "guest.h"

u64 *current_root = boot_pml4;

void *page_alloc(void)
{
	static u64 next;
	void *page;

	if (!next)
		next = pa(image_end);
	if (next >= RAM_SIZE)
		fail("page_alloc: out of memory");
	page = va(next);
	next += 4096;
	return memset(page, 0, 4096);
}

u64 *root_new(void)
{
	u64 *root = page_alloc();

	memcpy(root + 256, boot_pml4 + 256, 2048);
	return root;
}

u64 *pte_of(u64 *root, u64 address, int level)
{
	u64 *table = root;

	for (int l = 4; l > level; l--) {
		u64 *entry = table + ((address >> (12 + 9 * (l - 1))) & 511);

		if (!(*entry & PTE_P))
			pte_set(entry, pa(page_alloc()) | PTE_P | PTE_W | (address >> 63 ? 0 : PTE_U));
		table = va(*entry & PTE_ADDR);
	}
	return table + ((address >> (12 + 9 * (level - 1))) & 511);
}

void map(u64 *root, u64 address, u64 phys, u64 flags)
{
	pte_set(pte_of(root, address, 1), phys | flags | PTE_P);
}

void make_chain(struct chain *c, u64 table, u64 leaf)
{
	*c = (struct chain){ page_alloc(), page_alloc(), page_alloc(), page_alloc() };
	for (int i = 0; i < 512; i++) {
		c->pdpt[i] = pa(c->pd) | PTE_P | PTE_W | PTE_U | table;
		c->pd[i] = pa(c->pt) | PTE_P | PTE_W | PTE_U | table;
		c->pt[i] = pa(c->page) | PTE_P | PTE_W | PTE_U | leaf;
	}
}

void pte_lose(u64 *pte, u64 value, u64 flag)
{
	pte_set(pte, value);
	if (lgd.lost_in.head - *(volatile u32 *)&lgd.host_out.taken >= LGUEST_LOST_SIZE)
		hcall(LHCALL_FLUSH_ASYNC, 0, 0, 0, 0);
	lgd.lost[lgd.lost_in.head % LGUEST_LOST_SIZE] = pa(pte) | flag;
	asm volatile("" : : : "memory");
	lgd.lost_in.head++;
}

void root_load(u64 *root)
{
	long result = hcall(LHCALL_NEW_PGTABLE, pa(root), 0, 0, 0);

	if (result)
		fail("LHCALL_NEW_PGTABLE returned %ld", result);
	current_root = root;
}

void user_map(u64 *root)
{
	for (char *p = user_start; p < user_end; p += 4096)
		map(root, user_va(p), pa(p), PTE_U | PTE_W);
	for (u64 i = 1; i <= 4; i++)
		map(root, USER_STACK - i * 4096, pa(page_alloc()), PTE_U | PTE_W | PTE_NX);
}

/* The registers that a USER function starts with. */
void user_regs(struct regs *r, void (*function)(u64), u64 arg)
{
	memset(r, 0, sizeof(*r));
	r->user = 1;
	r->full = LG_FRAME_FULL;
	r->rip = user_va((void *)(u64)function);
	r->cs = LGUEST_USER_CS;
	r->ss = LGUEST_USER_DS;
	r->rflags = LGUEST_FLAG_IF | 2;
	r->rsp = USER_STACK - 8;
	r->rdi = arg;
}

/*
 * Goes to user mode with *r. The registers are popped from a stack of their own: when the host refuses
 * the return, the #GP is pushed there and must not hit the caller's stack.
 */
u64 user_go(const struct regs *r)
{
	static struct {
		char room[8192];
		struct regs regs;
	} stack;

	stack.regs = *r;
	return user_run(&stack.regs);
}

u64 user_call(void (*function)(u64), u64 arg)
{
	struct regs r;

	user_regs(&r, function, arg);
	return user_go(&r);
}
