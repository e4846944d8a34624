// SPDX-License-Identifier: GPL-2.0
/*
 * peer.c: both ends of the tests of lguest-vsock, one static program.
 *
 *	peer guest		in the guest: serves port 1000 (struct order), until it is told to end
 *	peer host PATH ROLE HELPER	in the test host: connects by PATH as any program would, and prints TAP; the commands kill
 *				lguest-vsock and its helper
 *
 * What is sent is a sequence of numbers that the other end knows too, so every byte is compared.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <linux/vm_sockets.h>

#include "tests/lib/tap.h"

#define PORT 1000u
#define HOST_PORT 2000u
#define BIG (64ull << 20)

/* What the host asks of a connection: take, or send, so many bytes; send back what comes; connect to the host; end. */
enum { TAKE = 1, SEND, ECHO, DIAL, END };
struct order {
	uint32_t what;
	uint32_t port;
	uint64_t count;
};

static uint64_t state;

static void fill(uint8_t *buf, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		state = state * 6364136223846793005ull + 1442695040888963407ull;
		buf[i] = (uint8_t)(state >> 56);
	}
}

static int write_all(int fd, const void *buf, size_t n)
{
	for (const char *p = buf; n;) {
		ssize_t w = write(fd, p, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			return -1;
		p += w;
		n -= (size_t)w;
	}
	return 0;
}

static int read_all(int fd, void *buf, size_t n)
{
	for (char *p = buf; n;) {
		ssize_t r = read(fd, p, n);

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return -1;
		p += r;
		n -= (size_t)r;
	}
	return 0;
}

static int send_numbers(int fd, uint64_t count)
{
	static uint8_t buf[65536];

	state = count;
	for (uint64_t n; count; count -= n) {
		n = count < sizeof(buf) ? count : sizeof(buf);
		fill(buf, n);
		if (write_all(fd, buf, n))
			return -1;
	}
	return 0;
}

/* Return: 0 = all came, and each byte as it should be. */
static int take_numbers(int fd, uint64_t count)
{
	static uint8_t buf[65536], want[65536];

	state = count;
	for (uint64_t n; count; count -= n) {
		n = count < sizeof(buf) ? count : sizeof(buf);
		fill(want, n);
		if (read_all(fd, buf, n))
			return -1;
		if (memcmp(buf, want, n))
			return -2;
	}
	return 0;
}

/* --- in the guest --- */

static int dial(uint32_t port)
{
	struct sockaddr_vm a = { .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_HOST, .svm_port = port };
	int fd = socket(AF_VSOCK, SOCK_STREAM, 0);

	if (!connect(fd, (struct sockaddr *)&a, sizeof(a)))
		return fd;
	close(fd);
	return -1;
}

/* Return: how many of @count connections to the host's port brought back what was sent. */
static uint32_t dial_often(uint32_t port, uint64_t count)
{
	uint32_t good = 0;

	for (uint64_t i = 0; i < count; i++) {
		uint64_t back = 0;
		int fd = dial(port);

		if (fd < 0)
			continue;
		good += !write_all(fd, &i, sizeof(i)) && !read_all(fd, &back, sizeof(back)) && back == i;
		close(fd);
	}
	return good;
}

static void echo(int fd)
{
	static char buf[65536];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		if (write_all(fd, buf, (size_t)n))
			break;
}

static void obey(int fd, pid_t parent)
{
	struct order o;
	int32_t result;

	if (read_all(fd, &o, sizeof(o)))
		_exit(0);
	if (o.what == TAKE) {
		result = take_numbers(fd, o.count);
		write_all(fd, &result, sizeof(result));
	} else if (o.what == SEND) {
		send_numbers(fd, o.count);
	} else if (o.what == ECHO) {
		echo(fd);
	} else if (o.what == DIAL) {
		result = (int32_t)dial_often(o.port, o.count);
		write_all(fd, &result, sizeof(result));
	} else if (o.what == END) {
		kill(parent, SIGTERM);
	}
	_exit(0);
}

static int guest(void)
{
	struct sockaddr_vm a = { .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY, .svm_port = PORT };
	int fd = socket(AF_VSOCK, SOCK_STREAM, 0), conn;
	pid_t self = getpid();

	signal(SIGCHLD, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 128)) {
		perror("vsock in the guest");
		return 90;
	}
	puts("peer: listening");
	fflush(stdout);
	for (;;) {
		conn = accept(fd, NULL, NULL);
		if (conn < 0)
			continue;
		if (!fork()) {
			close(fd);
			obey(conn, self);
		}
		close(conn);
	}
}

