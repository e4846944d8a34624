// SPDX-License-Identifier: GPL-2.0
/*
 * Tests in which the process that holds /dev/lguest is what misbehaves or is mistreated: wrong calls, strangers, SIGKILL at any instant, two
 * guests at once, a CPU that goes away, and memory that must come back.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "lgtest.h"

/* RUN may come back for a signal, or for what the host calls one, at any time. */
static int run_to_end(int fd, struct lguest_run *run)
{
	int result;

	do
		result = ioctl(fd, LGUEST_RUN, run);
	while (!result && run->reason == LGUEST_EXIT_SIGNAL);
	return result;
}

static void refused(struct ctx *c, const char *what, int result, int error)
{
	if (!result)
		fail(c, "%s was not refused", what);
	else if (errno != error)
		fail(c, "%s: %s, not %s", what, strerror(errno), strerror(error));
}

static int open_device(void)
{
	int fd = open("/dev/lguest", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		die("cannot open /dev/lguest: %s", strerror(errno));
	return fd;
}

#define PAGES 16
#define MEM (PAGES * 4096)

static void api_before(struct ctx *c, int fd)
{
	struct lguest_create create = { .flags = 0 };
	struct lguest_memory_region m = { .size = 4096 };
	struct lguest_vcpu v = { .id = 0 };
	struct lguest_run run = { .vcpu = 0 };
	struct lguest_regs regs = { .vcpu = 0 };

	if (ioctl(fd, LGUEST_GET_API_VERSION) != LGUEST_API_VERSION)
		fail(c, "the version is not %d", LGUEST_API_VERSION);
	if (!ioctl(fd, LGUEST_ADD_MEMORY, &m) || !ioctl(fd, LGUEST_CREATE_VCPU, &v) || !ioctl(fd, LGUEST_RUN, &run) ||
	    !ioctl(fd, LGUEST_SET_REGS, &regs) || !ioctl(fd, LGUEST_GET_REGS, &regs))
		fail(c, "a call before CREATE was not refused");
	create.flags = 1;
	refused(c, "CREATE with a flag", ioctl(fd, LGUEST_CREATE, &create), EINVAL);
	create.flags = 0;
	create.reserved[3] = 1;
	refused(c, "CREATE with a reserved field", ioctl(fd, LGUEST_CREATE, &create), EINVAL);
	create.reserved[3] = 0;
	if (ioctl(fd, LGUEST_CREATE, &create))
		fail(c, "CREATE failed: %s", strerror(errno));
	refused(c, "a second CREATE", ioctl(fd, LGUEST_CREATE, &create), EEXIST);
	refused(c, "an ioctl that does not exist", ioctl(fd, _IO(LGUEST_IOC, 200)), ENOTTY);
	refused(c, "CREATE with a bad pointer", ioctl(open_device(), LGUEST_CREATE, 8), EFAULT);
	refused(c, "a second guest in one process", ioctl(open_device(), LGUEST_CREATE, &create), EBUSY);
}

static void api_memory(struct ctx *c, int fd, uint64_t mem)
{
	struct { uint64_t phys, size, user; uint32_t flags; int error; const char *what; } bad[] = {
		{ 8, 4096, mem, 0, EINVAL, "memory at an odd guest address" },
		{ 0, 4097, mem, 0, EINVAL, "memory of an odd size" },
		{ 0, 0, mem, 0, EINVAL, "memory of no size" },
		{ 0, 4096, mem + 1, 0, EINVAL, "memory at an odd user address" },
		{ 1ULL << 46, 4096, mem, 0, EINVAL, "memory above 2^46" },
		{ (1ULL << 46) - 4096, 8192, mem, 0, EINVAL, "memory across 2^46" },
		{ 0xfffffffffffff000, 8192, mem, 0, EINVAL, "memory that wraps around" },
		{ 0, 0xfffffffffffff000, mem, 0, EINVAL, "memory of an absurd size" },
		{ 0, 4096, 0xffff888000000000, 0, EINVAL, "kernel memory" },
		{ 0, 8192, 0xfffffffffff000, 0, EINVAL, "memory across the end of user space" },
		{ 0, 4096, mem, 2, EINVAL, "memory with a flag" },
		{ 0x3000, 4096, mem, 0, EEXIST, "memory that is there" },
		{ 0x1000, 0x3000, mem, 0, EEXIST, "memory that overlaps" },
	};
	struct lguest_memory_region m = { .guest_phys = 0x3000, .size = 0x3000, .user_addr = mem };

	if (ioctl(fd, LGUEST_ADD_MEMORY, &m))
		fail(c, "ADD_MEMORY failed: %s", strerror(errno));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		m = (struct lguest_memory_region){ bad[i].phys, bad[i].size, bad[i].user, bad[i].flags, 0 };
		refused(c, bad[i].what, ioctl(fd, LGUEST_ADD_MEMORY, &m), bad[i].error);
	}
	for (unsigned int i = 1; i < LGUEST_MAX_REGIONS; i++) {
		m = (struct lguest_memory_region){ 0x100000 * i, 4096, mem, 0, 0 };
		if (ioctl(fd, LGUEST_ADD_MEMORY, &m))
			fail(c, "region %u: %s", i, strerror(errno));
	}
	m.guest_phys = 0x80000000;
	refused(c, "one region too many", ioctl(fd, LGUEST_ADD_MEMORY, &m), ENOSPC);
}

