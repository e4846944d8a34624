// SPDX-License-Identifier: GPL-2.0
/*L:210
 * cmdline.c: the guest's command line: what the devices make plain and the user did not say, and whether the kernel has room for it
 * all (launch.h).
 *
 * It may read struct launch. It opens, starts and changes nothing.
 */
#include <stdio.h>
#include <string.h>

#include "ipc/exit.h"
#include "run/launch.h"
#include "run/say.h"
#include "run/text.h"

/* What lguest-core puts before it (core.c) besides GUEST_CMDLINE_FIRST, for each device, and for each window: the longest that they can become. */
#define DEVICE_WORDS "virtio_mmio.device=4K@0xd000f000:16 "
#define WINDOW_WORDS "lguest.window=0xd000f000,0xcfe00000,0x10000000 "

static bool has_device(const struct launch *l, const struct device_kind *type)
{
	for (unsigned int i = 0; i < l->roles; i++)
		if (l->role[i].type == type)
			return true;
	return false;
}

static bool wants_words(const struct launch *l, const struct device_kind *k)
{
	return k->cmdline && has_device(l, k) && !(k->cmdline_root && l->initrd) && !text_has_parameter(l->cmdline, k->cmdline_unless);
}

size_t cmdline_build(const struct launch *l, char *buf, size_t size)
{
	char words[256] = "", so_far[256];

	for (const struct device_kind *const *k = kinds(); *k; k++) {
		if (!wants_words(l, *k))
			continue;
		memcpy(so_far, words, sizeof(so_far));
		snprintf(words, sizeof(words), "%.64s %.180s", (*k)->cmdline, so_far);
	}
	/* cppcheck-suppress nullPointer ; snprintf() takes NULL for a size of 0 */
	return (size_t)snprintf(buf, size, "%s%s", words, l->cmdline);
}

int cmdline_check(const struct launch *l)
{
	size_t n = strlen(GUEST_CMDLINE_FIRST) + cmdline_build(l, NULL, 0);

	for (unsigned int i = 0; i < l->roles; i++)
		n += strlen(DEVICE_WORDS) + (l->role[i].window ? strlen(WINDOW_WORDS) : 0);
	if (n < GUEST_CMDLINE_MAX)
		return 0;
	complain("--cmdline with what its %u devices need has up to %zu characters, and a kernel takes %u: make it %zu shorter", l->roles, n,
		 GUEST_CMDLINE_MAX - 1, n - (GUEST_CMDLINE_MAX - 1));
	return EXIT_USAGE;
}
