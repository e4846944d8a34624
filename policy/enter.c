// SPDX-License-Identifier: GPL-2.0
/*P:210
 * enter.c: the first step of a role: out of the host's namespaces, file system and rights, under the set-up filter.
 *
 * It may fork once, and take rights away from the calling process. It reads nothing but /proc files of its own child.
 * Layers that the host lacks are left out and reported; these three are not optional: no capabilities,
 * no_new_privs, the filter.
 */
#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "policy/internal.h"

#define NOBODY 65534u

static const struct {
	unsigned int bit;
	const char *name;
} layer_names[] = {
	{ POLICY_LAYER_USERNS, "user namespace" },
	{ POLICY_LAYER_PIDNS, "pid namespace" },
	{ POLICY_LAYER_NAMESPACES, "mount, net, ipc and uts namespaces" },
	{ POLICY_LAYER_ROOT, "empty root" },
	{ POLICY_LAYER_UID, "user other than root" },
	{ POLICY_LAYER_CAPS, "empty capability bounding set" },
	{ POLICY_LAYER_NNP, "no_new_privs" },
	{ POLICY_LAYER_LIMITS, "limits" },
	{ POLICY_LAYER_LANDLOCK, "Landlock" },
	{ POLICY_LAYER_FILTER, "system-call filter" },
};

/* fork(2) into new namespaces. The parent closes its end of @sync to let the child go on. */
static pid_t fork_into(int flags)
{
	return (pid_t)syscall(SYS_clone, (long)(flags | SIGCHLD), NULL, NULL, NULL, NULL);
}

/* As many namespaces as the kernel grants: all, all but the user namespace (root only), or none. */
static pid_t fork_namespaced(int wanted, int *got)
{
	const int tries[] = { wanted, wanted & ~CLONE_NEWUSER, 0 };

	for (unsigned int i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		pid_t pid = fork_into(tries[i]);

		*got = tries[i];
		if (pid >= 0)
			return pid;
	}
	return -errno;
}

static int landlock_everything(void)
{
	struct landlock_ruleset_attr attr = { .handled_access_fs = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1 };
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	int fd, err;

	if (abi < 1)
		return -ENOSYS;
	if (abi >= 2)
		attr.handled_access_fs |= LANDLOCK_ACCESS_FS_MAKE_SYM << 1;	/* REFER; truncate is ABI 3 */
	if (abi >= 3)
		attr.handled_access_fs |= LANDLOCK_ACCESS_FS_MAKE_SYM << 2;
	fd = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (fd < 0)
		return -errno;
	err = syscall(SYS_landlock_restrict_self, fd, 0) ? -errno : 0;
	close(fd);
	return err;
}

/* Become the user that the map stands for (0 inside), or nobody where root has no user namespace. */
static int change_user(bool userns, bool was_root)
{
	uid_t id = userns ? 0 : NOBODY;

	if (!was_root)
		return userns && (setresgid(0, 0, 0) || setresuid(0, 0, 0)) ? -errno : 0;
	if (setgroups(0, NULL) || setresgid(id, id, id) || setresuid(id, id, id))
		return -errno;
	return 0;
}

/*
 * Empty the bounding set, which needs CAP_SETPCAP: before the capabilities go, and before /proc does (libcap-ng
 * reads it). libcap-ng remembers the process that first called it; 0 means whoever calls.
 */
static bool drop_bounding_set(void)
{
	capng_setpid(0);
	if (capng_get_caps_process() || !capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP))
		return false;
	capng_clear(CAPNG_SELECT_BOUNDS);
	return capng_apply(CAPNG_SELECT_BOUNDS) == 0;
}

static int drop_capabilities(void)
{
	struct __user_cap_header_struct self = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct left[2];

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0))
		return -errno;
	capng_clear(CAPNG_SELECT_CAPS);
	if (capng_apply(CAPNG_SELECT_CAPS))
		return -EPERM;
	/* Trust the kernel's answer, not the library's copy. */
	if (syscall(SYS_capget, &self, left))
		return -errno;
	for (unsigned int i = 0; i < 2; i++)
		if (left[i].effective | left[i].permitted | left[i].inheritable)
			return -EPERM;
	return 0;
}

/* Everything between fork and filter, in the process that becomes the role. */
static int confine(const struct policy_role *role, int ns, bool was_root, unsigned int *layers)
{
	unsigned int on = 0;
	int err;

	if (drop_bounding_set())
		on |= POLICY_LAYER_CAPS;
	if ((ns & CLONE_NEWNS) && !policy_empty_root())
		on |= POLICY_LAYER_ROOT;
	/* Root without a user namespace keeps its capabilities over setuid until the bounding set is gone. */
	if (was_root && !(ns & CLONE_NEWUSER) && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0))
		return -errno;
	err = change_user(ns & CLONE_NEWUSER, was_root);
	if (err)
		return err;
	on |= POLICY_LAYER_UID;
	/* A role outlives neither its minder nor its listener. Here, because changing the user clears it. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0))
		return -errno;
	err = drop_capabilities();
	if (err)
		return err;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		return -errno;
	on |= POLICY_LAYER_NNP;
	err = policy_set_limits(role->policy, POLICY_SETUP);
	if (err)
		return err;
	/*
	 * A write that goes beyond RLIMIT_FSIZE or whose reader is gone shall fail, not kill: a log line to a long
	 * file is no reason to die.
	 */
	if (signal(SIGXFSZ, SIG_IGN) == SIG_ERR || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return -errno;
	on |= POLICY_LAYER_LIMITS;
	if (!landlock_everything())
		on |= POLICY_LAYER_LANDLOCK;
	if (ns & CLONE_NEWUSER)
		on |= POLICY_LAYER_USERNS;
	if (ns & CLONE_NEWPID)
		on |= POLICY_LAYER_PIDNS;
	if (ns & CLONE_NEWNET)
		on |= POLICY_LAYER_NAMESPACES;
	*layers |= on;
	return 0;
}