static void api_eventfds(struct ctx *c, int fd)
{
	struct lguest_irqfd q = { .fd = eventfd(0, 0), .irq = LGUEST_IRQS };
	struct lguest_ioeventfd e = { .addr = 0x1000, .fd = q.fd };

	refused(c, "IRQFD for a line too high", ioctl(fd, LGUEST_IRQFD, &q), EINVAL);
	q.irq = 3;
	q.flags = 8;
	refused(c, "IRQFD with a flag", ioctl(fd, LGUEST_IRQFD, &q), EINVAL);
	q.flags = LGUEST_DEASSIGN;
	refused(c, "IRQFD DEASSIGN of nothing", ioctl(fd, LGUEST_IRQFD, &q), ENOENT);
	q.flags = 0;
	q.fd = 1000;
	refused(c, "IRQFD of no descriptor", ioctl(fd, LGUEST_IRQFD, &q), EBADF);
	q.fd = fd;
	refused(c, "IRQFD of another kind of descriptor", ioctl(fd, LGUEST_IRQFD, &q), EINVAL);
	refused(c, "INTERRUPT of a line too high", ioctl(fd, LGUEST_INTERRUPT, (unsigned long)LGUEST_IRQS), EINVAL);
	refused(c, "INTERRUPT of a line far too high", ioctl(fd, LGUEST_INTERRUPT, 1UL << 32), EINVAL);
	if (ioctl(fd, LGUEST_IOEVENTFD, &e))
		fail(c, "IOEVENTFD failed: %s", strerror(errno));
	refused(c, "the same IOEVENTFD twice", ioctl(fd, LGUEST_IOEVENTFD, &e), EEXIST);
	e.flags = 16;
	refused(c, "IOEVENTFD with a flag", ioctl(fd, LGUEST_IOEVENTFD, &e), EINVAL);
	for (e.value = 1, e.flags = 0; e.value < 256; e.value++)
		if (ioctl(fd, LGUEST_IOEVENTFD, &e))
			fail(c, "IOEVENTFD %llu: %s", (unsigned long long)e.value, strerror(errno));
	refused(c, "one IOEVENTFD too many", ioctl(fd, LGUEST_IOEVENTFD, &e), ENOSPC);
}

