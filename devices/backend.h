/* SPDX-License-Identifier: GPL-2.0 */
/*
 * backend.h: what every device role is made of, apart from its device.
 *
 * backend_main() is the whole program around a device: command line (the vhost-user back-end program
 * conventions), sandbox, vhost-user session, one event loop. A device is a table of functions
 * (struct backend_ops) and a state of its own; it never sees the socket, the memory table or the sandbox.
 *
 * The loop has two engines. On io_uring (the normal one) everything the role does is an operation on one
 * ring made before the seal: waiting, receiving messages with their descriptors (RECVMSG), answering
 * (SENDMSG), kicks (READ), calls (WRITE), closing (CLOSE), the device's own i/o. The role is therefore
 * sealed *before the first byte of its peer*, and still serves the protocol for as long as it lives (memory
 * added on a running queue, a device started twice): docs/sealed-roles.md. The sealed system calls are
 *
 *	io_uring_enter(ring)	everything that is an operation of the ring
 *	mmap(PROT_READ|PROT_WRITE, MAP_SHARED), munmap	memory regions that the front end adds and removes
 *	exit_group
 *
 * and the ring operations of the loop itself, which each manifest lists beside those of its device:
 * READ WRITE RECVMSG SENDMSG CLOSE POLL_ADD ASYNC_CANCEL. Kick, call and memory descriptors arrive after the
 * seal, so operations name plain descriptors (IOSQE_FIXED_FILE is allowed, not required).
 * Where the host forbids io_uring the loop runs on ppoll, recvmsg, sendmsg, read, pread, write and close, behind
 * the longer filter of @role_poll.
 *
 * A device may: pop and push its queues, queue operations, watch descriptors. It may not: block, allocate
 * after open(), call exit(), or make any system call of its own that its manifest does not name.
 */
#ifndef LGUEST_BACKEND_H
#define LGUEST_BACKEND_H

#include <getopt.h>
#include <stdio.h>

#include "ipc/virtqueue.h"

/* From open(): the options contradict one another (exit status 2); any other error is a resource that is missing (1). */
#define BACKEND_USAGE (-4096)

struct io_uring_sqe;
struct policy_role;
struct backend;

/**
 * struct backend_op - one operation in flight on the ring; embed it in what it belongs to
 * @done: called from the loop with the operation's result (bytes or -errno); may queue new operations
 *
 * The rest is the loop's.
 */
struct backend_op {
	void (*done)(struct backend_op *op, int32_t res);
	struct backend_op *next;
	int32_t res;
	bool pending; /* from backend_sqe() or backend_io() until just before done() */
	bool ready;
};

/**
 * struct backend_io - one readv() or writev() in flight, on either engine; embed it in what it belongs to
 * @op: the loop's; backend_cancel() works on it, @op.pending tells whether it is in flight
 * @done: called with the bytes moved or -errno, never -EAGAIN
 * @fd: descriptor, read or written once it is ready. A terminal must be O_NONBLOCK: see backend_ring.c
 * @iov: segments, stable until done(), @n: their number
 * @write: direction
 */
struct backend_io {
	struct backend_op op;
	void (*done)(struct backend_io *io, int32_t res);
	struct backend *be;
	struct backend_io *next;
	const struct iovec *iov;
	int fd;
	int n;
	bool write;
};

/**
 * struct backend_watch - wait until a descriptor is ready, once
 * @fd: the descriptor
 * @ready: called with the poll(2) bits; arm again from there if wanted
 *
 * The rest is the loop's.
 */
struct backend_watch {
	int fd;
	void (*ready)(struct backend_watch *w, short revents);
	struct backend_op op;
	struct backend_watch *next;
	short events;
};

