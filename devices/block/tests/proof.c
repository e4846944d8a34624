// SPDX-License-Identifier: GPL-2.0
/*
 * proof.c: proofs about devices/block/request.c and span.c: what becomes of a request that a guest has made up. The header and ranges in
 * it are any bytes; the chain is one that vq_pop() may give (virtqueue.c); an image has any size, and any alignment that there is.
 */
#include "tests/proofs/proof.h"

#define gmem_fetch product_gmem_fetch
#include "ipc/virtqueue_mem.h"
#undef gmem_fetch
#define gmem_fetch(dst, src, len) __CPROVER_havoc_slice(dst, len)

#include "devices/block/request.c"
#undef copy
#define copy span_copy
#include "devices/block/span.c"
#undef copy

#define SEGS 3u

static struct blk blk;
static struct vq q;
static struct blk_req *r;
static struct iovec seg[SEGS];
static struct vq_chain c = { .seg = seg, .seg_max = SEGS };
static uint8_t buffers[2][8];
static uint64_t out_copied;

/* What the ring library promises (virtqueue.c). */
size_t vq_copy_out(const struct vq_chain *chain, uint64_t off, void *dst, size_t len)
{
	size_t n = off >= chain->out_len ? 0 : chain->out_len - off < len ? chain->out_len - off : len;

	if (n)
		__CPROVER_havoc_slice(dst, n);
	return n;
}

size_t vq_copy_in(const struct vq_chain *chain, uint64_t off, const void *src, size_t len)
{
	PROVE(__CPROVER_r_ok(src, len), "what is copied is there");
	return off >= chain->in_len ? 0 : chain->in_len - off < len ? chain->in_len - off : len;
}

unsigned int vq_slice(const struct iovec *s, unsigned int n, uint64_t off, uint64_t len, struct iovec *iov)
{
	unsigned int used = any_up_to(SEGS);

	(void)s; (void)off; (void)len;
	ASSUME(used <= n);
	PROVE(__CPROVER_w_ok(iov, n * sizeof(*iov)), "room for the slice");
	return used;
}

void vq_push(struct vq *x, uint16_t head, uint32_t len) { (void)x; (void)head; (void)len; }
void vq_break(struct vq *x, const char *why) { (void)x; (void)why; }
void backend_again(struct backend *be, struct vq *x) { (void)be; (void)x; }
void backend_notify(struct backend *be, struct vq *x) { (void)be; (void)x; }
struct vq *backend_vq(struct backend *be, unsigned int index) { (void)be; (void)index; return &q; }
bool backend_running(const struct backend *be, const struct vq *x) { (void)be; (void)x; return any_bool(); }
void *backend_dev(const struct backend *be) { (void)be; return &blk; }

static void any_blk(void)
{
	static struct blk_req one;

	blk.image.capacity = any_u64() & ~511ull;
	ASSUME(blk.image.capacity <= 1ull << 62);
	blk.image.read_only = any_bool();
	blk.image.direct = any_bool();
	blk.image.can_discard = any_bool();
	blk.image.off_align = blk.image.direct ? 512u << any_up_to(3) : 1;
	blk.image.mem_align = blk.image.direct ? 512u : 1;
	blk.image.range_align = any_bool() ? 512u << any_up_to(3) : 1;
	blk.bounces = any_up_to(2);
	blk.bounce_free[0] = buffers[0];
	blk.bounce_free[1] = buffers[1];
	blk.writers = any_up_to(4);
	r = &one;
	ANY(one);
	r->q = &q;
	r->seg = r->near;
	r->bounce = r->list = NULL;
}

/* Pieces of a request, as vq_pop() gives them: none is empty, their lengths have sums that do not wrap. */
static void any_chain(void)
{
	c.out = (uint16_t)any_up_to(2);
	c.in = 1;
	c.out_len = c.in_len = 0;
	for (unsigned int i = 0; i < SEGS; i++) {
		seg[i] = (struct iovec){ (void *)(uintptr_t)any_u32(), any_u32() };
		ASSUME(seg[i].iov_len);
		if (i < c.out)
			c.out_len += seg[i].iov_len;
		else if (i < c.out + 1u)
			c.in_len += seg[i].iov_len;
	}
}

/*
 * PROOF: a range is called inside exactly when it is: no product and no sum wraps.
 * BOUND: none: every sector, length and capacity
 * BUG: devices/block/request.c: "!__builtin_mul_overflow(sector, (uint64_t)BLK_SECTOR, pos)" => "((*pos = sector * BLK_SECTOR), true)"
 */
void proof_in_range(void)
{
	uint64_t sector = any_u64(), bytes = any_u64(), pos;

	any_blk();
	if (in_range(&blk, sector, bytes, &pos))
		PROVE(sector <= UINT64_MAX / 512 && pos == sector * 512 && pos <= blk.image.capacity && bytes <= blk.image.capacity - pos, "inside");
	else
		PROVE(sector > blk.image.capacity / 512 || bytes > blk.image.capacity - sector * 512, "outside");
}