void test_api(struct ctx *c)
{
	int fd = open_device();
	void *mem = mmap(NULL, MEM, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct lguest_vcpu v = { .id = LGUEST_MAX_VCPUS };
	struct lguest_kill kill = { .text = "api test" };
	struct lguest_run run = { .vcpu = 7 };
	struct lguest_regs regs = { .vcpu = 0 };
	struct lguest_stats stats;
	struct rlimit locked = { 1 << 20, 1 << 20 };
	struct lguest_memory_region m = { .guest_phys = 1 << 30, .size = 16 << 20 };

	api_before(c, fd);
	m.user_addr = (uint64_t)mmap(NULL, m.size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	api_memory(c, fd, (uint64_t)mem);
	refused(c, "a vCPU too many", ioctl(fd, LGUEST_CREATE_VCPU, &v), E2BIG);
	v.id = 0;
	v.reserved[1] = 1;
	refused(c, "a vCPU with a reserved field", ioctl(fd, LGUEST_CREATE_VCPU, &v), EINVAL);
	v.reserved[1] = 0;
	if (ioctl(fd, LGUEST_CREATE_VCPU, &v))
		fail(c, "CREATE_VCPU failed: %s", strerror(errno));
	refused(c, "the same vCPU twice", ioctl(fd, LGUEST_CREATE_VCPU, &v), EEXIST);
	refused(c, "RUN of a vCPU that is not there", ioctl(fd, LGUEST_RUN, &run), EINVAL);
	api_eventfds(c, fd);
	if (ioctl(fd, LGUEST_GET_STATS, &stats) || stats.value[LGUEST_STATS_SIZE - 1])
		fail(c, "GET_STATS failed");
	/* A guest of zeros, at rip 0: its page table maps nothing. */
	run.vcpu = 0;
	refused(c, "RUN with no registers set", ioctl(fd, LGUEST_RUN, &run), EINVAL);
	regs.reserved[1] = 1;
	refused(c, "GET_REGS with a reserved field", ioctl(fd, LGUEST_GET_REGS, &regs), EINVAL);
	regs.reserved[1] = 0;
	if (ioctl(fd, LGUEST_SET_REGS, &regs))
		fail(c, "SET_REGS of zeros: %s", strerror(errno));
	run.flags = 1;
	refused(c, "RUN with a flag", ioctl(fd, LGUEST_RUN, &run), EINVAL);
	run.flags = 0;
	run.reserved = 1;
	refused(c, "RUN with a reserved field", ioctl(fd, LGUEST_RUN, &run), EINVAL);
	run.reserved = 0;
	if (run_to_end(fd, &run) || run.reason != LGUEST_EXIT_DEAD || !strlen(run.text))
		fail(c, "a guest with no registers: reason %u", run.reason);
	if (ioctl(fd, LGUEST_KILL, &kill) || run_to_end(fd, &run) || run.reason != LGUEST_EXIT_DEAD || !strcmp(run.text, kill.text))
		fail(c, "the first reason to die is not kept: %s", run.text);
	close(fd);
	/* The memory limit of somebody who is not root. */
	fd = open_device();
	if (setrlimit(RLIMIT_MEMLOCK, &locked) || setresuid(65534, 65534, 65534))
		die("cannot become nobody: %s", strerror(errno));
	if (ioctl(fd, LGUEST_CREATE, &(struct lguest_create){ .flags = 0 }))
		fail(c, "CREATE as nobody: %s", strerror(errno));
	refused(c, "more memory than RLIMIT_MEMLOCK", ioctl(fd, LGUEST_ADD_MEMORY, &m), ENOMEM);
	m.size = 1 << 19;
	if (ioctl(fd, LGUEST_ADD_MEMORY, &m))
		fail(c, "memory below RLIMIT_MEMLOCK: %s", strerror(errno));
}

struct runner {
	int fd;
	_Atomic pid_t tid;
};

static void *run_thread(void *argument)
{
	struct lguest_run run = { .vcpu = 0 };
	struct runner *r = argument;

	r->tid = gettid();
	run_to_end(r->fd, &run);
	return NULL;
}

/*
 * Waits until the vCPU's thread sleeps within RUN. Of a guest that computes nobody can say so: each time the thread is
 * preempted, RUN returns for the C library's restartable sequences, and the vCPU is free until it is called again.
 */
static bool asleep_in_run(const struct runner *r)
{
	struct lguest_stats stats;
	char name[64], line[16];

	for (int i = 0; i < 10000; i++) {
		FILE *f;

		usleep(1000);
		if (!r->tid || ioctl(r->fd, LGUEST_GET_STATS, &stats) || !stats.value[LG_STAT_HALTS])
			continue;
		snprintf(name, sizeof(name), "/proc/self/task/%d/syscall", (int)r->tid);
		f = fopen(name, "re");
		if (!f)
			die("cannot read %s: %s", name, strerror(errno));
		if (!fgets(line, sizeof(line), f))
			line[0] = 0;
		fclose(f);
		if (strtol(line, NULL, 10) == SYS_ioctl)
			return true;
	}
	return false;
}

/* Another process with the descriptor, and another thread while the vCPU is in RUN. */
void test_strangers(struct ctx *c)
{
	struct test halted = { .name = "halted", .image = "spin", .arg = 4 };
	struct lguest_run run = { .vcpu = 0 };
	struct lguest_regs regs = { .vcpu = 0 };
	struct lguest_kill kill = { .text = "enough" };
	struct runner runner = { .tid = 0 };
	pthread_t t;
	int status;
	pid_t pid;

	c->test = &halted;
	make_guest(c);
	runner.fd = c->fd;
	if (pthread_create(&t, NULL, run_thread, &runner))
		die("no thread");
	if (!asleep_in_run(&runner))
		fail(c, "a vCPU that halts does not sleep");
	refused(c, "a second RUN of a vCPU", ioctl(c->fd, LGUEST_RUN, &run), EBUSY);
	refused(c, "GET_REGS of a vCPU that runs", ioctl(c->fd, LGUEST_GET_REGS, &regs), EBUSY);
	refused(c, "SET_REGS of a vCPU that runs", ioctl(c->fd, LGUEST_SET_REGS, &regs), EBUSY);
	pid = fork();
	if (!pid) {
		struct lguest_stats stats;

		if (!ioctl(c->fd, LGUEST_RUN, &run) || errno != EPERM || !ioctl(c->fd, LGUEST_GET_REGS, &regs) || errno != EPERM ||
		    !ioctl(c->fd, LGUEST_KILL, &kill) || errno != EPERM || !ioctl(c->fd, LGUEST_GET_STATS, &stats) || errno != EPERM)
			_exit(1);
		close(c->fd);
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid || status)
		fail(c, "another process that holds the descriptor was not refused with EPERM");
	if (ioctl(c->fd, LGUEST_KILL, &kill))
		fail(c, "KILL failed: %s", strerror(errno));
	pthread_join(t, NULL);
	if (run_to_end(c->fd, &run) || run.reason != LGUEST_EXIT_DEAD || strcmp(run.text, "enough"))
		fail(c, "a killed guest says '%s'", run.text);
}

static uint64_t times(struct ctx *c)
{
	return shortened ? (c->test->arg + 9) / 10 : c->test->arg;
}

void test_sigkill(struct ctx *c)
{
	unsigned int seed = (unsigned int)c->seed;

	for (uint64_t i = 0; i < times(c); i++) {
		int pid = spawn_guest(i & 1 ? "busy" : "fpu", 1000000, i + 1, -1), status;

		usleep((unsigned int)rand_r(&seed) % (i & 2 ? 3000 : 40000));
		kill(pid, SIGKILL);
		if (waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) {
			fail(c, "round %llu: the core ended with status 0x%x before it was killed", (unsigned long long)i, status);
			return;
		}
	}
}

/* Cores of several vCPUs killed at random instants: while they compute, fault, flush each other's entries, halt, or have not been started */
void test_smp_sigkill(struct ctx *c)
{
	static const struct test kinds[] = {
		{ .name = "storm", .image = "smp_storm", .arg = 1000000000, .vcpus = 4, .shadow_pages = 128, .seconds = 60 },
		{ .name = "shoot", .image = "smp_shoot", .arg = 1000000000UL << 8 | 2, .vcpus = 3, .seconds = 60 },
		{ .name = "spin", .image = "smp_end", .vcpus = 4, .seconds = 60 },
		{ .name = "parked", .image = "spin", .arg = 4, .vcpus = 4, .seconds = 60 },
	};
	unsigned int seed = (unsigned int)c->seed;

	for (uint64_t i = 0; i < times(c); i++) {
		const struct test *kind = &kinds[i % 4];
		int pid = spawn_test(kind, i + 1, -1), status;

		usleep((unsigned int)rand_r(&seed) % (i & 4 ? 5000 : 60000));
		kill(pid, SIGKILL);
		if (waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) {
			fail(c, "round %llu (%s): the core ended with status 0x%x before it was killed", (unsigned long long)i, kind->name, status);
			return;
		}
	}
}

static void both_pass(struct ctx *c, int a, int b, const char *where)
{
	int pids[2] = { a, b }, status;

	for (int i = 0; i < 2; i++)
		if (waitpid(pids[i], &status, 0) != pids[i] || status)
			fail(c, "guest %d of two on %s: status 0x%x", i, where, status);
}

void test_pair(struct ctx *c)
{
	both_pass(c, spawn_guest("busy", 1500, 1, 0), spawn_guest("busy", 1500, 2, 0), "one CPU");
	both_pass(c, spawn_guest("fpu", 20, 1, 0), spawn_guest("overlap", 1, 2, 0), "one CPU, with AVX and global entries");
	both_pass(c, spawn_guest("busy", 1500, 1, 0), spawn_guest("busy", 1500, 2, cpus() > 1 ? 1 : 0), "two CPUs");
}

static void set_cpu1(const char *to)
{
	int fd = open("/sys/devices/system/cpu/cpu1/online", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, to, 1) != 1)
		die("cannot write %s to cpu1/online: %s", to, strerror(errno));
	close(fd);
}

void test_unplug(struct ctx *c)
{
	int a = spawn_guest("busy", 5000, 1, -1), b = spawn_guest("busy", 5000, 2, -1);

	for (int i = 0; i < 10; i++) {
		usleep(100000);
		set_cpu1("0");
		usleep(100000);
		set_cpu1("1");
	}
	both_pass(c, a, b, "CPUs that come and go");
}

/* A number of a file of the form "Name:   123 kB" or "name 123" */
static long number(const char *file, const char *name)
{
	char line[200];
	FILE *f = fopen(file, "re");
	long v = -1;

	if (!f)
		die("cannot read %s: %s", file, strerror(errno));
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, name, strlen(name)) && (line[strlen(name)] == ' ' || line[strlen(name)] == ':'))
			v = strtol(line + strlen(name) + 1, NULL, 10);
	fclose(f);
	return v;
}

