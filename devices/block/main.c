// SPDX-License-Identifier: GPL-2.0
/*D:530
 * main.c: lguest-block, a virtio-blk back end of its own, or one of lguest-run's roles.
 *
 * It may, before the sandbox, open one image; after the seal, move data between that image and the windows of its
 * front end. It may not see the file system, another process, the network, or guest memory outside the windows.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "devices/block/block.h"
#include "policy/policy.h"

POLICY_DECLARE(block_ro);
POLICY_DECLARE(block_ro_sync);
POLICY_DECLARE(block_keep);
POLICY_DECLARE(block_keep_sync);
POLICY_DECLARE(block);
POLICY_DECLARE(block_sync);

enum {
	OPT_BLK_FILE = 0x100,
	OPT_BLK_FD,
	OPT_READ_ONLY,
	OPT_DIRECT,
	OPT_SERIAL,
	OPT_QUEUES,
	OPT_BLOCK_SIZE,
	OPT_NO_DISCARD,
	OPT_BW,
	OPT_IOPS,
	OPT_BURST,
};

static const struct option options[] = {
	{ "blk-file", required_argument, NULL, OPT_BLK_FILE },
	{ "blk-fd", required_argument, NULL, OPT_BLK_FD },
	{ "read-only", no_argument, NULL, OPT_READ_ONLY },
	{ "direct", no_argument, NULL, OPT_DIRECT },
	{ "no-discard", no_argument, NULL, OPT_NO_DISCARD },
	{ "serial", required_argument, NULL, OPT_SERIAL },
	{ "num-queues", required_argument, NULL, OPT_QUEUES },
	{ "block-size", required_argument, NULL, OPT_BLOCK_SIZE },
	{ "bw", required_argument, NULL, OPT_BW },
	{ "iops", required_argument, NULL, OPT_IOPS },
	{ "burst", required_argument, NULL, OPT_BURST },
	{ 0 }
};

static const char *const capabilities[] = { "read-only", "blk-file", NULL };

static int block_option(struct backend *be, int opt, const char *arg)
{
	struct blk *blk = backend_dev(be);
	int n;

	switch (opt) {
	case OPT_BLK_FILE:
		blk->path = arg;
		return 0;
	case OPT_BLK_FD:
		blk->given_fd = backend_number(be, "blk-fd", arg, 3, INT32_MAX);
		return blk->given_fd < 0 ? -EINVAL : 0;
	case OPT_READ_ONLY:
		blk->want_read_only = true;
		return 0;
	case OPT_DIRECT:
		blk->want_direct = true;
		return 0;
	case OPT_NO_DISCARD:
		blk->no_discard = true;
		return 0;
	case OPT_SERIAL:
		if (strlen(arg) > BLK_ID_LEN) {
			backend_fail(be, "--serial=%s: at most %u characters", arg, BLK_ID_LEN);
			return -EINVAL;
		}
		strncpy(blk->serial, arg, BLK_ID_LEN);
		return 0;
	case OPT_BW:
	case OPT_IOPS:
	case OPT_BURST:
		return rate_option(be, arg, opt == OPT_BW ? &blk->rate.bw : opt == OPT_IOPS ? &blk->rate.iops : &blk->rate.burst);
	case OPT_QUEUES:
		n = backend_number(be, "num-queues", arg, 1, BLK_QUEUES);
		blk->queues = (uint16_t)n;
		return n < 0 ? n : 0;
	case OPT_BLOCK_SIZE:
		n = backend_number(be, "block-size", arg, BLK_SECTOR, 4096);
		if (n > 0 && n & (n - 1)) {
			backend_fail(be, "--block-size=%s is not 512, 1024, 2048 or 4096", arg);
			n = -EINVAL;
		}
		blk->block_size = n > 0 ? (uint32_t)n : 0;
		return n < 0 ? n : 0;
	default:
		return -EINVAL;
	}
}

/* Untouched pages cost nothing: a queue that the driver leaves alone, or a guest that never needs a bounce. */
static int make_buffers(struct blk *blk)
{
	uint8_t *p = backend_map((size_t)BLK_BOUNCES * BLK_BOUNCE_SIZE);

	blk->req = backend_map((size_t)blk->queues * BLK_QUEUE_SIZE * sizeof(*blk->req));
	if (!blk->req || !p) {
		backend_fail(blk->be, "no memory for %u queues", blk->queues);
		return -ENOMEM;
	}
	for (; blk->bounces < BLK_BOUNCES; blk->bounces++)
		blk->bounce_free[blk->bounces] = p + (size_t)blk->bounces * BLK_BOUNCE_SIZE;
	return 0;
}

