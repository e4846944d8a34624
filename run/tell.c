// SPDX-License-Identifier: GPL-2.0
/*L:465
 * tell.c: what lguest-run tells the core (tell.h), such as that connection. A core that an operator, or a debugger, has stopped takes no message, for hours
 * maybe, and its socket fills up. Of each thing that it is to be told a bit is kept until its message is sent: to be told twice would say no more.
 *
 * It may send to the core, without waiting.
 */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "policy/pass.h"
#include "run/tell.h"

static bool send_message(const struct watch *w, struct control_msg *msg, int fd)
{
	struct iovec iov = { msg, sizeof(*msg) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	union pass room;

	if (fd >= 0)
		pass_fd(&m, &room, fd);
	return sendmsg(w->l->control, &m, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0;
}

/* Return: is that done with? To a core that is gone, which its pidfd tells, nothing is owed. */
static bool settled(const struct watch *w, struct control_msg msg)
{
	return send_message(w, &msg, -1) || errno != EAGAIN;
}

static uint32_t bit_of(const struct watch *w, const struct role *r)
{
	return 1u << (r - w->l->role);
}

bool tell_owes(const struct watch *w)
{
	return w->owed.events || w->owed.given_up || w->owed.stats;
}

/* That time has passed comes before what is asked for now; the counters are the last that somebody misses. */
void tell_owed(struct watch *w)
{
	struct owed *o = &w->owed;

	_Static_assert(GUEST_DEVICES <= 32, "a bit for each device");
	for (uint32_t i = 0; o->events; i++) {
		if (!(o->events >> i & 1))
			continue;
		if (!settled(w, (struct control_msg){ .type = CONTROL_EVENT, .code = CONTROL_RESUMED + i }))
			return;
		o->events &= ~(1u << i);
	}
	for (uint32_t i = 0; o->given_up; i++) {
		if (!(o->given_up >> i & 1))
			continue;
		if (!settled(w, (struct control_msg){ .type = CONTROL_GIVE_UP, .device = i, .process = w->l->role[i].process }))
			return;
		o->given_up &= ~(1u << i);
	}
	if (o->stats)
		o->stats = !settled(w, (struct control_msg){ .type = CONTROL_STATS });
}

void tell_event(struct watch *w, unsigned int event)
{
	w->owed.events |= 1u << (event - CONTROL_RESUMED);
	tell_owed(w);
}

void tell_given_up(struct watch *w, const struct role *r)
{
	w->owed.given_up |= bit_of(w, r);
	tell_owed(w);
}

void tell_stats(struct watch *w)
{
	w->owed.stats = true;
	tell_owed(w);
}

bool tell_connection(struct watch *w, const struct role *r)
{
	struct control_msg msg = { .type = CONTROL_CONNECT, .device = (uint32_t)(r - w->l->role), .process = r->process };

	w->owed.given_up &= ~bit_of(w, r);
	return send_message(w, &msg, r->socket);
}

/* A socket that is writable, as poll(2) has it, has room for more than one message. */
bool tell_has_room(const struct watch *w)
{
	struct pollfd p = { .fd = w->l->control, .events = POLLOUT };

	return poll(&p, 1, 0) > 0 && p.revents & POLLOUT;
}
