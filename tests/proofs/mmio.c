// SPDX-License-Identifier: GPL-2.0
/*
 * mmio.c: proofs about core/virtio_mmio.c, the register page that a driver may read and write anyhow. Every register file is looked at in
 * every state that its own code keeps (sane()).
 */
#include "tests/proofs/proof.h"

#include "core/virtio_mmio.h"

static struct virtio_mmio v;
static unsigned int started, stopped;
static uint32_t config_off, config_len;

/*
 * The device's own functions. CBMC takes a call through a table for one of any function of about that type: the proofs name what is called
 * (SCALE).
 */
static bool v_check(void *dev, uint64_t gpa, uint64_t len)
{
	(void)dev;
	return gpa >= 0x1000 && gpa <= 0x100000 && len <= 0x100000 - gpa;
}

static bool op_features_ok(void *dev, uint64_t features)
{
	(void)dev;
	PROVE(!(features & ~v.features) && (features & v.required) == v.required, "a subset of what is offered, with what is required");
	return any_bool();
}

static bool op_queue_start(void *dev, unsigned int index, const struct virtio_queue *q)
{
	(void)dev;
	PROVE(index < v.queues && q == &v.queue[index] && !q->running, "a queue that does not run");
	PROVE(v.status & VIRTIO_CONFIG_S_DRIVER_OK, "after its driver is ready");
	started++;
	return any_bool();
}

static void op_queue_stop(void *dev, unsigned int index)
{
	(void)dev;
	PROVE(index < v.queues && v.queue[index].running, "a queue that runs");
	stopped++;
}

static void op_reset(void *dev) { (void)dev; }
static void op_driver_ok(void *dev) { (void)dev; }
static void v_interrupt(void *dev) { (void)dev; }

static void op_notify(void *dev, unsigned int index)
{
	(void)dev;
	PROVE(index < v.queues && v.queue[index].running, "a queue that runs");
}

static void op_config_write(void *dev, uint32_t off, const void *data, uint32_t len)
{
	(void)dev;
	(void)data;
	config_off = off;
	config_len = len;
	PROVE(off < v.config_size && len <= v.config_size - off && len <= 8, "inside config space");
}

#include "core/virtio_mmio.c"

static bool sane(void)
{
	if (v.config_size > VIRTIO_CONFIG_MAX || v.queues > 2)
		return false;
	for (unsigned int i = 0; i < 2; i++) {
		const struct virtio_queue *q = &v.queue[i];

		if (q->running && (!q->ready || !(v.status & VIRTIO_CONFIG_S_DRIVER_OK)))
			return false;
		if (q->ready && !(q->num && q->num <= GUEST_QUEUE_SIZE))
			return false;
	}
	return true;
}

static void any_device(void)
{
	ANY(v);
	ASSUME(sane());
}

static unsigned int any_width(void)
{
	return 1u << any_up_to(3);
}

/*
 * PROOF: a load of any width anywhere in the page reads inside the register file and config space.
 * BOUND: none: every state, offset and width; devices of up to 2 queues
 * SCALE: core/virtio_mmio.c: "v->ops->" => "op_"
 * SCALE: core/layout.h: "GUEST_QUEUES\t\t16u" => "GUEST_QUEUES 2u"
 * SCALE: core/virtio_mmio.c: "v->interrupt(" => "v_interrupt("
 * SCALE: core/virtio_mmio.c: "v->check(" => "v_check("
 * UNWIND: 4
 * BUG: core/virtio_mmio.c: "off - VIRTIO_MMIO_CONFIG < v->config_size && size <= v->config_size - (off - VIRTIO_MMIO_CONFIG)" => "off - VIRTIO_MMIO_CONFIG < v->config_size"
 */
void proof_mmio_read(void)
{
	uint64_t off = any_u64();
	unsigned int size = any_width();

	any_device();
	virtio_mmio_read(&v, off, size);
	if (in_config(&v, off, size))
		PROVE(off - VIRTIO_MMIO_CONFIG < v.config_size && size <= v.config_size - (off - VIRTIO_MMIO_CONFIG), "whole in config space");
}

