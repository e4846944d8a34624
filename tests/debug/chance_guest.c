// SPDX-License-Identifier: GPL-2.0
/*
 * A guest made of chance: page tables that work at first, a shared page, and blocks of code in which each instruction is picked from
 * what can go wrong: hypercalls direct and queued, the lost queue, segments, flags, bases, returns, privileged instructions,
 * stores into its own page tables, noise. Every event entry is a block too, so that it goes on after most faults.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "fuzz.h"

#define PML4	0x1000ULL
#define TABLES	9		/* 0x1000 to 0x9000 */
#define STACK	0x3f0000ULL	/* of vCPU 0; those of the others are below it */
#define OTHERS	(GUEST_ENTRY + 0xc0)	/* where they start, with their shared page's address in rdi */
#define STARTS	0xe000ULL	/* what VCPU_UP needs, for each */
#define RANGES	0xe800ULL	/* what RELEASE is given */
#define MOVED	0x11000ULL	/* where vCPU 0 also shares a page, in a guest that moves it */
#define MOVES	2
#define PATTERN	0x13000ULL	/* its page as it was at first: what is moved to may have been released, and be zeros */
#define SILENT	0x14000ULL	/* where the others start in such a guest */

uint64_t word(struct chance *c)
{
	uint64_t r = any(c);

	switch (below(c, 16)) {
	case 0: return r;
	case 1: return 0;
	case 2: return ~0ULL - (r & 0xfff);
	case 3: return 1ULL << (r & 63);
	case 4: return (1ULL << (r & 63)) - 1;
	case 5: return r & 0xff;
	case 6: return r & (GUEST_SIZE - 1);
	case 7: return GUEST_BASE + (r & (GUEST_SIZE - 1));
	case 8: return 0x00007ffffffff000 + (r & 0x1fff);
	case 9: return 0xffff7ffffffff000 + (r & 0x1fff);
	case 10: return 0xffff800000000000 + (r & 0xffffff);		/* the switcher's slot */
	case 11: return 0xffff888000000000 + (r & 0x3fffffff);		/* the host's direct map */
	case 12: return 0xffffffff80000000 + (r & 0x3fffffff);
	case 13: return 0xfffffe0000000000 + (r & 0xffffff);		/* cpu_entry_area */
	case 14: return GUEST_LGD + (r & 0xfff);
	default: return r & 0x3fffffffffff & ~0xfffULL;
	}
}

static uint64_t entry(struct chance *c)
{
	uint64_t r = any(c);

	switch (below(c, 8)) {
	case 0: return word(c);
	case 1: return (r & 0xffffffffff000) | (r & 0x8000000000000fff);
	case 2: return (PML4 + (r >> 20) % TABLES * 0x1000) | 0x67;	/* a table as a table or as a page */
	case 3: return 0;
	default: return ((r >> 12) & (GUEST_SIZE - 1) & ~0xfffULL) | (r & 0x8000000000000fe7) | 1;
	}
}

/* ---- Code ---- */

struct code {
	uint8_t *at, *end;
	unsigned int cpu, vcpus;	/* whose it is, of how many: it uses that one's shared page */
	uint64_t lgd;			/* that page */
	bool moves;
};

/*
 * The byte after @before, spared from being a load of segment register 1, 6 or 7 from memory: a processor raises #UD, QEMU 10 loads CS, the
 * LDT's or the task's register as if it were another (tests/host/README.md), and is no processor from then on.
 */
static uint8_t spared(uint8_t before, uint8_t byte)
{
	unsigned int reg = byte >> 3 & 7;

	return before == 0x8e && byte < 0xc0 && (reg == 1 || reg >= 6) ? (uint8_t)(byte ^ 0x10) : byte;
}

static void put(struct code *k, const void *bytes, unsigned int n)
{
	const uint8_t *from = bytes;

	if ((unsigned long)(k->end - k->at) < n)
		return;
	for (; n; n--, k->at++)
		*k->at = spared(k->at[-1], *from++);
}

