/* SPDX-License-Identifier: GPL-2.0 */
/*
 * carry.h: messages between the two ends of lguest-record.
 */
#ifndef LGUEST_RECORD_CARRY_H
#define LGUEST_RECORD_CARRY_H

/**
 * carry_begin() - before the sandbox: what becomes of a page that an end has cut off from the memory it shares
 *
 * Without it such a page ends the process, and the recording has no end.
 */
void carry_begin(void);

/**
 * carry() - carry messages and wakenings between two connections, and memory with them, until one hangs up
 * @front_fd: of the front end, @back_fd: of the back end
 *
 * Everything that the back end receives is put into the recording (out.h), and an end record behind it.
 * Return: -errno: why it is over; -ECONNRESET and -EPIPE are ends as they should be, -EFAULT is one of which it has said what it was.
 */
int carry(int front_fd, int back_fd);

#endif