/* --- on the host --- */

static const char *path;
static int plain(const char *to)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	const struct timeval limit = { .tv_sec = 60 };

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", to);
	if (!connect(fd, (struct sockaddr *)&a, sizeof(a)))
		return fd;
	close(fd);
	return -1;
}

/* Connect to a port of the guest's. Return: the connection, or -1 when it was refused. */
static int by_port(uint32_t port)
{
	char line[64];
	int fd = plain(path), n = snprintf(line, sizeof(line), "CONNECT %u\n", port);

	if (fd < 0 || write_all(fd, line, (size_t)n))
		return -1;
	for (n = 0; n < 63 && read(fd, line + n, 1) == 1 && line[n] != '\n'; n++)
		;
	if (n > 3 && !strncmp(line, "OK ", 3))
		return fd;
	close(fd);
	return -1;
}

static int ask(uint32_t what, uint32_t port, uint64_t count)
{
	struct order o = { what, port, count };
	int fd = by_port(PORT);

	if (fd >= 0 && write_all(fd, &o, sizeof(o))) {
		close(fd);
		return -1;
	}
	return fd;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void big(void)
{
	int fd = ask(TAKE, 0, BIG);
	int32_t result = -3;
	double began = now();

	passed(fd >= 0 && !send_numbers(fd, BIG) && !read_all(fd, &result, sizeof(result)) && !result, "%s", "64 MiB to the guest, every byte as it was");
	printf("# %.1f s\n", now() - began);
	close(fd);
	began = now();
	fd = ask(SEND, 0, BIG);
	passed(fd >= 0 && !take_numbers(fd, BIG) && read(fd, &result, 1) == 0, "%s", "64 MiB from the guest, every byte as it was, and its end");
	printf("# %.1f s\n", now() - began);
	close(fd);
}

static size_t first_difference(const char *a, const char *b, size_t n)
{
	size_t i = 0;

	while (i < n && a[i] == b[i])
		i++;
	return i;
}

/* The host says that it has sent all, and still hears the guest. */
static void half(void)
{
	static char buf[200000], back[200000];
	int fd = ask(ECHO, 0, 0), good;

	memset(buf, 'x', sizeof(buf));
	if (!fork()) {
		write_all(fd, buf, sizeof(buf));
		shutdown(fd, SHUT_WR);
		_exit(0);
	}
	good = fd >= 0 && !read_all(fd, back, sizeof(back)) && !memcmp(buf, back, sizeof(buf));
	passed(good && read(fd, back, 1) == 0, "%s", "an end in one direction leaves the other open");
	if (!good)
		printf("# the first difference is at %zu of %zu: %s\n", first_difference(buf, back, sizeof(buf)), sizeof(buf), strerror(errno));
	close(fd);
	wait(NULL);
}

static void often(unsigned int count)
{
	unsigned int good = 0;
	char what[80];

	for (unsigned int i = 0; i < count; i++) {
		unsigned int back = ~i;
		int fd = ask(ECHO, 0, 0);

		good += fd >= 0 && !write_all(fd, &i, sizeof(i)) && !read_all(fd, &back, sizeof(back)) && back == i;
		close(fd);
	}
	snprintf(what, sizeof(what), "%u of %u connections from the host", good, count);
	passed(good == count, "%s", what);
}

/* Whoever the guest connects to sends back what comes. */
static pid_t serve(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), conn;
	pid_t pid;

	snprintf(a.sun_path, sizeof(a.sun_path), "%s_%u", path, HOST_PORT);
	unlink(a.sun_path);
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 16))
		return -1;
	pid = fork();
	if (!pid) {
		for (;;) {
			conn = accept(fd, NULL, NULL);
			echo(conn);
			close(conn);
		}
	}
	close(fd);
	return pid;
}

