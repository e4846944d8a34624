// SPDX-License-Identifier: GPL-2.0
/*
 * core_device.c: a device's register file and its connection, around back ends that are played by threads: an honest one, and what it does
 * is said by struct played.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>

#include "core/control.h"
#include "core/device.h"
#include "ipc/vhost_user.h"
#include "tests/unit/core_module.h"

#define BIT(n) (1ull << (n))
#define ALL (BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_RING_F_EVENT_IDX) | BIT(VIRTIO_RING_F_INDIRECT_DESC))
#define PROTOCOL (VU_P_REPLY_ACK | VU_P_STATUS | VU_P_CONFIG | VU_P_BACKEND_REQ | VU_P_INFLIGHT_SHMFD | VU_P_CONFIGURE_MEM_SLOTS)

/**
 * struct played - a back end
 * @fd: its end of the connection; @features: that it offers; @config: each byte of its config space
 * @acked: the features that it was told last, @told: how often; @event: its own socket
 * @no: a message that it refuses, 0: none; @heard: bit 1 << N: it was told message N
 * @config_go: it does not answer a question about its config space before this eventfd says so
 */
struct played {
	int fd;
	uint64_t features, acked;
	unsigned int told;
	uint8_t config;
	uint32_t no;
	uint64_t heard;
	int event, config_go;
	pthread_t thread;
};

static struct device d;
static struct guest_memory memory;

static void answer(struct played *p, struct vu_chan *chan, struct vu_msg *m)
{
	bool ack = m->flags & VU_NEED_REPLY;
	eventfd_t n;

	p->heard |= BIT(m->request);
	switch (m->request) {
	case VU_GET_FEATURES: m->u.u64 = p->features | VU_F_PROTOCOL_FEATURES; break;
	case VU_GET_PROTOCOL_FEATURES: m->u.u64 = PROTOCOL; break;
	case VU_GET_MAX_MEM_SLOTS: m->u.u64 = 8; break;
	case VU_GET_STATUS: m->u.u64 = 0; break;
	case VU_GET_VRING_BASE: m->u.state.num = 0; break;
	case VU_GET_CONFIG:
		if (p->config_go >= 0)
			eventfd_read(p->config_go, &n);
		memset(m->u.config.data, p->config, m->u.config.size);
		m->size = 12 + m->u.config.size;
		break;
	default:
		if (m->request == VU_SET_FEATURES) {
			p->acked = m->u.u64;
			p->told++;
		}
		if (m->request == VU_SET_BACKEND_REQ_FD) {
			p->event = m->fd[0];
			m->nfds = 0;
		}
		vu_close_fds(chan, m);
		m->u.u64 = p->no && m->request == p->no;
		if (!ack)
			return;
	}
	if (m->request != VU_GET_VRING_BASE && m->request != VU_GET_CONFIG)
		m->size = 8;
	m->flags = VU_REPLY;
	vu_send(chan, m);
}

static void *play(void *arg)
{
	struct played *p = arg;
	struct vu_chan chan;
	struct vu_msg m;
	int r;

	vu_chan_init(&chan, p->fd, &vu_io_plain, NULL);
	while ((r = vu_recv(&chan, &m)) >= 0)
		if (r)
			answer(p, &chan, &m);
		else
			poll(&(struct pollfd){ .fd = p->fd, .events = POLLIN }, 1, -1);
	close(p->fd);
	return NULL;
}

/* Return: our end of its connection. */
static int begin(struct played *p, uint64_t features, bool speaks)
{
	int s[2];

	*p = (struct played){ .features = features, .config = 1, .event = -1, .config_go = -1 };
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s), 0);
	p->fd = s[1];
	if (speaks)
		cr_assert_eq(pthread_create(&p->thread, NULL, play, p), 0);
	return s[0];
}

/* One turn of the main thread. Return: a new process is in use now. */
static bool turn(void)
{
	struct device_poll p;
	bool back;

	device_poll(&d, &p);
	poll((struct pollfd *)&p, sizeof(p) / sizeof(struct pollfd), 50);
	pthread_mutex_lock(&d.lock);
	back = device_serve(&d, &p);
	pthread_mutex_unlock(&d.lock);
	return back;
}

