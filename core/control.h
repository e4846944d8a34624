/* SPDX-License-Identifier: GPL-2.0 */
/*
 * control.h: the messages between lguest-run and lguest-core, on one SOCK_SEQPACKET pair: a message is a
 * packet, whole or not at all. control_rules[] has who may send what, when, and with what: each end asks control_allowed() of whatever it
 * receives, and drops what the table does not have. The other end may be hijacked.
 */
#ifndef LGUEST_CORE_CONTROL_H
#define LGUEST_CORE_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/lguest.h>

enum control_type {
	CONTROL_CONNECT = 1,	/* (device, process) a role started again; its vhost-user connection comes along */
	CONTROL_GIVE_UP,	/* (device) the role will not come back: NEEDS_RESET */
	CONTROL_RUNNING,	/* the guest is loaded and the core is sealed */
	CONTROL_LOST,		/* (device, process, text) the connection is dead: start the role again */
	CONTROL_RECOVERED,	/* (device, process) the role that was sent is in use */
	CONTROL_END,		/* (device, code, text) the last word: the guest's status, or why not */
	CONTROL_ASK,		/* does the main thread still take its messages? */
	CONTROL_ALIVE,		/* the answer to CONTROL_ASK, from the same loop that serves devices */
	CONTROL_EVENT,		/* (code) an event for the guest, enum control_event: a line is raised that its kernel may listen to */
	CONTROL_STATS,		/* asked by lguest-run; the answer has lg.ko's counters in place of text */
	CONTROL_REFUSED,	/* (device) its back end refused what the driver set up: the driver is told by the device's status */
	CONTROL_TYPES,
};

/* Lines of a guest that are no device's (docs/abi.md). */
enum control_event { CONTROL_POWERDOWN = 63, CONTROL_RESET = 62, CONTROL_RESUMED = 61 };

/* Who may send a message. */
enum control_way { CONTROL_TO_CORE = 1, CONTROL_FROM_CORE = 2 };

/* When: until the core has said CONTROL_RUNNING, and from then on. */
enum control_state { CONTROL_BEFORE = 1, CONTROL_RUNS = 2 };

/**
 * struct control_msg - every message
 * @type: enum control_type
 * @device: number of the device, 0 where there is none; END with EXIT_ROLE: the one to blame
 * @code: END: exit status for lguest-run (exit.h, or the guest's own). LOST: 1 = the role hangs: it is not dying, and need not be waited for
 * @process: which process of the device's role is meant, counted from 0. The two ends hear of a death by different ways: LOST may
 *	arrive when the next process runs already, and is not about that
 * @text: a sentence, NUL-terminated; may be empty
 */
struct control_msg {
	uint32_t type;
	uint32_t device;
	uint32_t code;
	uint32_t process;
	union {
		char text[LGUEST_TEXT_SIZE + 64];
		uint64_t stats[(LGUEST_TEXT_SIZE + 64) / 8];	/* enum lguest_stat */
	};
};
_Static_assert(LG_STAT_NR <= (LGUEST_TEXT_SIZE + 64) / 8, "the counters fit");

/**
 * struct control_rule - a row of the table
 * @ways: who sends it, bits of enum control_way
 * @states: when, bits of enum control_state
 * @device: it is about a device, which must exist; @fd: a descriptor comes with it, and must
 */
struct control_rule {
	unsigned int ways;
	unsigned int states;
	bool device, fd;
};

/*P:150
 * Roles and lguest-core speak vhost-user, which chapter Drivers tells. lguest-run and lguest-core speak these eleven
 * messages, and each end takes the other one for hijacked: whatever is not in this table is dropped. lguest-run sends
 * no message to a role: it starts it, may signal it, and reads what it prints.
 */
static const struct control_rule control_rules[CONTROL_TYPES] = {
	/*			sent			when				a device	a descriptor */
	[CONTROL_CONNECT]	= { CONTROL_TO_CORE,	CONTROL_RUNS,			true,		true },
	[CONTROL_GIVE_UP]	= { CONTROL_TO_CORE,	CONTROL_RUNS,			true,		false },
	[CONTROL_ASK]		= { CONTROL_TO_CORE,	CONTROL_RUNS,			false,		false },
	[CONTROL_EVENT]		= { CONTROL_TO_CORE,	CONTROL_RUNS,			false,		false },
	[CONTROL_STATS]		= { CONTROL_TO_CORE | CONTROL_FROM_CORE, CONTROL_RUNS,			false,		false },
	[CONTROL_RUNNING]	= { CONTROL_FROM_CORE,	CONTROL_BEFORE,			false,		false },
	[CONTROL_LOST]		= { CONTROL_FROM_CORE,	CONTROL_RUNS,			true,		false },
	[CONTROL_RECOVERED]	= { CONTROL_FROM_CORE,	CONTROL_RUNS,			true,		false },
	[CONTROL_REFUSED]	= { CONTROL_FROM_CORE,	CONTROL_RUNS,			true,		false },
	[CONTROL_ALIVE]		= { CONTROL_FROM_CORE,	CONTROL_RUNS,			false,		false },
	[CONTROL_END]		= { CONTROL_FROM_CORE,	CONTROL_BEFORE | CONTROL_RUNS,	false,		false },
};

/**
 * control_allowed() - does the table have this?
 * @m: what came, @size: bytes of it
 * @to_core: it came to the core
 * @state: now
 * @devices: how many there are; a message that is about none may name the first
 * @fd: did a descriptor come along?
 */
static inline bool control_allowed(const struct control_msg *m, size_t size, bool to_core, enum control_state state, unsigned int devices, bool fd)
{
	const struct control_rule *r;

	if (size != sizeof(*m) || !m->type || m->type >= CONTROL_TYPES)
		return false;
	r = &control_rules[m->type];
	return r->ways & (to_core ? CONTROL_TO_CORE : CONTROL_FROM_CORE) && r->states & state && r->fd == fd && (m->device < devices || (!r->device && !m->device));
}

#endif
