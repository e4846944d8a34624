// SPDX-License-Identifier: GPL-2.0
/*
 * What the host does while a guest runs: raise its interrupts, signal its eventfds, use the vector registers, send signals, fork, play a
 * device. A guest asks by a notify (HOST_* in lib/layout.h). Also the checks that the table names.
 */
#include <asm/ldt.h>
#include <errno.h>
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <sched.h>
#include <immintrin.h>
#include "lgtest.h"

/* ---- Threads ---- */

struct job {
	struct ctx *c;
	unsigned int line;
	unsigned int us;
	int fd;		/* eventfd to signal, or -1: LGUEST_INTERRUPT */
	bool again;
	pthread_t target;	/* of signals */
};

static void thread(void *(*function)(void *), struct job job)
{
	struct job *copy = malloc(sizeof(*copy));
	pthread_t t;

	if (!copy)
		die("out of memory");
	*copy = job;
	if (pthread_create(&t, NULL, function, copy))
		die("no thread");
	pthread_detach(t);
}

static void raise_line(const struct job *job)
{
	uint64_t one = 1;

	if (job->fd >= 0) {
		if (write(job->fd, &one, sizeof(one)) != sizeof(one))
			die("cannot signal an eventfd: %s", strerror(errno));
	} else if (ioctl(job->c->fd, LGUEST_INTERRUPT, (unsigned long)job->line)) {
		die("INTERRUPT %u failed: %s", job->line, strerror(errno));
	}
}

static void *raiser(void *argument)
{
	struct job *job = argument;

	do {
		if (job->us)
			usleep(job->us);
		raise_line(job);
	} while (job->again && !job->c->stop);
	return NULL;
}

static void *signaller(void *argument)
{
	struct job *job = argument;

	while (!job->c->stop) {
		usleep(job->us);
		pthread_kill(job->target, SIGUSR1);
	}
	return NULL;
}

static void on_signal(int number)
{
	(void)number;
}

/* One descriptor that set_thread_area() would take, too */
static void *make_ldt(void *argument)
{
	struct job *job = argument;
	struct user_desc d = { .entry_number = 0, .base_addr = 0, .limit = 0xfffff, .seg_32bit = 1, .limit_in_pages = 1, .useable = 1 };

	usleep(job->us);
	if (syscall(SYS_modify_ldt, 1, &d, sizeof(d)))
		die("modify_ldt failed: %s", strerror(errno));
	return NULL;
}

/* False when there is no such file */
static bool write_file(const char *name, const char *text)
{
	FILE *f = fopen(name, "w");

	if (!f && errno == ENOENT)
		return false;
	if (!f || fputs(text, f) < 0 || fclose(f))
		die("cannot write '%s' to %s: %s", text, name, strerror(errno));
	return true;
}

/* This thread is the one that the host does not freeze */
static void *suspend(void *argument)
{
	struct job *job = argument;

	if (write_file("/sys/power/pm_test", "freezer") && write_file("/sys/module/suspend/parameters/pm_test_delay", "1")) {
		write_file("/sys/power/state", "freeze");
		write_file("/sys/power/pm_test", "none");
	} else {
		job->line++;
	}
	raise_line(job);
	return NULL;
}

static int irqfd(struct ctx *c, unsigned int line)
{
	struct lguest_irqfd i = { .fd = eventfd(0, EFD_CLOEXEC), .irq = line };

	if (i.fd < 0 || ioctl(c->fd, LGUEST_IRQFD, &i))
		die("IRQFD for line %u failed: %s", line, strerror(errno));
	return i.fd;
}

static int ioeventfd(struct ctx *c, uint64_t what, uint64_t value, uint32_t flags)
{
	struct lguest_ioeventfd i = { .addr = NOTIFY_PA + what, .value = value, .flags = flags };

	i.fd = eventfd(0, EFD_CLOEXEC | (what == HOST_PING ? 0 : EFD_NONBLOCK));
	if (i.fd < 0 || ioctl(c->fd, LGUEST_IOEVENTFD, &i))
		die("IOEVENTFD failed: %s", strerror(errno));
	return i.fd;
}

