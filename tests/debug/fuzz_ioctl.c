// SPDX-License-Identifier: GPL-2.0
/*
 * fuzz-ioctl [--seconds N] [--seed N] [--round N]: every request of /dev/lguest, with good and bad arguments, from several threads at
 * once on a few open files, while other threads map, unmap and move the memory, fork, execute programs, send signals, and let
 * allocations fail (on a host with fault injection). What it looks for is a host that complains or dies.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
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
#include "fuzz.h"

#define FILES		3
#define EVENTS		6
#define MEMORIES	4
#define THREADS		4

static int files[FILES], events[EVENTS];
static struct guest guests[MEMORIES];
static pthread_t threads[THREADS];

/* ---- Requests ---- */

static int a_file(struct chance *c)
{
	return one_in(c, 40) ? (int)below(c, 20) : files[one_in(c, 3) ? below(c, FILES) : 0];
}

static int an_event(struct chance *c)
{
	return one_in(c, 20) ? (int)below(c, 20) - 1 : events[below(c, EVENTS)];
}

static int do_create(struct chance *c, int fd)
{
	struct lguest_create a = { .shadow_pages = one_in(c, 2) ? 0 : one_in(c, 2) ? 128 + (uint32_t)below(c, 256) : (uint32_t)word(c) };

	if (one_in(c, 20))
		a.flags = (uint32_t)word(c);
	return ioctl(fd, LGUEST_CREATE, &a);
}

static int do_memory(struct chance *c, int fd)
{
	struct guest *g = &guests[below(c, MEMORIES)];
	struct lguest_memory_region a = { .guest_phys = below(c, 64) * GUEST_SIZE, .size = GUEST_SIZE, .user_addr = (uint64_t)g->memory };

	if (one_in(c, 3))
		a.guest_phys = 0;
	if (one_in(c, 2))
		a.flags = LGUEST_MEM_RELEASE;
	if (one_in(c, 4))
		a.size = (below(c, 8) + 1) << 12;
	if (one_in(c, 8))
		((uint64_t *)&a)[below(c, 3)] = word(c) & ~0xfffULL;
	if (one_in(c, 16))
		((uint64_t *)&a)[below(c, 4)] = word(c);
	return ioctl(fd, LGUEST_ADD_MEMORY, &a);
}

/* Mostly the first, which runs; the others sleep until the guest starts them */
static uint32_t a_vcpu(struct chance *c)
{
	return one_in(c, 3) ? (uint32_t)below(c, GUEST_VCPUS) : 0;
}

static int do_vcpu(struct chance *c, int fd)
{
	struct lguest_vcpu a = { .id = one_in(c, 8) ? (uint32_t)word(c) : a_vcpu(c) };

	return ioctl(fd, LGUEST_CREATE_VCPU, &a);
}

static int do_run(struct chance *c, int fd)
{
	struct lguest_run a = { .vcpu = one_in(c, 20) ? (uint32_t)word(c) : a_vcpu(c) };
	int err;

	count(&shared->runs);
	err = ioctl(fd, LGUEST_RUN, one_in(c, 40) ? (struct lguest_run *)(void *)word(c) : &a);
	if (!err)
		count(&shared->exits);
	if (err || a.reason != LGUEST_EXIT_DEAD)
		return err;
	count(&shared->deaths);
	/* Another guest needs another process: the rest of a round with a dead one is soon worth little */
	if (one_in(c, 30))
		_exit(0);
	return err;
}

static int do_regs(struct chance *c, int fd)
{
	struct lguest_regs a;

	start_regs(&a);
	a.vcpu = a_vcpu(c);
	if (one_in(c, 3))
		return ioctl(fd, LGUEST_GET_REGS, &a);
	if (one_in(c, 2))
		a.rip = GUEST_BASE + GUEST_BLOCKS + below(c, BLOCKS) * BLOCK_SIZE;
	if (one_in(c, 4))
		((uint64_t *)&a)[below(c, sizeof(a) / 8)] = word(c);
	return ioctl(fd, LGUEST_SET_REGS, &a);
}

static int do_ioeventfd(struct chance *c, int fd)
{
	struct lguest_ioeventfd a = { .addr = below(c, 4), .value = below(c, 4), .fd = an_event(c), .flags = (uint32_t)below(c, 4) };

	if (one_in(c, 20))
		a.flags = (uint32_t)word(c);
	return ioctl(fd, LGUEST_IOEVENTFD, &a);
}

