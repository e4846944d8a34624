/* SPDX-License-Identifier: GPL-2.0 */
/*
 * serve.h: clients of lguest-control, apart from its sandbox: tests/control/serve.c drives it too.
 */
#ifndef LGUEST_CONTROL_SERVE_H
#define LGUEST_CONTROL_SERVE_H

#include <poll.h>
#include <stdbool.h>

/* Where serve_poll() puts what. */
enum { SERVE_RUN, SERVE_LISTEN, SERVE_STATUS, SERVE_CLIENTS, SERVE_FDS = SERVE_CLIENTS + 16 };

/** serve_begin() - the name of the guest, for greetings. */
void serve_begin(const char *name);

/** serve_poll() - what to wait for. Return: milliseconds until a client's time is over, -1: nobody's. */
int serve_poll(struct pollfd *p);

/** serve() - one turn after poll(). Return: false when lguest-run is gone. */
bool serve(const struct pollfd *p);

#endif
