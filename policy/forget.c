// SPDX-License-Identifier: GPL-2.0
/*D:815
 * forget.c: gives back the memory of what was needed for the start alone.
 *
 * Code and constants of a program and its libraries that the start has touched stay mapped, in each of the nine processes of a small guest: the C
 * library's alone were a third of all that such a guest took (docs/performance.md). They are unchanged pages of files, so that they can be
 * dropped at no loss; what a process still needs comes back by itself, a few pages at a time. It may drop such pages, and nothing else.
 */
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include "policy/policy.h"

/* What may be written holds what only this process knows: relocated addresses too. */
static int drop_unwritten(struct dl_phdr_info *object, size_t size, void *page)
{
	const uintptr_t mask = *(const uintptr_t *)page - 1;

	(void)size;
	for (unsigned int i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &object->dlpi_phdr[i];
		const uintptr_t from = (object->dlpi_addr + p->p_vaddr) & ~mask, to = object->dlpi_addr + p->p_vaddr + p->p_memsz;

		if (p->p_type == PT_LOAD && !(p->p_flags & PF_W) && object->dlpi_addr)
			madvise((void *)from, (to - from + mask) & ~mask, MADV_DONTNEED);
	}
	return 0;
}

void policy_forget_start(void)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	dl_iterate_phdr(drop_unwritten, &page);
}
