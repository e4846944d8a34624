// SPDX-License-Identifier: GPL-2.0
/*
 * What processes on several CPUs rely on, and a hypervisor of this kind can get wrong: a translation that is taken away is gone on all CPUs when
 * the call returns, whoever computes there; the number of the CPU is right wherever it is read; wake-ups and signals arrive; data that goes
 * from CPU to CPU is whole. It runs on any Linux with as many CPUs as it likes; on a bare one it must pass, too.
 *
 *   smp MILLISECONDS [NAMES...]     each check, or those named, for that long; TAP; the status is 1 when one failed
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/linux/guest/checks.h"

#define PAGE 4096ul
#define MAX_CPUS 16

static uint64_t end_ns, rounds;
static unsigned int cpus;
static atomic_bool stop;

static void __attribute__((noreturn)) broken(const char *what)
{
	perror(what);
	exit(2);
}

/* For the time given, and for some rounds even if the host had no time for us meanwhile */
static bool go_on(void)
{
	return (rounds++ < 3 || now_ns() < end_ns) && !why[0];
}

static void *map_pages(size_t pages, int fd)
{
	void *p = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		broken("mmap");
	return p;
}

static void pin(unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		broken("sched_setaffinity");
}

static uint64_t random64(uint64_t *state)
{
	uint64_t x = *state ? *state : 0x9e3779b97f4a7c15u;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	*state = x;
	return x * 0x2545f4914f6cdd1du;
}

static void fill(uint64_t *p, size_t words, uint64_t seed)
{
	for (size_t i = 0; i < words; i++)
		p[i] = random64(&seed);
}

static bool is_filled(const uint64_t *p, size_t words, uint64_t seed)
{
	for (size_t i = 0; i < words; i++)
		if (p[i] != random64(&seed))
			return false;
	return true;
}

/* ---- One writer on each CPU but the first, while the first takes translations away ---- */

static struct {
	pthread_t thread[MAX_CPUS];
	_Atomic(volatile uint64_t *) at;	/* where they write: the caller's page, of which each has a word */
	void (*once)(volatile uint64_t *word, unsigned int cpu);
	struct tries {
		_Atomic uint64_t writes[MAX_CPUS];	/* so many times 64 */
		_Atomic uint64_t faults[MAX_CPUS];
	} *tries;				/* also a child sees how far its parent's threads are */
} writers;
static __thread sigjmp_buf back;
static __thread unsigned int writer_cpu;

static void on_fault(int sig)
{
	atomic_fetch_add(&writers.tries->faults[writer_cpu], 1);
	siglongjmp(back, sig);
}

static uint64_t tries(unsigned int cpu)
{
	return writers.tries->writes[cpu] + writers.tries->faults[cpu];
}

static bool some_refused(void)
{
	for (unsigned int cpu = 1; cpu < cpus; cpu++)
		if (!writers.tries->faults[cpu])
			return failed("no write of CPU %u was refused", cpu);
	return true;
}

static void count_up(volatile uint64_t *word, unsigned int cpu)
{
	(void)cpu;
	for (unsigned int i = 0; i < 64; i++)
		(*word)++;
}

static void *writer(void *argument)
{
	unsigned int cpu = (unsigned int)(uintptr_t)argument;

	pin(cpu);
	writer_cpu = cpu;
	while (!stop) {
		if (sigsetjmp(back, 1))
			continue;
		writers.once(writers.at + cpu * 8, cpu);
		atomic_fetch_add(&writers.tries->writes[cpu], 1);
	}
	return NULL;
}

