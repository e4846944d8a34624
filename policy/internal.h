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

#endif
