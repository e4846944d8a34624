// SPDX-License-Identifier: GPL-2.0
/*
 * blkdrv.c: see blkdrv.h. Single-threaded; a queue belongs to whoever calls for it.
 */
#include "tests/lib/blkdrv.h"

#include <errno.h>
#include <linux/virtio_ring.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define QUEUE_AREA 32768u	/* more than a queue of BLKDRV_NUM entries takes, with what its requests have beside */

uint64_t blkdrv_gpa(const struct blkdrv *d, const void *p)
{
	return drv_gpa(&d->drv, p);
}

static int start_queue(struct blkdrv *d, unsigned int index)
{
	struct blkdrv_queue *q = &d->q[index];

	q->ring = &d->drv.q[index];
	q->hdr = drv_alloc(&d->drv, BLKDRV_NUM * sizeof(*q->hdr), 16);
	q->status = drv_alloc(&d->drv, BLKDRV_NUM, 16);
	q->indirect = drv_alloc(&d->drv, BLKDRV_NUM * 3 * sizeof(*q->indirect), 16);
	return drv_queue_start(&d->drv, (uint16_t)index, BLKDRV_NUM);
}

int blkdrv_open(struct blkdrv *d, int fd, unsigned int queues, size_t data_size, uint64_t features)
{
	int err;

	memset(d, 0, sizeof(*d));
	d->data_size = data_size;
	d->drv.without_err = true;
	err = drv_open(&d->drv, fd, (size_t)queues * QUEUE_AREA + data_size, 20000);
	if (err)
		return err;
	features &= d->drv.fe.features & ~VU_F_PROTOCOL_FEATURES;
	d->indirect = features >> VIRTIO_RING_F_INDIRECT_DESC & 1;
	err = vu_fe_get_config(&d->drv.fe, 0, &d->config, 60);
	if (!err)
		err = vu_fe_set_features(&d->drv.fe, features);
	if (!err)
		err = vu_fe_inflight(&d->drv.fe, (uint16_t)queues, BLKDRV_NUM);
	for (unsigned int i = 0; !err && i < queues; i++)
		err = start_queue(d, i);
	if (err)
		fprintf(stderr, "blkdrv: set-up failed: %s (%s)\n", strerror(-err), d->drv.fe.error ? d->drv.fe.error : "no reason");
	else
		d->data = drv_alloc(&d->drv, data_size, 4096);
	return err;
}

int blkdrv_reconnect(struct blkdrv *d, int fd)
{
	int err = drv_reconnect(&d->drv, fd);

	/* As lguest-core does: lguest-block has a write cache only for who asks whether there is one. */
	return err ? err : vu_fe_get_config(&d->drv.fe, 0, &d->config, 60);
}

void blkdrv_close(struct blkdrv *d)
{
	drv_close(&d->drv);
}

/* A chain in the ring, or behind one entry of it. */
static bool put(struct blkdrv *d, struct blkdrv_queue *q, struct vq_desc *desc, unsigned int n, uint64_t tag)
{
	uint16_t head = q->ring->free_head;
	struct vq_desc *table = q->indirect + head * 3u;
	struct vq_desc whole = { .len = n * (uint32_t)sizeof(*desc), .flags = VQ_DESC_INDIRECT };

	if (d->indirect) {
		for (unsigned int i = 0; i < n; i++) {
			table[i] = desc[i];
			table[i].flags |= (uint16_t)(i + 1 < n ? VQ_DESC_NEXT : 0);
			table[i].next = (uint16_t)(i + 1);
		}
		whole.addr = blkdrv_gpa(d, table);
	}
	if (drv_chain(q->ring, d->indirect ? &whole : desc, d->indirect ? 1 : n) < 0)
		return false;
	q->tag[head] = tag;
	drv_publish(q->ring);
	return true;
}

bool blkdrv_submit(struct blkdrv *d, unsigned int queue, uint32_t type, uint64_t sector, void *buf, uint32_t len, uint64_t tag)
{
	struct blkdrv_queue *q = &d->q[queue];
	bool in = type == VIRTIO_BLK_T_IN || type == VIRTIO_BLK_T_GET_ID;
	uint16_t head = q->ring->free_head;
	struct vq_desc desc[3] = { { .len = sizeof(*q->hdr) } };
	unsigned int n = 1;

	if (q->ring->free_n < (d->indirect ? 1 : 3))
		return false;
	q->hdr[head] = (struct virtio_blk_outhdr){ .type = type, .sector = sector };
	q->status[head] = 0xff;
	desc[0].addr = blkdrv_gpa(d, &q->hdr[head]);
	if (len)
		desc[n++] = (struct vq_desc){ .addr = blkdrv_gpa(d, buf), .len = len, .flags = in ? VQ_DESC_WRITE : 0 };
	desc[n++] = (struct vq_desc){ .addr = blkdrv_gpa(d, &q->status[head]), .len = 1, .flags = VQ_DESC_WRITE };
	return put(d, q, desc, n, tag);
}

void blkdrv_kick(struct blkdrv *d, unsigned int queue)
{
	if (d->q[queue].ring->kicked_idx != d->q[queue].ring->avail_idx)
		drv_kick(d->q[queue].ring);
}

int blkdrv_poll(struct blkdrv *d, unsigned int queue, struct blkdrv_done *done)
{
	struct blkdrv_queue *q = &d->q[queue];
	uint32_t len;
	int head = drv_poll(q->ring, &len);

	if (head < 0)
		return head == -EAGAIN ? 0 : head;
	*done = (struct blkdrv_done){ q->tag[head], len, q->status[head] };
	return 1;
}

int blkdrv_wait(struct blkdrv *d, unsigned int queue, int timeout_ms)
{
	struct drv_queue *q = d->q[queue].ring;

	do {
		if (!drv_wait(q, timeout_ms))
			return -ETIMEDOUT;
	} while (__atomic_load_n(&q->used[1], __ATOMIC_ACQUIRE) == q->last_used);
	return 0;
}

int blkdrv_io(struct blkdrv *d, uint32_t type, uint64_t sector, void *buf, uint32_t len)
{
	struct blkdrv_done done = { 0 };
	int ret;

	if (!blkdrv_submit(d, 0, type, sector, buf, len, 0))
		return -EBUSY;
	blkdrv_kick(d, 0);
	ret = blkdrv_wait(d, 0, 5000);
	if (ret)
		return ret;
	ret = blkdrv_poll(d, 0, &done);
	return ret < 0 ? ret : done.status;
}

uint8_t *blkdrv_next_status(struct blkdrv *d)
{
	return &d->q[0].status[d->q[0].ring->free_head];
}

void blkdrv_raw(struct blkdrv *d, const struct vq_desc *desc, uint16_t n, uint64_t tag)
{
	struct blkdrv_queue *q = &d->q[0];

	q->tag[q->ring->free_head] = tag;
	drv_chain(q->ring, desc, n);
	blkdrv_kick(d, 0);
}

int blkdrv_connect(const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	for (int i = 0; i < 200; i++) {
		if (!connect(fd, (struct sockaddr *)&sa, sizeof(sa)))
			return fd;
		usleep(20000);
	}
	return -errno;
}

double blkdrv_kill(struct drv_child *c)
{
	struct pollfd pfd = { .fd = c->drain };
	double start = drv_now();

	kill(c->pid, SIGKILL);
	waitpid(c->pid, NULL, 0);
	while (poll(&pfd, 1, 10000) == 1 && !(pfd.revents & POLLHUP))
		;
	close(c->drain);
	return (drv_now() - start) * 1000;
}
