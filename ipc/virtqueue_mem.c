// SPDX-License-Identifier: GPL-2.0
/*D:110
 * virtqueue_mem.c: the memory table and its two lookups. See virtqueue_mem.h for what it may do.
 *
 * The table is short (one window, or the handful of regions of a PC's RAM), so a linear search is right; the
 * common case is one region and one comparison.
 */
#include "ipc/virtqueue_mem.h"

#include <errno.h>

static bool overlaps(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
	return a < b + b_size && b < a + a_size;
}

int gmem_add(struct gmem *m, const struct gmem_region *r)
{
	uint64_t end;

	/* A region that ends at 2^64 exactly wraps to 0 and is refused too: then no sum below can wrap. */
	if (!r->size || __builtin_add_overflow(r->gpa, r->size, &end) ||
	    __builtin_add_overflow(r->uaddr, r->size, &end))
		return -EINVAL;
	for (unsigned int i = 0; i < m->n; i++)
		if (overlaps(m->r[i].gpa, m->r[i].size, r->gpa, r->size) ||
		    overlaps(m->r[i].uaddr, m->r[i].size, r->uaddr, r->size))
			return -EEXIST;
	if (m->n == GMEM_MAX_REGIONS)
		return -ENOSPC;
	m->r[m->n++] = *r;
	return 0;
}

int gmem_remove(struct gmem *m, uint64_t gpa, uint64_t size, uint64_t uaddr, struct gmem_region *out)
{
	for (unsigned int i = 0; i < m->n; i++) {
		struct gmem_region *r = &m->r[i];

		if (r->gpa != gpa || r->size != size || r->uaddr != uaddr)
			continue;
		*out = *r;
		*r = m->r[--m->n];
		return 0;
	}
	return -ENOENT;
}

/*D:120
 * Whatever a guest or a front end calls an address is only a number until it has passed this function. Look at what is
 * not done: two hostile numbers are never added, each is compared with what is left of a region, so that nothing can
 * wrap. gmem_at() and gmem_at_uaddr() below ask it for one region after the other.
 */
/* @off is unsigned: an address below the region gives a huge offset, so one comparison covers both ends. */
static void *within(const struct gmem_region *r, uint64_t off, uint64_t len)
{
	if (off >= r->size || len > r->size - off)
		return NULL;
	return r->host + off;
}

void *gmem_at(const struct gmem *m, uint64_t gpa, uint64_t len)
{
	void *p;

	for (unsigned int i = 0; i < m->n; i++) {
		p = within(&m->r[i], gpa - m->r[i].gpa, len);
		if (p)
			return p;
	}
	return NULL;
}

void *gmem_at_uaddr(const struct gmem *m, uint64_t uaddr, uint64_t len)
{
	void *p;

	for (unsigned int i = 0; i < m->n; i++) {
		p = within(&m->r[i], uaddr - m->r[i].uaddr, len);
		if (p)
			return p;
	}
	return NULL;
}
