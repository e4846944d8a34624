// SPDX-License-Identifier: GPL-2.0
/*
 * blkdrv.c: see blkdrv.h. Single-threaded; a queue belongs to whoever calls for it.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/lib/blkdrv.h"

#define QUEUE_AREA 131072u
#define F_INDIRECT (1ull << VIRTIO_RING_F_INDIRECT_DESC)
#define F_EVENT_IDX (1ull << VIRTIO_RING_F_EVENT_IDX)
#define F_VERSION_1 (1ull << 32)

double blkdrv_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

uint64_t blkdrv_gpa(const struct blkdrv *d, const void *p)
{
	return BLKDRV_GPA + (uint64_t)((const uint8_t *)p - d->mem);
}

static uint64_t uaddr(const struct blkdrv *d, const void *p)
{
	return BLKDRV_UADDR + (uint64_t)((const uint8_t *)p - d->mem);
}

static uint16_t *used_event(struct blkdrv_queue *q)
{
	return &q->avail->ring[BLKDRV_NUM];
}

static const uint16_t *avail_event(const struct blkdrv_queue *q)
{
	return (const uint16_t *)&q->used->ring[BLKDRV_NUM];
}

static void queue_init(struct blkdrv *d, unsigned int index)
{
	struct blkdrv_queue *q = &d->q[index];
	uint8_t *area = d->mem + (size_t)index * QUEUE_AREA;

	*q = (struct blkdrv_queue){ .index = index };
	q->desc = (struct vring_desc *)area;
	q->avail = (struct vring_avail *)(area + 0x1000);
	q->used = (struct vring_used *)(area + 0x2000);
	q->hdr = (struct virtio_blk_outhdr *)(area + 0x3000);
	q->status = area + 0x4000;
	q->indirect = (struct vring_desc *)(area + 0x5000);
	for (uint16_t i = 0; i < BLKDRV_NUM; i++)
		q->free[q->free_n++] = (uint16_t)(BLKDRV_NUM - 1 - i);
	q->kick = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	q->call = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
}

static int share_memory(struct blkdrv *d)
{
	struct vu_fe_region r = { .gpa = BLKDRV_GPA, .uaddr = BLKDRV_UADDR };

	d->mem_size = (size_t)BLKDRV_QUEUES * QUEUE_AREA + d->data_size;
	d->memfd = memfd_create("blkdrv", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (d->memfd < 0 || ftruncate(d->memfd, (off_t)d->mem_size) ||
	    fcntl(d->memfd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		return -errno;
	d->mem = mmap(NULL, d->mem_size, PROT_READ | PROT_WRITE, MAP_SHARED, d->memfd, 0);
	if (d->mem == MAP_FAILED)
		return -errno;
	d->data = d->mem + (size_t)BLKDRV_QUEUES * QUEUE_AREA;
	r.size = d->mem_size;
	r.fd = d->memfd;
	return vu_fe_add_region(&d->fe, &r);
}

static int start_queue(struct blkdrv *d, unsigned int index)
{
	struct blkdrv_queue *q = &d->q[index];
	struct vu_fe_vring v = {
		.num = BLKDRV_NUM, .desc = uaddr(d, q->desc), .avail = uaddr(d, q->avail), .used = uaddr(d, q->used),
		.kick = q->kick, .call = q->call, .err = -1, .enabled = true,
	};

	return vu_fe_vring_start(&d->fe, index, &v);
}

int blkdrv_open(struct blkdrv *d, int fd, unsigned int queues, size_t data_size, uint64_t features)
{
	int err;

	memset(d, 0, sizeof(*d));
	d->queues = queues;
	d->data_size = data_size;
	err = vu_fe_open(&d->fe, fd, ~0ull, 20000);
	if (err)
		return err;
	d->features = d->fe.features & features & ~VU_F_PROTOCOL_FEATURES;
	d->indirect = d->features & F_INDIRECT;
	d->event_idx = d->features & F_EVENT_IDX;
	err = vu_fe_get_config(&d->fe, 0, &d->config, 60);
	if (!err)
		err = vu_fe_set_features(&d->fe, d->features);
	if (!err)
		err = share_memory(d);
	for (unsigned int i = 0; !err && i < queues; i++)
		queue_init(d, i);
	if (!err)
		err = vu_fe_inflight(&d->fe, (uint16_t)queues, BLKDRV_NUM);
	for (unsigned int i = 0; !err && i < queues; i++)
		err = start_queue(d, i);
	if (err)
		fprintf(stderr, "blkdrv: set-up failed: %s (%s)\n", strerror(-err),
			d->fe.error ? d->fe.error : "no reason");
	return err;
}

int blkdrv_reconnect(struct blkdrv *d, int fd)
{
	for (unsigned int i = 0; i < d->queues; i++)
		vu_fe_vring_base(&d->fe, i, d->q[i].used->idx);
	return vu_fe_reconnect(&d->fe, fd);
}

void blkdrv_close(struct blkdrv *d)
{
	vu_fe_close(&d->fe);
	munmap(d->mem, d->mem_size);
	close(d->memfd);
	for (unsigned int i = 0; i < d->queues; i++) {
		close(d->q[i].kick);
		close(d->q[i].call);
	}
}

static void put_desc(struct vring_desc *desc, uint64_t addr, uint32_t len, bool write, uint16_t next, bool more)
{
	desc->addr = addr;
	desc->len = len;
	desc->flags = (uint16_t)((write ? VRING_DESC_F_WRITE : 0) | (more ? VRING_DESC_F_NEXT : 0));
	desc->next = next;
}

bool blkdrv_submit(struct blkdrv *d, unsigned int queue, uint32_t type, uint64_t sector, void *buf, uint32_t len,
		   uint64_t tag)
{
	struct blkdrv_queue *q = &d->q[queue];
	/* Without indirect descriptors a request takes three ring entries: slot i owns 3i to 3i+2. */
	uint16_t slot, per = d->indirect ? 1 : 3;
	struct vring_desc *desc;
	uint16_t base = 0, n = 0;
	bool in = type == VIRTIO_BLK_T_IN || type == VIRTIO_BLK_T_GET_ID;

	if (!q->free_n)
		return false;
	slot = q->free[q->free_n - 1];
	if (!d->indirect && (unsigned int)(slot + 1) * per > BLKDRV_NUM) {
		q->free_n--;	/* a slot that this ring has no entries for: gone for good */
		return blkdrv_submit(d, queue, type, sector, buf, len, tag);
	}
	q->free_n--;
	q->slot[slot] = (struct blkdrv_slot){ true, tag };
	q->hdr[slot] = (struct virtio_blk_outhdr){ .type = type, .sector = sector };
	q->status[slot] = 0xff;
	desc = d->indirect ? q->indirect + slot * (BLKDRV_SEGS + 2) : q->desc;
	base = d->indirect ? 0 : (uint16_t)(slot * 3);
	put_desc(&desc[base + n], blkdrv_gpa(d, &q->hdr[slot]), sizeof(q->hdr[slot]), false, (uint16_t)(base + n + 1),
		 true);
	n++;
	if (len) {
		put_desc(&desc[base + n], blkdrv_gpa(d, buf), len, in, (uint16_t)(base + n + 1), true);
		n++;
	}
	put_desc(&desc[base + n], blkdrv_gpa(d, &q->status[slot]), 1, true, 0, false);
	n++;
	if (d->indirect) {
		q->desc[slot].addr = blkdrv_gpa(d, desc);
		q->desc[slot].len = n * (uint32_t)sizeof(*desc);
		q->desc[slot].flags = VRING_DESC_F_INDIRECT;
	}
	q->avail->ring[q->avail_idx++ % BLKDRV_NUM] = (uint16_t)(slot * per);
	__atomic_store_n(&q->avail->idx, q->avail_idx, __ATOMIC_RELEASE);
	return true;
}

