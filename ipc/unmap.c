// SPDX-License-Identifier: GPL-2.0
/*D:245
 * unmap.c: see unmap.h. The front end takes memory back: when it is told "done", no page of it may be left here, whatever file it came from.
 */
#include "ipc/unmap.h"

#include <errno.h>
#include <sys/mman.h>

void vu_unmap(void *map, size_t len)
{
	static const size_t pages[] = { 1, 2u << 20, 1u << 30 };

	/* A length that is refused has changed nothing, and one that is rounded further than the mapping's pages is tried after theirs only. */
	for (unsigned int i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
		if (!munmap(map, (len + pages[i] - 1) & ~(pages[i] - 1)) || errno != EINVAL)
			return;
}
