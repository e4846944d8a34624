// SPDX-License-Identifier: GPL-2.0
/*D:325
 * backend_listen.c: a listening socket at a path that a user typed, and the end of its file.
 *
 * It may: remove a socket of its own user that nobody listens on any more, make one, and remove that one again when the program
 * ends. It may not: remove anything else, follow a link to do so, or wait for whoever may listen there.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "devices/backend_internal.h"

/* The front end's, and a console's. */
static struct own_socket {
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	dev_t dev;
	ino_t ino;
} own[2];
static unsigned int owned;

/*
 * Does anybody have this socket open? Asked with a socket of another type, which is never let in: the answer is EPROTOTYPE, and no
 * connection is left in somebody's queue, nor is there one to wait in.
 */
static bool is_stale(const struct sockaddr_un *a)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool stale = fd >= 0 && connect(fd, (const struct sockaddr *)a, sizeof(*a)) && errno == ECONNREFUSED;

	if (fd >= 0)
		close(fd);
	return stale;
}

/* What is at the path already. A socket is left over when its process was killed: only such a one, and only one's own, is removed. */
static int make_way(struct backend *be, const struct sockaddr_un *a)
{
	struct stat st;

	if (lstat(a->sun_path, &st))
		return 0;	/* nothing, or bind() will say */
	if (!S_ISSOCK(st.st_mode)) {
		backend_fail(be, "cannot listen on '%s': it is there and is no socket; name another path", a->sun_path);
		return -EEXIST;
	}
	if (!is_stale(a)) {
		backend_fail(be, "cannot listen on '%s': somebody listens there; is another back end running?", a->sun_path);
		return -EADDRINUSE;
	}
	if (st.st_uid != geteuid()) {
		backend_fail(be, "cannot listen on '%s': it is another user's socket; remove it if it is a leftover", a->sun_path);
		return -EADDRINUSE;
	}
	unlink(a->sun_path);
	return 0;
}

static void remember(const struct sockaddr_un *a)
{
	struct own_socket *o = &own[owned];
	struct stat st;

	if (owned == sizeof(own) / sizeof(own[0]) || lstat(a->sun_path, &st))
		return;
	memcpy(o->path, a->sun_path, sizeof(o->path));
	o->dev = st.st_dev;
	o->ino = st.st_ino;
	owned++;
}

/*D:330
 * A role that is started by hand listens at a path. A leftover there is removed if it is a dead socket of the same
 * user, and nothing else is (make_way() above); what is made here is remembered by its inode, so that at the end this
 * file goes and no other.
 */
int backend_listen(struct backend *be, const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(a.sun_path)) {
		backend_fail(be, "socket path '%s' is longer than %zu bytes; use a shorter one", path,
			     sizeof(a.sun_path) - 1);
		return -1;
	}
	memcpy(a.sun_path, path, strlen(path));
	if (make_way(be, &a))
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	/* Who may connect may drive the device, or type into it: the file is the user's own. */
	umask(0077);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a))) {
		backend_fail(be, "cannot listen on '%s': %s", path, strerror(errno));
		goto fail;
	}
	remember(&a);
	if (!listen(fd, 1))
		return fd;
	backend_fail(be, "cannot listen on '%s': %s", path, strerror(errno));
fail:
	if (fd >= 0)
		close(fd);
	return -1;
}

void backend_unlisten(void)
{
	struct stat st;

	for (unsigned int i = 0; i < owned; i++)
		if (!lstat(own[i].path, &st) && st.st_dev == own[i].dev && st.st_ino == own[i].ino)
			unlink(own[i].path);
}

/* Everything here is safe in a handler; SA_RESETHAND makes the second signal the end that the first was meant to be. */
static void end_of_program(int sig)
{
	backend_unlisten();
	raise(sig);
}

void backend_tidy(bool on)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT };
	struct sigaction act = { .sa_handler = on ? end_of_program : SIG_DFL, .sa_flags = (int)SA_RESETHAND }, old;

	for (unsigned int i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (!sigaction(signals[i], NULL, &old) && old.sa_handler != SIG_IGN)	/* nohup's stays */
			sigaction(signals[i], &act, NULL);
}
