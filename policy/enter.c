// SPDX-License-Identifier: GPL-2.0
/*D:730
 * enter.c: the first step of a role: out of the host's namespaces, file system and rights, under the set-up filter.
 *
 * It may fork once, and take rights away from the calling process. It reads nothing but /proc files of its own child.
 * Layers that the host lacks are left out and reported, and are an error for who requires them; these three are never optional: no
 * capabilities, no_new_privs, the filter.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "policy/helper.h"
#include "policy/internal.h"

static const struct {
	unsigned int bit;
	const char *name;
} layer_names[] = {
	{ POLICY_LAYER_USERNS, "user namespace" },
	{ POLICY_LAYER_PIDNS, "pid namespace" },
	{ POLICY_LAYER_MOUNTNS, "mount namespace" },
	{ POLICY_LAYER_NETNS, "net namespace" },
	{ POLICY_LAYER_IPCNS, "ipc namespace" },
	{ POLICY_LAYER_UTSNS, "uts namespace" },
	{ POLICY_LAYER_ROOT, "empty root" },
	{ POLICY_LAYER_UID, "user other than root" },
	{ POLICY_LAYER_CAPS, "empty capability bounding set" },
	{ POLICY_LAYER_NNP, "no_new_privs" },
	{ POLICY_LAYER_LIMITS, "limits" },
	{ POLICY_LAYER_LANDLOCK, "Landlock" },
	{ POLICY_LAYER_FILTER, "system-call filter" },
};

int policy_change_user(const struct policy_user *u, bool userns)
{
	uid_t id = userns ? 0 : u->id;
	gid_t gid = userns ? 0 : u->gid;

	if (!u->was_root)
		return userns && (setresgid(0, 0, 0) || setresuid(0, 0, 0)) ? -errno : 0;
	/* Where groups are fixed (a namespace that gave setgroups up) there are none to drop but its own. */
	if ((setgroups(0, NULL) && errno != EPERM) || setresgid(gid, gid, gid) || setresuid(id, id, id))
		return -errno;
	return 0;
}

/* Empty the bounding set, which needs CAP_SETPCAP: before the capabilities go. */
void policy_drop_bounding_set(bool *dropped)
{
	unsigned long cap = 0;

	while (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0 && !prctl(PR_CAPBSET_DROP, cap, 0, 0, 0))
		cap++;
	*dropped = prctl(PR_CAPBSET_READ, cap, 0, 0, 0) < 0;
}

int policy_drop_capabilities(void)
{
	struct __user_cap_header_struct self = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct none[2] = { { 0 } }, left[2];

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) || syscall(SYS_capset, &self, none) || syscall(SYS_capget, &self, left))
		return -errno;
	for (unsigned int i = 0; i < 2; i++)
		if (left[i].effective | left[i].permitted | left[i].inheritable)
			return -EPERM;
	return 0;
}

static unsigned int namespace_layers(int ns)
{
	static const struct { int flag; unsigned int layer; } map[] = {
		{ CLONE_NEWUSER, POLICY_LAYER_USERNS }, { CLONE_NEWPID, POLICY_LAYER_PIDNS }, { CLONE_NEWNS, POLICY_LAYER_MOUNTNS },
		{ CLONE_NEWNET, POLICY_LAYER_NETNS }, { CLONE_NEWIPC, POLICY_LAYER_IPCNS }, { CLONE_NEWUTS, POLICY_LAYER_UTSNS },
	};
	unsigned int on = 0;

	for (unsigned int i = 0; i < sizeof(map) / sizeof(map[0]); i++)
		if (ns & map[i].flag)
			on |= map[i].layer;
	return on;
}

/*
 * A role outlives neither its minder nor its listener: die with the parent from here on, unless it is dead already. getppid() does not tell in a pid
 * namespace of one's own; @parent, a pidfd from before the fork, does.
 */
static int die_with(int parent)
{
	struct pollfd gone = { .fd = parent, .events = POLLIN };

	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0))
		return -errno;
	return poll(&gone, 1, 0) ? -ESRCH : 0;
}

/*D:740
 * The filter is the last wall of many. We are in the child, in whichever namespaces the host has granted, and this is
 * the order in which it loses its rights: bounding set, root directory, user, descriptors, capabilities, new
 * privileges, limits, and what Landlock can deny. The order is not free, since much of what takes a right away needs
 * one that goes later.
 */
