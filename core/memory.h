/* SPDX-License-Identifier: GPL-2.0 */
/*
 * memory.h: guest-physical memory as this process sees it, and the one way from a guest address to a
 * pointer. RAM and each device's window are memfds of their own; nothing else of the core touches guest bytes.
 */
#ifndef LGUEST_CORE_MEMORY_H
#define LGUEST_CORE_MEMORY_H

#include <stdint.h>

#include <linux/lguest.h>

/**
 * struct guest_region - a piece of guest-physical memory
 * @gpa: first address, @size: bytes; both multiples of 4096
 * @host: where it is mapped here
 * @fd: its memfd, @offset: of the piece in it
 */
struct guest_region {
	uint64_t gpa;
	uint64_t size;
	uint8_t *host;
	int fd;
	uint64_t offset;
};

/**
 * struct guest_memory - all of it
 * @ram: bytes of RAM, @low_end: end of the part below 4 GiB
 */
struct guest_memory {
	uint64_t ram;
	uint64_t low_end;
	unsigned int regions;
	struct guest_region region[LGUEST_MAX_REGIONS];
};

/**
 * guest_memory_ram() - make and map RAM
 * @m: zeroed
 * @bytes: GUEST_RAM_MIN to GUEST_RAM_MAX, multiple of 4096
 *
 * One sealed memfd, mapped shared at a 2 MiB boundary with huge pages asked for. Pages come as they are touched.
 *
 * Return: 0 or -errno (-EINVAL: @bytes; -ENOMEM: the host has not the address space or memory).
 */
int guest_memory_ram(struct guest_memory *m, uint64_t bytes);

/**
 * guest_memory_window() - make and map a device's window, above what is there
 * @m: with RAM
 * @bytes: multiple of 4096; placed at the next 2 MiB boundary below GUEST_MMIO_BASE
 *
 * Return: the region, NULL with errno set (ENOSPC: no room below GUEST_MMIO_BASE).
 */
const struct guest_region *guest_memory_window(struct guest_memory *m, uint64_t bytes);

/**
 * guest_ptr() - the only way from a guest-physical range to a pointer
 * @m: guest memory
 * @gpa: first byte
 * @len: bytes; 0 is refused
 *
 * The range must lie whole in one region. The guest may change what is there at any time: read it once.
 *
 * Return: pointer or NULL.
 */
void *guest_ptr(const struct guest_memory *m, uint64_t gpa, uint64_t len);

/** guest_memory_free() - unmap and close everything. */
void guest_memory_free(struct guest_memory *m);

#endif