/*
 * PROOF: a read or write that is taken lies in the image, in whole sectors, and is no write to an image that may only be read.
 * BOUND: every header; chains of up to 2 readable and 1 writable segments of any length
 * UNWIND: 4
 * BUG: devices/block/request.c: "r->len % BLK_SECTOR || !in_range(blk, sector, r->len, &r->pos)" => "r->len % BLK_SECTOR || !in_range(blk, sector, BLK_SECTOR, &r->pos)"
 */
void proof_take_rw(void)
{
	any_blk();
	any_chain();
	r->type = any_bool() ? VIRTIO_BLK_T_IN : VIRTIO_BLK_T_OUT;
	r->nseg = 0;
	ASSUME(c.out_len >= sizeof(struct blk_header) && c.in_len >= 1);
	if (take_rw(&blk, r, &c, any_u64()) != TAKEN)
		return;
	PROVE(r->pos <= blk.image.capacity && r->left <= blk.image.capacity - r->pos && r->left, "in the image");
	PROVE(r->pos % 512 == 0 && r->left % 512 == 0 && r->left == r->len, "whole sectors");
	PROVE(is_read(r) || !blk.image.read_only, "no write to an image that may only be read");
	PROVE(r->nseg && r->nseg <= BLK_SEGS, "as many pieces as there is room for");
}

/*
 * PROOF: a discard or write-zeroes that is taken lies in the image, and is no longer than what has ever been offered; what a discard leaves out at its edges only makes it smaller.
 * BOUND: every range that a guest can write there
 * UNWIND: 4
 * BUG: devices/block/request.c: "if (!zeroes && !trim_to_blocks(r, blk->image.range_align))" => "if (!zeroes && !trim_to_blocks(r, 2 * blk->image.range_align + 1))"
 */
void proof_take_range(void)
{
	any_blk();
	any_chain();
	r->type = any_bool() ? VIRTIO_BLK_T_DISCARD : VIRTIO_BLK_T_WRITE_ZEROES;
	if (take_range(&blk, r, &c) != TAKEN)
		return;
	PROVE(!blk.image.read_only && blk.image.can_discard, "of an image that may be changed so");
	PROVE(r->left && r->pos <= blk.image.capacity && r->left <= blk.image.capacity - r->pos, "in the image");
	PROVE(r->left <= INT32_MAX, "no longer than what has ever been offered");
	PROVE(r->type != VIRTIO_BLK_T_DISCARD || !((r->pos | r->left) & (blk.image.range_align - 1)), "a discard is of whole blocks");
}

/*
 * PROOF: trimming to blocks keeps a range inside what it was, with both ends at blocks.
 * BOUND: none: every range in an image of up to 2^62 bytes, blocks of 1 to 4096 bytes
 * BUG: devices/block/request.c: "if (begin >= end)" => "if (begin == end)"
 */
void proof_trim(void)
{
	uint64_t align = 1ull << any_up_to(12), pos, len;

	any_blk();
	pos = r->pos;
	len = r->len;
	ASSUME(pos <= 1ull << 62 && len <= 1ull << 62);
	if (!trim_to_blocks(r, align))
		return;
	PROVE(r->pos >= pos && r->len && r->len <= len && r->pos + r->len <= pos + len, "inside what it was");
	PROVE(!((r->pos | r->len) & (align - 1)), "at blocks");
}

/*
 * PROOF: going on after a part of a transfer keeps to the pieces that are left, and their bytes are what is left.
 * BOUND: up to 3 pieces of any length
 * UNWIND: 5
 * BUG: devices/block/request.c: "while (n && r->first < r->nseg)" => "while (n)"
 * LONG: 96 s, and 15 s for its bug
 */
void proof_advance(void)
{
	uint64_t n = any_u64(), sum = 0, rest = 0;

	any_blk();
	r->nseg = (uint16_t)any_up_to(3);
	r->first = 0;
	for (unsigned int i = 0; i < 3; i++) {
		r->near[i] = (struct iovec){ (void *)(uintptr_t)any_u32(), any_u32() };
		ASSUME(r->near[i].iov_len);
		sum += i < r->nseg ? r->near[i].iov_len : 0;
	}
	r->left = sum;
	ASSUME(n <= sum + 1);
	advance(r, n);
	for (unsigned int i = 0; i < 3; i++)
		rest += i >= r->first && i < r->nseg ? r->near[i].iov_len : 0;
	if (n <= sum)
		PROVE(rest == sum - n && r->left == rest, "what is left");
}

/*
 * PROOF: what goes through a buffer fits it: a span begins and ends at blocks, holds the part that it is about, and is never longer than
 *	the buffer.
 * BOUND: none: every position and length, blocks of 1 to 4096 bytes
 * ASSUME: the bytes themselves are copied elsewhere (proof_span_copy)
 * SCALE: devices/block/span.c: "put_data(r);\n}\n\n/*D:590" => ";\n}\n\n/*D:590"
 * BUG: devices/block/span.c: "most < BLK_BOUNCE_SIZE - lead ? most : BLK_BOUNCE_SIZE - lead;" => "most < BLK_BOUNCE_SIZE ? most : BLK_BOUNCE_SIZE;"
 */
