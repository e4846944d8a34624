/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ask.h: what lguest-control and lguest-run say to each other, on one SOCK_SEQPACKET pair: a packet is one structure, whole or not at all.
 *
 * lguest-control has read what strangers wrote, and may be hijacked by it: ask_allowed() is what lguest-run asks of each packet; what the table does not
 * have ends the role. Answers come from lguest-run, which is trusted.
 */
#ifndef LGUEST_CONTROL_ASK_H
#define LGUEST_CONTROL_ASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Descriptors of lguest-control */
enum control_fd {
	CONTROL_FD_RUN = 3,		/* to lguest-run */
	CONTROL_FD_LISTEN = 4,		/* the socket "control": whoever may open it may do everything */
	CONTROL_FD_STATUS = 6,		/* the socket "status": ask only */
	CONTROL_FD_CLIENT = 16,		/* to 31: connections */
};
#define CONTROL_CLIENTS	16u

#define CONTROL_PROTOCOL	1	/* goes up only when an old client would misread an answer */

enum ask_type {
	ASK_STATUS = 1,
	ASK_STATS,
	ASK_PAUSE,
	ASK_RESUME,
	ASK_POWERDOWN,		/* arg[0]: seconds, 0 = without end */
	ASK_RESET,		/* likewise */
	ASK_STOP,
	ASK_SIGNAL,		/* arg[0]: number */
	ASK_RESTART,		/* word: the device */
	ASK_GROW,		/* word: the device */
	ASK_TYPES,
};

/* rights */
#define ASK_MAY_ALL	1u	/* the client came by the control socket */

#define ASK_WORD	24	/* a device's name: "console15" */
#define ASK_TIMEOUT_MAX	86400u
#define ASK_SIGNAL_MAX	64u

/**
 * struct ask - a request, to lguest-run
 * @serial: the role's own, given back
 * @word: NUL-terminated, the rest zeroes
 */
struct ask {
	uint32_t type;
	uint32_t serial;
	uint32_t rights;
	uint32_t reserved;
	uint64_t arg[2];
	char word[ASK_WORD];
};

/* What came of it: the closed list of the protocol's classes. */
enum answer_code {
	ANSWER_OK,
	ANSWER_BAD_REQUEST,
	ANSWER_UNKNOWN_COMMAND,
	ANSWER_BAD_ARGUMENT,
	ANSWER_DENIED,
	ANSWER_NOT_NOW,
	ANSWER_BUSY,
	ANSWER_TIMEOUT,
	ANSWER_FAILED,
	ANSWER_CODES,
};

enum answer_kind {
	ANSWER_DONE = 1,	/* the last of a request; @text: why not */
	ANSWER_GUEST,		/* status: enum answer_guest in @value; @text: name, version */
	ANSWER_DEVICE,		/* status, one for each: enum answer_device; @text: name, kind, version */
	ANSWER_COUNTERS,	/* stats: lg.ko's counters */
	ANSWER_PROCESS,		/* stats, one for each: enum answer_process; @text: name */
	ANSWER_EVENT,		/* to all, serial 0: enum answer_event in @n */
};

enum answer_guest { GUEST_STATE, GUEST_UPTIME_MS, GUEST_PID, GUEST_MEMORY };
enum guest_state { STATE_STARTING, STATE_RUNNING, STATE_PAUSED, STATE_STOPPING };
enum answer_device { DEVICE_STATE, DEVICE_PID, DEVICE_RESTARTS, DEVICE_AWAY_MS };
enum device_state { DEVICE_SERVES, DEVICE_AWAY, DEVICE_GIVEN_UP, DEVICE_FOREIGN };
enum answer_process { PROCESS_USER_MS, PROCESS_SYSTEM_MS, PROCESS_RESIDENT, PROCESS_CGROUP, PROCESS_CGROUP_USEC, PROCESS_CGROUP_MEMORY,
		      PROCESS_CGROUP_READ, PROCESS_CGROUP_WRITTEN };
enum answer_event { EVENT_PAUSED = 1, EVENT_RESUMED, EVENT_LOST, EVENT_BACK, EVENT_GIVEN_UP, EVENT_POWERDOWN, EVENT_END, EVENT_TYPES };

#define ANSWER_VALUES	40u

/**
 * struct answer - from lguest-run
 * @serial: of the request, 0 = an event
 * @code: enum answer_code, of ANSWER_DONE; @kind: enum answer_kind; @n: values that count, or the event
 * @text: up to three strings, each with its NUL
 */
struct answer {
	uint32_t serial;
	uint32_t code;
	uint32_t kind;
	uint32_t n;
	uint64_t value[ANSWER_VALUES];
	char text[320];
};

/* What a request may say, by type: who changes something needs the right to. */
static const struct ask_rule {
	bool known, changes, word;
	uint64_t most;		/* of arg[0] */
} ask_rules[ASK_TYPES] = {
	[ASK_STATUS]	= { .known = true },
	[ASK_STATS]	= { .known = true },
	[ASK_PAUSE]	= { .known = true, .changes = true },
	[ASK_RESUME]	= { .known = true, .changes = true },
	[ASK_POWERDOWN]	= { .known = true, .changes = true, .most = ASK_TIMEOUT_MAX },
	[ASK_RESET]	= { .known = true, .changes = true, .most = ASK_TIMEOUT_MAX },
	[ASK_STOP]	= { .known = true, .changes = true },
	[ASK_SIGNAL]	= { .known = true, .changes = true, .most = ASK_SIGNAL_MAX },
	[ASK_RESTART]	= { .known = true, .changes = true, .word = true },
	[ASK_GROW]	= { .known = true, .changes = true, .word = true },
};

/* Letters, digits, '.', '_', '-', then zeroes to the end. */
static inline bool ask_word_ok(const char *w)
{
	size_t n = strnlen(w, ASK_WORD);

	if (n == ASK_WORD)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!((w[i] >= 'a' && w[i] <= 'z') || (w[i] >= 'A' && w[i] <= 'Z') || (w[i] >= '0' && w[i] <= '9') || strchr("._-", w[i])))
			return false;
	for (size_t i = n; i < ASK_WORD; i++)
		if (w[i])
			return false;
	return true;
}

/** ask_allowed() - is this a request that lguest-control would send? @size: bytes of the packet. */
static inline bool ask_allowed(const struct ask *a, size_t size)
{
	const struct ask_rule *r;

	if (size != sizeof(*a) || !a->type || a->type >= ASK_TYPES || a->reserved || !a->serial || a->rights & ~ASK_MAY_ALL)
		return false;
	r = &ask_rules[a->type];
	return r->known && a->arg[0] <= r->most && !a->arg[1] && ask_word_ok(a->word) && (a->word[0] != 0) == r->word &&
	       (!r->changes || a->rights & ASK_MAY_ALL);
}

#endif