void blkdrv_kick(struct blkdrv *d, unsigned int queue)
{
	static const uint64_t one = 1;
	struct blkdrv_queue *q = &d->q[queue];
	uint16_t old = q->kicked_idx;
	bool wanted;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (d->event_idx)
		wanted = vring_need_event(__atomic_load_n(avail_event(q), __ATOMIC_RELAXED), q->avail_idx, old);
	else
		wanted = !(__atomic_load_n(&q->used->flags, __ATOMIC_RELAXED) & VRING_USED_F_NO_NOTIFY);
	q->kicked_idx = q->avail_idx;
	if (!wanted || old == q->avail_idx)
		return;
	q->kicks++;
	if (write(q->kick, &one, sizeof(one)) != sizeof(one))
		perror("blkdrv: kick");
}

int blkdrv_poll(struct blkdrv *d, unsigned int queue, struct blkdrv_done *done)
{
	struct blkdrv_queue *q = &d->q[queue];
	struct vring_used_elem e;
	uint16_t per = d->indirect ? 1 : 3, slot;

	if (__atomic_load_n(&q->used->idx, __ATOMIC_ACQUIRE) == q->last_used)
		return 0;
	e = q->used->ring[q->last_used++ % BLKDRV_NUM];
	slot = (uint16_t)(e.id / per);
	if (e.id >= BLKDRV_NUM || e.id % per || !q->slot[slot].busy)
		return -EPROTO;
	*done = (struct blkdrv_done){ q->slot[slot].tag, e.len, q->status[slot] };
	q->slot[slot].busy = false;
	q->free[q->free_n++] = slot;
	return 1;
}

