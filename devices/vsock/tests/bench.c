// SPDX-License-Identifier: GPL-2.0
/*
 * bench.c: how much lguest-vsock moves between a program of the host and a guest that is played, and how long a message and its answer take;
 * or the same between two programs with a socket pair, which is what the machine allows.
 *
 *	bench-vsock LGUEST-VSOCK|raw out|in|echo SIZE SECONDS
 *
 * out: from the guest to the host, in messages of SIZE bytes; in: the other way; echo: the host's message, and the guest's answer to it. Prints messages a
 * second, processor time of lguest-vsock a message in microseconds (0: raw), and in how many microseconds 50, 99 and 99.9 per cent of echoes were over.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/virtio_vsock.h>

#include "tests/bench/late.h"
#include "tests/lib/driver.h"

#define QUEUE 64u
#define RX_SIZE 4096u		/* as Linux's driver gives */
#define LARGEST 65536u
#define ALLOC (256u << 10)	/* Linux's default */
#define CID 3u
#define PORT 1000u
#define WAIT_MS 5000

static struct late late;
static uint8_t text[LARGEST];

static void __attribute__((noreturn)) fail(const char *what)
{
	fprintf(stderr, "bench-vsock: %s: %s\n", what, strerror(errno));
	exit(1);
}

static bool move_all(int fd, size_t n, bool out)
{
	for (ssize_t r; n; n -= (size_t)r) {
		r = out ? write(fd, text, n) : read(fd, text, n);
		if (r <= 0)
			return false;
	}
	return true;
}

/* A program that takes all that comes, sends without an end, or answers each message, until it is ended or hung up on. */
static pid_t program(int fd, const char *what, size_t size)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	dup2(fd, 3);
	close_range(4, ~0u, 0);		/* a copy of the role's socket would keep it from seeing the end */
	fd = 3;
	if (!strcmp(what, "out"))
		while (read(fd, text, sizeof(text)) > 0)
			;
	else if (!strcmp(what, "in"))
		while (move_all(fd, size, true))
			;
	else
		while (move_all(fd, size, false) && move_all(fd, size, true))
			;
	_exit(0);
}

static void print(double messages, double seconds, double cpu)
{
	late_sort(&late);
	printf("%.1f %.3f %.1f %.1f %.1f\n", messages / seconds, cpu / messages * 1e6, late_within(&late, 0.5), late_within(&late, 0.99), late_within(&late, 0.999));
}

static void raw(const char *what, size_t size, double seconds)
{
	double begin, at, t;
	uint64_t n = 0;
	pid_t pid;
	int s[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s))
		fail("socketpair");
	pid = program(s[1], what, size);
	close(s[1]);
	begin = at = drv_now();
	do {
		if ((strcmp(what, "in") && !move_all(s[0], size, true)) || (strcmp(what, "out") && !move_all(s[0], size, false)))
			fail("the other program is gone");
		t = drv_now();
		late_note(&late, t - at);
		at = t;
		n++;
	} while (t - begin < seconds);
	if (strcmp(what, "echo"))
		late.n = 0;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(s[0]);
	print((double)n, at - begin, 0);
}

/* --- the guest --- */

/* @sent, @peer_alloc, @peer_forwarded: the credit that the role has given; @forwarded, @told: what it has from us */
struct guest {
	struct drv d;
	struct drv_queue *rx, *tx;
	uint8_t *rx_buf, *tx_buf[QUEUE];
	unsigned int free_n, free[QUEUE], slot_of[QUEUE];
	uint32_t port, sent, peer_alloc, peer_forwarded, forwarded, told;
	unsigned int last_op;
};

static void reap(struct guest *g)
{
	for (int head; (head = drv_used(g->tx, NULL)) >= 0;)
		g->free[g->free_n++] = g->slot_of[head];
}

static void send_packet(struct guest *g, uint16_t op, uint32_t len)
{
	struct virtio_vsock_hdr h = { .src_cid = CID, .dst_cid = 2, .src_port = PORT, .dst_port = g->port, .len = len, .type = VIRTIO_VSOCK_TYPE_STREAM,
				      .op = op, .buf_alloc = ALLOC, .fwd_cnt = g->forwarded };
	unsigned int slot;

	while (!g->free_n) {
		reap(g);
		if (!g->free_n && !drv_wait(g->tx, WAIT_MS))
			fail("the guest's packets are not taken");
	}
	slot = g->free[--g->free_n];
	memcpy(g->tx_buf[slot], &h, sizeof(h));
	g->slot_of[drv_add(g->tx, &(struct iovec){ g->tx_buf[slot], sizeof(h) + len }, 1, 0)] = slot;
	g->told = g->forwarded;
	g->sent += len;
	drv_kick(g->tx);
}

/* All packets that have come. */
static void receive(struct guest *g)
{
	const struct virtio_vsock_hdr *h;
	int head;

	while ((head = drv_used(g->rx, NULL)) >= 0) {
		h = (const struct virtio_vsock_hdr *)(g->rx_buf + (size_t)head * RX_SIZE);
		g->last_op = h->op;
		g->port = h->src_port;
		g->peer_alloc = h->buf_alloc;
		g->peer_forwarded = h->fwd_cnt;
		g->forwarded += h->len;
		if (h->op == VIRTIO_VSOCK_OP_RST || h->op == VIRTIO_VSOCK_OP_SHUTDOWN)
			fail("the connection has ended");
		drv_add(g->rx, &(struct iovec){ g->rx_buf + (size_t)head * RX_SIZE, RX_SIZE }, 0, 1);
	}
	drv_kick(g->rx);
	if (g->forwarded - g->told >= ALLOC / 4)
		send_packet(g, VIRTIO_VSOCK_OP_CREDIT_UPDATE, 0);
}

