// SPDX-License-Identifier: GPL-2.0
/*
 * net.c: how fast lguest-net moves frames into and out of a tap, against the plainest loop that could: one write() or
 * read() a frame. Prints medians of rates, of ratios and of processor time a frame.
 *
 *	bench-net LGUEST-NET [ROUNDS] [SECONDS]
 *	bench-net LGUEST-NET tx|rx|ring SECONDS SIZE OPTION...	frames a second with these options of lguest-net, and nothing else;
 *						ring: of the ring loop, without it (to profile, and to compare two programs)
 *
 * For sending there is a third loop, one ring with a batch of writes a system call: nothing that goes through a
 * tap one frame at a time can beat it, so it tells what the machine allows.
 *
 * It makes its own network namespace (as root, or in a user namespace) and a tap in it. Sent frames have an ethertype
 * that nobody listens to; received ones come from an AF_PACKET socket in a child.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <liburing.h>

#include "tests/lib/driver.h"

#define HDR 12u
#define RING 256u
#define ETHERTYPE 0x88b5 /* for local experiments: nobody listens */
#define MAX_ROUNDS 32
#define MAX_OPTIONS 4

struct result {
	double rate, cpu_us;
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void __attribute__((noreturn)) fail(const char *what)
{
	fprintf(stderr, "bench-net: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double cpu_of(int who)
{
	struct rusage u;

	getrusage(who, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static int make_tap(void)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC), hdr = HDR, s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	strcpy(ifr.ifr_name, "bench0");
	/* A tap stays busy until the ring of the role that had it is gone, some time after the role itself. */
	for (int i = 0; ioctl(fd, TUNSETIFF, &ifr); i++)
		if (errno != EBUSY || i == 200 || usleep(10000))
			fail("tap");
	if (ioctl(fd, TUNSETVNETHDRSZ, &hdr))
		fail("tap header");
	ifr.ifr_flags = IFF_UP | IFF_NOARP;
	if (ioctl(s, SIOCSIFFLAGS, &ifr))
		fail("interface up");
	close(s);
	return fd;
}

static void fill(uint8_t *frame, size_t len)
{
	memset(frame, 0x5a, len);
	memset(frame, 0xff, 6);
	frame[6] = 0x02;
	frame[12] = ETHERTYPE >> 8;
	frame[13] = ETHERTYPE & 0xff;
}

/* Frames for the receiving side, as fast as the kernel takes them, until killed. */
static pid_t generator(size_t len)
{
	struct sockaddr_ll a = { .sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex("bench0"), .sll_halen = 6 };
	static uint8_t frame[65536];
	struct iovec iov = { frame, len };
	struct mmsghdr m[64];
	pid_t pid = fork();
	int s;

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close_range(3, ~0u, 0); /* a copy of the back end's socket would keep it from seeing the end */
	s = socket(AF_PACKET, SOCK_RAW, 0);
	fill(frame, len);
	memset(m, 0, sizeof(m));
	for (unsigned int i = 0; i < 64; i++) {
		m[i].msg_hdr.msg_iov = &iov;
		m[i].msg_hdr.msg_iovlen = 1;
		m[i].msg_hdr.msg_name = &a;
		m[i].msg_hdr.msg_namelen = sizeof(a);
	}
	for (;;)
		if (sendmmsg(s, m, 64, 0) < 0)
			usleep(50); /* queue full: let the reader run */
}

static struct result raw_tx(size_t len, double seconds)
{
	static uint8_t buf[HDR + 65536];
	int fd = make_tap();
	double cpu = cpu_of(RUSAGE_SELF), start = now(), t;
	uint64_t n = 0;

	fill(buf + HDR, len);
	do {
		for (int i = 0; i < 256; i++, n++)
			if (write(fd, buf, HDR + len) < 0)
				fail("write");
		t = now() - start;
	} while (t < seconds);
	close(fd);
	return (struct result){ (double)n / t, (cpu_of(RUSAGE_SELF) - cpu) / (double)n * 1e6 };
}

static struct result ring_tx(size_t len, double seconds)
{
	static uint8_t buf[HDR + 65536];
	int fd = make_tap();
	struct io_uring ring;
	struct io_uring_cqe *cqe;
	double cpu = cpu_of(RUSAGE_SELF), start = now(), t;
	unsigned int head, done;
	uint64_t n = 0;

	fill(buf + HDR, len);
	if (io_uring_queue_init(RING, &ring, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN))
		fail("ring");
	do {
		for (unsigned int i = 0; i < RING; i++)
			io_uring_prep_write(io_uring_get_sqe(&ring), fd, buf, (unsigned int)(HDR + len), 0);
		if (io_uring_submit_and_wait(&ring, RING) < 0)
			fail("submit");
		done = 0;
		io_uring_for_each_cqe(&ring, head, cqe)
			done++;
		io_uring_cq_advance(&ring, done);
		n += done;
		t = now() - start;
	} while (t < seconds);
	io_uring_queue_exit(&ring);
	close(fd);
	return (struct result){ (double)n / t, (cpu_of(RUSAGE_SELF) - cpu) / (double)n * 1e6 };
}

static struct result raw_rx(size_t len, double seconds)
{
	static uint8_t buf[HDR + 65536];
	int fd = make_tap();
	pid_t gen = generator(len);
	double cpu, start, t;
	uint64_t n = 0;

	if (read(fd, buf, sizeof(buf)) < 0)
		fail("read");
	cpu = cpu_of(RUSAGE_SELF);
	start = now();
	do {
		for (int i = 0; i < 64; i++, n++)
			if (read(fd, buf, sizeof(buf)) < 0)
				fail("read");
		t = now() - start;
	} while (t < seconds);
	cpu = cpu_of(RUSAGE_SELF) - cpu;
	kill(gen, SIGKILL);
	waitpid(gen, NULL, 0);
	close(fd);
	return (struct result){ (double)n / t, cpu / (double)n * 1e6 };
}

static char *options[MAX_OPTIONS]; /* more of lguest-net's, up to a NULL */

/* Start the back end on a new tap. Its processor time is what our waited-for children have used afterwards. */
static void start(struct drv *d, char *program, int tap)
{
	static char arg[32];
	static char *argv[2 + MAX_OPTIONS + 1];	/* the driver keeps it */

	snprintf(arg, sizeof(arg), "--tap-fd=%d", tap);
	argv[0] = program;
	argv[1] = arg;
	memcpy(argv + 2, options, sizeof(options));
	if (fcntl(tap, F_SETFD, 0) || drv_start(d, argv, 8u << 20))
		fail("start");
	close(tap);
	drv_features(d, 1ull << 32 | 1ull << 29 | 1ull << 28 | 1ull << 15);
}

static struct result finish(struct drv *d, uint64_t n, double t, double cpu)
{
	drv_stop(d);
	return (struct result){ (double)n / t, (cpu_of(RUSAGE_CHILDREN) - cpu) / (double)n * 1e6 };
}

static struct result our_tx(char *program, size_t len, double seconds)
{
	static struct drv d;
	struct drv_queue *q;
	struct iovec seg;
	double cpu = cpu_of(RUSAGE_CHILDREN), begin, t;
	uint64_t n = 0;
	uint8_t *buf;

	start(&d, program, make_tap());
	drv_queue(&d, 0, RING);
	q = drv_queue(&d, 1, RING);
	buf = drv_alloc(&d, HDR + len, 64);
	fill(buf + HDR, len);
	memset(buf, 0, HDR);
	seg = (struct iovec){ buf, HDR + len };
	begin = now();
	do {
		while (drv_add(q, &seg, 1, 0) >= 0)
			;
		drv_kick(q);
		while (drv_used(q, NULL) >= 0)
			n++;
		if (!q->free_n && !drv_wait(q, 2000))
			fail("no completion");
		t = now() - begin;
	} while (t < seconds);
	return finish(&d, n, t, cpu);
}

static struct result our_rx(char *program, size_t len, double seconds)
{
	static struct drv d;
	struct drv_queue *q;
	double cpu = cpu_of(RUSAGE_CHILDREN), begin, t;
	uint64_t n = 0;
	size_t size = 1536;
	uint8_t *buf;
	uint32_t got;
	pid_t gen;
	int head;

	start(&d, program, make_tap());
	q = drv_queue(&d, 0, RING);
	drv_queue(&d, 1, RING);
	buf = drv_alloc(&d, RING * size, 64);
	for (unsigned int i = 0; i < RING; i++)
		drv_add(q, &(struct iovec){ buf + i * size, size }, 0, 1);
	drv_kick(q);
	gen = generator(len);
	if (!drv_wait(q, 2000))
		fail("no frame");
	begin = now();
	do {
		while ((head = drv_used(q, &got)) >= 0) {
			n += got == HDR + len; /* others are the host's own, IPv6 and the like */
			drv_add(q, &(struct iovec){ buf + (size_t)head * size, size }, 0, 1);
		}
		drv_kick(q);
		if (!drv_wait(q, 2000))
			fail("no frame");
		t = now() - begin;
	} while (t < seconds);
	/* the back end first: the generator's processor time must not be in the sum */
	struct result r = finish(&d, n, t, cpu);

	kill(gen, SIGKILL);
	waitpid(gen, NULL, 0);
	return r;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(const double *v, int n)
{
	double s[MAX_ROUNDS];

	memcpy(s, v, (size_t)n * sizeof(*v));
	qsort(s, (size_t)n, sizeof(*s), compare);
	return n % 2 ? s[n / 2] : (s[n / 2 - 1] + s[n / 2]) / 2;
}

struct series {
	double rate[MAX_ROUNDS], cpu[MAX_ROUNDS];
};

static void note(struct series *s, int i, struct result r)
{
	s->rate[i] = r.rate;
	s->cpu[i] = r.cpu_us;
}

static void print_median(const char *name, size_t len, const char *who, const struct series *s, const struct series *raw,
			 int rounds)
{
	double ratio[MAX_ROUNDS];

	for (int i = 0; i < rounds; i++)
		ratio[i] = s->rate[i] / raw->rate[i];
	printf("%s %4zu %-10s %8.0f frames/s  %5.2f us of processor a frame  %.2f times the plain loop\n", name, len, who,
	       median(s->rate, rounds), median(s->cpu, rounds), median(ratio, rounds));
	fflush(stdout);
}

/* Interleaved: each round measures all loops one after the other, and its ratios are of that round. */
static void case_of(char *program, const char *name, size_t len, int rounds, double seconds, bool tx)
{
	static struct series raw, ring, ours;

	for (int i = 0; i < rounds; i++) {
		note(&raw, i, tx ? raw_tx(len, seconds) : raw_rx(len, seconds));
		if (tx)
			note(&ring, i, ring_tx(len, seconds));
		note(&ours, i, tx ? our_tx(program, len, seconds) : our_rx(program, len, seconds));
	}
	print_median(name, len, "plain loop", &raw, &raw, rounds);
	if (tx)
		print_median(name, len, "ring loop", &ring, &raw, rounds);
	print_median(name, len, "lguest-net", &ours, &raw, rounds);
}

static void own_network(void)
{
	if (unshare(geteuid() ? CLONE_NEWUSER | CLONE_NEWNET : CLONE_NEWNET))
		fail("network namespace");
}

/* bench-net LGUEST-NET tx|rx|ring SECONDS SIZE OPTION... */
static int with_options(int argc, char **argv)
{
	double seconds = atof(argv[3]);
	int len = atoi(argv[4]);
	struct result r;

	if (argc - 5 >= MAX_OPTIONS || seconds <= 0 || len < 64 || len > 1500)
		return 2;
	memcpy(options, argv + 5, (size_t)(argc - 5) * sizeof(*argv));
	own_network();
	if (!strcmp(argv[2], "ring"))
		r = ring_tx((size_t)len, seconds);
	else
		r = (!strcmp(argv[2], "tx") ? our_tx : our_rx)(argv[1], (size_t)len, seconds);
	printf("%.1f %.3f\n", r.rate, r.cpu_us);
	return 0;
}

int main(int argc, char **argv)
{
	int rounds = argc > 2 ? atoi(argv[2]) : 5;
	double seconds = argc > 3 ? atof(argv[3]) : 1;

	if (argc >= 5 && (!strcmp(argv[2], "tx") || !strcmp(argv[2], "rx") || !strcmp(argv[2], "ring")))
		return with_options(argc, argv);
	if (argc < 2 || rounds < 1 || rounds > MAX_ROUNDS || seconds <= 0) {
		fprintf(stderr, "usage: bench-net LGUEST-NET [ROUNDS (1 to %d)] [SECONDS]\n", MAX_ROUNDS);
		return 2;
	}
	own_network();
	case_of(argv[1], "tx", 64, rounds, seconds, true);
	case_of(argv[1], "tx", 1500, rounds, seconds, true);
	case_of(argv[1], "rx", 64, rounds, seconds, false);
	case_of(argv[1], "rx", 1500, rounds, seconds, false);
	return 0;
}
