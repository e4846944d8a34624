/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tap.h: how a test program in C that is not Criterion's says what passed: TAP on standard output, a line at once. For one file of a program.
 */
#ifndef LGUEST_TESTS_TAP_H
#define LGUEST_TESTS_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

static const char *tap_prefix = "";	/* said before each name */
static unsigned int tap_failed;		/* so many, so far */

/* What @format names has passed, or not. Return: @good. */
static bool __attribute__((format(printf, 2, 3))) passed(bool good, const char *format, ...)
{
	va_list ap;

	printf("%sok %s", good ? "" : "not ", tap_prefix);
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
	tap_failed += !good;
	return good;
}

#endif
