// SPDX-License-Identifier: GPL-2.0
/*
 * hijacked.c: a role that was taken over (BARE, the device that needs nothing), for the group hostile-peers and for tests/launch: it is the real program, until there is a file
 * "later" beside it. From then on it enters its sandbox, seals itself, and does what that file says:
 *
 *	exit	ends itself with the status that a minder gives for SIGKILL
 *	hoard	has its ring wait for ever for what never happens, a million times and more: kernel memory that no limit of a process counts
 *
 * The real program is "lguest-BARE.real" beside it, or the one of the build.
 */
#include <fcntl.h>
#include <liburing.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "policy/policy.h"

#define JOIN2(a, b) a##b
#define JOIN(a, b) JOIN2(a, b)
#define TEXT2(x) #x
#define TEXT(x) TEXT2(x)

#define ROLE JOIN(policy_, BARE)
#define REAL "lguest-" TEXT(BARE) ".real"

extern const struct policy_role ROLE;

#define HOARD_MAX 4000000u	/* some GiB; the wait that comes then would be seen as a hung role */

static void hoard(struct io_uring *ring)
{
	for (unsigned int n = 0; n < HOARD_MAX; n++) {
		struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

		if (!sqe) {
			io_uring_submit(ring);
			continue;
		}
		io_uring_prep_poll_add(sqe, POLICY_FD_DRAIN, POLLIN);
	}
	for (;;)
		io_uring_submit_and_wait(ring, 1);
}

static int beside(const char *name, char *path, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", path, size - 32);

	if (n < 0)
		return -1;
	path[n] = '\0';
	strcpy(strrchr(path, '/') + 1, name);
	return 0;
}

int main(int argc, char **argv)
{
	const struct policy_options none = { 0 };
	struct io_uring_params p = { .flags = IORING_SETUP_R_DISABLED };
	char path[4096], what[16] = "";
	struct io_uring ring;
	int fd;

	(void)argc;
	fd = beside("later", path, sizeof(path)) ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		if (!beside(REAL, path, sizeof(path)) && !access(path, X_OK))
			execv(path, argv);
		execv(REAL_PROGRAM, argv);
		perror(REAL_PROGRAM);
		return 1;
	}
	if (read(fd, what, sizeof(what) - 1) < 1)
		return 1;
	policy_place_fd(POLICY_FD_DRAIN, POLICY_FD_DRAIN);
	if (policy_enter(&ROLE, &none, NULL) || io_uring_queue_init_params(256, &ring, &p) ||
	    policy_place_fd(ring.ring_fd, POLICY_FD_RING) < 0 || policy_ring_restrict(&ROLE, POLICY_FD_RING))
		return 1;
	ring.ring_fd = ring.enter_ring_fd = POLICY_FD_RING;
	if (policy_seal(&ROLE))
		return 1;
	if (!strncmp(what, "hoard", 5))
		hoard(&ring);
	_exit(137);
}
