/* SPDX-License-Identifier: GPL-2.0 */
/*
 * pass.h: a message on a Unix socket that carries a descriptor.
 */
#ifndef LGUEST_POLICY_PASS_H
#define LGUEST_POLICY_PASS_H

#include <string.h>
#include <sys/socket.h>

/** union pass - room for the control message of one descriptor */
union pass {
	struct cmsghdr align;
	char space[CMSG_SPACE(sizeof(int))];
};

/**
 * pass_fd() - let a message carry a descriptor
 * @m: the message, whose control part is set
 * @room: its control part from now on, the caller's until the message is sent
 * @fd: stays open here
 */
static inline void pass_fd(struct msghdr *m, union pass *room, int fd)
{
	struct cmsghdr *c;

	memset(room, 0, sizeof(*room));
	m->msg_control = room->space;
	m->msg_controllen = sizeof(room->space);
	c = CMSG_FIRSTHDR(m);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
}

#endif
