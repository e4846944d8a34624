// SPDX-License-Identifier: GPL-2.0
/*
 * peer.c: a hostile vhost-user back end, in the place of a role or of a foreign one, for the group hostile-peers. It answers every question well,
 * serves no ring, and does one evil thing, which the file "mode" beside it (or --mode=) names, with a number behind it:
 *
 *	none		nothing
 *	flood		says that its configuration changed, as often as its socket takes it
 *	slow MS		takes so long for each answer once features are set
 *	slowbeat MS	takes so long for each question about its health
 *	errfd		makes the error eventfd blocking, writes there and takes it back, again and again
 *	fullkick	makes the kick eventfd blocking and full
 *	fdleak		a message that never becomes whole, with eight descriptors
 *	drainleak	gives its drain pipe away wherever a descriptor may go, and is not served until it is closed there
 *	linger		gives away connections whose last close waits for a minute
 *	urgent		the same, each with an urgent byte, and something else behind it
 *	silent		answers nothing at all
 *	refuse N	refuses request N (enum vu_request)
 *
 * then-MODE: harmless in its first life, MODE in all later ones.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "core/layout.h"
#include "ipc/vhost_user.h"
#include "tests/lib/give.h"

static char mode[32] = "none";
static unsigned int number;
static struct vu_chan chan, own;
static int err_fd = -1, kick_fd = -1, drain_fd = -1;
static bool up;

static bool is(const char *name) { return !strcmp(mode, name); }

static void pause_ms(unsigned int ms)
{
	poll(NULL, 0, (int)ms);
}

static void blocking(int fd)
{
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
}

/* --- evil that goes on beside the answers --- */

static void flood(void)
{
	const uint32_t change[3] = { VU_BACKEND_CONFIG_CHANGE_MSG, VU_VERSION, 0 };
	uint32_t many[16][3];

	for (unsigned int i = 0; i < 16; i++)
		memcpy(many[i], change, sizeof(change));
	while (send(own.fd, many, sizeof(many), MSG_NOSIGNAL) > 0)
		;
}

/*
 * The reader polls, then reads: between the two the counter is taken back, by a read that does not wait although the file is blocking now. Spun,
 * since a sleep is too long for that; each time a little longer or shorter, until it fits. Nothing comes back when the reader was first.
 */
static void hammer(void)
{
	const uint64_t one = 1;
	struct iovec iov = { &(uint64_t){ 0 }, sizeof(uint64_t) };
	unsigned long spin = 20000;

	blocking(err_fd);
	for (;;) {
		if (write(err_fd, &one, sizeof(one)) < 0)
			return;
		for (volatile unsigned long i = 0; i < spin; i++)
			;
		spin = preadv2(err_fd, &iov, 1, -1, RWF_NOWAIT) > 0 ? spin + spin / 20 + 50 : spin - spin / 20;
		if (spin < 500 || spin > 1000000)
			spin = 20000;
		pause_ms(1);
	}
}

static void fill_kick(void)
{
	const uint64_t full = UINT64_MAX - 1;
	uint64_t back;

	for (;;) {
		fcntl(kick_fd, F_SETFL, O_NONBLOCK);
		while (read(kick_fd, &back, sizeof(back)) > 0 || write(kick_fd, &full, sizeof(full)) < 0)
			;
		blocking(kick_fd);
		pause_ms(10000);
	}
}

/* @bytes: a part of a message, or all of it */
static void send_fds(int socket, int fd, unsigned int n, size_t bytes)
{
	uint32_t change[3] = { VU_BACKEND_CONFIG_CHANGE_MSG, VU_VERSION, 0 };

	send_with(socket, change, bytes, fd, n, 0);
}

static void give_lingering(void)
{
	int c = lingering(NULL);

	send_fds(own.fd, c, 1, 12);
	close(c);
	pause_ms(500);
	c = lingering(NULL);
	send_fds(chan.fd, c, 1, 12);
	close(c);
}

static void give_urgently(int socket)
{
	uint32_t change[3] = { VU_BACKEND_CONFIG_CHANGE_MSG, VU_VERSION, 0 };
	int c = lingering(NULL);

	send_with(socket, change, 1, c, 1, MSG_OOB);
	send(socket, change, sizeof(change), MSG_NOSIGNAL);
	close(c);
}

static void *evil(void *arg)
{
	pause_ms(1000);
	if (is("flood"))
		flood();
	if (is("errfd"))
		hammer();
	if (is("fullkick"))
		fill_kick();
	if (is("linger"))
		give_lingering();
	if (is("urgent")) {
		give_urgently(own.fd);
		pause_ms(500);
		give_urgently(chan.fd);
	}
	return arg;
}

/* --- answers --- */

static void answer_config(struct vu_msg *m)
{
	static uint64_t generation = 2048;

	if (m->u.config.size > 60) {
		m->u.config.size = 0;
		m->size = 12;
		return;
	}
	generation++;
	memset(m->u.config.data, 0, sizeof(m->u.config.data));
	memcpy(m->u.config.data, &generation, sizeof(generation));
	m->size = 12 + m->u.config.size;
}

static void answer_inflight(struct vu_msg *m)
{
	m->fd[0] = is("drainleak") ? drain_fd : memfd_create("record", MFD_CLOEXEC);
	m->nfds = 1;
	m->u.inflight.size = 65536;
	m->size = sizeof(m->u.inflight);
	if (!is("drainleak") && ftruncate(m->fd[0], 65536))
		exit(1);
}

