// SPDX-License-Identifier: GPL-2.0
/*
 * mmio.c: a device's register page under a hostile driver: instructions of any bytes (core/decode.c), and loads and stores of any width
 * anywhere in the page (core/virtio_mmio.c), as core/vcpu.c puts the two together.
 *
 * Besides ASan and UBSan: an instruction has at most 15 bytes and the decoder stays in those it was given; only the register that a load
 * names changes; queues start once, with rings that were checked, after DRIVER_OK, and no ring changes while its queue runs; status bits
 * are only ever set, but by a reset; a config write lies in config space.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/decode.h"
#include "core/virtio_mmio.h"

#define FUZZ_NAME "mmio"
#include "tests/fuzz/input.h"
#define WINDOW 0x10000000ull
#define WINDOW_SIZE 0x10000ull
#define QUEUES 3u
#define OFFERED (1ull << 32 | 1ull << 29 | 1ull << 28 | 7)
#define STEPS 128

static struct virtio_mmio v;
static struct virtio_queue started[QUEUES];
static bool resets;
static uint8_t mood;
static bool in_window(uint64_t gpa, uint64_t len)
{
	return gpa >= WINDOW && gpa - WINDOW <= WINDOW_SIZE && len <= WINDOW_SIZE - (gpa - WINDOW);
}

static bool check(void *dev, uint64_t gpa, uint64_t len)
{
	(void)dev;
	return in_window(gpa, len);
}

static bool features_ok(void *dev, uint64_t features)
{
	(void)dev;
	REQUIRE(!(features & ~OFFERED) && features >> 32 & 1, "features %#llx", (unsigned long long)features);
	return !(mood & 1);
}

static bool queue_start(void *dev, unsigned int index, const struct virtio_queue *q)
{
	(void)dev;
	REQUIRE(index < QUEUES && !started[index].running, "queue %u starts twice", index);
	REQUIRE(v.status & VIRTIO_CONFIG_S_DRIVER_OK && v.status & VIRTIO_CONFIG_S_FEATURES_OK, "a queue starts before its driver is ready");
	REQUIRE(q->num && q->num <= GUEST_QUEUE_SIZE && !(q->num & (q->num - 1)), "%u entries", q->num);
	REQUIRE(in_window(q->desc, 16ull * q->num) && in_window(q->driver, 6 + 2ull * q->num) && in_window(q->device, 6 + 8ull * q->num),
		"a ring outside the window");
	REQUIRE(!(q->desc % 16) && !(q->driver % 2) && !(q->device % 4), "a ring askew");
	if (mood & 2)
		return false;
	started[index] = *q;
	started[index].running = true;
	return true;
}

static void queue_stop(void *dev, unsigned int index)
{
	(void)dev;
	REQUIRE(index < QUEUES && started[index].running, "queue %u stops and did not run", index);
	started[index].running = false;
}

static void nothing(void *dev)
{
	(void)dev;
}

static void notify(void *dev, unsigned int index)
{
	(void)dev;
	REQUIRE(index < QUEUES && started[index].running, "queue %u is kicked and does not run", index);
}

static void config_write(void *dev, uint32_t off, const void *data, uint32_t len)
{
	(void)dev;
	REQUIRE(len <= 8 && off < v.config_size && len <= v.config_size - off, "a config write of %u at %u", len, off);
	memcpy(v.config + off, data, len);
}

static void reset(void *dev)
{
	(void)dev;
	resets = true;
	for (unsigned int i = 0; i < QUEUES; i++)
		started[i].running = false;
}

static const struct virtio_ops ops = { features_ok, queue_start, queue_stop, nothing, notify, config_write, reset };

static uint64_t an_offset(void)
{
	static const uint8_t known[] = { 0x70, 0x10, 0x14, 0x20, 0x24, 0x30, 0x34, 0x38, 0x44, 0x50, 0x60, 0x64, 0x80, 0x84, 0x90, 0x94, 0xa0,
					 0xa4, 0xb0, 0xb4, 0xb8, 0xbc, 0xfc, 0, 4, 8, 12 };
	uint8_t code = byte();

	if (code < 0xc0)
		return known[code % sizeof(known)];
	if (code < 0xf0)
		return 0x100 + (code & 63u);
	return (uint64_t)(byte() | byte() << 8) & 0xfff;
}

static uint64_t a_value(void)
{
	static const uint64_t nice[] = { 0, 1, 2, 3, 8, 11, 15, 4, 7, 16, 64, 256, 512, WINDOW, WINDOW + 0x1000, WINDOW + 0x2000,
					 WINDOW + WINDOW_SIZE - 16, WINDOW + WINDOW_SIZE - 256, WINDOW - 1, 1ull << 28, 0xffffffff, 128, 0x80, ~0ull };
	uint8_t code = byte();
	uint64_t w = 0;

	if (code < 0xe0)
		return nice[code % (sizeof(nice) / sizeof(nice[0]))];
	for (int i = 0; i < 8; i++)
		w = w << 8 | byte();
	return w;
}

static void store(uint64_t off, unsigned int size, uint64_t value)
{
	uint32_t before = v.status;

	resets = false;
	virtio_mmio_write(&v, off, size, value);
	REQUIRE(resets || !(before & ~v.status), "status %#x became %#x", before, v.status);
	for (unsigned int i = 0; i < QUEUES; i++)
		if (started[i].running)
			REQUIRE(v.queue[i].running && v.queue[i].num == started[i].num && v.queue[i].desc == started[i].desc &&
				v.queue[i].driver == started[i].driver && v.queue[i].device == started[i].device, "queue %u changes while it runs", i);
}

/* One instruction on the page, as core/vcpu.c does it; its bytes end where they end, so that ASan sees a decoder that reads on. */
static void instruction(uint64_t off)
{
	static const uint8_t forms[][4] = { { 0x89, 0x07 }, { 0x8b, 0x07 }, { 0xc7, 0x07 }, { 0x88, 0x27 }, { 0x0f, 0xb7, 0x07 }, { 0x48, 0x63, 0x07 },
					    { 0x66, 0x8b, 0x07 }, { 0x48, 0xa1 }, { 0x0f, 0xbe, 0x27 }, { 0x8a, 0x84, 0x24 } };
	uint8_t how = byte(), len = byte() % 17, *bytes = malloc(len ? len : 1);
	struct lguest_regs regs, before;
	struct mov d;

	for (unsigned int i = 0; i < len; i++)
		bytes[i] = how & 0x80 || i >= 3 || !forms[how % 10][i] ? byte() : forms[how % 10][i];
	memset(&regs, how, sizeof(regs));
	if (decode_mov(&d, bytes, len)) {
		REQUIRE(d.length && d.length <= len && d.length <= 15, "an instruction of %u bytes out of %u", d.length, len);
		REQUIRE(d.size == 1 || d.size == 2 || d.size == 4 || d.size == 8, "an access of %u bytes", d.size);
		REQUIRE(d.reg < 16 && (!d.high || d.reg < 4), "register %u", d.reg);
		before = regs;
		if (d.store)
			store(off, d.size, mov_store_value(&d, &regs));
		else
			mov_load(&d, &regs, virtio_mmio_read(&v, off, d.size));
		if (d.store)
			REQUIRE(!memcmp(&before, &regs, sizeof(regs)), "a store changes registers");
	}
	free(bytes);
}

