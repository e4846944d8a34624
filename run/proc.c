// SPDX-License-Identifier: GPL-2.0
/*L:475
 * proc.c: what /proc tells of processes (proc.h), if it tells anything: whoever asks must know what to do when it does not.
 *
 * It may read /proc.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "run/proc.h"

/* Are its numbers those of our namespace? */
static bool is_ours(void)
{
	char self[16] = { 0 };

	return readlink("/proc/self", self, sizeof(self) - 1) > 0 && atoi(self) == getpid();
}

int proc_children(pid_t pid, pid_t *list, int most)
{
	char path[64];
	int child, n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
	f = is_ours() ? fopen(path, "re") : NULL;
	if (!f)
		return -1;
	for (; fscanf(f, "%d", &child) == 1; n++)
		if (n < most)
			list[n] = child;
	fclose(f);
	return n;
}
