// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of what a guest holds of its process, and for how long: a CREATE that fails while other calls come in, a process that
 * ends or becomes another program while its file is open elsewhere, what counts as locked memory, what may be
 * guest memory at all, and every allocation failing once. Each test runs in a process of its own, which may ruin itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "lgtest.h"

#define KB4 4096UL

static int device(int flags)
{
	int fd = open("/dev/lguest", O_RDWR | flags);

	if (fd < 0)
		die("cannot open /dev/lguest: %s", strerror(errno));
	return fd;
}

static void *shared(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		die("cannot map %zu bytes: %s", size, strerror(errno));
	return p;
}

/* As fork(), with what has been printed printed once */
static pid_t start_child(void)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		die("no process: %s", strerror(errno));
	return pid;
}

/* ---- A CREATE that fails, and calls that come meanwhile ---- */

struct race {
	int fd;
	uint64_t mem;
	volatile bool stop;
	volatile unsigned int let_in;
	unsigned long calls;
};

/* Neither memory nor a vCPU may ever get in: this file has no guest. */
static void *knocker(void *argument)
{
	struct race *r = argument;
	struct lguest_memory_region m = { .guest_phys = 1 << 20, .size = KB4, .user_addr = r->mem };
	struct lguest_vcpu v = { .id = 0 };

	while (!r->stop) {
		r->let_in += !ioctl(r->fd, LGUEST_ADD_MEMORY, &m);
		r->let_in += !ioctl(r->fd, LGUEST_CREATE_VCPU, &v);
		r->calls += 2;
	}
	return NULL;
}

/* One process, two files: the first has the process's guest, so that every CREATE on the second fails. */
void test_create_race(struct ctx *c)
{
	struct race r = { .mem = (uint64_t)shared(KB4) };
	struct lguest_create create = { .flags = 0 };
	struct timespec end, now;
	unsigned long rounds = 0;
	pthread_t t;

	if (ioctl(device(O_CLOEXEC), LGUEST_CREATE, &create))
		die("CREATE failed: %s", strerror(errno));
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += 4;
	do {
		r.fd = device(O_CLOEXEC);
		r.stop = false;
		if (pthread_create(&t, NULL, knocker, &r))
			die("no thread");
		for (int i = 0; i < 500 && !r.let_in; i++)
			if (!ioctl(r.fd, LGUEST_CREATE, &create) || (errno != EBUSY && errno != EIO && errno != EPERM))
				fail(c, "a second guest in one process: CREATE says %s", strerror(errno));
		r.stop = true;
		pthread_join(t, NULL);
		close(r.fd);
		clock_gettime(CLOCK_MONOTONIC, &now);
		rounds++;
	} while (now.tv_sec < end.tv_sec && !r.let_in && !c->why[0]);
	if (r.let_in)
		fail(c, "a request for a guest that was never made got in (round %lu)", rounds);
	if (verbose)
		printf("# create-race: %lu rounds, %lu requests refused\n", rounds, r.calls);
}

/* A CREATE that has failed once fails for ever: a file gets a whole guest or none. */
void test_create_once(struct ctx *c)
{
	struct lguest_create create = { .flags = 0 };
	int first = device(O_CLOEXEC), second = device(O_CLOEXEC);

	if (ioctl(first, LGUEST_CREATE, &create))
		die("CREATE failed: %s", strerror(errno));
	if (!ioctl(second, LGUEST_CREATE, &create) || errno != EBUSY)
		fail(c, "a second guest in one process was not refused with EBUSY");
	close(first);
	if (!ioctl(second, LGUEST_CREATE, &create) || errno != EIO)
		fail(c, "CREATE on a file where it had failed was not refused with EIO");
	close(second);
	second = device(O_CLOEXEC);
	if (ioctl(second, LGUEST_CREATE, &create))
		fail(c, "CREATE on a new file: %s", strerror(errno));
}

/* ---- Pins go with the process ---- */

static long counter(const char *name)
{
	char line[200];
	FILE *f = fopen("/proc/vmstat", "re");
	long v = -1;

	if (!f)
		die("cannot read /proc/vmstat: %s", strerror(errno));
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, name, strlen(name)) && line[strlen(name)] == ' ')
			v = strtol(line + strlen(name), NULL, 10);
	fclose(f);
	return v;
}

