// SPDX-License-Identifier: GPL-2.0
/*D:445
 * kind.c: what a source of random numbers is to lguest-run (run/kind.h): numbers and option.
 *
 * Data.
 */
#include <linux/virtio_ids.h>
#include <stddef.h>

#include "run/kind.h"

DEVICE_KIND(rng,
	.status = 123,
	.id = VIRTIO_ID_RNG,
	.queues = 1,
	.grammar = "",
	.help = "a source of random numbers",
	.window = 256 << 10,
	.least = 256 << 10,
);