/* What a driver does to come to work, in its order and with the page's own answers; one of its values may be another. */
static void driver(void)
{
	uint8_t q = byte() % (QUEUES + 1), odd = byte();
	const struct { uint8_t off; uint64_t value; } line[] = {
		{ VIRTIO_MMIO_STATUS, v.status | 1 }, { VIRTIO_MMIO_STATUS, v.status | 3 }, { VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1 },
		{ VIRTIO_MMIO_DRIVER_FEATURES, 1 }, { VIRTIO_MMIO_STATUS, v.status | 11 }, { VIRTIO_MMIO_QUEUE_SEL, q },
		{ VIRTIO_MMIO_QUEUE_NUM, 16 }, { VIRTIO_MMIO_QUEUE_DESC_LOW, WINDOW + q * 0x3000u },
		{ VIRTIO_MMIO_QUEUE_AVAIL_LOW, WINDOW + q * 0x3000u + 0x1000 }, { VIRTIO_MMIO_QUEUE_USED_LOW, WINDOW + q * 0x3000u + 0x2000 },
		{ VIRTIO_MMIO_QUEUE_READY, 1 }, { VIRTIO_MMIO_STATUS, v.status | 15 }, { VIRTIO_MMIO_QUEUE_NOTIFY, q },
	};
	unsigned int n = sizeof(line) / sizeof(line[0]);

	for (unsigned int i = 0; i < n; i++)
		store(line[i].off, 4, i == odd ? a_value() : line[i].value);
}

static void step(void)
{
	static const unsigned int sizes[] = { 4, 4, 4, 1, 2, 8, 4, 4 };
	uint8_t what = byte();
	uint64_t off = an_offset();
	uint8_t config[300] = { what };

	if (what < 0x80)
		store(off, sizes[what & 7], a_value());
	else if (what < 0xa0)
		virtio_mmio_read(&v, off, sizes[what & 7]);
	else if (what < 0xe0)
		instruction(off);
	else if (what < 0xe8)
		virtio_mmio_set_config(&v, config, (uint32_t)(a_value() % sizeof(config)));
	else if (what < 0xec)
		virtio_mmio_needs_reset(&v);
	else if (what < 0xf0)
		mood = byte();
	else
		driver();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	in = data;
	left = size;
	mood = 0;
	memset(started, 0, sizeof(started));
	v = (struct virtio_mmio){ .ops = &ops, .interrupt = nothing, .check = check, .device_id = 2, .features = OFFERED, .required = 1ull << 32,
				  .queues = QUEUES, .config_size = 60 };
	for (int i = 0; i < STEPS && left; i++)
		step();
	return 0;
}