/**
 * struct backend_ops - a device
 * @name: program name, "lguest-block"
 * @type: device type of --print-capabilities, "block"
 * @capabilities: its feature strings, NULL-terminated
 * @summary: one line for --help
 * @usage: the device's own options for --help, one per line
 * @options: the device's own long options, zero-terminated; .val >= 0x100
 * @role: manifest, @role_poll: manifest without a ring, or NULL
 * @features: virtio feature bits that the device can offer; the loop adds VERSION_1, EVENT_IDX,
 *	INDIRECT_DESC, ACCESS_PLATFORM and bit 30
 * @queues: most queues, @queue_unit: queues that GET_QUEUE_NUM counts as one (2 for net's pairs)
 * @queue_size: most entries per queue
 * @config_size: bytes of config space; 0 = the CONFIG protocol feature is not offered
 * @first_part: of a batch of operations, so many go to the kernel while the rest is prepared, then twice as many, and so on;
 *	0 = a batch goes whole. For devices that would idle meanwhile: each part costs a system call
 *
 * @spins: look for the driver's next request for some microseconds before sleeping (backend_spin.c). For a device whose requests each wait for the
 *	one before; frames of a network come in batches when nobody looks too often
 * @completions: how many operations that are over the ring must hold at once without losing time; 0 = 4096. It is memory that the role has for life
 *
 * @option: one option from the command line; @arg as getopt gives it. Return 0 or -EINVAL after backend_fail().
 * @open: open resources and put them at their numbers (policy_place_fd()); may lower what the device offers with
 *	backend_limit(). Return 0, a negative errno or BACKEND_USAGE after backend_fail(). Runs before the sandbox.
 * @narrow: after open(): the manifest that has just the rights for what was opened; backend_will_ring() tells the engine. Optional.
 * @start: in the sandbox, ring ready, before the first message: set up watches and buffers. Optional.
 * @features_acked: the driver's choice (SET_FEATURES), before queues start. Optional.
 * @get_config: fill the whole config space (@config_size bytes, zeroed before).
 * @set_config: the driver wrote @len bytes at @off (in range). Return 0 or -EINVAL to refuse. Optional.
 * @queue_start: queue @q is about to run. Optional.
 * @queue_kick: the driver may have added requests: pop and work. Also called when a pass was cut short.
 * @queue_stop: no further pops; complete or give back soon everything popped from @q. The loop runs on until
 *	q->inflight is 0, then forgets the ring. Optional for devices that finish within queue_kick().
 * @order: in the minder, without rights but its own: what the role asks for with a byte written to POLICY_FD_ORDER, which any value may be;
 *	at most once a second for long (policy_options.order). Optional.
 * @reset: back to the initial state: the front end is gone or sent RESET_DEVICE; queues are stopped. Optional.
 */
struct backend_ops {
	const char *name;
	const char *type;
	const char *const *capabilities;
	const char *summary;
	const char *usage;
	const struct option *options;
	const struct policy_role *role;
	const struct policy_role *role_poll;
	uint64_t features;
	uint16_t queues;
	uint16_t queue_unit;
	uint16_t queue_size;
	uint16_t config_size;
	uint16_t first_part;
	uint16_t completions;
	bool spins;

	int (*option)(struct backend *be, int opt, const char *arg);
	int (*open)(struct backend *be);
	const struct policy_role *(*narrow)(struct backend *be);
	int (*start)(struct backend *be);
	void (*features_acked)(struct backend *be, uint64_t features);
	void (*get_config)(struct backend *be, uint8_t *cfg);
	int (*set_config)(struct backend *be, uint32_t off, const uint8_t *data, uint32_t len);
	void (*queue_start)(struct backend *be, struct vq *q);
	void (*queue_kick)(struct backend *be, struct vq *q);
	void (*queue_stop)(struct backend *be, struct vq *q);
	void (*reset)(struct backend *be);
	void (*order)(uint8_t what);
};

/**
 * backend_main() - the program of a device role
 * @argc: as main()'s
 * @argv: as main()'s
 * @ops: the device
 * @dev: its state, zeroed; backend_dev() gives it back
 *
 * Return: exit status: 0 the front end hung up, 1 a resource of the host is missing, 2 wrong usage, 3 the front end
 * broke the protocol, 4 the user left the guest (console).
 */
int backend_main(int argc, char **argv, const struct backend_ops *ops, void *dev);

/** backend_dev() - the device's own state, as given to backend_main(). */
void *backend_dev(const struct backend *be);

/** backend_vq() - queue @index, or NULL when the device has no such queue. */
struct vq *backend_vq(struct backend *be, unsigned int index);

/** backend_running() - may @q be popped now: started, enabled, not broken, not being stopped? */
bool backend_running(const struct backend *be, const struct vq *q);

/**
 * backend_fail() - say in one sentence what failed, on which object, why, and what to do
 * @be: the role
 * @fmt: printf format, no newline; "lguest-block: " goes before it
 *
 * Before the seal only (it writes to stderr).
 */
