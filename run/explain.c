// SPDX-License-Identifier: GPL-2.0
/*L:220
 * explain.c: `lguest-run --explain`: before anything is started, which process will hold what (launch.h). What a
 * role may call is in its manifest, which the role itself prints (--print-policy).
 *
 * It may print.
 */
#include <stdio.h>
#include <unistd.h>

#include "run/launch.h"

static void sees(const struct role *r)
{
	if (r->window)
		printf("  sees     its window of %llu KiB, and nothing else of the guest\n", (unsigned long long)r->window >> 10);
	else
		printf("  sees     ALL of the guest's memory, because of dma=direct\n");
}

static void explain_role(const struct role *r)
{
	if (role_is_foreign(r))
		printf("\n%s: a program of yours, a %s device\n", r->name, r->type->name);
	else
		printf("\n%s: lguest-%s, a %s device\n", r->name, r->kind->name, r->type->name);
	printf("  holds    ");
	r->kind->launch->holds(r);
	sees(r);
	if (r->record)
		printf("  record   lguest-record, sealed, stands before its first process, sees the same, and writes it to %s/recording\n", r->record);
	if (role_is_foreign(r))
		printf("  may      whatever you allow it: lguest-run did not start it and does not confine it\n");
	else
		printf("  may      move data between the two (lguest-%s --print-policy)\n"
		       "  dies     started again, requests in flight run again; each death costs a longer pause, and after %d deaths of itself\n"
		       "           within %d s the guest goes on without it\n",
		       r->kind->name, RESTART_STRIKES, RESTART_STRIKES_MS / 1000);
}

/* Who started it is who they are, but for root. */
static void whose(const struct launch *l)
{
	if (l->user)
		printf("user %u", (unsigned int)l->user);
	else if (!geteuid())
		printf("a user of its own");
	else
		printf("you, user %u", (unsigned int)geteuid());
}

void explain(const struct launch *l)
{
	printf("lguest-run: the guest %s would be these processes.\n", l->name);
	printf("\nlguest-run: you, until the guest ends\n"
	       "  holds    every descriptor below, to start a role again\n"
	       "  sees     nothing of the guest\n"
	       "  may      start, watch and end the others\n"
	       "  dies     everything ends\n");
	printf("\nlguest-core: ");
	whose(l);
	printf(", sealed\n"
	       "  holds    /dev/lguest; until the guest runs %s%s%s\n", l->kernel, l->initrd ? " and " : "", l->initrd ? l->initrd : "");
	printf("  sees     the guest's %llu MiB of memory and the windows below\n", (unsigned long long)l->memory >> 20);
	printf("  may      run the guest's %u CPU%s, a thread each, serve device registers, talk to the roles (lguest-core --print-policy)\n"
	       "  dies     the guest is over\n", l->cpus, l->cpus == 1 ? "" : "s");
	for (unsigned int i = 0; i < l->roles; i++)
		explain_role(&l->role[i]);
	printf("\nEach of these that lguest-run starts runs as ");
	whose(l);
	printf(", without capabilities, behind a system-call filter, and, as far as this\nhost lets it, in namespaces of its own with an empty root: "
	       "what is missing is said at the start, and --check says it too.\n");
}
