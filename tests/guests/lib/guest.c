// SPDX-License-Identifier: GPL-2.0
/*
 * The start of a tiny guest, its verdict, and what its events do by default. It talks to the host through the guest
 * ABI alone and keeps no promise but that: a guest that wants to break a rule does so itself.
 */
#include "guest.h"

#define AT(field, offset) _Static_assert(offsetof(struct regs, field) == (offset), #field)
AT(r15, R_R15); AT(r14, R_R14); AT(r13, R_R13); AT(r12, R_R12); AT(rbp, R_RBP); AT(rbx, R_RBX); AT(r11, R_R11);
AT(r10, R_R10); AT(r9, R_R9); AT(r8, R_R8); AT(rax, R_RAX); AT(rcx, R_RCX); AT(rdx, R_RDX); AT(rsi, R_RSI);
AT(rdi, R_RDI); AT(cr2, R_CR2); AT(gsbase, R_GSBASE); AT(user, R_USER); AT(full, R_FULL); AT(vector, R_VECTOR);
AT(error, R_ERROR); AT(rip, R_RIP); AT(cs, R_CS); AT(rflags, R_RFLAGS); AT(rsp, R_RSP); AT(ss, R_SS);
_Static_assert(sizeof(struct regs) == R_SIZE, "size");

bool (*on_exception)(struct regs *r);
void (*on_interrupt)(struct regs *r, unsigned int line);
void (*on_syscall)(struct regs *r);
volatile u64 irqs[LGUEST_IRQS], cpu_irqs[CPUS][LGUEST_IRQS];
struct fault fault;
u64 try_resume, try_rsp, try_rbp, try_rax;

/* ---- Text ---- */

struct out {
	char *p, *end;
};

static void put(struct out *o, char c)
{
	if (o->p < o->end)
		*o->p++ = c;
}

