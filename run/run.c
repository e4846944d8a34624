// SPDX-License-Identifier: GPL-2.0
/*L:100
 * run.c: lguest-run, the program that people start: it reads the command line, opens every resource, starts the
 * core and one process for each device, and watches them until the guest ends.
 *
 * It holds the terminal, the resources and its children. It never looks at the guest or at what a device moves.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "core/exit.h"
#include "run/launch.h"
#include "run/text.h"

static int open_log(const struct launch *l)
{
	int fd;

	if (!l->log)
		return 0;
	fd = open(l->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || dup2(fd, STDERR_FILENO) < 0) {
		complain("cannot write the log %s: %m%s", l->log, text_remedy(errno));
		return EXIT_FILE;
	}
	close(fd);
	return 0;
}

/* A lock tells a living owner from a file that a killed one left. No link is followed: the folder may be anyone's. */
static int write_pidfile(const struct launch *l)
{
	int fd;

	if (!l->pidfile)
		return 0;
	fd = open(l->pidfile, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0) {
		complain("cannot write the pidfile %s: %m%s", l->pidfile, text_remedy(errno));
		return EXIT_FILE;
	}
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		complain("the pidfile %s belongs to another lguest-run that still runs: name another, or end that one", l->pidfile);
		return EXIT_FILE;
	}
	if (ftruncate(fd, 0) || dprintf(fd, "%d\n", getpid()) < 0) {
		complain("cannot write the pidfile %s: %m%s", l->pidfile, text_remedy(errno));
		return EXIT_FILE;
	}
	return 0;
}

static void remove_pidfile(const struct launch *l)
{
	if (l->pidfile)
		unlink(l->pidfile);
}

/* Descriptors 0 to 2 must be taken, or a file of ours would land there and be written to as if it were a terminal. */
static void fill_standard_fds(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int main(int argc, char **argv)
{
	static struct launch l;
	int status;

	fill_standard_fds();
	status = options_parse(&l, argc, argv);
	if (status)
		return status < 0 ? 0 : status;
	if (l.explain) {
		explain(&l);
		return 0;
	}
	status = open_log(&l);
	if (!status)
		status = resources_open(&l);
	if (!status)
		status = write_pidfile(&l);
	if (status)
		return status;
	if (l.check) {
		printf("lguest-run: everything that %s needs is there\n", l.name);
		remove_pidfile(&l);
		return 0;
	}
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	status = supervise(&l);
	remove_pidfile(&l);
	return status;
}
