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
	.grammar = "TAP[,mac=ADDRESS][,unowned]",
	.help = "a network card on an existing tap interface;\n"
		"                       unowned = also one that any user of this host may attach to",
	/* Its driver fills a ring with buffers of a page each, 256 of them; what it sends must find room beside these. */
	.window = 4 << 20,
	.least = 2 << 20,
);
