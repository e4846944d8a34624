// SPDX-License-Identifier: GPL-2.0
/*
 * core_virtio_mmio.c: the virtio-mmio register file against section 4.2.2 of virtio 1.2: identity, the order of
 * initialisation, and drivers that break every rule.
 */
#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/virtio_mmio.h"

#define FEATURES ((1ull << 32) | (1ull << 33) | 0x25)
#define MEMORY 0x100000ull

/* A device that writes down what it is told. */
static struct {
	char calls[512];
	bool refuse_features, refuse_queue;
	unsigned int interrupts;
	uint64_t features;
} dev;

static void __attribute__((format(printf, 1, 2))) note(const char *fmt, ...)
{
	size_t n = strlen(dev.calls);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(dev.calls + n, sizeof(dev.calls) - n, fmt, ap);
	va_end(ap);
}

static bool features_ok(void *d, uint64_t features)
{
	(void)d;
	dev.features = features;
	note("features ");
	return !dev.refuse_features;
}

static bool queue_start(void *d, unsigned int index, const struct virtio_queue *q)
{
	(void)d;
	note("start%u:%u ", index, q->num);
	return !dev.refuse_queue;
}

static void queue_stop(void *d, unsigned int index) { (void)d; note("stop%u ", index); }
static void driver_ok(void *d) { (void)d; note("ok "); }
static void notify(void *d, unsigned int index) { (void)d; note("kick%u ", index); }
static void reset(void *d) { (void)d; note("reset "); }
static void interrupt(void *d) { (void)d; dev.interrupts++; }

static void config_write(void *d, uint32_t off, const void *data, uint32_t len)
{
	(void)d;
	note("config%u+%u=%u ", off, len, *(const uint8_t *)data);
}

static bool check(void *d, uint64_t gpa, uint64_t len)
{
	(void)d;
	return gpa < MEMORY && len <= MEMORY - gpa;
}

static const struct virtio_ops ops = {
	.features_ok = features_ok, .queue_start = queue_start, .queue_stop = queue_stop, .driver_ok = driver_ok,
	.notify = notify, .config_write = config_write, .reset = reset,
};

static struct virtio_mmio v;

static void setup(void)
{
	memset(&dev, 0, sizeof(dev));
	v = (struct virtio_mmio){
		.ops = &ops, .interrupt = interrupt, .check = check, .device_id = 2, .features = FEATURES,
		.required = 1ull << 32, .queues = 2, .config_size = 8, .config = { 1, 2, 3, 4, 5, 6, 7, 8 },
	};
}

TestSuite(core_virtio_mmio, .init = setup);

static uint32_t rd(uint64_t off)
{
	return (uint32_t)virtio_mmio_read(&v, off, 4);
}

static void wr(uint64_t off, uint32_t value)
{
	virtio_mmio_write(&v, off, 4, value);
}

static void choose_features(uint64_t f)
{
	wr(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	wr(VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)f);
	wr(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	wr(VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)(f >> 32));
}

static void set_queue(uint32_t index, uint32_t num, uint64_t desc, uint64_t driver, uint64_t device)
{
	wr(VIRTIO_MMIO_QUEUE_SEL, index);
	wr(VIRTIO_MMIO_QUEUE_NUM, num);
	wr(VIRTIO_MMIO_QUEUE_DESC_LOW, (uint32_t)desc);
	wr(VIRTIO_MMIO_QUEUE_DESC_HIGH, (uint32_t)(desc >> 32));
	wr(VIRTIO_MMIO_QUEUE_AVAIL_LOW, (uint32_t)driver);
	wr(VIRTIO_MMIO_QUEUE_AVAIL_HIGH, (uint32_t)(driver >> 32));
	wr(VIRTIO_MMIO_QUEUE_USED_LOW, (uint32_t)device);
	wr(VIRTIO_MMIO_QUEUE_USED_HIGH, (uint32_t)(device >> 32));
	wr(VIRTIO_MMIO_QUEUE_READY, 1);
}

static void negotiate(void)
{
	wr(VIRTIO_MMIO_STATUS, 0);
	wr(VIRTIO_MMIO_STATUS, 1);
	wr(VIRTIO_MMIO_STATUS, 3);
	choose_features(1ull << 32 | 1);
	wr(VIRTIO_MMIO_STATUS, 0xb);
}

