// SPDX-License-Identifier: GPL-2.0
/*
 * pidfd PID: takes every descriptor from 0 to 63 of that process, as whoever runs it: what of a guest's another process of some user could have. Runs in
 * the Debian of systemd.sh, static. Status 0: it got one, and says which; 1: none, and the process is there; 2: it could not try.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int pidfd = argc == 2 ? (int)syscall(SYS_pidfd_open, atoi(argv[1]), 0) : -1;

	if (pidfd < 0) {
		perror("pidfd_open");
		return 2;
	}
	for (int fd = 0; fd < 64; fd++) {
		if (syscall(SYS_pidfd_getfd, pidfd, fd, 0) >= 0) {
			printf("descriptor %d of %s\n", fd, argv[1]);
			return 0;
		}
		if (errno != EPERM && errno != EBADF) {
			perror("pidfd_getfd");
			return 2;
		}
	}
	return 1;
}
