// SPDX-License-Identifier: GPL-2.0
/* record_huge.c: a recorder's map of guest memory of huge pages ends with the region (record/mirror.h). */
#include "tests/unit/huge.h"

#include "record/mirror.h"

Test(huge, a_region_that_is_taken_back_is_mapped_no_more)
{
	struct vu_msg m = { .request = VU_ADD_MEM_REG, .nfds = 1, .u.reg.r = { .size = HUGE_PAGE + 4096, .uaddr = 1u << 30 } };

	m.fd[0] = huge_file(2);
	cr_assert_eq(mirror_message(&m), 0);
	cr_expect_eq(huge_mappings(), 1);
	m.request = VU_REM_MEM_REG;
	cr_assert_eq(mirror_message(&m), 0);
	cr_expect_eq(huge_mappings(), 0);
}
