// SPDX-License-Identifier: GPL-2.0
/*
 * epochs.c: what lguest-core's device.c owes a driver when roles die around its resets: real roles, the core's own register file and front
 * end, and a driver that is played here through registers. /dev/lguest's ioctls are stubs. TAP on standard output.
 *
 *	epochs BUILD
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_blk.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/device.h"
#include "ipc/virtqueue_ring.h"
#include "tests/frontend/held.h"
#include "tests/lib/tap.h"

#define WAIT_MS 10000

int __wrap_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...)
{
	(void)fd, (void)request;
	return 0;
}

static const char *build;
static char work[64];

static void pause_ms(long ms)
{
	const struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

/* --- a role, as lguest-run starts it --- */

static struct guest_memory memory;
static struct device *dev;
static pid_t role;
static int drain = -1;
static char program[256], argument[256];
static bool slow;	/* without io_uring, on a slow disk */

static int spawn(void)
{
	char fd_option[32], drain_option[32], preload[300];
	int s[2], p[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s) || pipe2(p, O_CLOEXEC))
		exit(2);
	role = fork();
	if (!role) {
		snprintf(fd_option, sizeof(fd_option), "--fd=%d", s[1]);
		snprintf(drain_option, sizeof(drain_option), "--drain-fd=%d", p[1]);
		fcntl(s[1], F_SETFD, 0);
		fcntl(p[1], F_SETFD, 0);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO);
		if (slow) {
			snprintf(preload, sizeof(preload), "%s/tests/frontend/slowdisk.so", build);
			setenv("LD_PRELOAD", preload, 1);
			execl(program, program, fd_option, drain_option, argument, "--no-io-uring", NULL);
		}
		execl(program, program, fd_option, drain_option, argument[0] ? argument : NULL, NULL);
		_exit(127);
	}
	close(s[1]);
	close(p[1]);
	drain = p[0];
	return s[0];
}

/* kill -9 of the minder, and with it of the role; then as lguest-run waits: until its last I/O is over. */
static void kill_role(void)
{
	struct pollfd p = { .fd = drain };

	kill(role, SIGKILL);
	waitpid(role, NULL, 0);
	poll(&p, 1, WAIT_MS);
	close(drain);
}

/* One turn of the core's main loop. Return: a new process is in use. */
static bool turn(int ms)
{
	struct device_poll p;
	bool back;

	pthread_mutex_lock(&dev->lock);
	device_poll(dev, &p);
	pthread_mutex_unlock(&dev->lock);
	poll((struct pollfd *)&p, 3, ms);
	pthread_mutex_lock(&dev->lock);
	back = device_serve(dev, &p);
	pthread_mutex_unlock(&dev->lock);
	return back;
}

/* The core sees the end of a role and hangs up. */
static void lose(void)
{
	for (int i = 0; i < 100 && !dev->fe.dead; i++)
		turn(50);
	vu_fe_hang_up(&dev->fe);
}

static bool back(void)
{
	pthread_mutex_lock(&dev->lock);
	device_connect(dev, spawn());
	pthread_mutex_unlock(&dev->lock);
	for (int i = 0; i < 200; i++)
		if (turn(50))
			return true;
	printf("# the device did not come back: %s\n", dev->fe.error);
	return false;
}

/* --- a driver --- */

static void wr(uint64_t off, uint32_t value)
{
	device_store(dev, off, 4, value);
}

static uint32_t rd(uint64_t off)
{
	return (uint32_t)device_load(dev, off, 4);
}

static uint8_t *win(uint64_t off)
{
	return dev->window->host + off;
}

struct ring {
	struct vq_desc *desc;
	uint16_t *avail, *used;
	uint16_t taken;
};

#define NUM 256u

static struct ring make_ring(unsigned int index, uint64_t off)
{
	uint32_t g = (uint32_t)(dev->window->gpa + off);

	memset(win(off), 0, 16384);
	wr(VIRTIO_MMIO_QUEUE_SEL, index);
	wr(VIRTIO_MMIO_QUEUE_NUM, NUM);
	wr(VIRTIO_MMIO_QUEUE_DESC_LOW, g);
	wr(VIRTIO_MMIO_QUEUE_AVAIL_LOW, g + 4096);
	wr(VIRTIO_MMIO_QUEUE_USED_LOW, g + 8192);
	wr(VIRTIO_MMIO_QUEUE_READY, 1);
	return (struct ring){ (void *)win(off), (void *)win(off + 4096), (void *)win(off + 8192), 0 };
}

