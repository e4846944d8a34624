// SPDX-License-Identifier: GPL-2.0
/*
 * fuzz-guest [--seconds N] [--seed N] [--round N]: guests made of chance, of one vCPU or several, one after the other, while another thread
 * changes their memory under them: code, page tables, ring, lost queue and the shared page. What it looks for is a host that complains or dies.
 */
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "fuzz.h"

struct rounds_work {
	struct guest guest;
	struct chance chance;
	struct runner {
		struct rounds_work *work;
		struct chance chance;
		unsigned int vcpu;
	} runner[GUEST_VCPUS];
};

static void *change(void *arg)
{
	struct rounds_work *w = arg;
	struct chance *c = &w->chance;
	struct lguest_stats stats;

	for (;;) {
		for (unsigned int n = (unsigned int)below(c, 50); n; n--)
			guest_change(c, &w->guest);
		if (one_in(c, 4))
			ioctl(w->guest.fd, LGUEST_INTERRUPT, below(c, LGUEST_IRQS));
		if (one_in(c, 100))
			madvise(w->guest.memory + (below(c, GUEST_SIZE) & ~0xfffULL), 0x1000, MADV_DONTNEED);
		if (one_in(c, 50))
			ioctl(w->guest.fd, LGUEST_GET_STATS, &stats);
		if (one_in(c, 4))
			usleep((unsigned int)below(c, 2000));
	}
	return NULL;
}

static bool make(struct chance *c, struct guest *g)
{
	struct lguest_create create = { .shadow_pages = one_in(c, 4) ? 128 + (uint32_t)below(c, 64) : 0 };
	struct lguest_memory_region region = { .size = GUEST_SIZE, .flags = LGUEST_MEM_RELEASE };
	struct lguest_vcpu vcpu = { .id = 0 };
	struct lguest_regs regs;

	g->vcpus = guest_vcpus(c);
	g->fd = open("/dev/lguest", O_RDWR | O_CLOEXEC);
	g->memory = guest_memory();
	if (g->fd < 0 || !g->memory)
		return false;
	guest_fill(c, g);
	region.user_addr = (uint64_t)g->memory;
	start_regs(&regs);
	if (ioctl(g->fd, LGUEST_CREATE, &create) || ioctl(g->fd, LGUEST_ADD_MEMORY, &region))
		return false;
	for (; vcpu.id < g->vcpus; vcpu.id++)
		if (ioctl(g->fd, LGUEST_CREATE_VCPU, &vcpu))
			return false;
	return !ioctl(g->fd, LGUEST_SET_REGS, &regs);
}

/* After an exit the guest goes on somewhere: where it was, or at a block */
static void go_on(struct chance *c, struct guest *g, unsigned int vcpu)
{
	struct lguest_regs regs = { .vcpu = vcpu };

	if (ioctl(g->fd, LGUEST_GET_REGS, &regs))
		return;
	regs.rip = guest_place(c, g, vcpu);
	if (one_in(c, 8))
		((uint64_t *)&regs.rax)[below(c, 22)] = word(c);
	memset(regs.reserved, 0, sizeof(regs.reserved));
	ioctl(g->fd, LGUEST_SET_REGS, &regs);
}

/* One vCPU; those but the first sleep in RUN until the guest starts them */
static void *run_vcpu(void *arg)
{
	struct runner *r = arg;
	struct guest *g = &r->work->guest;
	struct lguest_run run = { .vcpu = r->vcpu };

	for (unsigned int i = 0; i < 5000; i++) {
		count(&shared->runs);
		if (ioctl(g->fd, LGUEST_RUN, &run))
			return NULL;
		count(&shared->exits);
		if (run.reason == LGUEST_EXIT_DEAD || run.reason == LGUEST_EXIT_SHUTDOWN) {
			count(&shared->deaths);
			return NULL;
		}
		if (run.reason == LGUEST_EXIT_RELEASE)
			for (unsigned int j = 0; j < run.length; j++)
				madvise(g->memory + run.range[j].gpa, run.range[j].size, MADV_REMOVE);
		if (run.reason == LGUEST_EXIT_MMIO || one_in(&r->chance, 8))
			go_on(&r->chance, g, r->vcpu);
	}
	return NULL;
}

static void fuzz_round(struct chance *c)
{
	static struct rounds_work w;
	pthread_t thread;

	if (!make(c, &w.guest))
		return;
	w.chance = part_of(c, 1);
	if (below(c, 4))
		pthread_create(&thread, NULL, change, &w);
	for (unsigned int i = w.guest.vcpus; i--;) {
		w.runner[i] = (struct runner){ .work = &w, .chance = part_of(c, 2 + i), .vcpu = i };
		if (i)
			pthread_create(&thread, NULL, run_vcpu, &w.runner[i]);
	}
	/* When the first is over, the process is, whatever the others do */
	run_vcpu(&w.runner[0]);
}

int main(int argc, char **argv)
{
	return fuzz_main(argc, argv, "fuzz-guest", fuzz_round);
}