static int block_open(struct backend *be)
{
	struct blk *blk = backend_dev(be);
	uint64_t features = 0;
	int err;

	blk->be = be;
	if (!blk->path == (blk->given_fd < 0)) {
		backend_fail(be, "one of --blk-file=PATH and --blk-fd=N must be given");
		return BACKEND_USAGE;
	}
	if ((blk->rate.bw || blk->rate.iops) && !backend_will_ring(be)) {
		backend_fail(be, "--bw and --iops need io_uring, which this host or --no-io-uring takes away: leave them out, and bound the disk by io.max");
		return -ENOTSUP;
	}
	err = rate_begin(be, &blk->rate);
	if (!err)
		err = blk_image_open(blk);
	if (err)
		return err;
	blk->image.fd = policy_place_fd(blk->image.fd, POLICY_FD_RESOURCE);
	if (blk->image.fd < 0)
		return blk->image.fd;
	blk->fixed = backend_fixed_file(be, blk->image.fd);
	if (blk->fixed < 0)
		return blk->fixed;
	if (blk->image.read_only)
		features |= 1ull << VIRTIO_BLK_F_RO;
	if (blk->image.can_discard)
		features |= 1ull << VIRTIO_BLK_F_DISCARD | 1ull << VIRTIO_BLK_F_WRITE_ZEROES;
	if (blk->queues > 1)
		features |= 1ull << VIRTIO_BLK_F_MQ;
	if (blk->image.physical > blk->image.block_size)
		features |= 1ull << VIRTIO_BLK_F_TOPOLOGY;
	features |= 1ull << VIRTIO_BLK_F_SEG_MAX | 1ull << VIRTIO_BLK_F_BLK_SIZE | 1ull << VIRTIO_BLK_F_FLUSH |
		    1ull << VIRTIO_BLK_F_CONFIG_WCE;
	backend_limit(be, features, blk->queues);
	backend_file_limit(be, blk->image.read_only ? 0 : blk->image.capacity);
	return make_buffers(blk);
}

/*
 * A driver that can't flush must never be told that a write is done before it is (5.2.6.2), and neither must one that was shown a disk without a write
 * cache. Front ends ask once and say the driver's choice once, and go on showing that, to the drivers that come after a reset too: QEMU says no more than
 * status 0 and features when a guest is stopped and goes on or reboots, and to a new process no more than features. So no message takes a choice back,
 * and writes are cached only where what this process last heard or said of it is that they are. To write through for a driver that flushes is safe.
 */
static void set_cache(struct blk *blk)
{
	blk->write_through = !blk->flush_acked || !blk->told_cached;
}

static void block_features_acked(struct backend *be, uint64_t features)
{
	struct blk *blk = backend_dev(be);

	blk->flush_acked = features & (1ull << VIRTIO_BLK_F_FLUSH);
	blk->may_ask = features & (1ull << VIRTIO_BLK_F_CONFIG_WCE);
	set_cache(blk);
}

static void block_get_config(struct backend *be, uint8_t *cfg)
{
	struct blk *blk = backend_dev(be);
	struct virtio_blk_config c = {
		.capacity = blk->image.capacity / BLK_SECTOR,
		.seg_max = BLK_SEGS - 2,
		.blk_size = blk->image.block_size,
		.wce = !blk->chosen_through && (blk->flush_acked || !blk->may_ask),
		.num_queues = blk->queues,
		.physical_block_exp = (uint8_t)__builtin_ctz(blk->image.physical / blk->image.block_size),
		.min_io_size = (uint16_t)(blk->image.physical / blk->image.block_size),
	};
	uint32_t unit = blk->image.physical / BLK_SECTOR;

	if (blk->image.can_discard) {
		/* A driver splits longer ranges here, between blocks. */
		c.max_discard_sectors = c.max_write_zeroes_sectors = BLK_RANGE;
		c.max_discard_seg = c.max_write_zeroes_seg = 1;
		c.discard_sector_alignment = unit;
		c.write_zeroes_may_unmap = 1;
	}
	memcpy(cfg, &c, BLK_CONFIG_SIZE);
	blk->told_cached = c.wce;
	set_cache(blk);
}

