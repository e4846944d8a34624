/* SPDX-License-Identifier: GPL-2.0 */
/*
 * child.h: a program that lguest-run starts: its arguments and descriptors. launch.c of a device adds what is its own.
 *
 * Whatever lguest-run opens gets a number from FD_FLOOR up, so that placing it at a child's fixed number overwrites nothing.
 */
#ifndef LGUEST_RUN_CHILD_H
#define LGUEST_RUN_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "core/layout.h"

struct role;

#define FD_FLOOR	128

#define CHILD_ARGS_MAX	(12 + 2 * GUEST_DEVICES)
#define CHILD_FDS_MAX	(8 + GUEST_DEVICES)

struct launch;

/**
 * struct child - what is started
 * @program: its name, in the folder of lguest-run; @argv: @args arguments, the first its name in ps(1)
 * @text: @used bytes of arguments that child_option() made
 * @fd: @fds descriptors, ours and the number at which it finds it
 * @group: its control group (cgroup.h), -1 or 0 = none
 * @fixed: the program itself, O_PATH, whatever has its name by now; 0 = by name
 * @huge: may use huge pages: the one that maps guest RAM; for a role's few KiB they are waste
 */
struct child {
	const char *program;
	const char *argv[CHILD_ARGS_MAX];
	unsigned int args;
	char text[8192];
	size_t used;
	struct { int from, to; } fd[CHILD_FDS_MAX];
	unsigned int fds;
	int group;
	int fixed;
	bool huge;
};

/** child_arg() - add an argument; @text must live until the child is started. */
void child_arg(struct child *c, const char *text);

/** child_option() - add an argument, made by printf. */
void child_option(struct child *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/**
 * child_sizes() - hand keys of a device on as options of its program
 * @c: the process to be
 * @r: the device
 * @names: of keys whose values are sizes, and of the program's options; NULL-terminated. What was not said is left out.
 */
void child_sizes(struct child *c, const struct role *r, const char *const *names);

/** child_give() - let the child have our descriptor @from at number @to. */
void child_give(struct child *c, int from, int to);

/**
 * child_start() - start it
 * @l: for the folder of its program
 * @c: the child
 * @pid: its process, @pidfd: the same, to be polled
 *
 * Return: 0, or an exit status after complain().
 */
int child_start(const struct launch *l, const struct child *c, pid_t *pid, int *pidfd);

/**
 * child_raise_memlock() - the limit of locked memory as high as it may be, in who is started
 *
 * The core's locked memory is the guest's, and it says so when that is too much; a role's is its ring, which newer kernels (seen on 6.18) count
 * for all processes of its user together.
 */
void child_raise_memlock(void);

/** fd_lift() - move a descriptor to a number from FD_FLOOR up; -1 stays -1. Return: the number, or -1 with errno. */
int fd_lift(int fd);

/** fd_open() - open(2) at a high number, close-on-exec, never a controlling terminal; a file that it makes is its user's alone. */
int fd_open(const char *path, int flags);

/** fd_close() - close it if it is open, and make it -1. */
void fd_close(int *fd);

#endif
