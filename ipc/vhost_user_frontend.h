/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vhost_user_frontend.h: the front end's half of a vhost-user connection: what lguest-core (and our test
 * programs) use to drive a back end, ours or any other.
 *
 * The back end is hostile: every answer has an exact size, an exact number of descriptors, and is used from own memory. Time is for
 * an operation, not for a message: a call waits @timeout_ms in all, however many messages it needs, and a caller that makes several
 * calls for one purpose says what they may take together (vu_fe_budget()). A back end that breaks a rule or is late makes the
 * connection *dead*: every further call answers -EPIPE at once, so that a hung role costs a vCPU one deadline and no more.
 *
 * What the driver set up is kept here as *wanted*, also by calls that fail because the connection is dead, and the next process is told
 * all of it: vu_fe_reconnect(), or its three steps for a caller that must not wait for a process that starts.
 *
 * It may: read and write the connection's sockets. It may not: touch rings or guest memory.
 */
#ifndef LGUEST_VHOST_USER_FRONTEND_H
#define LGUEST_VHOST_USER_FRONTEND_H

#include "ipc/vhost_user.h"

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
 * @started: wanted to run: from vu_fe_vring_start() to vu_fe_vring_stop() or vu_fe_reset(), also while the back end is away
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

/* Messages on their way whose answers have not come. */
#define VU_FE_OWED_MAX 32u

/**
 * struct vu_fe_owed - what must come back for a message
 * @request: its number, @size_min, @size_max: payload, @fds: descriptors
 * @what: what is done with it, @index: BASE: the ring
 */
struct vu_fe_owed {
	uint32_t request;
	uint16_t size_min, size_max;
	uint8_t fds, index;
	enum { VU_FE_ACK, VU_FE_ANSWER, VU_FE_BASE, VU_FE_BEAT, VU_FE_CONFIG } what;
};

/**
 * struct vu_fe - a connection; callers read, only the functions write
 * @features: what the back end offers, @acked: what was chosen
 * @protocol: protocol features in use (theirs and ours)
 * @queues: queues it serves, @slots: memory regions it takes
 * @event_fd: poll this for POLLIN and call vu_fe_event(); -1 when not negotiated
 * @waited_ms: how long calls have waited for answers, ever
 * @owed_n: answers that are on their way: poll @chan.fd for POLLIN and call vu_fe_answers()
 * @config: what vu_fe_ask_config() brought, @config_size: of that; @config_owed: it has not come yet
 * @joining: between vu_fe_connect() and vu_fe_join(): dead for all other calls
 * @error: one clause on what went wrong last, for messages
 */
struct vu_fe {
	struct vu_chan chan;
	enum vu_fds fds;
	uint64_t features, acked, protocol, protocol_want;
	uint32_t queues, slots;
	unsigned int timeout_ms, budget;
	int64_t until, beat_ms;
	uint64_t waited_ms;
	int event_fd;
	struct vu_chan event;
	unsigned int regions;
	struct vu_fe_region region[VU_FE_MAX_REGIONS];
	struct vu_fe_vring vring[VU_MAX_QUEUES];
	struct vu_inflight inflight;
	int inflight_fd;
	bool inflight_kept;
	uint8_t status;
	bool features_set, refused, deferred, told;
	bool dead, joining;
	const char *error;
	unsigned int owed_first, owed_n;
	struct vu_fe_owed owed[VU_FE_OWED_MAX];
	struct vu_msg answer;
	bool config_owed;
	uint32_t config_want, config_size;
	uint8_t config[VU_CONFIG_MAX];
};

/**
 * vu_fe_budget() - what all calls from here on may wait together
 * @fe: the connection
 * @ms: milliseconds from now; 0: each call has its own time again
 */
void vu_fe_budget(struct vu_fe *fe, unsigned int ms);

/**
 * vu_fe_defer() - let vu_fe_record(), vu_fe_set_status() and vu_fe_vring_start() return before the back end has acknowledged them
 * @fe: the connection
 * @on: from here on, or not any more; vu_fe_settle() waits for what is owed then
 */
void vu_fe_defer(struct vu_fe *fe, bool on);

/**
 * vu_fe_settle() - wait for what was deferred, if anything was
 * @fe: the connection
 *
 * Return: 0 or -errno. -EREMOTEIO: something of it was refused, and it is not known what. All of it is still wanted, of the next process too:
 * the caller ends that by vu_fe_reset().
 */
int vu_fe_settle(struct vu_fe *fe);

/**
 * vu_fe_open() - begin on a connected socket: owner, features, protocol features, queue and slot numbers
 * @fe: filled
 * @fd: connected stream socket; closed by vu_fe_close()
 * @protocol: protocol features we want at most; ~0ull for all that this library speaks
 * @timeout_ms: deadline of each answer; 1000 is a good value
 *
 * Return: 0 or -errno: the connection is dead (-ETIMEDOUT, -EPROTO, -EPIPE; -EREMOTEIO: it refused a message). @fe->error says more.
 */
int vu_fe_open(struct vu_fe *fe, int fd, uint64_t protocol, unsigned int timeout_ms);

/** vu_fe_open_fds() - as vu_fe_open(), which takes descriptors in (VU_FDS_TAKE); without, vu_fe_inflight() cannot work. */
int vu_fe_open_fds(struct vu_fe *fe, int fd, uint64_t protocol, unsigned int timeout_ms, enum vu_fds fds);

/**
 * vu_fe_hang_up() - close the sockets of a dead connection, and with them what a dying process sent; all that is wanted stays
 * @fe: the connection. With VU_FDS_LEAVE its sockets stay open, since nobody knows how long their close takes.
 */
