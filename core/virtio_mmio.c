// SPDX-License-Identifier: GPL-2.0
/*L:600
 * virtio_mmio.c: the register file of virtio_mmio.h.
 *
 * The driver is the guest: it may read and write anything in any order. Each store either is what section 4.2.2 and
 * the state allow, or changes nothing. Nothing here looks into guest memory; ring addresses are only checked for
 * lying in memory that the device may reach.
 */
#include <string.h>

#include "core/virtio_mmio.h"

#define VIRTIO_MAGIC	0x74726976u	/* "virt" */
#define VIRTIO_VENDOR	0x7473676cu	/* "lgst" */

/* The queue that the driver selected, NULL when there is none of that number. */
static struct virtio_queue *selected(struct virtio_mmio *v)
{
	return v->queue_sel < v->queues ? &v->queue[v->queue_sel] : NULL;
}

/*
 * Calls come from the device's process through an irqfd, which this process does not see: the bit that says "a queue
 * has news" therefore always reads as set. A driver looks at its rings once too often, at worst.
 */
static uint32_t interrupt_status(const struct virtio_mmio *v)
{
	return __atomic_load_n(&v->interrupt_status, __ATOMIC_RELAXED) | VIRTIO_MMIO_INT_VRING;
}

static uint32_t features_word(uint64_t features, uint32_t sel)
{
	return sel < 2 ? (uint32_t)(features >> (32 * sel)) : 0;
}

static uint32_t read_register(struct virtio_mmio *v, uint64_t off)
{
	const struct virtio_queue *q;

	/* Read without the lock (virtio_mmio_needs_lock()): nothing else may be looked at */
	if (off == VIRTIO_MMIO_INTERRUPT_STATUS)
		return interrupt_status(v);
	q = selected(v);
	switch (off) {
	case VIRTIO_MMIO_MAGIC_VALUE: return VIRTIO_MAGIC;
	case VIRTIO_MMIO_VERSION: return 2;
	case VIRTIO_MMIO_DEVICE_ID: return v->device_id;
	case VIRTIO_MMIO_VENDOR_ID: return VIRTIO_VENDOR;
	case VIRTIO_MMIO_DEVICE_FEATURES: return features_word(v->features, v->device_features_sel);
	case VIRTIO_MMIO_QUEUE_NUM_MAX: return q ? GUEST_QUEUE_SIZE : 0;
	case VIRTIO_MMIO_QUEUE_READY: return q && q->ready;
	case VIRTIO_MMIO_STATUS: return v->status;
	case VIRTIO_MMIO_CONFIG_GENERATION: return v->generation;
	/* No shared memory regions: length -1 says so, and the base must then be -1 too. */
	case VIRTIO_MMIO_SHM_LEN_LOW: case VIRTIO_MMIO_SHM_LEN_HIGH: case VIRTIO_MMIO_SHM_BASE_LOW: case VIRTIO_MMIO_SHM_BASE_HIGH: return ~0u;
	default: return 0;
	}
}

static bool in_config(const struct virtio_mmio *v, uint64_t off, unsigned int size)
{
	return off >= VIRTIO_MMIO_CONFIG && off - VIRTIO_MMIO_CONFIG < v->config_size && size <= v->config_size - (off - VIRTIO_MMIO_CONFIG);
}

uint64_t virtio_mmio_read(struct virtio_mmio *v, uint64_t off, unsigned int size)
{
	uint64_t value = 0;

	if (off < VIRTIO_MMIO_CONFIG)
		return size == 4 && off % 4 == 0 ? read_register(v, off) : 0;
	if (in_config(v, off, size))
		memcpy(&value, v->config + (off - VIRTIO_MMIO_CONFIG), size);
	return value;
}

static void stop_queue(struct virtio_mmio *v, unsigned int index)
{
	struct virtio_queue *q = &v->queue[index];

	if (q->running)
		v->ops->queue_stop(v->dev, index);
	q->running = false;
	q->ready = false;
}

