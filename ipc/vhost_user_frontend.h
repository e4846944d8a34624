/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vhost_user_frontend.h: the front end's half of a vhost-user connection: what lguest-core (and our test
 * programs) use to drive a back end, ours or any other.
 *
 * The back end is hostile: every answer has a deadline, an exact size, an exact number of descriptors, and is
 * used from own memory. A back end that breaks a rule or is late makes the connection *dead*: every further
 * call answers -EPIPE at once, so that a hung role costs a vCPU one deadline and no more.
 * vu_fe_reconnect() goes on with a new process: all that was set up is remembered here and said again.
 *
 * It may: read and write the connection's sockets. It may not: touch rings or guest memory.
 */
#ifndef LGUEST_VHOST_USER_FRONTEND_H
#define LGUEST_VHOST_USER_FRONTEND_H

#include "ipc/vhost_user.h"

#define VU_FE_MAX_QUEUES 16u
#define VU_FE_MAX_REGIONS 16u

/**
 * struct vu_fe_region - memory shared with the back end
 * @gpa: guest-physical address, @size: bytes, @uaddr: the name that ring addresses use (any, constant)
 * @offset: into @fd
 * @fd: memfd; the caller's, open as long as the region is shared. Seal it SHRINK|GROW|SEAL before.
 */
struct vu_fe_region {
	uint64_t gpa, size, uaddr, offset;
	int fd;
};

/**
 * struct vu_fe_vring - a queue
 * @num: entries
 * @desc: descriptor table, @avail, @used: as region uaddr addresses
 * @base: avail index to start from
 * @kick: eventfd (EFD_NONBLOCK)
 * @call: eventfd, -1 for none
 * @err: eventfd, -1 for none: signalled when the queue is broken (DEVICE_NEEDS_RESET)
 * @enabled: as last set with vu_fe_vring_enable()
 * @started: by vu_fe_vring_start()
 *
 * Descriptors are the caller's and stay open while the queue runs: they are sent again on reconnect.
 */
struct vu_fe_vring {
	uint32_t num;
	uint64_t desc, avail, used;
	uint16_t base;
	int kick, call, err;
	bool enabled, started;
};

/**
 * struct vu_fe - a connection; callers read, only the functions write
 * @features: what the back end offers, @acked: what was chosen
 * @protocol: protocol features in use (theirs and ours)
 * @queues: queues it serves, @slots: memory regions it takes
 * @event_fd: poll this for POLLIN and call vu_fe_event(); -1 when not negotiated
 * @error: one clause on what went wrong last, for messages
 */
struct vu_fe {
	struct vu_chan chan;
	uint64_t features, acked, protocol, protocol_want;
	uint32_t queues, slots;
	unsigned int timeout_ms;
	int event_fd;
	struct vu_chan event;
	unsigned int regions;
	struct vu_fe_region region[VU_FE_MAX_REGIONS];
	struct vu_fe_vring vring[VU_FE_MAX_QUEUES];
	struct vu_inflight inflight;
	int inflight_fd;
	uint8_t status;
	bool features_set;
	bool dead;
	const char *error;
};

/**
 * vu_fe_open() - begin on a connected socket: owner, features, protocol features, queue and slot numbers
 * @fe: filled
 * @fd: connected stream socket; closed by vu_fe_close()
 * @protocol: protocol features we want at most; ~0ull for all that this library speaks
 * @timeout_ms: deadline of each answer; 1000 is a good value
 *
 * Return: 0 or -errno (-ETIMEDOUT, -EPROTO, -EPIPE; @fe->error says more).
 */
int vu_fe_open(struct vu_fe *fe, int fd, uint64_t protocol, unsigned int timeout_ms);

/** vu_fe_close() - close the connection's descriptors; the caller's own stay open. */
void vu_fe_close(struct vu_fe *fe);

/**
 * vu_fe_set_features() - tell the driver's choice
 * @fe: the connection
 * @features: virtio feature bits, a subset of @fe->features without bit 30 (added here when offered)
 *
 * Return: 0 or -errno (-EINVAL: not offered).
 */
int vu_fe_set_features(struct vu_fe *fe, uint64_t features);

/**
 * vu_fe_add_region() - share memory: ADD_MEM_REG, or the whole SET_MEM_TABLE again for simple back ends
 * @fe: the connection
 * @r: the region; copied
 *
 * Return: 0 or -errno (-ENOSPC: no slot left).
 */
