// SPDX-License-Identifier: GPL-2.0
/*L:270
 * sandbox.c: before anything is started: which layers would its sandbox have here, and may it be started with those (launch.h)?
 *
 * It may fork a child that is confined as a role would be, and ends at once.
 */
#include <errno.h>
#include <sched.h>
#include <string.h>

#include "ipc/exit.h"
#include "policy/policy.h"
#include "run/launch.h"
#include "run/say.h"

int sandbox_check(struct launch *l)
{
	static const struct policy_limit none[] = { { 0 } };	/* Landlock takes a descriptor, which a minder may not have */
	struct policy manifest = *policy_minder.policy;
	struct policy_role role = policy_minder;
	const struct policy_options opt = { .user = l->user };
	unsigned int layers = 0;
	char missing[256];
	int err;

	manifest.namespaces = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;
	manifest.limits = none;
	role.policy = &manifest;
	err = policy_probe(&role, &opt, &layers);
	if (err) {
		complain("a sandbox cannot be made here: %s", strerror(-err));
		return EXIT_SANDBOX;
	}
	policy_missing(l->require & ~layers, missing, sizeof(missing));
	if (*missing) {
		complain("the sandbox would be without %s, and --require forbids that: see who may have it in docs/security.md", missing);
		return EXIT_SANDBOX;
	}
	policy_missing(POLICY_LAYERS_ALL & ~layers, missing, sizeof(missing));
	if (*missing)
		complain("the sandbox is without %s (this host or user does not allow it)", missing);
	l->require = layers;
	return 0;
}
