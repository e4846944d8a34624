// SPDX-License-Identifier: GPL-2.0
/*
 * lgtest runs tiny guests on /dev/lguest and says, in TAP, whether each ended as it must. Every guest is inside this
 * one static program, so that the host under test needs nothing but it and lg.ko. Each test runs in a process of
 * its own (one process can have one guest), which this one ends when it outlives its time.
 *
 *	lgtest [--list] [--all | --hostile | NAME...] [--part I/N] [--repeat N] [--short] [--verbose] [--seed N]
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "lgtest.h"

bool verbose, shortened;
static volatile sig_atomic_t timed_out;

struct vcpu_arg {
	struct ctx *c;
	unsigned int id;
};

struct head {
	uint64_t magic, entry, cr3, end;
};

void die(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	fputs("lgtest: ", stderr);
	vfprintf(stderr, format, ap);
	fputc('\n', stderr);
	va_end(ap);
	_exit(2);
}

void fail(struct ctx *c, const char *format, ...)
{
	va_list ap;

	if (c->why[0])
		return;	/* the first reason is the one that helps */
	va_start(ap, format);
	vsnprintf(c->why, sizeof(c->why), format, ap);
	va_end(ap);
}

void pin(unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("cannot move to CPU %u: %s", cpu, strerror(errno));
}

void end_with(int parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(4);
}

int cpus(void)
{
	return (int)sysconf(_SC_NPROCESSORS_ONLN);
}

/* A limit is there to end what hangs: an emulated host that shares its processors with others is many times slower */
static unsigned int time_limit(const struct test *test)
{
	return 4 * (test->seconds ? test->seconds : 10);
}

/* ---- One guest ---- */

/* Large pages for a memfd of @size bytes: the host has none until it is told how many */
static void reserve_huge(size_t size)
{
	FILE *f = fopen("/proc/sys/vm/nr_hugepages", "w");

	if (!f || fprintf(f, "%zu\n", size >> 21) < 0 || fclose(f))
		die("cannot reserve large pages: %s", strerror(errno));
}

static unsigned char *region(struct ctx *c, uint64_t phys, size_t size, unsigned int memfd_flags, bool release)
{
	struct lguest_memory_region r = { .guest_phys = phys, .size = size, .flags = release ? LGUEST_MEM_RELEASE : 0 };
	int fd = memfd_create("guest", MFD_CLOEXEC | memfd_flags);
	void *p;

	if (fd < 0 || ftruncate(fd, (off_t)size))
		die("cannot make guest memory of %zu bytes: %s", size, strerror(errno));
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		die("cannot map guest memory: %s", strerror(errno));
	close(fd);
	r.user_addr = (uint64_t)p;
	if (ioctl(c->fd, LGUEST_ADD_MEMORY, &r))
		die("ADD_MEMORY at 0x%llx failed: %s", (unsigned long long)phys, strerror(errno));
	return p;
}

const struct image *find_image(const char *name)
{
	for (size_t i = 0; i < nimages; i++)
		if (!strcmp(images[i].name, name))
			return &images[i];
	die("no guest named %s is in this program", name);
}

