/* SPDX-License-Identifier: GPL-2.0 */
/*
 * say.h: what lguest-run says: whole sentences on standard error, "lguest-run: " before each.
 */
#ifndef LGUEST_RUN_SAY_H
#define LGUEST_RUN_SAY_H

#include <stddef.h>

/** complain() - one sentence; @fmt has no newline. */
void complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/** complain_through() - where sentences go from now on, instead of to standard error. */
void complain_through(void (*take)(const char *text, size_t len));

/** wrong() - a mistake in the command line: a sentence, and where help is. Return: EXIT_USAGE. */
int wrong(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
