// SPDX-License-Identifier: GPL-2.0
/*L:900
 * control.c: lguest-control, which reads what clients of a guest's sockets write, and asks lguest-run (ask.h).
 *
 * It parses strangers' text, and therefore holds nothing: two listeners, its clients, and a socket to lguest-run, which takes fixed structures
 * from it and no descriptor. It is started by lguest-run alone, and sealed before it takes the first connection.
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/line.h"
#include "control/serve.h"
#include "ipc/exit.h"
#include "policy/policy.h"
#include "policy/printed.h"
#include "version.h"

POLICY_DECLARE(control);

struct options {
	unsigned int require;
	uid_t user;
	const char *name;
	bool verbose;
};

static int parse(int argc, char **argv, struct options *o)
{
	static const struct option longopts[] = {
		{ "require", required_argument, NULL, 'r' }, { "user", required_argument, NULL, 'u' }, { "name", required_argument, NULL, 'n' },
		{ "verbose", no_argument, NULL, 'V' }, { "print-policy", no_argument, NULL, 'p' }, { "version", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' }, { 0 },
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "", longopts, NULL)) != -1) {
		switch (opt) {
		case 'r':
			if (policy_parse_require(optarg, &o->require))
				return -EINVAL;
			break;
		case 'u': o->user = (uid_t)strtoul(optarg, NULL, 10); break;
		case 'n': o->name = optarg; break;
		case 'V': o->verbose = true; break;
		case 'p': policy_print(&policy_control, stdout); exit(!printed("lguest-control"));
		case 'v': puts("lguest-control " LGUEST_VERSION); exit(!printed("lguest-control"));
		case 'h': puts("lguest-control is started by lguest-run --control DIR; people use lguestctl(1).\n--print-policy, --version, --help"); exit(!printed("lguest-control"));
		default: return -EINVAL;
		}
	}
	return optind == argc ? 0 : -EINVAL;
}

/* Return: 0 or -errno, in the sandbox and sealed. */
static int enter(const struct options *o)
{
	const struct policy_options opt = { .require = o->require, .user = o->user };
	unsigned int layers = 0;
	static const int given[] = { CONTROL_FD_RUN, CONTROL_FD_LISTEN, CONTROL_FD_STATUS };
	int err = 0;

	for (unsigned int i = 0; i < 3 && err >= 0; i++)
		err = policy_place_fd(given[i], given[i]);
	line_begin();
	err = err < 0 ? err : policy_enter(&policy_control, &opt, &layers);
	if (!err && o->verbose)
		policy_report(&policy_control, layers, stderr);
	return err ? err : policy_seal(&policy_control);
}

/*L:905
 * Nothing of a client is read before the seal, and behind it there is only this loop, until lguest-run hangs up.
 */
int main(int argc, char **argv)
{
	static struct options o = { .name = "guest" };
	struct pollfd p[SERVE_FDS];
	struct timespec t;
	int err, ms;

	if (parse(argc, argv, &o)) {
		fprintf(stderr, "lguest-control: it is started by lguest-run --control DIR, not by hand\n");
		return ROLE_USAGE;
	}
	serve_begin(o.name);
	err = enter(&o);
	if (err) {
		fprintf(stderr, "lguest-control: cannot enter its sandbox: %s\n", strerror(-err));
		return ROLE_RESOURCE;
	}
	do {
		ms = serve_poll(p);
		t = (struct timespec){ ms / 1000, ms % 1000 * 1000000L };
		if (ppoll(p, SERVE_FDS, ms < 0 ? NULL : &t, NULL) < 0)
			memset(p, 0, sizeof(p));
	} while (serve(p));
	return ROLE_HUNG_UP;
}
