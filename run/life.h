/* SPDX-License-Identifier: GPL-2.0 */
/*
 * life.h: the process that is lguest-core: the one child of its minder, which is what lguest-run started.
 */
#ifndef LGUEST_RUN_LIFE_H
#define LGUEST_RUN_LIFE_H

#include <sys/types.h>

/** core_is() - the core has said a word, and @pid is who the kernel says has sent it. */
void core_is(pid_t pid);

/** core_process() - its pid, 0: it is not known. */
pid_t core_process(void);

/** core_signal() - as kill(2). */
int core_signal(int sig);

#endif
