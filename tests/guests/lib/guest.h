/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a tiny guest is written with: hypercalls, the shared page, events as C handlers, page tables, user mode, and
 * the verdict. A guest defines guest_main(); returning from it is a pass. Nothing here may be used by host programs.
 */
#ifndef TESTS_GUESTS_GUEST_H
#define TESTS_GUESTS_GUEST_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <linux/lguest.h>
#include "layout.h"

typedef __u64 u64;
typedef __u32 u32;
typedef __u16 u16;
typedef __u8 u8;

/* The registers of what an event interrupted; handlers may change them. lib/entry.S knows the offsets. */
struct regs {
	u64 r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
	u64 cr2, gsbase;
	u64 user;	/* 1: came from, and goes back to, user mode */
	u64 full;	/* LG_FRAME_FULL or 0: struct lguest_frame.flags of the return to user mode */
	u64 vector, error;
	u64 rip, cs, rflags, rsp, ss;
};

/* vCPU 0's shared page; those of the others lie behind it */
extern struct lguest_data lgd;
extern u64 boot_pml4[512];
extern char user_start[], user_end[], image_end[], start[], boot_stack[], boot_stack_top[];
extern char syscall_entry[], event_entry_user[], event_entry_kernel[], return_to_user[], event_return[];

/* ---- Hypercalls ---- */

