// SPDX-License-Identifier: GPL-2.0
/*
 * roles.c: lguest-console and lguest-net as whole programs, sandbox and all, under our own front end. Prints TAP lines.
 *
 *	roles BINDIR [console|net]
 *
 * The network part makes its own namespace and tap (as root, or in a user namespace).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/driver.h"
#include "tests/lib/tap.h"

#define WAIT_MS 5000
#define FEATURES (~(1ull << 30))

static const char *bin;
static struct drv d;
static struct drv_queue *rx, *tx;
static char *out, *in;

/* --- what every role does for its front end --- */

/* A queue is stopped and started again, on the same eventfds; nothing of before may swallow its first kick. */
static bool restart_queue(struct drv_queue *q)
{
	struct vu_fe_vring v = d.fe.vring[q->index];

	return !vu_fe_vring_stop(&d.fe, q->index, &v.base) && !vu_fe_vring_start(&d.fe, q->index, &v);
}

/* More descriptors than a role may hold: each must be closed when the next one takes its place. */
static bool many_descriptors(struct drv_queue *q)
{
	struct vu_fe_region r = { .gpa = 0x900000000ull, .size = 4096, .uaddr = 0x9900000000ull, .fd = d.memfd };

	for (int i = 0; i < 200; i++)
		if (vu_fe_set_call(&d.fe, q->index, q->call) || vu_fe_add_region(&d.fe, &r) ||
		    vu_fe_remove_region(&d.fe, r.gpa))
			return false;
	return true;
}

/* --- console --- */

static char *const *argv_of(const char *program, const char *option, const char *more)
{
	static char path[4096], opt[4096], opt2[64];
	static char *argv[4];

	snprintf(path, sizeof(path), "%s/%s", bin, program);
	snprintf(opt, sizeof(opt), "%s", option);
	argv[0] = path;
	argv[1] = opt;
	snprintf(opt2, sizeof(opt2), "%s", more ? more : "");
	argv[2] = more ? opt2 : NULL;
	return argv;
}

static bool open_console(const char *option)
{
	if (drv_start(&d, argv_of("lguest-console", option, NULL), 1u << 20))
		return false;
	drv_features(&d, FEATURES);
	rx = drv_queue(&d, 0, 16);
	tx = drv_queue(&d, 1, 16);
	out = drv_alloc(&d, 65536, 64);
	in = drv_alloc(&d, 4096, 64);
	return true;
}

static bool print(const char *s, size_t len, int timeout_ms)
{
	memcpy(out, s, len);
	drv_add(tx, &(struct iovec){ out, len }, 1, 0);
	drv_kick(tx);
	return drv_take(tx, NULL, timeout_ms) >= 0;
}

/* Wait for input of the guest. */
static bool typed(const char *s)
{
	uint32_t len;

	drv_add(rx, &(struct iovec){ in, 4096 }, 0, 1);
	drv_kick(rx);
	return drv_take(rx, &len, WAIT_MS) >= 0 && len == strlen(s) && !memcmp(in, s, len);
}

/* Does @s come out of @fd? */
static bool comes(int fd, const char *s)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char buf[4096];
	size_t got = 0;
	ssize_t n;

	while (poll(&p, 1, WAIT_MS) == 1 && got < sizeof(buf) - 1) {
		n = read(fd, buf + got, 1); /* what follows is for the next call */
		if (n <= 0)
			return false;
		got += (size_t)n;
		buf[got] = 0;
		if (strstr(buf, s))
			return true;
	}
	return false;
}

