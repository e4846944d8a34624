// SPDX-License-Identifier: GPL-2.0
/*L:475
 * proc.c: what /proc tells of processes (proc.h), if it tells anything: whoever asks must know what to do when it does not.
 *
 * It may read /proc.
 */
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
	int child, n = 0;
	char path[64];
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

bool proc_stat(pid_t pid, struct proc_stat *s)
{
	const uint64_t hz = (uint64_t)sysconf(_SC_CLK_TCK), page = (uint64_t)sysconf(_SC_PAGESIZE);
	unsigned long long user, system, pages;
	char path[32];
	int n;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = is_ours() ? fopen(path, "re") : NULL;
	if (!f)
		return false;
	n = fscanf(f, "%*d (%*[^)]) %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d %*d %*d %*d %*u %*u %llu", &s->state, &user, &system,
		   &pages);
	fclose(f);
	if (n != 4)
		return false;
	*s = (struct proc_stat){ s->state, user * 1000 / hz, system * 1000 / hz, pages * page };
	return true;
}
