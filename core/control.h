/* SPDX-License-Identifier: GPL-2.0 */
/*
 * control.h: the messages between lguest-run and lguest-core, on one SOCK_SEQPACKET pair: a message is a
 * packet, whole or not at all. Each end checks size, type and device number of what the other sends.
 *
 * To the core:	 CONTROL_CONNECT  (device, process)	a role started again; its vhost-user connection comes along
 *		 CONTROL_GIVE_UP  (device)	the role will not come back: NEEDS_RESET
 *		 CONTROL_ASK			does the main thread still take its messages?
 * From it:	 CONTROL_RUNNING		the guest is loaded and the core is sealed
 *		 CONTROL_LOST     (device, process, text)	the connection is dead: start the role again
 *		 CONTROL_RECOVERED (device)	the role that was sent is in use
 *		 CONTROL_END      (code, text)	the last word: the guest's status, or why not
 *		 CONTROL_ALIVE			the answer to CONTROL_ASK, from the same loop that serves devices
 */
#ifndef LGUEST_CORE_CONTROL_H
#define LGUEST_CORE_CONTROL_H

#include <stdint.h>

#include <linux/lguest.h>

enum control_type {
	CONTROL_CONNECT = 1,
	CONTROL_GIVE_UP,
	CONTROL_RUNNING,
	CONTROL_LOST,
	CONTROL_RECOVERED,
	CONTROL_END,
	CONTROL_ASK,
	CONTROL_ALIVE,
};

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
	char text[LGUEST_TEXT_SIZE + 64];
};

#endif
