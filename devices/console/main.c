// SPDX-License-Identifier: GPL-2.0
/*D:460
 * main.c: lguest-console, a virtio-console (virtio 1.2, 5.3) on one terminal, pty, file or Unix socket.
 *
 * It may: open what the command line names, before the sandbox, and move bytes afterwards (port.c). It may not:
 * see anything of the guest but the window of this device.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "devices/console/console.h"
#include "policy/policy.h"

POLICY_DECLARE(console);

enum { OPT_STDIO = 0x100, OPT_PTY, OPT_FILE, OPT_UNIX, OPT_CARRY, OPT_LIMIT };

static const struct option options[] = {
	{ "stdio", no_argument, NULL, OPT_STDIO },
	{ "pty", no_argument, NULL, OPT_PTY },
	{ "file", required_argument, NULL, OPT_FILE },
	{ "unix", required_argument, NULL, OPT_UNIX },
	{ "carry-fd", required_argument, NULL, OPT_CARRY },
	{ "limit", required_argument, NULL, OPT_LIMIT },
	{ 0 }
};

/* Output that outlives this process: mapped now, and the descriptor closed; the sandbox never hears of it. */
static int map_carried(struct backend *be, struct console *con, const char *arg)
{
	int fd = backend_number(be, "carry-fd", arg, 0, INT32_MAX);
	struct stat st;
	void *at;

	if (fd < 0)
		return -EINVAL;
	at = fstat(fd, &st) || st.st_size < (off_t)sizeof(*con->out) ? MAP_FAILED :
	     mmap(NULL, sizeof(*con->out), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED) {
		backend_fail(be, "--carry-fd=%s is not a memfd of at least %zu bytes", arg, sizeof(*con->out));
		return -EINVAL;
	}
	close(fd);
	con->out = at;
	return 0;
}

static int console_option(struct backend *be, int opt, const char *arg)
{
	struct console *con = backend_dev(be);
	int mib;

	switch (opt) {
	case OPT_STDIO:
		con->stdio = true;
		return 0;
	case OPT_PTY:
		con->pty = true;
		return 0;
	case OPT_FILE:
		con->file = arg;
		return 0;
	case OPT_UNIX:
		con->unix_path = arg;
		return 0;
	case OPT_CARRY:
		return map_carried(be, con, arg);
	case OPT_LIMIT:
		mib = backend_number(be, "limit", arg, 1, 1 << 20);
		con->limit = mib > 0 ? (uint64_t)mib << 20 : 0;
		return mib < 0 ? mib : 0;
	}
	return -EINVAL;
}

static int place(struct backend *be, int fd, int slot, const char *what)
{
	if (fd >= 0 && policy_place_fd(fd, slot) >= 0)
		return slot;
	backend_fail(be, "cannot open %s: %s", what, strerror(errno));
	return -1;
}

/*
 * A terminal must not block, and O_NONBLOCK on the inherited descriptor would be everybody's who shares it (the
 * user's shell): open it again. Where that is forbidden (after su) the shared one has to do.
 */
static int duplicate(int fd, int mode)
{
	char path[32];
	int own = -1;

	if (isatty(fd)) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		own = open(path, mode | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	}
	return own < 0 ? dup(fd) : own;
}

static int open_stdio(struct backend *be, struct console *con)
{
	if (isatty(STDIN_FILENO)) {
		int err = terminal_keep(con);

		if (err) {
			backend_fail(be, "cannot make the terminal raw: %s; try --pty", strerror(-err));
			return -1;
		}
		con->terminal = true;
	}
	con->in_fd = place(be, duplicate(STDIN_FILENO, O_RDONLY), POLICY_FD_RESOURCE, "standard input");
	con->out_fd = place(be, duplicate(STDOUT_FILENO, O_WRONLY), POLICY_FD_RESOURCE_OUT, "standard output");
	return con->in_fd < 0 || con->out_fd < 0 ? -1 : 0;
}

/*
 * The other end stays open here too: without it reading the pty is an error while nobody has opened it. It is made
 * raw, or it would echo what the guest prints back to the guest as if typed.
 */