#define BYTES(k, ...) put(k, (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R10 = 10 };

static void load(struct code *k, unsigned int reg, uint64_t value)
{
	BYTES(k, (uint8_t)(0x48 | (reg >= 8)), (uint8_t)(0xb8 | (reg & 7)));
	put(k, &value, 8);
}

/* [@address] = @value, @bytes of it; rax and rcx are lost */
static void store(struct code *k, uint64_t address, uint64_t value, unsigned int bytes)
{
	load(k, RAX, address);
	load(k, RCX, value);
	if (bytes == 8)
		BYTES(k, 0x48, 0x89, 0x08);
	else if (bytes == 4)
		BYTES(k, 0x89, 0x08);
	else
		BYTES(k, 0x88, 0x08);
}

static uint64_t lgd_va(const struct code *k, uint64_t offset)
{
	return GUEST_BASE + k->lgd + offset;
}
#define LGD(k, field) lgd_va(k, __builtin_offsetof(struct lguest_data, field))

static uint64_t stack_va(const struct code *k)
{
	return GUEST_BASE + STACK - (k->cpu << 14);
}

/* Of how many pages a vCPU shares one, and which they are */
static unsigned int pages_of(const struct code *k)
{
	return k->moves && !k->cpu ? 1 + MOVES : 1;
}

static uint64_t page_of(const struct code *k, uint64_t i)
{
	return i ? MOVED + ((i - 1) << 12) : GUEST_LGD + (k->cpu << 12);
}

static void choose_page(struct chance *c, struct code *k)
{
	k->lgd = page_of(k, below(c, pages_of(k)));
}

static struct code code_of(struct chance *c, const struct guest *g, unsigned int cpu, uint8_t *at, uint8_t *end)
{
	struct code k = { .at = at, .end = end, .cpu = cpu, .vcpus = g->vcpus, .moves = g->moves };

	choose_page(c, &k);
	return k;
}

/* Block i is vCPU i % vcpus's */
static uint64_t block_va(struct chance *c, const struct code *k, bool user)
{
	uint64_t i = below(c, BLOCKS / k->vcpus) * k->vcpus + k->cpu, va = GUEST_BLOCKS + i * BLOCK_SIZE;

	return user ? va : GUEST_BASE + va;
}

static void jump(struct chance *c, struct code *k, bool user)
{
	load(k, RAX, block_va(c, k, user));
	BYTES(k, 0xff, 0xe0);
}

static uint64_t argument(struct chance *c, unsigned int nr)
{
	if (one_in(c, 3))
		return word(c);
	switch (nr) {
	case LHCALL_LGUEST_INIT: return GUEST_LGD;
	case LHCALL_NEW_PGTABLE:
	case LHCALL_DROP_PGTABLE: return PML4 + below(c, TABLES) * 0x1000;
	case LHCALL_FLUSH_TLB: return below(c, 6);
	case LHCALL_SET_CLOCKEVENT: return below(c, 100000);
	case LHCALL_LOAD_GS: return below(c, 32) << 3 | 3;
	case LHCALL_LOAD_TLS: return one_in(c, 3) ? any(c) : 0x00cff3000000ffff;
	case LHCALL_PRINT: return below(c, 512);
	default: return word(c);
	}
}

static unsigned int hypercall_number(struct chance *c)
{
	unsigned int nr = (unsigned int)below(c, LHCALL_NR + 2);

	/* Those that end a guest, a vCPU or its tables are rare: it would not get far */
	if ((nr == LHCALL_SHUTDOWN || nr == LHCALL_LGUEST_INIT || nr == LHCALL_VCPU_DOWN) && below(c, 50))
		return LHCALL_FLUSH_ASYNC;
	if (nr == LHCALL_NEW_PGTABLE && below(c, 4))
		return LHCALL_SEND_INTERRUPTS;
	return nr;
}

