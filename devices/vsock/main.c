// SPDX-License-Identifier: GPL-2.0
/*D:650
 * main.c: lguest-vsock, a virtio-vsock (virtio 1.2, 5.10) whose host side are Unix sockets: options, and which queue is what.
 *
 * It may: listen at one path and start its helper (dial.c), before the sandbox; afterwards move bytes between the guest and the
 * connections that it is given. It may not: see anything of the guest but the window of this device, nor connect by itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "devices/each.h"
#include "devices/vsock/name.h"
#include "devices/vsock/vsock.h"
#include "policy/listen.h"
#include "policy/policy.h"

POLICY_DECLARE(vsock);

enum { OPT_CID = 0x100, OPT_UNIX, OPT_LISTEN_FD, OPT_DIR_FD, OPT_NAME };

static const struct option options[] = {
	{ "cid", required_argument, NULL, OPT_CID },
	{ "unix", required_argument, NULL, OPT_UNIX },
	{ "listen-fd", required_argument, NULL, OPT_LISTEN_FD },
	{ "dir-fd", required_argument, NULL, OPT_DIR_FD },
	{ "name", required_argument, NULL, OPT_NAME },
	{ 0 }
};

static int parse_cid(struct backend *be, struct vsock *v, const char *arg)
{
	char *end;
	unsigned long n = strtoul(arg, &end, 10);

	if (*arg < '0' || *arg > '9' || *end || n < 3 || n > 0xfffffffe) {
		backend_fail(be, "--cid=%s is not a number from 3 to 4294967294", arg);
		return -EINVAL;
	}
	v->cid = n;
	return 0;
}

static int vsock_option(struct backend *be, int opt, const char *arg)
{
	struct vsock *v = backend_dev(be);

	switch (opt) {
	case OPT_CID:
		return parse_cid(be, v, arg);
	case OPT_UNIX:
		v->unix_path = arg;
		return 0;
	case OPT_LISTEN_FD:
		v->listen_fd = backend_number(be, "listen-fd", arg, 3, INT32_MAX);
		return v->listen_fd < 0 ? -EINVAL : 0;
	case OPT_DIR_FD:
		v->dir_fd = backend_number(be, "dir-fd", arg, 3, INT32_MAX);
		return v->dir_fd < 0 ? -EINVAL : 0;
	case OPT_NAME:
		v->name = arg;
		return 0;
	}
	return -EINVAL;
}

/* Alone: the socket and its folder by their name. */
static int open_path(struct backend *be, struct vsock *v)
{
	const char *slash = strrchr(v->unix_path, '/');
	char folder[256];

	v->listen_fd = backend_listen(be, v->unix_path);
	if (v->listen_fd < 0 || fcntl(v->listen_fd, F_SETFL, O_NONBLOCK))
		return -EIO;
	v->name = slash ? slash + 1 : v->unix_path;
	snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - v->unix_path) + 1 : 1, slash ? v->unix_path : ".");
	v->dir_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (v->dir_fd >= 0)
		return 0;
	backend_fail(be, "cannot open the folder of %s: %s", v->unix_path, strerror(errno));
	return -errno;
}

static bool well_asked(const struct vsock *v)
{
	bool given = v->listen_fd >= 0 && v->dir_fd >= 0 && v->name;

	return v->unix_path ? v->listen_fd < 0 && v->dir_fd < 0 && !v->name : given;
}

/* Untouched pages cost nothing: a connection that there never is. */
static int make_buffers(struct vsock *v)
{
	uint8_t *p = backend_map((size_t)VSOCK_CONNS * (VSOCK_BUF + VSOCK_OUT));

	if (!p) {
		backend_fail(v->be, "no memory for %u connections", VSOCK_CONNS);
		return -ENOMEM;
	}
	for (unsigned int i = 0; i < VSOCK_CONNS; i++) {
		v->conn[i].in = p + (size_t)i * (VSOCK_BUF + VSOCK_OUT);
		v->conn[i].out = v->conn[i].in + VSOCK_BUF;
	}
	return 0;
}

/*
 * Numbers begin elsewhere in each process: what is still on its way to one that is gone, an answer of the helper's or a packet of the guest's, is not
 * for the next. The clock is always beyond them, since nobody connects a million times a second.
 */