static inline long hcall(u64 nr, u64 a, u64 b, u64 c, u64 d)
{
	register u64 r10 asm("r10") = d;
	long result;

	asm volatile("syscall" : "=a"(result) : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
	return result;
}

static inline u64 pa(const volatile void *p) { return (u64)p - KERNEL_BASE; }
static inline void *va(u64 phys) { return (void *)(phys + KERNEL_BASE); }

/* ---- Verdict ---- */

void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
void pass(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* The test fails, with the text of the condition, unless it holds. */
#define CHECK(cond) do { if (!(cond)) fail("%s:%d: not so: %s", __FILE_NAME__, __LINE__, #cond); } while (0)
#define CHECK_EQ(a, b) do { u64 a_ = (u64)(a), b_ = (u64)(b); if (a_ != b_) \
	fail("%s:%d: %s is 0x%lx, not %s = 0x%lx", __FILE_NAME__, __LINE__, #a, (long)a_, #b, (long)b_); } while (0)

/* lgtest --short: loops may be a small part of what they are; arg of a T_LONG test is already. */
extern bool shortened;

void guest_main(u64 arg, u64 seed);
/* Runs before LHCALL_LGUEST_INIT; a guest may have its own, which may also never return. */
void guest_early(u64 arg, u64 seed);

/* Fills lgd with the entries of lib/entry.S, and makes the INIT call; returns its result. */
void fill_lgd(void);
long init(void);

/* ---- Events ---- */

/* A guest's own look at each exception, before the default handling; true: dealt with, go on with *r. */
extern bool (*on_exception)(struct regs *r);
/* Each interrupt; the default counts it in irqs[line]. */
extern void (*on_interrupt)(struct regs *r, unsigned int line);
/* A system call of user mode; the default ends user_run() with rdi. */
extern void (*on_syscall)(struct regs *r);
extern volatile u64 irqs[LGUEST_IRQS];

void irq_on(void);
static inline void irq_off(void) { *(volatile u32 *)&lgd.irq_enabled = 0; }

/* What TRY() saw; vector is NO_FAULT when the instruction did not fault. */
struct fault {
	u64 vector, error, cr2, rip, rflags, rsp, cs, ss;
};
#define NO_FAULT (~0UL)
extern struct fault fault;
extern u64 try_resume, try_rsp, try_rbp, try_rax;

/*
 * Runs instructions that may fault, with the given rax, rcx, rdx, rsi and rdi; the first fault goes to `fault` and execution
 * behind them, with rsp as before. They may change those, rbx, rbp and r8 to r11. The result is the vector; try_rax what was in rax.
 */
#define TRY_REGS(insns, a, c, d, si, di) ({						\
	u64 rax_ = (u64)(a), rcx_ = (u64)(c), rdx_ = (u64)(d), rsi_ = (u64)(si), rdi_ = (u64)(di);	\
	fault.vector = NO_FAULT;							\
	asm volatile("lea 77f(%%rip), %%r11\n\tmov %%r11, try_resume(%%rip)\n\t"	\
		     "mov %%rsp, try_rsp(%%rip)\n\tmov %%rbp, try_rbp(%%rip)\n\t" insns "\n"	\
		     "77:\tmovq $0, try_resume(%%rip)\n\tmov try_rsp(%%rip), %%rsp\n\t"	\
		     "mov try_rbp(%%rip), %%rbp"					\
		     : "+a"(rax_), "+c"(rcx_), "+d"(rdx_), "+S"(rsi_), "+D"(rdi_)	\
		     : : "memory", "cc", "rbx", "r8", "r9", "r10", "r11");		\
	try_rax = rax_;									\
	fault.vector; })
#define TRY(insns) TRY_REGS(insns, 0, 0, 0, 0, 0)
#define TRY_AT(insns, di) TRY_REGS(insns, 0, 0, 0, 0, di)

/* One read or write that may fault; the vector, or NO_FAULT. */
u64 try_read(const volatile void *p);
u64 try_write(volatile void *p, u8 value);
u64 try_exec(u64 address);

/* ---- Several vCPUs: the table of tests says how many ---- */

#define CPUS	4
static inline struct lguest_data *lgd_of(unsigned int cpu) { return (struct lguest_data *)((char *)&lgd + 4096 * cpu); }
/* Interrupts of each vCPU, by line; irqs[] counts vCPU 0's alone. */
extern volatile u64 cpu_irqs[CPUS][LGUEST_IRQS];
/* Starts a vCPU on the current root: it makes its INIT call and runs the function; when that returns, it stops. */
void cpu_up(unsigned int cpu, void (*function)(unsigned int cpu));
/* The same, and the result of VCPU_UP. */
long try_cpu_up(unsigned int cpu, void (*function)(unsigned int cpu));
void irq_on_cpu(unsigned int cpu);
/* pte_lose() into another vCPU's queue; only that vCPU may call it. */
void pte_lose_on(unsigned int cpu, u64 *pte, u64 value, u64 flag);
/* Is there anything in the queues that some vCPU may not have forgotten? */
bool nothing_lost(void);
/* What a guest kernel does: flushes only when there is something to flush. */
void flush_lost(void);
u64 user_call_on(unsigned int cpu, void (*function)(u64), u64 arg);
/* Waits until *p is at least @value; the host ends a test in which that never comes. */
static inline void wait_for(const volatile u64 *p, u64 value)
{
	while (*p < value)
		asm volatile("pause" : : : "memory");
}

/* ---- Page tables ---- */

#define PTE_P	1UL
#define PTE_W	2UL
#define PTE_U	4UL
#define PTE_A	0x20UL
#define PTE_D	0x40UL
#define PTE_PS	0x80UL
#define PTE_G	0x100UL
#define PTE_NX	(1UL << 63)
#define PTE_ADDR 0x000ffffffffff000UL

/* A zeroed page of RAM behind the image; there is no way to give it back. */
void *page_alloc(void);
/* A top-level table with the kernel half of the first one and an empty low half. */
u64 *root_new(void);
/* Where the entry for @address is at @level (1 = 4 KiB leaf, 2 = 2 MiB); makes the tables above it. */
u64 *pte_of(u64 *root, u64 address, int level);
void map(u64 *root, u64 address, u64 phys, u64 flags);
/* A table of each level below the top, all of whose entries point to the next, those of the last to one page: many shadow tables for few of the guest's. */
struct chain { u64 *pdpt, *pd, *pt, *page; };
/* Anybody's to write; @table and @leaf: further bits of the entries. */
void make_chain(struct chain *c, u64 table, u64 leaf);
/* Stores an entry that takes something away, and records it in the lost queue. */
void pte_lose(u64 *pte, u64 value, u64 flag);
static inline void pte_set(u64 *pte, u64 value) { *(volatile u64 *)pte = value; }
static inline u64 pte_get(const u64 *pte) { return *(const volatile u64 *)pte; }
extern u64 *current_root;
void root_load(u64 *root);

/* ---- User mode ---- */

/* Code and data that user mode may touch; .user is mapped at USER_BASE by user_map(). */
#define USER __attribute__((section(".user.text"), noinline, used))
#define USER_DATA __attribute__((section(".user.data")))
static inline u64 user_va(const volatile void *p) { return (u64)p - (u64)user_start + USER_BASE; }

/* Maps .user and four pages of stack into the low half of @root. */
void user_map(u64 *root);
u64 user_run(struct regs *r);
void user_leave(u64 result) __attribute__((noreturn));
/* Runs a USER function in user mode until its first system call: that call's rdi, or USER_FAULTED with `fault` set. */
u64 user_call(void (*function)(u64), u64 arg);
void user_regs(struct regs *r, void (*function)(u64), u64 arg);
u64 user_go(const struct regs *r);
#define USER_FAULTED	0xdeadfa17UL
#define USER_REFUSED	0xdead4ef5UL	/* the host refused to return to user mode; `fault` has the #GP */

/* Asks lgtest for something: HOST_* of layout.h. */
static inline void host(u64 what, u64 value) { hcall(LHCALL_NOTIFY, NOTIFY_PA + what, value, 0, 0); }

/* For USER functions: a system call with one argument. */
static inline __attribute__((always_inline)) u64 user_syscall(u64 nr, u64 arg)
{
	u64 result;

	asm volatile("syscall" : "=a"(result) : "a"(nr), "D"(arg) : "rcx", "r11", "memory");
	return result;
}

/* ---- Odds and ends ---- */

static inline u64 rdtsc(void)
{
	u32 low, high;

	asm volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return ((u64)high << 32) | low;
}

/* True under QEMU's software emulation, which leaves out some of a processor's checks. */
bool on_tcg(void);
u64 clock_ns(void);
u64 random64(u64 *state);
void *memset(void *p, int c, size_t n);
void *memcpy(void *to, const void *from, size_t n);
static inline u64 rdgsbase(void) { u64 v; asm volatile("rdgsbase %0" : "=r"(v)); return v; }
static inline u64 rdfsbase(void) { u64 v; asm volatile("rdfsbase %0" : "=r"(v)); return v; }
static inline void wrgsbase(u64 v) { asm volatile("wrgsbase %0" : : "r"(v)); }
static inline void wrfsbase(u64 v) { asm volatile("wrfsbase %0" : : "r"(v)); }

static inline void cpuid(u32 leaf, u32 sub, u32 *a, u32 *b, u32 *c, u32 *d)
{
	asm volatile("cpuid" : "=a"(*a), "=b"(*b), "=c"(*c), "=d"(*d) : "a"(leaf), "c"(sub));
}

static inline void pause(void) { asm volatile("pause" : : : "memory"); }

#endif
