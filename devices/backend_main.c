// SPDX-License-Identifier: GPL-2.0
/*D:300
 * backend_main.c: the program around a device: options as the vhost-user back-end conventions name them, the
 * connection, the sandbox, then the loop (backend.c).
 *
 * It may: open what the command line names, before policy_enter(). It may not: read a byte of the peer before
 * policy_seal(). With --socket-path (or a listening --fd) this process stays outside to accept one front
 * end after another, and each connection gets a child of its own: nothing that one front end did outlives it.
 */
#include <errno.h>
#include <poll.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "devices/backend_internal.h"
#include "devices/each.h"
#include "ipc/exit.h"
#include "policy/policy.h"
#include "policy/printed.h"
#include "version.h"

enum { OPT_SOCKET = 1, OPT_FD, OPT_CAPABILITIES, OPT_POLICY, OPT_NO_RING, OPT_DRAIN, OPT_REQUIRE, OPT_USER, OPT_VERBOSE, OPT_HELP, OPT_VERSION, OPT_INTERFACE };

#define MAX_OPTIONS 32u
#define PAGE 4096u
#define NOBODY 0x7ffffffeu	/* a user without rights, and without a ring yet, as the one that a role of root's will be */
#define PARKED_FD 64 /* beyond the table of policy.h */

static const struct option common_options[] = {
	{ "socket-path", required_argument, NULL, OPT_SOCKET },
	{ "fd", required_argument, NULL, OPT_FD },
	{ "print-capabilities", no_argument, NULL, OPT_CAPABILITIES },
	{ "print-policy", no_argument, NULL, OPT_POLICY },
	{ "no-io-uring", no_argument, NULL, OPT_NO_RING },
	{ "drain-fd", required_argument, NULL, OPT_DRAIN },
	{ "require", required_argument, NULL, OPT_REQUIRE },
	{ "user", required_argument, NULL, OPT_USER },
	{ "verbose", no_argument, NULL, OPT_VERBOSE },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ "role-interface", no_argument, NULL, OPT_INTERFACE },
};
#define COMMON (sizeof(common_options) / sizeof(common_options[0]))

/* What the command line said. */
struct command {
	const char *socket_path;
	int fd;
	int listener;
	int drain;
	bool no_ring;
	bool verbose;
	bool required;		/* --require was said */
	struct policy_options policy;
};