static void begin_driver(void)
{
	uint64_t features = dev->mmio.features & ~(1ull << 29);

	wr(VIRTIO_MMIO_STATUS, 0);
	wr(VIRTIO_MMIO_STATUS, 1);
	wr(VIRTIO_MMIO_STATUS, 3);
	wr(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	wr(VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)features);
	wr(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	wr(VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)(features >> 32));
	wr(VIRTIO_MMIO_STATUS, 11);
}

static struct ring bind_disk(void)
{
	struct ring q;

	begin_driver();
	q = make_ring(0, 0);
	wr(VIRTIO_MMIO_STATUS, 15);
	return q;
}

static void kick(unsigned int index)
{
	const uint64_t one = 1;

	if (write(dev->kick[index], &one, sizeof(one)) < 0)
		perror("kick");
}

static uint16_t used(const struct ring *q)
{
	return __atomic_load_n(&q->used[1], __ATOMIC_ACQUIRE);
}

/* Slot @n of the window: header, 512 bytes, status. Its chain's head is 3 * n. */
static uint8_t *status_of(unsigned int n)
{
	return win(0x100000 + n * 4096ull) + 3000;
}

static void submit(struct ring *q, unsigned int n, uint32_t type, uint64_t sector)
{
	uint64_t at = 0x100000 + n * 4096ull, g = dev->window->gpa + at, header[2] = { type, sector };
	uint16_t d = (uint16_t)(3 * n);

	memcpy(win(at), header, sizeof(header));
	*status_of(n) = 0xff;
	q->desc[d] = (struct vq_desc){ g, 16, VQ_DESC_NEXT, (uint16_t)(d + 1) };
	q->desc[d + 1] = (struct vq_desc){ g + 512, 512, (uint16_t)(VQ_DESC_NEXT | (type == VIRTIO_BLK_T_IN ? VQ_DESC_WRITE : 0)),
					   (uint16_t)(d + 2) };
	q->desc[d + 2] = (struct vq_desc){ g + 3000, 1, VQ_DESC_WRITE, 0 };
	q->avail[2 + (q->taken++ & (NUM - 1))] = d;
	__atomic_store_n(&q->avail[1], q->taken, __ATOMIC_RELEASE);
	kick(0);
}

static bool answered(const struct ring *q, uint16_t want)
{
	for (int i = 0; i < WAIT_MS && used(q) != want; i++)
		pause_ms(1);
	return used(q) == want;
}

static bool reads(struct ring *q, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		submit(q, i % 80, VIRTIO_BLK_T_IN, i % 100);
		if (!answered(q, q->taken) || *status_of(i % 80))
			return false;
	}
	return true;
}

/* How often was each head answered, from used entry @from on? */
static void count(const struct ring *q, uint16_t from, unsigned int *times)
{
	const struct vq_used_elem *e = (const void *)(q->used + 2);

	memset(times, 0, NUM * sizeof(*times));
	for (uint16_t i = from; i != used(q); i++)
		times[e[i & (NUM - 1)].id % NUM]++;
}

static const struct device_type block = { "block", 2, 1, 1, { 96, 60 }, 0 }, console = { "console", 3, 2, 1, { 12 }, 0 };

static void open_device(const struct device_type *type, const char *name, const char *arg)
{
	const char *error;

	memset(&memory, 0, sizeof(memory));
	dev = calloc(1, sizeof(*dev));
	snprintf(program, sizeof(program), "%s/%s", build, name);
	snprintf(argument, sizeof(argument), "%s", arg);
	if (guest_memory_ram(&memory, 16 << 20))
		exit(2);
	pthread_mutex_init(&dev->lock, NULL);
	dev->type = type;
	dev->memory = &memory;
	dev->window = guest_memory_window(&memory, 4 << 20);
	dev->own = true;
	dev->lguest = -1;
	error = device_open(dev, spawn());
	if (!error)
		return;
	passed(false, "%s: %s", name, error);
	exit(1);
}