static void start_writers(volatile uint64_t *at, void (*once)(volatile uint64_t *word, unsigned int cpu))
{
	struct sigaction sa = { .sa_handler = on_fault };

	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
	pin(0);
	writers.at = at;
	writers.once = once;
	writers.tries = mmap(NULL, sizeof(struct tries), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (writers.tries == MAP_FAILED)
		broken("mmap");
	for (uintptr_t cpu = 1; cpu < cpus; cpu++)
		if (pthread_create(&writers.thread[cpu], NULL, writer, (void *)cpu))
			broken("pthread_create");
}

/* Until each has tried twice to write since, however long the host leaves a CPU without time */
static void let_them_try(void)
{
	uint64_t was[MAX_CPUS], late = now_ns() + 30000000000u;

	for (unsigned int cpu = 1; cpu < cpus; cpu++)
		was[cpu] = tries(cpu);
	for (unsigned int cpu = 1; cpu < cpus; cpu++)
		while (tries(cpu) < was[cpu] + 2) {
			__builtin_ia32_pause();
			if (now_ns() > late) {
				failed("the thread on CPU %u has done nothing for 30 s", cpu);
				return;
			}
		}
}

static bool stop_writers(void)
{
	stop = true;
	for (unsigned int cpu = 1; cpu < cpus; cpu++)
		pthread_join(writers.thread[cpu], NULL);
	return !why[0];
}

/* The page of @alias is @page, seen by a mapping that stays: nothing may change there while they try */
static bool quiet(const volatile uint64_t *alias, const char *after)
{
	uint64_t was[MAX_CPUS];

	for (unsigned int cpu = 1; cpu < cpus; cpu++)
		was[cpu] = alias[cpu * 8];
	let_them_try();
	for (unsigned int cpu = 1; cpu < cpus; cpu++)
		if (alias[cpu * 8] != was[cpu])
			return failed("CPU %u has written after %s", cpu, after);
	return true;
}

static int memory_file(size_t pages)
{
	int fd = memfd_create("pages", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, (off_t)(pages * PAGE)))
		broken("memfd");
	return fd;
}

static bool check_mprotect(void)
{
	int fd = memory_file(1);
	volatile uint64_t *page = map_pages(1, fd), *alias = map_pages(1, fd);

	for (start_writers(page, count_up); go_on(); let_them_try()) {
		mprotect((void *)page, PAGE, PROT_READ);
		quiet(alias, "mprotect() to read-only");
		mprotect((void *)page, PAGE, PROT_READ | PROT_WRITE);
	}
	return stop_writers() && some_refused();
}

static bool check_munmap(void)
{
	int fd = memory_file(1);
	volatile uint64_t *page = map_pages(1, fd), *alias = map_pages(1, fd);

	for (start_writers(page, count_up); go_on(); let_them_try()) {
		munmap((void *)page, PAGE);
		quiet(alias, "munmap()");
		if (mmap((void *)page, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) != page)
			broken("mmap");
	}
	return stop_writers() && some_refused();
}

