/* SPDX-License-Identifier: GPL-2.0 */
/*
 * cgroup.h: a control group for each process of a guest, where somebody delegated one to lguest-run: a bound on what no limit of a process
 * counts, kernel memory first of all.
 */
#ifndef LGUEST_RUN_CGROUP_H
#define LGUEST_RUN_CGROUP_H

#include <stdbool.h>
#include <stdint.h>

#define CGROUP_ROLE_MEMORY	(128ull << 20)	/* of a role, when its kind says nothing else; its window is the core's */
#define CGROUP_ROLE_PIDS	512u		/* a ring makes workers, some for each CPU of the host */
#define CGROUP_CORE_PIDS	16u
#define CGROUP_CORE_EXTRA	(512ull << 20)	/* beside guest memory and windows: page tables, the module's, an eighth of RAM too */

#define CGROUP_LIMITS		32u		/* of one guest */

/**
 * struct cgroup_limit - a bound that the user wants (--limit)
 * @process: whose group; @file: one of the names that cgroup_limit_parse() knows; @value: as it is written there, the command line's
 */
struct cgroup_limit {
	char process[24];
	const char *file;
	const char *value;
};

/**
 * cgroup_limit_parse() - split "PROCESS:FILE=VALUE"
 *
 * Return: 0; -EINVAL: it is not of that form; -ENOENT: FILE is not one that may be said.
 */
int cgroup_limit_parse(const char *text, struct cgroup_limit *limit);

/**
 * cgroup_begin() - make the guest's group
 * @where: a folder of a cgroup2 file system that is ours to use; "none"; NULL: our own group, if it was delegated
 * @limit: @limits bounds that must hold, the caller's until cgroup_end(); each is written once here, so that one that the kernel refuses is
 *	known before anything runs
 *
 * Says in one sentence when there is no group, and why. Return: 0, or an exit status: @where cannot be used, or a bound cannot be set.
 */
int cgroup_begin(const char *where, const struct cgroup_limit *limit, unsigned int limits);

/**
 * cgroup_make() - the group of one process, and its bounds
 * @name: "block0", @memory: bytes of all kinds, @pids: processes and threads, both where the user wants no other bound
 *
 * Return: a descriptor to which a child writes "0" to be in it (cgroup_enter()), -1: there is none.
 */
int cgroup_make(const char *name, uint64_t memory, unsigned int pids);

/** cgroup_enter() - in the child, before exec. Return: 0, or -errno: it is not in its group. */
int cgroup_enter(int group);

/** cgroup_end() - remove the groups; their processes are gone. */
void cgroup_end(void);

/**
 * struct cgroup_bill - what the processes of a group have used, those that are dead included
 */
struct cgroup_bill {
	uint64_t usec, memory, read, written;
};

/** cgroup_bill() - of the group @name of the guest. Return: is there one? */
bool cgroup_bill(const char *name, struct cgroup_bill *bill);

#endif
