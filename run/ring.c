// SPDX-License-Identifier: GPL-2.0
/*L:275
 * ring.c: before anything is started: may the guest's processes make the io_uring without which some of them cannot work (launch.h)?
 *
 * It may fork a child that gets the limit and the user that a process will have, makes a ring, and ends at once.
 */
#include <errno.h>
#include <grp.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/io_uring.h>

#include "run/child.h"
#include "run/launch.h"
#include "run/say.h"

#define NOBODY 0x7ffffffeu	/* has no rights and no ring yet, as a user of a role's own */

/* Return: 0 or an errno. */
static int make_ring(void)
{
	struct io_uring_params p = { 0 };
	long fd = syscall(SYS_io_uring_setup, 1, &p);

	if (fd < 0)
		return errno;
	close((int)fd);
	return 0;
}

static void become_user(uid_t user)
{
	(void)!setgroups(0, NULL);
	(void)!setresgid(user, user, user);	/* a user namespace may have no such user: its root has no rights for this either */
	(void)!setresuid(user, user, user);
}

/* As the processes will be: with their limit, and root's as another user, who may not make one where kernel.io_uring_disabled is 1. */
static int probe(const struct launch *l)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		child_raise_memlock();
		if (!geteuid())
			become_user(l->user ? l->user : NOBODY);
		_exit(make_ring());
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : make_ring();
}

/* Return: does it need one? @key: set to what was said of it that makes it so, or NULL. */
static bool needs_ring(const struct role *r, const char **key)
{
	*key = NULL;
	if (r->kind->launch->ring)
		return true;
	for (const char *const *k = r->kind->launch->ring_keys; k && *k; k++)
		if (role_key(r, *k)) {
			*key = *k;
			return true;
		}
	return false;
}

static int refuse(const struct role *r, const char *key, int err)
{
	complain("io_uring is refused here (%s), and %s needs it%s%s%s: %s", strerror(err), r->name, key ? " for " : "", key ? key : "", key ? "=" : "",
		 err == ENOMEM ? "raise the limit of locked memory (ulimit -l)" :
				 "see kernel.io_uring_disabled, and what the filter of a container allows");
	return r->kind->status;
}

int ring_check(const struct launch *l)
{
	const char *key;
	int err = -1;

	for (unsigned int i = 0; i < l->roles; i++) {
		if (!needs_ring(&l->role[i], &key))
			continue;
		err = err < 0 ? probe(l) : err;
		if (err)
			return refuse(&l->role[i], key, err);
	}
	return 0;
}
