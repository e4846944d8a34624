// SPDX-License-Identifier: GPL-2.0
/*L:140
 * kind.c: the list of kinds (kind.h), as the linker gathered it: one entry for each folder of devices/.
 *
 * It may sort a list of its own. It knows no kind by name.
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "run/kind.h"

extern const struct device_kind *const __start_device_kinds[], *const __stop_device_kinds[];

/* By exit status, which never changes; the linker's order is that of the folders' names. */
static void insert(const struct device_kind **list, unsigned int n, const struct device_kind *kind)
{
	for (; n && list[n - 1]->status > kind->status; n--)
		list[n] = list[n - 1];
	list[n] = kind;
}

const struct device_kind *const *kinds(void)
{
	static const struct device_kind *list[KIND_MAX + 1];
	unsigned int n = 0;

	if (list[0])
		return list;
	/* cppcheck-suppress comparePointers ; both ends of one section, which the linker names */
	for (const struct device_kind *const *k = __start_device_kinds; k < __stop_device_kinds && n < KIND_MAX; k++)
		insert(list, n++, *k);
	return list;
}

const struct device_kind *kind_of_option(const char *name)
{
	for (const struct device_kind *const *k = kinds(); *k; k++)
		if ((*k)->help && !strcmp((*k)->name, name))
			return *k;
	return NULL;
}

const struct device_kind *kind_of_device(const char *name)
{
	for (const struct device_kind *const *k = kinds(); *k; k++)
		if ((*k)->id && !strcmp((*k)->name, name))
			return *k;
	return NULL;
}

const char *kind_types(const char *sep)
{
	static char text[512];
	const char *before = "";
	size_t n = 0;

	text[0] = '\0';
	for (const struct device_kind *const *k = kinds(); *k && n < sizeof(text); k++) {
		if (!(*k)->id)
			continue;
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", before, (*k)->name);
		before = sep;
	}
	return text;
}

const char *kind_grammar(const struct device_kind *kind)
{
	static char text[1024];

	snprintf(text, sizeof(text), "%s%s", kind->grammar, kind->types ? kind_types("|") : "");
	return text;
}
