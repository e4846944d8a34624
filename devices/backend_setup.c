// SPDX-License-Identifier: GPL-2.0
/*D:145
 * backend_setup.c: what a device's main.c needs before the sandbox: numbers from the command line and memory for its
 * tables. It may call backend_fail() and mmap(), and knows nothing of the loop, so that fuzz targets with a
 * loop of their own have it too.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "devices/backend.h"

int backend_number(struct backend *be, const char *option, const char *arg, int min, int max)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(arg, &end, 10);
	if (!errno && end != arg && !*end && n >= min && n <= max)
		return (int)n;
	backend_fail(be, "--%s=%s is not a number from %d to %d", option, arg, min, max);
	return -EINVAL;
}

void *backend_map(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}
