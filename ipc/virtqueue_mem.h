/* SPDX-License-Identifier: GPL-2.0 */
/*
 * virtqueue_mem.h: the one way from a guest address to a pointer.
 *
 * A back end maps the regions that its front end shares (one window by default, all of guest RAM with
 * dma=direct) and puts each in a table. Every address that a guest or a peer names goes through gmem_at()
 * or gmem_at_uaddr(), which answer a pointer only when the whole range lies in one region. Bytes behind
 * such a pointer may change at any time: read them once, with gmem_fetch() and its relatives, then check.
 *
 * It may: look addresses up. It may not: map, unmap, allocate, or do I/O (ipc/ maps and unmaps).
 */
#ifndef LGUEST_VIRTQUEUE_MEM_H
#define LGUEST_VIRTQUEUE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* What GET_MAX_MEM_SLOTS answers; it must never shrink between two versions of a role (QEMU refuses). */
#define GMEM_MAX_REGIONS 64

/**
 * struct gmem_region - one range of guest-physical memory that this process has mapped
 * @gpa: first guest-physical address
 * @size: bytes
 * @uaddr: the front end's own address of the range (vhost-user names rings by it)
 * @host: our mapping of @gpa
 * @map: start of the mmap() that @host lies in (page aligned), NULL when somebody else owns the mapping
 * @map_len: length of that mapping in bytes
 */
struct gmem_region {
	uint64_t gpa;
	uint64_t size;
	uint64_t uaddr;
	uint8_t *host;
	void *map;
	size_t map_len;
};

/**
 * struct gmem - the memory table of one device
 * @n: regions in use
 * @r: the regions, no two of which overlap in guest-physical space
 */
struct gmem {
	unsigned int n;
	struct gmem_region r[GMEM_MAX_REGIONS];
};

/**
 * gmem_add() - put a mapped region in the table
 * @m: the table
 * @r: the region; copied
 *
 * Return: 0, -EINVAL (empty, or gpa + size or uaddr + size wraps), -EEXIST (overlaps another region),
 * -ENOSPC (table full).
 */
int gmem_add(struct gmem *m, const struct gmem_region *r);

/**
 * gmem_remove() - take a region out of the table
 * @m: the table
 * @gpa: its guest-physical address
 * @size: its size
 * @uaddr: its front-end address; all three must match
 * @out: receives the removed region, so that the caller can unmap it
 *
 * Return: 0 or -ENOENT.
 */
int gmem_remove(struct gmem *m, uint64_t gpa, uint64_t size, uint64_t uaddr, struct gmem_region *out);

/**
 * gmem_at() - the checked accessor: guest-physical range to pointer
 * @m: the table
 * @gpa: guest-physical address, as hostile as it comes
 * @len: bytes; 0 asks for a valid address only
 *
 * A range that wraps, starts or ends outside, or runs from one region into the next is refused, also when
 * the two regions touch: no front end we know builds such buffers, and one pointer could not cover them.
 *
 * Return: a pointer good for @len bytes, or NULL.
 */
void *gmem_at(const struct gmem *m, uint64_t gpa, uint64_t len);

/**
 * gmem_at_uaddr() - the same for front-end addresses (SET_VRING_ADDR)
 * @m: the table
 * @uaddr: front-end address
 * @len: bytes
 *
 * Return: a pointer good for @len bytes, or NULL.
 */
void *gmem_at_uaddr(const struct gmem *m, uint64_t uaddr, uint64_t len);

#ifdef LGUEST_FUZZ
/* The fuzz targets play the hostile vCPU here: called before every read of guest memory. */
void gmem_fetch_hook(const void *p, size_t len);
#else
static inline void gmem_fetch_hook(const void *p, size_t len)
{
	(void)p;
	(void)len;
}
#endif

/**
 * gmem_fetch() - copy bytes out of guest memory, once
 * @dst: own memory
 * @src: a pointer from gmem_at() or a chain's segment
 * @len: bytes
 *
 * The barrier keeps the compiler from reading @src again in place of @dst after a check.
 */
static inline void gmem_fetch(void *dst, const void *src, size_t len)
{
	gmem_fetch_hook(src, len);
	memcpy(dst, src, len);
	__asm__ volatile("" : : "r"(dst) : "memory");
}

static inline uint16_t gmem_fetch16(const uint16_t *p)
{
	gmem_fetch_hook(p, sizeof(*p));
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

#endif