static int exit_status(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void console_file(void)
{
	char path[] = "/tmp/lguest-roles.XXXXXX", opt[64], buf[64] = { 0 };
	int fd = mkstemp(path), status;

	snprintf(opt, sizeof(opt), "--file=%s", path);
	passed(open_console(opt) && print("first\n", 6, WAIT_MS), "console: file: the guest prints");
	passed(restart_queue(rx) && restart_queue(tx) && print("sec", 3, WAIT_MS), "console: queues stopped and started again");
	passed(many_descriptors(tx) && print("ond\n", 4, WAIT_MS), "console: 200 eventfds and 200 regions, one after another");
	status = drv_stop(&d);
	passed(exit_status(status) == 0, "console: file: ends with 0 when the front end hangs up");
	passed(read(fd, buf, sizeof(buf)) == 13 && !strcmp(buf, "first\nsecond\n"), "console: file: all of it is there");
	close(fd);
	unlink(path);
}

static int connect_to(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	if (connect(s, (struct sockaddr *)&a, sizeof(a)))
		perror("connect");
	return s;
}

static void console_unix(void)
{
	char path[64], opt[80];
	bool good = true;

	snprintf(path, sizeof(path), "/tmp/lguest-roles.%d.sock", (int)getpid());
	snprintf(opt, sizeof(opt), "--unix=%s", path);
	good = open_console(opt) && print("to nobody", 9, WAIT_MS);
	passed(good, "console: socket: printing to nobody goes on");
	for (int i = 0; i < 3 && good; i++) {
		int s = connect_to(path);

		good = send(s, "keys", 4, MSG_NOSIGNAL) == 4 && typed("keys") && print("answer", 6, WAIT_MS) && comes(s, "answer");
		close(s);
	}
	passed(good, "console: socket: three peers, one after another");
	drv_stop(&d);
	unlink(path);
}

/* The name is in the one line that the role prints before its sandbox. */
static bool open_pty_console(char *name, size_t size)
{
	int p[2], saved = dup(STDERR_FILENO);
	char line[256] = { 0 }, *at;
	bool good;

	if (pipe(p))
		return false;
	dup2(p[1], STDERR_FILENO);
	good = open_console("--pty");
	dup2(saved, STDERR_FILENO);
	close(p[1]);
	if (!good || read(p[0], line, sizeof(line) - 1) <= 0 || !(at = strstr(line, "/dev/pts/")))
		return false;
	snprintf(name, size, "%.*s", (int)strcspn(at, "\n"), at);
	close(saved);
	return true; /* the read end stays open: the role's later lines must not meet a closed pipe */
}

static void console_pty(void)
{
	struct termios t;
	char name[64];
	int fd;

	if (!passed(open_pty_console(name, sizeof(name)), "console: pty: its name is printed"))
		return;
	fd = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	tcgetattr(fd, &t);
	passed(!(t.c_lflag & (ECHO | ICANON)), "console: pty: does not echo the guest's output back as input");
	passed(print("prompt> ", 8, WAIT_MS) && comes(fd, "prompt> "), "console: pty: output");
	passed(write(fd, "ls\r", 3) == 3 && typed("ls\r"), "console: pty: input");
	close(fd);
	drv_stop(&d);
}

static long rss_kib(pid_t pid)
{
	char path[64], line[256];
	long kib = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "VmRSS: %ld", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib;
}

/* The process that serves: the child's youngest descendant. */
static pid_t role_of(pid_t pid)
{
	char path[64];
	int next;
	FILE *f;

	for (;;) {
		snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
		f = fopen(path, "r");
		if (!f || fscanf(f, "%d", &next) != 1) {
			if (f)
				fclose(f);
			return pid;
		}
		fclose(f);
		pid = next;
	}
}

static int late_fd;
static size_t late_got;

static void *late_reader(void *arg)
{
	struct pollfd p = { .fd = late_fd, .events = POLLIN };
	char buf[4096];
	ssize_t n;

	(void)arg;
	usleep(400000);
	while (poll(&p, 1, 1500) == 1 && (n = read(late_fd, buf, sizeof(buf))) > 0)
		late_got += (size_t)n;
	return NULL;
}

/* A reader that is late, by less than a second, loses nothing: the guest is held up instead. */
static void console_late_reader(void)
{
	static char block[32768];
	char name[64];
	pthread_t t;
	bool good = open_pty_console(name, sizeof(name));

	memset(block, 'x', sizeof(block));
	late_fd = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	pthread_create(&t, NULL, late_reader, NULL);
	for (int i = 0; i < 16 && good; i++)
		good = print(block, sizeof(block), 3000);
	pthread_join(t, NULL);
	passed(good && late_got == 16 * sizeof(block), "console: a late reader loses nothing (%zu of %zu bytes)", late_got,
	   16 * sizeof(block));
	close(late_fd);
	drv_stop(&d);
}

/* Nobody opens the pty: 4 MiB later the role is as small as before, and the guest was held up for seconds at most. */
static void console_stall(void)
{
	static char block[32768];
	char name[64];
	long before, after;
	bool good;

	memset(block, 'x', sizeof(block));
	good = open_pty_console(name, sizeof(name));
	/* More than the role's buffer: what it does when nobody reads has run once, and its code is in memory. */
	for (int i = 0; i < 8 && good; i++)
		good = print(block, sizeof(block), WAIT_MS);
	before = rss_kib(role_of(d.child.pid));
	for (int i = 0; i < 128 && good; i++)
		good = print(block, sizeof(block), 3000);
	after = rss_kib(role_of(d.child.pid));
	passed(good, "console: a reader that stalls holds the guest up for a moment only");
	passed(before > 0 && after > 0 && after - before < 128, "console: and costs no memory (%ld KiB, then %ld KiB)", before, after);
	drv_stop(&d);
}

static char *const *argv_carry(const char *fifo, int memfd)
{
	static char path[4096], file[128], carry[32];
	static char *argv[] = { path, file, carry, NULL };

	snprintf(path, sizeof(path), "%s/lguest-console", bin);
	snprintf(file, sizeof(file), "--file=%s", fifo);
	snprintf(carry, sizeof(carry), "--carry-fd=%d", memfd);
	return argv;
}

static bool start_carrying(const char *fifo, int memfd)
{
	if (drv_start(&d, argv_carry(fifo, memfd), 1u << 20))
		return false;
	drv_features(&d, FEATURES);
	rx = drv_queue(&d, 0, 16);
	tx = drv_queue(&d, 1, 16);
	out = drv_alloc(&d, 65536, 64);
	return true;
}

/*
 * Output that was acknowledged when nobody read it, and the role is killed: the next one shows it. The pipe takes 64 KiB and
 * the role some more. Write k of the test is 1000 times the letter 'a' + k % 26.
 */
static void console_killed_with_output(void)
{
	char dir[] = "/tmp/lguest-roles.XXXXXX", fifo[64], got[1000];
	int memfd = memfd_create("carry", 0), fd, sent = 0, read_back = 0;
	bool good;

	if (!mkdtemp(dir))
		return;
	snprintf(fifo, sizeof(fifo), "%s/out", dir);
	good = !mkfifo(fifo, 0600) && !ftruncate(memfd, 68 << 10);
	fd = open(fifo, O_RDWR | O_NONBLOCK);
	good = good && start_carrying(fifo, memfd);
	for (; good && sent < 110; sent++) {
		memset(got, 'a' + sent % 26, sizeof(got));
		good = print(got, sizeof(got), WAIT_MS);
	}
	passed(good, "console: killed: 110000 bytes are acknowledged that nobody has read");
	drv_kill(&d);
	good = start_carrying(fifo, memfd);
	for (; good && read_back < sent; read_back++) {
		size_t have = 0;
		struct pollfd p = { .fd = fd, .events = POLLIN };

		while (have < sizeof(got) && poll(&p, 1, WAIT_MS) == 1) {
			ssize_t n = read(fd, got + have, sizeof(got) - have);

			have += n > 0 ? (size_t)n : 0;
		}
		good = have == sizeof(got);
		for (size_t i = 0; good && i < have; i++)
			good = got[i] == 'a' + read_back % 26;
	}
	passed(good && read_back == sent, "console: killed: the next process shows all of them, in order (%d of %d)", read_back, sent);
	drv_stop(&d);
	close(fd);
	close(memfd);
	unlink(fifo);
	rmdir(dir);
}

/* --- a terminal: everything below runs in a session of its own on a pty --- */

static int report_fd, go_fd;

static void report(const char *s)
{
	if (write(report_fd, s, strlen(s)) < 0)
		_exit(3);
}

static void in_terminal(const char *how)
{
	int status;
	char go;

	if (!open_console("--stdio"))
		_exit(2);
	report("up\n");
	if (read(go_fd, &go, 1) != 1)
		_exit(3);
	if (!strcmp(how, "resize")) {
		struct pollfd p = { .fd = d.fe.event_fd, .events = POLLIN };
		uint16_t size[2] = { 0 };

		if (poll(&p, 1, WAIT_MS) == 1 && vu_fe_event(&d.fe) == VU_BACKEND_CONFIG_CHANGE_MSG &&
		    !vu_fe_get_config(&d.fe, 0, size, sizeof(size)) && size[0] == 132 && size[1] == 43)
			report("resized\n");
	}
	if (!strcmp(how, "role-killed"))
		kill(role_of(d.child.pid), SIGKILL);
	if (!strcmp(how, "terminated"))
		kill(d.child.pid, SIGTERM);
	if (!strcmp(how, "hang-up") || !strcmp(how, "resize"))
		vu_fe_close(&d.fe);
	waitpid(d.child.pid, &status, 0);
	dprintf(report_fd, "status %d\n", exit_status(status));
	sleep(60); /* the terminal must live until it was looked at */
	_exit(0);
}

static bool raw(int fd)
{
	struct termios t;

	return !tcgetattr(fd, &t) && !(t.c_lflag & (ICANON | ECHO | ISIG));
}

static void console_terminal(const char *how, int wanted)
{
	struct winsize w = { .ws_row = 24, .ws_col = 80 };
	char want[32];
	int master, p[2], go[2];
	bool was_raw;
	pid_t pid;

	snprintf(want, sizeof(want), "status %d\n", wanted);
	if (pipe(p) || pipe(go))
		return;
	pid = forkpty(&master, NULL, NULL, &w);
	if (!pid) {
		report_fd = p[1];
		go_fd = go[0];
		in_terminal(how);
	}
	close(p[1]);
	if (!passed(comes(p[0], "up\n"), "console: terminal, %s: starts", how))
		return;
	was_raw = raw(master);
	if (write(go[1], "g", 1) != 1)
		perror("write");
	if (!strcmp(how, "resize")) {
		w.ws_row = 43;
		w.ws_col = 132;
		ioctl(master, TIOCSWINSZ, &w);
		passed(comes(p[0], "resized\n"), "console: terminal: the guest learns a new window size");
	} else if (!strcmp(how, "interrupts") && write(master, "\x03\x03\x03", 3) != 3) {
		perror("write");
	}
	passed(comes(p[0], want), "console: terminal, %s: exit status %d", how, wanted);
	passed(was_raw && !raw(master), "console: terminal, %s: restored", how);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(master);
	close(p[0]);
	close(go[0]);
	close(go[1]);
}

/* --- net --- */

#define HDR 12u
#define ETHERTYPE 0x88b5

static int make_tap(void)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int fd = open("/dev/net/tun", O_RDWR), s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	strcpy(ifr.ifr_name, "roles0");
	if (fd < 0 || ioctl(fd, TUNSETIFF, &ifr))
		return -1;
	ifr.ifr_flags = IFF_UP | IFF_NOARP;
	ioctl(s, SIOCSIFFLAGS, &ifr);
	close(s);
	return fd;
}

