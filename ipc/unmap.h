/* SPDX-License-Identifier: GPL-2.0 */
/*
 * unmap.h: the end of a mapping of memory that a peer gave.
 *
 * It may: unmap. It may not: map, or ask the host what a file is (a sealed role cannot).
 */
#ifndef LGUEST_IPC_UNMAP_H
#define LGUEST_IPC_UNMAP_H

#include <stddef.h>

/**
 * vu_unmap() - take back a mapping of a peer's file, whatever its pages are
 * @map: what mmap() answered
 * @len: bytes, as mmap() was asked for
 *
 * A file may be of huge pages, which are mapped and unmapped whole only: mmap() takes any length of it and rounds it up, munmap() refuses one that is
 * not rounded.
 */
void vu_unmap(void *map, size_t len);

#endif