/* Pages that are free and wait on a CPU's list, some MiB, are not in MemFree. */
static long waiting_pages(void)
{
	FILE *f = fopen("/proc/zoneinfo", "re");
	char line[200];
	long n, sum = 0;

	if (!f)
		die("cannot read /proc/zoneinfo: %s", strerror(errno));
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, " count: %ld", &n) == 1)
			sum += n;
	fclose(f);
	return sum;
}

/*
 * kB that no cache would give back; what a test prints may be in the cache, so that is not memory lost. On the debug host the checkers keep freed
 * objects and notes about each; there whole pages alone are counted here, and what is smaller is kmemleak's to find.
 */
static long memory_used(void)
{
	long checkers = access("/sys/kernel/debug/kmemleak", F_OK) ? 0 : number("/proc/meminfo", "Slab");

	return number("/proc/meminfo", "MemTotal") - number("/proc/meminfo", "MemFree") - number("/proc/meminfo", "Buffers") -
	       number("/proc/meminfo", "Cached") - 4 * waiting_pages() - checkers;
}

static void some_guests(struct ctx *c, uint64_t n)
{
	static const char *const names[] = { "busy", "evict", "roots", "page_fill", "huge" };

	for (uint64_t i = 0; i < n; i++) {
		int status, pid = spawn_guest(names[i % 5], i % 5 == 2 ? 100 : 30, i + 1, -1);

		if (waitpid(pid, &status, 0) != pid || status)
			fail(c, "guest %s: status 0x%x", names[i % 5], status);
	}
}