/* Arguments that are not all of one kind: mostly of vCPUs and lines that there are */
static void arguments_of(struct chance *c, struct code *k, unsigned int nr)
{
	uint64_t id = below(c, GUEST_VCPUS);

	if (one_in(c, 8))
		return;
	if (nr == LHCALL_VCPU_UP) {
		load(k, RDI, id);
		load(k, RSI, STARTS + (one_in(c, 8) ? below(c, GUEST_VCPUS) : id) * sizeof(struct lguest_vcpu_start));
	} else if (nr == LHCALL_RELEASE) {
		/* Whatever is there is mostly no range */
		unsigned int n = 1 + (unsigned int)below(c, LGUEST_RELEASE_MAX + 1);

		for (unsigned int i = 0; i < n && i < 2; i++) {
			store(k, GUEST_BASE + RANGES + i * 16, below(c, GUEST_SIZE + 0x2000) & (one_in(c, 16) ? ~0ULL : ~0xfffULL), 8);
			store(k, GUEST_BASE + RANGES + i * 16 + 8, one_in(c, 16) ? word(c) : (1 + below(c, 16)) << 12, 8);
		}
		load(k, RDI, RANGES);
		load(k, RSI, one_in(c, 8) ? n : 1 + below(c, 2));
	} else if (nr == LHCALL_SEND_IPI) {
		load(k, RDI, below(c, 1 << GUEST_VCPUS));
		load(k, RSI, below(c, LGUEST_IRQS + 2));
	} else if (nr == LHCALL_ROUTE_IRQ) {
		load(k, RDI, below(c, LGUEST_IRQS + 2));
		load(k, RSI, id);
	} else if (nr == LHCALL_FLUSH_TLB) {
		load(k, RSI, PML4 + below(c, TABLES) * 0x1000);
	}
}

static void emit_hypercall(struct chance *c, struct code *k)
{
	unsigned int nr = hypercall_number(c);

	if (nr == LHCALL_HALT) {
		load(k, RAX, LHCALL_SET_CLOCKEVENT);
		load(k, RDI, below(c, 1000000));
		BYTES(k, 0x0f, 0x05);
	}
	load(k, RDI, argument(c, nr));
	load(k, RSI, argument(c, nr));
	load(k, RDX, argument(c, nr));
	load(k, R10, argument(c, nr));
	arguments_of(c, k, nr);
	load(k, RAX, nr);
	BYTES(k, 0x0f, 0x05);
}

/* A number for the ring; seldom one that may not be queued, since that ends the guest */
static unsigned int ring_number(struct chance *c)
{
	static const uint8_t queued[] = { LHCALL_FLUSH_TLB, LHCALL_FLUSH_RANGE, LHCALL_DROP_PGTABLE, LHCALL_SET_CLOCKEVENT, LHCALL_NOTIFY, LHCALL_LOAD_TLS };

	return one_in(c, 12) ? (unsigned int)below(c, LHCALL_NR) : queued[below(c, sizeof(queued))];
}

/* The status goes last, as the ring wants it */
static void emit_ring(struct chance *c, struct code *k)
{
	unsigned int slot = (unsigned int)below(c, LHCALL_RING_SIZE);
	unsigned int nr = ring_number(c);
	uint64_t at = LGD(k, hcalls) + slot * 40;

	store(k, at, nr, 8);
	store(k, at + 8, argument(c, nr), 8);
	store(k, at + 16, argument(c, nr), 8);
	store(k, LGD(k, hcall_status) + slot, LHCALL_RING_READY, 1);
}