void backend_fail(struct backend *be, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/**
 * backend_log() - the same once sealed: a line for the log, without waiting
 * @be: the role
 * @fmt: printf format, no newline; "lguest-block: " goes before it
 *
 * A role's log ends after 16 lines, and a line that comes while another is on its way is lost.
 */
void backend_log(struct backend *be, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/**
 * backend_listen() - listen on a Unix socket
 * @be: the role
 * @path: where. A socket that a killed process of the same user left there is replaced, nothing else is; ours goes when the program ends
 *
 * Before the sandbox only. Return: descriptor, or -1 after backend_fail().
 */
int backend_listen(struct backend *be, const char *path);

/**
 * backend_number() - read the value of an option that is a number
 * @be: the role
 * @option: its name, without dashes
 * @arg: what the user wrote, in decimal
 * @min: the least that is accepted, 0 or more
 * @max: the most
 *
 * Return: the number, or -EINVAL after backend_fail(). Before the seal only.
 */
int backend_number(struct backend *be, const char *option, const char *arg, int min, int max);

/**
 * backend_defaults() - signals, standard descriptors and limits as a role needs them, whatever it inherited
 * @be: the role
 *
 * Return: 0, or -EMFILE after backend_fail().
 */
int backend_defaults(struct backend *be);

/**
 * backend_map() - memory for a device's tables, zeroed, for as long as the process lives
 * @size: bytes
 *
 * Pages that are never touched cost nothing, so a table may have the size of the worst case.
 * Return: its address, or NULL when there is none to be had. Before the seal only.
 */
void *backend_map(size_t size);

/**
 * backend_limit() - from open(): offer less than ops says
 * @be: the role
 * @features: device feature bits to offer
 * @queues: queues to offer
 */
void backend_limit(struct backend *be, uint64_t features, uint16_t queues);

/**
 * backend_file_limit() - from open(): the largest file offset that the role may write (policy_options.file_size)
 * @be: the role
 * @bytes: the size of a writable image; the default is 0, UINT64_MAX is no limit (a console's log file)
 */
void backend_file_limit(struct backend *be, uint64_t bytes);

/**
 * backend_fixed_file() - from open(): put a descriptor in the ring's registered file table
 * @be: the role
 * @fd: the descriptor, at its number
 *
 * An operation with IOSQE_FIXED_FILE and this index takes no reference on the file, and the ring holds the file until
 * its last operation is over, also after the role was killed (the drain pipe is registered by the loop for that).
 *
 * Return: the index for sqe->fd, -ENOSPC when the table is full.
 */
int backend_fixed_file(struct backend *be, int fd);

/**
 * backend_quick() - from open(): what the device does for a request takes no longer than a thread's wake-up, since nothing but memory is behind it
 * @be: the role
 *
 * With @spins the loop then looks for some microseconds for the end of requests in flight too.
 */
void backend_quick(struct backend *be);

/** backend_will_ring() - after open(): will the loop be on io_uring? */
bool backend_will_ring(const struct backend *be);

/** backend_has_ring() - is the loop on io_uring? When not, backend_sqe() answers NULL. */
bool backend_has_ring(const struct backend *be);

/**
 * backend_sqe() - a free submission entry whose completion calls @op->done
 * @be: the role
 * @op: the operation, not pending; @op->done set
 *
 * Fill it with io_uring_prep_*(), before the next entry is asked for; do not touch its user_data. It is submitted when the loop
 * next waits, together with everything else queued, in one system call; earlier when the queue of entries is full, or when the
 * device wants it (@first_part).
 *
 * Return: the entry; NULL only without a ring.
 */
struct io_uring_sqe *backend_sqe(struct backend *be, struct backend_op *op);

/**
 * backend_cancel() - ask for the end of a pending operation; its done() still comes, with -ECANCELED or its result
 * @be: the role
 * @op: the operation; nothing happens when it is not pending
 */
void backend_cancel(struct backend *be, struct backend_op *op);

/**
 * backend_notify() - publish a queue's staged completions and signal the driver when it wants that
 * @be: the role
 * @q: the queue
 *
 * Cheap to call once per completion: the loop publishes and signals once, when it has handled the batch of
 * completions and kicks that it woke up for.
 */
void backend_notify(struct backend *be, struct vq *q);

/**
 * backend_again() - call ops->queue_kick(@q) soon, as if kicked: the device found room for what it could not take
 * @be: the role
 * @q: the queue
 */
void backend_again(struct backend *be, struct vq *q);

/**
 * backend_watch() - wait for @events on @w->fd, once
 * @be: the role
 * @w: not armed; @w->fd and @w->ready set
 * @events: poll(2) bits
 */
void backend_watch(struct backend *be, struct backend_watch *w, short events);

/**
 * backend_io() - start a readv() or writev(), on whichever engine runs
 * @be: the role
 * @io: not pending; @done, @fd, @iov, @n and @write set
 */
void backend_io(struct backend *be, struct backend_io *io);

/**
 * struct backend_timer - a one-shot timer; embed it in what it belongs to
 * @op: @op.done is called with -ETIME when the time is over, -ECANCELED after backend_cancel()
 *
 * The rest is the loop's.
 */
struct backend_timer {
	struct backend_op op;
	struct backend_timer *next;
	int64_t ns[2]; /* struct __kernel_timespec of the ring; [0] is the deadline on the poll engine */
};

/**
 * backend_timer() - start a timer
 * @be: the role
 * @t: not pending, @t->op.done set
 * @ms: milliseconds from now
 *
 * For pauses of about a second; without a ring it may fire late.
 */
void backend_timer(struct backend *be, struct backend_timer *t, unsigned int ms);

/** backend_accept() - take a connection from a listening socket that is ready. Return: descriptor or -errno. */
int backend_accept(struct backend *be, int fd);

/** backend_close() - close a descriptor with nothing pending on it. */
void backend_close(struct backend *be, int fd);

/** backend_leave() - end the connection: the user asked to leave the guest; the program exits with status 4. */
void backend_leave(struct backend *be);

/** backend_config_changed() - tell the driver (through the front end) to read config space again. */
void backend_config_changed(struct backend *be);

#endif