void bind_notifies(struct ctx *c)
{
	c->count_fd = ioeventfd(c, HOST_COUNT, 0, LGUEST_ANY_VALUE);
	c->value_fd = ioeventfd(c, HOST_VALUE, 7, 0);
}

static void unbind(struct ctx *c, uint64_t what)
{
	struct lguest_ioeventfd i = {
		.addr = NOTIFY_PA + what, .fd = what == HOST_COUNT ? c->count_fd : c->value_fd,
		.value = what == HOST_COUNT ? 0 : 7,
		.flags = LGUEST_DEASSIGN | (what == HOST_COUNT ? LGUEST_ANY_VALUE : 0),
	};

	if (ioctl(c->fd, LGUEST_IOEVENTFD, &i))
		fail(c, "IOEVENTFD with DEASSIGN failed: %s", strerror(errno));
	else if (!ioctl(c->fd, LGUEST_IOEVENTFD, &i) || errno != ENOENT)
		fail(c, "a second DEASSIGN of the same binding did not fail with ENOENT");
}

struct ping {
	int from, to;
};

static void *ponger(void *argument)
{
	struct ping *p = argument;
	uint64_t n, one = 1;

	while (read(p->from, &n, sizeof(n)) == sizeof(n)) {
		if (n & 1)
			usleep(1);
		if (write(p->to, &one, sizeof(one)) != sizeof(one))
			break;
	}
	return NULL;
}

void bind_ping(struct ctx *c)
{
	struct ping *p = malloc(sizeof(*p));
	pthread_t t;

	if (!p)
		die("out of memory");
	p->from = ioeventfd(c, HOST_PING, 0, LGUEST_ANY_VALUE);
	p->to = irqfd(c, PING_LINE);
	if (pthread_create(&t, NULL, ponger, p))
		die("no thread");
	pthread_detach(t);
}

/* All vCPUs' threads go from one CPU to the next, each to another, every half millisecond: so PCIDs are given out and used up */
static void *mover(void *argument)
{
	struct job *job = argument;
	cpu_set_t set;

	for (unsigned int n = 0; !job->c->stop; n++) {
		for (unsigned int i = 0; i < job->c->test->vcpus; i++) {
			if (!job->c->vcpu[i])
				continue;
			CPU_ZERO(&set);
			CPU_SET((n + i) % (unsigned int)cpus(), &set);
			pthread_setaffinity_np(job->c->vcpu[i], sizeof(set), &set);
		}
		usleep(500);
	}
	return NULL;
}

void move_vcpus(struct ctx *c)
{
	c->vcpu[0] = pthread_self();
	thread(mover, (struct job){ .c = c });
}

/* ---- A process that uses the vector registers on the guest's CPU ---- */

__attribute__((target("avx"))) static bool avx_round(uint64_t seed)
{
	__m256i a = _mm256_set1_epi64x((long long)seed), b = _mm256_set1_epi64x((long long)~seed);
	uint64_t out[8];

	/* Held in registers over a while, in which the guest may run. */
	for (int i = 0; i < 20000; i++)
		__asm__ volatile("" : "+x"(a), "+x"(b));
	_mm256_storeu_si256((__m256i *)out, a);
	_mm256_storeu_si256((__m256i *)(out + 4), b);
	for (int i = 0; i < 4; i++)
		if (out[i] != seed || out[i + 4] != ~seed)
			return false;
	return true;
}

static bool sse_round(uint64_t seed)
{
	__m128i a = _mm_set1_epi64x((long long)seed);
	uint64_t out[2];

	for (int i = 0; i < 20000; i++)
		__asm__ volatile("" : "+x"(a));
	_mm_storeu_si128((__m128i *)out, a);
	return out[0] == seed && out[1] == seed;
}

/* The core's own registers are not the guest's either. */
static void use_vectors(void)
{
	__asm__ volatile("pcmpeqd %%xmm0, %%xmm0; pcmpeqd %%xmm3, %%xmm3; pcmpeqd %%xmm7, %%xmm7; pcmpeqd %%xmm15, %%xmm15; fninit"
			 : : : "xmm0", "xmm3", "xmm7", "xmm15", "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)");
}