/* Everything between fork and filter, in the process that becomes the role. */
static int confine(const struct policy_role *role, int ns, const struct policy_user *u, int parent, unsigned int *layers)
{
	unsigned int on = namespace_layers(ns);
	bool dropped;
	int err;

	policy_drop_bounding_set(&dropped);
	if (dropped)
		on |= POLICY_LAYER_CAPS;
	if ((ns & CLONE_NEWNS) && !policy_empty_root())
		on |= POLICY_LAYER_ROOT;
	/* Root without a user namespace keeps its capabilities over setuid until the bounding set is gone. */
	if (u->was_root && !(ns & CLONE_NEWUSER) && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0))
		return -errno;
	err = policy_change_user(u, ns & CLONE_NEWUSER);
	/* Root of a user namespace that has no other user stays who it is: that is reported. */
	if (err && !(err == -EINVAL && u->was_root && !(ns & CLONE_NEWUSER)))
		return err;
	if (!err && (u->id || !u->was_root))
		on |= POLICY_LAYER_UID;
	/* Here, because changing the user clears it */
	err = die_with(parent);
	if (!err)
		err = policy_close_unlisted(role->policy, POLICY_SETUP);
	if (!err)
		err = policy_drop_capabilities();
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
	if (!policy_landlock())
		on |= POLICY_LAYER_LANDLOCK;
	*layers = on | POLICY_LAYER_FILTER;
	return 0;
}

static int enter_child(const struct policy_role *role, const struct policy_options *opt, int ns, const struct policy_user *u,
		       int parent, unsigned int *layers)
{
	unsigned int on = 0;
	int err = policy_take_pipes();

	if (!err)
		err = confine(role, ns, u, parent, &on);
	/* Before a byte of a peer is read: what is missing and required ends it here. */
	if (!err && (opt->require & ~on))
		err = -EACCES;
	if (!err)
		err = policy_load_filter(&role->setup);
	if (layers)
		*layers = on;
	return err;
}

static bool in_child;	/* this is the role, not who made it */

/* A pidfd of this process, out of the way of the fixed numbers. */
static int own_pidfd(void)
{
	int low = (int)syscall(SYS_pidfd_open, getpid(), 0), high;

	if (low < 0)
		return -errno;
	high = fcntl(low, F_DUPFD_CLOEXEC, POLICY_FD_MAX);
	close(low);
	return high < 0 ? -errno : high;
}

/*
 * One try, with all of @wanted that clone() grants. The child waits until its user is mapped; where that is refused (/proc read-only or not there, a
 * rule of AppArmor's) it ends, and *@unmapped says so.
 */
