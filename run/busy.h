/* SPDX-License-Identifier: GPL-2.0 */
/*
 * busy.h: things of the host that one program at a time may have, and that the one before may be just letting go.
 */
#ifndef LGUEST_RUN_BUSY_H
#define LGUEST_RUN_BUSY_H

#include <stdbool.h>

/**
 * busy_wait() - what a start needs is busy: wait a little, to look again
 *
 * All waits of this process together last 3 s, however many devices it opens.
 *
 * Return: true: look again; false: the time is over, and it is in use. errno stays.
 */
bool busy_wait(void);

#endif