static void start_hog(struct ctx *c)
{
	bool avx = __builtin_cpu_supports("avx");
	pid_t parent = getpid();

	pin((unsigned int)sched_getcpu());
	c->hog = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (c->hog == MAP_FAILED)
		die("no shared page");
	fflush(stdout);
	c->hog_pid = fork();
	if (c->hog_pid < 0)
		die("no process: %s", strerror(errno));
	if (c->hog_pid) {
		while (!((volatile uint64_t *)c->hog)[1])
			sched_yield();
		return;
	}
	end_with(parent);
	for (uint64_t i = 1; !((volatile uint64_t *)c->hog)[0]; i++) {
		if (!(avx ? avx_round(i * 0x0123456789abcdef) : sse_round(i * 0x0123456789abcdef)))
			_exit(1);
		((volatile uint64_t *)c->hog)[1] = i;
	}
	_exit(0);
}

void stop_companions(struct ctx *c)
{
	int status;

	c->stop = true;
	if (!c->hog_pid)
		return;
	((volatile uint64_t *)c->hog)[0] = 1;
	if (waitpid(c->hog_pid, &status, 0) != c->hog_pid || status)
		fail(c, "the host process that uses AVX found its registers changed (status 0x%x)", status);
}

/* ---- What a guest asks for ---- */

static void compare_clock(struct ctx *c, clockid_t id, uint64_t guest, uint64_t unit, uint64_t near)
{
	struct timespec t;
	uint64_t now, off;

	clock_gettime(id, &t);
	now = ((uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec) / unit;
	off = now > guest ? now - guest : guest - now;
	if (off > near)
		fail(c, "the guest's clock %d says %llu, the host's %llu", (int)id, (unsigned long long)guest, (unsigned long long)now);
}

static void get_regs(struct ctx *c, struct lguest_regs *regs)
{
	memset(regs, 0, sizeof(*regs));
	if (ioctl(c->fd, LGUEST_GET_REGS, regs))
		die("GET_REGS failed: %s", strerror(errno));
}

static void refused_regs(struct ctx *c, const struct lguest_regs *good, size_t offset, uint64_t value)
{
	struct lguest_regs bad = *good;

	memcpy((char *)&bad + offset, &value, sizeof(value));
	if (!ioctl(c->fd, LGUEST_SET_REGS, &bad))
		fail(c, "SET_REGS took 0x%llx at offset %zu", (unsigned long long)value, offset);
	else if (errno != EINVAL)
		fail(c, "SET_REGS with 0x%llx at offset %zu: %s, not EINVAL", (unsigned long long)value, offset, strerror(errno));
}

/* The other half of tiny/regs.c */
static void exchange_regs(struct ctx *c)
{
	struct lguest_regs r;

	get_regs(c, &r);
	if (r.rbx != 0x101 || r.rbp != 0x102 || r.r8 != 0x103 || r.r9 != 0x104 || r.r12 != 0x106 || r.r13 != 0x107 || r.r14 != 0x108 ||
	    r.r15 != 0x109 || r.rsi != 0x1234 || r.rdi != NOTIFY_PA + HOST_REGS)
		fail(c, "GET_REGS shows other registers than the guest's");
	if ((r.rflags & 0x401) != 0x401 || r.mode || r.fsbase != 0x1f5ba5e000 || r.gsbase != 0x165ba5e000 || !r.rip || !r.cr3)
		fail(c, "GET_REGS: rflags 0x%llx, mode %u, fsbase 0x%llx, gsbase 0x%llx, cr3 0x%llx", (unsigned long long)r.rflags, r.mode,
		     (unsigned long long)r.fsbase, (unsigned long long)r.gsbase, (unsigned long long)r.cr3);
	refused_regs(c, &r, offsetof(struct lguest_regs, rip), 1ULL << 63);
	refused_regs(c, &r, offsetof(struct lguest_regs, fsbase), 1ULL << 63);
	refused_regs(c, &r, offsetof(struct lguest_regs, gsbase), 0x7fffffffffffffff);
	refused_regs(c, &r, offsetof(struct lguest_regs, kernel_gsbase), 1ULL << 62);
	refused_regs(c, &r, offsetof(struct lguest_regs, vcpu), 1);
	refused_regs(c, &r, offsetof(struct lguest_regs, vcpu), 2ULL << 32);	/* mode */
	refused_regs(c, &r, offsetof(struct lguest_regs, reserved), 1);
	r.rbx = 0x201; r.rbp = 0x202; r.r8 = 0x203; r.r9 = 0x204; r.r12 = 0x206; r.r13 = 0x207; r.r14 = 0x208; r.r15 = 0x209;
	r.rax = 0x210; r.rdx = 0x211; r.rsi = 0x212; r.rdi = 0x213;
	r.rflags = 0x202;
	r.fsbase = 0x2f5ba5e000;
	r.gsbase = 0x265ba5e000;
	if (ioctl(c->fd, LGUEST_SET_REGS, &r))
		fail(c, "SET_REGS failed: %s", strerror(errno));
}

static void fork_once(struct ctx *c)
{
	pid_t pid;
	int status;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		struct lguest_run run = { .vcpu = 0 };

		/* The child has no guest: not the descriptor's, and nothing in its slot 256. */
		if (!ioctl(c->fd, LGUEST_RUN, &run) || errno != EPERM)
			_exit(1);
		for (int i = 0; i < 200; i++)
			c->ram2[i * 4096 + 8] = 1;
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		fail(c, "a forked child of the core: status 0x%x (1: RUN was not refused with EPERM)", status);
}

static void set_breakpoint(uint64_t address)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_BREAKPOINT, .size = sizeof(attr), .bp_type = HW_BREAKPOINT_RW, .bp_addr = address,
		.bp_len = HW_BREAKPOINT_LEN_8, .sample_period = 1,
	};

	if (syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC) < 0)
		die("cannot set a hardware breakpoint at 0x%llx: %s", (unsigned long long)address, strerror(errno));
}