static void close_device(void)
{
	kill(role, SIGKILL);
	waitpid(role, NULL, 0);
	vu_fe_close(&dev->fe);
}

static const char *disk(void)
{
	static char option[128];
	int fd;

	snprintf(option, sizeof(option), "%s/disk", work);
	fd = open(option, O_CREAT | O_RDWR, 0666);
	if (fd < 0 || ftruncate(fd, 1 << 20))
		exit(2);
	close(fd);
	snprintf(option, sizeof(option), "--blk-file=%s/disk", work);
	return option;
}

/* --- the cases --- */

static void rebound_then_killed(void)
{
	struct ring q;
	bool good;

	open_device(&block, "lguest-block", disk());
	q = bind_disk();
	good = reads(&q, 600);
	q = bind_disk();
	good = good && reads(&q, 5);
	for (int life = 0; good && life < 5; life++) {
		kill_role();
		lose();
		good = back() && reads(&q, 3);
	}
	passed(good && !(rd(VIRTIO_MMIO_STATUS) & 0x40), "a disk is rebound, its role killed 5 times: it comes back and reads");
	close_device();
}

/* The driver breaks its ring, is told so, and begins anew. */
static void needs_reset(void)
{
	struct ring q;
	bool good;

	open_device(&block, "lguest-block", disk());
	q = bind_disk();
	good = reads(&q, 300);
	__atomic_store_n(&q.avail[1], (uint16_t)(q.taken + 1000), __ATOMIC_RELEASE);
	kick(0);
	for (int i = 0; i < 100 && !(rd(VIRTIO_MMIO_STATUS) & 0x40); i++)
		turn(50);
	good = good && rd(VIRTIO_MMIO_STATUS) & 0x40;
	q = bind_disk();
	good = good && reads(&q, 5);
	kill_role();
	lose();
	passed(good && back() && reads(&q, 3) && rd(VIRTIO_MMIO_STATUS) == 15, "a driver that broke its ring is told, resets, and a kill after that harms nothing");
	close_device();
}

/* Three answered and two in flight at the kill, behind as many requests of drivers before as the record could count wrongly. */
static void exactly_once(unsigned int before, bool rebind, bool queue_only)
{
	unsigned int times[NUM];
	struct ring q;
	uint16_t from;
	bool good;

	open_device(&block, "tests/frontend/held", "");
	q = bind_disk();
	good = reads(&q, before);
	if (queue_only) {
		wr(VIRTIO_MMIO_QUEUE_SEL, 0);
		wr(VIRTIO_MMIO_QUEUE_READY, 0);
		q = make_ring(0, 0x10000);
	} else if (rebind) {
		q = bind_disk();
	}
	from = used(&q);
	submit(&q, 20, VIRTIO_BLK_T_IN, HELD);
	submit(&q, 21, VIRTIO_BLK_T_IN, HELD + 1);
	for (unsigned int i = 0; i < 3; i++)
		submit(&q, 30 + i, VIRTIO_BLK_T_IN, i);
	good = good && answered(&q, (uint16_t)(from + 3));
	kill_role();
	lose();
	good = back() && good;
	submit(&q, 40, VIRTIO_BLK_T_IN, RELEASE);
	good = good && answered(&q, (uint16_t)(from + 6));
	pause_ms(50);
	count(&q, from, times);
	for (unsigned int i = 0; i < NUM; i++)
		if (times[i] != (i == 60 || i == 63 || i == 90 || i == 93 || i == 96 || i == 120))
			printf("# head %u was answered %u times\n", i, times[i]), good = false;
	passed(good && !(rd(VIRTIO_MMIO_STATUS) & 0x40), "%u requests, %s, a kill with two in flight and three answered: each is answered once", before,
	    queue_only ? "QueueReady 1, 0, 1" : rebind ? "a new driver" : "the same driver");
	close_device();
}

/* @n requests, some held back, and a kill at any time after the first. Return: each was answered once. */
static bool life_of(struct ring *q, unsigned int n)
{
	unsigned int times[NUM];
	uint16_t from = used(q);
	bool good;

	for (unsigned int i = 0; i < n; i++)
		submit(q, i, VIRTIO_BLK_T_IN, rand() % 2 ? HELD + i : i);
	if (rand() % 2)
		pause_ms(rand() % 5);
	kill_role();
	lose();
	good = back();
	submit(q, 40, VIRTIO_BLK_T_IN, RELEASE);
	good = good && answered(q, (uint16_t)(from + n + 1));
	count(q, from, times);
	for (unsigned int i = 0; i < n; i++)
		if (times[3 * i] != 1)
			printf("# head %u was answered %u times\n", 3 * i, times[3 * i]), good = false;
	return good && times[120] == 1;
}