int blkdrv_wait(struct blkdrv *d, unsigned int queue, int timeout_ms)
{
	struct blkdrv_queue *q = &d->q[queue];
	struct pollfd pfd = { .fd = q->call, .events = POLLIN };
	uint64_t count;

	for (;;) {
		if (d->event_idx)
			__atomic_store_n(used_event(q), q->last_used, __ATOMIC_RELAXED);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (__atomic_load_n(&q->used->idx, __ATOMIC_ACQUIRE) != q->last_used)
			return 0;
		q->waits++;
		if (poll(&pfd, 1, timeout_ms) == 0)
			return -ETIMEDOUT;
		if (read(q->call, &count, sizeof(count)) < 0 && errno != EAGAIN)
			return -errno;
	}
}

int blkdrv_io(struct blkdrv *d, uint32_t type, uint64_t sector, void *buf, uint32_t len)
{
	struct blkdrv_done done;
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

void blkdrv_raw(struct blkdrv *d, const struct vring_desc *desc, uint16_t n, uint64_t tag)
{
	struct blkdrv_queue *q = &d->q[0];
	uint16_t slot = q->free[--q->free_n], base = (uint16_t)(BLKDRV_NUM - 8);

	q->slot[slot] = (struct blkdrv_slot){ true, tag };
	/* The head is the slot's entry, the rest lie at the end of the table, behind the slots in use. */
	for (uint16_t i = 0; i < n; i++) {
		struct vring_desc *to = &q->desc[i ? base + i : slot];

		*to = desc[i];
		if (i + 1 < n) {
			to->flags |= VRING_DESC_F_NEXT;
			to->next = (uint16_t)(base + i + 1);
		}
	}
	q->avail->ring[q->avail_idx++ % BLKDRV_NUM] = slot;
	__atomic_store_n(&q->avail->idx, q->avail_idx, __ATOMIC_RELEASE);
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

int blkdrv_spawn(struct blkdrv_backend *be, const char *const *argv)
{
	char fd_opt[32], drain_opt[32];
	const char *args[32] = { 0 };
	int sv[2], drain[2], n = 0;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) || pipe2(drain, O_CLOEXEC))
		return -errno;
	for (; argv[n]; n++)
		args[n] = argv[n];
	snprintf(fd_opt, sizeof(fd_opt), "--fd=%d", sv[1]);
	snprintf(drain_opt, sizeof(drain_opt), "--drain-fd=%d", drain[1]);
	args[n++] = fd_opt;
	args[n++] = drain_opt;
	be->pid = fork();
	if (!be->pid) {
		fcntl(sv[1], F_SETFD, 0);
		fcntl(drain[1], F_SETFD, 0);
		if (be->quiet)
			dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
		execv(args[0], (char *const *)(uintptr_t)args);
		_exit(127);
	}
	close(sv[1]);
	close(drain[1]);
	be->drain = drain[0];
	return be->pid < 0 ? -errno : sv[0];
}

double blkdrv_kill(struct blkdrv_backend *be)
{
	struct pollfd pfd = { .fd = be->drain };
	double start = blkdrv_now();

	kill(be->pid, SIGKILL);
	waitpid(be->pid, NULL, 0);
	while (poll(&pfd, 1, 10000) == 1 && !(pfd.revents & POLLHUP))
		;
	close(be->drain);
	return (blkdrv_now() - start) * 1000;
}