static void shrink(void)
{
	FILE *f = fopen("/proc/sys/vm/drop_caches", "w");

	if (!f || fputs("2\n", f) < 0 || fclose(f))
		die("cannot drop caches: %s", strerror(errno));
}

void shrunk(struct ctx *c, const struct lguest_stats *stats)
{
	if (stats->value[LG_STAT_SHADOW_PAGES] > 200)
		fail(c, "%llu shadow pages are still there", (unsigned long long)stats->value[LG_STAT_SHADOW_PAGES]);
}

/* Four vCPUs have gone to sleep once or twice each; who is woken for nothing goes again and again */
void shrunk_quietly(struct ctx *c, const struct lguest_stats *stats)
{
	shrunk(c, stats);
	if (stats->value[LG_STAT_HALTS] > 100)
		fail(c, "vCPUs that sleep went to sleep %llu times", (unsigned long long)stats->value[LG_STAT_HALTS]);
}

/* ---- The latency probe ---- */

#define PROBE "/sys/module/lgprobe/parameters/"

static unsigned long probe(const char *name, bool reset)
{
	FILE *f = fopen(name, reset ? "w" : "r");
	unsigned long v = 0;

	if (!f || (reset ? fputs("0\n", f) < 0 : fscanf(f, "%lu", &v) != 1) || fclose(f))
		die("cannot use %s: load lgprobe.ko first", name);
	return v;
}

/* From the one notify to the other nothing is printed: a line on a serial console is milliseconds with interrupts off. */
static void measure(struct ctx *c, bool begin)
{
	c->irqs_off = probe(PROBE "irqs_off", begin);
	c->preempt_off = probe(PROBE "preempt_off", begin);
}

static void say_latency(const struct ctx *c, const char *when)
{
	printf("# %s: %s: interrupts off for at most %lu us, not preemptible for at most %lu us\n", c->test->name, when,
	       c->irqs_off / 1000, c->preempt_off / 1000);
}

/*
 * What the guest did is judged. Its end, when all of its tables go, is only said: that is the host's allocator, which takes back up to a
 * whole list of pages (thousands, on a host with one CPU) with interrupts off, from whatever process frees so many.
 */