static void device_reset(struct virtio_mmio *v)
{
	v->ops->reset(v->dev);
	memset(v->queue, 0, sizeof(v->queue));
	v->driver_features = 0;
	v->device_features_sel = v->driver_features_sel = v->queue_sel = 0;
	__atomic_store_n(&v->interrupt_status, 0, __ATOMIC_RELAXED);
	v->status = 0;
}

/* Section 2.7: sizes of the three areas of a split ring, with room for the event indexes. */
static bool ring_is_good(struct virtio_mmio *v, const struct virtio_queue *q)
{
	if (!q->num || q->num > GUEST_QUEUE_SIZE || q->num & (q->num - 1))
		return false;
	if (q->desc % 16 || q->driver % 2 || q->device % 4)
		return false;
	return v->check(v->dev, q->desc, 16ull * q->num) && v->check(v->dev, q->driver, 6 + 2ull * q->num) &&
	       v->check(v->dev, q->device, 6 + 8ull * q->num);
}

/* A queue runs when it is ready and the driver is: before DRIVER_OK the device must not look at it (section 3.1). */
static void start_queue(struct virtio_mmio *v, unsigned int index)
{
	struct virtio_queue *q = &v->queue[index];

	if (!q->ready || q->running || !(v->status & VIRTIO_CONFIG_S_DRIVER_OK))
		return;
	if (v->ops->queue_start(v->dev, index, q))
		q->running = true;
	else
		virtio_mmio_needs_reset(v);
}

static void set_ready(struct virtio_mmio *v, uint32_t value)
{
	struct virtio_queue *q = selected(v);

	if (!q || !(v->status & VIRTIO_CONFIG_S_FEATURES_OK))
		return;
	if (value == 0) {
		stop_queue(v, v->queue_sel);
	} else if (value == 1 && !q->ready) {
		if (!ring_is_good(v, q)) {
			virtio_mmio_needs_reset(v);
			return;
		}
		q->ready = true;
		start_queue(v, v->queue_sel);
	}
}

static bool features_acceptable(struct virtio_mmio *v)
{
	uint64_t f = v->driver_features;

	if (f & ~v->features || (f & v->required) != v->required)
		return false;
	return v->ops->features_ok(v->dev, f);
}

/*L:610
 * The guest finds its devices by that command line and brings each up by setting bits in one register. Two of them
 * leave this file: FEATURES_OK asks the device whether it can, and DRIVER_OK is where the queues that are ready begin.
 * Everything before that was the driver's choice, kept and checked; a write of 0 takes it all back.
 */
/* Bits only ever get set, but for a write of 0, which is a reset (section 2.1). */
static void set_status(struct virtio_mmio *v, uint32_t value)
{
	const uint32_t driver_bits = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK |
				     VIRTIO_CONFIG_S_DRIVER_OK | VIRTIO_CONFIG_S_FAILED;
	uint32_t fresh = value & driver_bits & ~v->status;

	if (!value) {
		device_reset(v);
		return;
	}
	if (fresh & VIRTIO_CONFIG_S_FEATURES_OK && !features_acceptable(v))
		fresh &= ~(uint32_t)(VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK);
	if (fresh & VIRTIO_CONFIG_S_DRIVER_OK && !((v->status | fresh) & VIRTIO_CONFIG_S_FEATURES_OK))
		fresh &= ~(uint32_t)VIRTIO_CONFIG_S_DRIVER_OK;
	v->status |= fresh;
	if (!(fresh & VIRTIO_CONFIG_S_DRIVER_OK))
		return;
	v->ops->driver_ok(v->dev);
	for (unsigned int i = 0; i < v->queues; i++)
		start_queue(v, i);
}

