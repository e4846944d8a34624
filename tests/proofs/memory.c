// SPDX-License-Identifier: GPL-2.0
/*
 * memory.c: proofs about ipc/virtqueue_mem.c, the one way from a guest's number to a pointer.
 */
#include "tests/proofs/proof.h"

#include "ipc/virtqueue_mem.c"

#define GUEST_REGIONS 2u
#define GUEST_AT 0x100000u	/* where the first region would be mapped */
#define GUEST_STEP 0x100000u	/* and how far from it the next one */

static struct gmem guest;

static bool guest_range(uint64_t at, uint64_t len)
{
	for (unsigned int i = 0; i < GUEST_REGIONS; i++)
		if (at - (GUEST_AT + i * GUEST_STEP) < guest.r[i].size && len <= guest.r[i].size - (at - (GUEST_AT + i * GUEST_STEP)))
			return true;
	return false;
}

/* Up to two regions, of any place and size: what gmem_add() lets in (proof_gmem_add). */
static void any_guest(void)
{
	guest.n = any_up_to(GUEST_REGIONS);
	for (unsigned int i = 0; i < GUEST_REGIONS; i++) {
		struct gmem_region *r = &guest.r[i];

		r->gpa = any_u64();
		r->uaddr = any_u64();
		r->size = i < guest.n ? any_u32() : 0;
		ASSUME(r->size <= GUEST_STEP && (r->size || i >= guest.n));
		ASSUME(r->gpa <= UINT64_MAX - r->size && r->uaddr <= UINT64_MAX - r->size);
		r->host = (uint8_t *)(uintptr_t)(GUEST_AT + i * GUEST_STEP);
	}
}

/*
 * PROOF: gmem_at() answers NULL or a pointer with all @len bytes inside one region, for every address and length.
 * BOUND: tables of 0 to 2 regions of up to 1 MiB, at any guest address
 * BUG: ipc/virtqueue_mem.c: "off >= r->size || len > r->size - off" => "off + len > r->size"
 */
void proof_gmem_at(void)
{
	uint64_t len = any_u64(), p;

	any_guest();
	p = (uint64_t)gmem_at(&guest, any_u64(), len);
	PROVE(!p || guest_range(p, len), "inside a region");
}

/*
 * PROOF: gmem_at_uaddr() the same, for the front end's addresses.
 * BOUND: as proof_gmem_at
 * BUG: ipc/virtqueue_mem.c: "within(&m->r[i], uaddr - m->r[i].uaddr, len)" => "within(&m->r[i], uaddr - m->r[i].uaddr, len & 0xffffffffu)"
 */
void proof_gmem_at_uaddr(void)
{
	uint64_t len = any_u64(), p;

	any_guest();
	p = (uint64_t)gmem_at_uaddr(&guest, any_u64(), len);
	PROVE(!p || guest_range(p, len), "inside a region");
}

/*
 * PROOF: what lies whole in a region is found, at the place that its offset in the region says.
 * BOUND: as proof_gmem_at
 * BUG: ipc/virtqueue_mem.c: "len > r->size - off" => "len >= r->size - off"
 */
void proof_gmem_finds(void)
{
	uint32_t i = any_up_to(GUEST_REGIONS - 1), off = any_u32(), len = any_u32();

	any_guest();
	ASSUME(guest.n == 1 && i == 0);
	ASSUME(off < guest.r[0].size && len <= guest.r[0].size - off);
	PROVE(gmem_at(&guest, guest.r[0].gpa + off, len) == guest.r[0].host + off, "found");
}

/*
 * PROOF: a table that gmem_add() has filled has no empty, wrapping or overlapping region, and never more than its array.
 * BOUND: two regions, one after the other, of any values
 * BUG: ipc/virtqueue_mem.c: "!r->size || " => ""
 */
void proof_gmem_add(void)
{
	static struct gmem m;
	struct gmem_region a, b;

	ANY(a);
	ANY(b);
	gmem_add(&m, &a);
	gmem_add(&m, &b);
	PROVE(m.n <= 2, "no more than were added");
	for (unsigned int i = 0; i < m.n; i++)
		PROVE(m.r[i].size && m.r[i].gpa < m.r[i].gpa + m.r[i].size && m.r[i].uaddr < m.r[i].uaddr + m.r[i].size, "neither empty nor wrapping");
	if (m.n == 2)
		PROVE(m.r[0].gpa + m.r[0].size <= m.r[1].gpa || m.r[1].gpa + m.r[1].size <= m.r[0].gpa, "no overlap");
}

/*
 * PROOF: gmem_add() never writes behind a table that is full.
 * BOUND: GMEM_MAX_REGIONS scaled to 2
 * SCALE: ipc/virtqueue_mem.h: "GMEM_MAX_REGIONS 64" => "GMEM_MAX_REGIONS 2"
 * BUG: ipc/virtqueue_mem.c: "if (m->n == GMEM_MAX_REGIONS)" => "if (m->n > GMEM_MAX_REGIONS)"
 */
void proof_gmem_full(void)
{
	struct gmem_region r;

	any_guest();
	ANY(r);
	gmem_add(&guest, &r);
	PROVE(guest.n <= GMEM_MAX_REGIONS, "within the array");
}

/*
 * PROOF: gmem_remove() takes out the one region whose three numbers match, and keeps the others.
 * BOUND: tables of 0 to 2 regions
 * BUG: ipc/virtqueue_mem.c: "*r = m->r[--m->n];" => "m->n--;"
 */
void proof_gmem_remove(void)
{
	struct gmem_region gone;
	uint64_t gpa = any_u64(), size = any_u64(), uaddr = any_u64();
	struct gmem before;
	int err;

	any_guest();
	before = guest;
	err = gmem_remove(&guest, gpa, size, uaddr, &gone);
	PROVE(err ? guest.n == before.n : guest.n == before.n - 1, "one or none");
	if (err)
		return;
	PROVE(gone.gpa == gpa && gone.size == size && gone.uaddr == uaddr, "the one that was named");
	if (before.n == 2)
		PROVE(guest.r[0].host == before.r[gone.host == before.r[0].host].host, "the other stays");
}