static void storm(void)
{
	unsigned int kills = 0;
	struct ring q;
	bool good = true;

	srand(1);
	open_device(&block, "tests/frontend/held", "");
	for (unsigned int driver = 0; good && driver < 20; driver++) {
		q = bind_disk();
		for (unsigned int life = 0; good && life < 5; life++, kills++)
			good = life_of(&q, 1 + (unsigned int)rand() % 24);
	}
	passed(good && kills == 100, "%u kills at any time, 20 drivers: each request is answered once", kills);
	close_device();
}

/* The driver goes while the role is away: nothing of its rings may reach the next process. */
static void reset_while_away(void)
{
	char path[80], option[96];
	struct ring tx;
	uint8_t *old;
	bool good = true;

	snprintf(path, sizeof(path), "%s/console", work);
	snprintf(option, sizeof(option), "--file=%s", path);
	open_device(&console, "lguest-console", option);
	for (int i = 0; i < 25; i++) {
		begin_driver();
		make_ring(0, 0);
		make_ring(1, 0x8000);
		wr(VIRTIO_MMIO_STATUS, 15);
		kill_role();
		lose();
		wr(VIRTIO_MMIO_STATUS, 0);
		/* its pages are somebody else's now; by bad luck they look like a request */
		old = win(0x8000);
		memset(old, 0, 16384);
		memcpy(win(0x200000), "not for the console\n", 20);
		*(struct vq_desc *)old = (struct vq_desc){ dev->window->gpa + 0x200000, 20, 0, 0 };
		((uint16_t *)(old + 4096))[1] = 1;
		good = good && back() && !dev->fe.vring[0].started && !dev->fe.vring[1].started;
		kick(1);
		pause_ms(20);
		good = good && !((uint16_t *)(old + 8192))[1];
	}
	passed(good, "25 resets while the role is away: the next process is given no ring of the driver that went");
	begin_driver();
	make_ring(0, 0);
	tx = make_ring(1, 0x8000);
	wr(VIRTIO_MMIO_STATUS, 15);
	memcpy(win(0x200000), "for the console\n", 16);
	tx.desc[0] = (struct vq_desc){ dev->window->gpa + 0x200000, 16, 0, 0 };
	__atomic_store_n(&tx.avail[1], 1, __ATOMIC_RELEASE);
	kick(1);
	passed(answered(&tx, 1) && rd(VIRTIO_MMIO_STATUS) == 15, "and a driver that comes then is served");
	close_device();
}

/* A driver that comes while the role is away finds its device working when it is back. */
static void driver_while_away(void)
{
	struct ring q;

	open_device(&block, "lguest-block", disk());
	q = bind_disk();
	reads(&q, 300);
	kill_role();
	lose();
	q = bind_disk();
	submit(&q, 1, VIRTIO_BLK_T_IN, 3);
	passed(back() && answered(&q, 1) && reads(&q, 4) && rd(VIRTIO_MMIO_STATUS) == 15, "a driver that comes while the role is away is served when it is back");
	kill_role();
	lose();
	passed(back() && reads(&q, 4), "and after another kill");
	close_device();
}

#define WCE offsetof(struct virtio_blk_config, wce)

static unsigned int role_says_wce(void)
{
	uint8_t config[60] = { 0 };

	return vu_fe_get_config(&dev->fe, 0, config, sizeof(config)) ? 99 : config[WCE];
}

