/* SPDX-License-Identifier: GPL-2.0 */
/*
 * fds.h: the descriptor table of every role: what it holds, and at which number. lguest-run puts what it gives a role at
 * these numbers (run/spawn.c, devices/NAME/launch.c), the role places what it opened itself (policy_place_fd()), and its
 * manifest pins system calls to them. Constants only.
 */
#ifndef LGUEST_POLICY_FDS_H
#define LGUEST_POLICY_FDS_H

/*P:140
 * The roles have a table of their own, one for all of them: a disk's image and a console's input both stand at number
 * 4. The pipe of POLICY_FD_DRAIN carries no byte. It hangs up when the last I/O of a dead role is over, and we shall
 * need that in chapter Launcher.
 */
/*
 * Kick, call and memory descriptors that the peer sends land at the lowest free numbers below POLICY_FD_MAX; no rule of a
 * sealed filter names those. A class with several members is an aligned power of two, so that one masked comparison in the
 * filter pins the whole class.
 */
enum policy_fd {
	POLICY_FD_LOG = 2,		/* one-line messages: the writing end of a pipe that does not block, never a terminal or a file */
	POLICY_FD_CONTROL = 3,		/* the vhost-user connection */
	POLICY_FD_RESOURCE = 4,		/* the image | console input */
	POLICY_FD_RESOURCE_OUT = 5,	/* console output, where it differs from the input */
	POLICY_FD_DRAIN = 6,		/* pipe write end: hangs up when the last I/O of a dead role is over */
	POLICY_FD_RING = 7,		/* io_uring */
	POLICY_FD_RESIZE = 8,		/* console: pipe that window sizes come from */
	POLICY_FD_KEPT = 9,		/* memory that each process of a role hands on to the next; mapped and closed before the sandbox */
	POLICY_FD_LISTEN = 10,		/* a listening Unix socket */
	POLICY_FD_INFLIGHT = 11,	/* memfd of the vhost-user in-flight records, handed to the peer on request */
	POLICY_FD_SHOW = 12,		/* in the minder: what its role says */
	POLICY_FD_ORDER = 13,		/* a pipe: a byte from the role that its minder acts upon (policy_options.order) */
	POLICY_FD_TAP = 16,		/* one per queue pair: TAP + pair */
	POLICY_FD_MAX = 128,		/* RLIMIT_NOFILE: what a role holds and receives */
};
#define POLICY_CLASS 16u		/* members in the TAP class: the most queue pairs of a device */

#endif
