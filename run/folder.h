/* SPDX-License-Identifier: GPL-2.0 */
/* folder.h: where a recording is made; lguest-run and lguest-record make it in the same way. */
#ifndef LGUEST_RUN_FOLDER_H
#define LGUEST_RUN_FOLDER_H

/**
 * folder_make_file() - make a file that is its user's alone, in a folder that is made if it is missing
 * @dir: the folder; a link in its place is refused: it may be somebody else's who writes there
 * @name: of the file, which must not be there
 * @folder: set to the folder, to take the file away again by; closed by the caller when it is not -1
 *
 * Return: the file, to be written, or -errno.
 */
int folder_make_file(const char *dir, const char *name, int *folder);

/** folder_may_make() - could a file or folder @path be made, of which there is none, in its folder? Return: 0 or -errno. */
int folder_may_make(const char *path);

/** folder_may_make_file() - would folder_make_file() go well? Makes neither file nor folder. Return: 0 or -errno. */
int folder_may_make_file(const char *dir, const char *name);

#endif
