/* SPDX-License-Identifier: GPL-2.0 */
/*
 * blkdrv.h: a virtio-blk driver without a guest, on our front end (driver.h): headers, status bytes, indirect descriptors. It drives
 * any vhost-user-blk back end, ours or a foreign one, at full speed, and goes on with a new process after the old one was killed. Test code.
 */
#ifndef LGUEST_BLKDRV_H
#define LGUEST_BLKDRV_H

#include <linux/virtio_blk.h>

#include "tests/lib/driver.h"

#define BLKDRV_QUEUES 4u
#define BLKDRV_NUM 128u		/* ring entries; indirect descriptors, so as many requests */

/* What a request has beside its descriptors, by the number of the first of these. */
struct blkdrv_queue {
	struct drv_queue *ring;
	struct vq_desc *indirect;	/* three for each request */
	struct virtio_blk_outhdr *hdr;
	uint8_t *status;
	uint64_t tag[BLKDRV_NUM];
};

struct blkdrv {
	struct drv drv;
	struct virtio_blk_config config;
	bool indirect;
	uint8_t *data;		/* buffer space behind the rings */
	size_t data_size;
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
 * @desc: its descriptors; next and the NEXT flag are filled in, @n: 1 to 8 of them
 *
 * blkdrv_poll() reports its completion under tag @tag, with the status byte that blkdrv_submit() would have used: *blkdrv_next_status().
 */
void blkdrv_raw(struct blkdrv *d, const struct vq_desc *desc, uint16_t n, uint64_t tag);
uint8_t *blkdrv_next_status(struct blkdrv *d);

/** blkdrv_gpa() - guest-physical address of a pointer into d->mem. */
uint64_t blkdrv_gpa(const struct blkdrv *d, const void *p);

/** blkdrv_kill() - kill -9, reap, and wait until its last I/O is over. Return: milliseconds from kill to drained. */
double blkdrv_kill(struct drv_child *c);

int blkdrv_connect(const char *path);

#endif
