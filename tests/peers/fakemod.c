// SPDX-License-Identifier: GPL-2.0
/*
 * fakemod.c: lg.ko played inside lguest-core. Linked with the core's objects under -Wl,--wrap=ioctl it answers /dev/lguest's ioctls, so that the
 * whole launcher runs on a machine without the module: the real lguest-run, core, sandbox, seal and roles, and a guest that
 * is a C function. For the group hostile-peers.
 *
 * The guest is a thread: load(), store() and print() hand one exit of LGUEST_RUN to the vCPU's thread and wait until it has been
 * served. It reads what to do from the kernel's command line: script=NAME, and numbers such as lines=1000.
 */
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <linux/virtio_config.h>

#include "core/control.h"
#include "core/virtio_mmio.h"
#include "ipc/virtqueue_ring.h"
#include "policy/policy.h"
#include "tests/lib/give.h"

/* --- what the core set up --- */

static struct { uint64_t gpa, size; uint8_t *host; } region[LGUEST_MAX_REGIONS];
static unsigned int regions;
static int kick[GUEST_DEVICES][GUEST_QUEUES];
static unsigned long lines_raised[LGUEST_IRQS];

/* Region 0 is RAM; windows follow, one for each device in their order. */
static uint64_t window(unsigned int device) { return region[1 + device].gpa; }
static uint8_t *window_at(unsigned int device, uint64_t off) { return region[1 + device].host + off; }

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void pause_ms(int ms)
{
	poll(NULL, 0, ms);
}

/* --- the exits --- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turn = PTHREAD_COND_INITIALIZER;
static struct lguest_run wanted;	/* what the guest does next */
static bool handed, served;		/* the vCPU's thread has it; it came back from it */
static int bell[2];			/* the guest wants an exit: the sealed vCPU's thread may wait for a message, not for a condition */
static struct lguest_regs regs;

