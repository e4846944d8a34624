// SPDX-License-Identifier: GPL-2.0
/*
 * What crossings cost, by the TSC: under QEMU's -icount it counts instructions, the guest's own between the two readings among
 * them (said for each). Prints "bench: WHAT: MEDIAN (MINIMUM)" lines for tests/bench/icount.sh; judges nothing.
 */
#include "guest.h"

#define N 201
#define AT 0xffff80c000000000UL

static u64 samples[N];

static void report(const char *what, u64 own)
{
	for (int i = 1; i < N; i++)
		for (int j = i; j && samples[j - 1] > samples[j]; j--) {
			u64 t = samples[j];

			samples[j] = samples[j - 1];
			samples[j - 1] = t;
		}
	say("bench: %s: %ld (%ld)\n", what, (long)(samples[N / 2] - own), (long)(samples[0] - own));
}

static inline u64 tsc(void)
{
	u32 low, high;

	asm volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return ((u64)high << 32) | low;
}

/* The cost of measuring: two readings with nothing between. */
static u64 overhead(void)
{
	u64 least = ~0UL;

	for (int i = 0; i < 100; i++) {
		u64 a = tsc(), b = tsc();

		if (b - a < least)
			least = b - a;
	}
	return least;
}

extern char bench_syscall[];
asm(".text\n.balign 64\nbench_syscall:\n\t"
    "cmp $-1, %rax; je syscall_entry; movl $0, lgd+120(%rip); jmp return_to_user - 2");

USER_DATA static u64 user_samples[N];

USER __attribute__((naked)) static void user_loop(u64 arg)
{
	(void)arg;
	asm volatile("lea user_samples(%rip), %rbx; xor %r12d, %r12d\n"
		     "1:\txor %r14d, %r14d; rdtsc; mov %eax, %r13d; mov $1, %eax; syscall; rdtsc; sub %r13d, %eax; mov %rax, (%rbx,%r12,8)\n\t"
		     "inc %r12; cmp $201, %r12; jne 1b; mov $-1, %rax; mov $1, %edi; syscall");
}

static volatile u64 last, came;

static void timer(struct regs *r, unsigned int line)
{
	(void)r;
	(void)line;
	came = tsc() - last;
}

static bool trap(struct regs *r)
{
	came = tsc() - last;
	r->rip += 2;
	return true;
}

/* The short system call entry, and the return of lib/entry.S */
void guest_early(u64 arg, u64 seed)
{
	(void)arg;
	(void)seed;
	lgd.syscall_entry = (u64)bench_syscall;
}

static void measure_hypercalls(u64 none)
{
	for (int i = 0; i < N; i++) {
		u64 t = tsc();

		asm volatile("syscall" : : "a"(LHCALL_NR) : "rcx", "r11", "memory");
		samples[i] = tsc() - t;
	}
	report("a hypercall that does nothing (-ENOSYS), round trip", none);
	for (int i = 0; i < N; i++) {
		u64 t = tsc();

		hcall(LHCALL_FLUSH_TLB, LG_FLUSH_LOST, 0, 0, 0);
		samples[i] = tsc() - t;
	}
	report("a TLB flush with an empty queue, round trip", none);
}

static void measure_fills(u64 none)
{
	u64 *page = page_alloc();

	for (u64 i = 0; i < N; i++)
		map(boot_pml4, AT + i * 4096, pa(page), PTE_W);
	*(volatile u64 *)(AT + 511 * 4096 - 4096 * 511) = 0;	/* the tables above, on both sides */
	for (u64 i = 0; i < N; i++) {
		u64 t = tsc();

		(void)*(volatile u64 *)(AT + i * 4096);
		samples[i] = tsc() - t;
	}
	samples[0] = samples[1];
	report("a page fill: first read of a page that the host has pinned", none);
	for (u64 i = 0; i < N; i++) {
		u64 t;

		/* The host pins 16 at a time. */
		map(boot_pml4, AT + 0x40000000 + i * 4096, RAM2_PA + i % (RAM2_SIZE >> 16) * 0x10000, PTE_W);
		t = tsc();
		(void)*(volatile u64 *)(AT + 0x40000000 + i * 4096);
		samples[i] = tsc() - t;
	}
	report("the same, of a page that must be pinned first, with 15 more (128 of the 201)", none);
}

void guest_main(u64 arg, u64 seed)
{
	u64 none = overhead();

	(void)arg;
	(void)seed;
	say("bench: instructions of the measuring itself, taken off: %ld (%ld)\n", (long)none, (long)none);
	user_map(boot_pml4);
	measure_hypercalls(none);
	user_call(user_loop, 0);
	memcpy(samples, (void *)user_samples, sizeof(samples));
	report("a system call and its return by direct switch (4 of them the guest kernel's)", none);
	measure_fills(none);
	on_exception = trap;
	for (int i = 0; i < N; i++) {
		last = tsc();
		asm volatile("ud2");
		samples[i] = came;
	}
	report("an exception in kernel mode, until the guest's C handler (39 of them the guest kernel's)", none);
	on_interrupt = timer;
	irq_on();
	for (int i = 0; i < N; i++) {
		came = 0;
		hcall(LHCALL_SET_CLOCKEVENT, 50000, 0, 0, 0);
		while (!came)
			last = tsc();
		samples[i] = came;
	}
	report("a timer interrupt into a running guest, until its C handler", none);
}
