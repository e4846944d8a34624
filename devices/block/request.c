// SPDX-License-Identifier: GPL-2.0
/*D:550
 * request.c: one virtio-blk request, from a popped chain to its status byte (virtio 1.2, 5.2.6).
 *
 * It may read a request's header and segment list once, through the virtqueue library, and start I/O on the one
 * image within its capacity. It may not trust a length, a sector or a flag, and answers what it refuses with a status
 * byte: a chain without room for that byte is the only one that breaks the queue.
 *
 * Two engines: operations on the loop's ring, or preadv and pwritev where the host forbids io_uring.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include <liburing.h>

#include "devices/block/block.h"

struct blk_header {
	uint32_t type;
	uint32_t reserved;
	uint64_t sector;
};

/* An operation that is interrupted so often in a row will not be done. */
#define TRIES 100u

/* What one system call takes (UIO_MAXIOV). */
#define SEGS_AT_ONCE 1024

/* @written: data bytes that the guest may believe, from the start of its writable segments. */
static void complete(struct blk *blk, struct blk_req *r, uint8_t status, uint64_t written)
{
	blk_buffers_back(blk, r);
	blk_wrote(blk, r);
	blk_wake(blk);
	__atomic_store_n(r->status, status, __ATOMIC_RELAXED);
	vq_push(r->q, r->head, written + 1 > UINT32_MAX ? UINT32_MAX : (uint32_t)written + 1);
}

/* Drop the first @n bytes of what is left. */
static void advance(struct blk_req *r, uint64_t n)
{
	r->pos += n;
	r->left -= n;
	while (n && r->first < r->nseg) {
		struct iovec *v = &r->seg[r->first];

		if (n < v->iov_len) {
			v->iov_base = (uint8_t *)v->iov_base + n;
			v->iov_len -= n;
			return;
		}
		n -= v->iov_len;
		r->first++;
	}
}

static bool is_read(const struct blk_req *r)
{
	return r->type == VIRTIO_BLK_T_IN;
}

static bool is_transfer(const struct blk_req *r)
{
	return r->type == VIRTIO_BLK_T_IN || r->type == VIRTIO_BLK_T_OUT || r->by_hand;
}

/* So much is done. Return: true when there is more. */
static bool go_on(struct blk *blk, struct blk_req *r, uint64_t done)
{
	advance(r, done);
	if (r->left)
		return true;
	/* Zeroes are a write too: with the cache off they are on the disk before they are said to be. */
	if (blk->write_through && r->type == VIRTIO_BLK_T_WRITE_ZEROES) {
		r->type = VIRTIO_BLK_T_FLUSH;
		r->by_hand = false;
		r->part = 0;
		return true;
	}
	complete(blk, r, VIRTIO_BLK_S_OK, is_read(r) ? r->len : 0);
	return false;
}

/* A range operation or a flush ended. Return: true to run it again, in another way, or for the rest. */
static bool step_range(struct blk *blk, struct blk_req *r, int64_t res)
{
	/* Neither is everywhere, tmpfs has the hole alone and a plain disk the zeroes alone; and either reads as zeroes. */
	if (res == -EOPNOTSUPP && r->type == VIRTIO_BLK_T_WRITE_ZEROES && !r->other_way) {
		r->fallocate_mode ^= FALLOC_FL_ZERO_RANGE | FALLOC_FL_PUNCH_HOLE;
		r->other_way = true;
		return true;
	}
	/* A discard is a hint: a disk that knows none is done with it. */
	if (res == -EOPNOTSUPP && r->type == VIRTIO_BLK_T_DISCARD && !blk->image.regular)
		res = 0;
	if (!res) {
		r->tries = 0;
		return go_on(blk, r, r->part);
	}
	complete(blk, r, res == -EOPNOTSUPP ? VIRTIO_BLK_S_UNSUPP : VIRTIO_BLK_S_IOERR, 0);
	return false;
}

/* One operation ended: @res bytes or -errno. Return: true when the rest of the request needs another. */
static bool step(struct blk *blk, struct blk_req *r, int64_t res)
{
	bool buffered = r->bounce && is_transfer(r);

	if ((res == -EINTR || res == -EAGAIN) && ++r->tries < TRIES)
		return true;
	if (!is_transfer(r))
		return step_range(blk, r, res);
	/* 0 is the end of an image that somebody cut short. More than asked for can't be: don't count on it. */
	if (res <= 0 || (uint64_t)res > (buffered ? r->span : r->left))
		res = -1;
	else if (buffered)
		res = blk_span_moved(blk, r, (uint32_t)res);
	else	/* less than asked for: go on with whole blocks of it */
		res = res < (int64_t)blk->image.off_align ? -1 : res & ~(int64_t)(blk->image.off_align - 1);
	if (res < 0) {
		complete(blk, r, VIRTIO_BLK_S_IOERR, 0);
		return false;
	}
	r->tries = 0;
	return !res || go_on(blk, r, (uint64_t)res);
}