static int packet_socket(void)
{
	struct sockaddr_ll a = { .sll_family = AF_PACKET, .sll_protocol = __builtin_bswap16(ETHERTYPE),
				 .sll_ifindex = (int)if_nametoindex("roles0") };
	int s = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, a.sll_protocol), size = 8 << 20;

	setsockopt(s, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	return s >= 0 && !bind(s, (struct sockaddr *)&a, sizeof(a)) ? s : -1;
}

static void make_frame(uint8_t *f, uint32_t number, size_t len)
{
	memset(f, 0, HDR + len);
	memset(f + HDR, 0xff, 6);
	f[HDR + 6] = 2;
	f[HDR + 12] = ETHERTYPE >> 8;
	f[HDR + 13] = ETHERTYPE & 0xff;
	memcpy(f + HDR + 14, &number, 4);
	memset(f + HDR + 18, (int)number, len - 18);
}

/* Take frames off the wire; count how often each number was seen, and whether all bytes are right. */
static bool collect(int s, uint8_t *seen, uint32_t numbers, size_t len)
{
	uint8_t got[2048], want[2048];
	uint32_t n;
	ssize_t r;

	while ((r = recv(s, got, sizeof(got), MSG_DONTWAIT)) > 0) {
		memcpy(&n, got + 14, 4);
		make_frame(want, n, len);
		if (n >= numbers || (size_t)r != len || memcmp(got, want + HDR, len))
			return false;
		if (seen[n] < 255)
			seen[n]++;
	}
	return true;
}

