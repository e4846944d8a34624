// SPDX-License-Identifier: GPL-2.0
/*L:953
 * record.c: lguest-record, which stands between a front end and a back end and writes down what the back end receives (recording.h).
 *
 *	lguest-record --socket-path=PATH --backend=PATH --record=DIR [--max=MiB]
 *	lguest-record --fd=N --backend-fd=N --record-fd=N		as lguest-run --record starts it
 *
 * The back end is any vhost-user program, sealed as always: it gains no descriptor and no right. This file is the program: words, files and
 * connections, and the sandbox. What goes between the two ends is carry.c's, their memory mirror.c's, and the file out.c's.
 *
 * It may open and make what the command line names, and is sealed (manifest.c) before it reads a byte of either end.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "policy/policy.h"
#include "policy/printed.h"
#include "record/carry.h"
#include "record/out.h"
#include "record/recording.h"
#include "run/folder.h"
#include "run/text.h"
#include "version.h"

#define MAX_MIB (1u << 20)
#define PARKED_FD 64

POLICY_DECLARE(record);

/**
 * struct command - what the command line said, and what was opened for it
 * @listen_at, @backend, @dir: started by hand
 * @front, @back, @file, @drain: started by lguest-run, which has opened all of it; -1: not said
 * @max: bytes that the recording may have
 */
struct command {
	const char *listen_at, *backend, *dir;
	int front, back, file, drain;
	uint64_t max;
	bool verbose;
	struct policy_options policy;
};

static void say(const char *what, const char *object, int err)
{
	fprintf(stderr, "lguest-record: %s %s: %s\n", what, object, strerror(err));
}

/* What a start that ends without a recording takes away again: the next one would find it. -1 and NULL: nothing. */
static struct {
	int folder;		/* with "recording" in it */
	const char *socket;	/* where a front end is waited for */
} made = { .folder = -1 };

static void take_away(void)
{
	if (made.socket)
		unlink(made.socket);
	if (made.folder >= 0)
		unlinkat(made.folder, "recording", 0);
}

static void end_of_start(int sig)
{
	take_away();
	raise(sig);
}

static const int ends[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT };

static void on_ends(void (*handler)(int))
{
	struct sigaction act = { .sa_handler = handler, .sa_flags = (int)SA_RESETHAND }, old;

	for (unsigned int i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (!sigaction(ends[i], NULL, &old) && old.sa_handler != SIG_IGN)	/* nohup's stays */
			sigaction(ends[i], &act, NULL);
}

/* While something is made and not yet noted. @how: SIG_BLOCK or SIG_UNBLOCK */
static void hold_ends(int how)
{
	sigset_t set;

	sigemptyset(&set);
	for (unsigned int i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		sigaddset(&set, ends[i]);
	sigprocmask(how, &set, NULL);
}

/* Return: 0 or -errno; it is noted. */
static int bind_at(int fd, const struct sockaddr_un *a, const char *path)
{
	int err;

	hold_ends(SIG_BLOCK);
	err = bind(fd, (const struct sockaddr *)a, sizeof(*a)) ? -errno : 0;
	made.socket = err ? NULL : path;
	hold_ends(SIG_UNBLOCK);
	return err;
}

/* Return: a connection, or -errno. */
static int wait_at(int fd, const struct sockaddr_un *a, const char *path)
{
	int conn, err = bind_at(fd, a, path);

	if (err)
		return err;
	conn = listen(fd, 1) ? -1 : accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	err = -errno;
	unlink(path);
	made.socket = NULL;
	return conn < 0 ? err : conn;
}

static int unix_socket(const char *path, bool listening)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), conn;

	if (strlen(path) >= sizeof(a.sun_path))
		return -ENAMETOOLONG;
	memcpy(a.sun_path, path, strlen(path) + 1);
	if (!listening)
		return connect(fd, (struct sockaddr *)&a, sizeof(a)) ? -errno : fd;
	conn = wait_at(fd, &a, path);
	close(fd);
	return conn;
}

static int give_up(const char *what, const char *object, int err)
{
	say(what, object, err);
	take_away();
	return 1;
}

