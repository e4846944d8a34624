// SPDX-License-Identifier: GPL-2.0
/*L:240
 * device.c: a vhost-user back end behind a register file (device.h).
 *
 * The back end sees its window and nothing else of the guest, unless the user chose dma=direct. Kicks go
 * from the guest through the module to its eventfd and calls from its eventfd through the module to the guest:
 * this process is on the path of set-up, configuration and recovery only.
 *
 * A back end may lie, hang or die at any point. Every call below then fails at once (the connection is dead) and the
 * register file goes on: what the driver set up meanwhile is said to the next back end by device_reconnect().
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/device.h"

/*
 * How long a back end may take to answer. When it has just been started it has a sandbox to build first, perhaps beside
 * many others; a running one holds up its own driver, if that is at one of its registers.
 */
#define START_MS	10000u
#define ANSWER_MS	1000u
#define BEAT_MS		3000u	/* for a question that nobody waits for */

#define BIT(n)		(1ull << (n))
#define BITS(from, to)	(((BIT(to) << 1) - 1) & ~(BIT(from) - 1))

/*
 * What a device may offer here: its own bits, and of the transport's ANY_LAYOUT, INDIRECT_DESC, EVENT_IDX, VERSION_1,
 * IN_ORDER and ORDER_PLATFORM. Not: packed rings (our in-flight record and restart are for split ones),
 * RING_RESET, NOTIFICATION_DATA, SR_IOV. Bit 26 is vhost's dirty log and 30 the protocol's own.
 */
#define OFFERED		(BITS(0, 23) | BIT(24) | BIT(27) | BIT(28) | BIT(29) | BIT(VIRTIO_BIT_VERSION_1) | BIT(35) | BIT(36))

uint64_t device_registers(const struct device *d)
{
	return GUEST_MMIO_BASE + d->index * GUEST_MMIO_SIZE;
}

uint32_t device_line(const struct device *d)
{
	return d->index + 1;
}

static void raise_line(void *dev)
{
	struct device *d = dev;

	ioctl(d->lguest, LGUEST_INTERRUPT, (unsigned long)device_line(d));
}

/* May the back end reach these bytes? With a window, only what lies in it. */
static bool reachable(void *dev, uint64_t gpa, uint64_t len)
{
	struct device *d = dev;
	const struct guest_region *w = d->window;

	if (!w)
		return guest_ptr(d->memory, gpa, len) != NULL;
	return gpa >= w->gpa && gpa - w->gpa < w->size && len <= w->size - (gpa - w->gpa);
}

/* --- struct virtio_ops --- */

static bool features_ok(void *dev, uint64_t features)
{
	struct device *d = dev;

	/*
	 * ACCESS_PLATFORM is between driver and platform: addresses in the window are guest-physical, and a back end
	 * that is told of it would wait for an IOMMU's messages.
	 */
	features &= ~BIT(VIRTIO_BIT_ACCESS_PLATFORM);
	return vu_fe_set_features(&d->fe, features) == 0 || d->fe.dead;
}

static struct vu_fe_vring vring_of(const struct device *d, unsigned int index, const struct virtio_queue *q)
{
	return (struct vu_fe_vring){
		.num = q->num, .desc = q->desc, .avail = q->driver, .used = q->device,
		.kick = d->kick[index], .call = d->call, .err = d->err, .enabled = true,
	};
}

static bool queue_start(void *dev, unsigned int index, const struct virtio_queue *q)
{
	struct device *d = dev;
	struct vu_fe_vring v = vring_of(d, index, q);

	/* With a dead back end the queue is started by device_reconnect(). */
	return vu_fe_vring_start(&d->fe, index, &v) == 0 || d->fe.dead;
}

static void queue_stop(void *dev, unsigned int index)
{
	struct device *d = dev;

	vu_fe_vring_stop(&d->fe, index, NULL);
}