static pid_t spawn_once(const struct policy_role *role, const struct policy_options *opt, int wanted, const struct policy_user *u,
			unsigned int *layers, bool *unmapped)
{
	int sync[2], ns, err, self = own_pidfd();
	char go = 0;
	pid_t pid;

	*unmapped = false;
	if (self < 0)
		return self;
	if (pipe2(sync, O_CLOEXEC)) {
		err = -errno;
		close(self);
		return err;
	}
	pid = policy_fork_namespaced(wanted, &ns);
	if (pid)
		close(self);
	if (pid < 0) {
		close(sync[0]);
		close(sync[1]);
		return pid;
	}
	if (!pid) {
		in_child = true;
		close(sync[1]);
		if (read(sync[0], &go, 1) != 1)
			_exit(1);	/* the parent says why, or tries something else */
		return enter_child(role, opt, ns, u, self, layers);
	}
	close(sync[0]);
	err = ns & CLONE_NEWUSER ? policy_map_ids(pid, u->was_root, u->id, u->gid) : 0;
	*unmapped = err;
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

static uid_t shared_user;

/*
 * A user of its own for each process that root starts: no other process of this pid namespace has it, so that none can signal this one or use up what the
 * kernel counts by user. Process numbers are unique there, and end at 2^22. Two containers number their processes alike, and so give the same users: no number
 * that could be made here is certain to be no other container's, so that who starts guests in containers says one (docs/security.md).
 */
static struct policy_user choose_user(const struct policy_options *opt)
{
	struct policy_user u = { .was_root = geteuid() == 0, .id = geteuid(), .gid = getegid() };

	if (u.was_root && (opt->user || shared_user))
		u.id = u.gid = opt->user ? opt->user : shared_user;
	else if (u.was_root)
		u.id = u.gid = POLICY_USER_FIRST + (uid_t)getpid();
	return u;
}

void policy_share_user(uid_t user)
{
	if (user)
		shared_user = user;
	else if (!shared_user)
		shared_user = POLICY_USER_FIRST + (uid_t)getpid();
}

int policy_become_shared_user(void)
{
	const struct policy_user u = { .was_root = geteuid() == 0, .id = shared_user, .gid = shared_user };
	bool dropped;
	int err;

	policy_drop_bounding_set(&dropped);
	err = u.was_root && u.id ? policy_change_user(&u, false) : 0;
	return err == -EINVAL ? 0 : err;	/* as confine(): there is no other user here */
}

int policy_confine_parent(const struct policy_role *role)
{
	const struct policy_options none = { 0 };
	const struct policy_user u = choose_user(&none);

	return policy_confine_helper(role, &u);
}

static pid_t spawn(const struct policy_role *role, const struct policy_options *opt, struct policy_user *u, unsigned int *layers)
{
	const int all = role->policy->namespaces;
	bool unmapped;
	pid_t pid;

	policy_file_size = opt->file_size;
	*u = choose_user(opt);
	pid = spawn_once(role, opt, all, u, layers, &unmapped);
	if (unmapped && u->was_root) {
		/* This namespace may have no other user than its root: then that one, without any capability. */
		const struct policy_user root = { true, 0, 0 };

		if (pid == -EPERM || pid == -EINVAL)
			pid = spawn_once(role, opt, all, &root, layers, &unmapped);
	}
	if (unmapped)
		pid = spawn_once(role, opt, all & ~CLONE_NEWUSER, u, layers, &unmapped);
	return pid;
}

pid_t policy_spawn(const struct policy_role *role, const struct policy_options *opt, unsigned int *layers)
{
	struct policy_user u;
	int err = policy_make_pipes(opt);
	pid_t pid;

	if (err)
		return err;
	pid = spawn(role, opt, &u, layers);
	if (pid > 0)
		policy_drop_pipes();
	return pid;
}

int policy_enter(const struct policy_role *role, const struct policy_options *opt, unsigned int *layers)
{
	struct policy_user u;
	int err = policy_make_pipes(opt);
	pid_t pid;

	if (err)
		return err;
	pid = spawn(role, opt, &u, layers);
	if (pid > 0) {
		policy_drop_pipes();
		policy_mind(role, pid, &u);
	}
	return pid;
}

int policy_probe(const struct policy_role *role, const struct policy_options *opt, unsigned int *layers)
{
	unsigned int *found = mmap(NULL, sizeof(*found), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct policy_user u;
	int status = 0;
	pid_t pid;

	if (found == MAP_FAILED)
		return -errno;
	pid = spawn(role, opt, &u, found);
	if (in_child)
		_exit(pid ? 1 : 0);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	*layers = *found;
	munmap(found, sizeof(*found));
	if (pid < 0)
		return pid;
	return status ? -EPERM : 0;
}

void policy_missing(unsigned int missing, char *text, size_t size)
{
	size_t n = 0;

	*text = '\0';
	for (unsigned int i = 0; i < sizeof(layer_names) / sizeof(layer_names[0]); i++)
		if ((missing & layer_names[i].bit) && n < size)
			n += (size_t)snprintf(text + n, size - n, "%s%s", n ? ", " : "", layer_names[i].name);
}

void policy_report(const struct policy_role *role, unsigned int layers, FILE *out)
{
	unsigned int missing = POLICY_LAYERS_ALL & ~layers;
	char text[256];

	policy_missing(missing, text, sizeof(text));
	if (missing)
		fprintf(out, "lguest-%s: sandbox on, without %s (this host or user doesn't allow it)\n", role->policy->role, text);
	else
		fprintf(out, "lguest-%s: sandbox on: all layers\n", role->policy->role);
}

int policy_parse_require(const char *text, unsigned int *layers)
{
	unsigned long long n;
	char *rest;

	if (!strcmp(text, "all"))
		*layers = POLICY_LAYERS_ALL;
	else if (!strcmp(text, "namespaces"))
		*layers = POLICY_LAYERS_NAMESPACES;
	else if (!strcmp(text, "none"))
		*layers = 0;
	else {
		/* A minus would be taken for a number, and the largest ones come to the same as small ones. */
		n = strtoull(text, &rest, 0);
		if (*text < '0' || *text > '9' || *rest || n > POLICY_LAYERS_ALL)
			return -EINVAL;
		*layers = (unsigned int)n;
	}
	return 0;
}
