/* SPDX-License-Identifier: GPL-2.0 */
/*
 * align.h: what direct I/O on a file asks of buffers and offsets. For lguest-block, and for lguest-run, which checks before it starts one.
 */
#ifndef LGUEST_BLOCK_ALIGN_H
#define LGUEST_BLOCK_ALIGN_H

#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>

#define BLK_ALIGN_GUESS 4096u	/* of a file whose file system does not tell: right for it, or stricter */

/**
 * blk_read_align() - ask the file system or disk
 * @fd: the image
 * @mem: of buffers, @off: of offsets and lengths, in bytes; unchanged when it does not tell
 */
static inline void blk_read_align(int fd, uint32_t *mem, uint32_t *off)
{
#ifdef STATX_DIOALIGN
	struct statx stx;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &stx) || !(stx.stx_mask & STATX_DIOALIGN) || !stx.stx_dio_mem_align ||
	    !stx.stx_dio_offset_align)
		return;
	*mem = stx.stx_dio_mem_align;
	*off = stx.stx_dio_offset_align;
#else
	(void)fd;
	(void)mem;
	(void)off;
#endif
}

#endif