void vu_fe_hang_up(struct vu_fe *fe);

/** vu_fe_give_up() - the connection is dead from here on, for a reason that the caller found. */
void vu_fe_give_up(struct vu_fe *fe, const char *why);

/** vu_fe_answers() - take the answers that are there; never blocks. Return: 0 or -errno, the connection is dead then. */
int vu_fe_answers(struct vu_fe *fe);

/**
 * vu_fe_beat() - ask for a sign of life, without waiting for it; nothing when one is asked for already
 * @fe: the connection
 *
 * Return: 0 or -errno. vu_fe_beat_age() tells how long the answer is owed.
 */
int vu_fe_beat(struct vu_fe *fe);

/** vu_fe_beat_again() - the time of an owed sign of life begins now: we were not there to take it. */
void vu_fe_beat_again(struct vu_fe *fe);

/** vu_fe_beat_age() - milliseconds since vu_fe_beat() asked, 0: nothing is owed. */
unsigned int vu_fe_beat_age(const struct vu_fe *fe);

/**
 * vu_fe_ask_config() - ask for the first @len bytes of config space, without waiting
 * @fe: the connection; @config_owed is true until they are in @config. @config_size is 0 meanwhile, and when the back end refused or died.
 *
 * Return: 0, -EBUSY (asked for already, or too much is owed), or -errno.
 */
int vu_fe_ask_config(struct vu_fe *fe, uint32_t len);

/** vu_fe_close() - close the connection's descriptors; the caller's own stay open. */
void vu_fe_close(struct vu_fe *fe);

/**
 * vu_fe_set_features() - tell the driver's choice
 * @fe: the connection
 * @features: virtio feature bits, a subset of @fe->features without bit 30 (added here when offered)
 *
 * Return: 0 or -errno (-EINVAL: not offered); after a refusal (-EREMOTEIO) nothing is chosen.
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
 * vu_fe_record() - give the back end an in-flight record that the caller made; before the first vu_fe_vring_start() of each driver
 * @fe: the connection
 * @fd: sealed memfd of @size bytes, the caller's; a queue's part is zero when its ring is fresh
 * @queues: number of queues, @queue_size: entries of the largest
 *
 * Without the protocol feature this is a no-op. It is given to the next process too, until vu_fe_reset().
 *
 * Return: 0 or -errno; after a refusal (-EREMOTEIO) it is not kept.
 */
int vu_fe_record(struct vu_fe *fe, int fd, uint16_t queues, uint16_t queue_size, uint64_t size);

/**
 * vu_fe_inflight() - have the record made by the back end, and give it back to it and to its successors, until vu_fe_reset()
 * @fe: the connection, opened with VU_FDS_TAKE
 * @queues: number of queues, @queue_size: entries of the largest
 *
 * What other front ends do (QEMU); lguest-core has its own. Without the protocol feature this is a no-op.
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
 * The messages go out in one go. On a dead connection the queue is noted, for the next process.
 *
 * Return: 0 or -errno; after a refusal (-EREMOTEIO) the queue is not wanted any more. With vu_fe_defer() a refusal comes from vu_fe_settle().
 */
int vu_fe_vring_start(struct vu_fe *fe, uint32_t index, const struct vu_fe_vring *v);

/**
 * vu_fe_vring_stop() - stop a queue; after it the back end touches no guest memory for it
 * @fe: the connection
 * @index: queue
 * @base: receives the avail index to start from again; may be NULL
 *
 * The back end finishes requests in flight first, so this call's deadline is ten times the usual one (or the budget). The queue
 * is not wanted any more, also when the call fails.
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
 * @fe: the connection; memory stays shared; queues, record, features and status are forgotten, whatever the back end answers
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
 * vu_fe_reconnect() - go on with another back-end process: vu_fe_connect(), vu_fe_join() and vu_fe_resume()
 * @fe: a connection, dead or not; its old socket is closed
 * @fd: connected socket of the new process
 *
 * Says everything again: features, memory, in-flight record, every wanted queue from its base (the back end takes the used index when
 * there is an in-flight record; without one @base must be right, see vu_fe_vring_base()). The new process must offer all that was acked.
 *
 * Return: 0 or -errno.
 */
int vu_fe_reconnect(struct vu_fe *fe, int fd);

/**
 * vu_fe_connect() - hang up on the old process and greet the new one, without waiting: it may still be starting
 * @fe: a connection, dead or not
 * @fd: connected socket of the new process
 *
 * When vu_fe_answers() has brought what is owed (@owed_n is 0) the process is there: vu_fe_join() is next.
 *
 * Return: 0 or -errno.
 */
int vu_fe_connect(struct vu_fe *fe, int fd);

/**
 * vu_fe_join() - second step: protocol, features, memory, record
 * @fe: the connection
 *
 * It waits for every answer, deferred (vu_fe_defer()) or not. Then is the time for config space.
 *
 * Return: 0 or -errno: the connection is dead, also when the new process has only refused something (-EREMOTEIO). @fe->error says more.
 */
int vu_fe_join(struct vu_fe *fe);

/**
 * vu_fe_resume() - third step: the queues that are wanted, then the status; a device that was reset meanwhile has neither
 * @fe: the connection, after vu_fe_join()
 *
 * Return: as vu_fe_join().
 */
int vu_fe_resume(struct vu_fe *fe);

/** vu_fe_vring_base() - set the base that the next vu_fe_reconnect() starts a queue from (its used->idx). */
void vu_fe_vring_base(struct vu_fe *fe, uint32_t index, uint16_t base);

#endif