static bool set_max(struct command *c, const char *text)
{
	uint64_t mib;

	if (!text_number(text, MAX_MIB, &mib) || !mib) {
		fprintf(stderr, "lguest-record: --max=%s is not a number of MiB from 1 to %u\n", text, MAX_MIB);
		return false;
	}
	c->max = mib << 20;
	return true;
}

static int usage(FILE *to, int status)
{
	fputs("usage: lguest-record --socket-path=PATH --backend=PATH --record=DIR [OPTION...]\n"
	      "  --socket-path=PATH  listen there for one front end; --fd=N: the connected socket inherited as N\n"
	      "  --backend=PATH      where the back end listens; --backend-fd=N: likewise\n"
	      "  --record=DIR        make DIR/recording, which must not be there; --record-fd=N: write the empty file inherited as N\n"
	      "  --max=MiB           its size at most (256; up to 1048576); the guest goes on without it\n"
	      "  --drain-fd=N        pipe end inherited as N: it hangs up when this program is gone\n"
	      "  --require=WHAT      all, namespaces or none: layers of the sandbox without which it does not start (none)\n"
	      "  --user=UID          started by root: the user and group that it runs as, not one of its own\n"
	      "  --verbose           say which layers of the sandbox are on\n"
	      "  --print-policy      its sandbox: system calls, descriptors, limits\n"
	      "  --help, --version\n", to);
	return status;
}

/* Inherited descriptors may sit at numbers of our table (policy/fds.h): they are moved out of the way first. */
static bool inherited(int *fd)
{
	uint64_t n;

	if (text_number(optarg, INT32_MAX, &n))
		*fd = fcntl((int)n, F_DUPFD_CLOEXEC, PARKED_FD);
	if (*fd < 0)
		fprintf(stderr, "lguest-record: %s is not an open descriptor of this process\n", optarg);
	return *fd >= 0;
}

/* Return: 0: go on, or 1 + the exit status. */
static int one_option(struct command *c, int opt)
{
	uint64_t n;

	switch (opt) {
	case 's': c->listen_at = optarg; return 0;
	case 'b': c->backend = optarg; return 0;
	case 'r': c->dir = optarg; return 0;
	case 'S': return inherited(&c->front) ? 0 : 3;
	case 'B': return inherited(&c->back) ? 0 : 3;
	case 'R': return inherited(&c->file) ? 0 : 3;
	case 'D': return inherited(&c->drain) ? 0 : 3;
	case 'm': return set_max(c, optarg) ? 0 : 3;
	case 'V': c->verbose = true; return 0;
	case 'q': return policy_parse_require(optarg, &c->policy.require) ? 1 + usage(stderr, 2) : 0;
	case 'u':
		if (!text_number(optarg, INT32_MAX, &n) || !n)
			return 1 + usage(stderr, 2);
		c->policy.user = (uid_t)n;
		return 0;
	case 'p': policy_print(&policy_record, stdout); return 1 + !printed("lguest-record");
	case 'v': puts("lguest-record " LGUEST_VERSION); return 1 + !printed("lguest-record");
	case 'h': usage(stdout, 0); return 1 + !printed("lguest-record");
	default: return 1 + usage(stderr, 2);
	}
}

static int parse(struct command *c, int argc, char **argv)
{
	static const struct option options[] = {
		{ "socket-path", 1, NULL, 's' }, { "backend", 1, NULL, 'b' }, { "record", 1, NULL, 'r' }, { "max", 1, NULL, 'm' },
		{ "fd", 1, NULL, 'S' }, { "backend-fd", 1, NULL, 'B' }, { "record-fd", 1, NULL, 'R' }, { "drain-fd", 1, NULL, 'D' },
		{ "require", 1, NULL, 'q' }, { "user", 1, NULL, 'u' }, { "verbose", 0, NULL, 'V' }, { "print-policy", 0, NULL, 'p' },
		{ "help", 0, NULL, 'h' }, { "version", 0, NULL, 'v' }, { 0 }
	};
	int opt, r;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		r = one_option(c, opt);
		if (r)
			return r;
	}
	if (optind != argc || !c->listen_at == (c->front < 0) || !c->backend == (c->back < 0) || !c->dir == (c->file < 0))
		return 1 + usage(stderr, 2);
	return 0;
}

