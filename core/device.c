// SPDX-License-Identifier: GPL-2.0
/*L:620
 * device.c: a vhost-user back end behind a register file (device.h).
 *
 * The back end sees its window and nothing else of the guest, unless the user chose dma=direct. Kicks go
 * from the guest through the module to its eventfd and calls from its eventfd through the module to the guest:
 * this process is on the path of set-up, configuration and recovery only.
 *
 * A back end may lie, hang or die at any point. Every call below then fails at once (the connection is dead) and the
 * register file goes on: what the driver set up meanwhile is said to the next back end by join().
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>
#include <linux/virtio_ring.h>

#include "core/control.h"
#include "core/device.h"
#include "ipc/virtqueue.h"

/*
 * How long a back end may take, each for a whole operation. When it has just been started it has a sandbox to build first, perhaps
 * beside many others: nobody waits for that. A running one holds up its own driver, if that is at one of its registers.
 */
#define START_MS	10000u	/* from its start to its first answer */
#define JOIN_MS		3000u	/* then for all that must be said again: the main thread waits */
#define STORE_MS	1000u	/* for a store to a register: the vCPU waits */
#define STOP_MS		10000u	/* the same, when a foreign back end must finish its requests first: nobody could start it again */
#define BEAT_EVERY_MS	4000u	/* each question wakes the role and this process: an idle guest is to wake the host seldom */
#define TICK_MS		200u	/* to the next look while something is awaited, or counted */
#define AWAY_MS		1000u	/* this process did not run: it looks each TICK_MS while an answer is owed */
#define BEAT_MS		3000u	/* for a sign of life, which nobody waits for */
#define SLOW_BEAT_MS	180000u	/* the same, of one that works a request at a time (without io_uring): a bad sector takes minutes */

/* In each minute the driver or the main thread may wait so long for a back end of our own: each wait is short, but there can be many. */
#define MINUTE_MS	60000u
#define WAIT_MAX_MS	15000u

/* Messages of the back end's own: so many a second, so many at once; config space is read less often. A flood that lasts ends it. */
#define EVENTS_RATE	100u
#define EVENTS_BURST	200u
#define FLOOD_MS	10000u
#define CONFIG_EVERY_MS	100u

#define BIT(n)		(1ull << (n))
#define BITS(from, to)	(((BIT(to) << 1) - 1) & ~(BIT(from) - 1))

/*
 * What a device may offer here: its own bits, and of the transport's ANY_LAYOUT, INDIRECT_DESC, EVENT_IDX, VERSION_1,
 * IN_ORDER and ORDER_PLATFORM. Not: packed rings (our in-flight record and restart are for split ones),
 * RING_RESET, NOTIFICATION_DATA, SR_IOV. Bit 26 is vhost's dirty log and 30 the protocol's own.
 */
#define OFFERED		(BITS(0, 23) | BIT(24) | BIT(VIRTIO_F_ANY_LAYOUT) | BIT(VIRTIO_RING_F_INDIRECT_DESC) | BIT(VIRTIO_RING_F_EVENT_IDX) | \
			 BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_F_IN_ORDER) | BIT(VIRTIO_F_ORDER_PLATFORM))

uint64_t device_registers(const struct device *d)
{
	return GUEST_MMIO_BASE + d->index * GUEST_MMIO_SIZE;
}