static long pins(void)
{
	FILE *f = fopen("/proc/sys/vm/stat_refresh", "re");

	if (f) {	/* adds up what each CPU counted on its own */
		if (getc(f) != EOF)
			die("/proc/sys/vm/stat_refresh has text");
		fclose(f);
	}
	return counter("nr_foll_pin_acquired") - counter("nr_foll_pin_released");
}

static const struct test filler = { .name = "filler", .image = "page_fill", .seconds = 60 };

/* A child that runs a guest on a file that stays open here; then it ends, or becomes another program that lives on. */
static pid_t fill_and(struct ctx *c, int fd, const int hold[2], bool exec)
{
	struct ctx child = { .test = &filler, .seed = 1, .count_fd = -1, .value_fd = -1 };
	pid_t pid;

	pid = start_child();
	if (pid)
		return pid;
	make_guest_on(&child, fd);
	run_guest(&child);
	if (child.why[0] || pins() <= 0)
		_exit(5);
	if (exec) {
		if (dup2(hold[0], STDIN_FILENO) < 0)
			_exit(6);
		execl("/proc/self/exe", "lgtest", "--wait", NULL);
		_exit(7);
	}
	(void)c;
	_exit(0);
}

static void no_pins(struct ctx *c, long before, const char *when)
{
	long now = pins();

	for (int i = 0; i < 100 && now != before; i++, now = pins())
		usleep(20000);
	if (now != before)
		fail(c, "%ld pages are still pinned when %s", now - before, when);
}

void test_gone_exit(struct ctx *c)
{
	long before = pins();
	int fd = device(0), hold[2] = { -1, -1 }, status;
	struct lguest_stats stats;
	pid_t pid = fill_and(c, fd, hold, false);

	if (waitpid(pid, &status, 0) != pid || status)
		fail(c, "the process with the guest: status 0x%x", status);
	no_pins(c, before, "the process of the guest has ended and only its file is open");
	if (!ioctl(fd, LGUEST_GET_STATS, &stats) || errno != EPERM)
		fail(c, "the guest of a process that is gone answers another");
	close(fd);
}

/* Two that spin until the other is there also leave at once */
static void meet(volatile unsigned int *line)
{
	__atomic_fetch_add(line, 1, __ATOMIC_SEQ_CST);
	while (*line < 2)
		;
}

static void on_cpu(unsigned int cpu)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	if (sched_setaffinity(0, sizeof(one), &one))
		die("cannot move to CPU %u: %s", cpu, strerror(errno));
}

/* The last who has the file closes it while the process of the guest goes away: both take apart what the guest holds of it, and one of them may */
void test_gone_close(struct ctx *c)
{
	static const struct test large = { .name = "large", .image = "huge", .flags = T_HUGE, .seconds = 60 };
	volatile unsigned int *line = shared(KB4);
	long before = pins();

	for (unsigned int i = 0; i < 16 && !c->why[0]; i++) {
		int fd = device(0), status;
		pid_t pid;

		*line = 0;
		pid = start_child();
		if (!pid) {
			struct ctx child = { .test = &large, .seed = i + 1, .count_fd = -1, .value_fd = -1 };

			on_cpu(1);
			make_guest_on(&child, fd);
			run_guest(&child);
			if (child.why[0])
				_exit(5);
			close(fd);
			meet(line);
			_exit(0);
		}
		on_cpu(0);
		meet(line);
		usleep(i * 250);
		close(fd);
		if (waitpid(pid, &status, 0) != pid || status)
			fail(c, "the process with the guest: status 0x%x", status);
		no_pins(c, before, "the process and the file have gone at once");
	}
}

void test_gone_exec(struct ctx *c)
{
	long before = pins();
	int fd = device(0), hold[2], status;
	pid_t pid;

	if (pipe(hold))
		die("no pipe: %s", strerror(errno));
	fcntl(hold[1], F_SETFD, FD_CLOEXEC);
	pid = fill_and(c, fd, hold, true);
	/* Only when it is the other program can it have the pipe alone. */
	close(hold[0]);
	for (int i = 0; i < 1000; i++) {
		char name[64], text[64] = "";
		FILE *f;

		snprintf(name, sizeof(name), "/proc/%d/cmdline", (int)pid);
		f = fopen(name, "re");
		if (f) {
			size_t n = fread(text, 1, sizeof(text) - 1, f);

			fclose(f);
			if (n > 7 && !strcmp(text + 7, "--wait"))
				break;
		}
		usleep(10000);
	}
	no_pins(c, before, "its process has become another program");
	close(hold[1]);
	if (waitpid(pid, &status, 0) != pid || status)
		fail(c, "the process with the guest: status 0x%x", status);
	no_pins(c, before, "all is over");
	close(fd);
}

