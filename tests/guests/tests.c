// SPDX-License-Identifier: GPL-2.0
/*
 * The table of tests: which guest, and how it must end. What each shows is said at the top of its file in tiny/.
 */
#include "lgtest.h"

const struct test tests[] = {
	{ "hello", "hello" },
	{ "hcall-null", "hcall_null" },
	{ "page-fill", "page_fill" },
};
const size_t ntests = sizeof(tests) / sizeof(tests[0]);
