// SPDX-License-Identifier: GPL-2.0
/* run_restart.c: what a role's deaths cost (run/restart.h). */
#include <criterion/criterion.h>

#include "run/restart.h"

TestSuite(restart, .timeout = 10);

/* A role that dies at once, each time: pauses double from 100 ms, and it is given up. */
Test(restart, pauses_double)
{
	static const int want[] = { 0, 100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000, 30000, -1 };
	struct restarts r = { 0 };
	uint64_t now = 1000;

	for (unsigned int i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		cr_expect_eq(restart_pause(&r, now, 0, false), want[i], "death %u", i);
		now += (uint64_t)(want[i] > 0 ? want[i] : 1);
	}
}

/* Its own fault: five within 30 s, however well it served in between. */
Test(restart, own_fault_five_times)
{
	struct restarts r = { 0 };

	for (int i = 0; i < 4; i++)
		cr_expect_geq(restart_pause(&r, (uint64_t)(i + 1) * 7000, 6900, true), 0);
	cr_expect_eq(restart_pause(&r, 29000, 6900, true), -1);
}

Test(restart, own_fault_now_and_then)
{
	struct restarts r = { 0 };

	for (int i = 0; i < 100; i++)
		cr_expect_eq(restart_pause(&r, (uint64_t)(i + 1) * 31000, 30000, true), 0, "death %d", i);
}

/* Killed from outside, serving a quarter of a second or more each time: no pause, for as long as the store lasts; then one of 10 s. */
Test(restart, service_pays_until_the_store_is_empty)
{
	struct restarts r = { 0 };
	uint64_t now = 5000;
	int pause = 0, n = 0;

	for (; n < 400 && !pause; n++) {
		pause = restart_pause(&r, now, 260, false);
		now += 300;
	}
	cr_expect_geq(n, 300);
	cr_expect_lt(n, 320);
	cr_expect_eq(pause, 10000);
	/* an hour without a death fills it again */
	now += 3600 * 1000;
	cr_expect_eq(restart_pause(&r, now, 3600 * 1000, false), 0);
}

/* In the long run no role is started more often than once in ten seconds. */
Test(restart, a_day)
{
	struct restarts r = { 0 };
	uint64_t now = 1;
	int n = 0;

	while (now < 86400000) {
		int pause = restart_pause(&r, now, 250, false);

		cr_assert_geq(pause, 0);
		now += (uint64_t)pause + 250 + 30;
		n++;
	}
	cr_expect_leq(n, 300 + 8640, "%d restarts", n);
}
