// SPDX-License-Identifier: GPL-2.0
/*D:675
 * dial.c: the helper that connects to the host's sockets for the sealed process, which sees no file system and makes no socket.
 *
 * It reads 8 bytes of a process that may be hijacked: a number, which it sends back, and a port. It may connect to the socket
 * NAME_port in one folder, and hand the connection over; behind its own filter (manifest-dial.c) it can do nothing else. It has the identity
 * of --user, or its starter's where that was not said, since that is whose sockets these are, without any capability. So started by root it follows
 * whatever stands in the folder as root: connect() knows no way to refuse links, and a call that does would open files. It ends when the sealed process does.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "devices/vsock/vsock.h"
#include "policy/helper.h"
#include "policy/pass.h"
#include "policy/policy.h"

POLICY_DECLARE(vsock_dial);

/* Return: a descriptor (the lowest free one, which the filter pins: 0), or -errno. A listener whose queue is full refuses. */
static int dial(const char *name, uint32_t port)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd, n = snprintf(a.sun_path, sizeof(a.sun_path), "%s_%u", name, port);

	if (n < 0 || (size_t)n >= sizeof(a.sun_path))
		return -ENAMETOOLONG;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (!connect(fd, (struct sockaddr *)&a, sizeof(a)))
		return fd;
	n = -errno;
	close(fd);
	return n;
}

static void answer(uint32_t id, int fd)
{
	struct { uint32_t id; int32_t error; } text = { id, fd < 0 ? fd : 0 };
	struct iovec iov = { &text, sizeof(text) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	union pass room;

	if (fd >= 0)
		pass_fd(&m, &room, fd);
	while (sendmsg(POLICY_FD_RESOURCE, &m, MSG_NOSIGNAL) < 0) {
		if (errno != ETOOMANYREFS || !m.msg_control)
			_exit(0);	/* the sealed process is gone */
		/* Other processes of this user have as many descriptors on their way as one may: this connection is refused, not the device lost. */
		m.msg_control = NULL;
		m.msg_controllen = 0;
		text.error = -ETOOMANYREFS;
	}
	if (fd >= 0)
		close(fd);
}

/* Once, and not at each refusal: a guest can have as many of these as it likes. */
static void tell_of_closed_folder(const struct vsock *v)
{
	if (access(".", X_OK))
		backend_fail(v->be, "user %u may not search the folder of %s, so that no connection of the guest's to the host will be made: let that user do so (chmod, setfacl)",
			     getuid(), v->name);
}

static void __attribute__((noreturn)) helper(const struct vsock *v, int socket)
{
	struct { uint32_t id, port; } question;
	ssize_t n;

	if (fchdir(v->dir_fd) || policy_place_fd(socket, POLICY_FD_RESOURCE) < 0 || policy_become_shared_user() || policy_drop_capabilities())
		_exit(1);
	tell_of_closed_folder(v);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) || policy_seal(&policy_vsock_dial))
		_exit(1);
	for (;;) {
		n = recv(POLICY_FD_RESOURCE, &question, sizeof(question), 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n != sizeof(question))
			_exit(0);
		answer(question.id, dial(v->name, question.port));
	}
}

int vsock_dial_start(struct vsock *v)
{
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	pid = fork();
	if (!pid) {
		close(pair[0]);
		helper(v, pair[1]);
	}
	close(pair[1]);
	if (pid < 0 || policy_place_fd(pair[0], POLICY_FD_RESOURCE) < 0)
		return -errno;
	return 0;
}
