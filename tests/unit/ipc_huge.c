// SPDX-License-Identifier: GPL-2.0
/* ipc_huge.c: memory of huge pages, given and taken back in parts that are no multiple of one (ipc/unmap.h). */
#include "tests/unit/huge.h"
#include "tests/unit/ipc_rig.h"

#define ODD (HUGE_PAGE + 4096u)

Test(huge, a_region_that_is_taken_back_is_mapped_no_more)
{
	struct ipc_rig *r = ipc_rig_new();
	struct vu_mem_reg m = { .r = { RIG_GPA, ODD, RIG_UADDR, 0 } };
	int fd = huge_file(2);

	negotiate(r);
	cr_assert_eq(add_region(r, RIG_GPA, ODD, RIG_UADDR, 0, fd), 0);
	cr_expect_eq(huge_mappings(), 1);
	cr_assert_eq(say(r, VU_REM_MEM_REG, &m, sizeof(m)), 0);
	cr_expect_eq(huge_mappings(), 0, "a region");
	cr_assert_eq(add_region(r, RIG_GPA, ODD, RIG_UADDR, 0, fd), 0);
	cr_assert_lt(add_region(r, RIG_GPA, ODD, RIG_UADDR, 0, fd), 0, "it overlaps itself");
	cr_expect_eq(huge_mappings(), 1, "a region that was refused");
	ipc_rig_free(r);
	cr_expect_eq(huge_mappings(), 0, "the end of the connection");
	close(fd);
}

Test(huge, a_record_that_is_replaced_is_mapped_no_more)
{
	struct ipc_rig *r = ipc_rig_new();
	struct vu_inflight f = { .size = vq_inflight_size(64), .queues = 1, .queue_size = 64 };
	int fd = huge_file(1), small = rig_memfd(65536);

	negotiate(r);
	cr_assert_eq(say_fd(r, VU_SET_INFLIGHT_FD, &f, sizeof(f), fd), 0);
	cr_expect_eq(huge_mappings(), 1);
	cr_assert_eq(say_fd(r, VU_SET_INFLIGHT_FD, &f, sizeof(f), small), 0);
	cr_expect_eq(huge_mappings(), 0);
	ipc_rig_free(r);
	close(small);
	close(fd);
}