static void emit_lost(struct chance *c, struct code *k)
{
	unsigned int n = (unsigned int)below(c, 4);

	for (unsigned int i = 0; i < n; i++)
		store(k, LGD(k, lost) + 8 * below(c, LGUEST_LOST_SIZE),
		      (PML4 + below(c, TABLES * 512) * 8) | below(c, 8), 8);
	if (one_in(c, 8)) {
		store(k, LGD(k, lost_in.head), word(c), 4);
	} else {	/* as many more as are there now, wherever in the ring that is */
		load(k, RAX, LGD(k, lost_in.head));
		BYTES(k, 0x83, 0x00, (uint8_t)n);	/* addl $n, (%rax) */
	}
	load(k, RAX, one_in(c, 2) ? LHCALL_FLUSH_ASYNC : LHCALL_FLUSH_TLB);
	load(k, RDI, below(c, 5));
	BYTES(k, 0x0f, 0x05);
}

static void emit_noise(struct chance *c, struct code *k)
{
	store(k, lgd_va(k, below(c, 64) * 8), word(c), one_in(c, 2) ? 8 : 4);
}

static void emit_table(struct chance *c, struct code *k)
{
	uint64_t at = PML4 + below(c, TABLES) * 0x1000 + below(c, 512) * 8;

	/* The entries that hold this very code up are spared most of the time */
	if (at < PML4 + 0x1000 && one_in(c, 2))
		at |= 0x400;
	store(k, GUEST_BASE + at, entry(c), 8);
	if (one_in(c, 2)) {
		load(k, RAX, LHCALL_FLUSH_TLB);
		load(k, RDI, below(c, 5));
		BYTES(k, 0x0f, 0x05);
	}
}

static void emit_access(struct chance *c, struct code *k)
{
	if (one_in(c, 2)) {
		store(k, word(c), any(c), 8);
		return;
	}
	load(k, RAX, word(c));
	BYTES(k, 0x48, 0x8b, 0x08);
}

static void emit_segment(struct chance *c, struct code *k)
{
	static const uint8_t to[] = { 0xc0, 0xd0, 0xd8, 0xe0, 0xe8 };	/* es ss ds fs gs */

	load(k, RAX, one_in(c, 2) ? below(c, 32) << 3 | 3 : any(c) & 0xffff);
	BYTES(k, 0x8e, to[below(c, sizeof(to))]);
}

static void emit_flags(struct chance *c, struct code *k)
{
	load(k, RAX, any(c) & 0x3f7fd7);
	BYTES(k, 0x50, 0x9d);
}

static void emit_base(struct chance *c, struct code *k)
{
	static const uint8_t what[] = { 0xc0, 0xc8, 0xd0, 0xd8 };	/* rdfs rdgs wrfs wrgs */

	if (one_in(c, 8)) {
		BYTES(k, 0x0f, 0x01, 0xf8);
		return;
	}
	load(k, RAX, word(c));
	BYTES(k, 0xf3, 0x48, 0x0f, 0xae, what[below(c, 4)]);
}

static uint64_t selector(struct chance *c)
{
	static const uint8_t usual[] = { LGUEST_USER_CS, LGUEST_USER_DS, LGUEST_USER32_CS, LGUEST_KERNEL_CS, LGUEST_KERNEL_DS };

	return one_in(c, 4) ? any(c) & 0xffff : usual[below(c, sizeof(usual))];
}

static void push_word(struct code *k, uint64_t value)
{
	load(k, RAX, value);
	BYTES(k, 0x50);
}

static void emit_iret(struct chance *c, struct code *k)
{
	push_word(k, selector(c));
	push_word(k, one_in(c, 2) ? stack_va(k) : word(c));
	push_word(k, any(c) & 0x3f7fd7);
	push_word(k, selector(c));
	push_word(k, one_in(c, 4) ? word(c) : block_va(c, k, one_in(c, 2)));
	if (one_in(c, 4))
		BYTES(k, 0x48, 0xcb);
	else
		BYTES(k, 0x48, 0xcf);
}

