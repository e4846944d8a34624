/* SPDX-License-Identifier: GPL-2.0 */
/*
 * each.h: what a program that listens does anew for each front end, before that one's process is made. It is for what open() may do and a process in
 * its sandbox may not: to ask for the time, which may be long after open(). Apart from backend.h, since only the files that run before the sandbox
 * need it.
 */
#ifndef LGUEST_EACH_H
#define LGUEST_EACH_H

#include "devices/backend.h"

/**
 * backend_each() - from open(): call @fn when a front end has connected, in the listening process
 * @be: the role
 * @fn: it cannot fail; what it changes, the front end's process finds changed. Of a program that serves one connection it is not called
 */
void backend_each(struct backend *be, void (*fn)(struct backend *be));

#endif
