// SPDX-License-Identifier: GPL-2.0
/* slowdisk.c: preloaded into lguest-block without io_uring: each write takes 5 s, as of a disk that has to try again. */
#include <poll.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

ssize_t pwritev(int fd, const struct iovec *iov, int n, off_t at)
{
	const struct timespec five = { .tv_sec = 5 };

	ppoll(NULL, 0, &five, NULL);	/* a call that the sealed role may make */
	return syscall(SYS_pwritev, fd, iov, n, at, 0);
}
