// SPDX-License-Identifier: GPL-2.0
/*
 * held.c: a block back end that answers a read of a sector from HELD on only when somebody reads RELEASE, and all others at once, so that
 * a test knows which requests are in flight when it kills this process. It moves no data. Test code, in the sandbox of lguest-block.
 */
#include <linux/virtio_blk.h>
#include <string.h>

#include "devices/backend.h"
#include "policy/policy.h"
#include "tests/frontend/held.h"

POLICY_DECLARE(block);

struct held {
	unsigned int n;
	struct { uint16_t head; uint8_t *status; uint32_t len; } request[256];
};

static void get_config(struct backend *be, uint8_t *cfg)
{
	const struct virtio_blk_config c = { .capacity = 1u << 20, .seg_max = 126, .blk_size = 512, .num_queues = 1 };

	(void)be;
	memcpy(cfg, &c, 60);
}

static void release(struct held *h, struct vq *q)
{
	for (unsigned int i = 0; i < h->n; i++) {
		*h->request[i].status = VIRTIO_BLK_S_OK;
		vq_push(q, h->request[i].head, h->request[i].len);
	}
	h->n = 0;
}

static void kick(struct backend *be, struct vq *q)
{
	static struct iovec seg[128];
	struct vq_chain c = { .seg = seg, .seg_max = 128 };
	struct held *h = backend_dev(be);
	uint64_t header[2];

	while (vq_pop(q, &c) > 0) {
		const struct iovec *last = c.seg + c.out + c.in - 1;
		uint8_t *status = (uint8_t *)last->iov_base + last->iov_len - 1;

		header[1] = 0;
		vq_copy_out(&c, 0, header, sizeof(header));
		h->request[h->n].head = c.head;
		h->request[h->n].status = status;
		h->request[h->n++].len = (uint32_t)c.in_len;
		if (header[1] >= HELD)
			continue;
		if (header[1] == RELEASE) {
			release(h, q);
			continue;
		}
		*status = VIRTIO_BLK_S_OK;
		vq_push(q, c.head, (uint32_t)c.in_len);
		h->n--;
	}
	backend_notify(be, q);
}

static void queue_stop(struct backend *be, struct vq *q)
{
	release(backend_dev(be), q);
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
	.name = "held", .type = "block", .summary = "answers some requests late", .usage = "",
	.options = options, .role = &policy_block, .features = 1ull << VIRTIO_BLK_F_SEG_MAX, .queues = 1,
	.queue_unit = 1, .queue_size = 256, .config_size = 60, .option = no_option, .open = nothing_to_open,
	.get_config = get_config, .queue_kick = kick, .queue_stop = queue_stop,
};

int main(int argc, char **argv)
{
	static struct held h;

	return backend_main(argc, argv, &ops, &h);
}