static void emit_privileged(struct chance *c, struct code *k)
{
	static const uint8_t insns[][8] = {
		{ 1, 0xfa }, { 1, 0xfb }, { 1, 0xf4 }, { 3, 0x0f, 0x01, 0x10 }, { 3, 0x0f, 0x01, 0x18 }, { 3, 0x0f, 0x00, 0xd8 },
		{ 3, 0x0f, 0x01, 0x38 }, { 3, 0x0f, 0x22, 0xc0 }, { 3, 0x0f, 0x22, 0xd8 }, { 3, 0x0f, 0x22, 0xe0 }, { 2, 0x0f, 0x30 },
		{ 2, 0x0f, 0x32 }, { 1, 0xec }, { 1, 0xee }, { 2, 0x0f, 0x09 }, { 1, 0xcc }, { 2, 0xcd, 0x80 }, { 2, 0xcd, 0x02 },
		{ 2, 0xcd, 0x08 }, { 1, 0xf1 }, { 2, 0x0f, 0x0b }, { 2, 0x0f, 0xa2 }, { 2, 0x0f, 0x31 }, { 2, 0x0f, 0x33 },
		{ 3, 0x0f, 0x01, 0xd0 }, { 3, 0x0f, 0x01, 0xd1 }, { 3, 0x0f, 0x01, 0xc1 }, { 3, 0x0f, 0x01, 0xd9 }, { 2, 0x0f, 0x34 },
		{ 2, 0x0f, 0x35 }, { 3, 0x48, 0x0f, 0x07 }, { 2, 0x0f, 0x05 }, { 3, 0x0f, 0x01, 0xc8 }, { 3, 0x0f, 0x01, 0xca },
		{ 3, 0x0f, 0x01, 0xcb }, { 3, 0x0f, 0x01, 0xee }, { 3, 0x0f, 0x01, 0xef }, { 2, 0xdb, 0xe3 }, { 3, 0x0f, 0xae, 0x00 },
		{ 3, 0x0f, 0xae, 0x08 }, { 3, 0x0f, 0xae, 0x20 }, { 3, 0x0f, 0xae, 0x28 }, { 3, 0xc5, 0xf8, 0x77 }, { 3, 0x0f, 0x23, 0xf8 },
		{ 3, 0x0f, 0x21, 0xf0 }, { 2, 0x0f, 0x06 }, { 3, 0x0f, 0x00, 0xd0 }, { 3, 0x0f, 0x01, 0x08 }, { 2, 0x0f, 0x08 },
		{ 4, 0xf3, 0x0f, 0xc7, 0xf8 }, { 2, 0xcd, 0x03 }, { 2, 0xcd, 0xfe }, { 2, 0x48, 0xf1 }, { 3, 0x48, 0xf7, 0xf1 },
	};
	const uint8_t *insn = insns[below(c, sizeof(insns) / sizeof(*insns))];

	load(k, RAX, word(c));
	load(k, RCX, one_in(c, 2) ? 0xc0000080 + below(c, 8) : one_in(c, 2) ? 0 : word(c));
	load(k, RDX, word(c));
	put(k, insn + 1, insn[0]);
}

static void emit_to_user(struct chance *c, struct code *k)
{
	store(k, LGD(k, frame.rip), one_in(c, 8) ? word(c) : block_va(c, k, true), 8);
	store(k, LGD(k, frame.rflags), one_in(c, 3) ? any(c) : 0x202, 8);
	store(k, LGD(k, frame.rsp), one_in(c, 8) ? word(c) : stack_va(k) - GUEST_BASE, 8);
	store(k, LGD(k, frame.cs), selector(c) | selector(c) << 16, 4);
	store(k, LGD(k, frame.flags), below(c, 4), 4);
	if (one_in(c, 4))
		store(k, LGD(k, user_gsbase), word(c), 8);
	load(k, RAX, GUEST_BASE + GUEST_RETURN - 2);
	BYTES(k, 0xff, 0xe0);
}

static void emit_bytes(struct chance *c, struct code *k)
{
	uint64_t r = any(c);

	put(k, &r, 1 + (unsigned int)below(c, 8));
}

