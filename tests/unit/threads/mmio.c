// SPDX-License-Identifier: GPL-2.0
/*
 * mmio.c: a device's registers under three threads, as two vCPUs and the main thread use them: device.c's rule (the lock, but for what
 * virtio_mmio_needs_lock() excepts) around core/virtio_mmio.c, in a program with ThreadSanitizer. A race is a report and status 66.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "core/virtio_mmio.h"

#define ROUNDS 4000

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned int started, interrupts;
static bool done;	/* the driver has had enough: the others end too */

static bool features_ok(void *d, uint64_t features) { (void)d; (void)features; return true; }
static bool queue_start(void *d, unsigned int i, const struct virtio_queue *q) { (void)d; (void)i; (void)q; started++; return true; }
static void queue_event(void *d, unsigned int i) { (void)d; (void)i; }
static void event(void *d) { (void)d; }
static void config_write(void *d, uint32_t off, const void *data, uint32_t len) { (void)d; (void)off; (void)data; (void)len; }
static void interrupt(void *d) { (void)d; __atomic_fetch_add(&interrupts, 1, __ATOMIC_RELAXED); }
static bool check(void *d, uint64_t gpa, uint64_t len) { (void)d; return gpa + len <= 0x100000; }

static const struct virtio_ops ops = {
	.features_ok = features_ok, .queue_start = queue_start, .queue_stop = queue_event, .driver_ok = event, .notify = queue_event,
	.config_write = config_write, .reset = event,
};
static struct virtio_mmio mmio = {
	.ops = &ops, .interrupt = interrupt, .check = check, .device_id = 2, .features = 1ull << 32, .required = 1ull << 32, .queues = 4, .config_size = 16,
};

static uint32_t load(uint64_t off)
{
	uint32_t value;

	if (!virtio_mmio_needs_lock(off, 4))
		return (uint32_t)virtio_mmio_read(&mmio, off, 4);
	pthread_mutex_lock(&lock);
	value = (uint32_t)virtio_mmio_read(&mmio, off, 4);
	pthread_mutex_unlock(&lock);
	return value;
}

static void store(uint64_t off, uint32_t value)
{
	if (!virtio_mmio_needs_lock(off, 4)) {
		virtio_mmio_write(&mmio, off, 4, value);
		return;
	}
	pthread_mutex_lock(&lock);
	virtio_mmio_write(&mmio, off, 4, value);
	pthread_mutex_unlock(&lock);
}

/* A driver's start, over and over, then a reset */
static void *driver(void *arg)
{
	(void)arg;
	for (unsigned int n = 0; n < ROUNDS; n++) {
		store(VIRTIO_MMIO_STATUS, 0);
		store(VIRTIO_MMIO_STATUS, 3);
		store(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
		store(VIRTIO_MMIO_DRIVER_FEATURES, 1);
		store(VIRTIO_MMIO_STATUS, 11);
		for (unsigned int q = 0; q < 4; q++) {
			store(VIRTIO_MMIO_QUEUE_SEL, q);
			store(VIRTIO_MMIO_QUEUE_NUM, 8);
			store(VIRTIO_MMIO_QUEUE_DESC_LOW, 0x1000);
			store(VIRTIO_MMIO_QUEUE_AVAIL_LOW, 0x2000);
			store(VIRTIO_MMIO_QUEUE_USED_LOW, 0x3000);
			store(VIRTIO_MMIO_QUEUE_READY, 1);
		}
		store(VIRTIO_MMIO_STATUS, 15);
	}
	__atomic_store_n(&done, true, __ATOMIC_RELAXED);
	return NULL;
}

/* The interrupt handler of another vCPU */
static void *handler(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&done, __ATOMIC_RELAXED)) {
		uint32_t status = load(VIRTIO_MMIO_INTERRUPT_STATUS);

		store(VIRTIO_MMIO_INTERRUPT_ACK, status);
		if (status & VIRTIO_MMIO_INT_CONFIG)
			load(VIRTIO_MMIO_CONFIG_GENERATION);
	}
	return NULL;
}

/* The main thread: the back end's configuration changes, and it needs a reset */
static void *changes(void *arg)
{
	uint8_t config[16];

	(void)arg;
	for (unsigned int n = 0; !__atomic_load_n(&done, __ATOMIC_RELAXED); n++) {
		memset(config, (int)n, sizeof(config));
		pthread_mutex_lock(&lock);
		virtio_mmio_set_config(&mmio, config, sizeof(config));
		if (n % 7 == 0)
			virtio_mmio_needs_reset(&mmio);
		pthread_mutex_unlock(&lock);
	}
	return NULL;
}

int main(void)
{
	void *(*const body[])(void *) = { driver, handler, handler, changes };
	pthread_t thread[4];

	puts("1..1");
	for (unsigned int i = 0; i < 4; i++)
		if (pthread_create(&thread[i], NULL, body[i], NULL))
			return 1;
	for (unsigned int i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	printf("%sok 1 - registers: four threads by the rule of the lock (%u queues started, %s interrupts)\n", started ? "" : "not ", started,
	       interrupts ? "some" : "no");
	return !started;
}