static void ring_bell(void)
{
	struct iovec iov = { "", 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	while (sendmsg(bell[1], &m, MSG_NOSIGNAL) != 1)
		;
}

static void hear_bell(void)
{
	char byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	while (recvmsg(bell[0], &m, 0) != 1)
		;
}

static void exit_with(const struct lguest_run *r)
{
	pthread_mutex_lock(&lock);
	wanted = *r;
	served = false;
	ring_bell();
	while (!served)
		pthread_cond_wait(&turn, &lock);
	handed = false;
	pthread_mutex_unlock(&lock);
}

/* LGUEST_RUN: the exit before this one is served now; wait for the next. */
static void run(struct lguest_run *out)
{
	pthread_mutex_lock(&lock);
	served = handed;
	pthread_cond_broadcast(&turn);
	pthread_mutex_unlock(&lock);
	hear_bell();
	pthread_mutex_lock(&lock);
	handed = true;
	*out = wanted;
	pthread_mutex_unlock(&lock);
}

static uint64_t registers(unsigned int device, uint64_t off)
{
	return GUEST_MMIO_BASE + device * GUEST_MMIO_SIZE + off;
}

static void store(unsigned int device, uint64_t off, uint32_t value)
{
	struct lguest_run r = { .reason = LGUEST_EXIT_MMIO, .write = 1, .addr = registers(device, off), .insn_len = 15 };

	memcpy(r.insn, "\x89\x03", 2);	/* mov %eax, (%rbx) */
	regs.rax = value;
	exit_with(&r);
}

static uint32_t load(unsigned int device, uint64_t off)
{
	struct lguest_run r = { .reason = LGUEST_EXIT_MMIO, .addr = registers(device, off), .insn_len = 15 };

	memcpy(r.insn, "\x8b\x03", 2);	/* mov (%rbx), %eax */
	exit_with(&r);
	return (uint32_t)regs.rax;
}

/* What the guest's own kernel would print before it has a console: LHCALL_PRINT. */
static void print_bytes(const char *text, size_t len)
{
	struct lguest_run r = { .reason = LGUEST_EXIT_PRINT, .length = (uint32_t)len };

	memcpy(r.text, text, len < LGUEST_TEXT_SIZE ? len : LGUEST_TEXT_SIZE - 1);
	exit_with(&r);
}

static void __attribute__((format(printf, 1, 2))) print(const char *fmt, ...)
{
	char text[LGUEST_TEXT_SIZE];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	print_bytes(text, strlen(text));
}

/* --- the command line --- */

static char command_line[4096];

static const char *option(const char *name)
{
	static char value[128];
	size_t n = strlen(name), k = 0;

	for (const char *p = command_line; *p; p++) {
		if (strncmp(p, name, n) || p[n] != '=')
			continue;
		for (p += n + 1; *p && *p != ' ' && k + 1 < sizeof(value); p++)
			value[k++] = *p;
		value[k] = '\0';
		return value;
	}
	return NULL;
}

static int number(const char *name, int otherwise)
{
	const char *v = option(name);

	return v ? atoi(v) : otherwise;
}

static void __attribute__((constructor)) begin(void)
{
	FILE *f = fopen("/proc/self/cmdline", "re");
	size_t n = f ? fread(command_line, 1, sizeof(command_line) - 1, f) : 0;

	for (size_t i = 0; i < n; i++)
		if (!command_line[i])
			command_line[i] = ' ';
	if (f)
		fclose(f);
	memset(kick, 0xff, sizeof(kick));
}

/* --- drivers --- */

#define QUEUE_SPACE 0x8000u	/* of a window, for each queue; its three areas lie 4096 bytes apart */

static unsigned int queues_of(unsigned int device)
{
	unsigned int n = 0;

	do
		store(device, VIRTIO_MMIO_QUEUE_SEL, n);
	while (load(device, VIRTIO_MMIO_QUEUE_NUM_MAX) && ++n < GUEST_QUEUES && (n + 1) * QUEUE_SPACE <= region[1 + device].size);
	return n;
}

static void set_up_queue(unsigned int device, unsigned int queue)
{
	uint32_t g = (uint32_t)window(device) + queue * QUEUE_SPACE;

	memset(window_at(device, queue * QUEUE_SPACE), 0, 0x4000);
	store(device, VIRTIO_MMIO_QUEUE_SEL, queue);
	store(device, VIRTIO_MMIO_QUEUE_NUM, 256);
	store(device, VIRTIO_MMIO_QUEUE_DESC_LOW, g);
	store(device, VIRTIO_MMIO_QUEUE_AVAIL_LOW, g + 4096);
	store(device, VIRTIO_MMIO_QUEUE_USED_LOW, g + 8192);
	store(device, VIRTIO_MMIO_QUEUE_READY, 1);
}

/* Reset, VERSION_1 and ACCESS_PLATFORM, all queues, DRIVER_OK. Return: milliseconds that it took. */
static unsigned int start_driver(unsigned int device)
{
	uint64_t began = now_ms();
	unsigned int n = queues_of(device);

	store(device, VIRTIO_MMIO_STATUS, 0);
	store(device, VIRTIO_MMIO_STATUS, 1);
	store(device, VIRTIO_MMIO_STATUS, 3);
	store(device, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	store(device, VIRTIO_MMIO_DRIVER_FEATURES, 0);
	store(device, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	store(device, VIRTIO_MMIO_DRIVER_FEATURES, 3);
	store(device, VIRTIO_MMIO_STATUS, 11);
	for (unsigned int i = 0; i < n; i++)
		set_up_queue(device, i);
	store(device, VIRTIO_MMIO_STATUS, 15);
	return (unsigned int)(now_ms() - began);
}

static unsigned int devices(void)
{
	unsigned int n = 0;

	while (n < GUEST_DEVICES && load(n, VIRTIO_MMIO_MAGIC_VALUE) == 0x74726976)
		n++;
	return n;
}

/* A read of 512 bytes on queue 0 of a disk, and its answer. Return: was it answered within @ms, and well? */
static bool read_sector(unsigned int device, uint64_t sector, int ms)
{
	static uint16_t taken[GUEST_DEVICES];
	struct vq_desc *d = (void *)window_at(device, 0);
	uint16_t *avail = (void *)window_at(device, 4096), *used = (void *)window_at(device, 8192);
	uint64_t g = window(device) + 0x80000, header[2] = { 0, sector };
	uint8_t *status = window_at(device, 0x82000);
	const uint64_t one = 1;

	memcpy(window_at(device, 0x80000), header, sizeof(header));
	*status = 0xff;
	d[0] = (struct vq_desc){ g, 16, VQ_DESC_NEXT, 1 };
	d[1] = (struct vq_desc){ g + 0x1000, 512, VQ_DESC_NEXT | VQ_DESC_WRITE, 2 };
	d[2] = (struct vq_desc){ g + 0x2000, 1, VQ_DESC_WRITE, 0 };
	taken[device] = avail[1];
	avail[2 + (taken[device] & 255)] = 0;
	__atomic_store_n(&avail[1], (uint16_t)(taken[device] + 1), __ATOMIC_RELEASE);
	if (write(kick[device][0], &one, sizeof(one)) < 0)
		return false;
	for (; ms > 0 && __atomic_load_n(&used[1], __ATOMIC_ACQUIRE) != (uint16_t)(taken[device] + 1); ms--)
		pause_ms(1);
	return ms > 0 && *status == 0;
}

/* --- scripts --- */

/* Say every other second that the vCPU runs, and how long it waited at a register of each device at most. */
static void live(void)
{
	uint64_t began, took, worst = 0, said = now_ms();
	unsigned int n = devices(), at = 0;

	for (unsigned int i = 0; n; i = (i + 1) % n) {
		began = now_ms();
		load(i, VIRTIO_MMIO_CONFIG_GENERATION);
		if (number("kicks", 0))
			store(i, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
		took = now_ms() - began;
		if (took >= worst) {
			worst = took;
			at = i;
		}
		if (now_ms() - said >= 1000) {
			print("[guest] alive, longest wait %u ms at device %u\n", (unsigned int)worst, at);
			said = now_ms();
			worst = 0;
		}
		pause_ms(20);
	}
	for (;;)
		pause_ms(1000);
}

/* Device 0's driver is started again and again; what its status says then. */
static void again(void)
{
	uint32_t status = 0;

	for (int i = 0; i < number("starts", 50); i++) {
		start_driver(0);
		status = load(0, VIRTIO_MMIO_STATUS);
	}
	print("[guest] started again: status 0x%x\n", status);
	live();
}

/* Device 0 is a disk: its driver comes, works, leaves, and the next one works too. */
static void rebind(void)
{
	bool good = true;

	for (int i = 0; good && i < number("reads", 600); i++)
		good = read_sector(0, (uint64_t)i % 100, 3000);
	start_driver(0);
	for (int i = 0; good && i < 5; i++)
		good = read_sector(0, (uint64_t)i, 3000);
	print("[guest] rebound: %s\n", good ? "good" : "LOST");
	for (unsigned int n = 0; ; n++) {
		if (!read_sector(0, n % 100, 20000))
			break;
		if (n % 10 == 0)
			print("[guest] read %u\n", n);
		pause_ms(100);
	}
	print("[guest] a read is LOST\n");
	live();
}

/* A hijacked core: it says the same of device 0 again and again, for every process that may run. */
static void __attribute__((noreturn)) say_without_end(uint32_t type)
{
	struct control_msg m = { .type = type, .code = 1 };
	struct iovec iov = { &m, sizeof(m) };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };

	/* The socket holds a few messages only: each number has its turn, so that the process that runs is among them soon. */
	for (;;) {
		while (sendmsg(CORE_FD_CONTROL, &h, MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
			m.process = (m.process + 1) % 32;
		pause_ms(5);
	}
}

/* That its connection is dead */
static void lostloop(void)
{
	say_without_end(CONTROL_LOST);
}

/* That its back end refused something */
static void refuseloop(void)
{
	say_without_end(CONTROL_REFUSED);
}

/* What it gives to lguest-run, and the other end of that: made before its sandbox, at numbers of devices that there are not. */
#define GIFT (CORE_FD_DEVICE + GUEST_DEVICES - 1)

static void __attribute__((constructor)) make_gift(int argc, char **argv)
{
	int end = -1, fd;

	for (int i = 1; i < argc; i++)
		if (strstr(argv[i], "script=gives")) {
			fd = lingering(&end);
			policy_place_fd(fd, GIFT);
			policy_place_fd(end, GIFT - 1);
		}
}

static void give_gift(void)
{
	const struct control_msg m = { .type = CONTROL_ALIVE };

	print("[guest] gives %d\n", send_with(CORE_FD_CONTROL, &m, sizeof(m), GIFT, 1, 0));
	close(GIFT);
	live();
}

static void print_flood(void)
{
	char text[250];

	memset(text, 'F', sizeof(text));
	text[sizeof(text) - 1] = '\n';
	for (int i = 0; i < number("lines", 1000); i++)
		print_bytes(text, sizeof(text));
	live();
}

static void forge(void)
{
	print("\033]0;title by guest\007\033[2Jlguest-run: block0 was killed by signal 9 (forged)\r\n");
	live();
}

/* A guest with nothing to do: what its processes keep in memory then is measured. Only what the core itself does is to count. */
static void idle(void)
{
	print_bytes("[guest] idle\n", 13);
	for (;;)
		pause_ms(1000);
}

static void crash(void)
{
	struct lguest_run r = { .reason = LGUEST_EXIT_SHUTDOWN, .code = LGUEST_SHUTDOWN_CRASH };

	strcpy(r.text, "boom \033]0;title by panic\007\033[2Jcleared\nlguest-run: forged line");
	exit_with(&r);
}

static void shut_down(uint32_t code)
{
	struct lguest_run r = { .reason = LGUEST_EXIT_SHUTDOWN, .code = code };

	exit_with(&r);
}

/* It does what its host's lines ask, as Linux would; every 100 ms it reads a sector of device 0, if that is a disk, and looks at its status. */
static void listen_to_host(void)
{
	unsigned long resumed = 0;
	uint32_t before = 0, status;
	uint64_t n = 0;

	for (;;) {
		if (__atomic_load_n(&lines_raised[CONTROL_POWERDOWN], __ATOMIC_RELAXED))
			shut_down(LGUEST_SHUTDOWN_POWEROFF);
		if (__atomic_load_n(&lines_raised[CONTROL_RESET], __ATOMIC_RELAXED))
			shut_down(LGUEST_SHUTDOWN_RESTART);
		if (__atomic_load_n(&lines_raised[CONTROL_RESUMED], __ATOMIC_RELAXED) != resumed)
			print("[guest] resumed %lu\n", ++resumed);
		status = load(0, VIRTIO_MMIO_STATUS);
		if (status & ~before & VIRTIO_CONFIG_S_NEEDS_RESET)
			print("[guest] device 0 needs a reset\n");
		before = status;
		if (number("disk", 0) && !read_sector(0, n % 100, 20000))
			print("[guest] a read is LOST\n");
		if (n++ % 10 == 0)
			print("[guest] alive, read %lu\n", (unsigned long)n);
		pause_ms(number("every", 100));
	}
}

/* A page that the host has lost: here, one behind the end of its file, made before the seal. */
static volatile uint8_t *lost_page;

static void make_lost_page(void)
{
	int fd = memfd_create("lost", MFD_CLOEXEC);

	lost_page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
}

static void bad_memory(void)
{
	print("[guest] reads a page that the host has lost\n");
	print("[guest] it was there: %d\n", lost_page[0]);
	live();
}

static const struct { const char *name; void (*run)(void); } scripts[] = {
	{ "live", live }, { "rebind", rebind }, { "lostloop", lostloop }, { "refuseloop", refuseloop }, { "flood", print_flood }, { "forge", forge }, { "crash", crash }, { "idle", idle }, { "again", again },
	{ "listen", listen_to_host }, { "badmem", bad_memory }, { "gives", give_gift },
};

static void *guest(void *arg)
{
	const char *script = option("script");
	unsigned int n = devices(), took;

	print("[guest] %s, %u devices\n", script ? script : "no script", n);
	for (unsigned int i = 0; i < n; i++) {
		took = start_driver(i);
		print("[guest] device %u: driver up in %u ms, status %#x\n", i, took, load(i, VIRTIO_MMIO_STATUS));
	}
	for (unsigned int i = 0; script && i < sizeof(scripts) / sizeof(scripts[0]); i++)
		if (!strcmp(scripts[i].name, script))
			scripts[i].run();
	live();
	return arg;
}

/* --- the module --- */

static void add_region(const struct lguest_memory_region *r)
{
	region[regions].gpa = r->guest_phys;
	region[regions].size = r->size;
	region[regions++].host = (uint8_t *)(uintptr_t)r->user_addr;
}

static void bind_kick(const struct lguest_ioeventfd *e)
{
	kick[(e->addr - GUEST_MMIO_BASE) / GUEST_MMIO_SIZE % GUEST_DEVICES][e->value % GUEST_QUEUES] = e->fd;
}

/* hang=1: the thread that raises a line stays there. The main thread does so when a role is back. */
static void raise_line(unsigned long line)
{
	lines_raised[line % LGUEST_IRQS]++;
	while (number("hang", 0))
		pause_ms(1000);
}

int __wrap_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...)
{
	static pthread_t thread;
	va_list ap;
	void *arg;

	(void)fd;
	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	switch (request) {
	case LGUEST_GET_API_VERSION: return LGUEST_API_VERSION;
	case LGUEST_CREATE: make_lost_page(); return 0;
	/* The guest's thread is made before the seal, as the module's own would be. */
	case LGUEST_CREATE_VCPU: return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, bell) || pthread_create(&thread, NULL, guest, NULL) ? -1 : 0;
	case LGUEST_ADD_MEMORY: add_region(arg); return 0;
	case LGUEST_IOEVENTFD: bind_kick(arg); return 0;
	case LGUEST_INTERRUPT: raise_line((unsigned long)arg); return 0;
	case LGUEST_GET_REGS: memcpy(arg, &regs, sizeof(regs)); return 0;
	case LGUEST_SET_REGS: memcpy(&regs, arg, sizeof(regs)); return 0;
	case LGUEST_RUN: run(arg); return 0;
	case LGUEST_GET_STATS: ((struct lguest_stats *)arg)->value[LG_STAT_EXITS] = 4711; return 0;
	default: return 0;
	}
}
