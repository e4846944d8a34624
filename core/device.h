/* SPDX-License-Identifier: GPL-2.0 */
/*
 * device.h: a guest's virtio device whose back end is another process: the seam between the register
 * file (virtio_mmio.h) and vhost-user (ipc/vhost_user_frontend.h), with its window, eventfds and line.
 */
#ifndef LGUEST_CORE_DEVICE_H
#define LGUEST_CORE_DEVICE_H

#include <pthread.h>

#include "core/memory.h"
#include "core/virtio_mmio.h"
#include "ipc/vhost_user_frontend.h"

/**
 * struct device_type - what the core must know of a kind of device: lguest-run says it (run/kind.h), no kind is known here
 * @name: for messages, @id: virtio device number (virtio 1.2, section 5)
 * @queues: queues it has at least (before multiqueue), @unit: queues that GET_QUEUE_NUM counts as one
 * @config: sizes of its config space to ask for, largest first, up to a 0: a back end refuses what goes past its own
 * @hidden: feature bits that need a part of the device which no vhost-user back end has
 */
struct device_type {
	const char *name;
	uint32_t id;
	unsigned int queues;
	unsigned int unit;
	uint32_t config[3];
	uint64_t hidden;
};

/**
 * struct device - one device of the guest
 * @lock: held around every use of @mmio and @fe: register access on the vCPU's thread, recovery on the main one. One for each
 *	device: a back end that is slow to come back holds up nobody but its own driver.
 * @name: "block0", for messages, @index: its number: register page, interrupt line, descriptors
 * @window: what its back end sees; NULL: all of guest memory (dma=direct)
 * @kick: eventfd of each queue, @call: one for all queues, @err: signalled when a queue is broken
 * @down: its back end is gone, and lguest-run was told
 * @own: lguest-run can start its back end again, @late: that did not answer a question about its health in time
 * @process: lguest-run's number for the back end's process (struct control_msg)
 */
struct device {
	pthread_mutex_t lock;
	struct virtio_mmio mmio;
	struct vu_fe fe;
	char name[16];
	unsigned int index;
	const struct device_type *type;
	const struct guest_memory *memory;
	const struct guest_region *window;
	int kick[GUEST_QUEUES];
	int call, err;
	int lguest;
	bool down;
	bool own, late;
	uint32_t process;
};

/** device_registers() - guest-physical address of its register page. */
uint64_t device_registers(const struct device *d);

/** device_line() - its interrupt line. */
uint32_t device_line(const struct device *d);

/**
 * device_open() - connect to the back end and fill the register file
 * @d: @name, @index, @type, @memory, @window, @lguest set, the rest zero
 * @fd: connected vhost-user socket; the device's from here on
 *
 * Binds kicks and calls in the module, shares the window (or RAM) and reads config space.
 *
 * Return: NULL, or a clause on what failed, for "device NAME: ...".
 */
const char *device_open(struct device *d, int fd);

/**
 * device_reconnect() - go on with a new back-end process; the driver sees a delay
 * @d: the device, @fd: connected socket of the new process; the device's from here on
 *
 * Return: NULL, or a clause on what failed (the device stays down).
 */
const char *device_reconnect(struct device *d, int fd);

/**
 * device_beat() - ask a running back end of our own for an answer; without one in time its connection is dead
 * @d: the device
 *
 * A back end that hangs is seen by nobody else: the guest waits for its rings. A foreign one is not asked: nobody could start it again.
 */
void device_beat(struct device *d);

/** device_give_up() - no back end will come: the driver is told NEEDS_RESET. */
void device_give_up(struct device *d);

/** device_event() - the back end's own socket has news (configuration changed). */
void device_event(struct device *d);

/** device_broken() - the err eventfd was signalled: a queue is broken. */
void device_broken(struct device *d);

#endif
