/* SPDX-License-Identifier: GPL-2.0 */
/* printed.h: for --print-policy, --version and their like: what a program has printed is only then said when it is written. */
#ifndef LGUEST_POLICY_PRINTED_H
#define LGUEST_POLICY_PRINTED_H

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/** printed() - has all of standard output been written? If not, that is said in the name of @program. */
static inline bool printed(const char *program)
{
	if (!fflush(stdout) && !ferror(stdout))
		return true;
	fprintf(stderr, "%s: cannot write to standard output: %s\n", program, strerror(errno));
	return false;
}

#endif