static int64_t ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Turns until @over is true of the device, 20 s at most. */
static bool until(bool (*over)(void))
{
	int64_t from = ms();

	while (!over() && ms() - from < 20000)
		turn();
	return over();
}

static bool is_dead(void)
{
	return d.fe.dead && !d.fe.joining;
}

static bool is_owed(void)
{
	return d.fe.config_owed;
}

static void set(uint64_t off, uint32_t value)
{
	device_store(&d, off, 4, value);
}

static void bind_driver(void)
{
	const uint64_t features = ALL;

	set(VIRTIO_MMIO_STATUS, 0);
	set(VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
	for (uint32_t i = 0; i < 2; i++) {
		set(VIRTIO_MMIO_DRIVER_FEATURES_SEL, i);
		set(VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)(features >> 32 * i));
	}
	set(VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK);
	set(VIRTIO_MMIO_QUEUE_SEL, 0);
	set(VIRTIO_MMIO_QUEUE_NUM, 64);
	set(VIRTIO_MMIO_QUEUE_DESC_LOW, 0x10000);
	set(VIRTIO_MMIO_QUEUE_AVAIL_LOW, 0x11000);
	set(VIRTIO_MMIO_QUEUE_USED_LOW, 0x12000);
	set(VIRTIO_MMIO_QUEUE_READY, 1);
	set(VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK);
}

static void open_device(struct played *p)
{
	static const struct device_type type = { .name = "any", .id = 1, .queues = 1, .unit = 1, .config = { 8 } };
	const char *error;

	memory.regions = 1;
	memory.region[0] = (struct guest_region){ .size = 1 << 20, .fd = memfd_create("guest", MFD_CLOEXEC) };
	cr_assert_eq(ftruncate(memory.region[0].fd, 1 << 20), 0);
	memory.region[0].host = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, memory.region[0].fd, 0);
	pthread_mutex_init(&d.lock, NULL);
	d.type = &type;
	d.memory = &memory;
	d.own = true;
	d.lguest = MODULE;
	error = device_open(&d, begin(p, ALL, true));
	cr_assert_null(error, "%s", error);
	bind_driver();
	cr_assert(!d.fe.dead && d.fe.vring[0].started, "%s", d.fe.error);
}

static bool in_use(void)
{
	int64_t from = ms();

	while (ms() - from < 20000)
		if (turn())
			return true;
	return false;
}

/* A driver that comes while a lesser process was tried in vain gets from the next whole one what it has chosen. */
Test(core_device, a_lesser_process_takes_no_features_away)
{
	static struct played first, lesser, whole;

	open_device(&first);
	device_connect(&d, begin(&lesser, ALL & ~BIT(VIRTIO_RING_F_INDIRECT_DESC), true));
	cr_assert(until(is_dead));
	cr_expect_str_eq(d.fe.error, "the new back end offers less than the old one");
	bind_driver();
	device_connect(&d, begin(&whole, ALL, true));
	cr_assert(in_use());
	cr_expect_eq(whole.told, 1, "it was told of features %u times", whole.told);
	cr_expect_eq(whole.acked & ALL, ALL, "it was told %#llx", (unsigned long long)whole.acked);
}

/* A process that has just been started has its own time; a driver that resets its device does not wait for it. */
Test(core_device, a_reset_waits_for_no_process_that_starts)
{
	static struct played first, slow;
	int64_t from;

	open_device(&first);
	set(VIRTIO_MMIO_STATUS, 0);
	device_connect(&d, begin(&slow, ALL, false));
	from = ms();
	set(VIRTIO_MMIO_STATUS, 0);
	cr_expect(d.fe.joining, "it was given up: %s", d.fe.error);
	cr_expect(ms() - from < 900, "the driver waited %lld ms", (long long)(ms() - from));
	cr_assert_eq(pthread_create(&slow.thread, NULL, play, &slow), 0);
	cr_assert(in_use());
	bind_driver();
	cr_expect(slow.acked & ALL);
}

