/* SPDX-License-Identifier: GPL-2.0 */
/*
 * blkdrv.h: a virtio-blk driver without a guest: the native front end of the block tests and benchmarks.
 *
 * It drives any vhost-user-blk back end, ours or a foreign one, at full speed: memory, rings, requests, completions,
 * and going on with a new process after the old one was killed. Test code.
 */
#ifndef LGUEST_BLKDRV_H
#define LGUEST_BLKDRV_H

#include <linux/virtio_blk.h>
#include <linux/virtio_ring.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "ipc/vhost_user_frontend.h"

#define BLKDRV_QUEUES 4u
#define BLKDRV_NUM 128u		/* ring entries; indirect descriptors, so as many requests */
#define BLKDRV_SEGS 16u
#define BLKDRV_GPA 0x100000000ull
#define BLKDRV_UADDR 0x7000000000ull

/* A request as the driver keeps it. */
struct blkdrv_slot {
	bool busy;
	uint64_t tag;
};

struct blkdrv_queue {
	unsigned int index;
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	struct vring_desc *indirect;	/* BLKDRV_SEGS + 2 per slot */
	struct virtio_blk_outhdr *hdr;	/* one per slot */
	uint8_t *status;		/* one per slot */
	uint16_t avail_idx, kicked_idx, last_used, free_n;
	uint16_t free[BLKDRV_NUM];
	struct blkdrv_slot slot[BLKDRV_NUM];
	int kick, call;
	uint64_t kicks, waits;
};

struct blkdrv {
	struct vu_fe fe;
	struct virtio_blk_config config;
	uint64_t features;
	bool indirect, event_idx;
	int memfd;
	uint8_t *mem;
	size_t mem_size;
	uint8_t *data;		/* buffer space behind the rings */
	size_t data_size;
	unsigned int queues;
	struct blkdrv_queue q[BLKDRV_QUEUES];
};

/* One completion. */
struct blkdrv_done {
	uint64_t tag;
	uint32_t len;
	uint8_t status;
};

/**
 * blkdrv_open() - connect, negotiate, share memory, start the queues
 * @d: filled
 * @fd: connected socket
 * @queues: queues to use, @data_size: bytes of buffer space
 * @features: virtio features to accept at most
 *
 * Return: 0 or -errno.
 */
int blkdrv_open(struct blkdrv *d, int fd, unsigned int queues, size_t data_size, uint64_t features);
void blkdrv_close(struct blkdrv *d);

/** blkdrv_reconnect() - go on with a new back end on @fd; requests in flight are replayed by it. */
int blkdrv_reconnect(struct blkdrv *d, int fd);

/**
 * blkdrv_submit() - queue one request; blkdrv_kick() tells the back end
 * @type: VIRTIO_BLK_T_*, @sector: first sector
 * @buf: data, inside d->data, @len: bytes; device-writable for VIRTIO_BLK_T_IN and GET_ID
 * @tag: comes back with the completion
 *
 * Return: false when the ring is full.
 */
bool blkdrv_submit(struct blkdrv *d, unsigned int queue, uint32_t type, uint64_t sector, void *buf, uint32_t len,
		   uint64_t tag);
void blkdrv_kick(struct blkdrv *d, unsigned int queue);

/** blkdrv_poll() - take one completion. Return: 1, 0 = none, -EPROTO = the back end completed what was not in flight. */
int blkdrv_poll(struct blkdrv *d, unsigned int queue, struct blkdrv_done *done);

/** blkdrv_wait() - sleep until the queue has a completion. Return: 0, or -ETIMEDOUT. */
int blkdrv_wait(struct blkdrv *d, unsigned int queue, int timeout_ms);

/** blkdrv_io() - one request and its completion. Return: status byte (>= 0), or -errno. */
int blkdrv_io(struct blkdrv *d, uint32_t type, uint64_t sector, void *buf, uint32_t len);

/**
 * blkdrv_raw() - put a chain of any shape in queue 0 and kick
 * @desc: its descriptors; next and the NEXT flag are filled in, @n: 1 to 8 of them. Only on an idle queue.
 *
 * blkdrv_poll() reports its completion under tag @tag, with the status byte that blkdrv_submit() would have used.
 */
void blkdrv_raw(struct blkdrv *d, const struct vring_desc *desc, uint16_t n, uint64_t tag);

/** blkdrv_gpa() - guest-physical address of a pointer into d->mem. */
uint64_t blkdrv_gpa(const struct blkdrv *d, const void *p);

/* A back end that the test starts itself, on a socket pair. */
struct blkdrv_backend {
	pid_t pid;
	int drain;	/* read end of its drain pipe */
	bool quiet;	/* its messages go nowhere */
};

/**
 * blkdrv_spawn() - start a program with one end of a socket pair as --fd and a drain pipe as --drain-fd
 * @argv: program and options; two free entries before the NULL are filled in
 *
 * Return: our end of the pair, or -errno.
 */
int blkdrv_spawn(struct blkdrv_backend *be, const char *const *argv);

/** blkdrv_kill() - kill -9, reap, and wait until its last I/O is over. Return: milliseconds from kill to drained. */
double blkdrv_kill(struct blkdrv_backend *be);

int blkdrv_connect(const char *path);
double blkdrv_now(void);

#endif
