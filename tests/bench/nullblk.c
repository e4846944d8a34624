// SPDX-License-Identifier: GPL-2.0
/*
 * nullblk.c: a block back end that completes every request at once and moves no data: what protocol, rings and loop
 * cost by themselves. Test code: the bench's null device, in the sandbox of lguest-block.
 */
#include <linux/virtio_blk.h>
#include <string.h>

#include "devices/backend.h"
#include "policy/policy.h"

POLICY_DECLARE(block);

static void get_config(struct backend *be, uint8_t *cfg)
{
	const struct virtio_blk_config c = { .capacity = 1u << 20, .seg_max = 126, .blk_size = 512, .num_queues = 1 };

	(void)be;
	memcpy(cfg, &c, 60);
}

static void kick(struct backend *be, struct vq *q)
{
	static struct iovec seg[128];
	struct vq_chain c = { .seg = seg, .seg_max = 128 };

	while (vq_pop(q, &c) > 0) {
		const struct iovec *last = c.seg + c.out + c.in - 1;

		if (c.in)
			*((uint8_t *)last->iov_base + last->iov_len - 1) = VIRTIO_BLK_S_OK;
		vq_push(q, c.head, (uint32_t)c.in_len);
	}
	backend_notify(be, q);
}

static int nothing_to_open(struct backend *be)
{
	(void)be;
	return 0;
}

static int no_option(struct backend *be, int opt, const char *arg)
{
	(void)be, (void)opt, (void)arg;
	return -1;
}

static const struct option options[] = { { 0 } };

static const struct backend_ops ops = {
	.name = "nullblk", .type = "block", .summary = "completes every request at once", .usage = "",
	.options = options, .role = &policy_block, .features = 1ull << VIRTIO_BLK_F_SEG_MAX, .queues = 1,
	.queue_unit = 1, .queue_size = 256, .config_size = 60, .option = no_option, .open = nothing_to_open,
	.get_config = get_config, .queue_kick = kick,
};

int main(int argc, char **argv)
{
	return backend_main(argc, argv, &ops, NULL);
}
