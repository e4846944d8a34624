// SPDX-License-Identifier: GPL-2.0
/*D:690
 * launch.c: what lguest-run does for connections to the host: it listens at PATH, and opens the folder in which the guest's own
 * connections find PATH_port.
 * It runs in lguest-run, with the user's rights and outside any sandbox (run/kind.h). It may make the socket that the user named, remove
 * one of the same name that nobody listens on, and remove its own at the end. It accepts nobody and reads nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "ipc/exit.h"
#include "devices/vsock/name.h"
#include "policy/fds.h"
#include "run/busy.h"
#include "run/child.h"
#include "run/file.h"
#include "run/launch.h"
#include "run/say.h"
#include "run/text.h"

#define BACKLOG 64
#define PORT_DIGITS 11	/* "_4294967295" */

/* Ours, to be removed at the end. A process that lguest-run starts leaves by exec or _exit(), and removes none. */
static struct own {
	const char *path;
	struct stat st;
} own[GUEST_DEVICES];
static unsigned int owned;

static void remove_own(void)
{
	struct stat st;

	for (unsigned int i = 0; i < owned; i++)
		if (!lstat(own[i].path, &st) && st.st_dev == own[i].st.st_dev && st.st_ino == own[i].st.st_ino)
			unlink(own[i].path);
}

static void remember(const char *path)
{
	if (!owned)
		atexit(remove_own);
	if (owned < GUEST_DEVICES && !lstat(path, &own[owned].st))
		own[owned++].path = path;
}

static int listen_failed(const struct role *r)
{
	bool in_use = errno == EADDRINUSE;

	if (in_use)
		complain("the socket %s is in use by another guest, or is there and no socket of yours: name another, or remove it", r->path);
	else
		complain("cannot listen at %s: %m%s", r->path, text_remedy(errno));
	return in_use ? EXIT_HOST : EXIT_FILE;
}

/* Return: 0 or -1, with errno. */
static int bind_socket(int fd, const struct sockaddr_un *a)
{
	if (!bind(fd, (const struct sockaddr *)a, sizeof(*a)))
		return 0;
	if (errno != EADDRINUSE)
		return -1;
	if (!file_is_left_socket(a, false)) {	/* of a guest that was killed */
		errno = EADDRINUSE;
		return -1;
	}
	unlink(a->sun_path);
	return bind(fd, (const struct sockaddr *)a, sizeof(*a));
}

static int open_listener(struct role *r, const struct sockaddr_un *a)
{
	mode_t mask = umask(0077);	/* who connects talks to the guest: the file is the user's own */
	int err;

	r->resource[0] = fd_lift(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
	do
		err = r->resource[0] < 0 ? -1 : bind_socket(r->resource[0], a);
	while (err && errno == EADDRINUSE && busy_wait());
	umask(mask);
	return err ? err : listen(r->resource[0], BACKLOG);
}

static int vsock_open(struct role *r)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	const char *slash = strrchr(r->path, '/');
	char folder[sizeof(a.sun_path)];

	if (vsock_is_of_a_port(r->path)) {
		complain("the socket name %s is one for a port of another guest: take one that does not end in _ and digits", r->path);
		return EXIT_USAGE;
	}
	if (strlen(r->path) >= sizeof(a.sun_path) - PORT_DIGITS) {
		complain("the socket name %s is too long: use one of less than %zu characters", r->path, sizeof(a.sun_path) - PORT_DIGITS);
		return EXIT_HOST;
	}
	memcpy(a.sun_path, r->path, strlen(r->path));
	snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - r->path) + 1 : 1, slash ? r->path : ".");
	if (open_listener(r, &a))
		return listen_failed(r);
	remember(r->path);
	r->resource[1] = fd_open(folder, O_PATH | O_DIRECTORY);
	if (r->resource[1] >= 0)
		return 0;
	complain("cannot open the folder of %s: %m%s", r->path, text_remedy(errno));
	return EXIT_FILE;
}

static bool vsock_same(const struct role *r, const struct role *of)
{
	struct stat a, b;

	return !stat(r->path, &a) && !stat(of->path, &b) && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static const char *name_of(const struct role *r)
{
	const char *slash = strrchr(r->path, '/');

	return slash ? slash + 1 : r->path;
}

static const char *cid_of(const struct role *r)
{
	return role_key(r, "cid") ? role_key(r, "cid") : "3";
}

static void vsock_args(struct role *r, struct child *c)
{
	child_option(c, "--cid=%s", cid_of(r));
	child_option(c, "--listen-fd=%d", POLICY_FD_LISTEN);
	child_option(c, "--dir-fd=%d", POLICY_FD_RESOURCE);
	child_option(c, "--name=%s", name_of(r));
	child_give(c, r->resource[0], POLICY_FD_LISTEN);
	child_give(c, r->resource[1], POLICY_FD_RESOURCE);
}

static void vsock_holds(const struct role *r)
{
	printf("the socket %s, and a helper that connects to %s_PORT for it; the guest is number %s\n", r->path, r->path, cid_of(r));
}

const struct kind_launch vsock_launch = {
	.ring = true, .open = vsock_open, .same = vsock_same, .args = vsock_args, .holds = vsock_holds,
};