static void receive_more(struct guest *g)
{
	if (!drv_wait(g->rx, WAIT_MS))
		fail("nothing comes");
	receive(g);
}

static void open_guest(struct guest *g, char *path, char *unix_option)
{
	char *argv[] = { path, unix_option, NULL };

	if (drv_start(&g->d, argv, 8u << 20))
		fail("start");
	drv_features(&g->d, 1ull << 32 | 1ull << 29 | 1ull << 28);
	g->rx = drv_queue(&g->d, 0, QUEUE);
	g->tx = drv_queue(&g->d, 1, QUEUE);
	drv_queue(&g->d, 2, QUEUE);
	g->rx_buf = drv_alloc(&g->d, QUEUE * RX_SIZE, RX_SIZE);
	for (unsigned int i = 0; i < QUEUE; i++) {
		drv_add(g->rx, &(struct iovec){ g->rx_buf + (size_t)i * RX_SIZE, RX_SIZE }, 0, 1);
		g->tx_buf[i] = drv_alloc(&g->d, sizeof(struct virtio_vsock_hdr) + LARGEST, 64);
		g->free[g->free_n++] = i;
	}
	drv_kick(g->rx);
}

/* A program of the host connects to the guest. */
static int connect_host(struct guest *g, const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char c = 0;

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) || write(fd, "CONNECT 1000\n", 13) != 13)
		fail("connect");
	while (g->last_op != VIRTIO_VSOCK_OP_REQUEST)
		receive_more(g);
	send_packet(g, VIRTIO_VSOCK_OP_RESPONSE, 0);
	while (c != '\n')
		if (read(fd, &c, 1) != 1)
			fail("the guest is not reached");
	return fd;
}

static uint64_t stream(struct guest *g, const char *what, size_t size, double end)
{
	uint64_t n = 0, bytes;
	uint32_t first = g->forwarded;

	if (!strcmp(what, "in")) {
		for (bytes = 0; drv_now() < end; first = g->forwarded) {
			receive_more(g);
			bytes += g->forwarded - first;
		}
		return bytes / size;
	}
	for (; drv_now() < end; n++) {
		receive(g);
		while (g->peer_alloc - (g->sent - g->peer_forwarded) < size)
			receive_more(g);
		reap(g);
		send_packet(g, VIRTIO_VSOCK_OP_RW, (uint32_t)size);
	}
	return n;
}

static uint64_t echo(struct guest *g, int fd, size_t size, double end)
{
	double at = drv_now(), t;
	uint64_t n = 0;

	for (; at < end; n++) {
		uint32_t first = g->forwarded;

		if (!move_all(fd, size, true))
			fail("write");
		while (g->forwarded - first < size)
			receive_more(g);
		reap(g);
		send_packet(g, VIRTIO_VSOCK_OP_RW, (uint32_t)size);
		if (!move_all(fd, size, false))
			fail("read");
		t = drv_now();
		late_note(&late, t - at);
		at = t;
	}
	return n;
}

static void through_role(char *path, const char *what, size_t size, double seconds)
{
	char folder[] = "/tmp/bench-vsock-XXXXXX", option[64];
	static struct guest g;
	double cpu = drv_cpu(RUSAGE_CHILDREN), begin, t;
	uint64_t n;
	pid_t pid = 0;
	int fd;

	if (!mkdtemp(folder))
		fail(folder);
	snprintf(option, sizeof(option), "--unix=%s/s", folder);
	open_guest(&g, path, option);
	fd = connect_host(&g, option + strlen("--unix="));
	begin = drv_now();
	if (strcmp(what, "echo"))
		pid = program(fd, what, size);
	n = pid ? stream(&g, what, size, begin + seconds) : echo(&g, fd, size, begin + seconds);
	t = drv_now() - begin;
	close(fd);
	drv_stop(&g.d);		/* before the program is waited for: its processor time is not in the sum */
	cpu = drv_cpu(RUSAGE_CHILDREN) - cpu;
	if (pid) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	unlink(option + strlen("--unix="));
	rmdir(folder);
	print((double)n, t, cpu);
}

int main(int argc, char **argv)
{
	size_t size = argc == 5 ? (size_t)atoi(argv[3]) : 0;
	double seconds = argc == 5 ? atof(argv[4]) : 0;

	if (!size || size > LARGEST || seconds <= 0 || (strcmp(argv[2], "out") && strcmp(argv[2], "in") && strcmp(argv[2], "echo"))) {
		fprintf(stderr, "usage: bench-vsock LGUEST-VSOCK|raw out|in|echo SIZE SECONDS\n");
		return 2;
	}
	if (!strcmp(argv[1], "raw"))
		raw(argv[2], size, seconds);
	else
		through_role(argv[1], argv[2], size, seconds);
	return 0;
}