static bool open_net(int tap)
{
	char opt[32];

	snprintf(opt, sizeof(opt), "--tap-fd=%d", tap);
	/* A bound that is not felt: the bucket and its ticks take part, and are missed when the seal lacks them (mutants.sh). */
	if (drv_start(&d, argv_of("lguest-net", opt, "--pps=1000000"), 4u << 20))
		return false;
	drv_features(&d, 1ull << 32 | 1ull << 29 | 1ull << 28 | 1ull << 15);
	if (vu_fe_inflight(&d.fe, 2, 256))
		return false;
	rx = drv_queue(&d, 0, 256);
	tx = drv_queue(&d, 1, 256);
	return true;
}

/* Frames are numbered; kill -9 comes in the middle. Each completion is taken once (the driver checks), each frame seen. */
static void net_kill(int wire, unsigned int kills)
{
	const uint32_t per_life = 2000, numbers = per_life * kills;
	uint8_t *seen = calloc(1, numbers), *frames = drv_alloc(&d, 256 * 1024, 64);
	uint32_t sent = 0, taken = 0, missing = 0;
	uint32_t slot_of[256];
	uint32_t free_slot[256], nfree = 256;
	bool good = true;
	int head;

	for (uint32_t i = 0; i < 256; i++)
		free_slot[i] = i;
	while (taken < numbers && good) {
		while (sent < numbers && nfree) {
			uint32_t slot = free_slot[nfree - 1];
			uint8_t *f = frames + slot * 1024;

			make_frame(f, sent, 300);
			head = drv_add(tx, &(struct iovec){ f, HDR + 300 }, 1, 0);
			if (head < 0)
				break;
			slot_of[head] = slot;
			nfree--;
			sent++;
			if (sent % per_life == per_life / 2) {
				drv_kick(tx);
				drv_kill(&d);
				good = !drv_restart(&d);
			}
		}
		drv_kick(tx);
		head = drv_take(tx, NULL, WAIT_MS);
		if (head < 0)
			good = false;
		for (; head >= 0; head = drv_used(tx, NULL)) {
			free_slot[nfree++] = slot_of[head];
			taken++;
		}
		good = collect(wire, seen, numbers, 300) && good;
	}
	usleep(100000);
	good = collect(wire, seen, numbers, 300) && good;
	for (uint32_t i = 0; i < numbers; i++)
		missing += !seen[i];
	passed(good && taken == numbers, "net: %u frames through %u processes killed with -9", numbers, kills);
	passed(!missing, "net: no acknowledged frame is missing (%u are)", missing);
	free(seen);
}

