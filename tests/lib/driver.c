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
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_ARGS 32
#define TIMEOUT_MS 5000u

static void __attribute__((noreturn)) fatal(const char *what, int err)
{
	fprintf(stderr, "driver: %s: %s\n", what, strerror(err < 0 ? -err : err));
	exit(99);
}

static void exec_child(const struct drv_child *c, const char **args, int fd, int drain)
{
	fcntl(fd, F_SETFD, 0);
	if (c->drained)
		fcntl(drain, F_SETFD, 0);
	if (c->quiet)
		dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	execv(args[0], (char *const *)(uintptr_t)args);
	fprintf(stderr, "driver: %s: %s\n", args[0], strerror(errno));
	_exit(98);
}

int drv_spawn(struct drv_child *c, const char *const *argv)
{
	const char *args[MAX_ARGS + 3] = { 0 };
	char fd_opt[24], drain_opt[32];
	int pair[2], drain[2] = { -1, -1 }, n = 0;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) || (c->drained && pipe2(drain, O_CLOEXEC)))
		return -errno;
	for (; argv[n] && n < MAX_ARGS; n++)
		args[n] = argv[n];
	snprintf(fd_opt, sizeof(fd_opt), "--fd=%d", pair[1]);
	snprintf(drain_opt, sizeof(drain_opt), "--drain-fd=%d", drain[1]);
	args[n++] = fd_opt;
	if (c->drained)
		args[n++] = drain_opt;
	c->pid = fork();
	if (!c->pid)
		exec_child(c, args, pair[1], drain[1]);
	close(pair[1]);
	if (c->drained)
		close(drain[1]);
	c->drain = drain[0];
	return c->pid < 0 ? -errno : pair[0];
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

int drv_open(struct drv *d, int fd, size_t size, unsigned int timeout_ms)
{
	struct vu_fe_region r;
	int err = make_window(d, size);

	if (!err)
		err = vu_fe_open(&d->fe, fd, ~0ull, timeout_ms);
	r = (struct vu_fe_region){ .gpa = DRV_GPA, .size = size, .uaddr = DRV_UADDR, .fd = d->memfd };
	if (!err)
		err = vu_fe_add_region(&d->fe, &r);
	if (err)
		fprintf(stderr, "driver: cannot start: %s (%s)\n", strerror(-err), d->fe.error ? d->fe.error : "no reason");
	return err;
}

int drv_start(struct drv *d, char *const *argv, size_t size)
{
	int fd;

	memset(d, 0, sizeof(*d));
	d->argv = (const char *const *)argv;
	fd = drv_spawn(&d->child, d->argv);
	return fd < 0 ? fd : drv_open(d, fd, size, TIMEOUT_MS);
}

int drv_reconnect(struct drv *d, int fd)
{
	int err;

	for (unsigned int i = 0; i < DRV_QUEUES; i++)
		if (d->q[i].num)
			vu_fe_vring_base(&d->fe, i, __atomic_load_n(&d->q[i].used[1], __ATOMIC_ACQUIRE));
	err = vu_fe_reconnect(&d->fe, fd);
	if (err)
		fprintf(stderr, "driver: cannot reconnect: %s (%s)\n", strerror(-err), d->fe.error ? d->fe.error : "");
	return err;
}

int drv_restart(struct drv *d)
{
	int fd = drv_spawn(&d->child, d->argv);

	return fd < 0 ? fd : drv_reconnect(d, fd);
}

void drv_close(struct drv *d)
{
	vu_fe_close(&d->fe);
	munmap(d->mem, d->size);
	close(d->memfd);
	for (unsigned int i = 0; i < DRV_QUEUES; i++) {
		if (!d->q[i].num)
			continue;
		close(d->q[i].kick);
		close(d->q[i].call);
		close(d->q[i].err);
	}
}

int drv_stop(struct drv *d)
{
	int status = 0;

	vu_fe_close(&d->fe);
	waitpid(d->child.pid, &status, 0);
	drv_close(d);
	return status;
}

void drv_kill(struct drv *d)
{
	kill(d->child.pid, SIGKILL);
	waitpid(d->child.pid, NULL, 0);
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
	q->err = d->without_err ? -1 : eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
}

