// SPDX-License-Identifier: GPL-2.0
/*
 * fuzz.c: lguest-rng with a hostile guest, and a kernel whose random bytes come short, late or not at all.
 *
 * Besides ASan and UBSan: the kernel is never asked for more than it gives whole, a pass costs a bounded number of calls, and no request
 * is held.
 */
#include <errno.h>
#include <string.h>

#include "policy/policy.h"
#include "tests/fuzz/guest.h"

#define ASKED_MAX 256u
#define CALLS_MAX (16u * 4096u) /* of one pass: as many requests as the queue has, and 16 short answers for each chunk of each */

int lguest_rng_main(int argc, char **argv);
ssize_t fuzz_getrandom(void *buf, size_t len, unsigned int flags);

const struct policy_role policy_rng;

static uint8_t mood;
static unsigned int calls;

ssize_t fuzz_getrandom(void *buf, size_t len, unsigned int flags)
{
	REQUIRE(len && len <= ASKED_MAX && !flags, "%zu bytes asked for", len);
	REQUIRE(++calls <= CALLS_MAX, "a pass without end");
	memset(buf, 0xa5, len);
	if (mood & 1)
		return mood & 2 ? -1 : 0;
	return mood & 4 ? (ssize_t)(len / 2 + 1) : (ssize_t)len;
}

static int32_t perform(const struct io_uring_sqe *sqe, uint8_t how)
{
	(void)sqe;
	return how;
}

static void special(void)
{
	mood = guest_byte();
	calls = 0;
}

static void check(void)
{
	calls = 0;
	REQUIRE(!fake.vq[0].inflight, "a request is held");
	REQUIRE(!fake.pending_n, "an operation is started");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct guest g = { .queues = 1, .perform = perform, .special = special, .check = check };

	fake_open(lguest_rng_main);
	mood = 0;
	calls = 0;
	guest_run(&g, data, size);
	return 0;
}