void measured(struct ctx *c, const struct lguest_stats *stats)
{
	(void)stats;
	say_latency(c, "while it runs");
	if (c->irqs_off > LATENCY_IRQS * 1000)
		fail(c, "interrupts were off for %lu us", c->irqs_off / 1000);
	if (c->preempt_off > LATENCY_PREEMPT * 1000)
		fail(c, "the CPU could not be preempted for %lu us", c->preempt_off / 1000);
	fflush(stdout);
	usleep(100000);	/* until that has been printed */
	measure(c, true);
	close(c->fd);
	measure(c, false);
	say_latency(c, "when it ends");
}

void serve_notify(struct ctx *c, const struct lguest_run *run)
{
	struct job job = { .c = c, .line = run->value & 0xff, .us = (unsigned int)(run->value >> 8), .fd = -1 };
	struct sigaction action = { .sa_handler = on_signal };

	switch (run->addr - NOTIFY_PA) {
	case HOST_RAISE:
		raise_line(&job);
		break;
	case HOST_IRQFD_IN:
		job.fd = irqfd(c, job.line);
		thread(raiser, job);
		break;
	case HOST_RAISE_IN:
		thread(raiser, job);
		break;
	case HOST_SHRINK:
		shrink();
		break;
	case HOST_SUSPEND:
		thread(suspend, job);
		break;
	case HOST_MEASURE:
	case HOST_MEASURED:
		measure(c, run->addr - NOTIFY_PA == HOST_MEASURE);
		break;
	case HOST_PULSE:
		job.again = true;
		thread(raiser, job);
		break;
	case HOST_CLOCK:
		compare_clock(c, CLOCK_MONOTONIC, run->value, 1, 200000000);
		break;
	case HOST_WALL:
		compare_clock(c, CLOCK_REALTIME, run->value, 1000000000, 2);
		break;
	case HOST_HOG:
		start_hog(c);
		break;
	case HOST_REGS:
		exchange_regs(c);
		break;
	case HOST_SIGNALS:
		sigaction(SIGUSR1, &action, NULL);
		job.us = (unsigned int)run->value;
		job.target = pthread_self();
		thread(signaller, job);
		break;
	case HOST_LDT:
		job.us = (unsigned int)run->value;
		thread(make_ldt, job);
		break;
	case HOST_FORK:
		fork_once(c);
		break;
	case HOST_PUNCH:
		munmap(c->ram2, RAM2_SIZE);
		break;
	case HOST_BREAK:
		set_breakpoint(run->value);
		break;
	case HOST_UNBIND:
		unbind(c, run->value);
		break;
	case HOST_OTHER:
		use_vectors();
		break;
	case HOST_VALUE:
	case HOST_COUNT:
		break;
	default:
		if (c->test->ending != ENDS)
			fail(c, "a notify at 0x%llx that nobody asked for", (unsigned long long)run->addr);
	}
}

/* A device of 32-bit registers: MOV EAX, (RDI) and back are all it understands. */
void serve_mmio(struct ctx *c, const struct lguest_run *run)
{
	static uint32_t registers[65536];
	uint32_t *reg = &registers[run->addr / 4 % 65536];
	struct lguest_regs r;
	bool write = run->insn_len >= 2 && run->insn[0] == 0x89;

	if (run->insn_len < 2 || (run->insn[0] != 0x89 && run->insn[0] != 0x8b) || run->insn[1] != 7) {
		fail(c, "MMIO exit at 0x%llx with another instruction than the guest's: %u bytes, %02x %02x",
		     (unsigned long long)run->addr, run->insn_len, run->insn[0], run->insn[1]);
		return;
	}
	if (run->insn_len != ((run->rip & 4095) == 4093 ? 3 : 15))
		fail(c, "MMIO exit at rip 0x%llx gives %u bytes of the instruction", (unsigned long long)run->rip, run->insn_len);
	if (run->write != write)
		fail(c, "MMIO exit says write = %u", run->write);
	memset(&r, 0, sizeof(r));
	r.vcpu = run->vcpu;
	if (ioctl(c->fd, LGUEST_GET_REGS, &r))
		die("GET_REGS failed: %s", strerror(errno));
	if (r.rip != run->rip)
		fail(c, "MMIO exit: rip 0x%llx, but GET_REGS 0x%llx", (unsigned long long)run->rip, (unsigned long long)r.rip);
	if (write)
		*reg = (uint32_t)r.rax;
	else
		r.rax = ~*reg;
	r.rip += 2;
	if (ioctl(c->fd, LGUEST_SET_REGS, &r))
		fail(c, "SET_REGS behind an MMIO exit failed: %s", strerror(errno));
}