/* The answer to a question that nobody waits for may come while a store waits for another: the question is put again. */
Test(core_device, no_store_swallows_a_new_configuration)
{
	const struct vu_msg changed = { .request = VU_BACKEND_CONFIG_CHANGE_MSG };
	static struct played first;
	struct vu_msg m = changed;
	struct vu_chan event;
	int64_t from;

	open_device(&first);
	cr_assert_eq(d.mmio.config[0], 1);
	first.config_go = eventfd(0, EFD_SEMAPHORE);
	first.config = 2;
	vu_chan_init(&event, first.event, &vu_io_plain, NULL);
	cr_assert_eq(vu_send(&event, &m), 0);
	cr_assert(until(is_owed));
	eventfd_write(first.config_go, 1000);
	set(VIRTIO_MMIO_STATUS, 0);	/* waits for the answer to that, and so for the one before */
	cr_assert(!d.fe.config_owed && !d.fe.dead);
	from = ms();
	while (d.mmio.config[0] != 2 && ms() - from < 5000)
		turn();
	cr_expect_eq(d.mmio.config[0], 2, "the registers have byte %u", d.mmio.config[0]);
}

/* Its joining was one wait too many for this minute: it is not said to be in use. */
Test(core_device, who_is_given_up_is_not_in_use)
{
	static struct played first, next;

	open_device(&first);
	device_connect(&d, begin(&next, ALL, true));
	d.minute_ms = (uint64_t)ms();
	d.waited_ms = 0;
	d.fe.waited_ms = 16000;
	for (int64_t from = ms(); !is_dead() && ms() - from < 20000;)
		cr_assert_not(turn(), "it is said to be in use");
	cr_expect_str_eq(d.fe.error, "the guest waited for it for a quarter of a minute");
}

/* What a process refused when a driver came is not said to the next one: that driver has been told to begin anew, and may be a long time about it. */
Test(core_device, what_was_refused_is_not_wanted)
{
	static const uint32_t no[] = { VU_SET_INFLIGHT_FD, VU_SET_VRING_KICK };
	const uint64_t begun = BIT(VU_SET_VRING_KICK) | BIT(VU_SET_INFLIGHT_FD);
	static struct played first, next[2], whole[2];

	open_device(&first);
	for (unsigned int i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
		device_connect(&d, begin(&next[i], ALL, true));
		cr_assert(in_use());
		next[i].no = no[i];
		bind_driver();
		cr_assert(d.mmio.status & VIRTIO_CONFIG_S_NEEDS_RESET, "message %u", no[i]);
		cr_expect(d.refused && !d.fe.dead && next[i].heard & BIT(VU_GET_VRING_BASE), "what of it had begun is stopped");
		device_connect(&d, begin(&whole[i], ALL, true));
		cr_assert(in_use(), "message %u: %s", no[i], d.fe.error);
		cr_expect_not(whole[i].heard & begun, "message %u: it was told %#llx", no[i], (unsigned long long)whole[i].heard);
		bind_driver();
		cr_expect_eq(whole[i].heard & begun, begun, "message %u", no[i]);
	}
}

static struct {
	bool full;
	uint32_t type;
	unsigned int said;
} run;

static bool say(uint32_t type, uint32_t device, uint32_t code, const char *text)
{
	(void)device;
	(void)code;
	(void)text;
	if (run.full)
		return false;
	run.type = type;
	run.said++;
	return true;
}

/* lguest-run that does not read is told when it does: once, and in time; and nothing that is not true any more. */
Test(core_device, what_was_not_said_is_said_later)
{
	static struct played first, next, other;

	open_device(&first);
	run.full = true;
	device_connect(&d, begin(&next, ALL, true));
	cr_assert(in_use());
	device_tell(&d, say);
	cr_expect_leq((unsigned int)device_due(&d), 1000, "it would wait %d ms", device_due(&d));
	run.full = false;
	device_tell(&d, say);
	device_tell(&d, say);
	cr_expect(run.said == 1 && run.type == CONTROL_RECOVERED, "%u messages, the last of type %u", run.said, run.type);
	run.full = true;
	device_connect(&d, begin(&other, ALL, true));
	cr_assert(in_use());
	device_tell(&d, say);
	vu_fe_give_up(&d.fe, "for the test");
	device_tell(&d, say);
	run.full = false;
	device_tell(&d, say);
	device_tell(&d, say);
	cr_expect(run.said == 2 && run.type == CONTROL_LOST, "%u messages, the last of type %u", run.said, run.type);
}
