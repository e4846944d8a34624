/* SPDX-License-Identifier: GPL-2.0 */
/*
 * give.h: for hostile programs: to give a descriptor away, and one whose last close takes a minute.
 */
#ifndef LGUEST_TESTS_GIVE_H
#define LGUEST_TESTS_GIVE_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

/* A connection to nobody who reads, full, whose close waits for its bytes to be taken. @end: where the other end goes, if it matters. */
static inline int lingering(int *end)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	static char bytes[1 << 20];
	struct linger l = { 1, 60 };
	socklen_t len = sizeof(a);
	int s = socket(AF_INET, SOCK_STREAM, 0), c = socket(AF_INET, SOCK_STREAM, 0);

	if (bind(s, (struct sockaddr *)&a, sizeof(a)) || listen(s, 1) || getsockname(s, (struct sockaddr *)&a, &len) ||
	    connect(c, (struct sockaddr *)&a, sizeof(a)))
		return -1;
	setsockopt(c, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	/* Until the other end's buffer has grown as far as it may, and is full too */
	for (int i = 0; i < 20; i++, poll(NULL, 0, 20))
		while (send(c, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
			;
	if (end)
		*end = s;
	return c;
}

/* A message with descriptors, @n times the same. @flags: MSG_OOB, or 0. Return: was it sent? */
static inline bool send_with(int socket, const void *data, size_t bytes, int fd, unsigned int n, int flags)
{
	union { struct cmsghdr hdr; unsigned char room[CMSG_SPACE(8 * sizeof(int))]; } control = { { 0 } };
	struct iovec iov = { (void *)(uintptr_t)data, bytes };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = CMSG_SPACE(n * sizeof(int)) };

	control.hdr = (struct cmsghdr){ .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(n * sizeof(int)) };
	for (unsigned int i = 0; i < n; i++)
		memcpy(CMSG_DATA(&control.hdr) + i * sizeof(int), &fd, sizeof(fd));
	return sendmsg(socket, &m, MSG_NOSIGNAL | flags) == (ssize_t)bytes;
}

#endif