/* Pages and tables of 2 MiB go to another address, and back */
static bool check_mremap(void)
{
	size_t size = 4ul << 20;
	char *room = mmap(NULL, 4 * size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	char *from = (char *)(((uintptr_t)room + size - 1) & -size), *to = from + size;
	volatile uint64_t *word;

	if (room == MAP_FAILED || mmap(from, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != from)
		broken("mmap");
	madvise(from, size, MADV_NOHUGEPAGE);
	word = (volatile uint64_t *)(from + 5 * PAGE);
	fill((uint64_t *)(from + size / 2), 512, 7);
	for (start_writers(word, count_up); go_on(); let_them_try()) {
		if (mremap(from, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, to) != to)
			broken("mremap");
		quiet((volatile uint64_t *)(to + 5 * PAGE), "mremap()");
		if (!is_filled((uint64_t *)(to + size / 2), 512, 7))
			failed("what was moved is not what was there");
		if (mremap(to, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, from) != from)
			broken("mremap");
	}
	return stop_writers() && some_refused();
}

/* Frames that madvise() has freed are another's at once: theirs must not change by late writes */
static bool check_madvise(void)
{
	volatile uint64_t *page = map_pages(1, -1);
	uint64_t *other;
	uint64_t n = 1;

	for (start_writers(page, count_up); go_on(); let_them_try()) {
		madvise((void *)page, PAGE, MADV_DONTNEED);
		other = map_pages(16, -1);
		fill(other, 16 * 512, ++n);
		let_them_try();
		if (!is_filled(other, 16 * 512, n))
			failed("a page that was freed by madvise() is written to by its last owner");
		munmap(other, 16 * PAGE);
	}
	return stop_writers();
}

/* While others write, a child sees what was there at fork(), all its life */
static bool check_fork(void)
{
	volatile uint64_t *page = map_pages(1, -1);

	for (start_writers(page, count_up); go_on(); let_them_try()) {
		int status = -1;
		pid_t pid = fork();

		if (pid < 0)
			broken("fork");
		if (!pid) {
			quiet(page, "fork(), in the child's memory");
			_exit(why[0] ? 3 : 0);
		}
		if (waitpid(pid, &status, 0) != pid || status)
			failed("the memory of a child changed under it (status 0x%x)", status);
	}
	return stop_writers();
}

/* One page by two addresses, one of which comes and goes; and pages that are the same and become one, where the kernel has that */
static void alias_write(volatile uint64_t *word, unsigned int cpu)
{
	uint64_t value = *word;

	atomic_thread_fence(memory_order_seq_cst);
	*word = value + 1;
	if (*word != value + 1)
		failed("CPU %u reads %llu where it has written %llu", cpu, (unsigned long long)*word, (unsigned long long)value + 1);
}

static bool check_alias(void)
{
	FILE *ksm = fopen("/sys/kernel/mm/ksm/run", "w");
	volatile uint64_t *pages = map_pages(64, -1);

	if (ksm) {
		fputs("1\n", ksm);
		fclose(ksm);
		madvise((void *)pages, 64 * PAGE, MADV_MERGEABLE);
	}
	for (start_writers(pages, alias_write); go_on(); ) {
		for (unsigned int i = 1; i < 64; i++)
			memset((char *)pages + i * PAGE, 0x5a, PAGE);
		let_them_try();
		for (unsigned int i = 1; i < 64; i++) {
			volatile uint64_t *word = pages + i * 512;

			*word = i;
			if (*word != i || word[1] != 0x5a5a5a5a5a5a5a5au)
				failed("page %u is not what was written to it", i);
		}
	}
	return stop_writers();
}

/* ---- The number of the CPU, and orders ---- */

static uint32_t rdtscp_cpu(void)
{
	uint32_t a, d, aux;

	__asm__ volatile("rdtscp" : "=a"(a), "=d"(d), "=c"(aux));
	return aux & 4095;
}

static bool has_rdtscp(void)
{
	uint32_t a = 0x80000001, b, c, d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "=c"(c), "=d"(d));
	return d & 1u << 27;
}

static bool check_getcpu(void)
{
	bool rdtscp = has_rdtscp();

	while (go_on()) {
		unsigned int cpu = (unsigned int)(rounds * 7 % cpus), asked = ~0u;
		const struct rseq *area = __rseq_size ? (const struct rseq *)((char *)__builtin_thread_pointer() + __rseq_offset) : NULL;

		pin(cpu);
		syscall(SYS_getcpu, &asked, NULL, NULL);
		if (asked != cpu || sched_getcpu() != (int)cpu)
			return failed("on CPU %u getcpu says %u, sched_getcpu() %d", cpu, asked, sched_getcpu());
		if (area && *(volatile const uint32_t *)&area->cpu_id != cpu)
			return failed("on CPU %u rseq says %u", cpu, area->cpu_id);
		if (rdtscp && rdtscp_cpu() != cpu)
			return failed("on CPU %u RDTSCP says %u", cpu, rdtscp_cpu());
	}
	return true;
}

static struct {
	atomic_int x, y;
	int saw_x, saw_y;
	atomic_uint turn;
} dekker;

/* The fast side: a store and a load that only the other side's membarrier() puts in order */
static void *fast_side(void *unused)
{
	(void)unused;
	pin(cpus - 1);
	for (unsigned int n = 1; !stop; n++) {
		while (dekker.turn < n)
			if (stop)
				return NULL;
		atomic_store_explicit(&dekker.y, 1, memory_order_relaxed);
		atomic_signal_fence(memory_order_seq_cst);
		dekker.saw_x = atomic_load_explicit(&dekker.x, memory_order_relaxed);
		atomic_store(&dekker.turn, ~n);
		while (dekker.turn == ~n)
			if (stop)
				return NULL;
	}
	return NULL;
}

static bool check_membarrier(void)
{
	pthread_t other;
	unsigned int n = 0;

	if (syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0))
		return failed("membarrier(REGISTER_PRIVATE_EXPEDITED): %s", strerror(errno));
	if (pthread_create(&other, NULL, fast_side, NULL))
		broken("pthread_create");
	pin(0);
	while (go_on()) {
		dekker.x = dekker.y = 0;
		dekker.turn = ++n;
		atomic_store_explicit(&dekker.x, 1, memory_order_relaxed);
		if (syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0))
			return failed("membarrier(PRIVATE_EXPEDITED): %s", strerror(errno));
		dekker.saw_y = atomic_load_explicit(&dekker.y, memory_order_relaxed);
		while (dekker.turn != ~n)
			sched_yield();
		if (!dekker.saw_x && !dekker.saw_y)
			failed("neither side saw the other's store, round %u", n);
		dekker.turn = 0;
	}
	stop = true;
	pthread_join(other, NULL);
	return !why[0];
}

