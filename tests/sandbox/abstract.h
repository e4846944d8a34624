/* SPDX-License-Identifier: GPL-2.0 */
/* abstract.h: a socket of the host that has a name and no file, and a try to reach it from a role's place. Test code only. */
#ifndef LGUEST_HOSTILE_ABSTRACT_H
#define LGUEST_HOSTILE_ABSTRACT_H

/**
 * abstract_host - make the socket, with a name that the kernel chooses: another test's, or an earlier one's that still ends, is never in its way
 *
 * Return: its descriptor, for the caller to close, or -errno.
 */
int abstract_host(void);

/**
 * abstract_reach - connect to what this process or its parent made with abstract_host()
 *
 * Return: 0, or -errno.
 */
long abstract_reach(void);

#endif