uint32_t device_line(const struct device *d)
{
	return d->index + LGUEST_IRQ_DEVICE;
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

_Static_assert(GUEST_QUEUES <= VU_MAX_QUEUES, "each queue of a guest's device has its place in the protocol");

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* --- the in-flight record --- */

static size_t record_size(const struct device *d)
{
	return d->mmio.queues * vq_inflight_size(GUEST_QUEUE_SIZE);
}

/*
 * What requests a process has taken and not given back is written here by it and read by its successor. It is ours, so that it lives as
 * long as the device, begins anew with each ring, and cannot be anything else than memory of the right size.
 */
static const char *make_record(struct device *d)
{
	size_t size = record_size(d);

	d->record_fd = -1;
	if (!d->own)
		return NULL;	/* nobody starts it again: nobody would read it */
	d->record_fd = memfd_create("lguest-inflight", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (d->record_fd < 0 || ftruncate(d->record_fd, (off_t)size) ||
	    fcntl(d->record_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		return "no memory for its in-flight record";
	d->record = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, d->record_fd, 0);
	if (d->record == MAP_FAILED) {
		d->record = NULL;
		return "no memory for its in-flight record";
	}
	return NULL;
}

/* A ring begins: whatever its part says is about another one. */
static void clear_record(struct device *d, unsigned int index)
{
	if (d->record)
		memset(d->record + index * vq_inflight_size(GUEST_QUEUE_SIZE), 0, vq_inflight_size(GUEST_QUEUE_SIZE));
}

static int give_record(struct device *d)
{
	return d->record ? vu_fe_record(&d->fe, d->record_fd, (uint16_t)d->mmio.queues, GUEST_QUEUE_SIZE, record_size(d)) : 0;
}

/* --- struct virtio_ops --- */

/* The driver sees it in the status register. For whoever runs the guest it is kept, once a minute: a guest can have it happen as often as it likes. */
static void refused(struct device *d)
{
	uint64_t now = now_ms();

	if (d->refused_ms && now - d->refused_ms < MINUTE_MS)
		return;
	d->refused_ms = now;
	d->refused = true;
}

static bool features_ok(void *dev, uint64_t features)
{
	struct device *d = dev;

	/*
	 * ACCESS_PLATFORM is between driver and platform: addresses in the window are guest-physical, and a back end
	 * that is told of it would wait for an IOMMU's messages.
	 */
	features &= ~BIT(VIRTIO_F_ACCESS_PLATFORM);
	if (!vu_fe_set_features(&d->fe, features) || d->fe.dead)
		return true;
	refused(d);
	return false;
}

static struct vu_fe_vring vring_of(const struct device *d, unsigned int index, const struct virtio_queue *q)
{
	return (struct vu_fe_vring){
		.num = q->num, .desc = q->desc, .avail = q->driver, .used = q->device,
		.kick = d->kick[index], .call = d->call, .err = d->err, .enabled = true,
	};
}

/*
 * A call that failed because the connection is dead is kept as wanted, and said to the next process. DRIVER_OK says many things, and what
 * the back end answers to them is looked at once, at the end of the store.
 */
static bool queue_start(void *dev, unsigned int index, const struct virtio_queue *q)
{
	struct device *d = dev;
	struct vu_fe_vring v = vring_of(d, index, q);
	int err;

	clear_record(d, index);
	if (d->fe.dead)
		d->fresh |= 1u << index;
	vu_fe_defer(&d->fe, true);
	err = vu_fe_vring_start(&d->fe, index, &v);
	vu_fe_defer(&d->fe, false);
	return !err || d->fe.dead;
}

static void stopping(struct device *d)
{
	if (!d->own)
		vu_fe_budget(&d->fe, STOP_MS);
}

static void queue_stop(void *dev, unsigned int index)
{
	struct device *d = dev;

	stopping(d);
	vu_fe_vring_stop(&d->fe, index, NULL);
}

static void driver_ok(void *dev)
{
	struct device *d = dev;

	vu_fe_defer(&d->fe, true);
	give_record(d);
	vu_fe_set_status(&d->fe, (uint8_t)d->mmio.status);
	vu_fe_defer(&d->fe, false);
}

static void kick(struct device *d, unsigned int index)
{
	const uint64_t one = 1;
	ssize_t n = write(d->kick[index], &one, sizeof(one));

	(void)n;	/* a full counter is a kick that nobody took yet: one more says nothing new */
}

static void notify(void *dev, unsigned int index)
{
	struct device *d = dev;

	if (d->own) {
		kick(d, index);
		return;
	}
	if (!__atomic_fetch_or(&d->kicks, 1u << index, __ATOMIC_SEQ_CST))
		syscall(SYS_futex, &d->kicks, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

void device_kicker(struct device *d)
{
	uint32_t todo;

	for (;;) {
		todo = __atomic_exchange_n(&d->kicks, 0, __ATOMIC_SEQ_CST);
		if (!todo)
			syscall(SYS_futex, &d->kicks, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
		for (unsigned int i = 0; todo; i++, todo >>= 1)
			if (todo & 1)
				kick(d, i);
	}
}

/* --- config space --- */

static void set_config(struct device *d, const uint8_t *config, uint32_t size, bool first)
{
	if (!first && size == d->mmio.config_size && !memcmp(config, d->mmio.config, size))
		return;
	virtio_mmio_set_config(&d->mmio, config, size);
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
	set_config(d, config, size, first);
}

/* Without waiting: what it answers is taken when it is there. Its size is known from the first time. */
static void ask_config(struct device *d, uint64_t now)
{
	if (!d->stale || d->fe.dead || d->fe.config_owed || now - d->asked_ms < CONFIG_EVERY_MS)
		return;
	d->asked_ms = now;
	d->stale = d->mmio.config_size && vu_fe_ask_config(&d->fe, d->mmio.config_size) == -EBUSY;
}

/* What was @asked came while a store waited for something else. It may be older than what the store has written, so it is asked once more. */
static void ask_again(struct device *d, bool asked)
{
	if (!asked || d->fe.config_owed || d->fe.dead)
		return;
	d->stale = d->look = true;
}

static bool was_written(const struct device *d, uint32_t off)
{
	return d->written[off / 8] >> (off % 8) & 1;
}

/* While no back end is there the driver's word is as good as its own: the next one is told, and may still refuse. */
static void config_write(void *dev, uint32_t off, const void *data, uint32_t len)
{
	struct device *d = dev;
	int err = vu_fe_set_config(&d->fe, off, data, len);

	if (err && !d->fe.dead)
		return;
	for (uint32_t i = off; i < off + len; i++) {
		if (err && !was_written(d, i))
			return;
		d->written[i / 8] |= (uint8_t)(1u << (i % 8));
	}
	memcpy(d->mmio.config + off, data, len);
}

/* What the driver set is the device's, not a process's: a disk stays write-through. Bytes that the new one refuses are its own again. */
static void say_config(struct device *d)
{
	for (uint32_t i = 0; i < d->mmio.config_size && !d->fe.dead; i++) {
		if (was_written(d, i) && vu_fe_set_config(&d->fe, i, d->mmio.config + i, 1) && !d->fe.dead)
			d->written[i / 8] &= (uint8_t)~(1u << (i % 8));
	}
}

/*
 * A new epoch at both ends: nothing of the one before is known any more, but for the configuration that a driver wrote. A back end of ours keeps that,
 * and each that follows is told; a foreign one is asked what became of it.
 */
static void reset(void *dev)
{
	static const uint8_t none[VIRTIO_CONFIG_MAX / 8];
	struct iovec iov = { &(uint64_t){ 0 }, sizeof(uint64_t) };
	struct device *d = dev;
	bool changed = memcmp(d->written, none, sizeof(none)) != 0;

	stopping(d);
	vu_fe_reset(&d->fe);
	if (changed && !d->own && !d->fe.dead)
		read_config(d, false);
	/* The eventfd is the back end's too, and may have been made blocking; this call does not wait even then. */
	if (d->broken && preadv2(d->err, &iov, 1, -1, RWF_NOWAIT) < 0 && errno != EAGAIN)
		return;
	d->look |= d->broken;
	d->broken = false;
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

/*L:640
 * Where does a kick go? Not here. This binds each queue's notify register to an eventfd that the device's process will
 * hold too, and the line to another: the guest's hypercall NOTIFY signals the first in lg_notify() of kmod/eventfds.c,
 * and the process signals the second. From then on a request passes this process by. A driver that stores to the
 * register instead comes to notify(), above.
 */
/* The module carries kicks and calls: LHCALL_NOTIFY on the register signals the queue's eventfd, call raises the line. */
static const char *bind_eventfds(struct device *d)
{
	struct lguest_irqfd irq = { .fd = d->call, .irq = device_line(d) };

	for (unsigned int i = 0; i < d->mmio.queues; i++) {
		struct lguest_ioeventfd io = {
			.addr = device_registers(d) + VIRTIO_MMIO_QUEUE_NOTIFY, .value = i, .fd = d->kick[i],
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

/* A look (VU_FDS_LEAVE) passes an urgent byte over, which the next read, or the close, then drops with what came with it: it is to be one like the others. */
static void look_at_all(int fd)
{
	setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &(int){ 1 }, sizeof(int));
}

/*L:630
 * Behind the register file stands a process. make_devices() called this for each of them while nothing of the guest
 * ran: greet it, offer the driver what it offers us but for what cannot work here, and give it its window and
 * eventfds. Any step may fail with a clause, and that is the end of the start.
 */
const char *device_open(struct device *d, int fd)
{
	const char *error;

	/* No descriptor of a back end is of use here, and one of a foreign one could be a trap. */
	if (!d->own)
		look_at_all(fd);
	if (vu_fe_open_fds(&d->fe, fd, d->own ? ~0ull : ~VU_P_INFLIGHT_SHMFD, START_MS, d->own ? VU_FDS_REFUSE : VU_FDS_LEAVE))
		return d->fe.error ? d->fe.error : "its back end does not answer";
	if (!d->own && d->fe.event_fd >= 0)
		look_at_all(d->fe.event_fd);
	vu_fe_budget(&d->fe, START_MS);
	if (!(d->fe.features & BIT(VIRTIO_F_VERSION_1)))
		return "its back end speaks virtio before 1.0 only";
	count_queues(d);
	d->mmio.ops = &vhost_ops;
	d->mmio.dev = d;
	d->mmio.interrupt = raise_line;
	d->mmio.check = reachable;
	d->mmio.device_id = d->type->id;
	d->mmio.features = d->fe.features & OFFERED & ~d->type->hidden;
	d->mmio.required = BIT(VIRTIO_F_VERSION_1);
	if (d->window) {
		d->mmio.features |= BIT(VIRTIO_F_ACCESS_PLATFORM);
		d->mmio.required |= BIT(VIRTIO_F_ACCESS_PLATFORM);
	}
	error = make_record(d);
	if (!error)
		error = make_eventfds(d);
	if (!error)
		error = bind_eventfds(d);
	if (!error)
		error = share_memory(d);
	if (!error)
		read_config(d, true);
	if (!error && d->fe.dead)
		error = d->fe.error;
	d->events = (struct device_bucket){ EVENTS_BURST, now_ms() };
	vu_fe_budget(&d->fe, 0);
	d->fe.timeout_ms = STORE_MS;
	return error;
}

/* --- registers --- */

/* Each wait is short; many of them make a guest that cannot be used, and no deadline ever passes. */
static void charge(struct device *d)
{
	uint64_t now = now_ms();

	if (now - d->minute_ms >= MINUTE_MS) {
		d->minute_ms = now;
		d->waited_ms = d->fe.waited_ms;
	}
	if (d->own && d->fe.waited_ms - d->waited_ms > WAIT_MAX_MS) {
		vu_fe_give_up(&d->fe, "the guest waited for it for a quarter of a minute");
		d->waited_ms = d->fe.waited_ms;
	}
}

uint64_t device_load(struct device *d, uint64_t off, unsigned int size)
{
	uint64_t value;

	if (!virtio_mmio_needs_lock(off, size))
		return virtio_mmio_read(&d->mmio, off, size);
	pthread_mutex_lock(&d->lock);
	value = virtio_mmio_read(&d->mmio, off, size);
	pthread_mutex_unlock(&d->lock);
	return value;
}

/*L:650
 * What does pass through here is set-up, and for a store the vCPU waits. So there is one budget for all that the store
 * needs of the other process, however many messages that is, and a lock for each device. The two registers of an
 * interrupt handler are excepted.
 */
bool device_store(struct device *d, uint64_t off, unsigned int size, uint64_t value)
{
	bool look, asked;

	if (!virtio_mmio_needs_lock(off, size)) {
		virtio_mmio_write(&d->mmio, off, size, value);
		return false;
	}
	pthread_mutex_lock(&d->lock);
	asked = d->fe.config_owed;
	vu_fe_budget(&d->fe, STORE_MS);
	virtio_mmio_write(&d->mmio, off, size, value);
	if (vu_fe_settle(&d->fe) == -EREMOTEIO) {
		virtio_mmio_needs_reset(&d->mmio);
		refused(d);
		reset(d);	/* and no process is to be told of it again */
	}
	vu_fe_budget(&d->fe, 0);
	ask_again(d, asked);
	charge(d);
	look = d->look || d->refused || (d->fe.dead && !d->down);
	d->look = false;
	pthread_mutex_unlock(&d->lock);
	return look;
}

/* --- recovery --- */

/*
 * Where the next process starts. With an in-flight record it finds out by itself. Without one it starts at used->idx:
 * requests that were popped but not returned are popped again.
 */
static void set_base(struct device *d, unsigned int index)
{
	const volatile uint16_t *used = guest_ptr(d->memory, d->mmio.queue[index].device, 4);

	if (used && !d->record)
		vu_fe_vring_base(&d->fe, index, used[1]);
}

void device_connect(struct device *d, int fd)
{
	d->greeted_ms = now_ms();
	d->beat_ms = 0;
	d->down = d->late = d->back = false;
	vu_fe_connect(&d->fe, fd);
}

/*
 * A ring that began while no process was there: the one before may have lived on for a moment, and written to its own record until its end.
 * It is over now; nobody has begun this ring.
 */
static void begin_fresh(struct device *d)
{
	for (unsigned int i = 0; i < d->mmio.queues; i++) {
		if (d->fresh >> i & 1)
			clear_record(d, i);
		else if (d->fe.vring[i].started)
			set_base(d, i);
	}
	d->fresh = 0;
}

/*L:740
 * Here the way of a dead role ends. Its successor has answered, and is told all that the driver had set up: features,
 * memory, the in-flight record, configuration, queues, status. The record says which requests were taken and not given
 * back, and the successor does them again. The interrupt at the end stands for the dead one's last call, which may be
 * lost.
 */
/* The new process has answered: it is told everything. A kick that the dead one took is not lost: it looks at each ring when it starts. */
static bool join(struct device *d)
{
	int err;

	vu_fe_budget(&d->fe, JOIN_MS);
	begin_fresh(d);
	err = vu_fe_join(&d->fe);
	if (!err) {
		say_config(d);
		err = vu_fe_resume(&d->fe);
	}
	vu_fe_budget(&d->fe, 0);
	charge(d);
	if (err || d->fe.dead)
		return false;	/* also when that was one wait too many */
	d->stale = true;
	raise_line(d);	/* the dead one's last call may be lost */
	return true;
}

/* A process was greeted. Return: it is in use now. */
static bool awaited(struct device *d, uint64_t now)
{
	if (d->fe.joining && d->fe.owed_n) {
		if (now - d->greeted_ms > START_MS)
			vu_fe_give_up(&d->fe, "its new process does not answer");
		return false;
	}
	d->greeted_ms = 0;
	return d->fe.joining && join(d);
}

/* All devices are asked at the same moments, so that this process wakes once for all of them; a new process is asked at once. */
static bool beat_due(const struct device *d, uint64_t now)
{
	return !d->beat_ms || now / BEAT_EVERY_MS != d->beat_ms / BEAT_EVERY_MS;
}

static void beat(struct device *d, uint64_t now)
{
	unsigned int limit = d->fe.protocol & VU_P_STATUS ? BEAT_MS : SLOW_BEAT_MS;

	/* This process did not run for a while (a guest that was paused): what it did not take then was not late. */
	if (now - d->turn_ms > AWAY_MS)
		vu_fe_beat_again(&d->fe);
	d->turn_ms = now;
	if (!d->own || d->fe.dead)
		return;
	if (vu_fe_beat_age(&d->fe) > limit) {
		vu_fe_give_up(&d->fe, "it gives no sign of life");
		d->late = true;
	} else if (!vu_fe_beat_age(&d->fe) && beat_due(d, now)) {
		d->beat_ms = now;
		vu_fe_beat(&d->fe);
	}
}

int device_due(const struct device *d)
{
	uint64_t now = now_ms();

	if (d->greeted_ms || (d->stale && !d->fe.dead) || d->events.tokens < EVENTS_BURST || vu_fe_beat_age(&d->fe) || (d->fe.dead && !d->down) ||
	    d->back || d->refused)
		return TICK_MS;
	if (!d->own || d->fe.dead)
		return -1;
	return beat_due(d, now) ? 0 : (int)(BEAT_EVERY_MS - now % BEAT_EVERY_MS);
}

void device_give_up(struct device *d)
{
	virtio_mmio_needs_reset(&d->mmio);
}

static void refill(struct device_bucket *b, uint64_t now)
{
	uint64_t n = (now - b->filled_ms) * EVENTS_RATE / 1000;

	if (!n)
		return;
	b->filled_ms = now;
	b->tokens = n + b->tokens < EVENTS_BURST ? b->tokens + (unsigned int)n : EVENTS_BURST;
}

/* One message a turn, and only so many: what is too much waits in the socket, at its sender's cost. */
static void event(struct device *d, uint64_t now)
{
	d->events.tokens--;
	if (vu_fe_event(&d->fe) == VU_BACKEND_CONFIG_CHANGE_MSG)
		d->stale = true;
	if (d->events.tokens)
		return;
	if (!d->flooded_ms)
		d->flooded_ms = now;
	else if (now - d->flooded_ms > FLOOD_MS)
		vu_fe_give_up(&d->fe, "it says without end that its configuration changed");
}

static void take_answers(struct device *d)
{
	bool asked = d->fe.config_owed;

	if (!vu_fe_answers(&d->fe) && asked && !d->fe.config_owed && d->fe.config_size)
		set_config(d, d->fe.config, d->fe.config_size, false);
}

/* Its sockets are closed at once: it may have sent what must not outlive it, such as its own drain pipe. */
static void ended(struct device *d)
{
	vu_fe_give_up(&d->fe, "its process ended");
	vu_fe_hang_up(&d->fe);
}

void device_poll(struct device *d, struct device_poll *p)
{
	refill(&d->events, now_ms());
	if (d->events.tokens > EVENTS_BURST / 2)
		d->flooded_ms = 0;
	/* Of a dead connection only its end is of interest. */
	p->answers = (struct pollfd){ .fd = d->fe.dead && !d->own ? -1 : d->fe.chan.fd, .events = POLLRDHUP };
	if (!d->fe.dead || d->fe.joining)
		p->answers.events |= POLLIN;
	p->events = (struct pollfd){ .fd = d->fe.dead || !d->events.tokens ? -1 : d->fe.event_fd, .events = POLLIN };
	p->broken = (struct pollfd){ .fd = d->broken ? -1 : d->err, .events = POLLIN };
}

/*L:730
 * A device's turn: its connection ended, or brought answers; a new process was greeted, or has just come into use; a
 * queue is broken; a sign of life is due. Nothing of it waits, but for the last step of a recovery, which comes next.
 */
bool device_serve(struct device *d, const struct device_poll *p)
{
	uint64_t now = now_ms();
	bool back = false;

	if (p->answers.revents & (POLLRDHUP | POLLHUP | POLLERR) && p->answers.fd == d->fe.chan.fd)
		ended(d);
	else if (p->answers.revents)
		take_answers(d);
	if (d->greeted_ms)
		back = awaited(d, now);
	if (p->events.revents && !d->fe.dead && p->events.fd == d->fe.event_fd && d->events.tokens)
		event(d, now);
	/* Whatever the counter says, and whoever wrote it: taken once, and not read, which could wait. */
	if (p->broken.revents && !d->broken) {
		d->broken = true;
		virtio_mmio_needs_reset(&d->mmio);
	}
	if (!d->greeted_ms) {
		beat(d, now);
		ask_config(d, now);
	}
	d->back |= back;
	return back;
}

void device_tell(struct device *d, bool (*say)(uint32_t type, uint32_t device, uint32_t code, const char *text))
{
	d->back = d->back && !d->fe.dead && !say(CONTROL_RECOVERED, d->index, 0, "");
	d->refused = d->refused && !say(CONTROL_REFUSED, d->index, 0, "");
	if (!d->fe.dead || d->fe.joining || d->down)
		return;
	d->down = say(CONTROL_LOST, d->index, d->late, d->fe.error ? d->fe.error : "it is gone");
	if (!d->late)
		vu_fe_hang_up(&d->fe);
}
