// SPDX-License-Identifier: GPL-2.0
/*D:224
 * kind.c: what a console is to lguest-run (run/kind.h): numbers and option. A guest has one unless its user says "none".
 *
 * Data.
 */
#include <linux/virtio_console.h>
#include <linux/virtio_ids.h>
#include <stddef.h>

#include "run/kind.h"

DEVICE_KIND(console,
	.status = 122,
	.id = VIRTIO_ID_CONSOLE,
	.queues = 2,
	.config = { sizeof(struct virtio_console_config) },
	.object = "FILE",
	.grammar = "stdio|none|FILE",
	.help = "the guest's console: this terminal (the default), nothing,\n"
		"                       or a file or device that it is written to",
	/* Linux fills two queues with pages: 256 each, as many as they have entries. Half of that, and room to print, is the least. */
	.window = 4 << 20,
	.least = 1280 << 10,
	.always = "stdio",
	.never = "none",
	.cmdline = "console=hvc0",
	.cmdline_unless = "console",
	.terminal = true,
);