/* ---- All vCPUs are in RUN, and the process lets go of them ---- */

enum way { EXIT_AT_ONCE, CLOSE_AND_EXIT, CLOSE_AND_EXEC, UNMAP_AND_EXIT, LAST_THREAD_GOES, WAYS };

static void *run_first(void *argument)
{
	run_guest(argument);
	return NULL;
}

static void let_go(struct ctx *child, enum way way, int input)
{
	struct lguest_stats stats = { .value = { 0 } };
	uint64_t before;

	/* All are in the guest for some time, then none of them comes out of RUN by itself */
	while (ioctl(child->fd, LGUEST_GET_STATS, &stats) || stats.value[LG_STAT_EXITS] < 1000)
		usleep(1000);
	before = stats.value[LG_STAT_EXITS];
	if (way != EXIT_AT_ONCE)
		close(child->fd);
	else if (ioctl(child->fd, LGUEST_GET_STATS, &stats) || stats.value[LG_STAT_EXITS] < before)
		_exit(5);
	switch (way) {
	case CLOSE_AND_EXEC:
		if (dup2(input, STDIN_FILENO) < 0)
			_exit(6);
		execl("/proc/self/exe", "lgtest", "--wait", NULL);
		_exit(7);
	case UNMAP_AND_EXIT:
		munmap(child->ram, RAM_SIZE);
		munmap(child->ram2, RAM2_SIZE);
		usleep(20000);
		_exit(0);
	case LAST_THREAD_GOES:	/* the threads in RUN are all that is left, and one of them is the last */
		kill(getpid(), SIGTERM);
		pthread_exit(NULL);
	default:
		_exit(0);
	}
}

/* A process whose threads run 4 vCPUs, that never end by themselves, ends in each of the ways in which a process can */
void test_smp_close(struct ctx *c)
{
	static const struct test busy = { .name = "busy", .image = "smp_storm", .arg = 1000000000, .vcpus = 4, .seconds = 60 };
	long before = pins();

	for (unsigned int i = 0; i < 2 * WAYS; i++) {
		enum way way = i % WAYS;
		int hold[2], status;
		pid_t pid;

		if (pipe(hold))
			die("no pipe: %s", strerror(errno));
		fcntl(hold[1], F_SETFD, FD_CLOEXEC);
		pid = start_child();
		if (!pid) {
			struct ctx child = { .test = &busy, .seed = i + 1, .count_fd = -1, .value_fd = -1 };
			pthread_t first;

			make_guest(&child);
			start_vcpus(&child);
			if (pthread_create(&first, NULL, run_first, &child))
				_exit(8);
			let_go(&child, way, hold[0]);
		}
		close(hold[0]);
		close(hold[1]);
		if (waitpid(pid, &status, 0) != pid || (way == LAST_THREAD_GOES ? !WIFSIGNALED(status) || WTERMSIG(status) != SIGTERM : status))
			fail(c, "way %u to end: status 0x%x", way, status);
		no_pins(c, before, "the process has let go of a guest with vCPUs that ran");
	}
}

/* ---- What counts as locked ---- */

static void become_nobody(unsigned long locked)
{
	struct rlimit limit = { locked, locked };

	if (setrlimit(RLIMIT_MEMLOCK, &limit) || setresuid(65534, 65534, 65534))
		die("cannot become nobody: %s", strerror(errno));
}