static void put_number(struct out *o, u64 value, unsigned int base)
{
	char digits[20];
	int n = 0;

	do {
		digits[n++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	while (n)
		put(o, digits[--n]);
}

/* %s, %c, %d, %u, %x, with l or without; %% */
static size_t format(char *to, size_t size, const char *f, va_list ap)
{
	struct out o = { to, to + size };
	bool wide;
	long v;

	for (; *f; f++) {
		if (*f != '%') {
			put(&o, *f);
			continue;
		}
		wide = *++f == 'l';
		if (wide)
			f++;
		switch (*f) {
		case 's':
			for (const char *s = va_arg(ap, const char *); *s; s++)
				put(&o, *s);
			break;
		case 'c':
			put(&o, (char)va_arg(ap, int));
			break;
		case 'd':
			v = wide ? va_arg(ap, long) : va_arg(ap, int);
			if (v < 0)
				put(&o, '-');
			put_number(&o, v < 0 ? -(u64)v : (u64)v, 10);
			break;
		case 'u':
		case 'x':
			v = wide ? va_arg(ap, long) : (long)va_arg(ap, unsigned int);
			put_number(&o, (u64)v, *f == 'x' ? 16 : 10);
			break;
		default:
			put(&o, *f);
		}
	}
	return (size_t)(o.p - to);
}

static char text[LGUEST_TEXT_SIZE];

void say(const char *f, ...)
{
	va_list ap;

	va_start(ap, f);
	hcall(LHCALL_PRINT, pa(text), format(text, sizeof(text) - 1, f, ap), 0, 0);
	va_end(ap);
}

static void __attribute__((noreturn)) verdict(const char *f, va_list ap, u64 status)
{
	size_t length = format(text, sizeof(text) - 1, f, ap);

	for (;;)
		hcall(LHCALL_SHUTDOWN, pa(text), length, LGUEST_SHUTDOWN_POWEROFF, status);
}

void pass(const char *f, ...)
{
	va_list ap;

	va_start(ap, f);
	verdict(f, ap, 0);
}

void fail(const char *f, ...)
{
	va_list ap;

	va_start(ap, f);
	verdict(f, ap, 1);
}

void *memset(void *p, int c, size_t n)
{
	void *to = p;

	asm volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(c) : "memory");
	return p;
}

void *memcpy(void *to, const void *from, size_t n)
{
	void *d = to;

	asm volatile("rep movsb" : "+D"(d), "+S"(from), "+c"(n) : : "memory");
	return to;
}

/* ---- Events ---- */

void irq_on(void)
{
	*(volatile u32 *)&lgd.irq_enabled = LGUEST_FLAG_IF;
	asm volatile("" : : : "memory");
	if (*(volatile u32 *)&lgd.irq_pending)
		hcall(LHCALL_SEND_INTERRUPTS, 0, 0, 0, 0);
}

/* What lib/entry.S has for each vCPU */
struct entries {
	char *syscall_entry, *event_user, *event_kernel, *to_user;
	u64 (*run)(struct regs *r);
	void (*leave)(u64 result);
};
#define ENTRIES(n) extern char syscall_entry##n[], event_entry_user##n[], event_entry_kernel##n[], return_to_user##n[]; \
	u64 user_run##n(struct regs *r); void user_leave##n(u64 result)
ENTRIES(0);
ENTRIES(1);
ENTRIES(2);
ENTRIES(3);
#define ENTRY(n) { syscall_entry##n, event_entry_user##n, event_entry_kernel##n, return_to_user##n, user_run##n, user_leave##n }
static const struct entries *entries_of(unsigned int cpu)
{
	static struct entries entries[CPUS];
	const struct entries all[] = { ENTRY(0), ENTRY(1), ENTRY(2), ENTRY(3) };

	entries[cpu] = all[cpu];
	return &entries[cpu];
}

static void __attribute__((noreturn)) leave(unsigned int cpu, u64 result)
{
	entries_of(cpu)->leave(result);
	__builtin_unreachable();
}

static void note_fault(const struct regs *r)
{
	fault.vector = r->vector;
	fault.error = r->error;
	fault.cr2 = r->cr2;
	fault.rip = r->rip;
	fault.rflags = r->rflags;
	fault.rsp = r->rsp;
	fault.cs = r->cs;
	fault.ss = r->ss;
}

#define STACK_SIZE	16384
static char cpu_stack[CPUS][STACK_SIZE] __attribute__((aligned(16)));

/* Below the stack of vCPU 0 lies the shared page of the last one. A test may run on a stack of its own. */
static void check_stack(const struct regs *r, unsigned int cpu)
{
	if ((u64)r - (u64)(cpu ? cpu_stack[cpu] : boot_stack) < STACK_SIZE / 4)
		fail("vCPU %u: events have nested to the end of its stack", cpu);
}

void event_c(struct regs *r, unsigned int cpu);
void event_c(struct regs *r, unsigned int cpu)
{
	check_stack(r, cpu);
	r->vector &= 0xffffffff;
	r->cs &= 0xffff;
	r->ss &= 0xffff;
	if (r->vector >= LGUEST_FIRST_VECTOR) {
		unsigned int line = (unsigned int)r->vector - LGUEST_FIRST_VECTOR;

		CHECK(line < LGUEST_IRQS);
		cpu_irqs[cpu][line]++;
		if (!cpu)
			irqs[line]++;
		if (on_interrupt)
			on_interrupt(r, line);
		return;
	}
	if (on_exception && on_exception(r))
		return;
	if (try_resume && !r->user && !cpu) {
		note_fault(r);
		r->rip = try_resume;
		r->rflags &= LGUEST_FLAG_IF | 2;
		try_resume = 0;
		return;
	}
	if (r->user || r->rip == (u64)return_to_user) {
		note_fault(r);
		leave(cpu, r->user ? USER_FAULTED : USER_REFUSED);
	}
	fail("vCPU %u: unexpected exception %ld, error 0x%lx, rip 0x%lx, cr2 0x%lx, rsp 0x%lx, from %s", cpu,
	     (long)r->vector, (long)r->error, (long)r->rip, (long)r->cr2, (long)r->rsp, r->user ? "user" : "kernel");
}

void syscall_c(struct regs *r, unsigned int cpu);
void syscall_c(struct regs *r, unsigned int cpu)
{
	if (!on_syscall || cpu)
		leave(cpu, r->rdi);
	on_syscall(r);
}

u64 try_read(const volatile void *p)
{
	return TRY_AT("movb (%%rdi), %%bl", p);
}

u64 try_write(volatile void *p, u8 value)
{
	return TRY_REGS("movb %%sil, (%%rdi)", 0, 0, 0, value, p);
}

/* Calls @address; what is there must return. */
u64 try_exec(u64 address)
{
	return TRY_AT("lea 78f(%%rip), %%r8\n\tpush %%r8\n\tjmp *%%rdi\n78:", address);
}

/* ---- Start ---- */

void fill_lgd(void)
{
	lgd.abi_version = LGUEST_ABI_VERSION;
	if (!lgd.syscall_entry)		/* guest_early() may have its own */
		lgd.syscall_entry = (u64)syscall_entry;
	lgd.event_entry_user = (u64)event_entry_user;
	lgd.event_entry_kernel = (u64)event_entry_kernel;
	lgd.return_to_user = (u64)return_to_user;
	lgd.kernel_range[0][0] = KERNEL_BASE;
	lgd.kernel_range[0][1] = KERNEL_BASE + (1UL << 39);
}

long init(void)
{
	return hcall(LHCALL_LGUEST_INIT, pa(&lgd), 0, 0, 0);
}

__attribute__((weak)) void guest_early(u64 arg, u64 seed)
{
	(void)arg;
	(void)seed;
}

bool shortened;

void guest_start(u64 arg, u64 seed, bool is_short);
void guest_start(u64 arg, u64 seed, bool is_short)
{
	long result;

	shortened = is_short;
	guest_early(arg, seed);
	fill_lgd();
	result = init();
	if (result)
		fail("LHCALL_LGUEST_INIT returned %ld", result);
	guest_main(arg, seed);
	pass("done");
}

/* ---- Several vCPUs ---- */

static void (*cpu_function[CPUS])(unsigned int cpu);

void cpu_start(unsigned int cpu);
void cpu_start(unsigned int cpu)
{
	const struct entries *e = entries_of(cpu);
	struct lguest_data *d = lgd_of(cpu);
	long result;

	d->abi_version = LGUEST_ABI_VERSION;
	d->syscall_entry = (u64)e->syscall_entry;
	d->event_entry_user = (u64)e->event_user;
	d->event_entry_kernel = (u64)e->event_kernel;
	d->return_to_user = (u64)e->to_user;
	d->kernel_range[0][0] = KERNEL_BASE;
	d->kernel_range[0][1] = KERNEL_BASE + (1UL << 39);
	result = hcall(LHCALL_LGUEST_INIT, pa(d), 0, 0, 0);
	if (result)
		fail("vCPU %u: LHCALL_LGUEST_INIT returned %ld", cpu, result);
	CHECK_EQ(d->vcpu_id, cpu);
	cpu_function[cpu](cpu);
	*(volatile u32 *)&d->irq_enabled = 0;
	hcall(LHCALL_VCPU_DOWN, 0, 0, 0, 0);
	fail("vCPU %u: VCPU_DOWN returned", cpu);
}

long try_cpu_up(unsigned int cpu, void (*function)(unsigned int cpu))
{
	static struct lguest_vcpu_start how[CPUS];
	extern char cpu_entry[];

	how[cpu] = (struct lguest_vcpu_start){ .rip = (u64)cpu_entry, .rsp = (u64)cpu_stack[cpu] + STACK_SIZE,
					       .cr3 = pa(current_root), .rdi = cpu };
	cpu_function[cpu] = function;
	return hcall(LHCALL_VCPU_UP, cpu, pa(&how[cpu]), 0, 0);
}

void cpu_up(unsigned int cpu, void (*function)(unsigned int cpu))
{
	long result = try_cpu_up(cpu, function);

	if (result)
		fail("VCPU_UP of %u returned %ld", cpu, result);
}

void irq_on_cpu(unsigned int cpu)
{
	volatile struct lguest_data *d = lgd_of(cpu);

	d->irq_enabled = LGUEST_FLAG_IF;
	asm volatile("" : : : "memory");
	if (d->irq_pending)
		hcall(LHCALL_SEND_INTERRUPTS, 0, 0, 0, 0);
}

void pte_lose_on(unsigned int cpu, u64 *pte, u64 value, u64 flag)
{
	volatile struct lguest_data *d = lgd_of(cpu);

	pte_set(pte, value);
	if (d->lost_in.head - d->host_out.taken >= LGUEST_LOST_SIZE)
		hcall(LHCALL_FLUSH_ASYNC, 0, 0, 0, 0);
	d->lost[d->lost_in.head % LGUEST_LOST_SIZE] = pa(pte) | flag;
	asm volatile("" : : : "memory");
	d->lost_in.head++;
}

bool nothing_lost(void)
{
	for (unsigned int cpu = 0; cpu < CPUS; cpu++) {
		volatile struct lguest_data *d = lgd_of(cpu);

		if (d->host_out.done != d->lost_in.head)
			return false;
	}
	return true;
}

void flush_lost(void)
{
	if (!nothing_lost())
		hcall(LHCALL_FLUSH_TLB, LG_FLUSH_LOST, 0, 0, 0);
}

/* The stack of user mode is one page of the four that user_map() makes, for each vCPU */
u64 user_call_on(unsigned int cpu, void (*function)(u64), u64 arg)
{
	static struct {
		char room[8192];
		struct regs regs;
	} stack[CPUS];
	struct regs *r = &stack[cpu].regs;

	user_regs(r, function, arg);
	r->rsp -= 4096 * cpu;
	return entries_of(cpu)->run(r);
}

/* ---- Time and chance ---- */

bool on_tcg(void)
{
	u32 a, b, c, d;

	cpuid(1, 0, &a, &b, &c, &d);
	if (!(c >> 31))
		return false;
	cpuid(0x40000000, 0, &a, &b, &c, &d);
	return b == 0x54474354;	/* "TCGT" */
}

/* CLOCK_MONOTONIC of the host by the time page. */
u64 clock_ns(void)
{
	volatile struct lguest_time *t = &lgd.time;
	u64 delta, ns;
	u32 version;

	do {
		version = t->version;
		asm volatile("" : : : "memory");
		delta = rdtsc() - t->tsc_timestamp;
		delta = t->shift >= 0 ? delta << t->shift : delta >> -t->shift;
		ns = t->system_time + (u64)(((unsigned __int128)delta * t->mul) >> 32);
		asm volatile("" : : : "memory");
	} while ((version & 1) || version != t->version);
	return ns;
}

/* xorshift64*: the same for the same seed, so that a failure can be repeated. */
u64 random64(u64 *state)
{
	u64 x = *state ? *state : 0x9e3779b97f4a7c15UL;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	*state = x;
	return x * 0x2545f4914f6cdd1dUL;
}