/* The edges of a range that lies askew in its blocks are written, the blocks between are left to fallocate(). */
static void plan_range(struct blk *blk, struct blk_req *r)
{
	uint64_t align = blk->image.range_align, askew = r->pos & (align - 1), edge = align - askew;

	r->by_hand = r->type == VIRTIO_BLK_T_WRITE_ZEROES && (askew || r->left < align);
	if (r->by_hand)
		blk_span(blk, r, r->left < edge ? r->left : edge);
	else
		r->part = (r->left < BLK_RANGE * BLK_SECTOR ? r->left : BLK_RANGE * BLK_SECTOR) & ~(align - 1);
}

/* What the next operation is about; one that has been read to be changed is written. */
static void plan(struct blk *blk, struct blk_req *r)
{
	if (r->filled)
		return;
	if (r->type == VIRTIO_BLK_T_DISCARD || r->type == VIRTIO_BLK_T_WRITE_ZEROES)
		plan_range(blk, r);
	else if (r->bounce)
		blk_span(blk, r, r->left);
}

static int segs_at_once(const struct blk_req *r)
{
	return r->nseg - r->first < SEGS_AT_ONCE ? r->nseg - r->first : SEGS_AT_ONCE;
}

/* One piece needs no segment list, which the kernel would import: a little cheaper. */
static void prep_transfer(struct blk *blk, const struct blk_req *r, struct io_uring_sqe *sqe, bool read)
{
	const struct iovec *v = &r->seg[r->first];
	const struct iovec one = r->bounce ? (struct iovec){ r->bounce, r->span } : *v;
	int n = r->bounce ? 1 : segs_at_once(r), flags = blk->write_through && !read ? RWF_DSYNC : 0;
	uint64_t at = r->bounce ? r->start : r->pos;

	if (n == 1 && one.iov_len <= INT32_MAX && read)
		io_uring_prep_read(sqe, blk->fixed, one.iov_base, (unsigned int)one.iov_len, at);
	else if (n == 1 && one.iov_len <= INT32_MAX)
		io_uring_prep_write(sqe, blk->fixed, one.iov_base, (unsigned int)one.iov_len, at);
	else if (read)
		io_uring_prep_readv(sqe, blk->fixed, v, (unsigned int)n, at);
	else
		io_uring_prep_writev(sqe, blk->fixed, v, (unsigned int)n, at);
	sqe->rw_flags = flags;
}

static void run_ring(struct blk *blk, struct blk_req *r)
{
	struct io_uring_sqe *sqe = backend_sqe(blk->be, &r->op);

	if (r->type == VIRTIO_BLK_T_FLUSH)
		io_uring_prep_fsync(sqe, blk->fixed, IORING_FSYNC_DATASYNC);
	else if (!is_transfer(r))
		io_uring_prep_fallocate(sqe, blk->fixed, r->fallocate_mode, (off_t)r->pos, (off_t)r->part);
	else
		prep_transfer(blk, r, sqe, is_read(r) || r->fill);
	sqe->flags = IOSQE_FIXED_FILE;
}

static int64_t transfer(struct blk *blk, const struct blk_req *r)
{
	const struct iovec whole = { r->bounce, r->span };
	const struct iovec *v = r->bounce ? &whole : &r->seg[r->first];
	off_t at = (off_t)(r->bounce ? r->start : r->pos);
	int n = r->bounce ? 1 : segs_at_once(r);
	ssize_t res;

	if (is_read(r) || r->fill) {
		res = preadv(blk->image.fd, v, n, at);
		return res < 0 ? -errno : res;
	}
	res = pwritev(blk->image.fd, v, n, at);
	if (res > 0 && blk->write_through && fdatasync(blk->image.fd))
		res = -1;
	return res < 0 ? -errno : res;
}

static int64_t run_sync(struct blk *blk, struct blk_req *r)
{
	int fd = blk->image.fd;

	if (r->type == VIRTIO_BLK_T_FLUSH)
		return fdatasync(fd) ? -errno : 0;
	if (!is_transfer(r))
		return fallocate(fd, r->fallocate_mode, (off_t)r->pos, (off_t)r->part) ? -errno : 0;
	return transfer(blk, r);
}

