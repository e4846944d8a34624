// SPDX-License-Identifier: GPL-2.0
/* abstract.c: a socket of the host without a file, from both sides. Test code; see abstract.h. */
#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/sandbox/abstract.h"

static struct sockaddr_un name;
static socklen_t name_len;

int abstract_host(void)
{
	const struct sockaddr_un any = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	name_len = sizeof(name);
	if (fd >= 0 && !bind(fd, (const struct sockaddr *)&any, sizeof(any.sun_family)) &&
	    !getsockname(fd, (struct sockaddr *)&name, &name_len))
		return fd;
	return -errno;
}

long abstract_reach(void)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	if (fd < 0)
		return -errno;
	return connect(fd, (const struct sockaddr *)&name, name_len) ? -errno : 0;
}
