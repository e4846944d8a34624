// SPDX-License-Identifier: GPL-2.0
/*P:225
 * print_all.c: `make policies`: the manifests of all roles, one after the other, for somebody who audits them. They stand with
 * their programs, devices/NAME/manifest.c, and are printed by the code that each program has for --print-policy.
 *
 * It runs on the build machine only, and may print.
 */
#include "policy/policy.h"

int main(void)
{
	for (unsigned int i = 0; policy_roles[i]; i++) {
		if (i)
			putchar('\n');
		if (policy_print(policy_roles[i], stdout))
			return 1;
	}
	return 0;
}
