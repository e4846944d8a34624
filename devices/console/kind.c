// SPDX-License-Identifier: GPL-2.0
/*D:520
 * kind.c: what a console is to lguest-run (run/kind.h): numbers and option. A guest has one unless its user says "none".
 *
 * Data, and what is wrong with a value of a key.
 */
#include <linux/virtio_console.h>
#include <linux/virtio_ids.h>
#include <stddef.h>
#include <stdlib.h>

#include "run/kind.h"

static const char *limit_wrong(const char *value)
{
	char *end;
	long n = strtol(value, &end, 10);

	return *value >= '0' && *value <= '9' && !*end && n >= 1 && n <= 1 << 20 ? NULL : "is not a number of MiB from 1 to 1048576";
}

static const struct kind_key keys[] = {
	{ .name = "limit", .wrong = limit_wrong },
	{ 0 }
};

DEVICE_KIND(console,
	.status = 122,
	.id = VIRTIO_ID_CONSOLE,
	.queues = 2,
	.config = { sizeof(struct virtio_console_config) },
	.object = "FILE",
	.keys = keys,
	.grammar = "stdio|none|FILE[,limit=MIB]",
	.help = "the guest's console: this terminal (the default), nothing,\n"
		"                       or a file or device that it is written to;\n"
		"                       limit = a file gets no longer than that",
	/* Linux fills two queues with pages: 256 each, as many as they have entries. Half of that, and room to print, is the least. */
	.window = 4 << 20,
	.least = 1280 << 10,
	.always = "stdio",
	.never = "none",
	.cmdline = "console=hvc0",
	.cmdline_unless = "console",
	.terminal = true,
);
