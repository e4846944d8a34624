/* SPDX-License-Identifier: GPL-2.0 */
/* internal.h: what the files of policy/ share among themselves; nobody else includes it. */
#ifndef LGUEST_POLICY_INTERNAL_H
#define LGUEST_POLICY_INTERNAL_H

#include "policy/policy.h"

/* seal.c */
int policy_load_filter(const struct policy_filter *filter);
int policy_set_limits(const struct policy *p, unsigned int stage);
int policy_close_unlisted(const struct policy *p, unsigned int stage);
/* The size that policy_seal() gives RLIMIT_FSIZE; policy_enter() sets it. */
extern uint64_t policy_file_size;

/* root.c */
int policy_map_ids(pid_t child, bool setgroups_allowed, uid_t uid, gid_t gid);
int policy_empty_root(void);

/* layers.c: fork into those of the @wanted namespaces that the host grants (@got); the child gets 0, or -errno */
pid_t policy_fork_namespaced(int wanted, int *got);
/* layers.c: deny what the host's newest Landlock can. 0 or -errno */
int policy_landlock(void);

/**
 * struct policy_user - who a role is
 * @was_root: its program was started by root; @id, @gid: whom it becomes
 */
struct policy_user {
	bool was_root;
	uid_t id;
	gid_t gid;
};

/* enter.c: become @u, inside a user namespace its only one. Return: 0, -EINVAL: this namespace has no such user, or -errno */
int policy_change_user(const struct policy_user *u, bool userns);
void policy_drop_bounding_set(bool *dropped);

/* mind.c: the role's log becomes a pipe, unless it is one that somebody reads without waiting. 0 or -errno */
int policy_make_pipes(const struct policy_options *opt);
/* Is there a pipe to read? */
bool policy_attends(void);
/* In the role: take the writing ends. */
int policy_take_pipes(void);
/* In its parent: forget them. */
void policy_drop_pipes(void);
/* The calling process keeps nothing but what @role, its manifest, lists, and gets its sealed filter. 0 or -errno */
int policy_confine_helper(const struct policy_role *role, const struct policy_user *u);
/* The parent becomes the minder and ends as @pid does. */
_Noreturn void policy_mind(const struct policy_role *role, pid_t pid, const struct policy_user *u);

#endif
