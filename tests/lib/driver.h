/* SPDX-License-Identifier: GPL-2.0 */
/*
 * driver.h: our own native front end: starts a back end as a child, or is given a connection to one, shares a window with it, and plays the
 * guest's driver on its queues at full speed. For tests and benchmarks of every role; not part of the product. blkdrv.h adds a disk's requests.
 *
 * The driver end of the ring is written here, against the specification and not with the device's library, so that
 * the two check each other.
 */
#ifndef LGUEST_TESTS_DRIVER_H
#define LGUEST_TESTS_DRIVER_H

#include <sys/types.h>
#include <sys/uio.h>

#include "ipc/virtqueue_ring.h"
#include "ipc/vhost_user_frontend.h"

#define DRV_GPA 0x100000000ull /* where the window lies in guest-physical space */
#define DRV_UADDR 0x7000000000ull
#define DRV_QUEUES 16u
#define DRV_QUEUE_MAX 1024u

/**
 * struct drv_queue - a virtqueue as its driver sees it
 * @free_head, @free_n: unused descriptors, linked through .next
 * @last_used: used entries taken
 * @kicks, @calls: how often each side was woken
 */
struct drv_queue {
	struct drv *d;
	uint16_t index, num;
	struct vq_desc *desc;
	uint16_t *avail, *used;
	uint16_t avail_idx, kicked_idx, last_used;
	uint16_t free_head, free_n;
	uint16_t chain_len[DRV_QUEUE_MAX];
	bool event_idx;
	int kick, call, err;
	uint64_t kicks, calls;
};

/**
 * struct drv_child - a back end that we start, on a socket pair
 * @drain: read end of its drain pipe, if it is to have one (@drained)
 * @quiet: its messages go nowhere
 */
struct drv_child {
	pid_t pid;
	int drain;
	bool drained, quiet;
};

/**
 * struct drv - a device and the child that serves it
 * @mem, @size: the window; @at: where the next allocation goes
 * @child: the back end, where it is ours
 * @without_err: queues get no descriptor to report errors at
 */
struct drv {
	struct vu_fe fe;
	int memfd;
	uint8_t *mem;
	size_t size, at;
	struct drv_child child;
	bool without_err;
	const char *const *argv;
	struct drv_queue q[DRV_QUEUES];
};

/** drv_spawn() - start a program, with --fd=N and perhaps --drain-fd=N behind its options. Return: our end of the pair, or -errno. */
int drv_spawn(struct drv_child *c, const char *const *argv);

/** drv_open() - talk to the back end at @fd, and share a window of @size bytes with it. Return: 0 or -errno, with a message on stderr. */
int drv_open(struct drv *d, int fd, size_t size, unsigned int timeout_ms);

/** drv_close() - hang up, and give back what was shared. */
void drv_close(struct drv *d);

/** drv_reconnect() - go on with a new back end at @fd, which replays what was in flight. Return: 0 or -errno. */
int drv_reconnect(struct drv *d, int fd);

/**
 * drv_start() - start a back end and connect to it
 * @d: filled
 * @argv: program and arguments, NULL-terminated; --fd=N is added
 * @size: bytes of the window, shared at once
 *
 * Return: 0 or -errno, with a message on stderr.
 */
int drv_start(struct drv *d, char *const *argv, size_t size);

/** drv_restart() - after the child was killed: start it again and reconnect. Return: 0 or -errno. */
int drv_restart(struct drv *d);

/** drv_stop() - hang up and wait for the child. Return: its wait status. */
int drv_stop(struct drv *d);

/** drv_kill() - kill -9 the child (and, under it, the role) and reap it. */
void drv_kill(struct drv *d);

/** drv_features() - ack @want of what is offered. Return: the acked bits, or exits. */
uint64_t drv_features(struct drv *d, uint64_t want);

/** drv_alloc() - @len bytes of the window, aligned to @align. Return: pointer, or exits when it is full. */
void *drv_alloc(struct drv *d, size_t len, size_t align);

/** drv_gpa() - guest-physical address of a pointer into the window. */
uint64_t drv_gpa(const struct drv *d, const void *p);

/** drv_queue_start() - set queue @index of @num entries up and start it. Return: 0 or -errno. */
int drv_queue_start(struct drv *d, uint16_t index, uint16_t num);

/** drv_queue() - the same. Return: the queue, or exits. */
struct drv_queue *drv_queue(struct drv *d, uint16_t index, uint16_t num);

/**
 * drv_add() - put a request in the ring; the device does not see it before drv_kick()
 * @q: the queue
 * @seg: segments, pointers into the window; the first @out are device-readable
 * @out, @in: their numbers
 *
 * Return: head, or -1 when there are too few descriptors.
 */
int drv_add(struct drv_queue *q, const struct iovec *seg, unsigned int out, unsigned int in);

/** drv_chain() - the same for descriptors of any shape, whose order and next are filled in. Return: head, or -1. */
int drv_chain(struct drv_queue *q, const struct vq_desc *desc, unsigned int n);

/** drv_publish() - the device may see what was added; it is not told. */
void drv_publish(struct drv_queue *q);

/** drv_kick() - publish what was added; signal when the device asked for it. */
void drv_kick(struct drv_queue *q);

/**
 * drv_used() - take one completion
 * @q: the queue
 * @len: receives the used length; may be NULL
 *
 * Return: head, or -1 when there is none; exits on what was not in flight.
 */
int drv_used(struct drv_queue *q, uint32_t *len);

/** drv_poll() - the same. Return: head, -EAGAIN when there is none, -EPROTO = the device completed what was not in flight. */
int drv_poll(struct drv_queue *q, uint32_t *len);

/** drv_wait() - sleep until the device calls or @timeout_ms is over. Return: false on timeout. */
bool drv_wait(struct drv_queue *q, int timeout_ms);

/** drv_now() - seconds of a clock that goes on. */
double drv_now(void);

/** drv_cpu() - seconds of processor time of RUSAGE_SELF, or of RUSAGE_CHILDREN that were waited for. */
double drv_cpu(int who);

/** drv_take() - drv_used(), waiting for it if need be. Return: head, or -1 on timeout. */
int drv_take(struct drv_queue *q, uint32_t *len, int timeout_ms);

#endif
