/* SPDX-License-Identifier: GPL-2.0 */
/*
 * block.h: what the files of lguest-block share.
 *
 * image.c knows the image before the sandbox, request.c knows requests, main.c is the table that joins both to the
 * back-end loop (devices/backend.h).
 */
#ifndef LGUEST_BLOCK_H
#define LGUEST_BLOCK_H

#include <linux/virtio_blk.h>

#include "devices/backend.h"

#define BLK_SECTOR 512u
#define BLK_SEGS 128u		/* segments of a request, header and status included */
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
 * @direct: O_DIRECT; @mem_align, @off_align: what that asks of buffers and offsets, in bytes
 * @block_size: what the guest is told, bytes
 * @can_discard: the file system punches holes
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
	uint32_t block_size;
};

/**
 * struct blk_req - one request in flight; its index is the head of its chain
 * @op: its operation on the ring
 * @q: its queue, @head: what vq_push() wants
 * @status: the guest's status byte
 * @pos: byte offset in the image of what is left, @left: bytes left, @len: bytes asked for
 * @bounce: buffer for a request that O_DIRECT can't take as it is, @chunk: bytes of it in use
 * @seg: what is left of the data
 */
struct blk_req {
	struct backend_op op;
	struct backend *be;
	struct vq *q;
	uint8_t *status;
	uint8_t *bounce;
	uint64_t pos;
	uint64_t left;
	uint64_t len;
	uint32_t type;
	uint32_t chunk;
	int fallocate_mode;
	uint16_t head;
	uint16_t nseg;
	uint16_t first;
	struct iovec seg[BLK_SEGS];
};

/**
 * struct blk - the device
 * @req: BLK_QUEUE_SIZE requests for each queue
 * @fixed: the image's index in the ring's file table
 * @write_through: every write is on the disk when it completes (driver without FLUSH, or its choice)
 * @bounce_free: buffers not in use
 */
struct blk {
	struct backend *be;
	struct blk_image image;
	int fixed;
	const char *path;
	int given_fd;
	bool want_read_only;
	bool want_direct;
	uint16_t queues;
	char serial[BLK_ID_LEN];
	bool flush_acked;
	bool write_through;
	struct blk_req *req;
	uint8_t *bounce_free[BLK_BOUNCES];
	unsigned int bounces;
	uint32_t starved;	/* queues that wait for a bounce buffer, a bit each */
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
 * Return: true when taken, false when it needs a bounce buffer and none is free: give it back with vq_unpop().
 */
bool blk_submit(struct blk *blk, struct vq *q, const struct vq_chain *c);

#endif