static int make_file(struct command *c)
{
	int folder;

	hold_ends(SIG_BLOCK);
	c->file = folder_make_file(c->dir, "recording", &folder);
	made.folder = c->file < 0 ? -1 : folder;
	hold_ends(SIG_UNBLOCK);
	return c->file < 0 ? c->file : 0;
}

/* Return: 0, or the exit status after a sentence. First what can fail, the file and the back end; then the one front end is waited for. */
static int open_all(struct command *c)
{
	int err = c->dir ? make_file(c) : 0;

	if (err)
		return give_up("cannot make a recording in", c->dir, -err);
	err = out_head(c->file);
	if (err)
		return give_up("cannot write", "the recording", -err);
	if (c->backend)
		c->back = unix_socket(c->backend, false);
	if (c->back < 0)
		return give_up("cannot reach the back end at", c->backend, -c->back);
	if (c->listen_at)
		c->front = unix_socket(c->listen_at, true);
	if (c->front < 0)
		return give_up("cannot listen at", c->listen_at, -c->front);
	return 0;
}

/* All at its number, out of the way of the others' first. Return: 0 or -errno. */
static int place_all(const struct command *c)
{
	const struct { int fd, slot; } want[] = { { c->front, POLICY_FD_CONTROL }, { c->file, POLICY_FD_RESOURCE }, { c->back, POLICY_FD_RESOURCE_OUT },
						  { c->drain, POLICY_FD_DRAIN } };
	int high[4], err = 0;

	for (unsigned int i = 0; i < 4; i++) {
		high[i] = want[i].fd < 0 ? -1 : fcntl(want[i].fd, F_DUPFD_CLOEXEC, PARKED_FD);
		if (want[i].fd >= 0)
			close(want[i].fd);
	}
	for (unsigned int i = 0; i < 4 && err >= 0; i++)
		if (want[i].fd >= 0)
			err = policy_place_fd(high[i], want[i].slot);
	return err < 0 ? err : 0;
}

/* Return: 0 or the exit status, in the sandbox and sealed. */
static int enter(struct command *c)
{
	unsigned int layers = 0;
	int err = place_all(c);

	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	carry_begin();
	if (!err)
		err = out_begin(POLICY_FD_RESOURCE, c->max);
	if (err)
		return give_up("cannot use", "its descriptors", -err);
	c->policy.file_size = c->max > REC_MEMORY_MAX ? c->max : REC_MEMORY_MAX;	/* memory is files too */
	policy_share_user(c->policy.user);
	err = policy_enter(&policy_record, &c->policy, &layers);
	if (!err && c->verbose)
		policy_report(&policy_record, layers, stderr);
	if (!err)
		err = policy_seal(&policy_record);
	if (!err)
		return 0;
	say("cannot make", "its sandbox", -err);
	return 1;	/* what was made stays: nothing can be removed in there */
}

/*L:954
 * The order is the point. Whatever is opened, is opened by the first call; behind the second nothing more can be, and only then a byte of either end
 * is read: a front end or a back end that takes this program over has two connections, which it had, and a file to which it can write.
 */
int main(int argc, char **argv)
{
	struct command c = { .front = -1, .back = -1, .file = -1, .drain = -1, .max = 256ull << 20 };
	int r = parse(&c, argc, argv);

	if (r)
		return r - 1;
	on_ends(end_of_start);
	r = open_all(&c);
	on_ends(SIG_DFL);
	if (!r)
		r = enter(&c);
	if (r)
		return r;
	r = carry(POLICY_FD_CONTROL, POLICY_FD_RESOURCE_OUT);
	if (r != -ECONNRESET && r != -EPIPE && r != -EFAULT)
		fprintf(stderr, "lguest-record: the connection ended: %s\n", strerror(-r));
	return r == -ECONNRESET || r == -EPIPE ? 0 : 3;
}