static void number_anew(struct backend *be)
{
	struct vsock *v = backend_dev(be);
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	v->next_dial = (uint32_t)((uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000);
	v->next_port = VSOCK_OWN_PORTS + (v->next_dial & INT32_MAX);
}

static int vsock_open(struct backend *be)
{
	struct vsock *v = backend_dev(be);
	int err;

	v->be = be;
	if (!well_asked(v)) {
		backend_fail(be, "--unix=PATH must be given, or --listen-fd, --dir-fd and --name");
		return BACKEND_USAGE;
	}
	if (vsock_is_of_a_port(v->unix_path ? v->unix_path : v->name)) {
		backend_fail(be, "%s is a name for a port of another guest: take one that does not end in _ and digits", v->unix_path ? v->unix_path : v->name);
		return BACKEND_USAGE;
	}
	err = v->unix_path ? open_path(be, v) : 0;
	if (err)
		return err;
	listen_without_rights(v->listen_fd);	/* those who are connected to by the helper are the user's choice */
	err = vsock_dial_start(v);
	if (err) {
		backend_fail(be, "cannot start its helper: %s", strerror(-err));
		return err;
	}
	v->listen.fd = policy_place_fd(v->listen_fd, POLICY_FD_LISTEN);
	if (v->listen.fd < 0) {
		backend_fail(be, "descriptor %d is not open; give a listening socket with --listen-fd", v->listen_fd);
		return v->listen.fd;
	}
	number_anew(be);
	backend_each(be, number_anew);
	return make_buffers(v);
}

static void vsock_get_config(struct backend *be, uint8_t *cfg)
{
	struct vsock *v = backend_dev(be);
	const struct virtio_vsock_config c = { .guest_cid = v->cid };

	memcpy(cfg, &c, sizeof(c));
}

/*
 * A queue that this process has not started and that has been used is one of a process that died: the guest thinks that its connections
 * live. One that begins at 0 again is a fresh driver's, without a word of its reset, or was stopped at a multiple of 65536: they end, and
 * who knows of none does not mind hearing so.
 */
static void vsock_queue_start(struct backend *be, struct vq *q)
{
	struct vsock *v = backend_dev(be);
	bool first = !(v->seen & 1u << q->index);
	bool anew = !first && !q->last_avail && q->index == 0;

	v->seen |= 1u << q->index;
	if (anew)
		vsock_close_all(v);
	if (anew || (first && q->last_avail))
		vsock_lost(v);
}

static void vsock_queue_kick(struct backend *be, struct vq *q)
{
	struct vsock *v = backend_dev(be);

	if (q->index == 0)
		vsock_send(v, q);
	else if (q->index == 1)
		vsock_receive(v, q);
	else
		vsock_events(v, q);
}

static void vsock_reset(struct backend *be)
{
	struct vsock *v = backend_dev(be);

	vsock_close_all(v);
	v->seen = 0;
	v->lost = false;
}

static const char *const capabilities[] = { "cid", "unix", NULL };

static const struct backend_ops vsock_ops = {
	.name = "lguest-vsock",
	.type = "vsock",
	.capabilities = capabilities,
	.summary = "virtio-vsock back end on Unix sockets",
	.usage =
		"  --cid=N              the guest's number, 3 to 4294967294 (default 3)\n"
		"  --unix=PATH          listen there for the host's programs; the guest's connections to port N go to PATH_N\n"
		"  --listen-fd=N --dir-fd=N --name=NAME\n"
		"                       the same, inherited: a listening socket, the folder, and the name in it\n",
	.options = options,
	.role = &policy_vsock,
	.queues = VSOCK_QUEUES,
	.queue_unit = 1,
	.queue_size = VSOCK_QUEUE_SIZE,
	.config_size = sizeof(struct virtio_vsock_config),
	.option = vsock_option,
	.open = vsock_open,
	.start = vsock_start,
	.get_config = vsock_get_config,
	.queue_start = vsock_queue_start,
	.queue_kick = vsock_queue_kick,
	.reset = vsock_reset,
};

int main(int argc, char **argv)
{
	static struct vsock v;

	v.cid = 3;
	v.listen_fd = v.dir_fd = -1;
	return backend_main(argc, argv, &vsock_ops, &v);
}
