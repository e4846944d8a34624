/* SPDX-License-Identifier: GPL-2.0 */
/*
 * carry.h: the memory in which output waits that the guest was told is taken: what lguest-console and lguest-run share.
 */
#ifndef LGUEST_CONSOLE_CARRY_H
#define LGUEST_CONSOLE_CARRY_H

#include <stdint.h>

#define CONSOLE_OUT 65536u

/**
 * struct console_out - output on its way out
 * @taken: bytes ever put in, @written: bytes of these that went out. Each moves by one store, so that a process that is
 *	killed at any instant leaves both right
 * @byte: a ring; byte number n is at n % CONSOLE_OUT
 *
 * With --carry-fd this is memory of whoever started us, and the next process goes on with it (docs/launcher.md).
 */
struct console_out {
	uint64_t taken, written;
	uint8_t byte[CONSOLE_OUT];
};

#endif
