/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vhost_user_backend.h: the back end's half of a vhost-user connection: what the peer has said so far
 * (features, memory table, rings), kept in one struct, and the handler of each message.
 *
 * The peer is hostile, but not stupid: front ends differ in the order of their messages, and any order that
 * the specification allows must work (vhost-user traps are tests/unit/ipc_traps.c). A message that breaks a
 * rule changes nothing; it is answered with an error where the peer asked for an answer, and ends the connection
 * where it did not.
 *
 * It may: map and unmap the peer's memory, start and stop virtqueues. It may not: wait, do the device's work,
 * or reach the socket otherwise than through its struct vu_io. devices/backend.c is its user.
 */
#ifndef LGUEST_VHOST_USER_BACKEND_H
#define LGUEST_VHOST_USER_BACKEND_H

#include "ipc/virtqueue.h"
#include "ipc/vhost_user.h"

struct vu_session;

/**
 * struct vu_vring - a ring as the peer has described it
 * @vq: the queue; @running between start and stop (@vq.started ends earlier when a ring loses its memory)
 * @num, @base, @desc, @avail, @used: as last set
 * @kick, @call, @err: eventfds of the peer, -1 when absent
 * @addr_set: SET_VRING_ADDR came since the last stop
 * @enable: as last set with SET_VRING_ENABLE
 */
struct vu_vring {
	struct vq vq;
	uint16_t num, base;
	uint64_t desc, avail, used;
	int kick, call, err;
	bool addr_set, enable, running;
};

/**
 * struct vu_session_ops - what a session asks of the loop and the device
 * @start: ring @v has started: wait for its kicks, look at it once
 * @stop: ring @v is to stop: cancel the wait for kicks, pop no more, return when nothing is in flight
 * @wake: ring @v runs and was just enabled, or got a new call eventfd: look at it once
 * @kick_changed: ring @v runs and v->kick is another eventfd now (@old, closed by the session afterwards)
 * @call_changed: v->call is about to be replaced or closed: no write to it may start any more
 * @quiesce: pop no more on any ring and return when nothing is in flight; @resume undoes it
 * @features: the driver's choice, without transport bits
 * @get_config, @set_config: config space; see struct backend_ops
 * @reset: device back to the initial state; all rings are stopped
 * @byte_at: does @fd hold a byte at @off? (the last byte of a region, so that no access faults)
 */
struct vu_session_ops {
	void (*start)(struct vu_session *s, struct vu_vring *v);
	void (*stop)(struct vu_session *s, struct vu_vring *v);
	void (*wake)(struct vu_session *s, struct vu_vring *v);
	void (*kick_changed)(struct vu_session *s, struct vu_vring *v);
	void (*call_changed)(struct vu_session *s, struct vu_vring *v);
	void (*quiesce)(struct vu_session *s);
	void (*resume)(struct vu_session *s);
	void (*features)(struct vu_session *s, uint64_t features);
	void (*get_config)(struct vu_session *s, uint8_t *cfg);
	int (*set_config)(struct vu_session *s, uint32_t off, const uint8_t *data, uint32_t len);
	void (*reset)(struct vu_session *s);
	bool (*byte_at)(struct vu_session *s, int fd, uint64_t off);
};

/**
 * struct vu_session - one connection
 * @ops, @ctx: its user
 * @offer: virtio features offered, transport bits included; @offer_protocol: protocol features offered
 * @queues: rings of the device, @queue_unit: rings that GET_QUEUE_NUM counts as one
 * @queue_size: most entries of a ring
 * @config_size: bytes of config space
 * @inflight_fd: memfd of @inflight_size bytes made at start for GET_INFLIGHT_FD (nothing can be made when sealed)
 *
 * The above are set by the user before vu_session_open(); the rest is the session's, to be read only.
 */
struct vu_session {
	const struct vu_session_ops *ops;
	void *ctx;
	uint64_t offer, offer_protocol;
	uint16_t queues, queue_unit, queue_size, config_size;
	int inflight_fd;
	size_t inflight_size;

	struct vu_chan chan;
	struct vu_chan request;	/* our own messages, fd -1 when the peer gave none */
	uint64_t acked, protocol;
	uint8_t status;
	struct gmem mem;
	struct vu_vring vring[VU_MAX_QUEUES];
	void *log_map;		/* in-flight records that the peer gave, whole mapping */
	size_t log_map_len;
	uint8_t *log;		/* record of ring 0 */
	uint16_t log_queues, log_queue_size;
	const char *why;	/* why the connection must end */
	uint32_t why_request;
};

/** vu_session_open() - begin on a connected socket, which stays the caller's. */
void vu_session_open(struct vu_session *s, int fd, const struct vu_io *io);

/**
 * vu_session_input() - the socket is readable: receive and handle messages until it is empty
 * @s: the session
 *
 * Return: 0, or -errno: the connection is over (-ECONNRESET: the peer hung up; -EPROTO: s->why and
 * s->why_request say what it did wrong). The caller then calls vu_session_close().
 */
int vu_session_input(struct vu_session *s);

/** vu_session_handle() - handle one message, taking its descriptors. Return: as vu_session_input(). For tests, too. */
int vu_session_handle(struct vu_session *s, struct vu_msg *m);

/** vu_session_close() - stop every ring, reset the device, unmap all memory, close all of the peer's eventfds. */
void vu_session_close(struct vu_session *s);

/** vu_session_enabled() - may the ring be worked on: started, and enabled or never asked to be? */
bool vu_session_enabled(const struct vu_session *s, const struct vu_vring *v);

/** vu_session_config_changed() - CONFIG_CHANGE to the peer, where it listens for that. Never blocks. */
void vu_session_config_changed(struct vu_session *s);

#endif
