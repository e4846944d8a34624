/* SPDX-License-Identifier: GPL-2.0 */
/*
 * guest.h: a hostile guest as an interpreter of the fuzzer's input: write descriptors, offer heads, poke memory, kick, let
 * an operation of the device end in some way, stop and start a queue, change memory after the k-th read. On
 * the fake loop (fake_loop.h), for devices with up to three queues.
 */
#ifndef LGUEST_FUZZ_GUEST_H
#define LGUEST_FUZZ_GUEST_H

#include "tests/lib/fake_loop.h"

/**
 * struct guest - what differs between devices
 * @queues: queues used, at most 3
 * @perform: operation @sqe ends: check it, fill what it reads, choose a result from @how
 * @special: an input record of the device's own
 * @check: after each record
 */
struct guest {
	unsigned int queues;
	int32_t (*perform)(const struct io_uring_sqe *sqe, uint8_t how);
	void (*special)(void);
	void (*check)(void);
};

/** guest_run() - interpret an input; the device is open and its queues are started by the input. */
void guest_run(const struct guest *g, const uint8_t *data, size_t size);

/** guest_byte() - next byte of the input, 0 at its end. */
uint8_t guest_byte(void);

/** guest_own() - is the range in guest memory? */
bool guest_own(const void *p, size_t len);

#endif
