// SPDX-License-Identifier: GPL-2.0
/*D:595
 * kind.c: what a disk is to lguest-run (run/kind.h): numbers, option, keys.
 *
 * Data, and what is wrong with a value of a key.
 */
#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>
#include <string.h>

#include "run/kind.h"
#include "run/text.h"

static const char *serial_wrong(const char *value)
{
	_Static_assert(VIRTIO_BLK_ID_BYTES == 20, "the sentence says so");
	return strlen(value) <= VIRTIO_BLK_ID_BYTES ? NULL : "has more than 20 characters";
}

static const char *sector_wrong(const char *value)
{
	return !strcmp(value, "512") || !strcmp(value, "4096") ? NULL : "is neither 512 nor 4096";
}

static const struct kind_key keys[] = {
	{ .name = "ro", .bare = true },
	{ .name = "direct", .bare = true },
	{ .name = "nodiscard", .bare = true },
	{ .name = "serial", .wrong = serial_wrong },
	{ .name = "sector", .wrong = sector_wrong },
	{ .name = "bw", .wrong = text_rate_wrong },
	{ .name = "iops", .wrong = text_rate_wrong },
	{ .name = "burst", .wrong = text_rate_wrong },
	{ 0 }
};

DEVICE_KIND(block,
	.status = 120,
	.memory = 1ull << 30,	/* the host's cache of the image counts */
	.id = VIRTIO_ID_BLOCK,
	.queues = 1,
	/* All of 5.2.4, or, of a back end like ours, what comes before secure erase. */
	.config = { 96, 60 },
	.object = "IMAGE",
	.prefix = "ro",
	.keys = keys,
	.grammar = "[ro:]IMAGE[,ro][,direct][,nodiscard][,serial=TEXT][,sector=BYTES][,bw=SIZE][,iops=N][,burst=SIZE]",
	.help = "a disk: an image file or a block device;\n"
		"                       ro = read-only, direct = past the host's page cache;\n"
		"                       nodiscard = its blocks are never given back to the host;\n"
		"                       sector = 4096 for an image that was made on a disk with such sectors;\n"
		"                       bw, iops = bytes and requests a second at most, burst = bytes saved up for that",
	/*
	 * The least: a driver asks for 1280 KiB at once, in segments each of which may need the better half of a set of slots; a request
	 * that does not fit would be tried again for ever.
	 */
	.window = 8 << 20,
	.least = KIND_LEAST_WINDOW,
	.cmdline = "root=/dev/vda ro",
	.cmdline_unless = "root",
	.cmdline_root = true,
);
