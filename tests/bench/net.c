// SPDX-License-Identifier: GPL-2.0
/*
 * net.c: how fast lguest-net moves frames into and out of a tap, against the plainest loop that could: one write() or
 * read() a frame. Prints medians of rates, of ratios, of processor time a frame and of how long frames took (50, 99 and 99.9 per cent of them).
 *
 *	bench-net LGUEST-NET [ROUNDS] [SECONDS]
 *	bench-net LGUEST-NET tx|rx|ring SECONDS SIZE OPTION...	frames a second with these options of lguest-net, and nothing else;
 *						ring: of the ring loop, without it (to profile, and to compare two programs)
 *
 * For sending there is a third loop, one ring with a batch of writes a system call: nothing that goes through a
 * tap one frame at a time can beat it, so it tells what the machine allows.
 *
 * Each is measured with a full ring, where nobody looks at a clock for each frame, and with so many frames under way: the next is sent when
 * one is over. A frame that is received so is sent by the driver itself, which waits for it.
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

#include "tests/bench/late.h"
#include "tests/lib/driver.h"

#define HDR 12u
#define RING 256u
#define RX_SIZE 1536u
#define CASE_S 120u	/* a case that takes longer has lost a frame that it waits for */
#define ETHERTYPE 0x88b5 /* for local experiments: nobody listens */
#define MAX_ROUNDS 32
#define MAX_OPTIONS 4

struct result {
	double rate, cpu_us, p50, p99, p999;
};

/* What is measured: frames of @len bytes, so many under way at a time; @late: how long each takes, or NULL: a full ring */
struct load {
	size_t len;
	unsigned int depth;
	struct late *late;
};