static void write_through(void)
{
	open_device(&block, "lguest-block", disk());
	bind_disk();
	device_store(dev, VIRTIO_MMIO_CONFIG + WCE, 1, 0);
	passed(device_load(dev, VIRTIO_MMIO_CONFIG + WCE, 1) == 0 && role_says_wce() == 0, "a driver makes its disk write-through");
	kill_role();
	lose();
	passed(back() && role_says_wce() == 0 && device_load(dev, VIRTIO_MMIO_CONFIG + WCE, 1) == 0, "it stays so when the role was killed");
	kill_role();
	lose();
	device_store(dev, VIRTIO_MMIO_CONFIG + WCE, 1, 1);
	passed(back() && role_says_wce() == 1 && device_load(dev, VIRTIO_MMIO_CONFIG + WCE, 1) == 1, "what it says while the role is away holds too");
	device_store(dev, VIRTIO_MMIO_CONFIG + WCE, 1, 0);
	kill_role();
	lose();
	bind_disk();
	passed(device_load(dev, VIRTIO_MMIO_CONFIG + WCE, 1) == 0 && back() && role_says_wce() == 0, "a driver that comes while the role is away gets the disk that it was shown");
	wr(VIRTIO_MMIO_STATUS, 0);
	passed(role_says_wce() == device_load(dev, VIRTIO_MMIO_CONFIG + WCE, 1), "after a reset the core and the role say the same");
	bind_disk();
	passed(role_says_wce() == device_load(dev, VIRTIO_MMIO_CONFIG + WCE, 1), "and when the next driver has its features");
	passed(device_load(dev, VIRTIO_MMIO_CONFIG + WCE, 1) == 0, "which is what the driver before had chosen");
	kill_role();
	lose();
	passed(back() && role_says_wce() == 0, "and what the role's successor does");
	close_device();
}

static unsigned int open_descriptors(void)
{
	unsigned int n = 0;
	DIR *d = opendir("/proc/self/fd");

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void nothing_is_left(void)
{
	unsigned int before, after;

	open_device(&block, "lguest-block", disk());
	bind_disk();
	before = open_descriptors();
	for (int i = 0; i < 10; i++) {
		kill_role();
		lose();
		back();
	}
	after = open_descriptors();
	passed(after <= before, "10 lives of a role leave no descriptor (%u before, %u after)", before, after);
	close_device();
}

/* poll() saw the error eventfd, and before it is looked at its writer, who shares the file, makes it blocking and takes the count back. */
static void error_taken_back(void)
{
	struct device_poll p;

	open_device(&block, "lguest-block", disk());
	bind_disk();
	fcntl(dev->err, F_SETFL, fcntl(dev->err, F_GETFL) & ~O_NONBLOCK);
	device_poll(dev, &p);
	p.broken.revents = POLLIN;
	alarm(5);	/* the end of this program, when it waits */
	device_serve(dev, &p);
	passed(rd(VIRTIO_MMIO_STATUS) & 0x40, "an error that is taken back is an error, and nobody waits for it");
	wr(VIRTIO_MMIO_STATUS, 0);
	passed(!rd(VIRTIO_MMIO_STATUS), "nor at the driver's reset");
	alarm(0);
	device_poll(dev, &p);
	passed(p.broken.fd == dev->err, "after it errors are looked for again");
	close_device();
}

/* A request of 5 s on an engine that does nothing beside: the role is asked for signs of life all the while. */
static void slow_disk(void)
{
	struct ring q;
	int i;

	slow = true;
	open_device(&block, "lguest-block", disk());
	slow = false;
	q = bind_disk();
	submit(&q, 1, VIRTIO_BLK_T_OUT, 3);
	for (i = 0; i < 100 && !used(&q); i++)
		turn(100);
	passed(i > 30 && used(&q) && !dev->fe.dead && !*status_of(1), "without io_uring a disk that takes 5 s for a write is not a role that hangs");
	close_device();
}

int main(int argc, char **argv)
{
	char command[96];

	if (argc != 2) {
		fprintf(stderr, "usage: epochs BUILD\n");
		return 2;
	}
	build = argv[1];
	tap_prefix = "epochs: ";
	snprintf(work, sizeof(work), "/var/tmp/lguest-epochs-XXXXXX");
	if (!mkdtemp(work))
		return 2;
	rebound_then_killed();
	needs_reset();
	exactly_once(2, false, false);
	exactly_once(2, true, false);
	exactly_once(600, true, false);
	exactly_once(600, false, true);
	storm();
	reset_while_away();
	driver_while_away();
	write_through();
	nothing_is_left();
	slow_disk();
	error_taken_back();
	snprintf(command, sizeof(command), "rm -rf %s", work);
	if (system(command))
		return 2;
	return tap_failed != 0;
}
