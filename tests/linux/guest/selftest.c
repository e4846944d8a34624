// SPDX-License-Identifier: GPL-2.0
/*
 * Does user space work in this guest? Each check below is something that a hypervisor of this kind can get wrong:
 * faults and their addresses, registers across interrupts and switches, copy-on-write, permissions taken away, single
 * steps, clocks, and what happens when memory runs out. It runs on any Linux; on a bare one it must pass, too.
 *
 *   selftest [NAME...]     all checks, or those named; TAP; the status counts failures
 */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "tests/linux/guest/checks.h"

#define PAGE 4096ul
#define VSYSCALL_TIME 0xffffffffff600400ul	/* on x86, for ever */

static char *map_pages(size_t pages)
{
	char *p = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	return p;
}

static uint64_t checksum(const char *p, size_t n)
{
	uint64_t sum = 1469598103934665603u;

	for (size_t i = 0; i < n; i += 8)
		sum = (sum ^ *(const uint64_t *)(p + i)) * 1099511628211u;
	return sum;
}

static void fill(char *p, size_t n, uint64_t seed)
{
	for (size_t i = 0; i < n; i += 8)
		*(uint64_t *)(p + i) = seed = seed * 6364136223846793005u + 1442695040888963407u;
}

/* ---- Faults ---- */

static sigjmp_buf back;
static volatile int fault_code;
static void *volatile fault_addr;

static void on_fault(int sig, siginfo_t *info, void *context)
{
	(void)context;
	fault_code = info->si_code;
	fault_addr = info->si_addr;
	siglongjmp(back, sig);
}

static void catch_faults(void)
{
	struct sigaction sa = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };

	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
	sigaction(SIGILL, &sa, NULL);
	sigaction(SIGFPE, &sa, NULL);
}

static bool expect_fault(const char *what, volatile char *p, char how, int code)
{
	int sig = sigsetjmp(back, 1);

	if (!sig) {
		if (how == 'w')
			*p = 1;
		else if (how == 'x')
			((void (*)(void))(uintptr_t)p)();
		else
			(void)*p;
		return failed("%s: no fault", what);
	}
	if (sig != SIGSEGV || fault_addr != (void *)p || fault_code != code)
		return failed("%s: signal %d code %d address %p, expected %p", what, sig, fault_code, fault_addr, (void *)p);
	return true;
}

static bool check_faults(void)
{
	char *p = map_pages(4);
	int sig;

	catch_faults();
	p[0] = (char)0xc3;
	p[PAGE] = 1;
	mprotect(p + PAGE, PAGE, PROT_READ);
	mprotect(p + 2 * PAGE, PAGE, PROT_NONE);
	munmap(p + 3 * PAGE, PAGE);
	for (int round = 0; round < 3; round++) {
		if (!expect_fault("read of null", (char *)8, 'r', SEGV_MAPERR) ||
		    !expect_fault("write to read-only", p + PAGE + 5, 'w', SEGV_ACCERR) ||
		    !expect_fault("read of PROT_NONE", p + 2 * PAGE, 'r', SEGV_ACCERR) ||
		    !expect_fault("read of unmapped", p + 3 * PAGE + 9, 'r', SEGV_MAPERR) ||
		    !expect_fault("execution of data", p, 'x', SEGV_ACCERR) ||
		    !expect_fault("read of the kernel's half", (char *)0xffff808000001000, 'r', SEGV_MAPERR) ||
		    !expect_fault("write to the switcher's slot", (char *)0xffff800000000000, 'w', SEGV_MAPERR))
			return false;
	}
	sig = sigsetjmp(back, 1);
	if (!sig)
		__asm__ volatile("ud2");
	if (sig != SIGILL)
		return failed("ud2 gave signal %d", sig);
	sig = sigsetjmp(back, 1);
	if (!sig)
		__asm__ volatile("xorl %%ecx, %%ecx; movl $1, %%eax; cltd; idivl %%ecx" ::: "eax", "ecx", "edx");
	if (sig != SIGFPE)
		return failed("division by zero gave signal %d", sig);
	sig = sigsetjmp(back, 1);
	if (!sig)
		__asm__ volatile("cli");
	if (sig != SIGSEGV)
		return failed("cli gave signal %d", sig);
	return true;
}