static void emit_copy(struct chance *c, struct code *k)
{
	load(k, RCX, below(c, 20000));
	load(k, RSI, word(c));
	load(k, RDI, one_in(c, 2) ? GUEST_BASE + 0x200000 : word(c));
	if (one_in(c, 2))
		BYTES(k, 0xf3, 0xa4);
	else
		BYTES(k, 0xf3, 0xaa);
}

static void emit_stack(struct chance *c, struct code *k)
{
	load(k, RSP, one_in(c, 3) ? word(c) : stack_va(k));
}

static void emit_interrupts(struct chance *c, struct code *k)
{
	store(k, LGD(k, irq_enabled), one_in(c, 8) ? word(c) : LGUEST_FLAG_IF, 4);
	load(k, RAX, LHCALL_SEND_INTERRUPTS);
	BYTES(k, 0x0f, 0x05);
}

static void copy_page(struct code *k, uint64_t to, uint64_t from)
{
	load(k, RSI, GUEST_BASE + from);
	load(k, RDI, GUEST_BASE + to);
	load(k, RCX, 0x1000);
	BYTES(k, 0xf3, 0xa4);
}

/* vCPU 0 shares another page, and mostly gives the one of before back */
static void emit_move(struct chance *c, struct code *k)
{
	uint64_t from = k->lgd;

	choose_page(c, k);
	copy_page(k, k->lgd, PATTERN);
	load(k, RAX, LHCALL_LGUEST_INIT);
	load(k, RDI, k->lgd);
	BYTES(k, 0x0f, 0x05);
	if (from == k->lgd || one_in(c, 4))
		return;
	store(k, GUEST_BASE + RANGES, from, 8);
	store(k, GUEST_BASE + RANGES + 8, 0x1000, 8);
	load(k, RAX, LHCALL_RELEASE);
	load(k, RDI, RANGES);
	load(k, RSI, 1);
	BYTES(k, 0x0f, 0x05);
}

typedef void emit_fn(struct chance *c, struct code *k);
static emit_fn *const emitters[] = {
	emit_hypercall, emit_hypercall, emit_hypercall, emit_ring, emit_ring, emit_lost, emit_lost, emit_noise, emit_table, emit_table,
	emit_access, emit_access, emit_segment, emit_flags, emit_base, emit_iret, emit_privileged, emit_privileged, emit_to_user,
	emit_bytes, emit_copy, emit_stack, emit_interrupts,
};

/* A block is an event entry too: it takes the event, keeps a stack, and ends in another block */
static void make_block(struct chance *c, struct guest *g, unsigned int i)
{
	uint8_t *at = g->memory + GUEST_BLOCKS + i * BLOCK_SIZE;
	struct code block = code_of(c, g, i % g->vcpus, at, at + BLOCK_SIZE - 16), *k = &block;

	for (unsigned int n = 0; n < pages_of(k); n++)
		store(k, GUEST_BASE + page_of(k, n) + __builtin_offsetof(struct lguest_data, event_busy), 0, 4);
	if (one_in(c, 2))
		load(k, RSP, stack_va(k));
	while (k->end - k->at > 100) {
		if (pages_of(k) > 1 && one_in(c, 3))
			emit_move(c, k);
		else
			emitters[below(c, sizeof(emitters) / sizeof(*emitters))](c, k);
	}
	k->end = at + BLOCK_SIZE;
	jump(c, k, one_in(c, 20));
}

/* ---- Memory ---- */

uint8_t *guest_memory(void)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	uint8_t *p;

	if (fd < 0 || ftruncate(fd, (off_t)GUEST_SIZE))
		return NULL;
	p = mmap(NULL, GUEST_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return p == MAP_FAILED ? NULL : p;
}

static void put_entry(uint8_t *memory, uint64_t table, unsigned int i, uint64_t value)
{
	memcpy(memory + table + i * 8, &value, 8);
}