static void driver_ok(void *dev)
{
	struct device *d = dev;

	/* One record for the device's life; a back end without the feature makes it a no-op. */
	if (d->fe.inflight_fd < 0)
		vu_fe_inflight(&d->fe, (uint16_t)d->mmio.queues, GUEST_QUEUE_SIZE);
	vu_fe_set_status(&d->fe, (uint8_t)d->mmio.status);
}

static void notify(void *dev, unsigned int index)
{
	struct device *d = dev;
	const uint64_t one = 1;
	ssize_t n = write(d->kick[index], &one, sizeof(one));

	(void)n;	/* a full counter is a kick that nobody took yet: one more says nothing new */
}

static void read_config(struct device *d, bool first)
{
	uint8_t config[VIRTIO_CONFIG_MAX] = { 0 };
	uint32_t size = 0;

	for (unsigned int i = 0; !size && d->type->config[i]; i++) {
		if (!vu_fe_get_config(&d->fe, 0, config, d->type->config[i]))
			size = d->type->config[i];
		else if (d->fe.dead)
			return;
	}
	if (!first && size == d->mmio.config_size && !memcmp(config, d->mmio.config, size))
		return;
	virtio_mmio_set_config(&d->mmio, config, size);
}

static void config_write(void *dev, uint32_t off, const void *data, uint32_t len)
{
	struct device *d = dev;

	if (vu_fe_set_config(&d->fe, off, data, len) == 0)
		memcpy(d->mmio.config + off, data, len);
}

static void reset(void *dev)
{
	struct device *d = dev;

	vu_fe_reset(&d->fe);
}

static const struct virtio_ops vhost_ops = {
	.features_ok = features_ok, .queue_start = queue_start, .queue_stop = queue_stop, .driver_ok = driver_ok,
	.notify = notify, .config_write = config_write, .reset = reset,
};

/* --- set-up --- */

