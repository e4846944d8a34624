// SPDX-License-Identifier: GPL-2.0
/*D:645
 * kind.c: what a network card is to lguest-run (run/kind.h): numbers, option, keys.
 *
 * Data, and what is wrong with a value of a key.
 */
#include <linux/virtio_ids.h>
#include <stddef.h>

#include "run/kind.h"
#include "run/text.h"

static const char *mac_wrong(const char *value)
{
	return text_is_mac(value) ? NULL : "is not an address like 52:54:00:12:34:56";
}

static const struct kind_key keys[] = {
	{ .name = "mac", .wrong = mac_wrong },
	{ .name = "unowned", .bare = true },
	{ .name = "bw", .wrong = text_rate_wrong },
	{ .name = "pps", .wrong = text_rate_wrong },
	{ .name = "burst", .wrong = text_rate_wrong },
	{ 0 }
};

/* Control queue, announcements, several pairs (bits 17 to 23): QEMU does these in the front end. lguest-core does not. */
#define FRONT_END_FEATURES (((1ull << 24) - 1) & ~((1ull << 17) - 1))

DEVICE_KIND(net,
	.status = 121,
	.id = VIRTIO_ID_NET,
	.queues = 2,
	.unit = 2,
	.config = { 12, 8 },
	.hidden = FRONT_END_FEATURES,
	.object = "TAP",
	.keys = keys,
	.grammar = "TAP[,mac=ADDRESS][,unowned][,bw=SIZE][,pps=N][,burst=SIZE]",
	.help = "a network card on an existing tap interface;\n"
		"                       unowned = also one that any user of this host may attach to;\n"
		"                       bw, pps = bytes and frames a second at most, each way; burst = bytes saved up",
	/* Its driver fills a ring with buffers of a page each, 256 of them; what it sends must find room beside these. */
	.window = 4 << 20,
	.least = 2 << 20,
);