/* ---- Memory ---- */

static bool check_mprotect(void)
{
	char *p = map_pages(64);

	catch_faults();
	for (int round = 0; round < 20; round++) {
		for (size_t i = 0; i < 64; i++)
			p[i * PAGE] = (char)round;
		mprotect(p, 64 * PAGE, PROT_READ);
		for (size_t i = 0; i < 64; i += 7) {
			if (p[i * PAGE] != (char)round)
				return failed("page %zu lost its contents", i);
			if (!expect_fault("write after mprotect", p + i * PAGE, 'w', SEGV_ACCERR))
				return false;
		}
		mprotect(p, 64 * PAGE, PROT_NONE);
		if (!expect_fault("read after PROT_NONE", p + 13 * PAGE, 'r', SEGV_ACCERR))
			return false;
		mprotect(p, 64 * PAGE, PROT_READ | PROT_WRITE);
	}
	return true;
}

static bool check_mremap(void)
{
	size_t pages = 300;
	char *p = map_pages(pages), *q, *hole = map_pages(1000);
	uint64_t sum;

	catch_faults();
	fill(p, pages * PAGE, 7);
	sum = checksum(p, pages * PAGE);
	for (int i = 0; i < 10; i++) {
		q = mremap(p, pages * PAGE, pages * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, hole + (i % 2) * 500 * (long)PAGE);
		if (q == MAP_FAILED)
			return failed("mremap: %s", strerror(errno));
		if (checksum(q, pages * PAGE) != sum)
			return failed("contents differ after move %d", i);
		if (!expect_fault("read of where it was", p + 17 * PAGE, 'r', SEGV_MAPERR))
			return false;
		p = q;
	}
	return true;
}

static bool check_cow(void)
{
	size_t n = 512 * PAGE;
	char *p = map_pages(512);
	uint64_t sum;

	fill(p, n, 1);
	sum = checksum(p, n);
	for (int round = 0; round < 20; round++) {
		pid_t pid = fork();

		if (!pid) {
			if (checksum(p, n) != sum)
				_exit(1);
			fill(p, n, (uint64_t)round + 100);
			_exit(checksum(p, n) == sum ? 2 : 0);
		}
		/* Both write at once; each must see its own. */
		for (size_t i = 0; i < n; i += 3 * PAGE)
			p[i] = (char)(p[i] + 1);
		sum = checksum(p, n);
		if (status_of(pid))
			return failed("the child of round %d saw other memory than its own", round);
		if (checksum(p, n) != sum)
			return failed("the parent's memory changed in round %d", round);
	}
	return true;
}