static int open_pty(struct backend *be, struct console *con)
{
	int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK), other;
	struct termios t;
	char name[64];

	con->in_fd = con->out_fd = place(be, fd, POLICY_FD_RESOURCE, "a pty");
	if (con->in_fd < 0)
		return -1;
	if (grantpt(con->in_fd) || unlockpt(con->in_fd) || ptsname_r(con->in_fd, name, sizeof(name)))
		return place(be, -1, 0, "a pty");
	other = place(be, open(name, O_RDWR | O_NOCTTY | O_CLOEXEC), POLICY_FD_RESOURCE_OUT, name);
	if (other < 0 || tcgetattr(other, &t))
		return -1;
	cfmakeraw(&t);
	tcsetattr(other, TCSANOW, &t);
	backend_fail(be, "the console is on %s", name);
	return 0;
}

static int open_file(struct backend *be, struct console *con)
{
	int fd = open(con->file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0600);

	con->out_fd = place(be, fd, POLICY_FD_RESOURCE_OUT, con->file);
	return con->out_fd < 0 ? -1 : 0;
}

static int open_unix(struct backend *be, struct console *con)
{
	int fd = backend_listen(be, con->unix_path);

	if (fd < 0)
		return -1;
	con->listen.fd = place(be, fd, POLICY_FD_LISTEN, con->unix_path);
	return con->listen.fd < 0 ? -1 : 0;
}

static int console_open(struct backend *be)
{
	struct console *con = backend_dev(be);
	struct stat st;
	int r;

	con->be = be;
	if (con->stdio + con->pty + !!con->file + !!con->unix_path != 1) {
		backend_fail(be, "exactly one of --stdio, --pty, --file=PATH and --unix=PATH must be given");
		return BACKEND_USAGE;
	}
	if (con->stdio)
		r = open_stdio(be, con);
	else if (con->pty)
		r = open_pty(be, con);
	else if (con->file)
		r = open_file(be, con);
	else
		r = open_unix(be, con);
	if (r)
		return -EIO;
	/* Standard output may be a file or a FIFO as well. */
	if (con->out_fd >= 0 && !fstat(con->out_fd, &st)) {
		con->out_file = S_ISREG(st.st_mode);
		con->out_fifo = S_ISFIFO(st.st_mode);
	}
	backend_file_limit(be, !con->out_file ? 0 : con->limit ? con->limit : UINT64_MAX);
	backend_limit(be, con->size_known ? 1ull << VIRTIO_CONSOLE_F_SIZE : 0, CONSOLE_QUEUES);
	return 0;
}

static void console_get_config(struct backend *be, uint8_t *cfg)
{
	struct console *con = backend_dev(be);
	struct virtio_console_config c = { .cols = con->size.cols, .rows = con->size.rows, .max_nr_ports = 1 };

	memcpy(cfg, &c, sizeof(c));
}

static const char *const capabilities[] = { "stdio", "pty", "file", "unix", NULL };

static const struct backend_ops console_ops = {
	.name = "lguest-console",
	.type = "console",
	.capabilities = capabilities,
	.summary = "virtio-console back end",
	.usage =
		"  --stdio              standard input and output; a terminal is made raw, ^C three times leaves\n"
		"  --pty                a new pty, whose name is printed\n"
		"  --file=PATH          append the guest's output to PATH\n"
		"  --unix=PATH          listen there; one peer at a time\n"
		"  --limit=MIB          a file gets no longer than that; what comes behind is dropped and counted\n"
		"  --carry-fd=N         memfd inherited as N: output that a killed process had taken and not shown is shown by the next\n",
	.options = options,
	.role = &policy_console,
	.features = 1ull << VIRTIO_CONSOLE_F_SIZE,
	.queues = CONSOLE_QUEUES,
	.queue_unit = 1,
	.queue_size = CONSOLE_QUEUE_SIZE,
	.config_size = sizeof(struct virtio_console_config),
	.completions = 128,
	.option = console_option,
	.open = console_open,
	.start = console_start,
	.get_config = console_get_config,
	.queue_kick = console_kick,
	.queue_stop = console_queue_stop,
};

int main(int argc, char **argv)
{
	static struct console con;	/* without a value, or its 130 KiB would be part of the program, and in memory */

	con.in_fd = con.out_fd = con.conn = -1;
	return backend_main(argc, argv, &console_ops, &con);
}