void proof_span(void)
{
	uint64_t most = any_u64();

	any_blk();
	ASSUME(r->pos <= 1ull << 62 && most);
	blk_span(&blk, r, most);
	PROVE(r->span <= BLK_BOUNCE_SIZE && r->part && r->part <= most, "no longer than the buffer");
	PROVE(r->start <= r->pos && r->pos - r->start + r->part <= r->span, "it holds the part");
	PROVE(!((r->start | r->span) & (blk.image.off_align - 1)), "at blocks");
	PROVE(r->type == VIRTIO_BLK_T_IN || r->fill || r->part == r->span, "a write of a part of a block reads it first");
}

/*
 * PROOF: what has been moved through a buffer is believed up to the part that the operation was about, and a request makes progress or ends.
 * BOUND: none: every result from 1 to the span
 * ASSUME: a span as proof_span has it
 * SCALE: devices/block/span.c: "put_data(r);\n\t\treturn 0;" => "return 0;"
 * SCALE: devices/block/span.c: "copy(r, r->bounce + lead, (size_t)n, true);" => ";"
 * BUG: devices/block/span.c: "n = res - lead < r->part ? res - lead : r->part;" => "n = res - lead;"
 */
void proof_span_moved(void)
{
	uint32_t res = any_u32();
	int64_t n;

	any_blk();
	ASSUME(r->span && r->span <= BLK_BOUNCE_SIZE && res && res <= r->span && r->start <= r->pos && r->part && r->part <= r->span &&
	       r->pos - r->start < blk.image.off_align && r->pos - r->start + r->part <= r->span);
	n = blk_span_moved(&blk, r, res);
	PROVE(n == -1 || (uint64_t)n <= r->part, "no more than it was about");
	PROVE(n || (r->filled && !r->fill && r->span <= BLK_BOUNCE_SIZE), "none done: the block is to be written back");
}

/*
 * PROOF: parts of a range that lie askew in their blocks are written by hand, one block's edge at a time; what fallocate() gets is whole
 *	blocks, and never empty.
 * BOUND: none: every range, blocks of 1 to 4096 bytes
 * SCALE: devices/block/request.c: "blk_span(blk, r, r->left < edge ? r->left : edge);" => "r->part = r->left < edge ? r->left : edge;"
 * BUG: devices/block/request.c: "(askew || r->left < align)" => "(askew)"
 */
void proof_plan_range(void)
{
	uint64_t align;

	any_blk();
	align = blk.image.range_align;
	r->type = any_bool() ? VIRTIO_BLK_T_DISCARD : VIRTIO_BLK_T_WRITE_ZEROES;
	ASSUME(r->left && r->pos <= 1ull << 62 && r->left <= 1ull << 62);
	ASSUME(r->type != VIRTIO_BLK_T_DISCARD || !((r->pos | r->left) & (align - 1)));
	plan_range(&blk, r);
	PROVE(r->part && r->part <= r->left, "progress");
	PROVE(r->by_hand || !((r->pos | r->part) & (align - 1)), "whole blocks");
	PROVE(!r->by_hand || (r->pos & (align - 1)) + r->part <= align, "one block's edge");
}

/*
 * PROOF: a request is a writer at most once, and while one is exclusive there is no other.
 * BOUND: none: every state of the counters
 * BUG: devices/block/span.c: "if (r->exclusive && blk->writers) {" => "if (0) {"
 */
void proof_writers(void)
{
	unsigned int before;

	any_blk();
	blk.exclusive = any_bool();
	ASSUME(!blk.exclusive || blk.writers == 1);
	r->writer = false;
	before = blk.writers;
	if (!blk_may_write(&blk, r)) {
		PROVE(blk.writers == before, "it waits");
		return;
	}
	PROVE(blk.writers == before + 1 && r->writer, "it counts");
	PROVE(!blk.exclusive || blk.writers == 1, "alone");
	blk_wrote(&blk, r);
	blk_wrote(&blk, r);
	PROVE(blk.writers == before && !r->writer, "and does not any more");
}

/*
 * PROOF: buffers come back as many as went, whatever a request has taken.
 * BOUND: a pool of up to 2
 * BUG: devices/block/span.c: "*buffer = NULL;" => ""
 */
void proof_buffers(void)
{
	unsigned int before;

	any_blk();
	before = blk.bounces;
	r->bounce = blk_buffer(&blk);
	r->list = any_bool() ? blk_buffer(&blk) : NULL;
	blk_buffers_back(&blk, r);
	blk_buffers_back(&blk, r);
	PROVE(blk.bounces == before, "as many as went");
}