static int do_irqfd(struct chance *c, int fd)
{
	struct lguest_irqfd a = { .fd = an_event(c), .irq = (uint32_t)below(c, 4), .flags = (uint32_t)below(c, 2) };

	if (one_in(c, 20))
		a.irq = (uint32_t)word(c);
	return ioctl(fd, LGUEST_IRQFD, &a);
}

static int do_interrupt(struct chance *c, int fd)
{
	return ioctl(fd, LGUEST_INTERRUPT, one_in(c, 8) ? word(c) : below(c, LGUEST_IRQS));
}

static int do_stats(struct chance *c, int fd)
{
	struct lguest_stats a;

	return ioctl(fd, LGUEST_GET_STATS, one_in(c, 20) ? (struct lguest_stats *)(void *)word(c) : &a);
}

static int do_kill(struct chance *c, int fd)
{
	struct lguest_kill a = { .text = "fuzz" };

	/* Rarely: a dead guest is not worth much */
	if (below(c, 20))
		return 0;
	if (one_in(c, 2))
		memset(a.text, '%', sizeof(a.text));
	return ioctl(fd, LGUEST_KILL, &a);
}

static int do_nonsense(struct chance *c, int fd)
{
	static const unsigned char sizes[] = { 0, 8, 16, 40, 64, 255 };
	unsigned long request = _IOC(below(c, 4), LGUEST_IOC, below(c, 16), sizes[below(c, sizeof(sizes))]);

	return ioctl(fd, one_in(c, 4) ? any(c) : request, one_in(c, 2) ? word(c) : (uint64_t)guests[0].memory);
}

typedef int request_fn(struct chance *c, int fd);
static request_fn *const requests[] = {
	do_create, do_memory, do_vcpu, do_run, do_run, do_run, do_regs, do_regs, do_ioeventfd, do_ioeventfd, do_irqfd, do_irqfd,
	do_interrupt, do_stats, do_kill, do_nonsense,
};

/* The @n-th allocation of this thread from now on fails, where the host can do that */
static void let_fail(unsigned int n)
{
	static __thread int fd = -2;
	char text[16];

	if (fd == -2) {
		snprintf(text, sizeof(text), "%u", n);
		fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	}
	if (fd < 0)
		return;
	snprintf(text, sizeof(text), "%u", n);
	if (pwrite(fd, text, strlen(text), 0) < 0)
		return;
}

static void request(struct chance *c)
{
	unsigned int failing = one_in(c, 6) ? 1 + (unsigned int)below(c, 12) : 0;
	request_fn *fn = requests[below(c, sizeof(requests) / sizeof(*requests))];
	int fd = a_file(c);

	if (failing)
		let_fail(failing);
	fn(c, fd);
	if (failing)
		let_fail(0);
	count(&shared->calls);
}

/* ---- What goes on beside ---- */

static void change_maps(struct chance *c)
{
	struct guest *g = &guests[below(c, MEMORIES)];
	uint8_t *at = g->memory + (below(c, GUEST_SIZE) & ~0xfffULL);
	size_t size = (below(c, 16) + 1) << 12;

	if (at + size > g->memory + GUEST_SIZE)
		return;
	switch (below(c, 6)) {
	case 0: madvise(at, size, MADV_DONTNEED); break;
	case 1: mprotect(at, size, one_in(c, 2) ? PROT_READ : PROT_READ | PROT_WRITE); break;
	case 2: munmap(at, size); break;
	case 3: mmap(at, size, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); break;
	case 4: mmap(at, size, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_SHARED | MAP_ANONYMOUS, -1, 0); break;
	default: madvise(at, size, MADV_REMOVE);
	}
}

/* A child with the same files: not the guest's owner. It asks, touches memory, executes a program, or just ends */
static void fork_one(struct chance *c)
{
	pid_t pid = (pid_t)syscall(SYS_fork);

	if (pid < 0)
		return;
	if (!pid) {
		for (unsigned int n = (unsigned int)below(c, 8); n; n--)
			requests[below(c, sizeof(requests) / sizeof(*requests))](c, a_file(c));
		if (one_in(c, 2))
			execl("/bin/true", "true", NULL);
		_exit(0);
	}
	if (below(c, 4))
		waitpid(pid, NULL, 0);
}

static void change_files(struct chance *c)
{
	unsigned int i = (unsigned int)below(c, FILES), j = (unsigned int)below(c, EVENTS);

	if (one_in(c, 2)) {
		close(events[j]);
		events[j] = eventfd(0, EFD_NONBLOCK | (one_in(c, 4) ? EFD_SEMAPHORE : 0));
		return;
	}
	/* Another guest can be there only when the first is gone */
	close(files[i]);
	files[i] = open("/dev/lguest", O_RDWR | (one_in(c, 2) ? O_CLOEXEC : 0));
}

