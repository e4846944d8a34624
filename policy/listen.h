/* SPDX-License-Identifier: GPL-2.0 */
/*
 * listen.h: a listening socket whose clients may be anybody.
 */
#ifndef LGUEST_POLICY_LISTEN_H
#define LGUEST_POLICY_LISTEN_H

#include <sys/socket.h>

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83
#endif

/**
 * listen_without_rights() - whoever connects to the Unix socket @fd from now on can send no descriptor: it gets EPERM
 *
 * To drop a descriptor takes as long as its file likes. Linux before 6.16 cannot refuse them, and says so to nobody here: it is a wall in front of others.
 */
static inline void listen_without_rights(int fd)
{
	setsockopt(fd, SOL_SOCKET, SO_PASSRIGHTS, &(int){ 0 }, sizeof(int));
}

#endif
