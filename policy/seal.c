// SPDX-License-Identifier: GPL-2.0
/*D:810
 * seal.c: the second step, and the pieces that both steps use: descriptors, limits, filters, ring restrictions.
 *
 * It may only take rights away from the calling process. It allocates nothing and prints nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/seccomp.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "policy/internal.h"

#define MAX_RING_OPS 24

uint64_t policy_file_size;

/*
 * What policy_place_fd() put in its place, a bit each. A descriptor that a careless parent left open at a listed number
 * is not among these, and goes.
 */
static uint64_t placed[POLICY_FD_MAX / 64] = { 1u << POLICY_FD_LOG };

static bool is_placed(int slot)
{
	return placed[slot / 64] >> (slot % 64) & 1;
}

int policy_place_fd(int fd, int slot)
{
	if (slot < 0 || slot >= POLICY_FD_MAX)
		return -EBADF;
	if (fd == slot ? fcntl(fd, F_SETFD, FD_CLOEXEC) : dup3(fd, slot, O_CLOEXEC) < 0)
		return -errno;
	if (fd != slot)
		close(fd);
	placed[slot / 64] |= 1ull << (slot % 64);
	return slot;
}

static bool is_listed(const struct policy *p, unsigned int stage, int fd)
{
	for (const struct policy_desc *d = p->descs; d->name; d++)
		if ((d->stages & stage) && fd >= d->first && fd < d->first + (int)d->count)
			return true;
	return false;
}

/* Close all but what is listed and placed, gap by gap: nothing can be forgotten that way. */
int policy_close_unlisted(const struct policy *p, unsigned int stage)
{
	bool own = stage == POLICY_SEALED && p->own_first;
	int from = 0, end = own ? p->own_first : (int)POLICY_FD_MAX;

	for (int fd = 0; fd < end; fd++) {
		if (!is_placed(fd) || !is_listed(p, stage, fd))
			continue;
		if (fd > from && syscall(SYS_close_range, from, fd - 1, 0))
			return -errno;
		from = fd + 1;
	}
	if (own && from == end)
		return 0;
	return syscall(SYS_close_range, from, own ? (unsigned int)end - 1 : ~0u, 0) ? -errno : 0;
}

int policy_set_limits(const struct policy *p, unsigned int stage)
{
	for (const struct policy_limit *l = p->limits; l->name; l++) {
		struct rlimit lim = { l->value, l->value };

		if (l->stage != stage)
			continue;
		if (setrlimit((__rlimit_resource_t)l->resource, &lim)) {
			/* A hard limit that is lower already is as good; an ordinary user can't raise it. */
			if (errno != EPERM || getrlimit((__rlimit_resource_t)l->resource, &lim) ||
			    lim.rlim_max > l->value)
				return -errno;
		}
	}
	return 0;
}

int policy_load_filter(const struct policy_filter *filter)
{
	struct sock_fprog prog = {
		.len = filter->len,
		.filter = (struct sock_filter *)(uintptr_t)filter->insn,
	};

	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) ? -errno : 0;
}

/*D:820
 * The line to which all of this has led. What the sealed stage does not list is closed, the last limits are set, and
 * the second filter is loaded over the first; both are in force, so that it can only take away. From here on the
 * process may read what a hostile peer has written.
 */
int policy_seal(const struct policy_role *role)
{
	struct rlimit fsize = { policy_file_size, policy_file_size };
	int err = policy_close_unlisted(role->policy, POLICY_SEALED);

	if (!err)
		err = policy_set_limits(role->policy, POLICY_SEALED);
	/* Not before: a log line to a regular file would already be killed by it. */
	if (!err && setrlimit(RLIMIT_FSIZE, &fsize) && errno != EPERM)
		err = -errno;
	if (err)
		return err;
	policy_forget_start();
	return policy_load_filter(&role->sealed);
}

/*D:825
 * One wall that no filter can be: an operation of io_uring is not a system call, and no filter sees it. So the ring
 * itself is told which operations it takes, once, before it is enabled, and the kernel refuses all others. With this
 * the engine is complete; what follows are the manifests of the other roles, which need no more explanation than they
 * contain.
 */
int policy_ring_restrict(const struct policy_role *role, int ring_fd)
{
	struct io_uring_restriction r[MAX_RING_OPS] = { 0 };
	unsigned int n = 0;

	for (const struct policy_ring_op *op = role->policy->ring_ops; op && op->name; op++) {
		if (n == MAX_RING_OPS - 1)
			return -E2BIG;
		r[n].opcode = IORING_RESTRICTION_SQE_OP;
		r[n++].sqe_op = op->op;
	}
	r[n].opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED;
	r[n++].sqe_flags = IOSQE_FIXED_FILE;
	if (syscall(SYS_io_uring_register, ring_fd, IORING_REGISTER_RESTRICTIONS, r, n) ||
	    syscall(SYS_io_uring_register, ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0))
		return -errno;
	return 0;
}
