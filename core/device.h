/* SPDX-License-Identifier: GPL-2.0 */
/*
 * device.h: a guest's virtio device whose back end is another process: the seam between the register
 * file (virtio_mmio.h) and vhost-user (ipc/vhost_user_frontend.h), with its window, eventfds and line.
 */
#ifndef LGUEST_CORE_DEVICE_H
#define LGUEST_CORE_DEVICE_H

#include <poll.h>
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
 * struct device_bucket - tokens, refilled at a rate, for what a peer may make us do
 * @tokens: left, @filled_ms: when some were last added
 */
struct device_bucket {
	unsigned int tokens;
	uint64_t filled_ms;
};

/**
 * struct device - one device of the guest
 * @lock: held around every use of @mmio and @fe: register access on the vCPU's thread, recovery on the main one. One for each
 *	device: a back end that is slow to come back holds up nobody but its own driver.
 * @name: "block0", for messages, @index: its number: register page, interrupt line, descriptors
 * @window: what its back end sees; NULL: all of guest memory (dma=direct)
 * @kick: eventfd of each queue, @call: one for all queues, @err: signalled when a queue is broken
 * @down: its back end is gone, and lguest-run was told; @back: a new one is in use, and lguest-run is to be told
 * @own: lguest-run can start its back end again, @late: that did not answer a question about its health in time
 * @process: lguest-run's number for the back end's process (struct control_msg)
 *
 * @record: in-flight records of its queues, one sealed memfd (@record_fd) for the device's life; -1: a foreign back end has none
 * @fresh: queues that began while no back end was there
 * @written: bytes of config space that a driver wrote, and the back end took; of ours they outlive its reset
 * @greeted_ms: a new process was greeted then and has not answered yet, 0: none is awaited; @beat_ms: when one was last asked for a sign of
 *	life, @turn_ms: when it was last looked after
 * @stale: config space must be read again, @asked_ms: when that was last done
 * @events: messages of the back end's own that are still taken, @flooded_ms: since when there are more
 * @waited_ms, @minute_ms: what the connection had been waited for when this minute began
 * @refused: the back end, which lives, refused what the driver set up, and lguest-run is to be told; @refused_ms: when it last was to be, 0: never
 * @broken: @err was seen; it is not looked at again before the driver's reset: then @look says that the main thread must know
 * @kicks: foreign back ends: the queues that a thread which may wait shall kick, a bit each (device_kicker())
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
	bool down, back;
	bool own, late;
	uint32_t process;

	uint8_t *record;
	int record_fd;
	uint32_t fresh;
	uint8_t written[VIRTIO_CONFIG_MAX / 8];
	uint64_t greeted_ms, beat_ms, turn_ms;
	bool stale;
	uint64_t asked_ms;
	struct device_bucket events;
	uint64_t flooded_ms;
	uint64_t waited_ms, minute_ms;
	bool refused;
	uint64_t refused_ms;
	bool broken;
	bool look;
	uint32_t kicks;
};

/** struct device_poll - what the main thread waits for: answers and the end of the connection, the back end's own words, broken queues. */
struct device_poll {
	struct pollfd answers, events, broken;
};

/** device_registers() - guest-physical address of its register page. */
uint64_t device_registers(const struct device *d);

/** device_line() - its interrupt line. */
uint32_t device_line(const struct device *d);

/**
 * device_open() - connect to the back end and fill the register file
 * @d: @name, @index, @type, @memory, @window, @own, @lguest set, the rest zero
 * @fd: connected vhost-user socket; the device's from here on
 *
 * Binds kicks and calls in the module, shares the window (or RAM) and reads config space.
 *
 * Return: NULL, or a clause on what failed, for "device NAME: ...".
 */
const char *device_open(struct device *d, int fd);

/**
 * device_load() - the driver reads a register; device_store() - it writes one
 * @d: the device
 * @off: offset in its page, @size: bytes
 *
 * Both take the lock, but for the two registers of an interrupt handler. Whatever the store needs of the back end, and however many messages that is, it waits for 1 s in all; a foreign
 * back end, which nobody could start again, may take 10 s to stop its queues. After that the connection is dead and the store done.
 * Return of device_store(): device_poll() and device_due() say something else now, and who waits by them has to be woken.
 */
uint64_t device_load(struct device *d, uint64_t off, unsigned int size);
bool device_store(struct device *d, uint64_t off, unsigned int size, uint64_t value);

/**
 * device_connect() - greet a new back-end process, without waiting for it; device_serve() goes on when it answers
 * @d: the device, locked
 * @fd: connected socket of the new process; the device's from here on
 */
void device_connect(struct device *d, int fd);

/** device_due() - how many milliseconds device_poll()'s descriptors may be waited for: -1: without end. device_poll() comes first. */
int device_due(const struct device *d);

/** device_poll() - what to wait for, for device_serve(). */
void device_poll(struct device *d, struct device_poll *p);

/**
 * device_serve() - what the main thread does for a device in each turn; never waits, but 3 s at most for a new process that has answered
 * @d: the device, locked
 * @p: as device_poll() filled it, with what came
 *
 * Takes answers, one message of the back end's own, the news of a broken queue; asks a back end of our own every 4 s for a sign of
 * life, and gives up the connection of one that owes it for too long.
 *
 * Return: true when a new process is in use.
 */
bool device_serve(struct device *d, const struct device_poll *p);

/**
 * device_tell() - tell lguest-run what became of the back end: a new one is in use, it refused something, it is gone
 * @d: the device, locked
 * @say: takes a message's type, device, code and text (core/control.h). False: lguest-run does not read now. What has not been said is said in a later
 *	turn, if it is still true.
 *
 * A dead connection that broke a rule is hung up on, and its process ends by itself; one that hangs is ended by lguest-run, which must see it killed
 * and not leaving.
 */
void device_tell(struct device *d, bool (*say)(uint32_t type, uint32_t device, uint32_t code, const char *text));

/** device_give_up() - no back end will come: the driver is told NEEDS_RESET. */
void device_give_up(struct device *d);

/**
 * device_kicker() - the body of a thread, one for each foreign back end: it passes on the kicks that the driver gave by a store
 * @d: the device
 *
 * Eventfds are the back end's too. A sealed role cannot change them; another process may make one blocking and full, and then this thread
 * waits, not the vCPU's.
 */
void device_kicker(struct device *d);

#endif