/*
 * PROOF: a store of any value and width anywhere in the page leaves a register file that its device can rely on: what it is told of
 *	queues, features and config space holds.
 * BOUND: none: every state, offset, width and value; devices of up to 2 queues
 * AS: mmio_read
 * UNWIND: 4
 * BUG: core/virtio_mmio.c: "if (index < v->queues && v->queue[index].running)" => "if (index < v->queues)"
 */
void proof_mmio_write(void)
{
	any_device();
	virtio_mmio_write(&v, any_u64(), any_width(), any_u64());
	PROVE(sane(), "the state stays one");
}

/*
 * PROOF: no store changes the layout of a queue that is ready, but a reset.
 * BOUND: as proof_mmio_write
 * AS: mmio_read
 * UNWIND: 4
 * BUG: core/virtio_mmio.c: "if (!q || q->ready)\n\t\treturn;" => "if (!q)\n\t\treturn;"
 */
void proof_mmio_layout(void)
{
	struct virtio_queue before;
	unsigned int i = any_up_to(1);

	any_device();
	before = v.queue[i];
	virtio_mmio_write(&v, any_u64(), any_width(), any_u64());
	if (before.ready && v.queue[i].ready)
		PROVE(before.num == v.queue[i].num && before.desc == v.queue[i].desc && before.driver == v.queue[i].driver &&
		      before.device == v.queue[i].device, "as it was");
}

/*
 * PROOF: status bits are only ever set, but by a write of 0; a driver cannot set NEEDS_RESET, nor DRIVER_OK before FEATURES_OK.
 * BOUND: as proof_mmio_write
 * AS: mmio_read
 * UNWIND: 4
 * BUG: core/virtio_mmio.c: "uint32_t fresh = value & driver_bits & ~v->status;" => "uint32_t fresh = value & ~v->status;"
 */
void proof_mmio_status(void)
{
	uint32_t before, value = any_u32();

	any_device();
	ASSUME(!(v.status & VIRTIO_CONFIG_S_DRIVER_OK) || v.status & VIRTIO_CONFIG_S_FEATURES_OK);
	before = v.status;
	set_status(&v, value);
	if (!value) {
		PROVE(!v.status, "a reset clears all");
		return;
	}
	PROVE(!(before & ~v.status), "only ever set");
	PROVE(!(v.status & ~before & ~(value | VIRTIO_CONFIG_S_NEEDS_RESET)), "nothing that was not written");
	PROVE(!(v.status & VIRTIO_CONFIG_S_DRIVER_OK) || v.status & VIRTIO_CONFIG_S_FEATURES_OK, "in the order of the specification");
	PROVE(!(v.status & ~before & VIRTIO_CONFIG_S_NEEDS_RESET) || started, "NEEDS_RESET is the device's word");
}

/*
 * PROOF: a ring that is called good is a power of two of up to 256 entries, aligned, and all three areas lie where the device may reach.
 * BOUND: none: every queue
 * AS: mmio_read
 * BUG: core/virtio_mmio.c: "6 + 8ull * q->num" => "6 + 8ull"
 */
void proof_mmio_ring(void)
{
	struct virtio_queue q;

	any_device();
	ANY(q);
	if (!ring_is_good(&v, &q))
		return;
	PROVE(q.num >= 1 && q.num <= GUEST_QUEUE_SIZE && !(q.num & (q.num - 1)), "a power of two");
	PROVE(v_check(NULL, q.desc, 16ull * q.num) && v_check(NULL, q.driver, 6 + 2ull * q.num) && v_check(NULL, q.device, 6 + 8ull * q.num), "reachable");
}

/*
 * PROOF: config space that a back end sends is cut to what there is room for.
 * BOUND: none: every size
 * AS: mmio_read
 * UNWIND: 4
 * BUG: core/virtio_mmio.c: "size < VIRTIO_CONFIG_MAX ? size : VIRTIO_CONFIG_MAX" => "size"
 */
void proof_mmio_config(void)
{
	uint8_t bytes[1024];

	any_device();
	virtio_mmio_set_config(&v, bytes, any_up_to(sizeof(bytes)));
	PROVE(v.config_size <= VIRTIO_CONFIG_MAX, "room for it");
}