static void make_tables(uint8_t *m)
{
	put_entry(m, PML4, 257, 0x2063);
	put_entry(m, PML4, 0, 0x3067);
	put_entry(m, 0x2000, 0, 0x4063);
	put_entry(m, 0x3000, 0, 0x7067);
	for (unsigned int i = 0; i < 2; i++) {
		put_entry(m, 0x4000, i, 0x5063 + i * 0x1000);
		put_entry(m, 0x7000, i, 0x8067 + i * 0x1000);
	}
	for (unsigned int i = 0; i < GUEST_SIZE >> 12; i++) {
		put_entry(m, 0x5000, i, ((uint64_t)i << 12) | 0x63);
		put_entry(m, 0x8000, i, ((uint64_t)i << 12) | 0x67);
	}
}

static struct lguest_data *lgd_of(const struct guest *g, uint64_t cpu)
{
	return (struct lguest_data *)(void *)(g->memory + GUEST_LGD + (cpu << 12));
}

static void make_shared_page(struct chance *c, const struct guest *g, unsigned int cpu)
{
	struct code whose = code_of(c, g, cpu, NULL, NULL), *k = &whose;
	struct lguest_data *d = lgd_of(g, cpu);

	d->abi_version = LGUEST_ABI_VERSION;
	d->syscall_entry = block_va(c, k, false);
	d->event_entry_user = block_va(c, k, false);
	d->event_entry_kernel = block_va(c, k, false);
	d->return_to_user = GUEST_BASE + GUEST_RETURN;
	d->kernel_range[0][0] = GUEST_BASE;
	d->kernel_range[0][1] = GUEST_BASE + (1ULL << 39);
	d->sp0 = stack_va(k);
	if (!one_in(c, 16))
		return;
	for (unsigned int n = (unsigned int)below(c, 4); n; n--)
		d->kernel_range[below(c, 4)][below(c, 2)] = word(c);
	d->syscall_entry = word(c);
}

/* How vCPU @cpu starts, in the STARTS page */
static void make_start(struct chance *c, const struct guest *g, unsigned int cpu)
{
	const struct code k = code_of(c, g, cpu, NULL, NULL);
	struct lguest_vcpu_start start = {
		.rip = GUEST_BASE + (g->moves ? SILENT : OTHERS), .rsp = stack_va(&k), .cr3 = PML4, .rdi = GUEST_LGD + (cpu << 12),
	};

	if (one_in(c, 16))
		((uint64_t *)&start)[below(c, sizeof(start) / 8)] = word(c);
	memcpy(g->memory + STARTS + cpu * sizeof(start), &start, sizeof(start));
}

static void call_init(struct chance *c, struct code *k, uint64_t page)
{
	if (one_in(c, 16))
		return;
	load(k, RAX, LHCALL_LGUEST_INIT);
	if (page)
		load(k, RDI, page);
	BYTES(k, 0x0f, 0x05);
}

/* vCPU 0 starts the others, which begin at OTHERS, in blocks of vCPU 1's that may be */
static void make_entries(struct chance *c, struct guest *g)
{
	uint8_t *at = g->memory + GUEST_ENTRY;
	struct code k = code_of(c, g, 0, at, g->memory + OTHERS);

	load(&k, RSP, stack_va(&k));
	call_init(c, &k, GUEST_LGD);
	for (unsigned int cpu = 1; cpu < g->vcpus; cpu++) {
		load(&k, RAX, LHCALL_VCPU_UP);
		load(&k, RDI, cpu);
		load(&k, RSI, STARTS + cpu * sizeof(struct lguest_vcpu_start));
		BYTES(&k, 0x0f, 0x05);
	}
	jump(c, &k, false);
	k = code_of(c, g, g->vcpus > 1, g->memory + OTHERS, at + 0x100);
	call_init(c, &k, 0);
	jump(c, &k, false);
	memcpy(g->memory + GUEST_RETURN - 2, "\x0f\x05", 2);
}

