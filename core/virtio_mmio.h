/* SPDX-License-Identifier: GPL-2.0 */
/*
 * virtio_mmio.h: the register file of a virtio-mmio device (virtio 1.2, section 4.2.2, version 2), and what
 * a device behind it looks like. The file keeps the driver's choices and enforces the order of section 3.1;
 * struct virtio_ops carries them out, for a device in another process or any other kind.
 */
#ifndef LGUEST_CORE_VIRTIO_MMIO_H
#define LGUEST_CORE_VIRTIO_MMIO_H

#include <stdbool.h>
#include <stdint.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>

#include "core/layout.h"

#define VIRTIO_CONFIG_MAX		256u

/**
 * struct virtio_queue - one queue as the driver described it
 * @num: entries, @desc: descriptor table, @driver: avail ring, @device: used ring (guest-physical)
 * @ready: QueueReady is 1, @running: the device was told to start it
 */
struct virtio_queue {
	uint32_t num;
	uint64_t desc, driver, device;
	bool ready;
	bool running;
};

struct virtio_mmio;

/**
 * struct virtio_ops - a device; every function may fail without harm to the register file
 * @features_ok: the driver chose @features, a subset of what is offered. False: the device cannot.
 * @queue_start: queue @index runs from now on. False: the device becomes NEEDS_RESET.
 * @queue_stop: after it the device touches nothing of the queue.
 * @driver_ok: the driver is ready; called before the queues start.
 * @notify: the driver kicked queue @index through the register.
 * @config_write: the driver wrote @len bytes at @off (in range) of config space.
 * @reset: back to the initial state, all queues stopped.
 */
struct virtio_ops {
	bool (*features_ok)(void *dev, uint64_t features);
	bool (*queue_start)(void *dev, unsigned int index, const struct virtio_queue *q);
	void (*queue_stop)(void *dev, unsigned int index);
	void (*driver_ok)(void *dev);
	void (*notify)(void *dev, unsigned int index);
	void (*config_write)(void *dev, uint32_t off, const void *data, uint32_t len);
	void (*reset)(void *dev);
};

/**
 * struct virtio_mmio - the register file
 * Filled by its owner before the guest runs: @ops, @dev, @device_id, @features (offered), @required (features
 * without which FEATURES_OK is refused), @queues, @config and @config_size (config space is served from here).
 * @interrupt: raise the device's line; @check: are these bytes memory that the device may reach?
 * @interrupt_status: changed by all threads, without a lock (virtio_mmio_needs_lock())
 */
struct virtio_mmio {
	const struct virtio_ops *ops;
	void *dev;
	void (*interrupt)(void *dev);
	bool (*check)(void *dev, uint64_t gpa, uint64_t len);
	uint32_t device_id;
	uint64_t features;
	uint64_t required;
	unsigned int queues;
	uint32_t config_size;
	uint8_t config[VIRTIO_CONFIG_MAX];

	uint64_t driver_features;
	uint32_t device_features_sel, driver_features_sel, queue_sel;
	uint32_t status;
	uint32_t interrupt_status;
	uint32_t generation;
	struct virtio_queue queue[GUEST_QUEUES];
};

/**
 * virtio_mmio_read() - a load from the device's page
 * @v: the register file
 * @off: offset in the page, @size: 1, 2, 4 or 8
 *
 * Registers below 0x100 answer aligned 32-bit loads, config space any; everything else reads as 0.
 */
uint64_t virtio_mmio_read(struct virtio_mmio *v, uint64_t off, unsigned int size);

/**
 * virtio_mmio_needs_lock() - false for the two registers that an interrupt handler uses: they concern no back end, and a
 * handler must not wait while somebody else waits for one
 * @off: offset in the page, @size: bytes
 */
static inline bool virtio_mmio_needs_lock(uint64_t off, unsigned int size)
{
	return size != 4 || (off != VIRTIO_MMIO_INTERRUPT_STATUS && off != VIRTIO_MMIO_INTERRUPT_ACK);
}

/** virtio_mmio_write() - a store to the device's page; what the specification does not allow has no effect. */
void virtio_mmio_write(struct virtio_mmio *v, uint64_t off, unsigned int size, uint64_t value);

/** virtio_mmio_set_config() - the device's config space changed: generation, interrupt. */
void virtio_mmio_set_config(struct virtio_mmio *v, const void *config, uint32_t size);

/** virtio_mmio_needs_reset() - the device cannot go on until the driver resets it (section 2.1.2). */
void virtio_mmio_needs_reset(struct virtio_mmio *v);

#endif