static int enter_child(const struct policy_role *role, int ns, bool was_root, unsigned int *layers)
{
	unsigned int on = 0;
	int err = policy_close_unlisted(role->policy, POLICY_SETUP);

	if (!err)
		err = confine(role, ns, was_root, &on);
	if (!err)
		err = policy_load_filter(&role->setup);
	if (!err && layers)
		*layers = on | POLICY_LAYER_FILTER;
	return err;
}

pid_t policy_spawn(const struct policy_role *role, const struct policy_options *opt, unsigned int *layers)
{
	bool was_root = geteuid() == 0;
	uid_t uid = was_root ? NOBODY : geteuid();
	gid_t gid = was_root ? NOBODY : getegid();
	int sync[2], ns, err;
	char go = 0;
	pid_t pid;

	policy_file_size = opt->file_size;
	if (pipe2(sync, O_CLOEXEC))
		return -errno;
	pid = fork_namespaced(role->policy->namespaces, &ns);
	if (pid < 0) {
		close(sync[0]);
		close(sync[1]);
		return pid;
	}
	if (!pid) {
		close(sync[1]);
		if (read(sync[0], &go, 1) != 1)
			return -ECHILD;
		return enter_child(role, ns, was_root, layers);
	}
	close(sync[0]);
	err = ns & CLONE_NEWUSER ? policy_map_ids(pid, was_root, uid, gid) : 0;
	if (!err && write(sync[1], "g", 1) != 1)
		err = -errno;
	close(sync[1]);
	if (err) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		return err;
	}
	return pid;
}

/* Give up everything but waiting. The user is the role's: only then may the kernel kill the role at our death. */
static int confine_minder(bool was_root)
{
	const struct policy_role *role = &policy_minder;
	int err = policy_close_unlisted(role->policy, POLICY_SETUP);

	drop_bounding_set();
	if (!err && was_root && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0))
		err = -errno;
	if (!err)
		err = change_user(false, was_root);
	if (!err)
		err = drop_capabilities();
	if (!err && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		err = -errno;
	if (!err)
		err = policy_set_limits(role->policy, POLICY_SETUP);
	return err ? err : policy_load_filter(&role->sealed);
}

/* One line on the role's end, and an end like it; a role that still is there dies with us. */
static _Noreturn void mourn(const char *name, const char *how, int sig)
{
	char line[160];
	int len = snprintf(line, sizeof(line), "lguest-%s: %s\n", name, how);

	if (write(POLICY_FD_LOG, line, (size_t)len) < 0)
		_exit(1);
	_exit(128 + sig);
}

static _Noreturn void mind(const struct policy_role *role, pid_t pid, bool was_root)
{
	const char *name = role->policy->role;
	char line[128];
	int status;

	if (confine_minder(was_root))
		_exit(1);	/* the role dies with us */
	while (waitpid(pid, &status, role->policy->may_stop ? 0 : WUNTRACED) < 0)
		if (errno != EINTR)
			_exit(1);
	if (WIFEXITED(status))
		_exit(WEXITSTATUS(status));
	if (WIFSTOPPED(status))
		mourn(name, "stopped: ended, for its guest would wait for it", SIGKILL);
	snprintf(line, sizeof(line), "ended by signal %d%s", WTERMSIG(status),
		 WTERMSIG(status) == SIGSYS ? ": a system call outside its policy" : "");
	mourn(name, line, WTERMSIG(status));
}

int policy_enter(const struct policy_role *role, const struct policy_options *opt, unsigned int *layers)
{
	bool was_root = geteuid() == 0;
	pid_t pid = policy_spawn(role, opt, layers);

	if (pid > 0)
		mind(role, pid, was_root);
	return pid;
}

void policy_report(const struct policy_role *role, unsigned int layers, FILE *out)
{
	unsigned int missing = POLICY_LAYERS_ALL & ~layers;
	const char *sep = " without ";

	fprintf(out, "lguest-%s: sandbox on%s", role->policy->role, missing ? "," : ": all layers");
	for (unsigned int i = 0; i < sizeof(layer_names) / sizeof(layer_names[0]); i++) {
		if (!(missing & layer_names[i].bit))
			continue;
		fprintf(out, "%s%s", sep, layer_names[i].name);
		sep = ", ";
	}
	fprintf(out, missing ? " (this host or user doesn't allow it)\n" : "\n");
}