/* Frames that are too large to be copied whole: the rest of each comes out of the guest's memory. */
static void net_large(int wire)
{
	enum { FRAMES = 200, LEN = 2000 };
	uint8_t *frame = drv_alloc(&d, HDR + LEN, 64), seen[FRAMES] = { 0 };
	struct pollfd p = { .fd = wire, .events = POLLIN };
	bool good = true;

	for (uint32_t i = 0; i < FRAMES && good; i++) {
		make_frame(frame, i, LEN);
		good = drv_add(tx, &(struct iovec){ frame, HDR + LEN }, 1, 0) >= 0;
		drv_kick(tx);
		good = good && drv_take(tx, NULL, WAIT_MS) >= 0;
		while (good && !seen[i])
			good = poll(&p, 1, WAIT_MS) == 1 && collect(wire, seen, FRAMES, LEN);
	}
	passed(good, "net: 200 frames of 2000 bytes, sent in two pieces");
}

static void net_receive(int wire)
{
	struct sockaddr_ll a = { .sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex("roles0"), .sll_halen = 6 };
	uint8_t frame[HDR + 300], *bufs = drv_alloc(&d, 256 * 1024, 64);
	bool good = true;
	uint32_t len;
	int head;

	for (uint32_t i = 0; i < 256; i++)
		drv_add(rx, &(struct iovec){ bufs + i * 1024, 1024 }, 0, 1);
	drv_kick(rx);
	for (uint32_t i = 0; i < 1000 && good; i++) {
		make_frame(frame, i, 300);
		good = sendto(wire, frame + HDR, 300, 0, (struct sockaddr *)&a, sizeof(a)) == 300;
		/* the host's own chatter (IPv6) comes too */
		do {
			head = drv_take(rx, &len, WAIT_MS);
			good = good && head >= 0;
			if (!good)
				break;
			frame[10] = 1; /* num_buffers */
			bool ours = len == HDR + 300 && !memcmp(bufs + head * 1024, frame, HDR + 300);

			drv_add(rx, &(struct iovec){ bufs + head * 1024, 1024 }, 0, 1);
			drv_kick(rx);
			if (ours)
				break;
		} while (1);
	}
	passed(good, "net: 1000 frames received, bytes and header right");
}