/* ---- Sleeping and waking ---- */

static atomic_uint ball;
static unsigned int players;

static void *player(void *argument)
{
	unsigned int me = (unsigned int)(uintptr_t)argument;

	for (;;) {
		unsigned int now = ball;

		if (stop)
			return NULL;
		if (now % players != me) {
			syscall(SYS_futex, &ball, FUTEX_WAIT_PRIVATE, now, NULL, NULL, 0);
			continue;
		}
		ball = now + 1;
		syscall(SYS_futex, &ball, FUTEX_WAKE_PRIVATE, 64, NULL, NULL, 0);
	}
}

/* A ball goes round: no wake-up is lost, or it lies still */
static bool check_futex(void)
{
	pthread_t thread[2 * MAX_CPUS];
	unsigned int was;

	players = 2 * cpus;
	for (uintptr_t i = 0; i < players; i++)
		if (pthread_create(&thread[i], NULL, player, (void *)i))
			broken("pthread_create");
	while (go_on()) {
		was = ball;
		usleep(20000);
		for (unsigned int i = 0; ball == was; i++) {
			usleep(100000);
			if (i == 50)
				return failed("for 5 s nobody took the ball, at %u", was);
		}
	}
	stop = true;
	while (players) {	/* until all have seen it */
		syscall(SYS_futex, &ball, FUTEX_WAKE_PRIVATE, 64, NULL, NULL, 0);
		if (!pthread_tryjoin_np(thread[players - 1], NULL))
			players--;
	}
	rounds = ball;
	return true;
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static uint64_t guarded[2];

static void *locker(void *unused)
{
	uint64_t n = 0;

	(void)unused;
	for (; !stop; n++) {
		pthread_mutex_lock(&mutex);
		if (guarded[0] != guarded[1])
			failed("two were behind one lock");
		guarded[0]++;
		for (unsigned int i = 0; i < 20; i++)
			__builtin_ia32_pause();
		guarded[1]++;
		pthread_mutex_unlock(&mutex);
	}
	return (void *)n;
}

static bool check_mutex(void)
{
	pthread_t thread[2 * MAX_CPUS];
	uint64_t sum = 0;
	void *n;

	for (unsigned int i = 0; i < 2 * cpus; i++)
		if (pthread_create(&thread[i], NULL, locker, NULL))
			broken("pthread_create");
	while (go_on())
		usleep(10000);
	stop = true;
	for (unsigned int i = 0; i < 2 * cpus; i++) {
		pthread_join(thread[i], &n);
		sum += (uint64_t)n;
	}
	rounds = sum;
	return sum == guarded[0] && sum == guarded[1] ? !why[0] : failed("%llu rounds were counted as %llu", (unsigned long long)sum,
									 (unsigned long long)guarded[0]);
}

static atomic_uint signals;

static void on_signal(int sig)
{
	(void)sig;
	atomic_fetch_add(&signals, 1);
}

static void *sleeper(void *argument)
{
	pin((unsigned int)(uintptr_t)argument);
	while (!stop)
		if ((uintptr_t)argument & 1)
			usleep(1000);
	return NULL;
}

/* Each signal to a thread on another CPU, that computes or sleeps, is taken before the next one is sent */
static bool check_signals(void)
{
	struct sigaction sa = { .sa_handler = on_signal };
	pthread_t thread[MAX_CPUS];
	unsigned int sent = 0;

	sigaction(SIGUSR1, &sa, NULL);
	for (uintptr_t i = 0; i < cpus; i++)
		if (pthread_create(&thread[i], NULL, sleeper, (void *)i))
			broken("pthread_create");
	while (go_on()) {
		uint64_t late = now_ns() + 10000000000u;

		pthread_kill(thread[rounds % cpus], SIGUSR1);
		sent++;
		while (signals < sent) {
			sched_yield();
			if (now_ns() > late)
				return failed("a signal to a thread on CPU %u has not come for 10 s", (unsigned int)(rounds % cpus));
		}
	}
	stop = true;
	for (unsigned int i = 0; i < cpus; i++)
		pthread_join(thread[i], NULL);
	return signals == sent || failed("%u signals were sent, %u came", sent, signals);
}

/* ---- Processes ---- */

static char **arguments;

/* Each child becomes this program again, which fills pages and tells their sum by its status */
static bool check_exec(void)
{
	while (go_on()) {
		pid_t pid[2 * MAX_CPUS];
		int status;

		for (unsigned int i = 0; i < 2 * cpus; i++) {
			pid[i] = fork();
			if (pid[i] < 0)
				broken("fork");
			if (!pid[i]) {
				char number[20];

				snprintf(number, sizeof(number), "%u", i + (unsigned int)rounds);
				execl("/proc/self/exe", arguments[0], "child", number, NULL);
				_exit(4);
			}
		}
		for (unsigned int i = 0; i < 2 * cpus; i++)
			if (waitpid(pid[i], &status, 0) != pid[i] || !WIFEXITED(status) ||
			    WEXITSTATUS(status) != (int)((i + (unsigned int)rounds) % 200 + 1))
				failed("child %u ended with status 0x%x", i, status);
	}
	return !why[0];
}

static int child(uint64_t seed)
{
	uint64_t *pages = map_pages(8, -1);

	fill(pages, 8 * 512, seed);
	sched_yield();
	return is_filled(pages, 8 * 512, seed) ? (int)(seed % 200 + 1) : 250;
}

static bool take(int fd, char *to, size_t n)
{
	while (n) {
		ssize_t got = read(fd, to, n);

		if (got <= 0)
			return false;
		to += got;
		n -= (size_t)got;
	}
	return true;
}

static void __attribute__((noreturn)) pass_on(int from, int to, unsigned int cpu)
{
	static char block[16384];

	pin(cpu);
	while (take(from, block, sizeof(block)))
		if (write(to, block, sizeof(block)) != sizeof(block))
			_exit(5);
	_exit(0);
}

/* Blocks go through a process on each CPU and come back as they were */
static bool check_pipes(void)
{
	static char block[16384];
	int first[2], from, next[2];

	if (pipe2(first, O_CLOEXEC))
		broken("pipe");
	from = first[0];
	for (unsigned int cpu = 0; cpu < 2 * cpus; cpu++) {
		if (pipe2(next, O_CLOEXEC))
			broken("pipe");
		switch (fork()) {
		case -1:
			broken("fork");
		case 0:
			close(first[1]);
			close(next[0]);
			pass_on(from, next[1], cpu % cpus);
		}
		close(from);
		close(next[1]);
		from = next[0];
	}
	while (go_on()) {
		fill((uint64_t *)block, sizeof(block) / 8, rounds);
		if (write(first[1], block, sizeof(block)) != sizeof(block) || !take(from, block, sizeof(block)))
			return failed("the ring is broken: %s", strerror(errno));
		if (!is_filled((uint64_t *)block, sizeof(block) / 8, rounds))
			return failed("a block is not what was sent, round %llu", (unsigned long long)rounds);
	}
	close(first[1]);
	while (wait(NULL) > 0)
		;
	return true;
}

static const struct check checks[] = {
	{ "mprotect", check_mprotect }, { "munmap", check_munmap }, { "mremap", check_mremap }, { "madvise", check_madvise },
	{ "fork", check_fork }, { "alias", check_alias }, { "getcpu", check_getcpu }, { "membarrier", check_membarrier },
	{ "futex", check_futex }, { "mutex", check_mutex }, { "signals", check_signals }, { "exec", check_exec }, { "pipes", check_pipes },
	{ NULL, NULL }
};

static uint64_t each_ms;

static void begin(void)
{
	end_ns = now_ns() + each_ms * 1000000;
}

static const char *extent(void)
{
	static char text[60];

	snprintf(text, sizeof(text), ", %u CPUs, %llu times", cpus, (unsigned long long)rounds);
	return text;
}

int main(int argc, char **argv)
{
	arguments = argv;
	if (argc == 3 && !strcmp(argv[1], "child"))
		return child(strtoull(argv[2], NULL, 10));
	each_ms = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
	if (!each_ms)
		return !passed(false, "usage: smp MILLISECONDS [NAMES...]");
	cpus = (unsigned int)sysconf(_SC_NPROCESSORS_ONLN);
	if (cpus < 2 || cpus > MAX_CPUS)
		return !passed(false, "%u CPUs: this is for 2 to %u", cpus, MAX_CPUS);
	return run_checks(checks, argv + 2, begin, extent);
}
