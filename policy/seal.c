// SPDX-License-Identifier: GPL-2.0
/*
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

int policy_place_fd(int fd, int slot)
{
	if (fd == slot)
		return fcntl(fd, F_SETFD, FD_CLOEXEC) ? -errno : slot;
	if (dup3(fd, slot, O_CLOEXEC) < 0)
		return -errno;
	close(fd);
	return slot;
}

/* The lowest listed descriptor at or above @from; its class's end goes to @end. -1: none. */
static int next_listed(const struct policy *p, unsigned int stage, int from, int *end)
{
	int best = -1;

	for (const struct policy_desc *d = p->descs; d->name; d++) {
		int last = d->first + (int)d->count - 1;
		int first = d->first > from ? d->first : from;

		if (!(d->stages & stage) || last < from)
			continue;
		if (best < 0 || first < best) {
			best = first;
			*end = last;
		}
	}
	return best;
}

/* Close the gaps between the listed descriptors; the caller can't forget one that way. */
int policy_close_unlisted(const struct policy *p, unsigned int stage)
{
	int from = 0, end = 0;

	for (;;) {
		int next = next_listed(p, stage, from, &end);
		unsigned int last = next < 0 ? ~0u : (unsigned int)next - 1;

		if (next != from && syscall(SYS_close_range, (unsigned int)from, last, 0))
			return -errno;
		if (next < 0)
			return 0;
		from = end + 1;
	}
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

int policy_seal(const struct policy_role *role)
{
	struct rlimit fsize = { policy_file_size, policy_file_size };
	int err = policy_close_unlisted(role->policy, POLICY_SEALED);

	if (!err)
		err = policy_set_limits(role->policy, POLICY_SEALED);
	/* Not before: a log line to a regular file would already be killed by it. */
	if (!err && setrlimit(RLIMIT_FSIZE, &fsize) && errno != EPERM)
		err = -errno;
	return err ? err : policy_load_filter(&role->sealed);
}

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