/* Two processes of one user have one limit. */
void test_user_limit(struct ctx *c)
{
	struct lguest_create create = { .flags = 0 };
	struct lguest_memory_region m = { .size = 768 << 10, .user_addr = (uint64_t)shared(768 << 10) };
	int one = device(O_CLOEXEC), two = device(O_CLOEXEC), three = device(O_CLOEXEC), status;
	pid_t pid;

	become_nobody(1 << 20);
	if (ioctl(one, LGUEST_CREATE, &create) || ioctl(one, LGUEST_ADD_MEMORY, &m))
		fail(c, "memory below the limit: %s", strerror(errno));
	pid = start_child();
	if (!pid)
		_exit(ioctl(two, LGUEST_CREATE, &create) ? 2 : !ioctl(two, LGUEST_ADD_MEMORY, &m) ? 3 : errno == ENOMEM ? 0 : 4);
	if (waitpid(pid, &status, 0) != pid || status)
		fail(c, "a second process of the user: status 0x%x (3 << 8: it got memory over the user's limit)", status);
	close(one);
	if (ioctl(three, LGUEST_CREATE, &create) || ioctl(three, LGUEST_ADD_MEMORY, &m))
		fail(c, "memory of a guest that has gone still counts: %s", strerror(errno));
}

static void *huge_pages(unsigned int pages)
{
	int fd = memfd_create("huge", MFD_CLOEXEC | MFD_HUGETLB);
	FILE *f = fopen("/proc/sys/vm/nr_hugepages", "w");
	void *p;

	if (!f || fprintf(f, "%u\n", pages) < 0 || fclose(f))
		die("cannot reserve large pages: %s", strerror(errno));
	if (fd < 0 || ftruncate(fd, (off_t)pages << 21))
		die("no large pages: %s", strerror(errno));
	p = mmap(NULL, (size_t)pages << 21, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (p == MAP_FAILED)
		die("cannot map large pages: %s", strerror(errno));
	return p;
}

/* A guest (tiny/touch.c) on @fd that touches each of @n pages at TOUCH_PA, one region of @size each, from @step to @step of @mem. */
static void touch(struct ctx *c, int fd, unsigned char *mem, unsigned int n, uint64_t size, uint64_t step, const char *expect)
{
	struct test test = { .name = c->test->name, .image = "touch", .arg = n, .ending = expect ? DIES : PASSES, .text = expect, .seconds = 20 };
	struct ctx guest = { .test = &test, .seed = 1, .count_fd = -1, .value_fd = -1 };

	make_guest_on(&guest, fd);
	for (unsigned int i = 0; i < n; i++) {
		struct lguest_memory_region m = { .guest_phys = TOUCH_PA + i * TOUCH_STEP, .size = size, .user_addr = (uint64_t)mem + i * step };

		if (ioctl(guest.fd, LGUEST_ADD_MEMORY, &m))
			die("ADD_MEMORY: %s", strerror(errno));
	}
	if (c->test->start)
		c->test->start(&guest);
	run_guest(&guest);
	if (guest.why[0])
		fail(c, "%s", guest.why);
	close(fd);
}

/* Small pieces of large pages hold the whole of them, and cost that; a large page that is there whole costs what it is. */
void test_huge_cost(struct ctx *c)
{
	unsigned char *mem = huge_pages(4);
	int status;
	pid_t pid;

	for (int whole = 0; whole < 2; whole++) {
		pid = start_child();
		if (!pid) {
			struct ctx child = { .test = c->test };
			int fd = device(O_CLOEXEC);

			/* The guest's own memory, and one large page and a half beside it, or three exactly. */
			become_nobody(RAM_SIZE + RAM2_SIZE + (whole ? 6UL << 20 : 3UL << 20));
			touch(&child, fd, mem, 3, whole ? 2UL << 20 : KB4, 2UL << 20, whole ? NULL : "cannot be pinned");
			if (child.why[0])
				printf("# huge-cost: %s\n", child.why);
			fflush(stdout);
			_exit(child.why[0] ? 1 : 0);
		}
		if (waitpid(pid, &status, 0) != pid || status)
			fail(c, "%s: status 0x%x", whole ? "whole large pages" : "pieces of three large pages", status);
	}
}

/* ---- What may be guest memory ---- */

static void *file_memory(const char *folder, size_t size)
{
	char name[64];
	void *p;
	int fd;

	if ((mkdir(folder, 0700) && errno != EEXIST) || mount("none", folder, "ramfs", 0, NULL))
		die("cannot mount a file system: %s", strerror(errno));
	snprintf(name, sizeof(name), "%s/file", folder);
	fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, (off_t)size))
		die("cannot make %s: %s", name, strerror(errno));
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		die("cannot map %s: %s", name, strerror(errno));
	close(fd);
	umount2(folder, MNT_DETACH);
	return p;
}