/* A loop of vCPUs that never say INIT, and so may make no mistake: they change how much vCPU 0 says it has lost, and have it taken */
static void make_silent(struct chance *c, const struct guest *g)
{
	uint8_t *at = g->memory + SILENT;
	struct code k = code_of(c, g, 0, at, at + 0x1000);
	int back;

	memcpy(g->memory + PATTERN, g->memory + GUEST_LGD, 0x1000);
	memset(g->memory + PATTERN + __builtin_offsetof(struct lguest_data, hcall_status), LHCALL_RING_FREE, LHCALL_RING_SIZE);
	for (unsigned int i = 0; i < 8; i++) {
		choose_page(c, &k);
		store(&k, LGD(&k, lost_in.head), word(c), 4);
		load(&k, RAX, LHCALL_NEW_PGTABLE);
		load(&k, RDI, PML4);
		BYTES(&k, 0x0f, 0x05);
	}
	back = (int)(at - k.at) - 5;
	BYTES(&k, 0xe9);
	put(&k, &back, 4);
}

unsigned int guest_vcpus(struct chance *c)
{
	return one_in(c, 2) ? 1 : 2 + (unsigned int)below(c, GUEST_VCPUS - 1);
}

void guest_fill(struct chance *c, struct guest *g)
{
	g->moves = g->vcpus > 1 && one_in(c, 3);
	make_tables(g->memory);
	for (unsigned int cpu = 0; cpu < g->vcpus; cpu++) {
		make_shared_page(c, g, cpu);
		make_start(c, g, cpu);
	}
	make_entries(c, g);
	make_silent(c, g);
	for (unsigned int i = 0; i < BLOCKS; i++)
		make_block(c, g, i);
}

uint64_t guest_place(struct chance *c, const struct guest *g, unsigned int cpu)
{
	return GUEST_BASE + (g->moves && cpu ? SILENT : GUEST_BLOCKS + below(c, BLOCKS) * BLOCK_SIZE);
}

void guest_change(struct chance *c, struct guest *g)
{
	volatile uint64_t *words = (volatile uint64_t *)(void *)g->memory;
	struct lguest_data *lgd = lgd_of(g, below(c, g->vcpus));
	unsigned int i;

	switch (below(c, 8)) {
	case 0:
		make_block(c, g, (unsigned int)below(c, BLOCKS));
		break;
	case 1:
		words[(PML4 >> 3) + 512 + below(c, (TABLES - 1) * 512)] = entry(c);
		break;
	case 2:
		((volatile uint64_t *)lgd)[below(c, 512)] = word(c);
		break;
	case 3:
		if (one_in(c, 4))
			*(volatile uint32_t *)&lgd->lost_in.head = (uint32_t)any(c);
		else
			*(volatile uint32_t *)&lgd->lost_in.head += (uint32_t)below(c, LGUEST_LOST_SIZE + 4);
		break;
	case 4:
		words = (volatile uint64_t *)lgd->hcalls;
		i = (unsigned int)below(c, LHCALL_RING_SIZE);
		words[i * 5 + 1 + below(c, 4)] = word(c);
		words[i * 5] = one_in(c, 40) ? word(c) : ring_number(c);
		*(volatile uint8_t *)&lgd->hcall_status[i] = LHCALL_RING_READY;
		break;
	default:
		*(volatile uint32_t *)&lgd->event_busy = 0;
		*(volatile uint32_t *)&lgd->irq_enabled = LGUEST_FLAG_IF;
	}
}

void start_regs(struct lguest_regs *r)
{
	memset(r, 0, sizeof(*r));
	r->rip = GUEST_BASE + GUEST_ENTRY;
	r->rsp = GUEST_BASE + STACK;
	r->rflags = 0x202;
	r->cr3 = PML4;
}
