/* SPDX-License-Identifier: GPL-2.0 */
/*
 * loader.h: put a kernel, an initrd and boot parameters in guest memory. Both files are hostile: each
 * field is read once, checked, and then used.
 */
#ifndef LGUEST_CORE_LOADER_H
#define LGUEST_CORE_LOADER_H

#include <stddef.h>
#include <stdint.h>

#include "core/memory.h"

#define LOADER_ERROR_SIZE 200

/**
 * struct loader - what loading found out
 * @entry: virtual address of the first instruction
 * @cr3: guest-physical address of the first page table
 * @kernel_end: first guest-physical address after the kernel
 * @error: why loading failed, a clause that completes "the kernel " or "the initrd "
 */
struct loader {
	uint64_t entry;
	uint64_t cr3;
	uint64_t kernel_end;
	uint64_t initrd_start;
	uint64_t initrd_size;
	char error[LOADER_ERROR_SIZE];
};

/**
 * load_kernel() - read an ELF64 lguest kernel into RAM
 * @l: filled
 * @m: with RAM
 * @fd: the file, a regular one
 *
 * A kernel whose note says that it can be moved is moved down to GUEST_KERNEL_MOVED, so that small guests can
 * hold it and large ones take the same path.
 *
 * Return: 0, or an enum lguest_exit_status with @l->error set.
 */
int load_kernel(struct loader *l, const struct guest_memory *m, int fd);

/**
 * load_initrd() - read an initial ramdisk to the top of low RAM; after load_kernel()
 *
 * Return: 0, or an enum lguest_exit_status with @l->error set.
 */
int load_initrd(struct loader *l, const struct guest_memory *m, int fd);

/**
 * load_boot_params() - the zero page, memory map, command line and seed of the Linux boot protocol
 * @l: after load_kernel() and load_initrd()
 * @m: with RAM and all windows
 * @cmdline: complete command line
 *
 * Return: 0, or an enum lguest_exit_status with @l->error set (the command line is too long).
 */
int load_boot_params(struct loader *l, const struct guest_memory *m, const char *cmdline);

#endif
