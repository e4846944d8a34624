// SPDX-License-Identifier: GPL-2.0
/*L:230
 * make_exec.c: a function for GNU make, $(become PROGRAM,ARGUMENT,NAMES): make's process becomes PROGRAM, which finds make's
 * variables NAMES in its environment. Without it `make run CMD='exit 7'` would exit with 2, which is what make makes of every
 * failure. Loaded by run/build.mk; a make that cannot load it, or a machine without a compiler yet, runs the same program as a child.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <gnumake.h>

int plugin_is_GPL_compatible;
int make_exec_gmk_setup(void);

/* What was given on make's command line is in the environment of its children, not in its own */
static void export_variable(const char *name)
{
	char expression[64], *value;

	snprintf(expression, sizeof(expression), "$(value %s)", name);
	value = gmk_expand(expression);
	if (value && *value)
		setenv(name, value, 1);
	gmk_free(value);
}

static char *become(const char *name, unsigned int argc, char **argv)
{
	(void)name;
	(void)argc;
	for (char *variable = strtok(argv[2], " "); variable; variable = strtok(NULL, " "))
		export_variable(variable);
	execl(argv[0], argv[0], argv[1], (char *)NULL);
	perror(argv[0]);
	return NULL;
}

int make_exec_gmk_setup(void)
{
	gmk_add_function("become", become, 3, 3, GMK_FUNC_DEFAULT);
	return 1;
}