/* Address spaces that come and go, mappings that move, permissions that change: with checksums all the time. */
static bool check_churn(void)
{
	uint64_t end = now_ns() + 5000000000u, seed = 42;
	struct { char *p; size_t pages; uint64_t sum; } m[16] = { 0 };
	unsigned int rounds = 0;

	/* A busy host does few rounds in 5 s: then it takes longer */
	for (; now_ns() < end || rounds <= 20; rounds++) {
		unsigned int i;
		pid_t pid = -1;

		seed = seed * 6364136223846793005u + 1442695040888963407u;
		i = (unsigned int)(seed >> 33) % 16;
		if (m[i].p) {
			if (checksum(m[i].p, m[i].pages * PAGE) != m[i].sum)
				return failed("a mapping changed in round %u", rounds);
			if (seed >> 63) {
				munmap(m[i].p, m[i].pages * PAGE);
				m[i].p = NULL;
				continue;
			}
			m[i].p = mremap(m[i].p, m[i].pages * PAGE, m[i].pages * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
					map_pages(m[i].pages));
		} else {
			m[i].pages = 1 + (unsigned int)(seed >> 40) % 100;
			m[i].p = map_pages(m[i].pages);
			m[i].sum = 0;
		}
		if (rounds % 5 == 0)
			pid = fork();
		if (!pid) {
			for (i = 0; i < 16; i++)
				if (m[i].p && m[i].sum && checksum(m[i].p, m[i].pages * PAGE) != m[i].sum)
					_exit(1);
			for (i = 0; i < 16; i++)
				if (m[i].p)
					fill(m[i].p, m[i].pages * PAGE, seed + i);
			_exit(0);
		}
		fill(m[i].p, m[i].pages * PAGE, seed);
		mprotect(m[i].p, m[i].pages * PAGE, PROT_READ);
		m[i].sum = checksum(m[i].p, m[i].pages * PAGE);
		if (checksum(m[i].p, m[i].pages * PAGE) != m[i].sum)
			return failed("memory changed between two looks");
		mprotect(m[i].p, m[i].pages * PAGE, PROT_READ | PROT_WRITE);
		if (pid > 0 && status_of(pid))
			return failed("a child saw wrong memory in round %u", rounds);
	}
	return true;
}

static bool check_oom(void)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		int fd = open("/proc/self/oom_score_adj", O_WRONLY);

		if (fd >= 0 && write(fd, "1000", 4) == 4)
			close(fd);
		for (;;) {
			char *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

			if (p == MAP_FAILED)
				_exit(3);
		}
	}
	status = status_of(pid);
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		return failed("the hog ended with status %#x", status);
	return check_cow();
}

/* ---- Processes and registers ---- */

