/* SPDX-License-Identifier: GPL-2.0 */
/*
 * program.h: the program of a role as it is installed now, which may be another version than the one that runs.
 */
#ifndef LGUEST_RUN_PROGRAM_H
#define LGUEST_RUN_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>

#include "run/launch.h"

/** program_open() - lguest-KIND beside lguest-run, whatever has that name now. Return: a descriptor to run it by, or -1. */
int program_open(const struct launch *l, const char *kind);

/**
 * program_version() - ask a program what it is, and wait 2 s at most
 * @program: from program_open(), @kind: what it must be
 * @version: its version; @why: a sentence when it is not a program that can take over
 *
 * Return: can it?
 */
bool program_version(int program, const char *kind, char *version, size_t size, char *why, size_t room);

#endif
