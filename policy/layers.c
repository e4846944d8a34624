// SPDX-License-Identifier: GPL-2.0
/*D:750
 * layers.c: the layers that a host may refuse, one by one: namespaces and Landlock (policy.h). What is refused is left out alone; what fails for want
 * of memory is an error, since the next try may get it.
 *
 * It may fork children that end at once, and take rights away from the calling process.
 */
#include <errno.h>
#include <linux/landlock.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "policy/internal.h"

/* fork(2) into new namespaces. */
static pid_t fork_into(int flags)
{
	pid_t pid = (pid_t)syscall(SYS_clone, (long)(flags | SIGCHLD), NULL, NULL, NULL, NULL);

	return pid < 0 ? -errno : pid;
}

/* Is it refused for good: forbidden, a limit of 0 or used up, or not built in? */
static bool is_refusal(int err)
{
	return err == -EPERM || err == -EACCES || err == -ENOSPC || err == -EINVAL || err == -EUSERS;
}

static int try(int flags)
{
	pid_t pid = fork_into(flags);

	if (!pid)
		_exit(0);
	if (pid < 0)
		return pid;
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return 0;
}

/* All of @wanted that the host grants, found by asking for one after the other. The user namespace first: it pays for the rest. */
static int grant(int wanted, int *got)
{
	static const int each[] = { CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNS, CLONE_NEWNET, CLONE_NEWIPC, CLONE_NEWUTS };
	int err;

	*got = 0;
	for (unsigned int i = 0; i < sizeof(each) / sizeof(each[0]); i++) {
		if (!(wanted & each[i]))
			continue;
		err = try(*got | each[i]);
		if (!err)
			*got |= each[i];
		else if (!is_refusal(err))
			return err;
	}
	return 0;
}

pid_t policy_fork_namespaced(int wanted, int *got)
{
	pid_t pid = fork_into(wanted);
	int err;

	*got = wanted;
	if (pid >= 0 || !is_refusal(pid))
		return pid;
	err = grant(wanted, got);
	return err ? err : fork_into(*got);
}

/* As the newest kernels have it; older ones are told a smaller size, older headers do not know all of it. */
struct landlock_attr {
	uint64_t fs;
	uint64_t net;	/* from ABI 4: 1 bind, 2 connect by TCP */
	uint64_t scoped;	/* from ABI 6: 1 abstract Unix sockets, 2 signals */
};

/*D:755
 * A wall for hosts that grant no namespaces, and one more for those that do: a Landlock ruleset that handles every
 * right in the table and allows none of them. Each version of the kernel's interface knows more rights; we ask for as
 * many as both the kernel and this table know.
 */
int policy_landlock(void)
{
	/* ABI 1 has 13 rights of files, 2 adds moving between folders, 3 truncation, 5 ioctls of devices opened from now on */
	static const struct { uint64_t fs, net, scoped; size_t size; } abis[] = {
		{ (1u << 13) - 1, 0, 0, 8 }, { (1u << 14) - 1, 0, 0, 8 }, { (1u << 15) - 1, 0, 0, 8 }, { (1u << 15) - 1, 3, 0, 16 },
		{ (1u << 16) - 1, 3, 0, 16 }, { (1u << 16) - 1, 3, 3, 24 },
	};
	const long newest = sizeof(abis) / sizeof(abis[0]);
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	struct landlock_attr attr;
	int fd, err;

	if (abi < 1)
		return -ENOSYS;
	abi = abi < newest ? abi : newest;
	attr = (struct landlock_attr){ abis[abi - 1].fs, abis[abi - 1].net, abis[abi - 1].scoped };
	fd = (int)syscall(SYS_landlock_create_ruleset, &attr, abis[abi - 1].size, 0);
	if (fd < 0)
		return -errno;
	err = syscall(SYS_landlock_restrict_self, fd, 0) ? -errno : 0;
	close(fd);
	return err;
}
