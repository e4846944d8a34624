// SPDX-License-Identifier: GPL-2.0
/*D:315
 * backend_setup.c: what a device's main.c needs before the sandbox: numbers from the command line and memory for its
 * tables. It may call backend_fail() and mmap(), and knows nothing of the loop, so that fuzz targets with a
 * loop of their own have it too.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

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

#define FDS_NEEDED 256u	/* the table of policy.h, and as much again for what is kept out of its way */

/*D:320
 * backend_main() comes here before it reads a single option. A process inherits more than descriptors from whoever
 * starts it, and what is put right here would otherwise make the device fail later, where nobody could tell why.
 */
/*
 * Whoever started us may have ignored SIGCHLD (no child's end would be told), blocked signals, closed standard descriptors or set low limits.
 * A write that nobody takes or that passes a limit of file size is an error and not a death.
 */
int backend_defaults(struct backend *be)
{
	struct rlimit l = { 0 };
	sigset_t none;
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
	signal(SIGCHLD, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (getrlimit(RLIMIT_NOFILE, &l) || l.rlim_cur >= FDS_NEEDED)
		return 0;
	l.rlim_cur = l.rlim_max < FDS_NEEDED ? l.rlim_max : FDS_NEEDED;
	setrlimit(RLIMIT_NOFILE, &l);
	if (l.rlim_cur >= FDS_NEEDED || !setrlimit(RLIMIT_NOFILE, &(struct rlimit){ FDS_NEEDED, FDS_NEEDED }))
		return 0;
	backend_fail(be, "too few open descriptors are allowed: %llu, and it needs %u; raise the limit (ulimit -n %u)", (unsigned long long)l.rlim_cur,
		     FDS_NEEDED, FDS_NEEDED);
	return -EMFILE;
}