/* Start what is left of a request; without a ring, finish it. */
static void run(struct blk *blk, struct blk_req *r)
{
	do {
		plan(blk, r);
		if (backend_has_ring(blk->be)) {
			run_ring(blk, r);
			return;
		}
	} while (step(blk, r, run_sync(blk, r)));
}

/*D:570
 * The kernel has moved bytes of the image, or failed. step() above says what this makes of the request: it is over, or
 * it needs another operation, which goes on where a short one ended. When it is over the status byte was written before
 * the request went back to the driver (complete()), and the loop is told that there is something to publish.
 */
static void ring_done(struct backend_op *op, int32_t res)
{
	struct blk_req *r = (struct blk_req *)((char *)op - offsetof(struct blk_req, op));
	struct blk *blk = backend_dev(r->be);

	if (step(blk, r, res))
		run(blk, r);
	else
		backend_notify(r->be, r->q);
}

/* Does the range lie in the image? Sectors come from the guest: every sum may wrap. */
static bool in_range(const struct blk *blk, uint64_t sector, uint64_t bytes, uint64_t *pos)
{
	uint64_t end;

	return !__builtin_mul_overflow(sector, (uint64_t)BLK_SECTOR, pos) &&
	       !__builtin_add_overflow(*pos, bytes, &end) && end <= blk->image.capacity;
}

/* Does a part of the image begin and end with a block? */
static bool is_whole(const struct blk_req *r, uint64_t align)
{
	return !((r->pos | r->len) & (align - 1));
}

/* Would O_DIRECT refuse (or quietly buffer) these segments? */
static bool needs_bounce(const struct blk *blk, const struct blk_req *r)
{
	uint64_t mask = blk->image.mem_align - 1, len_mask = blk->image.off_align - 1;

	if (!blk->image.direct)
		return false;
	if (!is_whole(r, blk->image.off_align))
		return true;
	for (uint16_t i = 0; i < r->nseg; i++)
		if (((uintptr_t)r->seg[i].iov_base & mask) || (r->seg[i].iov_len & len_mask))
			return true;
	return false;
}

/* Refusals by status; 0xff: taken, started later by the caller. 0xfe: a buffer, or its turn to write, is not there yet. */
#define TAKEN 0xff
#define STARVED 0xfe

/* The last that a request asks for, when nothing else can refuse it. */
static uint8_t take_turn(struct blk *blk, struct blk_req *r, bool bounce)
{
	if (bounce && !(r->bounce = blk_buffer(blk)))
		return STARVED;
	if (is_read(r))
		return TAKEN;
	r->exclusive = bounce && !is_whole(r, blk->image.off_align);
	return blk_may_write(blk, r) ? TAKEN : STARVED;
}

static uint8_t take_rw(struct blk *blk, struct blk_req *r, const struct vq_chain *c, uint64_t sector)
{
	const struct iovec *seg = is_read(r) ? c->seg + c->out : c->seg;
	unsigned int n = is_read(r) ? c->in : c->out;
	uint64_t off = is_read(r) ? 0 : sizeof(struct blk_header);

	r->len = is_read(r) ? c->in_len - 1 : c->out_len - sizeof(struct blk_header);
	if (!is_read(r) && blk->image.read_only)
		return VIRTIO_BLK_S_IOERR;
	if (!r->len || r->len % BLK_SECTOR || !in_range(blk, sector, r->len, &r->pos))
		return VIRTIO_BLK_S_IOERR;
	if (n > BLK_SEGS) {
		_Static_assert(BLK_CHAIN * sizeof(*seg) <= BLK_BOUNCE_SIZE, "any list of segments fits into a buffer");
		r->list = blk_buffer(blk);
		if (!r->list)
			return STARVED;
		r->seg = (struct iovec *)(void *)r->list;
	}
	r->left = r->len;
	r->nseg = (uint16_t)vq_slice(seg, n, off, r->len, r->seg);
	if (!r->nseg)
		return VIRTIO_BLK_S_IOERR;
	return take_turn(blk, r, needs_bounce(blk, r));
}

/* Blocks of which only a part is not wanted any more stay. */
static bool trim_to_blocks(struct blk_req *r, uint64_t align)
{
	uint64_t begin = (r->pos + align - 1) & ~(align - 1), end = (r->pos + r->len) & ~(align - 1);

	if (begin >= end)
		return false;
	r->pos = begin;
	r->len = end - begin;
	return true;
}

