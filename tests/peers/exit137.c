// SPDX-License-Identifier: GPL-2.0
/*
 * exit137.c: a hijacked rng role, for the group hostile-peers: it is the real program, until there is a file "later" beside it; from then on
 * it enters its sandbox and ends itself at once, with the status that a minder gives for SIGKILL.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "policy/policy.h"

POLICY_DECLARE(rng);

int main(int argc, char **argv)
{
	const struct policy_options none = { 0 };
	char path[4096 + 8];
	ssize_t n = readlink("/proc/self/exe", path, 4096);

	(void)argc;
	path[n < 0 ? 0 : n] = '\0';
	strcpy(strrchr(path, '/') + 1, "later");
	if (!access(path, F_OK)) {
		policy_enter(&policy_rng, &none, NULL);
		_exit(137);
	}
	execv(REAL_RNG, argv);
	perror(REAL_RNG);
	return 1;
}