static void net(void)
{
	int tap, wire, status;

	if (unshare(geteuid() ? CLONE_NEWUSER | CLONE_NEWNET : CLONE_NEWNET) || (tap = make_tap()) < 0 ||
	    (wire = packet_socket()) < 0) {
		passed(false, "net: namespace, tap and packet socket: %s", strerror(errno));
		return;
	}
	if (!passed(open_net(tap), "net: starts on an inherited tap"))
		return;
	net_receive(wire);
	net_large(wire);
	passed(restart_queue(rx) && restart_queue(tx), "net: queues stopped and started again");
	passed(many_descriptors(tx), "net: 200 eventfds and 200 regions, one after another");
	net_kill(wire, 20);
	status = drv_stop(&d);
	passed(exit_status(status) == 0, "net: ends with 0 when the front end hangs up");
}

static void console(void)
{
	console_file();
	console_unix();
	console_pty();
	console_late_reader();
	console_stall();
	console_killed_with_output();
	console_terminal("hang-up", 0);
	console_terminal("interrupts", 4);
	console_terminal("role-killed", 128 + SIGKILL);
	console_terminal("terminated", 128 + SIGTERM);
	console_terminal("resize", 0);
}

int main(int argc, char **argv)
{
	if (argc < 2 || argc > 3) {
		fprintf(stderr, "usage: roles BINDIR [console|net]\n");
		return 2;
	}
	bin = argv[1];
	if (argc == 2 || !strcmp(argv[2], "console"))
		console();
	if (argc == 2 || !strcmp(argv[2], "net"))
		net();
	return tap_failed != 0;
}
