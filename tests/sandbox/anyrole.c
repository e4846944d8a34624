// SPDX-License-Identifier: GPL-2.0
/*
 * anyrole.c: what the loop does for every role, once: windows that come and go, a queue that starts, stops, breaks and starts
 * again, a call and an error eventfd, and the end. Any rule of the loop that a role lacks fails here.
 *
 *	anyrole PROGRAM OPTION...
 *
 * Test code. Exit status 0, or 1 with the step that failed.
 */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/blkdrv.h"

#define SIZE 65536u

static void want(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "anyrole: %s\n", what);
	exit(1);
}

/* Descriptors that the role holds: what it gives back must be closed. */
static int held(pid_t minder)
{
	char path[64];
	int n = 0, pid = 0;
	FILE *f;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)minder, (int)minder);
	f = fopen(path, "r");
	want(f && fscanf(f, "%d", &pid) == 1, "no role behind the minder");
	fclose(f);
	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	want(dir, "its descriptors can't be seen: run as root");
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static int window(void)
{
	int fd = memfd_create("window", MFD_CLOEXEC);

	want(fd >= 0 && !ftruncate(fd, SIZE), "memfd");
	return fd;
}

static bool signalled(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 3000) == 1;
}

int main(int argc, char **argv)
{
	struct vu_fe_region r = { .gpa = 0x100000000ull, .size = SIZE, .uaddr = 0x7000000000ull, .fd = window() };
	struct vu_fe_region extra = { .gpa = 0x900000000ull, .size = SIZE, .uaddr = 0x8000000000ull, .fd = window() };
	struct vu_fe_vring v = { .num = 16, .desc = r.uaddr, .avail = r.uaddr + 4096, .used = r.uaddr + 8192,
				 .enabled = true };
	struct drv_child be = { .drained = true, .quiet = true };
	const char *args[16] = { 0 };
	static struct vu_fe fe;
	uint16_t *avail;
	int fd, status, before;

	for (int i = 1; i < argc && i < 12; i++)
		args[i - 1] = argv[i];
	fd = drv_spawn(&be, args);
	want(fd >= 0 && !vu_fe_open(&fe, fd, ~0ull, 10000), "no handshake");
	want(!vu_fe_set_features(&fe, fe.features & (1ull << 32)), "features");
	want(!vu_fe_add_region(&fe, &r), "a window");
	before = held(be.pid);
	want(!vu_fe_add_region(&fe, &extra) && !vu_fe_remove_region(&fe, extra.gpa), "a second window and its end");
	want(held(be.pid) == before, "a window's descriptor stays open");

	v.kick = eventfd(0, EFD_NONBLOCK);
	v.call = eventfd(0, EFD_NONBLOCK);
	v.err = eventfd(0, EFD_NONBLOCK);
	want(!vu_fe_vring_start(&fe, 0, &v), "a queue starts");
	want(!vu_fe_vring_stop(&fe, 0, NULL), "a queue stops");
	/* A jump of the avail index breaks a queue that the driver sends on: the error eventfd says so. */
	avail = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, r.fd, 0);
	want(avail != MAP_FAILED, "mmap");
	avail[2048 + 1] = 1000;
	want(!vu_fe_vring_start(&fe, strstr(argv[1], "block") ? 0 : 1, &v), "a queue starts again");
	want(eventfd_write(v.kick, 1) == 0 && signalled(v.err), "no signal for a broken queue");
	vu_fe_close(&fe);
	want(waitpid(be.pid, &status, 0) == be.pid && WIFEXITED(status) && !WEXITSTATUS(status), "the role's own end");
	return 0;
}
