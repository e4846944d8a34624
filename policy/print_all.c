// SPDX-License-Identifier: GPL-2.0
/*D:885
 * print_all.c: `make policies`: the manifests of all roles, one after the other, for somebody who audits them. They stand with
 * their programs, devices/NAME/manifest.c, and are printed by the code that each program has for --print-policy.
 *
 * It runs on the build machine only, and may print.
 */
#include "policy/policy.h"

/*D:890
 * The chapter ends with a list that one can read: what every role may do, printed from the tables that it applies to
 * itself. We know now how a device works, and what holds it in. But who opens the image, the tap and the terminal for
 * it, who starts it, and who starts it again when it has died? That is the next chapter, Launcher.
 */
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