static void from_guest(uint64_t count)
{
	pid_t server = serve();
	int32_t result = -1;
	int fd = ask(DIAL, HOST_PORT, count);
	char what[80];

	if (fd < 0 || read_all(fd, &result, sizeof(result)))
		result = -1;
	snprintf(what, sizeof(what), "%d of %d connections from the guest to PATH_%u", result, (int)count, HOST_PORT);
	passed(result == (int32_t)count, "%s", what);
	close(fd);
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	fd = ask(DIAL, HOST_PORT + 1, 3);
	passed(fd >= 0 && !read_all(fd, &result, sizeof(result)) && !result, "%s", "a port of the host's where nobody listens refuses the guest");
	close(fd);
}

static void strangers(void)
{
	static const char *const line[] = { "HELLO\n", "CONNECT \n", "CONNECT x\n", "CONNECT 99999999999999999999\n", "CONNECT 1000 and much more than fits\n" };
	int good = 1, fd;
	char c;

	passed(by_port(PORT + 1) < 0, "%s", "a port of the guest's where nobody listens refuses the host");
	for (unsigned int i = 0; i < sizeof(line) / sizeof(line[0]); i++) {
		fd = plain(path);
		good &= fd >= 0 && !write_all(fd, line[i], strlen(line[i])) && read(fd, &c, 1) <= 0;
		close(fd);
	}
	passed(good, "%s", "whoever says something else than CONNECT port is hung up on");
	fd = plain(path);
	passed(fd >= 0 && read(fd, &c, 1) == 0, "%s", "and so is whoever says nothing");
	close(fd);
}

/* 70 at once: six more than there is room for. They wait in the socket's queue, and nothing is lost. */
static void crowd(void)
{
	pid_t child[70];
	unsigned int good = 0;
	int status;

	for (unsigned int i = 0; i < 70; i++) {
		child[i] = fork();
		if (child[i])
			continue;
		int fd = ask(ECHO, 0, 0);
		unsigned int back = ~i;

		usleep(300000);
		_exit(!(fd >= 0 && !write_all(fd, &i, sizeof(i)) && !read_all(fd, &back, sizeof(back)) && back == i));
	}
	for (unsigned int i = 0; i < 70; i++)
		good += waitpid(child[i], &status, 0) == child[i] && !status;
	passed(good == 70, "%s", "70 connections at once, six more than there is room for");
}

static int works(void)
{
	int fd = ask(ECHO, 0, 0), good;
	char c = 'x';

	good = fd >= 0 && !write_all(fd, &c, 1) && read(fd, &c, 1) == 1;
	close(fd);
	return good;
}

static void killed(const char *who, const char *command)
{
	int fd = ask(ECHO, 0, 0), other = ask(SEND, 0, 1ull << 40);
	static char buf[65536];
	char what[80];

	snprintf(what, sizeof(what), "%s is killed while one connection is busy and one quiet", who);
	passed(fd >= 0 && other >= 0 && read(other, buf, sizeof(buf)) > 0 && !system(command), "%s", what);
	while (read(other, buf, sizeof(buf)) > 0)
		;
	snprintf(what, sizeof(what), "%s killed: both end", who);
	passed(read(fd, buf, 1) <= 0, "%s", what);
	close(fd);
	close(other);
	snprintf(what, sizeof(what), "%s killed: the next one works", who);
	passed(works(), "%s", what);
	from_guest(5);
}

static int host(const char *role, const char *helper)
{
	signal(SIGPIPE, SIG_IGN);
	big();
	half();
	often(1000);
	from_guest(100);
	strangers();
	crowd();
	killed("the role", role);
	killed("its helper", helper);
	close(ask(END, 0, 0));
	return tap_failed != 0;
}

static void end(int sig)
{
	(void)sig;
	_exit(7);
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "guest")) {
		signal(SIGTERM, end);
		return guest();
	}
	if (argc != 5 || strcmp(argv[1], "host"))
		return 2;
	path = argv[2];
	tap_prefix = "vsock: ";
	return host(argv[3], argv[4]);
}
