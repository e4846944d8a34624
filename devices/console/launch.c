// SPDX-License-Identifier: GPL-2.0
/*D:525
 * launch.c: what lguest-run does for a console: it opens where the guest's output goes, and keeps the memory in which output
 * waits that was taken and not shown.
 * It runs in lguest-run, with the user's rights and outside any sandbox (run/kind.h). It may open, or
 * make, the file that the user named. It neither reads nor writes there, nor looks into that memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ipc/exit.h"
#include "devices/console/carry.h"
#include "policy/fds.h"
#include "run/child.h"
#include "run/file.h"
#include "run/launch.h"
#include "run/say.h"
#include "run/text.h"

static bool is_stdio(const struct role *r)
{
	return !strcmp(r->path, "stdio");
}

/*
 * A job in the background of its terminal: the console's process has a session of its own, so that no SIGTTOU stops it there; the shell and the
 * guest would both read what is typed, with the terminal raw.
 */
static bool in_background(void)
{
	pid_t owner = tcgetpgrp(STDIN_FILENO);

	return owner > 0 && owner != getpgrp();
}

/* Standard output, or the file that was named. A FIFO must not hold us. Return: 0 or -errno. */
static int open_output(struct role *r)
{
	if (!is_stdio(r))
		return file_open(r->path, O_WRONLY | O_APPEND | O_NONBLOCK, 0600, r->check, &r->resource[1]);
	r->resource[1] = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, FD_FLOOR);
	return r->resource[1] < 0 ? -errno : 0;
}

static int console_open(struct role *r)
{
	bool stdio = is_stdio(r);
	int err;

	if (stdio && in_background()) {
		complain("this is a background job of the terminal that the guest's console would take: start it in the foreground, or say --console "
			 "none or --console FILE");
		return EXIT_HOST;
	}
	r->resource[0] = stdio ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, FD_FLOOR) : fd_open("/dev/null", O_RDONLY);
	err = r->resource[0] < 0 ? -errno : open_output(r);
	if (!err)
		return 0;
	errno = -err;
	complain("cannot open the console %s: %m%s", r->path, errno == ENXIO ? " (nobody reads this FIFO: start its reader first)" : text_remedy(errno));
	return stdio ? EXIT_HOST : EXIT_FILE;
}

/*
 * The guest is told that its output is taken when it lies there, so it must outlive the process. Sealed: a process that cut it
 * would kill the next one that touches it.
 */
static int make_carry(void)
{
	int low = memfd_create("lguest-console-out", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (low >= 0 && (ftruncate(low, sizeof(struct console_out)) || fcntl(low, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)))
		fd_close(&low);
	return fd_lift(low);
}

static void console_args(struct role *r, struct child *c)
{
	child_arg(c, "--stdio");
	if (role_key(r, "limit"))
		child_option(c, "--limit=%s", role_key(r, "limit"));
	child_give(c, r->resource[0], STDIN_FILENO);
	child_give(c, r->resource[1], STDOUT_FILENO);
	if (!r->kept)
		r->kept = make_carry();	/* without: what a killed console had not shown is lost */
	if (r->kept > 0) {
		child_option(c, "--carry-fd=%d", POLICY_FD_KEPT);
		child_give(c, r->kept, POLICY_FD_KEPT);
	}
}

static void console_holds(const struct role *r)
{
	puts(is_stdio(r) ? "standard input and output of this terminal" : r->path);
}

const struct kind_launch console_launch = { .ring = true, .open = console_open, .args = console_args, .holds = console_holds };
