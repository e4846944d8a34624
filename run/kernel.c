// SPDX-License-Identifier: GPL-2.0
/*L:194
 * kernel.c: which file --kernel means (kernel.h).
 */
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run/kernel.h"

#define PREFIX	"vmlinux-"

static int is_kernel(const struct dirent *entry)
{
	return !strncmp(entry->d_name, PREFIX, strlen(PREFIX));
}

/* The version of the one in the folder that versionsort() puts last: 6.12 is newer than 6.1. Empty if there is none. */
static void newest(const char *folder, char *version, size_t size)
{
	struct dirent **names;
	int n = scandir(folder, &names, is_kernel, versionsort);

	*version = '\0';
	for (int i = 0; i < n; i++) {
		snprintf(version, size, "%s", names[i]->d_name + strlen(PREFIX));
		free(names[i]);
	}
	if (n >= 0)
		free(names);
}

const char *kernel_find(const char *folder, const char *asked)
{
	static char path[PATH_MAX];
	char version[NAME_MAX];

	if (asked && (!*asked || asked[strspn(asked, "0123456789.")]))
		return asked;
	snprintf(version, sizeof(version), "%s", asked ? asked : "");
	if (!asked)
		newest(folder, version, sizeof(version));
	if (!*version)
		return NULL;
	snprintf(path, sizeof(path), "%s/" PREFIX "%s", folder, version);
	return path;
}
