/* SPDX-License-Identifier: GPL-2.0 */
/*
 * place.h: run a function in the exact place of a sealed role: same namespaces, descriptors, limits, ring, filter.
 *
 * Test code only. The parent keeps its rights; each run is a process of its own, so a payload that dies tells so. A place of its own for each run is
 * a set of namespaces each, which an emulated host needs a twentieth of a second for: place_run_each() makes one for thousands of runs.
 */
#ifndef LGUEST_HOSTILE_PLACE_H
#define LGUEST_HOSTILE_PLACE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>
#include <linux/io_uring.h>

#include "policy/policy.h"

#define WINDOW_SIZE 8192u	/* the memfd of the window; WINDOW_MAPPED bytes of it are mapped in the role's place */
#define WINDOW_MAPPED 4096u

enum place_state { PLACE_NOTHING, PLACE_SEALED, PLACE_RETURNED };

/* What a payload tells its parent, in memory that both have. */
struct place_shared {
	volatile int state;
	volatile long ret;
};

/* What a payload may use. @host_pid and @host_ns: the test itself, outside. */
struct place {
	struct place_shared *shared;
	struct io_uring_sqe *sqes;
	void *sq_ring;
	struct io_uring_params ring;
	void *window;
	pid_t host_pid;
	int socket_peer;
};

enum place_outcome {
	PLACE_DIED,	/* SIGSYS */
	PLACE_CRASHED,	/* another signal */
	PLACE_RET,	/* the payload's function returned shared->ret */
	PLACE_STUCK,	/* it was let in and blocks */
	PLACE_BROKEN,	/* the place could not be made */
};

struct place_result {
	enum place_outcome outcome;
	int signal;
	long ret;	/* as a raw system call answers: -errno or a value */
};

enum place_how {
	PLACE_SEAL,		/* as the role runs */
	PLACE_NO_FILTER,	/* all layers except the filters: what is left when a filter has a hole */
	PLACE_BARE,		/* no sandbox at all: the control run, where the payload must work */
};

/**
 * place_run() - run @fn(@place, @arg) in a role's place
 * @role: its manifest
 * @how: which layers
 * @image_flags: how the image at POLICY_FD_RESOURCE is open (O_RDWR or O_RDONLY)
 */
struct place_result place_run(const struct policy_role *role, enum place_how how, int image_flags,
			      long (*fn)(struct place *p, long arg), long arg);

/**
 * place_run_each() - run @fn(@place, @arg) for @count values of @arg from @first on, sealed as the role runs, each in a process of its own
 * @role: its manifest
 * @results: one for each
 *
 * All are in one place: the same namespaces, descriptors and ring. So @fn may change none of them.
 */
void place_run_each(const struct policy_role *role, long (*fn)(struct place *p, long arg), long first, unsigned int count,
		    struct place_result *results);

/** place_ring_op() - submit one entry on the place's ring and wait: its result, or the error of io_uring_enter. */
long place_ring_op(struct place *p, const struct io_uring_sqe *sqe);

#endif
