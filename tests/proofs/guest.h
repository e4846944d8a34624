/* SPDX-License-Identifier: GPL-2.0 */
/*
 * guest.h: guest memory for proofs, as hostile as it can be: nothing lies there. It is a range of numbers without an object
 * behind it, so that CBMC refuses every access; the only one that works is gmem_fetch(), which checks that it stays inside and answers
 * any bytes, other ones each time. A value that is read twice is thus two values, and a read that does not go through it fails.
 */
#ifndef LGUEST_PROOF_GUEST_H
#define LGUEST_PROOF_GUEST_H

#include "tests/proofs/proof.h"

#define gmem_fetch product_gmem_fetch
#define gmem_fetch16 product_gmem_fetch16
#include "ipc/virtqueue_mem.h"
#undef gmem_fetch
#undef gmem_fetch16

#include "ipc/virtqueue_ring.h"

#define GUEST_AT 0x100000u	/* where it would be mapped */
#define GUEST_MAX 0x100000u

static uint32_t guest_size;
static unsigned int fetches;
static struct gmem guest;

/* An object that a peer may write too and that is there: an in-flight record. */
static const void *shared;
static size_t shared_size;

/* A byte of guest memory, any: was it in a descriptor that offered it for writing? */
static uint64_t watched;
static bool watched_writable;
static uint16_t last_flags;

static bool guest_range(uint64_t at, uint64_t len)
{
	return at - GUEST_AT < guest_size && len <= guest_size - (at - GUEST_AT);
}

static bool shared_range(const void *p, size_t len)
{
	return shared && __CPROVER_same_object(p, shared) && __CPROVER_POINTER_OFFSET(p) <= shared_size &&
	       len <= shared_size - __CPROVER_POINTER_OFFSET(p);
}

static void gmem_fetch(void *dst, const void *src, size_t len)
{
	PROVE(guest_range((uint64_t)src, len), "what is fetched lies in guest memory");
	fetches++;
	if (len == sizeof(struct vq_desc)) {
		*(struct vq_desc *)dst = (struct vq_desc){ any_u64(), any_u32(), any_u16(), any_u16() };
		last_flags = ((struct vq_desc *)dst)->flags;
	} else {
		__CPROVER_havoc_slice(dst, len);
	}
}

static uint16_t gmem_fetch16(const uint16_t *p)
{
	PROVE(shared_range(p, 2) || (guest_range((uint64_t)p, 2) && (uint64_t)p % 2 == 0), "what is fetched lies in guest memory, aligned");
	fetches++;
	return any_u16();
}

#ifndef GUEST_NO_LOOKUP
/* The lookups as memory.c has proved them: NULL, or all bytes inside. */
void *gmem_at(const struct gmem *m, uint64_t gpa, uint64_t len)
{
	uint64_t at = any_u64();

	(void)m;
	(void)gpa;
	if (any_bool())
		return NULL;
	ASSUME(guest_range(at, len));
	if (watched - at < len && last_flags & 2)
		watched_writable = true;
	return (void *)(uintptr_t)at;
}

void *gmem_at_uaddr(const struct gmem *m, uint64_t uaddr, uint64_t len)
{
	return gmem_at(m, uaddr, len);
}
#endif

static void any_guest(void)
{
	guest_size = any_up_to(GUEST_MAX);
	watched = any_u64();
}

#endif