/* Return: does this message have an answer of its own? */
static bool answer(struct vu_msg *m)
{
	m->nfds = 0;
	switch (m->request) {
	case VU_GET_FEATURES:
		m->u.u64 = VU_F_PROTOCOL_FEATURES | 1ull << 32 | 1ull << 28 | 1ull << 29;
		break;
	case VU_GET_PROTOCOL_FEATURES:
		m->u.u64 = VU_P_MQ | VU_P_REPLY_ACK | VU_P_BACKEND_REQ | VU_P_CONFIG | VU_P_INFLIGHT_SHMFD | VU_P_RESET_DEVICE |
			   VU_P_CONFIGURE_MEM_SLOTS | VU_P_STATUS;
		break;
	case VU_GET_QUEUE_NUM: m->u.u64 = 16; break;
	case VU_GET_MAX_MEM_SLOTS: m->u.u64 = 32; break;
	case VU_GET_STATUS: m->u.u64 = 0; break;
	case VU_GET_VRING_BASE: m->u.state.num = 0; return true;
	case VU_GET_CONFIG: answer_config(m); return true;
	case VU_GET_INFLIGHT_FD: answer_inflight(m); return true;
	default: return false;
	}
	m->size = 8;
	return true;
}

static void take_fds(const struct vu_msg *m)
{
	if (m->request == VU_SET_BACKEND_REQ_FD) {
		vu_chan_init(&own, m->fd[0], &vu_io_plain, NULL);
		for (unsigned int i = 0; is("fdleak") && i < 1; i++)
			send_fds(own.fd, STDERR_FILENO, 8, 1);
		if (is("drainleak"))
			send_fds(own.fd, drain_fd, 8, 1);
	} else if (m->request == VU_SET_VRING_ERR) {
		err_fd = m->fd[0];
	} else if (m->request == VU_SET_VRING_KICK) {
		if ((m->u.u64 & VU_RING_INDEX) == 0)
			kick_fd = m->fd[0];
	} else {
		for (unsigned int i = 0; i < m->nfds; i++)
			close(m->fd[i]);
	}
}

static void handle(struct vu_msg *m)
{
	bool asks = m->flags & VU_NEED_REPLY;
	pthread_t t;

	take_fds(m);
	if (m->request == VU_SET_STATUS && m->u.u64 & 4 && !up) {
		up = true;
		pthread_create(&t, NULL, evil, NULL);
	}
	if (is("slow") && m->request >= VU_SET_VRING_NUM && m->request != VU_GET_CONFIG && m->request <= VU_SET_VRING_ENABLE &&
	    m->request != VU_GET_PROTOCOL_FEATURES && m->request != VU_SET_PROTOCOL_FEATURES && m->request != VU_GET_QUEUE_NUM)
		pause_ms(number);
	if (is("slowbeat") && m->request == VU_GET_STATUS)
		pause_ms(number);
	if (is("silent"))
		return;
	m->flags = VU_REPLY;
	if (!answer(m)) {
		if (!asks)
			return;
		m->size = 8;
		m->u.u64 = is("refuse") && m->request == number;
	}
	if (vu_send(&chan, m))
		exit(0);
}

static int serve(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct vu_msg m;
	int r;

	vu_chan_init(&chan, fd, &vu_io_plain, NULL);
	for (;;) {
		poll(&p, 1, -1);
		while ((r = vu_recv(&chan, &m)) > 0)
			handle(&m);
		if (r < 0)
			return 0;
	}
}

static int listen_at(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strncpy(a.sun_path, path, sizeof(a.sun_path) - 1);
	if (bind(s, (struct sockaddr *)&a, sizeof(a)) || listen(s, 1)) {
		perror(path);
		exit(1);
	}
	return accept4(s, NULL, NULL, SOCK_CLOEXEC);
}

static void read_mode(void)
{
	char path[4096 + 8];
	ssize_t n = readlink("/proc/self/exe", path, 4096);
	FILE *f;

	path[n < 0 ? 0 : n] = '\0';
	strcpy(strrchr(path, '/') + 1, "mode");
	f = fopen(path, "re");
	if (f && fscanf(f, "%31s %u", mode, &number) < 1)
		strcpy(mode, "none");
	if (f)
		fclose(f);
	if (strncmp(mode, "then-", 5))
		return;
	memmove(mode, mode + 5, strlen(mode + 5) + 1);
	strcpy(strrchr(path, '/') + 1, "lived");
	if (close(open(path, O_CREAT | O_EXCL | O_WRONLY, 0600)) == 0)
		strcpy(mode, "none");
}

int main(int argc, char **argv)
{
	int fd = -1;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	read_mode();
	for (int i = 1; i < argc; i++) {
		if (!strncmp(argv[i], "--fd=", 5))
			fd = atoi(argv[i] + 5);
		else if (!strncmp(argv[i], "--mode=", 7) && sscanf(argv[i] + 7, "%31[^,],%u", mode, &number) < 1)
			return 2;
		else if (!strncmp(argv[i], "--drain-fd=", 11))
			drain_fd = atoi(argv[i] + 11);
		else if (!strncmp(argv[i], "--listen=", 9))
			fd = listen_at(argv[i] + 9);
	}
	return fd < 0 ? 2 : serve(fd);
}
