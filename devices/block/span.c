// SPDX-License-Identifier: GPL-2.0
/*D:580
 * span.c: what the image cannot take as the guest sends it: buffers that are not aligned for direct I/O, and parts of blocks. It goes
 * through a buffer of our own; a write of a part of a block reads the block, changes it and writes it back.
 *
 * It may: copy between a request's segments and buffers of the pool, decide who must wait. It may not: start an operation.
 */
#include <string.h>

#include "devices/block/block.h"

uint8_t *blk_buffer(struct blk *blk)
{
	return blk->bounces ? blk->bounce_free[--blk->bounces] : NULL;
}

static void put(struct blk *blk, uint8_t **buffer)
{
	if (*buffer)
		blk->bounce_free[blk->bounces++] = *buffer;
	*buffer = NULL;
}

void blk_buffers_back(struct blk *blk, struct blk_req *r)
{
	put(blk, &r->bounce);
	put(blk, &r->list);
}

/* Whoever waits to be alone is let in before others; but a queue that was stopped, or is broken, keeps nobody waiting. */
static bool somebody_waits(struct blk *blk, const struct blk_req *r)
{
	unsigned int q = blk->waits_alone;

	return q && q != 1u + r->q->index && backend_running(blk->be, backend_vq(blk->be, q - 1));
}

bool blk_may_write(struct blk *blk, struct blk_req *r)
{
	if (blk->exclusive || somebody_waits(blk, r))
		return false;
	if (r->exclusive && blk->writers) {
		blk->waits_alone = 1u + r->q->index;
		return false;
	}
	blk->exclusive = r->exclusive;
	blk->writers++;
	r->writer = true;
	return true;
}

void blk_wrote(struct blk *blk, struct blk_req *r)
{
	if (!r->writer)
		return;
	r->writer = false;
	blk->writers--;
	if (r->exclusive)
		blk->exclusive = false;
}

void blk_wake(struct blk *blk)
{
	uint32_t todo = blk->starved;

	blk->starved = 0;
	for (unsigned int i = 0; todo; i++, todo >>= 1)
		if (todo & 1)
			backend_again(blk->be, backend_vq(blk->be, i));
}

/* Copy the next @n bytes between the request's segments and @p. */
static void copy(const struct blk_req *r, uint8_t *p, size_t n, bool to_guest)
{
	for (uint16_t i = r->first; n && i < r->nseg; i++) {
		size_t part = r->seg[i].iov_len < n ? r->seg[i].iov_len : n;

		if (to_guest)
			memcpy(r->seg[i].iov_base, p, part);
		else
			memcpy(p, r->seg[i].iov_base, part);
		p += part;
		n -= part;
	}
}

static void put_data(struct blk_req *r)
{
	uint8_t *at = r->bounce + (r->pos - r->start);

	if (r->by_hand)
		memset(at, 0, (size_t)r->part);
	else
		copy(r, at, (size_t)r->part, false);
}

void blk_span(const struct blk *blk, struct blk_req *r, uint64_t most)
{
	uint64_t align = blk->image.off_align, lead = r->pos & (align - 1);

	r->start = r->pos - lead;
	r->part = most < BLK_BOUNCE_SIZE - lead ? most : BLK_BOUNCE_SIZE - lead;
	r->span = (uint32_t)((lead + r->part + align - 1) & ~(align - 1));
	r->fill = r->type != VIRTIO_BLK_T_IN && r->part != r->span;
	if (r->type != VIRTIO_BLK_T_IN && !r->fill)
		put_data(r);
}

/*D:590
 * A guest may write 512 bytes to a disk that takes 4096 at a time. blk_span() above has chosen the blocks around them
 * and they have been read; here the guest's bytes are put in between, and the next operation writes it all back. No
 * other request of this disk may write meanwhile (blk_may_write()). For a read it hands the guest the part that was
 * asked for.
 */
int64_t blk_span_moved(const struct blk *blk, struct blk_req *r, uint32_t res)
{
	uint64_t lead = r->pos - r->start, n;

	/* Less than asked for: go on with whole blocks of it. */
	if (r->fill)
		res &= ~(blk->image.off_align - 1);
	if (res <= lead)
		return -1;
	n = res - lead < r->part ? res - lead : r->part;
	if (r->fill) {
		r->part = n;
		r->span = res;
		r->fill = false;
		r->filled = true;
		put_data(r);
		return 0;
	}
	r->filled = false;
	if (r->type == VIRTIO_BLK_T_IN)
		copy(r, r->bounce + lead, (size_t)n, true);
	return (int64_t)n;
}
