/* SPDX-License-Identifier: GPL-2.0 */
/*
 * block.h: what the files of lguest-block share.
 *
 * image.c knows the image before the sandbox, request.c knows requests, span.c what goes through a buffer of our own, main.c is the
 * table that joins them to the back-end loop (devices/backend.h).
 */
#ifndef LGUEST_BLOCK_H
#define LGUEST_BLOCK_H

#include <linux/virtio_blk.h>

#include "devices/backend.h"
#include "devices/rate.h"

#define BLK_SECTOR 512u
#define BLK_SEGS 128u		/* segments of a request, header and status included, that a driver is told of */
#define BLK_CHAIN (VQ_MAX_CHAIN + BLK_QUEUE_SIZE)	/* and those that one which was not told can send */
#define BLK_RANGE 131072u	/* sectors of a discard or write-zeroes that is offered, and of one operation, 64 MiB: a killed role is over when those under way are */
#define BLK_RANGE_TAKEN (INT32_MAX / BLK_SECTOR)	/* what was offered until 1.1: a driver that has asked a version of then goes by it, in pieces of BLK_RANGE */
#define BLK_QUEUES 16u
#define BLK_QUEUE_SIZE 256u
#define BLK_ID_LEN 20u
#define BLK_CONFIG_SIZE 60u	/* up to write_zeroes_may_unmap */
#define BLK_BOUNCE_SIZE 65536u
#define BLK_BOUNCES 8u

/**
 * struct blk_image - one raw image, opened and locked; never probed for a format
 * @fd: its descriptor (POLICY_FD_RESOURCE once placed)
 * @capacity: bytes, a multiple of BLK_SECTOR
 * @read_only: opened O_RDONLY; the role refuses writes as well
 * @direct: O_DIRECT; @mem_align, @off_align: what that asks of buffers and offsets, in bytes; powers of two, 1 without
 * @range_align: what fallocate() asks: 1 of a file, its sector of a block device
 * @block_size: what the guest is told, bytes; @physical: what it had better write at once
 * @can_discard: the file system punches holes, or it is a block device: some can, and the others say so at each request
 * @regular: a regular file, not a block device
 */
struct blk_image {
	int fd;
	uint64_t capacity;
	bool read_only;
	bool direct;
	bool can_discard;
	bool regular;
	uint32_t mem_align;
	uint32_t off_align;
	uint32_t range_align;
	uint32_t block_size;
	uint32_t physical;
};

/**
 * struct blk_req - one request in flight; its index is the head of its chain
 * @op: its operation on the ring
 * @q: its queue, @head: what vq_push() wants
 * @status: the guest's status byte
 * @pos: byte offset in the image of what is left, @left: bytes left, @len: bytes asked for
 * @bounce: buffer for what the image can't take as it is, or NULL
 * @start, @span: of the image, what the operation under way has in @bounce; @part: bytes of the request that it is about
 * @fill: the span is being read, because the request changes only some of it; @filled: it was, and is to be written
 * @by_hand: this part of a write-zeroes is written, since fallocate() takes whole blocks only
 * @other_way: zeroes that fallocate() could not make as asked are made as a hole, or written in place of one
 * @writer: counts among blk.writers; @exclusive: as the only one
 * @tries: of this operation, that were interrupted
 * @seg: what is left of the data, [@first, @nseg): in @near, or in a buffer of the pool (@list)
 */
struct blk_req {
	struct backend_op op;
	struct backend *be;
	struct vq *q;
	uint8_t *status;
	uint8_t *bounce, *list;
	uint64_t pos;
	uint64_t left;
	uint64_t len;
	uint64_t start, part;
	uint32_t span;
	uint32_t type;
	int fallocate_mode;
	uint16_t head;
	uint16_t nseg;
	uint16_t first;
	uint8_t tries;
	bool fill, filled, by_hand, writer, exclusive, other_way;
	struct iovec *seg;
	struct iovec near[BLK_SEGS];
};

/**
 * struct blk - the device
 * @req: BLK_QUEUE_SIZE requests for each queue
 * @fixed: the image's index in the ring's file table
 * @flush_acked: the driver can flush; @may_ask: it can ask whether there is a write cache
 * @chosen_through: a driver has turned the cache off; @told_cached: the front end was told, or said, that it is on, and nothing else since
 * @write_through: every write is on the disk when it completes
 * @bounce_free: buffers not in use
 * @starved: queues that wait for a buffer, or for a writer, a bit each
 * @writers: requests in flight that change the image, @exclusive: one of them does it by reading and writing back
 * @waits_alone: 1 + the queue whose next request waits to be the only writer, 0 = none
 * @block_size: what the guest shall be told, 0 = 512
 * @rate: what is taken of its queues in a second, @cost: bytes that the request being taken is charged, which its type may add to
 */
struct blk {
	struct backend *be;
	struct blk_image image;
	int fixed;
	const char *path;
	int given_fd;
	bool want_read_only;
	bool want_direct;
	bool no_discard;
	uint16_t queues;
	char serial[BLK_ID_LEN];
	bool flush_acked, may_ask;
	bool chosen_through, told_cached;
	bool write_through;
	struct blk_req *req;
	uint8_t *bounce_free[BLK_BOUNCES];
	unsigned int bounces;
	uint32_t starved;
	uint32_t block_size;
	unsigned int writers, waits_alone;
	bool exclusive;
	struct rate rate;
	uint64_t cost;
};

/**
 * blk_image_open() - open (or take) the image, check its kind, lock it
 * @blk: the device; path or given_fd, want_read_only and want_direct say what to open
 *
 * Return: 0, or -errno after backend_fail().
 */
int blk_image_open(struct blk *blk);

/**
 * blk_submit() - take one popped chain and start it, or answer it at once
 * @blk: the device
 * @q: its queue
 * @c: the chain
 *
 * Return: true when taken, false when it must wait for a buffer or for others that write: give it back with vq_unpop().
 */
bool blk_submit(struct blk *blk, struct vq *q, const struct vq_chain *c);

/* span.c */

/** blk_buffer() - take a buffer of BLK_BOUNCE_SIZE bytes out of the pool. Return: NULL when none is free. */
uint8_t *blk_buffer(struct blk *blk);

/** blk_buffers_back() - give a request's buffers back. */
void blk_buffers_back(struct blk *blk, struct blk_req *r);

/**
 * blk_may_write() - may this request change the image now?
 * @blk: the device
 * @r: the request; @r->exclusive when it reads what is around its data and writes that back
 *
 * What one request reads and writes back another must not change meanwhile: such a one is alone among those that write.
 *
 * Return: true when it counts as a writer from now on; false: it must wait.
 */
bool blk_may_write(struct blk *blk, struct blk_req *r);

/** blk_wrote() - the request is over: it does not count any more. */
void blk_wrote(struct blk *blk, struct blk_req *r);

/** blk_wake() - let the queues that wait try again. */
void blk_wake(struct blk *blk);

/**
 * blk_span() - what of the image the request's next operation has in its buffer
 * @blk: the device
 * @r: @r->bounce is there
 * @most: bytes of the request that it may be about
 *
 * Sets @start, @span, @part and @fill; for a write that needs no reading before, the buffer has its data.
 */
void blk_span(const struct blk *blk, struct blk_req *r, uint64_t most);

/** blk_span_moved() - @res bytes of the span were moved. Return: bytes of the request that are done; -1: it cannot be done. */
int64_t blk_span_moved(const struct blk *blk, struct blk_req *r, uint32_t res);

#endif
