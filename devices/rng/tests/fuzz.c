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
#define CALLS_ONE 48u	/* of one request: 4096 bytes, of each chunk half at least */
#define CALLS_MAX (8u * 32u * CALLS_ONE) /* of one kick: 8 passes, as many requests as the queue has */

int lguest_rng_main(int argc, char **argv);
ssize_t fuzz_getrandom(void *buf, size_t len, unsigned int flags);

const struct policy_role policy_rng;

static uint8_t mood;
static unsigned int calls, of_one, whose;

ssize_t fuzz_getrandom(void *buf, size_t len, unsigned int flags)
{
	REQUIRE(len && len <= ASKED_MAX && !flags, "%zu bytes asked for", len);
	REQUIRE(++calls <= CALLS_MAX, "a pass without end");
	of_one = whose == fake.vq[0].used_idx + fake.vq[0].staged ? of_one + 1 : 1;
	whose = fake.vq[0].used_idx + fake.vq[0].staged;
	REQUIRE(of_one <= CALLS_ONE, "%u calls for one request", of_one);
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
	calls = of_one = 0;
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