static void signal_events(struct chance *c)
{
	uint64_t one = one_in(c, 20) ? ~0ULL - 1 : 1;
	int fd = an_event(c);

	if (fd > 2 && write(fd, &one, 8) != 8 && read(fd, &one, 8) != 8)
		return;
}

static void beside(struct chance *c)
{
	switch (below(c, 12)) {
	case 0: case 1: change_maps(c); break;
	case 2: if (one_in(c, 8)) fork_one(c); break;
	case 3: if (one_in(c, 8)) change_files(c); break;
	case 4: case 5: case 6: signal_events(c); break;
	case 7: case 8: pthread_kill(threads[below(c, THREADS)], SIGUSR1); break;
	case 9: guest_change(c, &guests[0]); break;
	default: usleep((unsigned int)below(c, 500));
	}
}

/* ---- A round ---- */

static void on_signal(int number)
{
	(void)number;
}

struct part {
	struct chance chance;
	bool asks;
};

static void *part(void *arg)
{
	struct part *p = arg;

	for (;;) {
		if (p->asks)
			request(&p->chance);
		else
			beside(&p->chance);
	}
	return NULL;
}

/* Most rounds begin with a guest that can run */
static void good_start(struct chance *c)
{
	struct lguest_create create = { 0 };
	struct lguest_memory_region memory = { .size = GUEST_SIZE, .user_addr = (uint64_t)guests[0].memory, .flags = LGUEST_MEM_RELEASE };
	struct lguest_vcpu vcpu = { 0 };
	struct lguest_regs regs;

	guests[0].fd = files[0];
	guests[0].vcpus = guest_vcpus(c);
	guest_fill(c, &guests[0]);
	if (one_in(c, 4))
		return;
	start_regs(&regs);
	if (!ioctl(files[0], LGUEST_CREATE, &create) && !ioctl(files[0], LGUEST_ADD_MEMORY, &memory) &&
	    !ioctl(files[0], LGUEST_CREATE_VCPU, &vcpu))
		ioctl(files[0], LGUEST_SET_REGS, &regs);
	while (++vcpu.id < guests[0].vcpus)
		ioctl(files[0], LGUEST_CREATE_VCPU, &vcpu);
}

static void fuzz_round(struct chance *c)
{
	struct sigaction action = { .sa_handler = on_signal };
	static struct part parts[THREADS];

	sigaction(SIGUSR1, &action, NULL);
	signal(SIGSEGV, SIG_DFL);
	for (unsigned int i = 0; i < FILES; i++)
		files[i] = open("/dev/lguest", O_RDWR | O_CLOEXEC);
	for (unsigned int i = 0; i < EVENTS; i++)
		events[i] = eventfd(0, EFD_NONBLOCK);
	for (unsigned int i = 0; i < MEMORIES; i++) {
		guests[i].memory = guest_memory();
		if (!guests[i].memory)
			return;
	}
	good_start(c);
	for (unsigned int i = 0; i < THREADS; i++)
		threads[i] = pthread_self();
	for (unsigned int i = 0; i < THREADS; i++) {
		parts[i] = (struct part){ .chance = part_of(c, i + 1), .asks = i < THREADS - 1 };
		pthread_create(&threads[i], NULL, part, &parts[i]);
	}
	/* Until this process is killed, or a thread of it faults on memory that another took away */
	for (;;)
		pause();
}

static void set(const char *attribute, const char *value)
{
	int fd = open(attribute, O_WRONLY);

	if (fd >= 0 && write(fd, value, strlen(value)) < 0)
		perror(attribute);
	close(fd);
}

/* GFP_KERNEL allocations fail only when told so; and nobody reads a stack on the console for each */
static void arm_failures(void)
{
	set("/sys/kernel/debug/failslab/ignore-gfp-wait", "N");
	set("/sys/kernel/debug/fail_page_alloc/ignore-gfp-wait", "N");
	set("/sys/kernel/debug/failslab/verbose", "0");
	set("/sys/kernel/debug/fail_page_alloc/verbose", "0");
	set("/sys/kernel/debug/fail_usercopy/verbose", "0");
}

int main(int argc, char **argv)
{
	arm_failures();
	return fuzz_main(argc, argv, "fuzz-ioctl", fuzz_round);
}