int vu_fe_add_region(struct vu_fe *fe, const struct vu_fe_region *r);

/** vu_fe_remove_region() - stop sharing the region at @gpa. Return: 0 or -errno. */
int vu_fe_remove_region(struct vu_fe *fe, uint64_t gpa);

/**
 * vu_fe_get_config() - read config space
 * @fe: the connection
 * @off: first byte, @buf: receives, @len: bytes (@off + @len <= 256)
 *
 * Return: 0 or -errno (-ENOTSUP: the back end has none; -ENXIO: it refused the range).
 */
int vu_fe_get_config(struct vu_fe *fe, uint32_t off, void *buf, uint32_t len);

/** vu_fe_set_config() - write config space on the driver's behalf. Return: 0 or -errno. */
int vu_fe_set_config(struct vu_fe *fe, uint32_t off, const void *buf, uint32_t len);

/**
 * vu_fe_inflight() - have the in-flight record made; before the first vu_fe_vring_start()
 * @fe: the connection
 * @queues: number of queues, @queue_size: entries of the largest
 *
 * The record's descriptor is kept and given to the next process on vu_fe_reconnect(), which runs the requests
 * again that the dead one had not completed. Without the protocol feature this is a no-op.
 *
 * Return: 0 or -errno.
 */
int vu_fe_inflight(struct vu_fe *fe, uint16_t queues, uint16_t queue_size);

/**
 * vu_fe_vring_start() - set a queue up and start it
 * @fe: the connection
 * @index: queue
 * @v: all fields but @started; copied. @v->enabled is applied too.
 *
 * Return: 0 or -errno.
 */
int vu_fe_vring_start(struct vu_fe *fe, uint32_t index, const struct vu_fe_vring *v);

/**
 * vu_fe_vring_stop() - stop a queue; after it the back end touches no guest memory for it
 * @fe: the connection
 * @index: queue
 * @base: receives the avail index to start from again; may be NULL
 *
 * The back end finishes requests in flight first, so this call's deadline is ten times the usual one.
 *
 * Return: 0 or -errno.
 */
int vu_fe_vring_stop(struct vu_fe *fe, uint32_t index, uint16_t *base);

/** vu_fe_vring_enable() - SET_VRING_ENABLE. Return: 0 or -errno. */
int vu_fe_vring_enable(struct vu_fe *fe, uint32_t index, bool on);

/** vu_fe_set_call() - give a queue another call eventfd (-1: none). Return: 0 or -errno. */
int vu_fe_set_call(struct vu_fe *fe, uint32_t index, int fd);

/**
 * vu_fe_reset() - device reset: stop every started queue, RESET_DEVICE or status 0 where negotiated
 * @fe: the connection; memory stays shared, the acked features are forgotten
 *
 * Return: 0 or -errno.
 */
int vu_fe_reset(struct vu_fe *fe);

/** vu_fe_set_status() - SET_STATUS where negotiated, else nothing. Return: 0 or -errno. */
int vu_fe_set_status(struct vu_fe *fe, uint8_t status);

/** vu_fe_get_status() - GET_STATUS; @status gets what was set last where it is not negotiated. Return: 0 or -errno. */
int vu_fe_get_status(struct vu_fe *fe, uint8_t *status);

/**
 * vu_fe_event() - take one message from the back end's own socket; never blocks
 * @fe: the connection
 *
 * Return: VU_BACKEND_CONFIG_CHANGE_MSG = read config space again and tell the driver, 0 = nothing (more), -errno =
 * the socket is closed or broken (@fe->event_fd becomes -1, the connection itself goes on).
 */
int vu_fe_event(struct vu_fe *fe);

/**
 * vu_fe_reconnect() - go on with another back-end process
 * @fe: a connection, dead or not; its old socket is closed
 * @fd: connected socket of the new process
 *
 * Says everything again: features, memory, in-flight record, config is not written, every started queue from
 * its base (the back end takes the used index when there is an in-flight record; without one @base must be
 * right, see vu_fe_vring_base()). The new process must offer all that was acked.
 *
 * Return: 0 or -errno.
 */
int vu_fe_reconnect(struct vu_fe *fe, int fd);

/** vu_fe_vring_base() - set the base that the next vu_fe_reconnect() starts a queue from (its used->idx). */
void vu_fe_vring_base(struct vu_fe *fe, uint32_t index, uint16_t base);

#endif
