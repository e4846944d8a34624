// SPDX-License-Identifier: GPL-2.0
/*D:420
 * main.c: lguest-rng, a virtio entropy device (virtio 1.2, 5.4): it fills what the driver gives it from the
 * host's random number generator.
 *
 * It may: ask the kernel for random bytes. It holds no resource and sees nothing of the guest but its window.
 */
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "devices/backend.h"
#include "policy/policy.h"

POLICY_DECLARE(rng);

#define RNG_QUEUE_SIZE 256u
#define RNG_SEGS 16u
/* Most bytes of one request: a driver asks for 64; a guest must not have this process compute without end. */
#define RNG_MAX 4096u
#define RNG_CHUNK 256u	/* what getrandom() gives whole, without being interrupted */

static uint32_t fill(const struct vq_chain *c)
{
	uint64_t want = c->in_len < RNG_MAX ? c->in_len : RNG_MAX, done = 0;
	uint8_t bytes[RNG_CHUNK];
	ssize_t n;

	while (done < want) {
		n = getrandom(bytes, want - done < RNG_CHUNK ? want - done : RNG_CHUNK, 0);
		if (n <= 0)
			break;
		done += vq_copy_in(c, done, bytes, (size_t)n);
	}
	explicit_bzero(bytes, sizeof(bytes));
	return (uint32_t)done;
}

/*D:430
 * A pass has reached the device, and this is all that a device must do with it: pop, work, push. The loop publishes,
 * signals the driver and waits for the next kick.
 */
static void rng_kick(struct backend *be, struct vq *q)
{
	struct iovec seg[RNG_SEGS];
	struct vq_chain c = { .seg = seg, .seg_max = RNG_SEGS };

	(void)be;
	while (vq_pop(q, &c) > 0)
		vq_push(q, c.head, fill(&c));
}

static int rng_open(struct backend *be)
{
	(void)be;
	return 0;
}

static const char *const capabilities[] = { NULL };

/*D:440
 * And this table is the device: a name, one queue, what it may do (the manifest, which we meet at the end of the
 * chapter), what to open, and what to do on a kick. main() below gives it to backend_main(), where we have been. The
 * devices that follow have more to say, in the same places.
 */
static const struct backend_ops rng_ops = {
	.name = "lguest-rng",
	.type = "rng",
	.capabilities = capabilities,
	.summary = "virtio entropy back end",
	.usage = "",
	.role = &policy_rng,
	.queues = 1,
	.queue_unit = 1,
	.queue_size = RNG_QUEUE_SIZE,
	.completions = 128,
	.open = rng_open,
	.queue_kick = rng_kick,
};

int main(int argc, char **argv)
{
	return backend_main(argc, argv, &rng_ops, NULL);
}
