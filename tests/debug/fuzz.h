/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Shared by the two fuzzers of lg.ko: chance from a seed, rounds in processes of their own, and a guest made of chance. Host user
 * space only. A seed gives the same choices again, not the same interleaving of threads.
 */
#ifndef TESTS_DEBUG_FUZZ_H
#define TESTS_DEBUG_FUZZ_H

#include <stdbool.h>
#include <stdint.h>
#include <linux/lguest.h>

/* ---- Chance ---- */

struct chance {
	uint64_t state;
};

uint64_t any(struct chance *c);
/* 0 to @n - 1; @n is not 0 */
uint64_t below(struct chance *c, uint64_t n);
static inline bool one_in(struct chance *c, uint64_t n) { return !below(c, n); }
/* The chance of part @n of a round: threads and processes have one each */
struct chance part_of(const struct chance *c, uint64_t n);

/* ---- Rounds ---- */

/*
 * Runs @round in a process of its own again and again, for --seconds. The process is killed after a time of its own, which is part of
 * the test; one that survives that for long is a finding. Counts come through @shared.
 */
struct shared {
	uint64_t calls, runs, exits, deaths;	/* deaths: exits that said so */
};
extern struct shared *shared;
static inline void count(uint64_t *n) { __atomic_fetch_add(n, 1, __ATOMIC_RELAXED); }

typedef void round_fn(struct chance *c);
int fuzz_main(int argc, char **argv, const char *name, round_fn *round);

/* ---- A guest made of chance ---- */

#define GUEST_BASE	0xffff808000000000ULL	/* guest-physical 0, kernel view */
#define GUEST_SIZE	0x400000ULL
#define GUEST_ENTRY	0x10000ULL		/* guest-physical: makes the INIT call, then jumps into the blocks */
#define GUEST_RETURN	0x10102ULL		/* behind the SYSCALL that returns to user mode */
#define GUEST_LGD	0xa000ULL		/* a page for each vCPU */
#define GUEST_VCPUS	4
#define GUEST_BLOCKS	0x100000ULL
#define BLOCK_SIZE	512
#define BLOCKS		256

struct guest {
	int fd;
	unsigned int vcpus;	/* 1 to GUEST_VCPUS */
	bool moves;		/* vCPU 0 shares now this page, now that one; the others never say INIT, or it might not */
	uint8_t *memory;	/* GUEST_SIZE bytes */
};

/* New memory, shared and zero; NULL when there is none */
uint8_t *guest_memory(void);
/* Half of all guests have one vCPU */
unsigned int guest_vcpus(struct chance *c);
/* Page tables, shared pages, entries, and blocks of code for each of @g->vcpus */
void guest_fill(struct chance *c, struct guest *g);
/* Where a vCPU can go on, whatever it did */
uint64_t guest_place(struct chance *c, const struct guest *g, unsigned int cpu);
/* One random change of it, as another processor's store would be */
void guest_change(struct chance *c, struct guest *g);
/* A word that is interesting as an address, a number, or a page-table entry */
uint64_t word(struct chance *c);
void start_regs(struct lguest_regs *r);

#endif
