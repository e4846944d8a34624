/* SPDX-License-Identifier: GPL-2.0 */
/*L:192
 * kernel.h: which file --kernel means. It may list one folder.
 */
#ifndef RUN_KERNEL_H
#define RUN_KERNEL_H

/* Where the packages lguest-kernel-VERSION put vmlinux-VERSION */
#define KERNEL_FOLDER	"/usr/lib/lguest"

/**
 * kernel_find() - what the user means by a kernel
 * @folder: where installed kernels are, vmlinux-VERSION each
 * @asked: a file, a version (digits and dots, no slash), or NULL for the newest that is installed
 *
 * Return: a path, good until the next call; NULL if nothing was asked for and nothing is installed.
 */
const char *kernel_find(const char *folder, const char *asked);

#endif