void backend_fail(struct backend *be, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s: ", be->ops->name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

void backend_each(struct backend *be, void (*fn)(struct backend *be))
{
	be->each = fn;
}

void backend_file_limit(struct backend *be, uint64_t bytes)
{
	be->file_limit = bytes;
}

int backend_fixed_file(struct backend *be, int fd)
{
	if (be->fixed_n == sizeof(be->fixed) / sizeof(be->fixed[0]))
		return -ENOSPC;
	be->fixed[be->fixed_n] = fd;
	return (int)be->fixed_n++;
}

static void help(const struct backend_ops *ops)
{
	printf("usage: %s (--socket-path=PATH | --fd=N) [options]\n%s\n\n"
	       "  --socket-path=PATH   listen there; serve one front end after another\n"
	       "  --fd=N               serve the connected (or listening) socket inherited as N\n"
	       "%s"
	       "  --drain-fd=N         pipe end inherited as N: it hangs up once the last i/o of a killed role is over\n"
	       "  --require=WHAT       all, namespaces or none: layers of the sandbox without which it does not start (none)\n"
	       "  --user=UID           started by root: the user and group that it runs as, not one of its own\n"
	       "  --verbose            say which layers of the sandbox are on\n"
	       "%s"
	       "  --print-capabilities what this program can do, as JSON\n"
	       "  --print-policy       its sandbox: system calls, descriptors, limits\n"
	       "  --help, --version\n\n"
	       "Exit status: 0 the front end hung up, 1 a resource is missing, 2 wrong usage, 3 the front end\n"
	       "broke the protocol; %s(1) has the others.\n", ops->name, ops->summary, ops->usage,
	       ops->role_poll ? "  --no-io-uring        use plain system calls, as on hosts that forbid io_uring\n" : "", ops->name);
}

static void capabilities(const struct backend_ops *ops)
{
	printf("{\n  \"type\": \"%s\",\n  \"features\": [", ops->type);
	for (const char *const *c = ops->capabilities; c && *c; c++)
		printf("%s\"%s\"", c == ops->capabilities ? "" : ", ", *c);
	printf("]\n}\n");
}

/* Return: 1 + the exit status of who was only to print. */
static int shown(const struct backend *be)
{
	return 1 + (printed(be->ops->name) ? 0 : ROLE_RESOURCE);
}

static unsigned int all_options(const struct backend_ops *ops, struct option *all)
{
	unsigned int n = 0;

	memcpy(all, common_options, sizeof(common_options));
	for (const struct option *o = ops->options; o && o->name && n + COMMON + 1 < MAX_OPTIONS; o++)
		all[COMMON + n++] = *o;
	memset(&all[COMMON + n], 0, sizeof(*all));
	return n;
}

/* Inherited descriptors may sit at numbers of our table (policy.h): move them out of the way first. */
static int inherited(struct backend *be, const char *option, int *fd)
{
	int n = backend_number(be, option, optarg, 0, INT32_MAX);

	if (n < 0)
		return 1 + ROLE_USAGE;
	*fd = fcntl(n, F_DUPFD_CLOEXEC, PARKED_FD);
	if (*fd >= 0)
		return 0;
	backend_fail(be, "--%s=%s is not an open descriptor of this process", option, optarg);
	return 1 + ROLE_USAGE;
}

/* Return: 0 = go on, or 1 + the exit status. */
static int one_option(struct backend *be, struct command *cmd, int opt)
{
	switch (opt) {
	case OPT_SOCKET:
		cmd->socket_path = optarg;
		return 0;
	case OPT_FD:
		return inherited(be, "fd", &cmd->fd);
	case OPT_DRAIN:
		return inherited(be, "drain-fd", &cmd->drain);
	case OPT_CAPABILITIES:
		capabilities(be->ops);
		return shown(be);
	case OPT_POLICY:
		/* After --no-io-uring: that of the other engine. */
		policy_print(cmd->no_ring && be->ops->role_poll ? be->ops->role_poll : be->ops->role, stdout);
		return shown(be);
	case OPT_NO_RING:
		cmd->no_ring = true;
		return 0;
	case OPT_VERBOSE:
		cmd->verbose = true;
		return 0;
	case OPT_REQUIRE:
		cmd->required = true;
		if (!policy_parse_require(optarg, &cmd->policy.require))
			return 0;
		backend_fail(be, "--require=%s is not one of all, namespaces, none", optarg);
		return 1 + ROLE_USAGE;
	case OPT_USER:
		cmd->policy.user = (uid_t)backend_number(be, "user", optarg, 1, INT32_MAX);
		if ((int)cmd->policy.user < 0)
			return 1 + ROLE_USAGE;
		policy_share_user(cmd->policy.user);
		return 0;
	case OPT_HELP:
		help(be->ops);
		return shown(be);
	case OPT_VERSION:
		printf("%s " LGUEST_VERSION "\n", be->ops->name);
		return shown(be);
	case OPT_INTERFACE:
		printf("%s " LGUEST_VERSION " %u\n", be->ops->name, ROLE_INTERFACE);
		return shown(be);
	case '?':
		fprintf(stderr, "Try '%s --help'.\n", be->ops->name);
		return 1 + ROLE_USAGE;
	default:
		return be->ops->option && !be->ops->option(be, opt, optarg) ? 0 : 1 + ROLE_USAGE;
	}
}

static int parse(struct backend *be, struct command *cmd, int argc, char **argv)
{
	struct option all[MAX_OPTIONS];
	int opt, r;

	all_options(be->ops, all);
	while ((opt = getopt_long(argc, argv, "", all, NULL)) != -1) {
		r = one_option(be, cmd, opt);
		if (r)
			return r;
	}
	if (optind != argc) {
		backend_fail(be, "'%s' is not an option; try '%s --help'", argv[optind], be->ops->name);
		return 1 + ROLE_USAGE;
	}
	if (!cmd->socket_path == (cmd->fd < 0)) {
		backend_fail(be, "one of --socket-path=PATH and --fd=N must be given");
		return 1 + ROLE_USAGE;
	}
	return 0;
}

/* The convention's --fd is a connection, virtiofsd's a listening socket: take either. */
static int find_socket(struct backend *be, struct command *cmd)
{
	socklen_t len = sizeof(int);
	int listening = 0;

	if (cmd->socket_path) {
		cmd->listener = backend_listen(be, cmd->socket_path);
		if (cmd->listener >= 0)
			cmd->listener = policy_place_fd(cmd->listener, PARKED_FD - 1);
		return cmd->listener < 0 ? -1 : 0;
	}
	if (getsockopt(cmd->fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len)) {
		backend_fail(be, "--fd=%d is not a socket", cmd->fd);
		return -1;
	}
	if (listening) {
		cmd->listener = cmd->fd;
		cmd->fd = -1;
	}
	return 0;
}

/* Nothing can be made once sealed, so the file for in-flight records is made now, for the largest shape. */
static int make_inflight(struct backend *be)
{
	struct vu_session *s = &be->session;
	int fd = memfd_create("lguest-inflight", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	s->inflight_size = s->queues * vq_inflight_size(s->queue_size);
	s->inflight_size = (s->inflight_size + PAGE - 1) & ~(size_t)(PAGE - 1);
	if (fd < 0 || ftruncate(fd, (off_t)s->inflight_size) ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)) {
		backend_fail(be, "cannot make the in-flight record: %s%s", strerror(errno),
			     errno == EFBIG ? "; it is a file for the limit of file size: raise it (ulimit -f)" : "");
		return -1;
	}
	s->inflight_fd = policy_place_fd(fd, POLICY_FD_INFLIGHT);
	return s->inflight_fd < 0 ? -1 : 0;
}

/* A user namespace may have no such user; its root has none of root's rights there, and is asked itself. */
static void __attribute__((noreturn)) probe_as_nobody(const struct backend *be)
{
	(void)!setgroups(0, NULL);
	(void)!setresgid(NOBODY, NOBODY, NOBODY);
	(void)!setresuid(NOBODY, NOBODY, NOBODY);
	_exit(-backend_ring_probe(be));
}

/*
 * Where kernel.io_uring_disabled is 1 root may make a ring, and the user that the role will be may not; and newer kernels (seen on 6.18) count
 * a ring against the limit of locked memory of its user, but not root's. So such a user is asked, in a child. What other rings of that user
 * leave is known when the ring is made.
 */
static int probe_ring(const struct backend *be)
{
	int status;
	pid_t pid;

	if (geteuid())
		return backend_ring_probe(be);
	pid = fork();
	if (!pid)
		probe_as_nobody(be);
	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? -WEXITSTATUS(status) : backend_ring_probe(be);
}

/* Why there is no ring, with the limit by its name. */
static const char *ring_error(int err)
{
	static char text[160];
	struct rlimit limit;

	if (err != -ENOMEM || getrlimit(RLIMIT_MEMLOCK, &limit) || limit.rlim_cur == RLIM_INFINITY)
		return strerror(-err);
	snprintf(text, sizeof(text), "%s: the limit of locked memory, ulimit -l, is %llu KiB for all rings of its user", strerror(-err),
		 (unsigned long long)limit.rlim_cur >> 10);
	return text;
}

/*
 * Whether the host allows a ring is found out before the sandbox, since the manifest depends on it. The ring
 * itself is made inside: it belongs to the process that will use it.
 */
static const struct policy_role *choose_engine(struct backend *be, const struct command *cmd)
{
	int err = cmd->no_ring ? -EPERM : probe_ring(be);

	if (!err) {
		be->engine = &backend_engine_ring;
		if (be->ops->spins)
			backend_spin_init(be);
		return be->ops->role;
	}
	if (!be->ops->role_poll && cmd->no_ring) {
		backend_fail(be, "--no-io-uring: this device works on io_uring only; leave the option out");
		return NULL;
	}
	if (!be->ops->role_poll) {
		backend_fail(be, "this host refuses io_uring (%s), which the device needs; %s", ring_error(err),
			     err == -ENOMEM ? "raise that limit" : "see kernel.io_uring_disabled");
		return NULL;
	}
	backend_fail(be, "runs without io_uring (%s)", cmd->no_ring ? "--no-io-uring" : ring_error(err));
	be->engine = &backend_engine_poll;
	/* It works a request at a time, and cannot promise an answer meanwhile: it does not offer to be asked for its status. */
	be->session.offer_protocol &= ~VU_P_STATUS;
	return be->ops->role_poll;
}

bool backend_will_ring(const struct backend *be)
{
	return be->engine == &backend_engine_ring;
}

static int make_ring(struct backend *be, const struct policy_role *role)
{
	int err = backend_ring_open(be);

	if (!err && be->fixed_n)
		err = io_uring_register_files(&be->ring, be->fixed, be->fixed_n);
	if (!err)
		err = policy_ring_restrict(role, POLICY_FD_RING);
	if (err < 0)
		backend_fail(be, "cannot make its io_uring: %s; %s%s", ring_error(err),
			     err == -ENOMEM ? "raise that limit" : "see kernel.io_uring_disabled",
			     be->ops->role_poll ? ", or use --no-io-uring" : "");
	return err;
}

/*D:340
 * We are the child that policy_enter() or policy_spawn() has left in the sandbox. The ring is made and restricted, the
 * device sets up what it will need, and policy_seal() takes away the rest. The first byte of the front end is read in
 * backend_serve(), after that line and never before it. How the walls are built is the last part of this chapter.
 */
/* Inside the sandbox, to the end of the connection. */
static int serve(struct backend *be, const struct command *cmd, const struct policy_role *role, unsigned int layers)
{
	int err;

	/* What is there needs no word. Who says what is required knows what is not. */
	if (cmd->verbose || (!cmd->required && (POLICY_LAYERS_ALL & ~layers)))
		policy_report(role, layers, stderr);
	if (be->engine == &backend_engine_ring && make_ring(be, role))
		return ROLE_RESOURCE;
	if (be->ops->start && be->ops->start(be))
		return ROLE_RESOURCE;
	err = policy_seal(role);
	if (err) {
		backend_fail(be, "cannot seal its sandbox: %s", strerror(-err));
		return ROLE_RESOURCE;
	}
	err = backend_serve(be, POLICY_FD_CONTROL);
	if (err == -ECANCELED)
		return ROLE_LEFT;
	return err == -ECONNRESET ? ROLE_HUNG_UP : ROLE_PROTOCOL;
}

static void report_death(struct backend *be, int status, bool late)
{
	if (late)
		backend_fail(be, "its front end hung up, and the role had not ended %u s later: it was killed; something that it was given has blocked it",
			     BACKEND_GONE_S);
	else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		backend_fail(be, "the role was killed by its own sandbox: a forbidden system call");
	else if (WIFSIGNALED(status))
		backend_fail(be, "the role died of signal %d", WTERMSIG(status));
}

/*
 * A pipe whose write end only the child's ring will hold. A killed child's last writes may be on their way for some
 * 100 ms: a next one that started before they are over could be overtaken by its own past.
 *
 * Return: the read end, out of the way of the fixed numbers, or -errno.
 */
static int make_drain(void)
{
	int p[2], up;

	if (pipe2(p, O_CLOEXEC))
		return -errno;
	up = fcntl(p[0], F_DUPFD_CLOEXEC, POLICY_FD_MAX);
	if (up < 0)
		return -errno;
	close(p[0]);
	if (policy_place_fd(p[1], POLICY_FD_DRAIN) < 0)
		return -EBADF;
	return up;
}

static void await_drain(int drain)
{
	struct pollfd pfd = { .fd = drain };

	while (poll(&pfd, 1, -1) < 0 && errno == EINTR)
		;
	close(drain);
}

static int no_sandbox(struct backend *be, const struct command *cmd, int err, unsigned int layers)
{
	char missing[256];

	policy_missing(cmd->policy.require & ~layers, missing, sizeof(missing));
	if (err == -EACCES && *missing)
		backend_fail(be, "cannot have its sandbox: it is required to have its %s, which this host or user does not allow", missing);
	else
		backend_fail(be, "cannot make its sandbox: %s", strerror(-err));
	return ROLE_RESOURCE;
}

/* One child per front end; the socket's backlog holds the next one until this one is gone. */
static int accept_loop(struct backend *be, const struct command *cmd, const struct policy_role *role)
{
	unsigned int layers = 0;
	int conn, status, drain = -1;
	bool late;
	pid_t pid;

	if (cmd->drain < 0 && backend_fixed_file(be, POLICY_FD_DRAIN) < 0)
		return ROLE_RESOURCE;
	for (;;) {
		backend_tidy(true);
		conn = accept4(cmd->listener, NULL, NULL, SOCK_CLOEXEC);
		if (conn < 0 && (errno == EINTR || errno == ECONNABORTED))
			continue;
		if (conn < 0 || policy_place_fd(conn, POLICY_FD_CONTROL) < 0)
			return ROLE_RESOURCE;
		if (cmd->drain < 0 && (drain = make_drain()) < 0)
			return ROLE_RESOURCE;
		if (be->each)
			be->each(be);
		backend_gone_watch(POLICY_FD_CONTROL);
		backend_tidy(false);	/* the child is not to do so */
		pid = policy_spawn(role, &cmd->policy, &layers);
		if (pid < 0)
			return no_sandbox(be, cmd, (int)pid, layers);
		if (!pid)
			_exit(serve(be, cmd, role, layers));
		backend_gone_role(pid);
		backend_tidy(true);
		if (drain >= 0)
			close(POLICY_FD_DRAIN);
		status = policy_wait(pid);
		close(POLICY_FD_CONTROL);	/* no news of it any more */
		late = backend_gone_done();
		if (drain >= 0)
			await_drain(drain);
		report_death(be, status, late);
		if (WIFEXITED(status) && WEXITSTATUS(status) == ROLE_LEFT)
			return ROLE_LEFT;
	}
}

static int serve_one(struct backend *be, const struct command *cmd, const struct policy_role *role)
{
	unsigned int layers = 0;
	int err;

	err = policy_place_fd(cmd->fd, POLICY_FD_CONTROL);
	if (err >= 0)
		err = policy_enter(role, &cmd->policy, &layers);
	if (err < 0)
		return no_sandbox(be, cmd, err, layers);
	_exit(serve(be, cmd, role, layers));
}

/* Open what the user named, and serve. Sockets that were made on the way are the caller's to take away. */
static int run(struct backend *be, struct command *cmd, const struct policy_role *role)
{
	const struct backend_ops *ops = be->ops;
	int r = ops->open(be);

	if (r)
		return r == BACKEND_USAGE ? ROLE_USAGE : ROLE_RESOURCE;
	if (ops->narrow)
		role = ops->narrow(be);
	if (make_inflight(be) || find_socket(be, cmd))
		return ROLE_RESOURCE;
	if (cmd->drain >= 0 && (policy_place_fd(cmd->drain, POLICY_FD_DRAIN) < 0 ||
				backend_fixed_file(be, POLICY_FD_DRAIN) < 0))
		return ROLE_RESOURCE;
	cmd->policy.file_size = be->file_limit;
	cmd->policy.order = ops->order;
	return cmd->listener < 0 ? serve_one(be, cmd, role) : accept_loop(be, cmd, role);
}

/*D:310
 * Every device of ours is this program with another table of functions. The order is what matters: what the user named
 * is opened while the process still has the user's rights, each descriptor goes to its fixed number, and only then is
 * the sandbox entered and a front end served. A role of lguest-run has one connection (serve_one() above); started by
 * hand it may listen, and has a child for each (accept_loop()).
 */
int backend_main(int argc, char **argv, const struct backend_ops *ops, void *dev)
{
	static struct backend be;
	struct command cmd = { .fd = -1, .listener = -1, .drain = -1 };
	const struct policy_role *role;
	int r;

	backend_init(&be, ops, dev);
	if (backend_defaults(&be))
		return ROLE_RESOURCE;
	r = parse(&be, &cmd, argc, argv);
	if (r)
		return r - 1;
	role = choose_engine(&be, &cmd);
	if (!role)
		return ROLE_RESOURCE;
	r = run(&be, &cmd, role);
	backend_unlisten();
	return r;
}
