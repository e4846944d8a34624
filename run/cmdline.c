// SPDX-License-Identifier: GPL-2.0
/*L:135
 * cmdline.c: the guest's command line: what the devices make plain and the user did not say, and whether the kernel has room for it
 * all (launch.h).
 *
 * It may read struct launch. It opens, starts and changes nothing.
 */
#include <stdio.h>
#include <string.h>

#include "core/exit.h"
#include "run/launch.h"
#include "run/text.h"

/* What lguest-core puts before it (core.c) for each device, and for each window: the longest that they can become. */
#define DEVICE_WORDS "virtio_mmio.device=4K@0xd000f000:16 "
#define WINDOW_WORDS "lguest.window=0xd000f000,0xcfe00000,0x10000000 "

static bool has_device(const struct launch *l, const char *type)
{
	for (unsigned int i = 0; i < l->roles; i++)
		if (!strcmp(role_type(&l->role[i]), type))
			return true;
	return false;
}

size_t cmdline_build(const struct launch *l, char *buf, size_t size)
{
	bool console = has_device(l, "console") && !text_has_parameter(l->cmdline, "console");
	bool root = has_device(l, "block") && !l->initrd && !text_has_parameter(l->cmdline, "root");

	return (size_t)snprintf(buf, size, "%s%s%s", console ? "console=hvc0 " : "", root ? "root=/dev/vda ro " : "", l->cmdline);
}

int cmdline_check(const struct launch *l)
{
	size_t n = cmdline_build(l, NULL, 0);

	for (unsigned int i = 0; i < l->roles; i++)
		n += strlen(DEVICE_WORDS) + (l->role[i].window ? strlen(WINDOW_WORDS) : 0);
	if (n < GUEST_CMDLINE_MAX)
		return 0;
	complain("--cmdline with what its %u devices need has up to %zu characters, and a kernel takes %u: make it %zu shorter", l->roles, n,
		 GUEST_CMDLINE_MAX - 1, n - (GUEST_CMDLINE_MAX - 1));
	return EXIT_USAGE;
}
