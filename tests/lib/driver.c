// SPDX-License-Identifier: GPL-2.0
/*
 * driver.c: see driver.h.
 */
#include "tests/lib/driver.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_ARGS 32
#define TIMEOUT_MS 5000u

static void __attribute__((noreturn)) fatal(const char *what, int err)
{
	fprintf(stderr, "driver: %s: %s\n", what, strerror(err < 0 ? -err : err));
	exit(99);
}

static void exec_child(char *const *argv, int fd)
{
	char *args[MAX_ARGS + 2], opt[24];
	int n = 0;

	while (argv[n] && n < MAX_ARGS) {
		args[n] = argv[n];
		n++;
	}
	snprintf(opt, sizeof(opt), "--fd=%d", fd);
	args[n++] = opt;
	args[n] = NULL;
	fcntl(fd, F_SETFD, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	execv(args[0], args);
	fprintf(stderr, "driver: %s: %s\n", args[0], strerror(errno));
	_exit(98);
}

/* Start the program; answer our end of the socket pair. */
static int spawn(struct drv *d)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -errno;
	d->pid = fork();
	if (!d->pid)
		exec_child(d->argv, pair[1]);
	close(pair[1]);
	return pair[0];
}

static int make_window(struct drv *d, size_t size)
{
	d->size = size;
	d->memfd = memfd_create("window", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (d->memfd < 0 || ftruncate(d->memfd, (off_t)size) ||
	    fcntl(d->memfd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		return -errno;
	d->mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, d->memfd, 0);
	return d->mem == MAP_FAILED ? -errno : 0;
}

int drv_start(struct drv *d, char *const *argv, size_t size)
{
	struct vu_fe_region r;
	int fd, err;

	memset(d, 0, sizeof(*d));
	d->argv = argv;
	err = make_window(d, size);
	if (err)
		return err;
	fd = spawn(d);
	if (fd < 0)
		return fd;
	err = vu_fe_open(&d->fe, fd, ~0ull, TIMEOUT_MS);
	r = (struct vu_fe_region){ .gpa = DRV_GPA, .size = size, .uaddr = DRV_UADDR, .fd = d->memfd };
	if (!err)
		err = vu_fe_add_region(&d->fe, &r);
	if (err)
		fprintf(stderr, "driver: cannot start %s: %s (%s)\n", argv[0], strerror(-err),
			d->fe.error ? d->fe.error : "");
	return err;
}

int drv_restart(struct drv *d)
{
	int fd = spawn(d), err;

	if (fd < 0)
		return fd;
	for (unsigned int i = 0; i < DRV_QUEUES; i++)
		if (d->q[i].num)
			vu_fe_vring_base(&d->fe, i, __atomic_load_n(&d->q[i].used[1], __ATOMIC_ACQUIRE));
	err = vu_fe_reconnect(&d->fe, fd);
	if (err)
		fprintf(stderr, "driver: cannot reconnect: %s (%s)\n", strerror(-err), d->fe.error ? d->fe.error : "");
	return err;
}

int drv_stop(struct drv *d)
{
	int status = 0;

	vu_fe_close(&d->fe);
	waitpid(d->pid, &status, 0);
	munmap(d->mem, d->size);
	close(d->memfd);
	for (unsigned int i = 0; i < DRV_QUEUES; i++) {
		if (!d->q[i].num)
			continue;
		close(d->q[i].kick);
		close(d->q[i].call);
		close(d->q[i].err);
	}
	return status;
}

void drv_kill(struct drv *d)
{
	kill(d->pid, SIGKILL);
	waitpid(d->pid, NULL, 0);
}

uint64_t drv_features(struct drv *d, uint64_t want)
{
	uint64_t f = d->fe.features & want;
	int err = vu_fe_set_features(&d->fe, f);

	if (err)
		fatal("set features", err);
	return f;
}

void *drv_alloc(struct drv *d, size_t len, size_t align)
{
	size_t at = (d->at + align - 1) & ~(align - 1);

	if (at + len > d->size)
		fatal("window full", ENOMEM);
	d->at = at + len;
	return d->mem + at;
}

uint64_t drv_gpa(const struct drv *d, const void *p)
{
	return DRV_GPA + (uint64_t)((const uint8_t *)p - d->mem);
}

static uint64_t uaddr(const struct drv *d, const void *p)
{
	return DRV_UADDR + (uint64_t)((const uint8_t *)p - d->mem);
}

static void make_ring(struct drv *d, struct drv_queue *q)
{
	q->desc = drv_alloc(d, 16u * q->num, 16);
	q->avail = drv_alloc(d, 6 + 2u * q->num, 2);
	q->used = drv_alloc(d, 6 + 8u * q->num, 4);
	for (uint16_t i = 0; i < q->num; i++)
		q->desc[i].next = (uint16_t)(i + 1);
	q->free_n = q->num;
	q->kick = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	q->call = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	q->err = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
}

struct drv_queue *drv_queue(struct drv *d, uint16_t index, uint16_t num)
{
	struct drv_queue *q = &d->q[index];
	struct vu_fe_vring v = { .num = num, .enabled = true };
	int err;

	*q = (struct drv_queue){ .d = d, .index = index, .num = num, .event_idx = d->fe.acked >> 29 & 1 };
	make_ring(d, q);
	v.desc = uaddr(d, q->desc);
	v.avail = uaddr(d, q->avail);
	v.used = uaddr(d, q->used);
	v.kick = q->kick;
	v.call = q->call;
	v.err = q->err;
	err = vu_fe_vring_start(&d->fe, index, &v);
	if (err)
		fatal("start queue", err);
	return q;
}

int drv_add(struct drv_queue *q, const struct iovec *seg, unsigned int out, unsigned int in)
{
	uint16_t head = q->free_head, i = head, last = head;
	unsigned int n = out + in;

	if (!n || n > q->free_n)
		return -1;
	for (unsigned int k = 0; k < n; k++) {
		struct vq_desc *d = &q->desc[i];

		d->addr = drv_gpa(q->d, seg[k].iov_base);
		d->len = (uint32_t)seg[k].iov_len;
		d->flags = (uint16_t)((k >= out ? VQ_DESC_WRITE : 0) | (k + 1 < n ? VQ_DESC_NEXT : 0));
		last = i;
		i = d->next;
	}
	q->free_head = q->desc[last].next;
	q->free_n = (uint16_t)(q->free_n - n);
	q->chain_len[head] = (uint16_t)n;
	q->avail[2 + (q->avail_idx & (q->num - 1))] = head;
	q->avail_idx++;
	return head;
}

static bool wants_kick(const struct drv_queue *q)
{
	uint16_t event;

	if (!q->event_idx)
		return !(__atomic_load_n(&q->used[0], __ATOMIC_RELAXED) & VQ_USED_NO_NOTIFY);
	event = __atomic_load_n(&q->used[2 + 4 * (size_t)q->num], __ATOMIC_RELAXED);
	return (uint16_t)(q->avail_idx - event - 1) < (uint16_t)(q->avail_idx - q->kicked_idx);
}

void drv_kick(struct drv_queue *q)
{
	static const uint64_t one = 1;

	__atomic_store_n(&q->avail[1], q->avail_idx, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (wants_kick(q)) {
		q->kicks++;
		if (write(q->kick, &one, sizeof(one)) < 0 && errno != EAGAIN)
			fatal("kick", errno);
	}
	q->kicked_idx = q->avail_idx;
}

int drv_used(struct drv_queue *q, uint32_t *len)
{
	const struct vq_used_elem *ring = (const struct vq_used_elem *)(q->used + 2);
	struct vq_used_elem e;
	uint16_t last;

	if (__atomic_load_n(&q->used[1], __ATOMIC_ACQUIRE) == q->last_used)
		return -1;
	e = ring[q->last_used & (q->num - 1)];
	q->last_used++;
	if (e.id >= q->num || !q->chain_len[e.id]) {
		fprintf(stderr, "driver: the device completed head %u, which was not in flight\n", e.id);
		exit(97);
	}
	last = (uint16_t)e.id;
	for (uint16_t i = 1; i < q->chain_len[e.id]; i++)
		last = q->desc[last].next;
	q->desc[last].next = q->free_head;
	q->free_head = (uint16_t)e.id;
	q->free_n = (uint16_t)(q->free_n + q->chain_len[e.id]);
	q->chain_len[e.id] = 0;
	if (len)
		*len = e.len;
	return (int)e.id;
}

bool drv_wait(struct drv_queue *q, int timeout_ms)
{
	struct pollfd p = { .fd = q->call, .events = POLLIN };
	uint64_t n;

	if (q->event_idx)
		__atomic_store_n(&q->avail[2 + q->num], q->last_used, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (__atomic_load_n(&q->used[1], __ATOMIC_ACQUIRE) != q->last_used)
		return true;
	/* Also when the ring has moved meanwhile: then a call was due and did not come. */
	if (poll(&p, 1, timeout_ms) != 1 || read(q->call, &n, sizeof(n)) != sizeof(n))
		return false;
	q->calls++;
	return true;
}

int drv_take(struct drv_queue *q, uint32_t *len, int timeout_ms)
{
	int head;

	while ((head = drv_used(q, len)) < 0)
		if (!drv_wait(q, timeout_ms))
			return -1;
	return head;
}
