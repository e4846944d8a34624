// SPDX-License-Identifier: GPL-2.0
/*
 * core_memory.c: guest memory: the checked accessor at every edge, the seals, and where windows go.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <unistd.h>

#include "core/layout.h"
#include "core/memory.h"

#define MIB (1ull << 20)
#define GIB (1ull << 30)

Test(core_memory, accessor_knows_the_edges)
{
	struct guest_memory m = { 0 };

	cr_assert_eq(guest_memory_ram(&m, 32 * MIB), 0);
	cr_expect_not_null(guest_ptr(&m, 0, 1));
	cr_expect_not_null(guest_ptr(&m, 0, 32 * MIB));
	cr_expect_null(guest_ptr(&m, 0, 32 * MIB + 1));
	cr_expect_null(guest_ptr(&m, 1, 32 * MIB));
	cr_expect_not_null(guest_ptr(&m, 32 * MIB - 1, 1));
	cr_expect_null(guest_ptr(&m, 32 * MIB, 1));
	cr_expect_null(guest_ptr(&m, 32 * MIB - 1, 2));
	cr_expect_null(guest_ptr(&m, 0, 0));
	cr_expect_null(guest_ptr(&m, ~0ull, 1));
	cr_expect_null(guest_ptr(&m, ~0ull, ~0ull));
	cr_expect_null(guest_ptr(&m, 4096, ~0ull));
	cr_expect_null(guest_ptr(&m, 4096, ~0ull - 4095));
	guest_memory_free(&m);
}

Test(core_memory, size_is_checked)
{
	struct guest_memory m = { 0 };

	cr_expect_eq(guest_memory_ram(&m, 0), -EINVAL);
	cr_expect_eq(guest_memory_ram(&m, 16 * MIB - 4096), -EINVAL);
	cr_expect_eq(guest_memory_ram(&m, 32 * MIB + 1), -EINVAL);
	cr_expect_eq(guest_memory_ram(&m, ~0ull & ~4095ull), -EINVAL);
	cr_expect_eq(m.regions, 0);
}

Test(core_memory, ram_is_aligned_shared_and_sealed)
{
	struct guest_memory m = { 0 };
	uint32_t value = 0;

	cr_assert_eq(guest_memory_ram(&m, 32 * MIB), 0);
	cr_expect_eq((uintptr_t)m.region[0].host % GUEST_HUGE, 0);
	*(uint32_t *)guest_ptr(&m, 0x1000, 4) = 0x12345678;
	cr_expect_eq(pread(m.region[0].fd, &value, 4, 0x1000), 4);
	cr_expect_eq(value, 0x12345678);
	cr_expect_neq(ftruncate(m.region[0].fd, 4096), 0, "a holder could cut the memory off");
	cr_expect_neq(ftruncate(m.region[0].fd, 64 * MIB), 0);
	guest_memory_free(&m);
}

Test(core_memory, large_ram_has_a_hole)
{
	struct guest_memory m = { 0 };
	uint8_t *low, *high;

	cr_assert_eq(guest_memory_ram(&m, 5 * GIB), 0);
	cr_assert_eq(m.regions, 2);
	cr_expect_eq(m.low_end, 3 * GIB);
	low = guest_ptr(&m, 3 * GIB - 1, 1);
	high = guest_ptr(&m, 4 * GIB, 1);
	cr_expect_eq(high - low, 1, "both are one memfd");
	cr_expect_null(guest_ptr(&m, 3 * GIB, 1));
	cr_expect_null(guest_ptr(&m, 3 * GIB - 1, 2));
	cr_expect_not_null(guest_ptr(&m, 6 * GIB - 1, 1));
	cr_expect_null(guest_ptr(&m, 6 * GIB, 1));
	guest_memory_free(&m);
}

Test(core_memory, windows_are_apart_from_ram_and_each_other)
{
	const struct guest_region *a, *b;
	struct guest_memory m = { 0 };

	cr_assert_eq(guest_memory_ram(&m, 33 * MIB), 0);
	a = guest_memory_window(&m, 64 << 10);
	b = guest_memory_window(&m, 8 * MIB);
	cr_assert_not_null(a);
	cr_assert_not_null(b);
	cr_expect_eq(a->gpa, 34 * MIB);
	cr_expect_eq(b->gpa, 36 * MIB);
	cr_expect_neq(a->fd, b->fd);
	cr_expect_neq(a->fd, m.region[0].fd);
	cr_expect_null(guest_ptr(&m, a->gpa - 1, 2));
	cr_expect_null(guest_ptr(&m, a->gpa, a->size + 1));
	cr_expect_not_null(guest_ptr(&m, b->gpa, b->size));
	cr_expect_null(guest_memory_window(&m, GUEST_MMIO_BASE), "no room, no window");
	guest_memory_free(&m);
}
