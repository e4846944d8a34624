/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vhost_user_frontend_internal.h: what vhost_user_frontend.c (the connection) gives to vhost_user_wanted.c (what is said over it). Nobody else
 * includes it. All of these return 0 or -errno; the connection is dead after any error but -EREMOTEIO.
 */
#ifndef LGUEST_IPC_VHOST_USER_FRONTEND_INTERNAL_H
#define LGUEST_IPC_VHOST_USER_FRONTEND_INTERNAL_H

#include "ipc/vhost_user_frontend.h"

/* A public function begins: its time runs from here, unless the caller's own budget (vu_fe_budget()) runs already. */
void fe_begin(struct vu_fe *fe, unsigned int factor);
/* The connection is over, for this reason. Return: @err. */
int fe_die(struct vu_fe *fe, int err, const char *why);

/* Send, and note what must come back. A line that is full makes its caller wait for one answer. */
int fe_say(struct vu_fe *fe, struct vu_msg *m, struct vu_fe_owed o);
/* Wait until no more than @left answers are owed. */
int fe_settle(struct vu_fe *fe, unsigned int left);

/* Ask and wait; the answer replaces the question. */
int fe_ask(struct vu_fe *fe, struct vu_msg *m);
int fe_ask_u64(struct vu_fe *fe, uint32_t request, uint64_t *value);

/* Without waiting for the acknowledgement, where the back end gives one: fe_done() looks at all of them at once. */
int fe_tell(struct vu_fe *fe, struct vu_msg *m);
int fe_tell_u64(struct vu_fe *fe, uint32_t request, uint64_t value);
int fe_tell_empty(struct vu_fe *fe, uint32_t request);
int fe_tell_state(struct vu_fe *fe, uint32_t request, uint32_t index, uint32_t num);

/* What the back end says to all that was told, @err so far: now, or with vu_fe_defer() when the caller settles. fe_verdict() always waits. */
int fe_done(struct vu_fe *fe, int err);
int fe_verdict(struct vu_fe *fe, int err);
/* As fe_verdict(), of what a connection cannot go on without: a greeting, or what another process of its kind took. A refusal is its end. */
int fe_must(struct vu_fe *fe, int err);

/* The first answer of a process is there: its features; the rest of what it can is asked. */
int fe_greeted(struct vu_fe *fe);

#endif
