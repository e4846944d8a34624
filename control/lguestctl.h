/* SPDX-License-Identifier: GPL-2.0 */
/*
 * lguestctl.h: what the files of lguestctl share.
 */
#ifndef LGUEST_LGUESTCTL_H
#define LGUEST_LGUESTCTL_H

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

/**
 * print_text() - what may have been written by a hijacked role: nothing of it reaches a terminal as a control character, each byte of one is \xNN
 * @label: it is the value of a label of Prometheus' format, which has escapes of its own
 *
 * Return: columns.
 */
int print_text(FILE *f, const char *string, bool label);

/** metrics() - print status and stats as Prometheus text; @stats: NULL = the guest does not run now. */
void metrics(const json_t *status, const json_t *stats);

#endif
