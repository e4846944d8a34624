// SPDX-License-Identifier: GPL-2.0
/*L:510
 * memory.c: guest RAM and windows: memfds, mapped, and the checked way in (memory.h).
 *
 * A memfd of its own for each window is what makes the window a boundary: a process that holds one descriptor
 * cannot reach another's bytes, while a partial mapping of a shared memfd grows with mremap(). Sizes are sealed, so
 * that no holder of a descriptor can truncate it and have the core killed by SIGBUS.
 *
 * It may map and create memory. It may not look into it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/layout.h"
#include "core/memory.h"

static int sealed_memfd(const char *name, uint64_t bytes)
{
	int err, fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)bytes) ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

/*
 * Map at a 2 MiB boundary: reserve more than is needed, map over the aligned part, give the rest back. Without
 * the alignment lg.ko could never use a 2 MiB entry, whatever the host's page cache holds.
 */
static void *map_aligned(int fd, uint64_t bytes)
{
	uint64_t span, start;
	uint8_t *hole, *at;

	if (__builtin_add_overflow(bytes, GUEST_HUGE, &span))
		return MAP_FAILED;
	hole = mmap(NULL, span, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (hole == MAP_FAILED)
		return MAP_FAILED;
	start = -(uint64_t)(uintptr_t)hole & (GUEST_HUGE - 1);
	at = mmap(hole + start, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
	if (at == MAP_FAILED) {
		munmap(hole, span);
		return MAP_FAILED;
	}
	if (start)
		munmap(hole, start);
	munmap(at + bytes, span - start - bytes);
	/* Advice only: Debian's default for shared memory is no huge pages, and that is not an error. */
	madvise(at, bytes, MADV_HUGEPAGE);
	madvise(at, bytes, MADV_DONTDUMP);
	return at;
}

static struct guest_region *add_region(struct guest_memory *m, struct guest_region r)
{
	m->region[m->regions] = r;
	return &m->region[m->regions++];
}

/*L:520
 * make_memory() begins with RAM: one memfd, mapped here once. What is more than 3 GiB continues at 4 GiB in
 * guest-physical space, and the hole between them is for windows and registers. The host gives a page when it is first
 * touched.
 */
int guest_memory_ram(struct guest_memory *m, uint64_t bytes)
{
	void *at;
	int fd;

	if (bytes < GUEST_RAM_MIN || bytes > GUEST_RAM_MAX || bytes % GUEST_PAGE)
		return -EINVAL;
	fd = sealed_memfd("lguest-ram", bytes);
	if (fd < 0)
		return fd;
	at = map_aligned(fd, bytes);
	if (at == MAP_FAILED) {
		close(fd);
		return -ENOMEM;
	}
	m->ram = bytes;
	m->low_end = bytes < GUEST_LOW_RAM_MAX ? bytes : GUEST_LOW_RAM_MAX;
	add_region(m, (struct guest_region){ 0, m->low_end, at, fd, 0 });
	if (bytes > m->low_end)
		add_region(m, (struct guest_region){ GUEST_HIGH_RAM, bytes - m->low_end, (uint8_t *)at + m->low_end, fd,
						     m->low_end });
	return 0;
}

/*L:530
 * Then the windows. Each is a memfd of its own, above all that is there, and its descriptor is what the device's
 * process is sent: what it was not given it cannot map. What a device shall read or write the guest's kernel copies
 * into its window and out of it. With dma=direct there is no window.
 */
const struct guest_region *guest_memory_window(struct guest_memory *m, uint64_t bytes)
{
	uint64_t gpa = m->low_end, end;
	void *at;
	int fd;

	for (unsigned int i = 0; i < m->regions; i++) {
		end = m->region[i].gpa + m->region[i].size;
		if (end <= GUEST_MMIO_BASE && end > gpa)
			gpa = end;
	}
	gpa = (gpa + GUEST_HUGE - 1) & ~(GUEST_HUGE - 1);
	if (!bytes || bytes % GUEST_PAGE || bytes > GUEST_MMIO_BASE - gpa || m->regions == LGUEST_MAX_REGIONS) {
		errno = ENOSPC;
		return NULL;
	}
	fd = sealed_memfd("lguest-window", bytes);
	if (fd < 0)
		return NULL;
	at = map_aligned(fd, bytes);
	if (at == MAP_FAILED) {
		close(fd);
		errno = ENOMEM;
		return NULL;
	}
	return add_region(m, (struct guest_region){ gpa, bytes, at, fd, 0 });
}

/*L:540
 * The only door from a guest's address to a pointer; the loader, which is next, puts all that it writes through it.
 * The whole range must lie in one region, and the sums are subtractions that cannot wrap.
 */
void *guest_ptr(const struct guest_memory *m, uint64_t gpa, uint64_t len)
{
	for (unsigned int i = 0; i < m->regions; i++) {
		const struct guest_region *r = &m->region[i];

		/* Subtractions that cannot wrap: gpa >= r->gpa, then the offset is inside. */
		if (gpa >= r->gpa && gpa - r->gpa < r->size)
			return len && len <= r->size - (gpa - r->gpa) ? r->host + (gpa - r->gpa) : NULL;
	}
	return NULL;
}

void guest_memory_free(struct guest_memory *m)
{
	for (unsigned int i = 0; i < m->regions; i++) {
		munmap(m->region[i].host, m->region[i].size);
		if (!m->region[i].offset)
			close(m->region[i].fd);	/* the high part of RAM shares the low part's */
	}
	memset(m, 0, sizeof(*m));
}
