/* SPDX-License-Identifier: GPL-2.0 */
/*
 * lguestctl.h: what the files of lguestctl share.
 */
#ifndef LGUEST_LGUESTCTL_H
#define LGUEST_LGUESTCTL_H

#include <jansson.h>

/** metrics() - print status and stats as Prometheus text; @stats: NULL = the guest does not run now. */
void metrics(const json_t *status, const json_t *stats);

#endif