/* ---- Checks that the table names ---- */

static uint64_t counted(int fd)
{
	uint64_t n = 0;

	if (read(fd, &n, sizeof(n)) < 0 && errno != EAGAIN)
		die("cannot read an eventfd: %s", strerror(errno));
	return n;
}

static uint64_t argument(struct ctx *c)
{
	return shortened && (c->test->flags & T_LONG) ? (c->test->arg + 49) / 50 : c->test->arg;
}

void counted_queued(struct ctx *c, const struct lguest_stats *stats)
{
	uint64_t n = counted(c->count_fd);

	if (n != argument(c))
		fail(c, "%llu queued notifies arrived, not %llu", (unsigned long long)n, (unsigned long long)argument(c));
	if (stats->value[LG_STAT_ASYNC_HCALLS] != n + 2)
		fail(c, "the statistics count %llu queued hypercalls", (unsigned long long)stats->value[LG_STAT_ASYNC_HCALLS]);
}

void counted_direct(struct ctx *c, const struct lguest_stats *stats)
{
	uint64_t n = counted(c->count_fd), m = counted(c->value_fd);

	(void)stats;
	if (n != argument(c) || m != argument(c))
		fail(c, "%llu and %llu notifies arrived, not %llu", (unsigned long long)n, (unsigned long long)m,
		     (unsigned long long)argument(c));
	if (c->notifies != 7)
		fail(c, "%u notifies were exits, not 7", c->notifies);
}

/*
 * Direct switches are not exits: there are far fewer exits than system calls, but for the host's interrupts, whose number is that of the seconds that the
 * guest ran, and for one return of the guest's behind each interrupt that it got.
 */
void few_exits(struct ctx *c, const struct lguest_stats *stats)
{
	uint64_t slow = stats->value[LG_STAT_SLOW_RETURNS], exits = stats->value[LG_STAT_EXITS] - stats->value[LG_STAT_HOST_IRQS];

	exits -= slow < stats->value[LG_STAT_INTERRUPTS] ? slow : stats->value[LG_STAT_INTERRUPTS];
	if (exits > argument(c) / 10)
		fail(c, "%llu exits for %llu system calls: they do not go directly", (unsigned long long)exits,
		     (unsigned long long)argument(c));
}

void evicted(struct ctx *c, const struct lguest_stats *stats)
{
	if (!stats->value[LG_STAT_EVICTIONS])
		fail(c, "nothing was evicted");
	if (stats->value[LG_STAT_SHADOW_PAGES] > c->test->shadow_pages)
		fail(c, "%llu shadow pages, and %u allowed", (unsigned long long)stats->value[LG_STAT_SHADOW_PAGES], c->test->shadow_pages);
}

void huge_filled(struct ctx *c, const struct lguest_stats *stats)
{
	if (!stats->value[LG_STAT_HUGE_FILLS])
		fail(c, "no entry of 2 MiB was filled");
}

/* Whether the host's kernel says that its processors have a bug */
static bool has_bug(const char *name)
{
	char line[1000];
	bool found = false;
	FILE *f = fopen("/proc/cpuinfo", "re");

	if (!f)
		die("cannot read /proc/cpuinfo: %s", strerror(errno));
	while (fgets(line, sizeof(line), f))
		found |= !strncmp(line, "bugs", 4) && strstr(line, name);
	fclose(f);
	return found;
}

