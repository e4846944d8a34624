/* SPDX-License-Identifier: GPL-2.0 */
/*
 * backend_internal.h: what the files of the back-end loop share: backend.c (session and queues),
 * backend_ring.c and backend_poll.c (the two engines), backend_main.c (the program). Devices don't include it.
 */
#ifndef LGUEST_BACKEND_INTERNAL_H
#define LGUEST_BACKEND_INTERNAL_H

#include <liburing.h>

#include "devices/backend.h"
#include "ipc/vhost_user_backend.h"

/**
 * struct backend_signal - a pending write of 8 bytes to a peer's eventfd
 * @again: it was signalled once more meanwhile
 *
 * One write at a time, never waited for: a peer that hands us something else than an eventfd, or one whose counter is
 * full, delays its own notifications only.
 */
struct backend_signal {
	struct backend_op op;
	struct backend *be;
	int *fd;
	bool again;
};

/**
 * struct backend_queue - the loop's side of a ring
 * @kick_op, @count: the wait for a kick, @armed: it is wanted
 * @stopping, @paused: nothing may be popped
 * @told: the log has the reason why the queue is broken
 */
struct backend_queue {
	struct backend *be;
	struct vu_vring *v;
	struct backend_op kick_op;
	uint64_t count;
	struct backend_signal call, err;
	bool armed, stopping, paused, told;
};

/**
 * struct backend_engine - how the loop meets the kernel
 * @wait: submit what is queued and take what is complete; with @block, wait for at least one event
 * @kick_arm, @kick_disarm: wait for kicks of a queue; after the second nothing of it is pending
 * @signal: write to *@s->fd
 * @watch, @start_io, @cancel, @timer, @accept: see backend.h
 * @log: write a line to stderr, without waiting
 */
struct backend_engine {
	struct vu_io io;
	void (*wait)(struct backend *be, bool block);
	void (*kick_arm)(struct backend_queue *bq);
	void (*kick_disarm)(struct backend_queue *bq);
	void (*signal)(struct backend_signal *s);
	void (*watch)(struct backend *be, struct backend_watch *w, short events);
	void (*start_io)(struct backend *be, struct backend_io *io);
	void (*cancel)(struct backend *be, struct backend_op *op);
	void (*timer)(struct backend *be, struct backend_timer *t, unsigned int ms);
	int (*accept)(struct backend *be, int fd);
	bool (*byte_at)(struct backend *be, int fd, uint64_t off);
	void (*log)(struct backend *be, size_t len);
};

extern const struct backend_engine backend_engine_ring, backend_engine_poll;

/**
 * struct backend_spin - how long to look before sleeping, in ticks of the processor's clock
 * @window: now, 0 = not at all; @longest: at most, 0 = never
 * @skip: short sleeps until it is tried again; @penalty: what @skip becomes after the next failure
 */
struct backend_spin {
	uint64_t window, longest;
	unsigned int skip, penalty;
};

struct backend {
	const struct backend_ops *ops;
	void *dev;
	const struct backend_engine *engine;
	struct vu_session session;
	struct backend_queue queue[VU_MAX_QUEUES];
	uint32_t pending; /* bit per queue that wants a pass */
	uint8_t line[VU_MAX_QUEUES]; /* the queues, @in_line of them, as they take their turns */
	unsigned int in_line;
	uint32_t quiet; /* bit per queue that is empty and whose kicks are not asked for: the loop looks by itself before it sleeps */
	uint32_t notify; /* bit per queue with completions to publish at the end of this turn */
	struct backend_watch control;
	int over; /* the connection is: -errno */

	void (*each)(struct backend *be); /* each.h; set by the device before the sandbox, or NULL */
	uint64_t file_limit; /* bytes; set by the device before the sandbox */
	int fixed[24]; /* the ring's registered files, set by the device before the sandbox */
	unsigned int fixed_n;
	struct io_uring ring;
	bool has_ring;
	unsigned int part; /* submit early when this many entries are queued; 0: never */
	unsigned int whole_turns; /* turns for which @part stays 0 */
	struct backend_spin spin[2]; /* with nothing in flight, and with something */
	struct backend_spin *slept;
	struct backend_op *ready, **ready_tail; /* complete, not yet dispatched */
	struct backend_watch *watches; /* the poll engine's, as are the next two */
	struct backend_io *ios;
	struct backend_timer *timers;

	struct backend_op log_op;
	unsigned int log_lines;
	char log_line[256];
};

/* backend.c */
void backend_init(struct backend *be, const struct backend_ops *ops, void *dev);
int backend_serve(struct backend *be, int fd);
void backend_kicked(struct backend_queue *bq);
void backend_complete(struct backend *be, struct backend_op *op, int32_t res);
void backend_withdraw(struct backend *be, struct backend_op *op);

/*
 * backend_ring.c: make the ring, disabled; 0 or -errno (-EPERM, -ENOSYS: the host forbids it, -ENOMEM: the limit of locked memory).
 * The probe makes one of the same size and gives it back.
 */
int backend_ring_open(struct backend *be);
int backend_ring_probe(const struct backend *be);

/*
 * backend_spin.c: to begin with; will the loop look before it sleeps; look: true when there is something to do; ask for the kicks of quiet queues,
 * true when something came; around a sleep: how long was it? Has the kernel something to take, or to do before a completion is there?
 */
void backend_spin_init(struct backend *be);
bool backend_spins(struct backend *be);
bool backend_spin(struct backend *be);
void backend_hush(struct backend *be);
bool backend_ask_kicks(struct backend *be);
uint64_t backend_sleeps(struct backend *be);
void backend_slept(struct backend *be, uint64_t from);
bool backend_ring_wants(struct backend *be);

/*
 * backend_gone.c: in the listening process, before a role is made for the front end at @fd, which stays open here; behind it, @pid is the role; it
 * has ended: true when it was killed for still being there so many seconds after its front end hung up.
 */
#define BACKEND_GONE_S 2u
void backend_gone_watch(int fd);
void backend_gone_role(pid_t pid);
bool backend_gone_done(void);

/* backend_listen.c: remove the socket files that are still ours; let signals that end this process do so first, or not any more */
void backend_unlisten(void);
void backend_tidy(bool on);

#endif
