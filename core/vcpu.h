/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vcpu.h: run a virtual CPU and serve what the module cannot: device registers, early console text, the end.
 */
#ifndef LGUEST_CORE_VCPU_H
#define LGUEST_CORE_VCPU_H

#include "core/device.h"

/**
 * struct machine - the guest, as the threads of the core share it
 * @lguest: descriptor of /dev/lguest
 * @vcpus: how many there are, a thread each
 * @print: early console text, on any vCPU's thread
 * @look: a store has changed what the main thread waits for: the same
 * @wake: its eventfd
 */
struct machine {
	int lguest;
	unsigned int vcpus;
	struct guest_memory memory;
	unsigned int devices;
	struct device device[GUEST_DEVICES];
	void (*print)(struct machine *m, const char *text, uint32_t len);
	void (*look)(struct machine *m);
	int wake;
};

/**
 * struct vcpu_end - why a vCPU stopped
 * @code: exit status for lguest-run: the guest's own, or one of exit.h
 * @text: a sentence, or ""
 */
struct vcpu_end {
	uint32_t code;
	char text[LGUEST_TEXT_SIZE + 64];
};

/**
 * vcpu_start_regs() - the registers of the guest's first instruction (docs/abi.md, "Entry")
 * @m: the machine
 * @entry: virtual address, @cr3: physical address of the first page table
 *
 * Return: 0 or -errno.
 */
int vcpu_start_regs(struct machine *m, uint64_t entry, uint64_t cr3);

/**
 * vcpu_run() - run a vCPU until the guest's end
 * @m: the machine
 * @id: which vCPU; one that the guest has not started waits in here
 * @end: why it ended, the same for each vCPU
 */
void vcpu_run(struct machine *m, uint32_t id, struct vcpu_end *end);

/** vcpu_mmio() - serve one LGUEST_EXIT_MMIO. Return: NULL, or why the guest cannot go on. */
const char *vcpu_mmio(struct machine *m, const struct lguest_run *run);

#endif