/* Where code in pages of two sizes may stop the processor, none of the guest's is in large ones */
void huge_code_filled(struct ctx *c, const struct lguest_stats *stats)
{
	if (!has_bug(" itlb_multihit"))
		huge_filled(c, stats);
	else if (stats->value[LG_STAT_HUGE_FILLS])
		fail(c, "%llu entries of 2 MiB may be executed", (unsigned long long)stats->value[LG_STAT_HUGE_FILLS]);
}

/* KiB that are accounted to this process */
static unsigned long locked_kib(void)
{
	unsigned long kib = 0;
	char line[200];
	FILE *f = fopen("/proc/self/status", "re");

	if (!f)
		die("cannot read /proc/self/status: %s", strerror(errno));
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "VmLck: %lu", &kib) == 1)
			break;
	fclose(f);
	return kib;
}

/* What is released stays accounted, and a part of a large page does not cost a second one */
void released(struct ctx *c, const struct lguest_stats *stats)
{
	if (locked_kib() != (RAM_SIZE + RAM2_SIZE) / 1024)
		fail(c, "%lu KiB are accounted, and the guest has %lu", locked_kib(), (unsigned long)(RAM_SIZE + RAM2_SIZE) / 1024);
	if (!stats->value[LG_STAT_RELEASED_PAGES])
		fail(c, "no page was released");
	if (stats->value[LG_STAT_PINNED_PAGES] > (RAM_SIZE + RAM2_SIZE) / 4096)
		fail(c, "%llu pages are said to be pinned, more than there are", (unsigned long long)stats->value[LG_STAT_PINNED_PAGES]);
}

void globals_flushed(struct ctx *c, const struct lguest_stats *stats)
{
	if (stats->value[LG_STAT_FLUSH_GLOBALS] != 1)
		fail(c, "the statistic FLUSH_GLOBALS does not say that global entries were flushed");
	if (stats->value[LG_STAT_SPURIOUS])
		fail(c, "%llu page faults for nothing: global entries were not flushed", (unsigned long long)stats->value[LG_STAT_SPURIOUS]);
}

void few_asids(struct ctx *c, const struct lguest_stats *stats)
{
	if (stats->value[LG_STAT_ASIDS] > 20)
		fail(c, "%llu groups of PCIDs were taken", (unsigned long long)stats->value[LG_STAT_ASIDS]);
}

void globals_kept(struct ctx *c, const struct lguest_stats *stats)
{
	if (stats->value[LG_STAT_FLUSH_GLOBALS])
		fail(c, "global entries were flushed, and the guest is nowhere on the host's addresses");
}

void one_mmio(struct ctx *c, const struct lguest_stats *stats)
{
	(void)stats;
	if (c->mmios != 1)
		fail(c, "%u MMIO exits, not 1", c->mmios);
}

/* The other half of tiny/print.c: text n has n bytes 1 + (i + n) % 255. */
bool look_print(struct ctx *c, const struct lguest_run *run)
{
	static unsigned int n;

	if (run->reason != LGUEST_EXIT_PRINT) {
		if (n != 256)
			fail(c, "%u texts were printed, not 256", n);
		return false;
	}
	if (run->length != n || run->text[n])
		fail(c, "text %u has %u bytes", n, run->length);
	for (unsigned int i = 0; i < n; i++)
		if ((unsigned char)run->text[i] != 1 + (i + n) % 255)
			fail(c, "byte %u of text %u is %d", i, n, run->text[i]);
	n++;
	return true;
}

bool look_shutdown(struct ctx *c, const struct lguest_run *run)
{
	struct lguest_run again = { .vcpu = 0 };

	if (run->reason != LGUEST_EXIT_SHUTDOWN)
		return false;
	if (run->code != c->test->arg || run->status != 40 + c->test->arg || run->length != 10 || strcmp(run->text, "last words"))
		fail(c, "code %u, status %u, length %u, text '%s'", run->code, run->status, run->length, run->text);
	if (ioctl(c->fd, LGUEST_RUN, &again) || again.reason != LGUEST_EXIT_SHUTDOWN || again.code != run->code ||
	    again.status != run->status || again.length != run->length || strcmp(again.text, run->text))
		fail(c, "a RUN behind the shutdown gave reason %u and '%s', not the same again", again.reason, again.text);
	return true;
}