static bool check_forks(void)
{
	char *const argv[] = { "/bin/true", NULL };

	for (volatile int i = 0; i < 500; i++) {
		pid_t pid = i & 1 ? vfork() : fork();
		int status;

		if (!pid) {
			execv(argv[0], argv);
			_exit(99);
		}
		status = status_of(pid);
		if (status)
			return failed("child %d: status %#x", i, status);
	}
	return true;
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turn = PTHREAD_COND_INITIALIZER;
static unsigned int counter;

static void *count(void *arg)
{
	unsigned int me = (unsigned int)(uintptr_t)arg;

	for (unsigned int i = 0; i < 2000; i++) {
		pthread_mutex_lock(&lock);
		while (counter % 4 != me)
			pthread_cond_wait(&turn, &lock);
		counter++;
		pthread_cond_broadcast(&turn);
		pthread_mutex_unlock(&lock);
	}
	return NULL;
}

static bool check_threads(void)
{
	pthread_t t[4];

	counter = 0;
	for (uintptr_t i = 0; i < 4; i++)
		if (pthread_create(&t[i], NULL, count, (void *)i))
			return failed("no thread");
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	return counter == 8000 ? true : failed("counted to %u, not 8000", counter);
}

static volatile sig_atomic_t ticks;

static void on_tick(int sig)
{
	(void)sig;
	ticks++;
}

/* All registers, the flags and the red zone survive interrupts, signals and page faults. */
static bool check_registers(void)
{
	struct itimerval it = { { 0, 1000 }, { 0, 1000 } };
	struct sigaction sa = { .sa_handler = on_tick, .sa_flags = SA_RESTART };
	uint64_t began = now_ns(), end = began + 2000000000u;
	uint64_t bad = 0;

	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &it, NULL);
	/* A busy host gives few ticks in 2 s: then it takes longer */
	while (!bad && (now_ns() < end || (ticks <= 100 && now_ns() < began + 60000000000u)))
		__asm__ volatile(
			"pushq %%rbp; pushq %%rbx\n\t"
			"movq $0x1111, %%rax; movq $0x2222, %%rbx; movq $0x3333, %%rcx; movq $0x4444, %%rdx\n\t"
			"movq $0x5555, %%rsi; movq $0x6666, %%rdi; movq $0x7777, %%rbp; movq $0x8888, %%r8\n\t"
			"movq $0x9999, %%r9; movq $0xaaaa, %%r10; movq $0xbbbb, %%r11; movq $0xcccc, %%r12\n\t"
			"movq $0xdddd, %%r13; movq $0xeeee, %%r14; movq $20000, %%r15\n\t"
			"movq $0x1234567, -8(%%rsp)\n\t"
			"1: decq %%r15; jnz 1b\n\t"
			"cmpq $0x1234567, -8(%%rsp); jne 2f; cmpq $0x1111, %%rax; jne 2f; cmpq $0x2222, %%rbx; jne 2f\n\t"
			"cmpq $0x3333, %%rcx; jne 2f; cmpq $0x4444, %%rdx; jne 2f; cmpq $0x5555, %%rsi; jne 2f\n\t"
			"cmpq $0x6666, %%rdi; jne 2f; cmpq $0x7777, %%rbp; jne 2f; cmpq $0x8888, %%r8; jne 2f\n\t"
			"cmpq $0x9999, %%r9; jne 2f; cmpq $0xaaaa, %%r10; jne 2f; cmpq $0xbbbb, %%r11; jne 2f\n\t"
			"cmpq $0xcccc, %%r12; jne 2f; cmpq $0xdddd, %%r13; jne 2f; cmpq $0xeeee, %%r14; jne 2f\n\t"
			"popq %%rbx; popq %%rbp; movq $0, %%rax; jmp 3f\n\t"
			"2: popq %%rbx; popq %%rbp; movq $1, %%rax\n\t"
			"3:"
			: "=a"(bad)
			:: "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory", "cc");
	it = (struct itimerval){ { 0, 0 }, { 0, 0 } };
	setitimer(ITIMER_REAL, &it, NULL);
	if (bad)
		return failed("a register changed after %d ticks", (int)ticks);
	return ticks > 100 ? true : failed("only %d ticks of the timer in 60 s", (int)ticks);
}

static bool avx_spin(uint64_t pattern, uint64_t until)
{
	uint64_t in[4] = { pattern, ~pattern, pattern * 3, pattern * 5 }, out[4];

	while (now_ns() < until) {
		__asm__ volatile("vmovdqu %1, %%ymm7; vmovdqu %1, %%ymm15; movl $20000, %%ecx; 1: decl %%ecx; jnz 1b;"
				 "vpand %%ymm7, %%ymm15, %%ymm7; vmovdqu %%ymm7, %0"
				 : "=m"(out) : "m"(in) : "ecx", "xmm7", "xmm15");
		if (memcmp(in, out, sizeof(in)))
			return false;
	}
	return true;
}

static bool check_avx(void)
{
	uint64_t until = now_ns() + 2000000000u;
	bool fine;
	pid_t pid[3];

	if (!__builtin_cpu_supports("avx2"))
		return true;	/* nothing to lose */
	for (unsigned int i = 0; i < 3; i++) {
		pid[i] = fork();
		if (!pid[i])
			_exit(avx_spin(0x123456789abcdef * (i + 2), until) ? 0 : 1);
	}
	fine = avx_spin(0xfedcba987654321, until);
	for (unsigned int i = 0; i < 3; i++)
		fine &= status_of(pid[i]) == 0;
	return fine ? true : failed("a vector register changed");
}

static int __attribute__((noinline)) stepped(int n)
{
	volatile int sum = 0;

	for (int i = 0; i < n; i++)
		sum += i;
	return sum;
}

