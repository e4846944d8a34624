// SPDX-License-Identifier: GPL-2.0
/*
 * loop4k.c: loop4k FILE: a loop device of 4096-byte sectors on FILE; prints its name. In the test host, whose losetup knows no sectors.
 */
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <sys/ioctl.h>

int main(int argc, char **argv)
{
	struct loop_config c = { .block_size = 4096 };
	int control = open("/dev/loop-control", O_RDWR), n = ioctl(control, LOOP_CTL_GET_FREE), fd;
	int file = argc == 2 ? open(argv[1], O_RDWR) : -1;
	char name[32];

	snprintf(name, sizeof(name), "/dev/loop%d", n);
	fd = open(name, O_RDWR);
	c.fd = (unsigned int)file;
	if (n < 0 || file < 0 || fd < 0 || ioctl(fd, LOOP_CONFIGURE, &c)) {
		perror("loop4k");
		return 1;
	}
	puts(name);
	return 0;
}