int drv_queue_start(struct drv *d, uint16_t index, uint16_t num)
{
	struct drv_queue *q = &d->q[index];
	struct vu_fe_vring v = { .num = num, .enabled = true };

	*q = (struct drv_queue){ .d = d, .index = index, .num = num, .event_idx = d->fe.acked >> 29 & 1 };
	make_ring(d, q);
	v.desc = uaddr(d, q->desc);
	v.avail = uaddr(d, q->avail);
	v.used = uaddr(d, q->used);
	v.kick = q->kick;
	v.call = q->call;
	v.err = q->err;
	return vu_fe_vring_start(&d->fe, index, &v);
}

struct drv_queue *drv_queue(struct drv *d, uint16_t index, uint16_t num)
{
	int err = drv_queue_start(d, index, num);

	if (err)
		fatal("start queue", err);
	return &d->q[index];
}

int drv_chain(struct drv_queue *q, const struct vq_desc *desc, unsigned int n)
{
	uint16_t head = q->free_head, i = head, last = head;

	if (!n || n > q->free_n)
		return -1;
	for (unsigned int k = 0; k < n; k++) {
		uint16_t next = q->desc[i].next;

		q->desc[i] = desc[k];
		q->desc[i].flags |= (uint16_t)(k + 1 < n ? VQ_DESC_NEXT : 0);
		q->desc[i].next = next;
		last = i;
		i = next;
	}
	q->free_head = q->desc[last].next;
	q->free_n = (uint16_t)(q->free_n - n);
	q->chain_len[head] = (uint16_t)n;
	q->avail[2 + (q->avail_idx & (q->num - 1))] = head;
	q->avail_idx++;
	return head;
}

int drv_add(struct drv_queue *q, const struct iovec *seg, unsigned int out, unsigned int in)
{
	struct vq_desc desc[DRV_QUEUE_MAX];

	if (out + in > q->free_n)
		return -1;
	for (unsigned int k = 0; k < out + in; k++)
		desc[k] = (struct vq_desc){ .addr = drv_gpa(q->d, seg[k].iov_base), .len = (uint32_t)seg[k].iov_len,
					    .flags = k >= out ? VQ_DESC_WRITE : 0 };
	return drv_chain(q, desc, out + in);
}

static bool wants_kick(const struct drv_queue *q)
{
	uint16_t event;

	if (!q->event_idx)
		return !(__atomic_load_n(&q->used[0], __ATOMIC_RELAXED) & VQ_USED_NO_NOTIFY);
	event = __atomic_load_n(&q->used[2 + 4 * (size_t)q->num], __ATOMIC_RELAXED);
	return (uint16_t)(q->avail_idx - event - 1) < (uint16_t)(q->avail_idx - q->kicked_idx);
}

void drv_publish(struct drv_queue *q)
{
	__atomic_store_n(&q->avail[1], q->avail_idx, __ATOMIC_RELEASE);
}

void drv_kick(struct drv_queue *q)
{
	static const uint64_t one = 1;

	drv_publish(q);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (wants_kick(q)) {
		q->kicks++;
		if (write(q->kick, &one, sizeof(one)) < 0 && errno != EAGAIN)
			fatal("kick", errno);
	}
	q->kicked_idx = q->avail_idx;
}

int drv_poll(struct drv_queue *q, uint32_t *len)
{
	const struct vq_used_elem *ring = (const struct vq_used_elem *)(q->used + 2);
	struct vq_used_elem e;
	uint16_t last;

	if (__atomic_load_n(&q->used[1], __ATOMIC_ACQUIRE) == q->last_used)
		return -EAGAIN;
	e = ring[q->last_used & (q->num - 1)];
	q->last_used++;
	if (e.id >= q->num || !q->chain_len[e.id]) {
		fprintf(stderr, "driver: the device completed head %u, which was not in flight\n", e.id);
		return -EPROTO;
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

int drv_used(struct drv_queue *q, uint32_t *len)
{
	int head = drv_poll(q, len);

	if (head == -EPROTO)
		exit(97);
	return head < 0 ? -1 : head;
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

double drv_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

double drv_cpu(int who)
{
	struct rusage u;

	getrusage(who, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}
