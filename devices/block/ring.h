/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ring.h: the operations that lguest-block submits, one function each.
 *
 * They fill an entry that backend_sqe() gave; user_data is the loop's, @fd an index of the registered file table. Together with the loop's own they are the
 * opcodes of devices/block/manifest.c.
 */
#ifndef LGUEST_BLOCK_RING_H
#define LGUEST_BLOCK_RING_H

#include <linux/io_uring.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

/* An entry comes as its last user left it; some opcodes refuse leftovers. */
static inline void blk_prep(struct io_uring_sqe *sqe, uint8_t opcode, int fd)
{
	*sqe = (struct io_uring_sqe){
		.opcode = opcode, .flags = IOSQE_FIXED_FILE, .fd = fd, .user_data = sqe->user_data,
	};
}

static inline void blk_prep_rw(struct io_uring_sqe *sqe, bool read, int fd, void *buf, uint32_t len, uint64_t pos,
			       int rw_flags)
{
	blk_prep(sqe, read ? IORING_OP_READ : IORING_OP_WRITE, fd);
	sqe->addr = (uintptr_t)buf;
	sqe->len = len;
	sqe->off = pos;
	sqe->rw_flags = (uint32_t)rw_flags;
}

static inline void blk_prep_rwv(struct io_uring_sqe *sqe, bool read, int fd, const struct iovec *v, int n,
				uint64_t pos, int rw_flags)
{
	if (n == 1 && v->iov_len <= INT32_MAX) {	/* no segment list to import: a little cheaper */
		blk_prep_rw(sqe, read, fd, v->iov_base, (uint32_t)v->iov_len, pos, rw_flags);
		return;
	}
	blk_prep(sqe, read ? IORING_OP_READV : IORING_OP_WRITEV, fd);
	sqe->addr = (uintptr_t)v;
	sqe->len = (uint32_t)n;
	sqe->off = pos;
	sqe->rw_flags = (uint32_t)rw_flags;
}

static inline void blk_prep_fsync(struct io_uring_sqe *sqe, int fd)
{
	blk_prep(sqe, IORING_OP_FSYNC, fd);
	sqe->fsync_flags = IORING_FSYNC_DATASYNC;
}

static inline void blk_prep_fallocate(struct io_uring_sqe *sqe, int fd, int mode, uint64_t pos, uint64_t len)
{
	blk_prep(sqe, IORING_OP_FALLOCATE, fd);
	sqe->len = (uint32_t)mode;
	sqe->off = pos;
	sqe->addr = len;
}

#endif
