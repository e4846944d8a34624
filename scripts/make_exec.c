// SPDX-License-Identifier: GPL-2.0
/*L:230
 * make_exec.c: a function for GNU make, $(become PROGRAM,ARGUMENT): make's process becomes PROGRAM. Without it
 * `make run CMD='exit 7'` would exit with 2, which is what make makes of every failure. Loaded by run/build.mk;
 * a make that cannot load it runs the same program as a child.
 */
#include <stdio.h>
#include <unistd.h>
#include <gnumake.h>

int plugin_is_GPL_compatible;
int make_exec_gmk_setup(void);

static char *become(const char *name, unsigned int argc, char **argv)
{
	(void)name;
	(void)argc;
	execl(argv[0], argv[0], argv[1], (char *)NULL);
	perror(argv[0]);
	return NULL;
}

int make_exec_gmk_setup(void)
{
	gmk_add_function("become", become, 2, 2, GMK_FUNC_DEFAULT);
	return 1;
}