static bool check_ptrace(void)
{
	struct user_regs_struct regs;
	unsigned int steps = 0;
	long text;
	int status;
	pid_t pid = fork();

	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		_exit(stepped(10) == 45 ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	/* A breakpoint at the function, and from there single steps. */
	text = ptrace(PTRACE_PEEKTEXT, pid, (void *)stepped, NULL);
	ptrace(PTRACE_POKETEXT, pid, (void *)stepped, (text & ~0xffl) | 0xcc);
	ptrace(PTRACE_CONT, pid, NULL, 0);
	waitpid(pid, &status, 0);
	if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP)
		return failed("status %#x at the breakpoint", status);
	ptrace(PTRACE_GETREGS, pid, NULL, &regs);
	if (regs.rip != (uintptr_t)stepped + 1)
		return failed("the breakpoint stopped at %#llx, not behind %p", (unsigned long long)regs.rip, (void *)stepped);
	ptrace(PTRACE_POKETEXT, pid, (void *)stepped, text);
	regs.rip--;
	ptrace(PTRACE_SETREGS, pid, NULL, &regs);
	while (steps < 50) {
		uint64_t before = regs.rip;

		ptrace(PTRACE_SINGLESTEP, pid, NULL, 0);
		waitpid(pid, &status, 0);
		if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP)
			return failed("status %#x after %u steps", status, steps);
		ptrace(PTRACE_GETREGS, pid, NULL, &regs);
		if (regs.rip == before)
			return failed("step %u went nowhere", steps);
		steps++;
	}
	ptrace(PTRACE_CONT, pid, NULL, 0);
	status = status_of(pid);
	return status ? failed("the traced child ended with %#x", status) : true;
}

/* ---- Time ---- */

static bool check_clock(void)
{
	uint64_t last = now_ns(), start = last, t, took;

	for (int i = 0; i < 1000000; i++) {
		t = now_ns();
		if (t < last)
			return failed("the clock went back by %llu ns", (unsigned long long)(last - t));
		last = t;
	}
	took = (last - start) / 1000000;
	return took < 5000 ? true : failed("a reading takes %llu ns", (unsigned long long)took);
}

/* Never too short. Too long can be a busy machine's fault, but not ten times in a row. */
static bool check_sleep(void)
{
	uint64_t best = UINT64_MAX;

	for (int i = 0; i < 10; i++) {
		struct timespec t = { 0, 50000000 };
		uint64_t start = now_ns(), took;

		nanosleep(&t, NULL);
		took = now_ns() - start;
		if (took < 50000000)
			return failed("50 ms took %llu us", (unsigned long long)took / 1000);
		if (took < best)
			best = took;
	}
	return best < 70000000 ? true : failed("of ten sleeps of 50 ms the shortest took %llu us", (unsigned long long)best / 1000);
}

/* The vDSO's function of this name: what a program calls that does not go by restartable sequences */
static void *vdso_function(const char *name)
{
	const char *base = (const char *)getauxval(AT_SYSINFO_EHDR);
	const Elf64_Ehdr *head = (const void *)base;
	const Elf64_Phdr *ph = (const void *)(base + head->e_phoff);
	const Elf64_Sym *symbols = NULL;
	const char *strings = NULL;
	const uint32_t *hash = NULL;

	for (int i = 0; i < head->e_phnum; i++) {
		if (ph[i].p_type != PT_DYNAMIC)
			continue;
		for (const Elf64_Dyn *d = (const void *)(base + ph[i].p_offset); d->d_tag != DT_NULL; d++) {
			const char *at = base + d->d_un.d_ptr;

			if (d->d_tag == DT_SYMTAB)
				symbols = (const void *)at;
			else if (d->d_tag == DT_STRTAB)
				strings = at;
			else if (d->d_tag == DT_HASH)
				hash = (const void *)at;
		}
	}
	for (uint32_t i = 0; symbols && strings && hash && i < hash[1]; i++)
		if (!strcmp(strings + symbols[i].st_name, name))
			return (char *)(uintptr_t)base + symbols[i].st_value;
	return NULL;
}