static int block_set_config(struct backend *be, uint32_t off, const uint8_t *data, uint32_t len)
{
	struct blk *blk = backend_dev(be);

	if (off != offsetof(struct virtio_blk_config, wce) || len != 1 || data[0] > 1)
		return -EINVAL;
	blk->chosen_through = !data[0];
	blk->told_cached = data[0];
	set_cache(blk);
	return 0;
}

static void block_queue_kick(struct backend *be, struct vq *q)
{
	static struct iovec seg[BLK_CHAIN];
	struct blk *blk = backend_dev(be);
	struct vq_chain c = { .seg = seg, .seg_max = BLK_CHAIN };
	bool waited = blk->waits_alone == 1u + q->index;

	if (waited)
		blk->waits_alone = 0;
	while (rate_may(&blk->rate, q) && vq_pop(q, &c) > 0) {
		blk->cost = c.in_len + c.out_len;
		if (blk_submit(blk, q, &c)) {
			rate_took(&blk->rate, blk->cost);
			continue;
		}
		vq_unpop(q, c.head);
		break;
	}
	/* What waited to write alone is under way, or not there any more: others may be waiting for that. */
	if (waited && !blk->waits_alone)
		blk_wake(blk);
	backend_notify(be, q);
}

static void block_reset(struct backend *be)
{
	struct blk *blk = backend_dev(be);

	blk->flush_acked = blk->may_ask = false;
	set_cache(blk);
	blk->starved = 0;
	blk->waits_alone = 0;
}

/* No more rights than the image that was opened needs. */
static const struct policy_role *block_narrow(struct backend *be)
{
	const struct blk *blk = backend_dev(be);

	if (blk->image.read_only)
		return backend_will_ring(be) ? &policy_block_ro : &policy_block_ro_sync;
	if (!blk->image.can_discard)
		return backend_will_ring(be) ? &policy_block_keep : &policy_block_keep_sync;
	return backend_will_ring(be) ? &policy_block : &policy_block_sync;
}

static int block_start(struct backend *be)
{
	struct blk *blk = backend_dev(be);

	rate_start(&blk->rate, be);
	return 0;
}

static const struct backend_ops block_ops = {
	.name = "lguest-block",
	.type = "block",
	.capabilities = capabilities,
	.summary = "virtio-blk back end for one raw image",
	.usage =
		"  --blk-file=PATH   raw image: a file or a block device\n"
		"  --blk-fd=N        the same, inherited open as descriptor N\n"
		"  --read-only       open it for reading and refuse writes\n"
		"  --no-discard      do not offer discard and write-zeroes\n"
		"  --direct          bypass the host's page cache (O_DIRECT)\n"
		"  --serial=TEXT     what GET_ID answers, at most 20 characters\n"
		"  --num-queues=N    request queues, 1 to 16 (default 1)\n"
		"  --block-size=N    the disk's sector size as the guest sees it, 512 (default) to 4096\n"
		"  --bw=BYTES        move so many bytes a second at most; --burst=BYTES may be saved up, or those of a second\n"
		"  --iops=N          begin so many requests a second at most\n",
	.options = options,
	.role = &policy_block,
	.role_poll = &policy_block_sync,
	.features = 1ull << VIRTIO_BLK_F_SEG_MAX | 1ull << VIRTIO_BLK_F_RO | 1ull << VIRTIO_BLK_F_BLK_SIZE |
		    1ull << VIRTIO_BLK_F_FLUSH | 1ull << VIRTIO_BLK_F_CONFIG_WCE | 1ull << VIRTIO_BLK_F_MQ |
		    1ull << VIRTIO_BLK_F_TOPOLOGY | 1ull << VIRTIO_BLK_F_DISCARD | 1ull << VIRTIO_BLK_F_WRITE_ZEROES,
	.queues = BLK_QUEUES,
	.queue_unit = 1,
	.queue_size = BLK_QUEUE_SIZE,
	.config_size = BLK_CONFIG_SIZE,
	.first_part = 4,
	.spins = true,
	.option = block_option,
	.open = block_open,
	.narrow = block_narrow,
	.start = block_start,
	.features_acked = block_features_acked,
	.get_config = block_get_config,
	.set_config = block_set_config,
	.queue_kick = block_queue_kick,
	.reset = block_reset,
};

int main(int argc, char **argv)
{
	static struct blk blk = { .given_fd = -1, .queues = 1, .serial = "lguest", .write_through = true };

	return backend_main(argc, argv, &block_ops, &blk);
}
