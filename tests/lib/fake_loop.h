/* SPDX-License-Identifier: GPL-2.0 */
/*
 * fake_loop.h: the back-end loop without a kernel: a device's real code runs on it, and whoever drives it (a fuzz
 * target, a unit test) decides when and how each operation ends. One device, its queues in memory of our own.
 *
 * Guest memory is malloc'ed, so that ASan guards its ends. In fuzz builds every read of it may be followed by a
 * change (struct fake_plan): what a hostile processor of the guest would do between two reads.
 */
#ifndef LGUEST_FAKE_LOOP_H
#define LGUEST_FAKE_LOOP_H

#include <stdio.h>
#include <stdlib.h>

#include <liburing.h>

#include "devices/backend.h"
#include "ipc/virtqueue_ring.h"

#define FAKE_GPA 0x10000u
#define FAKE_UADDR 0x7000000u
#define FAKE_QUEUES 16u
#define FAKE_RING 0x3000u	/* bytes of each queue: descriptors, avail at +0x1000, used at +0x2000 */
#define FAKE_DATA (3 * FAKE_RING) /* offset of the data behind the rings of queues 0 to 2 */
#define FAKE_MEM 0x30000u
#define FAKE_PENDING 4096u

#define REQUIRE(cond, ...)					\
	do {							\
		if (!(cond)) {					\
			fprintf(stderr, "fake loop: " __VA_ARGS__);	\
			fputc('\n', stderr);			\
			abort();				\
		}						\
	} while (0)

/* An operation that the device has started; @sqe describes it as the ring would see it. */
struct fake_op {
	struct io_uring_sqe sqe;
	struct backend_op *op;
};

/* "After the @countdown-th read from now, put these bytes there." */
struct fake_plan {
	unsigned int countdown;
	bool here; /* at the bytes that were read, else at @off */
	uint16_t off;
	uint8_t bytes[4];
};

struct fake {
	const struct backend_ops *ops;
	void *dev;
	uint8_t *mem;
	struct gmem table;
	uint16_t avail_idx[FAKE_QUEUES];
	unsigned int pending_n;
	uint32_t again;
	bool left, config_changed;
	bool no_peer; /* who connects is gone before backend_accept() */
	struct fake_plan plan;
	const uint8_t *record; /* in-flight record of @record_len bytes, which is read as guest memory is, or NULL */
	size_t record_len;
	uint64_t limit_features;
	unsigned int watches, logged;
	/* large: not cleared as a whole for each input */
	struct vq vq[FAKE_QUEUES];
	struct fake_op pending[FAKE_PENDING];
};

extern struct fake fake;

/** fake_open() - take the device that @device_main hands to backend_main(), with fresh zeroed memory. */
void fake_open(int (*device_main)(int argc, char **argv));

/** fake_start() - start queue @index with @size entries; @flags: 1 EVENT_IDX, 2 INDIRECT. */
void fake_start(unsigned int index, uint16_t size, unsigned int flags);

/** fake_stop() - as the loop stops a queue; ends operations until nothing is in flight. */
void fake_stop(unsigned int index);

/** fake_kick() - run passes of @index, and of what asked for more, until all is quiet or @max passes are over. */
void fake_kick(unsigned int index, unsigned int max);

/** fake_complete() - end the @which-th pending operation with @res. */
void fake_complete(unsigned int which, int32_t res);

/** fake_find() - index of the first pending operation with @opcode, or -1. */
int fake_find(uint8_t opcode);

/** fake_desc() - write a descriptor of queue @index; @off is an offset into fake.mem. */
void fake_desc(unsigned int index, uint16_t i, uint32_t off, uint32_t len, unsigned int flags, uint16_t next);

/** fake_offer() - put @head into the avail ring of queue @index. */
void fake_offer(unsigned int index, uint16_t head);

/** fake_used() - the used index of queue @index, and its entry @i. */
uint16_t fake_used_idx(unsigned int index);
struct vq_used_elem fake_used(unsigned int index, uint16_t i);

#endif