void make_guest(struct ctx *c)
{
	int fd = open("/dev/lguest", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		die("cannot open /dev/lguest: %s", strerror(errno));
	make_guest_on(c, fd);
}

void make_guest_on(struct ctx *c, int fd)
{
	const struct image *image = find_image(c->test->image);
	struct lguest_create create = { .shadow_pages = c->test->shadow_pages };
	struct lguest_vcpu vcpu = { .id = 0 };
	struct lguest_regs regs = { .vcpu = 0 };
	struct head head;
	int version;

	c->fd = fd;
	version = ioctl(c->fd, LGUEST_GET_API_VERSION);
	if (version != LGUEST_API_VERSION)
		die("/dev/lguest speaks version %d of its interface; this program needs %d", version, LGUEST_API_VERSION);
	if (ioctl(c->fd, LGUEST_CREATE, &create))
		die("CREATE failed: %s", strerror(errno));
	if (c->test->flags & T_HUGE)
		reserve_huge(RAM2_SIZE);
	c->ram = region(c, 0, RAM_SIZE, 0, c->test->flags & T_RELEASE_ALL);
	c->ram2 = region(c, RAM2_PA, RAM2_SIZE, c->test->flags & T_HUGE ? MFD_HUGETLB : 0, c->test->flags & (T_RELEASE | T_RELEASE_ALL));
	if ((size_t)(image->end - image->start) > RAM_SIZE - LOAD_PA)
		die("guest %s is too big", image->name);
	memcpy(c->ram + LOAD_PA, image->start, (size_t)(image->end - image->start));
	memcpy(&head, image->start, sizeof(head));
	if (head.magic != HEAD_MAGIC || head.end > RAM_SIZE)
		die("guest %s has a bad head", image->name);
	for (; !vcpu.id || vcpu.id < c->test->vcpus; vcpu.id++)
		if (ioctl(c->fd, LGUEST_CREATE_VCPU, &vcpu))
			die("CREATE_VCPU failed: %s", strerror(errno));
	regs.rip = head.entry;
	regs.cr3 = head.cr3;
	regs.rflags = 0x202;
	regs.rdi = c->test->arg;
	if (shortened && (c->test->flags & T_LONG))
		regs.rdi = (regs.rdi + 49) / 50;
	regs.rsi = c->seed;
	regs.rdx = shortened;
	if (ioctl(c->fd, LGUEST_SET_REGS, &regs))
		die("SET_REGS failed: %s", strerror(errno));
}

static void on_alarm(int number)
{
	(void)number;
	timed_out = 1;
}

static void kill_on_time(struct ctx *c)
{
	struct lguest_kill kill = { .text = TIME_LIMIT };

	if (ioctl(c->fd, LGUEST_KILL, &kill))
		die("KILL failed: %s", strerror(errno));
}

/* The guest said goodbye or was killed: is that how the test has to end? */
static void judge(struct ctx *c, const struct lguest_run *run)
{
	bool dead = run->reason == LGUEST_EXIT_DEAD;
	const char *text = run->text;

	if (verbose)
		printf("# %s: %s: %.*s\n", c->test->name, dead ? "killed" : "shut down", LGUEST_TEXT_SIZE, text);
	if (!dead && !run->status && !strncmp(text, SKIPPED, strlen(SKIPPED))) {
		snprintf(c->skip, sizeof(c->skip), "%.*s", LGUEST_TEXT_SIZE, text + strlen(SKIPPED));
		return;
	}
	if (!dead && (run->status || run->code != LGUEST_SHUTDOWN_POWEROFF)) {
		fail(c, "%.*s", LGUEST_TEXT_SIZE, text);
		return;
	}
	if (c->test->ending == ENDS)
		return;
	if (timed_out && (!c->test->text || strcmp(c->test->text, TIME_LIMIT)))
		fail(c, "the time limit passed");
	else if (dead && c->test->ending == PASSES)
		fail(c, "killed: %.*s", LGUEST_TEXT_SIZE, text);
	else if (!dead && c->test->ending == DIES)
		fail(c, "not killed, but shut down: %.*s", LGUEST_TEXT_SIZE, text);
	else if (dead && !strstr(text, c->test->text))
		fail(c, "killed with another reason than '%s': %.*s", c->test->text, LGUEST_TEXT_SIZE, text);
}

/* What a core does: holes where the guest has released memory. Who asked for more than its memory has was refused before */
static void punch_holes(struct ctx *c, const struct lguest_run *run)
{
	for (unsigned int i = 0; i < run->length; i++) {
		const struct lguest_range *r = &run->range[i];
		bool second = r->gpa >= RAM2_PA;
		uint64_t at = r->gpa - (second ? RAM2_PA : 0), size = second ? RAM2_SIZE : RAM_SIZE;

		if (at > size || r->size > size - at)
			fail(c, "RELEASE of 0x%llx bytes at 0x%llx", (unsigned long long)r->size, (unsigned long long)r->gpa);
		else if (madvise((second ? c->ram2 : c->ram) + at, r->size, MADV_REMOVE))
			fail(c, "no hole can be punched: %s", strerror(errno));
	}
}

/* A vCPU other than the first: what it says is shown, and that the guest has ended the first one's thread sees as well. */
static void *run_vcpu(void *arg)
{
	struct vcpu_arg *a = arg;
	struct lguest_run run = { .vcpu = a->id };

	if (a->c->test->flags & T_APART)
		pin(a->id);
	for (;;) {
		run.flags = run.reserved = 0;
		if (ioctl(a->c->fd, LGUEST_RUN, &run)) {
			fail(a->c, "RUN of vCPU %u failed: %s", a->id, strerror(errno));
			return NULL;
		}
		if (run.reason == LGUEST_EXIT_PRINT && verbose)
			printf("# %s says (vCPU %u): %.*s", a->c->test->name, a->id, (int)run.length, run.text);
		if (run.reason == LGUEST_EXIT_MMIO)
			serve_mmio(a->c, &run);
		if (run.reason == LGUEST_EXIT_RELEASE)
			punch_holes(a->c, &run);
		if (run.reason == LGUEST_EXIT_SHUTDOWN || run.reason == LGUEST_EXIT_DEAD)
			return NULL;
	}
}

/* Their threads, which take no signals: the time limit is for the first */
void start_vcpus(struct ctx *c)
{
	static struct vcpu_arg args[LGUEST_MAX_VCPUS];
	sigset_t all, old;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	for (unsigned int i = 1; i < c->test->vcpus; i++) {
		args[i] = (struct vcpu_arg){ c, i };
		if (pthread_create(&c->vcpu[i], NULL, run_vcpu, &args[i]))
			die("no thread for vCPU %u", i);
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

static void join_vcpus(struct ctx *c)
{
	struct lguest_kill kill = { .text = "lgtest: vCPU 0 is done" };

	/* No more than a formality when the guest has ended */
	if (c->test->vcpus > 1)
		ioctl(c->fd, LGUEST_KILL, &kill);
	for (unsigned int i = 1; i < c->test->vcpus; i++)
		pthread_join(c->vcpu[i], NULL);
}

/* Runs the guest to its end. */
void run_guest(struct ctx *c)
{
	struct lguest_run run = { .vcpu = 0 };

	for (;;) {
		if (ioctl(c->fd, LGUEST_RUN, &run)) {
			if (errno != EPERM || !(c->test->flags & T_REFUSED))
				fail(c, "RUN failed: %s", strerror(errno));
			return;
		}
		if (c->why[0])
			return;
		switch (run.reason) {
		case LGUEST_EXIT_PRINT:
			if (c->test->look && !c->test->look(c, &run))
				return;
			if (verbose)
				printf("# %s says: %.*s", c->test->name, (int)run.length, run.text);
			break;
		case LGUEST_EXIT_SIGNAL:
			if (timed_out)
				kill_on_time(c);
			break;
		case LGUEST_EXIT_SHUTDOWN:
		case LGUEST_EXIT_DEAD:
			if (!c->test->look || !c->test->look(c, &run))
				judge(c, &run);
			return;
		case LGUEST_EXIT_MMIO:
			c->mmios++;
			if (c->test->ending == ENDS)
				return;
			serve_mmio(c, &run);
			break;
		case LGUEST_EXIT_RELEASE:
			punch_holes(c, &run);
			break;
		case LGUEST_EXIT_NOTIFY:
			c->notifies++;
			(c->test->serve ?: serve_notify)(c, &run);
			break;
		default:
			fail(c, "RUN gave the unknown reason %u", run.reason);
			return;
		}
	}
}

/* What the guest did, for whoever has to find out why a test failed. */
static void print_stats(struct ctx *c, const struct lguest_stats *stats)
{
	static const char *const names[LG_STAT_NR] = {
		"exits", "hcalls", "async", "irqs", "nmis", "sw-nmis", "sw-mces", "sw-dbs", "pf", "fills", "around", "huge",
		"spurious", "guest-faults", "lost", "flushes", "root-hits", "root-misses", "asids", "shadow-pages", "evictions",
		"pinned", "events", "interrupts", "slow-returns", "halts", "mmio", "notifies", "flush-globals", "kicks", "split-roots",
		"taken-by-others", "ipis", "released",
	};

	printf("# %s:", c->test->name);
	for (int i = 0; i < LG_STAT_NR; i++)
		if (stats->value[i])
			printf(" %s %llu", names[i], (unsigned long long)stats->value[i]);
	printf("\n");
}

/* ---- One test, in a process of its own ---- */

/* The time limit of the guest; where reaching it is the test, --short makes that soon. */
static void start_clock(const struct test *test)
{
	struct itimerval limit = { .it_value = { .tv_sec = time_limit(test) } };

	if (test->text && !strcmp(test->text, TIME_LIMIT))
		limit.it_value = shortened ? (struct timeval){ .tv_usec = 30000 } : (struct timeval){ .tv_sec = 2 };
	setitimer(ITIMER_REAL, &limit, NULL);
}

static void one_guest(struct ctx *c)
{
	struct sigaction action = { .sa_handler = on_alarm };
	struct lguest_stats stats;

	sigaction(SIGALRM, &action, NULL);
	make_guest(c);
	if (c->test->start)
		c->test->start(c);
	start_clock(c->test);
	start_vcpus(c);
	if (c->test->flags & T_APART)
		pin(0);
	run_guest(c);
	join_vcpus(c);
	setitimer(ITIMER_REAL, &(struct itimerval){ .it_value = { 0, 0 } }, NULL);
	stop_companions(c);
	if (ioctl(c->fd, LGUEST_GET_STATS, &stats))
		die("GET_STATS failed: %s", strerror(errno));
	if (c->test->finish)
		c->test->finish(c, &stats);
	if (verbose || c->why[0])
		print_stats(c, &stats);
}

static void child(const struct test *test, uint64_t seed, int report, int parent)
{
	struct ctx c = { .test = test, .seed = seed, .fd = -1, .count_fd = -1, .value_fd = -1 };

	end_with(parent);
	if (test->special)
		test->special(&c);
	else
		one_guest(&c);
	fflush(stdout);
	if (c.why[0] && write(report, c.why, strlen(c.why)) < 0)
		_exit(3);
	if (!c.why[0] && c.skip[0])
		_exit(write(report, c.skip, strlen(c.skip)) < 0 ? 3 : STATUS_SKIPPED);
	_exit(c.why[0] ? 1 : 0);
}

int spawn_test(const struct test *test, uint64_t seed, int cpu)
{
	struct ctx c = { .test = test, .seed = seed, .count_fd = -1, .value_fd = -1 };
	pid_t pid, parent = getpid();

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		die("no process: %s", strerror(errno));
	if (pid)
		return pid;
	end_with(parent);
	if (cpu >= 0)
		pin((unsigned int)cpu);
	one_guest(&c);
	if (c.why[0])
		printf("# %s: %s\n", test->image, c.why);
	fflush(stdout);
	_exit(c.why[0] ? 1 : 0);
}

int spawn_guest(const char *image, uint64_t arg, uint64_t seed, int cpu)
{
	const struct test test = { .name = image, .image = image, .arg = arg, .seconds = 60 };

	return spawn_test(&test, seed, cpu);
}

/* Runs a test once; true when it passed, or was skipped; the reason of a failure or a skip is in @why. */
static bool run_once(const struct test *test, uint64_t seed, char *why, size_t size)
{
	unsigned int limit = time_limit(test) + 20;
	struct timespec end, now;
	int fds[2], status;
	ssize_t n;
	pid_t pid, parent = getpid();

	if (pipe(fds))
		die("no pipe: %s", strerror(errno));
	fflush(stdout);
	pid = fork();
	if (pid < 0)
		die("no process: %s", strerror(errno));
	if (!pid) {
		close(fds[0]);
		child(test, seed, fds[1], parent);
	}
	close(fds[1]);
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += limit;
	for (;;) {
		pid_t done = waitpid(pid, &status, WNOHANG);

		if (done == pid)
			break;
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec > end.tv_sec) {
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			snprintf(why, size, "its process neither ended nor took the time limit's signal");
			close(fds[0]);
			return false;
		}
		usleep(200);
	}
	n = read(fds[0], why, size - 1);
	close(fds[0]);
	why[n > 0 ? n : 0] = 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == STATUS_SKIPPED)
		return true;
	if (WIFSIGNALED(status))
		snprintf(why, size, "its process died of signal %d", WTERMSIG(status));
	else if (WEXITSTATUS(status) && !why[0])
		snprintf(why, size, "its process ended with status %d", WEXITSTATUS(status));
	return !why[0];
}

static bool run_test(const struct test *test, unsigned int repeat, uint64_t seed, unsigned int number)
{
	char why[800] = "";
	struct timespec began, now;

	if ((test->flags & T_TWO_CPUS) && cpus() < 2) {
		printf("ok %u %s # SKIP needs two CPUs\n", number, test->name);
		return true;
	}
	clock_gettime(CLOCK_MONOTONIC, &began);
	for (unsigned int i = 0; i < repeat; i++, seed++) {
		if (run_once(test, seed, why, sizeof(why))) {
			if (!why[0])
				continue;
			printf("ok %u %s # SKIP %s\n", number, test->name, why);
			return true;
		}
		if (test->flags & T_RANDOM)
			printf("not ok %u %s - %s (time %u, --seed %llu)\n", number, test->name, why, i + 1,
			       (unsigned long long)seed);
		else
			printf("not ok %u %s - %s (time %u)\n", number, test->name, why, i + 1);
		fflush(stdout);
		return false;
	}
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (verbose)
		printf("# %s took %ld ms\n", test->name,
		       (now.tv_sec - began.tv_sec) * 1000 + (now.tv_nsec - began.tv_nsec) / 1000000);
	if (repeat > 1)
		printf("ok %u %s %u times\n", number, test->name, repeat);
	else
		printf("ok %u %s\n", number, test->name);
	fflush(stdout);
	return true;
}

static bool named(const struct test *test, char **names, int n)
{
	for (int i = 0; i < n; i++)
		if (!strcmp(test->name, names[i]))
			return true;
	return false;
}

static int usage(void)
{
	fputs("usage: lgtest [--list] [--all | --hostile | NAME...] [--part I/N] [--repeat N] [--seed N] [--short] [--verbose]\n", stderr);
	return 2;
}

int main(int argc, char **argv)
{
	bool all = false, hostile = false, list = false;
	struct rlimit nolimit = { RLIM_INFINITY, RLIM_INFINITY };
	unsigned int repeat = 1, number = 0, failed = 0, known = 0, part = 1, parts = 1, chosen = 0;
	uint64_t seed = 1;
	int names = 0;

	if (argc == 2 && !strcmp(argv[1], "--wait"))	/* what test_gone_exec() becomes, until its input ends */
		return getchar() == EOF ? 0 : 1;
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--all"))
			all = true;
		else if (!strcmp(argv[i], "--hostile"))
			hostile = true;
		else if (!strcmp(argv[i], "--list"))
			list = true;
		else if (!strcmp(argv[i], "--verbose"))
			verbose = true;
		else if (!strcmp(argv[i], "--short"))
			shortened = true;
		else if (!strcmp(argv[i], "--repeat") && i + 1 < argc)
			repeat = (unsigned int)strtoul(argv[++i], NULL, 0);
		else if (!strcmp(argv[i], "--part") && i + 1 < argc && sscanf(argv[i + 1], "%u/%u", &part, &parts) == 2 && part && part <= parts)
			i++;	/* every N-th of those chosen, for what has to go in pieces */
		else if (!strcmp(argv[i], "--seed") && i + 1 < argc)
			seed = strtoull(argv[++i], NULL, 0);
		else if (argv[i][0] == '-')
			return usage();
		else
			argv[names++] = argv[i];
	}
	if (!list && !all && !hostile && !names)
		return usage();
	setrlimit(RLIMIT_MEMLOCK, &nolimit);
	for (size_t i = 0; i < ntests; i++) {
		const struct test *t = &tests[i];

		known += named(t, argv, names);
		if (list)
			puts(t->name);
		else if (((all && !(t->flags & (T_BENCH | T_DEBUG | T_KVM | T_APART))) || (hostile && (t->flags & T_HOSTILE)) || named(t, argv, names)) &&
			 chosen++ % parts == part - 1)
			failed += !run_test(t, repeat, seed, ++number);
	}
	if (list)
		return 0;
	if (known != (unsigned int)names)
		die("%u of the tests named do not exist: see --list", (unsigned int)names - known);
	printf("1..%u\n", number);
	if (failed)
		printf("# %u of %u failed\n", failed, number);
	return failed ? 1 : 0;
}
