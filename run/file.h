/* SPDX-License-Identifier: GPL-2.0 */
/*
 * file.h: names that a start makes files of, and that may be somebody else's: --check makes none of them, and nothing is removed that
 * lguest-run did not make.
 */
#ifndef LGUEST_RUN_FILE_H
#define LGUEST_RUN_FILE_H

#include <stdbool.h>
#include <sys/types.h>
#include <sys/un.h>

/**
 * file_open() - open a file to write to, made if it is missing
 * @path: its name
 * @flags: of open(2)
 * @mode: of one that is made
 * @check: make none; look whether one could be made
 * @fd: set to it, at a high number (child.h), or to -1: on an error, and where @check found none
 *
 * Return: 0 or -errno.
 */
int file_open(const char *path, int flags, mode_t mode, bool check, int *fd);

/** file_is() - is what @name in @dir means (no link is followed) the file that is open as @fd? */
bool file_is(int fd, int dir, const char *name);

/** file_lock() - have a file for this process alone. Return: false when another has it, or has removed it: @name in @dir is no longer this file. */
bool file_lock(int fd, int dir, const char *name);

/**
 * file_is_left_socket() - is it a socket that a killed process left, and nobody has open? Nobody's queue is entered to ask.
 * @a: its name
 * @anybodys: it may have been given to another user, as in a folder that is this user's alone; else one of this user's
 */
bool file_is_left_socket(const struct sockaddr_un *a, bool anybodys);

#endif