static unsigned char *exchange_from, *exchange_to;
static int exchange_flags;

/* Behind ADD_MEMORY: other memory comes to the same address. */
static void exchange(struct ctx *c)
{
	(void)c;
	if (exchange_from) {
		if (mremap(exchange_from, KB4, KB4, MREMAP_MAYMOVE | MREMAP_FIXED, exchange_to) == MAP_FAILED)
			die("mremap: %s", strerror(errno));
	} else if (mmap(exchange_to, KB4, PROT_READ | PROT_WRITE, exchange_flags, -1, 0) == MAP_FAILED) {
		die("mmap: %s", strerror(errno));
	}
}

static void other_memory(struct ctx *c, const char *what, unsigned char *from, int flags)
{
	struct test test = *c->test;
	struct ctx child = { .test = &test };
	int status;
	pid_t pid;

	pid = start_child();
	if (!pid) {
		test.start = exchange;
		exchange_from = from;
		exchange_flags = flags;
		exchange_to = shared(KB4);
		touch(&child, device(O_CLOEXEC), exchange_to, 1, KB4, KB4, "cannot be pinned");
		if (child.why[0])
			printf("# memory-kinds: %s: %s\n", what, child.why);
		fflush(stdout);
		_exit(child.why[0] ? 1 : 0);
	}
	if (waitpid(pid, &status, 0) != pid || status)
		fail(c, "%s became guest memory behind ADD_MEMORY's back", what);
}

static void no_region(struct ctx *c, int fd, const char *what, void *mem, int error)
{
	struct lguest_memory_region m = { .guest_phys = 1 << 20, .size = KB4, .user_addr = (uint64_t)mem };

	if (!ioctl(fd, LGUEST_ADD_MEMORY, &m))
		fail(c, "%s was taken as guest memory", what);
	else if (errno != error)
		fail(c, "%s: %s, not %s", what, strerror(errno), strerror(error));
}