static void bring_up(void)
{
	negotiate();
	set_queue(0, 8, 0x1000, 0x2000, 0x3000);
	wr(VIRTIO_MMIO_STATUS, 0xf);
}

Test(core_virtio_mmio, says_what_it_is)
{
	cr_expect_eq(rd(VIRTIO_MMIO_MAGIC_VALUE), 0x74726976);
	cr_expect_eq(rd(VIRTIO_MMIO_VERSION), 2);
	cr_expect_eq(rd(VIRTIO_MMIO_DEVICE_ID), 2);
	cr_expect_eq(rd(VIRTIO_MMIO_STATUS), 0);
	cr_expect_eq(rd(VIRTIO_MMIO_SHM_LEN_LOW), ~0u);
	cr_expect_eq(rd(VIRTIO_MMIO_SHM_LEN_HIGH), ~0u);
	wr(VIRTIO_MMIO_MAGIC_VALUE, 1);
	wr(VIRTIO_MMIO_DEVICE_ID, 1);
	cr_expect_eq(rd(VIRTIO_MMIO_MAGIC_VALUE), 0x74726976);
	cr_expect_eq(rd(VIRTIO_MMIO_DEVICE_ID), 2);
}

Test(core_virtio_mmio, shows_features_by_words)
{
	wr(VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0);
	cr_expect_eq(rd(VIRTIO_MMIO_DEVICE_FEATURES), 0x25);
	wr(VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
	cr_expect_eq(rd(VIRTIO_MMIO_DEVICE_FEATURES), 3);
	wr(VIRTIO_MMIO_DEVICE_FEATURES_SEL, 2);
	cr_expect_eq(rd(VIRTIO_MMIO_DEVICE_FEATURES), 0);
	wr(VIRTIO_MMIO_DEVICE_FEATURES_SEL, ~0u);
	cr_expect_eq(rd(VIRTIO_MMIO_DEVICE_FEATURES), 0);
}

Test(core_virtio_mmio, comes_up_in_order)
{
	bring_up();
	cr_expect_eq(rd(VIRTIO_MMIO_STATUS), 0xf);
	cr_expect_eq(dev.features, 1ull << 32 | 1);
	cr_expect_str_eq(dev.calls, "reset features ok start0:8 ");
	wr(VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	wr(VIRTIO_MMIO_QUEUE_NOTIFY, 1);		/* not ready */
	wr(VIRTIO_MMIO_QUEUE_NOTIFY, 77);
	cr_expect_str_eq(dev.calls, "reset features ok start0:8 kick0 ");
	set_queue(1, 256, 0x4000, 0x6000, 0x7000);	/* after DRIVER_OK too */
	cr_expect_eq(rd(VIRTIO_MMIO_QUEUE_READY), 1);
	cr_expect_str_eq(dev.calls, "reset features ok start0:8 kick0 start1:256 ");
}

Test(core_virtio_mmio, resets_whole)
{
	bring_up();
	dev.calls[0] = '\0';
	wr(VIRTIO_MMIO_STATUS, 0);
	cr_expect_str_eq(dev.calls, "reset ");
	cr_expect_eq(rd(VIRTIO_MMIO_STATUS), 0);
	wr(VIRTIO_MMIO_QUEUE_SEL, 0);
	cr_expect_eq(rd(VIRTIO_MMIO_QUEUE_READY), 0);
	wr(VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	cr_expect_str_eq(dev.calls, "reset ");
}

Test(core_virtio_mmio, refuses_features_it_did_not_offer)
{
	wr(VIRTIO_MMIO_STATUS, 3);
	choose_features(1ull << 32 | 0x40);
	wr(VIRTIO_MMIO_STATUS, 0xb);
	cr_expect_eq(rd(VIRTIO_MMIO_STATUS), 3);
	choose_features(0x1);				/* without VERSION_1 */
	wr(VIRTIO_MMIO_STATUS, 0xb);
	cr_expect_eq(rd(VIRTIO_MMIO_STATUS), 3);
	cr_expect_str_eq(dev.calls, "");
	dev.refuse_features = true;
	choose_features(1ull << 32);
	wr(VIRTIO_MMIO_STATUS, 0xb);
	cr_expect_eq(rd(VIRTIO_MMIO_STATUS), 3);
	wr(VIRTIO_MMIO_STATUS, 0xf);				/* DRIVER_OK cannot come without it */
	cr_expect_eq(rd(VIRTIO_MMIO_STATUS), 3);
}

Test(core_virtio_mmio, features_are_final)
{
	negotiate();
	choose_features(FEATURES);
	wr(VIRTIO_MMIO_STATUS, 0xf);
	cr_expect_eq(dev.features, 1ull << 32 | 1);
	cr_expect_eq(v.driver_features, 1ull << 32 | 1);
}

Test(core_virtio_mmio, status_bits_stay)
{
	negotiate();
	wr(VIRTIO_MMIO_STATUS, 1);
	cr_expect_eq(rd(VIRTIO_MMIO_STATUS), 0xb);
	wr(VIRTIO_MMIO_STATUS, 0x40);			/* NEEDS_RESET is the device's */
	cr_expect_eq(rd(VIRTIO_MMIO_STATUS), 0xb);
	wr(VIRTIO_MMIO_STATUS, 0x80);
	cr_expect_eq(rd(VIRTIO_MMIO_STATUS), 0x8b);
}

Test(core_virtio_mmio, bad_rings_need_reset)
{
	static const struct { uint32_t num; uint64_t desc, driver, device; } bad[] = {
		{ 0, 0x1000, 0x2000, 0x3000 }, { 7, 0x1000, 0x2000, 0x3000 }, { 512, 0x1000, 0x2000, 0x3000 },
		{ 8, 0x1008, 0x2000, 0x3000 }, { 8, 0x1000, 0x2001, 0x3000 }, { 8, 0x1000, 0x2000, 0x3002 },
		{ 8, MEMORY, 0x2000, 0x3000 }, { 8, MEMORY - 0x70, 0x2000, 0x3000 }, { 8, 0x1000, MEMORY - 20, 0x3000 },
		{ 8, 0x1000, 0x2000, MEMORY - 68 }, { 8, ~0ull << 4, 0x2000, 0x3000 }, { 8, 0x1000, 0x2000, ~0ull << 2 },
		{ 0x80000000, 0x1000, 0x2000, 0x3000 },
	};

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		setup();
		negotiate();
		set_queue(0, bad[i].num, bad[i].desc, bad[i].driver, bad[i].device);
		cr_expect_eq(rd(VIRTIO_MMIO_QUEUE_READY), 0, "bad ring %u", i);
		cr_expect(rd(VIRTIO_MMIO_STATUS) & 0x40, "bad ring %u", i);
		wr(VIRTIO_MMIO_STATUS, 0xf);
		cr_expect_null(strstr(dev.calls, "start"), "bad ring %u was started", i);
	}
	setup();
	negotiate();
	set_queue(0, 8, MEMORY - 0x80, 0x2000, 0x3000);		/* the last place that is good */
	cr_expect_eq(rd(VIRTIO_MMIO_QUEUE_READY), 1);
}

Test(core_virtio_mmio, queues_need_features_first)
{
	wr(VIRTIO_MMIO_STATUS, 3);
	set_queue(0, 8, 0x1000, 0x2000, 0x3000);
	cr_expect_eq(rd(VIRTIO_MMIO_QUEUE_READY), 0);
}

Test(core_virtio_mmio, a_ready_queue_does_not_move)
{
	bring_up();
	wr(VIRTIO_MMIO_QUEUE_NUM, 16);
	wr(VIRTIO_MMIO_QUEUE_DESC_LOW, 0x9000);
	cr_expect_eq(v.queue[0].num, 8);
	cr_expect_eq(v.queue[0].desc, 0x1000);
	wr(VIRTIO_MMIO_QUEUE_READY, 1);			/* again: nothing */
	cr_expect_str_eq(dev.calls, "reset features ok start0:8 ");
	wr(VIRTIO_MMIO_QUEUE_READY, 0);
	cr_expect_eq(rd(VIRTIO_MMIO_QUEUE_READY), 0);
	cr_expect_str_eq(dev.calls, "reset features ok start0:8 stop0 ");
}

Test(core_virtio_mmio, selecting_no_queue_is_harmless)
{
	negotiate();
	for (uint32_t sel = 2; sel; sel <<= 1) {
		set_queue(sel, 8, 0x1000, 0x2000, 0x3000);
		cr_expect_eq(rd(VIRTIO_MMIO_QUEUE_READY), 0);
		cr_expect_eq(rd(VIRTIO_MMIO_QUEUE_NUM_MAX), 0);
	}
	cr_expect_eq(rd(VIRTIO_MMIO_STATUS), 0xb);
}

Test(core_virtio_mmio, a_failing_device_needs_reset)
{
	dev.refuse_queue = true;
	bring_up();
	cr_expect_eq(rd(VIRTIO_MMIO_STATUS), 0x4f);
	cr_expect_eq(rd(VIRTIO_MMIO_INTERRUPT_STATUS) & 2, 2);
	cr_expect_eq(dev.interrupts, 1);
}

Test(core_virtio_mmio, interrupts_are_acknowledged)
{
	bring_up();
	cr_expect_eq(rd(VIRTIO_MMIO_INTERRUPT_STATUS), 1, "calls do not pass here: always news");
	virtio_mmio_set_config(&v, "abcdefgh", 8);
	cr_expect_eq(dev.interrupts, 1);
	cr_expect_eq(rd(VIRTIO_MMIO_INTERRUPT_STATUS), 3);
	cr_expect_eq(rd(VIRTIO_MMIO_CONFIG_GENERATION), 1);
	wr(VIRTIO_MMIO_INTERRUPT_ACK, 3);
	cr_expect_eq(rd(VIRTIO_MMIO_INTERRUPT_STATUS), 1);
}

Test(core_virtio_mmio, no_config_interrupt_before_the_driver)
{
	negotiate();
	virtio_mmio_set_config(&v, "abcdefgh", 8);
	cr_expect_eq(dev.interrupts, 0);
	cr_expect_eq(rd(VIRTIO_MMIO_CONFIG_GENERATION), 1);
}

Test(core_virtio_mmio, config_space_has_every_width)
{
	cr_expect_eq(virtio_mmio_read(&v, VIRTIO_MMIO_CONFIG, 1), 1);
	cr_expect_eq(virtio_mmio_read(&v, VIRTIO_MMIO_CONFIG + 1, 2), 0x0302);
	cr_expect_eq(virtio_mmio_read(&v, VIRTIO_MMIO_CONFIG + 4, 4), 0x08070605);
	cr_expect_eq(virtio_mmio_read(&v, VIRTIO_MMIO_CONFIG, 8), 0x0807060504030201);
	cr_expect_eq(virtio_mmio_read(&v, VIRTIO_MMIO_CONFIG + 7, 2), 0, "past its end");
	cr_expect_eq(virtio_mmio_read(&v, VIRTIO_MMIO_CONFIG + 8, 1), 0);
	cr_expect_eq(virtio_mmio_read(&v, 0xfff, 1), 0);
	virtio_mmio_write(&v, VIRTIO_MMIO_CONFIG + 6, 2, 9);
	virtio_mmio_write(&v, VIRTIO_MMIO_CONFIG + 7, 2, 9);
	cr_expect_str_eq(dev.calls, "config6+2=9 ");
}

Test(core_virtio_mmio, registers_are_32_bits_wide)
{
	cr_expect_eq(virtio_mmio_read(&v, VIRTIO_MMIO_MAGIC_VALUE, 1), 0);
	cr_expect_eq(virtio_mmio_read(&v, VIRTIO_MMIO_MAGIC_VALUE, 8), 0);
	cr_expect_eq(virtio_mmio_read(&v, VIRTIO_MMIO_MAGIC_VALUE + 1, 4), 0);
	virtio_mmio_write(&v, VIRTIO_MMIO_STATUS, 1, 1);
	virtio_mmio_write(&v, VIRTIO_MMIO_STATUS, 8, 1);
	cr_expect_eq(rd(VIRTIO_MMIO_STATUS), 0);
}

/* Any sequence of stores: the device is only ever told to start rings that lie in its memory, and to stop those. */
Test(core_virtio_mmio, survives_any_driver)
{
	uint32_t seed = 3;

	for (unsigned int i = 0; i < 500000; i++) {
		uint32_t off, value;

		seed = seed * 1664525 + 1013904223;
		off = (seed >> 16) % 0x120;
		seed = seed * 1664525 + 1013904223;
		value = i % 3 ? seed >> 24 : seed;
		virtio_mmio_write(&v, off & ~3u, 4, value);
		(void)virtio_mmio_read(&v, off, 1u << (value & 3));
		dev.calls[0] = '\0';
		for (unsigned int q = 0; q < 2; q++)
			if (v.queue[q].running)
				cr_assert(v.queue[q].ready && v.status & 4 && v.queue[q].num <= 256 &&
					  v.queue[q].desc < MEMORY);
	}
}
