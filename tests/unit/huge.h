/* SPDX-License-Identifier: GPL-2.0 */
/*
 * huge.h: a file of huge pages on a host that has none to spare: it is mapped without a reservation (the linker's --wrap=mmap), and never touched.
 */
#ifndef LGUEST_TESTS_HUGE_H
#define LGUEST_TESTS_HUGE_H

#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <linux/magic.h>
#include <linux/memfd.h>

#define HUGE_NAME "huge-of-a-test"
#define HUGE_PAGE (2u << 20)

void *__real_mmap(void *at, size_t len, int prot, int flags, int fd, off_t off);
void *__wrap_mmap(void *at, size_t len, int prot, int flags, int fd, off_t off);

void *__wrap_mmap(void *at, size_t len, int prot, int flags, int fd, off_t off)
{
	struct statfs fs;

	return __real_mmap(at, len, prot, fd >= 0 && !fstatfs(fd, &fs) && fs.f_type == HUGETLBFS_MAGIC ? flags | MAP_NORESERVE : flags, fd, off);
}

static inline int huge_file(unsigned int pages)
{
	int fd = memfd_create(HUGE_NAME, MFD_CLOEXEC | MFD_HUGETLB | 21u << MFD_HUGE_SHIFT);

	cr_assert(fd >= 0 && !ftruncate(fd, (off_t)pages * HUGE_PAGE), "no file of huge pages here: %m");
	return fd;
}

/* How many mappings of it this process has */
static inline unsigned int huge_mappings(void)
{
	FILE *f = fopen("/proc/self/maps", "re");
	unsigned int n = 0;
	char line[512];

	cr_assert(f);
	while (fgets(line, sizeof(line), f))
		n += !!strstr(line, HUGE_NAME);
	fclose(f);
	return n;
}

#endif