static const char *make_eventfds(struct device *d)
{
	for (unsigned int i = 0; i < d->mmio.queues; i++) {
		d->kick[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		if (d->kick[i] < 0)
			return "no descriptor left for its queues";
	}
	d->call = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	d->err = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return d->call < 0 || d->err < 0 ? "no descriptor left for its interrupt" : NULL;
}

/* The module carries kicks and calls: LHCALL_NOTIFY on the register signals the queue's eventfd, call raises the line. */
static const char *bind_eventfds(struct device *d)
{
	struct lguest_irqfd irq = { .fd = d->call, .irq = device_line(d) };

	for (unsigned int i = 0; i < d->mmio.queues; i++) {
		struct lguest_ioeventfd io = {
			.addr = device_registers(d) + VM_QUEUE_NOTIFY, .value = i, .fd = d->kick[i],
		};

		if (ioctl(d->lguest, LGUEST_IOEVENTFD, &io))
			return "/dev/lguest refuses its kick eventfds";
	}
	return ioctl(d->lguest, LGUEST_IRQFD, &irq) ? "/dev/lguest refuses its interrupt" : NULL;
}

static int share_region(struct device *d, const struct guest_region *r)
{
	struct vu_fe_region v = { .gpa = r->gpa, .size = r->size, .uaddr = r->gpa, .offset = r->offset, .fd = r->fd };

	return vu_fe_add_region(&d->fe, &v);
}

static const char *share_memory(struct device *d)
{
	int err = 0;

	if (d->window)
		return share_region(d, d->window) ? "its back end refuses its window" : NULL;
	for (unsigned int i = 0; i < d->memory->regions && !err; i++)
		err = share_region(d, &d->memory->region[i]);
	return err ? "its back end refuses the guest's memory" : NULL;
}

static void count_queues(struct device *d)
{
	unsigned int n = d->fe.queues * d->type->unit;

	if (n < d->type->queues || d->type->hidden)
		n = d->type->queues;
	d->mmio.queues = n < GUEST_QUEUES ? n : GUEST_QUEUES;
}

const char *device_open(struct device *d, int fd)
{
	const char *error;

	if (vu_fe_open(&d->fe, fd, ~0ull, START_MS))
		return d->fe.error ? d->fe.error : "its back end does not answer";
	if (!(d->fe.features & BIT(VIRTIO_BIT_VERSION_1)))
		return "its back end speaks virtio before 1.0 only";
	count_queues(d);
	d->mmio.ops = &vhost_ops;
	d->mmio.dev = d;
	d->mmio.interrupt = raise_line;
	d->mmio.check = reachable;
	d->mmio.device_id = d->type->id;
	d->mmio.features = d->fe.features & OFFERED & ~d->type->hidden;
	d->mmio.required = BIT(VIRTIO_BIT_VERSION_1);
	if (d->window) {
		d->mmio.features |= BIT(VIRTIO_BIT_ACCESS_PLATFORM);
		d->mmio.required |= BIT(VIRTIO_BIT_ACCESS_PLATFORM);
	}
	error = make_eventfds(d);
	if (!error)
		error = bind_eventfds(d);
	if (!error)
		error = share_memory(d);
	if (!error)
		read_config(d, true);
	d->fe.timeout_ms = ANSWER_MS;
	return error;
}

/* --- recovery --- */

/*
 * Where the next process starts. With an in-flight record it finds out by itself. Without one it starts at used->idx:
 * requests that were popped but not returned are popped again.
 */
static void set_base(struct device *d, unsigned int index)
{
	const volatile uint16_t *used = guest_ptr(d->memory, d->mmio.queue[index].device, 4);

	if (used)
		vu_fe_vring_base(&d->fe, index, used[1]);
}

/* Queues that the driver set up while there was no back end: the connection does not know them. */
static bool start_missed_queues(struct device *d)
{
	for (unsigned int i = 0; i < d->mmio.queues; i++) {
		struct virtio_queue *q = &d->mmio.queue[i];

		if (q->running && !d->fe.vring[i].started && !queue_start(d, i, q))
			return false;
	}
	return true;
}

static const char *reconnect(struct device *d, int fd)
{
	for (unsigned int i = 0; i < d->mmio.queues; i++)
		if (d->fe.vring[i].started)
			set_base(d, i);
	if (vu_fe_reconnect(&d->fe, fd))
		return d->fe.error ? d->fe.error : "its new back end does not answer";
	/* The driver may have chosen features while nobody listened. */
	if (d->mmio.status & VIRTIO_STATUS_FEATURES_OK && !d->fe.features_set && !features_ok(d, d->mmio.driver_features))
		return "its new back end cannot do what the driver chose";
	if (!start_missed_queues(d) || d->fe.dead)
		return "its new back end refuses a queue";
	vu_fe_set_status(&d->fe, (uint8_t)d->mmio.status);
	read_config(d, false);
	/* A kick that the dead process took and did not act on is lost: kick once more. The same for its last call. */
	for (unsigned int i = 0; i < d->mmio.queues; i++)
		if (d->mmio.queue[i].running)
			notify(d, i);
	raise_line(d);
	d->down = d->late = false;
	return NULL;
}

const char *device_reconnect(struct device *d, int fd)
{
	const char *error;

	d->fe.timeout_ms = START_MS;
	error = reconnect(d, fd);
	d->fe.timeout_ms = ANSWER_MS;
	return error;
}

void device_beat(struct device *d)
{
	uint8_t status;

	if (!d->own || d->down || d->fe.dead)
		return;
	d->fe.timeout_ms = BEAT_MS;
	d->late = vu_fe_get_status(&d->fe, &status) == -ETIMEDOUT;
	d->fe.timeout_ms = ANSWER_MS;
}

void device_give_up(struct device *d)
{
	virtio_mmio_needs_reset(&d->mmio);
}

void device_event(struct device *d)
{
	while (vu_fe_event(&d->fe) == VU_BACKEND_CONFIG_CHANGE_MSG)
		read_config(d, false);
}

void device_broken(struct device *d)
{
	uint64_t n;

	if (read(d->err, &n, sizeof(n)) == sizeof(n))
		virtio_mmio_needs_reset(&d->mmio);
}