static void set_driver_features(struct virtio_mmio *v, uint32_t value)
{
	unsigned int shift = 32 * v->driver_features_sel;

	if (v->driver_features_sel > 1 || v->status & VIRTIO_CONFIG_S_FEATURES_OK)
		return;
	v->driver_features = (v->driver_features & ~(0xffffffffull << shift)) | (uint64_t)value << shift;
}

static void set_half(uint64_t *address, bool high, uint32_t value)
{
	*address = high ? (*address & 0xffffffffull) | (uint64_t)value << 32 : (*address & ~0xffffffffull) | value;
}

/* The layout of a queue cannot change while it is ready (section 4.2.2.2). */
static void write_queue_register(struct virtio_mmio *v, uint64_t off, uint32_t value)
{
	struct virtio_queue *q = selected(v);

	if (!q || q->ready)
		return;
	switch (off) {
	case VIRTIO_MMIO_QUEUE_NUM: q->num = value; break;
	case VIRTIO_MMIO_QUEUE_DESC_LOW: case VIRTIO_MMIO_QUEUE_DESC_HIGH: set_half(&q->desc, off & 4, value); break;
	case VIRTIO_MMIO_QUEUE_AVAIL_LOW: case VIRTIO_MMIO_QUEUE_AVAIL_HIGH: set_half(&q->driver, off & 4, value); break;
	case VIRTIO_MMIO_QUEUE_USED_LOW: case VIRTIO_MMIO_QUEUE_USED_HIGH: set_half(&q->device, off & 4, value); break;
	}
}

static void notify(struct virtio_mmio *v, uint32_t index)
{
	if (index < v->queues && v->queue[index].running)
		v->ops->notify(v->dev, index);
}

static void write_register(struct virtio_mmio *v, uint64_t off, uint32_t value)
{
	switch (off) {
	case VIRTIO_MMIO_DEVICE_FEATURES_SEL: v->device_features_sel = value; break;
	case VIRTIO_MMIO_DRIVER_FEATURES_SEL: v->driver_features_sel = value; break;
	case VIRTIO_MMIO_DRIVER_FEATURES: set_driver_features(v, value); break;
	case VIRTIO_MMIO_QUEUE_SEL: v->queue_sel = value; break;
	case VIRTIO_MMIO_QUEUE_READY: set_ready(v, value); break;
	case VIRTIO_MMIO_QUEUE_NOTIFY: notify(v, value); break;
	case VIRTIO_MMIO_INTERRUPT_ACK: __atomic_fetch_and(&v->interrupt_status, ~value, __ATOMIC_RELAXED); break;
	case VIRTIO_MMIO_STATUS: set_status(v, value); break;
	default: write_queue_register(v, off, value); break;
	}
}

void virtio_mmio_write(struct virtio_mmio *v, uint64_t off, unsigned int size, uint64_t value)
{
	if (off < VIRTIO_MMIO_CONFIG) {
		if (size == 4 && off % 4 == 0)
			write_register(v, off, (uint32_t)value);
	} else if (in_config(v, off, size)) {
		v->ops->config_write(v->dev, (uint32_t)(off - VIRTIO_MMIO_CONFIG), &value, size);
	}
}

static void config_interrupt(struct virtio_mmio *v)
{
	if (!(v->status & VIRTIO_CONFIG_S_DRIVER_OK))
		return;
	__atomic_fetch_or(&v->interrupt_status, VIRTIO_MMIO_INT_CONFIG, __ATOMIC_RELAXED);
	v->interrupt(v->dev);
}

void virtio_mmio_set_config(struct virtio_mmio *v, const void *config, uint32_t size)
{
	v->config_size = size < VIRTIO_CONFIG_MAX ? size : VIRTIO_CONFIG_MAX;
	memcpy(v->config, config, v->config_size);
	v->generation++;
	config_interrupt(v);
}

void virtio_mmio_needs_reset(struct virtio_mmio *v)
{
	v->status |= VIRTIO_CONFIG_S_NEEDS_RESET;
	config_interrupt(v);
}