/* One range per request, and none that is longer than the config space says, or ever said (5.2.6.2). */
static uint8_t take_range(struct blk *blk, struct blk_req *r, const struct vq_chain *c)
{
	struct virtio_blk_discard_write_zeroes range;
	bool zeroes = r->type == VIRTIO_BLK_T_WRITE_ZEROES;

	if (blk->image.read_only)
		return VIRTIO_BLK_S_IOERR;
	if (!blk->image.can_discard)
		return VIRTIO_BLK_S_UNSUPP;
	if (c->out_len != sizeof(struct blk_header) + sizeof(range) ||
	    vq_copy_out(c, sizeof(struct blk_header), &range, sizeof(range)) != sizeof(range))
		return VIRTIO_BLK_S_IOERR;
	if (range.flags & ~(zeroes ? VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP : 0u))
		return VIRTIO_BLK_S_UNSUPP;
	r->len = (uint64_t)range.num_sectors * BLK_SECTOR;
	if (!r->len || range.num_sectors > BLK_RANGE_TAKEN || !in_range(blk, range.sector, r->len, &r->pos))
		return VIRTIO_BLK_S_IOERR;
	/* Zeroes may have to be written; a discard the host does without, or not at all. */
	blk->cost += zeroes ? r->len : 0;
	if (!zeroes && !trim_to_blocks(r, blk->image.range_align))
		return VIRTIO_BLK_S_OK;
	r->left = r->len;
	r->fallocate_mode = FALLOC_FL_KEEP_SIZE |
			    (zeroes && !range.flags ? FALLOC_FL_ZERO_RANGE : FALLOC_FL_PUNCH_HOLE);
	return take_turn(blk, r, !is_whole(r, blk->image.range_align));
}

static uint8_t take(struct blk *blk, struct blk_req *r, const struct vq_chain *c, uint64_t *written)
{
	struct blk_header h;

	if (vq_copy_out(c, 0, &h, sizeof(h)) != sizeof(h))
		return VIRTIO_BLK_S_IOERR;
	r->type = h.type;
	switch (h.type) {
	case VIRTIO_BLK_T_IN:
	case VIRTIO_BLK_T_OUT:
		return take_rw(blk, r, c, h.sector);
	case VIRTIO_BLK_T_FLUSH:
		if (blk->image.read_only)
			return VIRTIO_BLK_S_OK;	/* nothing was written; its manifest has no such call */
		r->left = r->part = 0;
		return TAKEN;
	case VIRTIO_BLK_T_DISCARD:
	case VIRTIO_BLK_T_WRITE_ZEROES:
		return take_range(blk, r, c);
	case VIRTIO_BLK_T_GET_ID:
		*written = c->in_len - 1 < BLK_ID_LEN ? c->in_len - 1 : BLK_ID_LEN;
		vq_copy_in(c, 0, blk->serial, (size_t)*written);
		return VIRTIO_BLK_S_OK;
	default:
		return VIRTIO_BLK_S_UNSUPP;
	}
}

/*D:560
 * A disk request, straight from vq_pop(): its segments are checked pointers by now, and what they hold is still only
 * the guest's word. The last byte that may be written is where the answer goes; a chain without one is the only request
 * that cannot even be refused. take() above decides on every other: refuse it, answer it at once, start it, or let it
 * wait for a buffer or for its turn to write.
 */
bool blk_submit(struct blk *blk, struct vq *q, const struct vq_chain *c)
{
	struct blk_req *r = &blk->req[q->index * BLK_QUEUE_SIZE + c->head];
	const struct iovec *last = c->seg + c->out + c->in - 1;
	uint64_t written = 0;
	uint8_t status;

	if (!c->in) {
		/* Given back all the same: a chain that stays in flight would keep the queue from ever stopping. */
		vq_push(q, c->head, 0);
		vq_break(q, "a block request without a status byte");
		return true;
	}
	r->op.done = ring_done;
	r->be = blk->be;
	r->q = q;
	r->head = c->head;
	r->first = r->nseg = 0;
	r->seg = r->near;
	r->bounce = r->list = NULL;
	r->tries = 0;
	r->fill = r->filled = r->by_hand = r->writer = r->exclusive = r->other_way = false;
	r->status = (uint8_t *)last->iov_base + last->iov_len - 1;
	r->fallocate_mode = 0;
	status = take(blk, r, c, &written);
	if (status == STARVED) {
		blk_buffers_back(blk, r);
		blk->starved |= 1u << q->index;
		return false;
	}
	if (status == TAKEN)
		run(blk, r);
	else
		complete(blk, r, status, written);
	return true;
}
