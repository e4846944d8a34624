// SPDX-License-Identifier: GPL-2.0
/*L:260
 * foreign.c: --vhost-user: a device whose program lguest-run neither starts nor confines, and the kinds of device that only such
 * programs serve.
 *
 * It may connect to the socket that the user named. It sends nothing there.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <linux/virtio_fs.h>
#include <linux/virtio_ids.h>

#include "ipc/exit.h"
#include "run/child.h"
#include "run/launch.h"
#include "run/say.h"

#define FOREIGN_STATUS	124
#define CONNECT_S	3	/* as a role of ours owes an answer */

static const char *type_wrong(const char *value)
{
	static char clause[600];

	if (kind_of_device(value))
		return NULL;
	snprintf(clause, sizeof(clause), "is not one of %s", kind_types(", "));
	return clause;
}

static const struct kind_key keys[] = {
	{ .name = "socket" },
	{ .name = "type", .wrong = type_wrong },
	{ 0 }
};

static const char *foreign_asked(struct role *r)
{
	const char *type = role_key(r, "type");

	r->path = role_key(r, "socket");
	if (!r->path || !type)
		return "needs both socket=PATH and type=...";
	r->type = kind_of_device(type);
	return NULL;
}

/* It has to take the connection, which it may never do: other front ends may fill its queue. Sends later wait as before. */
static int connect_in_time(int fd, const struct sockaddr_un *a)
{
	const struct timeval limit = { .tv_sec = CONNECT_S }, none = { 0 };

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) || connect(fd, (const struct sockaddr *)a, sizeof(*a)))
		return -1;
	return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &none, sizeof(none));
}

static int foreign_open(struct role *r)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	if (strlen(r->path) >= sizeof(a.sun_path)) {
		complain("the socket name %s is too long: use one of less than %zu characters", r->path, sizeof(a.sun_path));
		return EXIT_HOST;
	}
	memcpy(a.sun_path, r->path, strlen(r->path));
	r->socket = fd_lift(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
	if (!connect_in_time(r->socket, &a))
		return 0;
	if (errno == EAGAIN)
		complain("%s took no connection for %d s: it serves other front ends, or is stopped; end those, or start another one", r->path,
			 CONNECT_S);
	else
		complain("no back end answers at %s: %m (start it first)", r->path);
	return FOREIGN_STATUS;
}

static void foreign_holds(const struct role *r)
{
	printf("what it was started with; it is reached at %s\n", r->path);
}

const struct kind_launch foreign_launch = { .asked = foreign_asked, .open = foreign_open, .holds = foreign_holds };

DEVICE_KIND_NAMED(foreign, "vhost-user",
	.status = FOREIGN_STATUS,
	.value = true,
	.keys = keys,
	.grammar = "socket=PATH,type=",
	.types = true,
	.help = "a device served by another program",
	.window = 8 << 20,
);

/* A file system of the host, as virtiofsd serves it. */
const struct kind_launch fs_launch = { 0 };

DEVICE_KIND(fs,
	.status = FOREIGN_STATUS,
	.id = VIRTIO_ID_FS,
	.queues = 2,
	.config = { 44, 40 },
);
