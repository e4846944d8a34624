/* SPDX-License-Identifier: GPL-2.0 */
/*
 * proc.h: what /proc tells of processes: it may be another namespace's, hide those of others, or not be mounted.
 */
#ifndef LGUEST_RUN_PROC_H
#define LGUEST_RUN_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/**
 * proc_children() - the children of the one thread of a process
 * @list: the first @most of them
 *
 * Return: how many there are, -1: that is not told.
 */
int proc_children(pid_t pid, pid_t *list, int most);

/**
 * struct proc_stat - of a process, from proc(5)'s stat
 * @state: a letter
 * @resident: bytes
 */
struct proc_stat {
	char state;
	uint64_t user_ms, system_ms, resident;
};

/** proc_stat() - Return: is that told? */
bool proc_stat(pid_t pid, struct proc_stat *s);

#endif