/* Only memory that is shared, writable and no file's. */
void test_memory_kinds(struct ctx *c)
{
	struct lguest_create create = { .flags = 0 };
	unsigned char *file = file_memory("/owner-files", 2 * KB4), *hole = shared(2 * KB4), *ro = shared(KB4);
	void *private = mmap(NULL, KB4, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct lguest_memory_region m = { .guest_phys = 1 << 20, .size = 2 * KB4, .user_addr = (uint64_t)hole };
	int fd = device(O_CLOEXEC);

	if (ioctl(fd, LGUEST_CREATE, &create))
		die("CREATE failed: %s", strerror(errno));
	mprotect(ro, KB4, PROT_READ);
	munmap(hole + KB4, KB4);
	no_region(c, fd, "a file's memory", file, EOPNOTSUPP);
	no_region(c, fd, "private memory", private, EINVAL);
	no_region(c, fd, "memory that cannot be written", ro, EINVAL);
	no_region(c, fd, "memory that is not there", hole + KB4, EFAULT);
	if (!ioctl(fd, LGUEST_ADD_MEMORY, &m) || errno != EFAULT)
		fail(c, "memory with a hole was not refused with EFAULT");
	close(fd);
	other_memory(c, "a file's memory", file, 0);
	other_memory(c, "private memory", NULL, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED);
}

/* A region larger than the kernel has an array for: refused, and nothing in the log. */
void test_region_size(struct ctx *c)
{
	struct lguest_create create = { .flags = 0 };
	struct lguest_memory_region m = { .size = 2UL << 40 };
	void *mem = mmap(NULL, m.size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	int fd = device(O_CLOEXEC);

	m.user_addr = (uint64_t)mem;
	if (mem == MAP_FAILED)
		die("cannot map 2 TiB: %s", strerror(errno));
	if (ioctl(fd, LGUEST_CREATE, &create))
		die("CREATE failed: %s", strerror(errno));
	if (!ioctl(fd, LGUEST_ADD_MEMORY, &m) || errno != EINVAL)
		fail(c, "a region of 2 TiB was not refused with EINVAL (%s)", strerror(errno));
}

/* 6.12 and 7.3 send SIGBUS to whoever maps a lost page that stays in use; 6.1 does not. Either way it is the page that counts. */
static void *volatile lost_page;

static void lost(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	if ((info->si_code != BUS_MCEERR_AR && info->si_code != BUS_MCEERR_AO) || info->si_addr != lost_page)
		_exit(8);	/* a SIGBUS of another kind */
}

/* The hardware says that a page of the guest's is lost: the guest ends with a sentence, and the host reads it no more. */
static void poison(struct ctx *c, const struct lguest_run *run)
{
	struct sigaction action = { .sa_sigaction = lost, .sa_flags = SA_SIGINFO };

	(void)run;
	lost_page = c->ram2 + c->test->arg * KB4;
	sigaction(SIGBUS, &action, NULL);
	/* EBUSY: marked, and still in use. That is the case that this is about. */
	if (!madvise(lost_page, KB4, MADV_HWPOISON) || errno == EBUSY)
		return;
	if (errno == EINVAL)
		snprintf(c->skip, sizeof(c->skip), "this kernel is built without CONFIG_MEMORY_FAILURE");
	else
		die("madvise(MADV_HWPOISON): %s", strerror(errno));
}

void test_poison(struct ctx *c)
{
	struct test test = { .name = "poison", .image = "poison", .ending = DIES, .text = "cannot be pinned", .seconds = 20, .serve = poison,
			     .arg = c->test->arg, .flags = c->test->flags & T_HUGE };
	struct ctx guest = { .test = &test, .seed = 1, .count_fd = -1, .value_fd = -1 };

	make_guest_on(&guest, device(O_CLOEXEC));
	run_guest(&guest);
	if (guest.skip[0])
		memcpy(c->skip, guest.skip, sizeof(c->skip));
	else if (guest.why[0])
		fail(c, "%s", guest.why);
}

/* ---- A signal is obeyed ---- */

static volatile struct timespec back;
static volatile sig_atomic_t signals;

/* The moment that the thread is out of RUN: SIGKILL would be obeyed at the same place. */
static void came_back(int number)
{
	struct timespec now;

	(void)number;
	clock_gettime(CLOCK_MONOTONIC, &now);
	back = now;
	signals = signals + 1;
}

struct busy {
	struct ctx ctx;
	pthread_t thread;
	volatile bool started, over;
};
static struct busy busy;

static void started(struct ctx *c, const struct lguest_run *run)
{
	(void)c;
	(void)run;
	busy.started = true;
}

static void *run_busy(void *unused)
{
	(void)unused;
	run_guest(&busy.ctx);
	busy.over = true;
	return NULL;
}

/* A guest that does for ever what costs the host most gets 12 signals, one at a time: how long until each is seen? */
void test_signal_time(struct ctx *c)
{
	struct test test = { .name = c->test->name, .image = "worst", .arg = c->test->arg, .ending = ENDS, .serve = started,
		.shadow_pages = c->test->shadow_pages };
	struct sigaction action = { .sa_handler = came_back };
	struct lguest_kill kill = { .text = "enough" };
	long worst = 0;

	busy.ctx = (struct ctx){ .test = &test, .seed = 1, .count_fd = -1, .value_fd = -1 };
	make_guest_on(&busy.ctx, device(O_CLOEXEC));
	sigaction(SIGUSR1, &action, NULL);
	if (pthread_create(&busy.thread, NULL, run_busy, NULL))
		die("no thread");
	while (!busy.started && !busy.over)
		usleep(10000);
	for (int i = 0; i < 12 && !busy.over; i++) {
		struct timespec sent;
		sig_atomic_t before = signals;
		long us;

		usleep(5000 + (unsigned int)i * 1777);
		clock_gettime(CLOCK_MONOTONIC, &sent);
		pthread_kill(busy.thread, SIGUSR1);
		while (signals == before && !busy.over)
			usleep(100);
		us = (back.tv_sec - sent.tv_sec) * 1000000 + (back.tv_nsec - sent.tv_nsec) / 1000;
		worst = us > worst ? us : worst;
	}
	if (busy.over)
		fail(c, "the guest ended: %s", busy.ctx.why);
	printf("# %s: a signal took at most %ld us; interrupts off and preemption are the other tests'\n", c->test->name, worst);
	if (worst > LATENCY_SIGNAL)
		fail(c, "a signal took %ld us", worst);
	if (ioctl(busy.ctx.fd, LGUEST_KILL, &kill))
		die("KILL failed: %s", strerror(errno));
	pthread_join(busy.thread, NULL);
}

/* ---- Every allocation fails once ---- */

#define FAIL_AT "/sys/module/lg/parameters/fail_at"

static void set_fail_at(unsigned int n)
{
	FILE *f = fopen(FAIL_AT, "w");

	if (!f || fprintf(f, "%u\n", n) < 0 || fclose(f))
		die("cannot write " FAIL_AT ": %s; it takes a module built with LG_DEBUG=1", strerror(errno));
}

static unsigned int fail_at(void)
{
	FILE *f = fopen(FAIL_AT, "r");
	unsigned int n = 0;

	if (!f || fscanf(f, "%u", &n) != 1)
		die("cannot read " FAIL_AT);
	fclose(f);
	return n;
}

/* The life of a guest, all requests, going on behind a failure: what comes must be an error or work. */
static void try_life(const char *name, uint64_t arg)
{
	struct lguest_create create = { .shadow_pages = 128 };
	struct lguest_vcpu v = { .id = 0 };
	struct lguest_regs regs = { .vcpu = 0 };
	struct lguest_run run = { .vcpu = 0 };
	struct lguest_stats stats;
	struct lguest_irqfd q = { .fd = eventfd(0, 0), .irq = 3 };
	struct lguest_ioeventfd e = { .addr = 0x1000, .fd = q.fd };
	const struct image *image = find_image(name);
	uint64_t head[4];
	unsigned char *ram = shared(RAM_SIZE);
	struct lguest_memory_region m = { .size = RAM_SIZE, .user_addr = (uint64_t)ram, .flags = LGUEST_MEM_RELEASE };
	int fd = open("/dev/lguest", O_RDWR);

	memcpy(ram + LOAD_PA, image->start, (size_t)(image->end - image->start));
	memcpy(head, image->start, sizeof(head));
	regs.rip = head[1];
	regs.cr3 = head[2];
	regs.rflags = 0x202;
	regs.rdi = arg;
	for (int again = 0; again < 2; again++) {
		ioctl(fd, LGUEST_CREATE, &create);
		ioctl(fd, LGUEST_ADD_MEMORY, &m);
		ioctl(fd, LGUEST_CREATE_VCPU, &v);
		ioctl(fd, LGUEST_IRQFD, &q);
		ioctl(fd, LGUEST_IOEVENTFD, &e);
		ioctl(fd, LGUEST_SET_REGS, &regs);
		for (int i = 0; i < 100; i++)
			if (ioctl(fd, LGUEST_RUN, &run) || run.reason != LGUEST_EXIT_SIGNAL)
				break;
		ioctl(fd, LGUEST_INTERRUPT, 5UL);
		ioctl(fd, LGUEST_GET_REGS, &regs);
		ioctl(fd, LGUEST_GET_STATS, &stats);
	}
	if (fd >= 0)
		close(fd);
}

/* Walks N = 1, 2, ... until no allocation is left to fail. Return: how many there were */
static unsigned int fail_each(struct ctx *c, const char *name, uint64_t arg)
{
	unsigned int n;

	for (n = 1; n < 2000; n++) {
		int status;
		pid_t pid;

		pid = start_child();
		if (!pid) {
			set_fail_at(n);
			try_life(name, arg);
			_exit(fail_at() ? 9 : 0);
		}
		if (waitpid(pid, &status, 0) != pid || (status && status != 9 << 8))
			fail(c, "allocation %u: status 0x%x", n, status);
		if (status)
			break;
	}
	set_fail_at(0);
	if (n < 20 || n == 2000)
		fail(c, "%u allocations: that can't be all, or can't be right", n - 1);
	return n - 1;
}

/* Behind each life nothing may be pinned, mapped or lost. */
void test_fail_at(struct ctx *c)
{
	struct rlimit core = { 0, 0 };
	long before = pins();
	unsigned int n;

	setrlimit(RLIMIT_CORE, &core);
	n = fail_each(c, "touch", 0);
	n += fail_each(c, "release", 6);
	if (verbose)
		printf("# fail-at: each of %u allocations failed once\n", n);
	no_pins(c, before, "every allocation has failed once");
}
