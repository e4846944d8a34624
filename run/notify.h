/* SPDX-License-Identifier: GPL-2.0 */
/*
 * notify.h: what a service manager that started us is told (sd_notify(3)): readiness, an end that takes time, and that we are alive.
 */
#ifndef LGUEST_RUN_NOTIFY_H
#define LGUEST_RUN_NOTIFY_H

#include <stdint.h>

/** notify_begin() - is there somebody who wants to be told? Before children are started; they never are. */
void notify_begin(void);

/** notify() - tell it, without waiting: lines like "READY=1". */
void notify(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/** notify_alive() - say that we live, when it is time. Return: milliseconds until the next time, -1: nobody asked. */
int notify_alive(uint64_t now_ms);

#endif
