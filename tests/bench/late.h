/* SPDX-License-Identifier: GPL-2.0 */
/*
 * late.h: how long requests took, for benchmarks: noted one by one, sorted at the end, told as percentiles. What has no room is not noted.
 */
#ifndef LGUEST_TESTS_LATE_H
#define LGUEST_TESTS_LATE_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define LATE_ROOM (1u << 22)

struct late {
	size_t n;
	uint32_t ns[LATE_ROOM];
};

static inline void late_note(struct late *l, double seconds)
{
	if (l->n < LATE_ROOM)
		l->ns[l->n++] = (uint32_t)(seconds * 1e9);
}

static inline int late_compare(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static inline void late_sort(struct late *l)
{
	qsort(l->ns, l->n, sizeof(*l->ns), late_compare);
}

/** late_within() - microseconds in which this part of the sorted requests was over; 0: none was noted. */
static inline double late_within(const struct late *l, double part)
{
	return l->n ? l->ns[(size_t)((double)(l->n - 1) * part)] / 1e3 : 0;
}

#endif