/* The CPU's number is the kernel's, and below the number of CPUs, also where the vDSO reads it without asking. */
static bool check_getcpu(void)
{
	long (*getcpu_fast)(unsigned int *, unsigned int *, void *) = (long (*)(unsigned int *, unsigned int *, void *))vdso_function("__vdso_getcpu");
	long cpus = sysconf(_SC_NPROCESSORS_CONF);
	uint64_t end = now_ns() + 1000000000u;

	if (!getcpu_fast)
		return failed("the vDSO has no getcpu");
	while (now_ns() < end) {
		unsigned int fast = ~0u, fast_node = ~0u, slow = ~0u, slow_node = ~0u;

		getcpu_fast(&fast, &fast_node, NULL);
		syscall(SYS_getcpu, &slow, &slow_node, NULL);
		if (fast >= cpus || slow >= cpus)
			return failed("the vDSO says CPU %u, the kernel %u, and there are %ld", fast, slow, cpus);
		if (cpus == 1 && (fast != slow || fast_node != slow_node))
			return failed("the vDSO says CPU %u on node %u, the kernel %u on %u", fast, fast_node, slow, slow_node);
	}
	return true;
}

/* A flag that means nothing to a 64-bit program, and stays set through a system call all the same. */
static bool check_nested_task(void)
{
	uint64_t flags, call = SYS_getpid;

	__asm__ volatile("pushfq; orq $0x4000, (%%rsp); popfq; syscall; pushfq; popq %0; pushfq; andq $~0x4000, (%%rsp); popfq"
			 : "=r"(flags), "+a"(call) :: "rcx", "r11", "memory", "cc");
	return flags & 0x4000 ? true : failed("the flags are %#llx after a system call", (unsigned long long)flags);
}

static volatile sig_atomic_t vsyscall_steps, other_codes;

static void on_step(int sig, siginfo_t *info, void *context)
{
	const ucontext_t *u = context;

	(void)sig;
	if (info->si_code != TRAP_TRACE)
		other_codes++;
	if ((uint64_t)u->uc_mcontext.gregs[REG_RIP] == VSYSCALL_TIME)
		vsyscall_steps++;
}

/* Back from a signal handler to an address of the high half, where the kernel then sees a call of a vsyscall */
static bool check_vsyscall(void)
{
	struct sigaction step = { .sa_sigaction = on_step, .sa_flags = SA_SIGINFO };
	time_t (*volatile vsyscall)(time_t *) = (time_t (*)(time_t *))VSYSCALL_TIME;
	time_t before = time(NULL), got = 0;

	sigaction(SIGTRAP, &step, NULL);
	__asm__ volatile("sub $128, %%rsp; pushfq; orq $0x100, (%%rsp); popfq; call *%2; pushfq; andq $~0x100, (%%rsp); popfq; add $128, %%rsp"
			 : "=a"(got) : "D"(NULL), "r"(vsyscall) : "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "memory", "cc");
	if (vsyscall_steps != 1)
		return failed("%d steps at the vsyscall", (int)vsyscall_steps);
	if (other_codes)
		return failed("%d single steps did not say TRAP_TRACE", (int)other_codes);
	return got >= before ? true : failed("the vsyscall says %lld at %lld", (long long)got, (long long)before);
}

static const struct check checks[] = {
	{ "faults", check_faults }, { "mprotect", check_mprotect }, { "mremap", check_mremap }, { "cow", check_cow },
	{ "forks", check_forks }, { "threads", check_threads }, { "registers", check_registers }, { "avx", check_avx },
	{ "ptrace", check_ptrace }, { "clock", check_clock }, { "sleep", check_sleep }, { "churn", check_churn },
	{ "oom", check_oom }, { "getcpu", check_getcpu }, { "nested-task", check_nested_task },
	{ "vsyscall", check_vsyscall },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	return argc ? run_checks(checks, argv + 1, NULL, NULL) : 1;
}