#define MAX_LOST 300 /* kB; a page for each of 100 guests would be 400 */

/* n guests come and go: the host has the memory that it had, and no page is pinned for ever. */
void test_memory_back(struct ctx *c)
{
	long before, after = 0, pins;

	some_guests(c, 5);	/* what is made once, and kept */
	usleep(500000);
	before = memory_used();
	some_guests(c, times(c));
	/* What RCU and work queues still hold comes back in its own time, a busy machine's more than that. */
	for (int i = 0; i < 100 && (!i || after - before > MAX_LOST); i++) {
		usleep(100000);
		after = memory_used();
	}
	number("/proc/sys/vm/stat_refresh", "");	/* adds up what each CPU counted on its own */
	pins = number("/proc/vmstat", "nr_foll_pin_acquired") - number("/proc/vmstat", "nr_foll_pin_released");
	if (verbose)
		printf("# memory used before %ld kB, after %ld kB; pins %ld\n", before, after, pins);
	if (after - before > MAX_LOST)
		fail(c, "%ld kB are gone after %llu guests", after - before, (unsigned long long)times(c));
	if (pins)
		fail(c, "%ld pages are still pinned", pins);
}

/* Guests that are made and left in every state before they run. */
void test_not_started(struct ctx *c)
{
	for (int i = 0; i < 50; i++) {
		int fd = open_device();
		struct lguest_create create = { .flags = 0 };
		struct lguest_vcpu v = { .id = 0 };
		void *mem = mmap(NULL, MEM, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		struct lguest_memory_region m = { .size = MEM, .user_addr = (uint64_t)mem };

		if ((i % 5 > 0 && ioctl(fd, LGUEST_CREATE, &create)) || (i % 5 > 1 && ioctl(fd, LGUEST_ADD_MEMORY, &m)) ||
		    (i % 5 > 2 && ioctl(fd, LGUEST_CREATE_VCPU, &v)))
			fail(c, "round %d: %s", i, strerror(errno));
		if (i % 5 > 3) {
			struct lguest_run run = { .vcpu = 0 };

			struct lguest_regs regs = { .vcpu = 0 };

			if (ioctl(fd, LGUEST_SET_REGS, &regs) || run_to_end(fd, &run) || run.reason != LGUEST_EXIT_DEAD)
				fail(c, "round %d: reason %u", i, run.reason);
		}
		munmap(mem, MEM);
		close(fd);
	}
}