static void __attribute__((noreturn)) fail(const char *what)
{
	fprintf(stderr, "bench-net: %s: %s\n", what, strerror(errno));
	exit(1);
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

/* So many frames took @seconds each. */
static void note(const struct load *l, double seconds, unsigned int frames)
{
	while (l->late && frames--)
		late_note(l->late, seconds);
}

static struct result raw_tx(const struct load *l, double seconds)
{
	static uint8_t buf[HDR + 65536];
	int fd = make_tap();
	double cpu = drv_cpu(RUSAGE_SELF), start = drv_now(), before = start, after, t;
	uint64_t n = 0;

	fill(buf + HDR, l->len);
	do {
		for (int i = 0; i < 256; i++, n++) {
			if (write(fd, buf, HDR + l->len) < 0)
				fail("write");
			if (l->late) {
				after = drv_now();
				note(l, after - before, 1);
				before = after;
			}
		}
		t = drv_now() - start;
	} while (t < seconds);
	close(fd);
	return (struct result){ .rate = (double)n / t, .cpu_us = (drv_cpu(RUSAGE_SELF) - cpu) / (double)n * 1e6 };
}

static struct result ring_tx(const struct load *l, double seconds)
{
	static uint8_t buf[HDR + 65536];
	int fd = make_tap();
	struct io_uring ring;
	struct io_uring_cqe *cqe;
	double cpu = drv_cpu(RUSAGE_SELF), start = drv_now(), before = start, after, t;
	unsigned int head, done;
	uint64_t n = 0;

	fill(buf + HDR, l->len);
	if (io_uring_queue_init(RING, &ring, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN))
		fail("ring");
	do {
		for (unsigned int i = 0; i < l->depth; i++)
			io_uring_prep_write(io_uring_get_sqe(&ring), fd, buf, (unsigned int)(HDR + l->len), 0);
		if (io_uring_submit_and_wait(&ring, l->depth) < 0)
			fail("submit");
		done = 0;
		io_uring_for_each_cqe(&ring, head, cqe)
			done++;
		io_uring_cq_advance(&ring, done);
		n += done;
		after = drv_now();
		note(l, after - before, done);
		before = after;
		t = after - start;
	} while (t < seconds);
	io_uring_queue_exit(&ring);
	close(fd);
	return (struct result){ .rate = (double)n / t, .cpu_us = (drv_cpu(RUSAGE_SELF) - cpu) / (double)n * 1e6 };
}

/* Sends frames one after the other or many at once, for loads that say how many are under way. */
struct sender {
	int fd;
	uint8_t frame[2048];
	struct sockaddr_ll to;
	struct iovec iov;
	struct mmsghdr m[RING];
};

static void sender_open(struct sender *s, size_t len)
{
	s->to = (struct sockaddr_ll){ .sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex("bench0"), .sll_halen = 6 };
	s->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	s->iov = (struct iovec){ s->frame, len };
	fill(s->frame, len);
	for (unsigned int i = 0; i < RING; i++)
		s->m[i].msg_hdr = (struct msghdr){ .msg_name = &s->to, .msg_namelen = sizeof(s->to), .msg_iov = &s->iov, .msg_iovlen = 1 };
}

static void sender_send(struct sender *s, unsigned int count)
{
	for (int sent; count; count -= (unsigned int)sent) {
		sent = sendmmsg(s->fd, s->m, count, 0);
		if (sent < 0)
			fail("send");
	}
}

/* With the processor time of sending in it, since one program does both. */
static struct result raw_rx_depth(const struct load *l, double seconds)
{
	static uint8_t buf[HDR + 65536];
	static struct sender s;
	int fd = make_tap();
	double cpu = drv_cpu(RUSAGE_SELF), begin = drv_now(), at = begin, after, t;
	uint64_t n = 0;
	ssize_t got;

	sender_open(&s, l->len);
	do {
		sender_send(&s, l->depth);
		for (unsigned int done = 0; done < l->depth;) {
			got = read(fd, buf, sizeof(buf));
			if (got < 0)
				fail("read");
			if (got != (ssize_t)(HDR + l->len))
				continue;
			after = drv_now();
			note(l, after - at, 1);
			done++;
		}
		n += l->depth;
		at = drv_now();
		t = at - begin;
	} while (t < seconds);
	close(s.fd);
	close(fd);
	return (struct result){ .rate = (double)n / t, .cpu_us = (drv_cpu(RUSAGE_SELF) - cpu) / (double)n * 1e6 };
}

static struct result raw_rx(const struct load *l, double seconds)
{
	static uint8_t buf[HDR + 65536];
	int fd = make_tap();
	pid_t gen = generator(l->len);
	double cpu, start, t;
	uint64_t n = 0;

	if (read(fd, buf, sizeof(buf)) < 0)
		fail("read");
	cpu = drv_cpu(RUSAGE_SELF);
	start = drv_now();
	do {
		for (int i = 0; i < 64; i++, n++)
			if (read(fd, buf, sizeof(buf)) < 0)
				fail("read");
		t = drv_now() - start;
	} while (t < seconds);
	cpu = drv_cpu(RUSAGE_SELF) - cpu;
	kill(gen, SIGKILL);
	waitpid(gen, NULL, 0);
	close(fd);
	return (struct result){ .rate = (double)n / t, .cpu_us = cpu / (double)n * 1e6 };
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
	return (struct result){ .rate = (double)n / t, .cpu_us = (drv_cpu(RUSAGE_CHILDREN) - cpu) / (double)n * 1e6 };
}

static struct result our_tx(char *program, const struct load *l, double seconds)
{
	static double begun[RING];
	static struct drv d;
	struct drv_queue *q;
	struct iovec seg;
	double cpu = drv_cpu(RUSAGE_CHILDREN), begin, at, t;
	unsigned int busy = 0;
	uint64_t n = 0;
	uint8_t *buf;
	int head;

	start(&d, program, make_tap());
	drv_queue(&d, 0, RING);
	q = drv_queue(&d, 1, RING);
	buf = drv_alloc(&d, HDR + l->len, 64);
	fill(buf + HDR, l->len);
	memset(buf, 0, HDR);
	seg = (struct iovec){ buf, HDR + l->len };
	begin = at = drv_now();
	do {
		for (; busy < l->depth && (head = drv_add(q, &seg, 1, 0)) >= 0; busy++)
			begun[head] = at;
		drv_kick(q);
		at = drv_now();
		for (; (head = drv_used(q, NULL)) >= 0; n++, busy--)
			note(l, at - begun[head], 1);
		if (busy == l->depth && !drv_wait(q, 2000))
			fail("no completion");
		t = at - begin;
	} while (t < seconds);
	return finish(&d, n, t, cpu);
}

/* The driver's side of a queue that receives, with a buffer in each of its places. */
struct receiver {
	struct drv d;
	struct drv_queue *q;
	uint8_t *buf;
};

static void receiver_fill(struct receiver *r, size_t place)
{
	drv_add(r->q, &(struct iovec){ r->buf + place * RX_SIZE, RX_SIZE }, 0, 1);
}

static void receiver_start(struct receiver *r, char *program)
{
	start(&r->d, program, make_tap());
	r->q = drv_queue(&r->d, 0, RING);
	drv_queue(&r->d, 1, RING);
	r->buf = drv_alloc(&r->d, RING * RX_SIZE, 64);
	for (size_t i = 0; i < RING; i++)
		receiver_fill(r, i);
	drv_kick(r->q);
}

static struct result our_rx(char *program, const struct load *l, double seconds)
{
	static struct receiver r;
	double cpu = drv_cpu(RUSAGE_CHILDREN), begin, t;
	uint64_t n = 0;
	uint32_t got;
	pid_t gen;
	int head;

	receiver_start(&r, program);
	gen = generator(l->len);
	if (!drv_wait(r.q, 2000))
		fail("no frame");
	begin = drv_now();
	do {
		while ((head = drv_used(r.q, &got)) >= 0) {
			n += got == HDR + l->len; /* others are the host's own, IPv6 and the like */
			receiver_fill(&r, (size_t)head);
		}
		drv_kick(r.q);
		if (!drv_wait(r.q, 2000))
			fail("no frame");
		t = drv_now() - begin;
	} while (t < seconds);
	/* the back end first: the generator's processor time must not be in the sum */
	struct result result = finish(&r.d, n, t, cpu);

	kill(gen, SIGKILL);
	waitpid(gen, NULL, 0);
	return result;
}

static struct result our_rx_depth(char *program, const struct load *l, double seconds)
{
	static struct sender s;
	static struct receiver r;
	double cpu = drv_cpu(RUSAGE_CHILDREN), begin, at, t;
	uint64_t n = 0;
	uint32_t got;
	int head;

	receiver_start(&r, program);
	sender_open(&s, l->len);
	begin = at = drv_now();
	do {
		sender_send(&s, l->depth);
		for (unsigned int done = 0; done < l->depth;) {
			t = drv_now();
			while ((head = drv_used(r.q, &got)) >= 0) {
				if (got == HDR + l->len) {
					note(l, t - at, 1);
					done++;
				}
				receiver_fill(&r, (size_t)head);
			}
			drv_kick(r.q);
			if (done < l->depth && !drv_wait(r.q, 2000))
				fail("no frame");
		}
		n += l->depth;
		at = drv_now();
		t = at - begin;
	} while (t < seconds);
	close(s.fd);
	return finish(&r.d, n, t, cpu);
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
	double rate[MAX_ROUNDS], cpu[MAX_ROUNDS], p50[MAX_ROUNDS], p99[MAX_ROUNDS], p999[MAX_ROUNDS];
};

static void keep(struct series *s, int i, struct result r, struct late *late)
{
	late_sort(late);
	s->rate[i] = r.rate;
	s->cpu[i] = r.cpu_us;
	s->p50[i] = late_within(late, 0.5);
	s->p99[i] = late_within(late, 0.99);
	s->p999[i] = late_within(late, 0.999);
	late->n = 0;
}

static double median_ratio(const struct series *a, const struct series *b, int rounds)
{
	double ratio[MAX_ROUNDS] = { 0 };

	for (int i = 0; i < rounds; i++)
		ratio[i] = a->rate[i] / b->rate[i];
	return median(ratio, rounds);
}

/* @ring: what a bare ring did, or NULL */
static void print_median(const char *name, const struct load *l, const char *who, const struct series *s, const struct series *raw,
			 const struct series *ring, int rounds)
{
	printf("%s %5zu depth %3u %-10s %8.0f frames/s  %6.2f us of processor a frame  %.2f times the plain loop", name, l->len, l->depth, who,
	       median(s->rate, rounds), median(s->cpu, rounds), median_ratio(s, raw, rounds));
	if (ring)
		printf("  %.2f of the ring loop", median_ratio(s, ring, rounds));
	if (l->late)
		printf("  within %.1f / %.1f / %.1f us", median(s->p50, rounds), median(s->p99, rounds), median(s->p999, rounds));
	putchar('\n');
	fflush(stdout);
}

/* Interleaved: each round measures all loops one after the other, and its ratios are of that round. */
static void case_of(char *program, bool tx, size_t len, unsigned int depth, int rounds, double seconds)
{
	static struct series raw, ring, ours;
	static struct late late;
	const struct load l = { len, depth ? depth : RING, depth ? &late : NULL };
	const char *name = tx ? "tx" : "rx";

	alarm(CASE_S);
	for (int i = 0; i < rounds; i++) {
		keep(&raw, i, (tx ? raw_tx : depth ? raw_rx_depth : raw_rx)(&l, seconds), &late);
		if (tx)
			keep(&ring, i, ring_tx(&l, seconds), &late);
		keep(&ours, i, (tx ? our_tx : depth ? our_rx_depth : our_rx)(program, &l, seconds), &late);
	}
	print_median(name, &l, "plain loop", &raw, &raw, NULL, rounds);
	if (tx)
		print_median(name, &l, "ring loop", &ring, &raw, NULL, rounds);
	print_median(name, &l, "lguest-net", &ours, &raw, tx ? &ring : NULL, rounds);
}

/* Depth 0: a full ring. Larger frames are sent alone: a tap hands them out when its MTU allows them. */
static const struct {
	bool tx;
	size_t len;
	unsigned int depth;
} cases[] = {
	{ true, 64, 0 }, { true, 1500, 0 }, { false, 64, 0 }, { false, 1500, 0 },
	{ true, 1500, 1 }, { true, 1500, 4 }, { true, 1500, 32 }, { true, 1500, 128 },
	{ true, 64, 32 }, { true, 512, 32 }, { true, 4096, 32 }, { true, 16384, 32 }, { true, 65000, 32 },
	{ false, 1500, 1 }, { false, 1500, 4 }, { false, 1500, 32 }, { false, 1500, 128 },
	{ false, 64, 32 }, { false, 512, 32 },
};

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
	struct load l = { .depth = RING };
	struct result r;

	if (argc - 5 >= MAX_OPTIONS || seconds <= 0 || len < 64 || len > 1500)
		return 2;
	memcpy(options, argv + 5, (size_t)(argc - 5) * sizeof(*argv));
	own_network();
	l.len = (size_t)len;
	if (!strcmp(argv[2], "ring"))
		r = ring_tx(&l, seconds);
	else
		r = (!strcmp(argv[2], "tx") ? our_tx : our_rx)(argv[1], &l, seconds);
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
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		case_of(argv[1], cases[i].tx, cases[i].len, cases[i].depth, rounds, seconds);
	return 0;
}
