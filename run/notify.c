// SPDX-License-Identifier: GPL-2.0
/*L:800
 * notify.c: messages to a service manager (notify.h), by hand: one datagram each, no library.
 *
 * The guest runs, and its roles are looked after. Others on the host may want to know, or to ask for something: the service
 * manager, who is told here, and an operator, whose requests are the next stations. After them come the ends.
 *
 * It may send to the socket that NOTIFY_SOCKET names, and waits for nothing.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "run/child.h"
#include "run/notify.h"

static int fd = -1;
static unsigned int every_ms;
static uint64_t told_ms;

void notify_begin(void)
{
	const char *path = getenv("NOTIFY_SOCKET"), *us = getenv("WATCHDOG_USEC"), *whose = getenv("WATCHDOG_PID");
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	const size_t n = path ? strlen(path) : 0;

	if (n < 2 || n >= sizeof(a.sun_path) || !strchr("/@", *path))
		return;
	memcpy(a.sun_path, path, n);
	if (*path == '@')
		a.sun_path[0] = '\0';
	fd = fd_lift(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
	if (fd >= 0 && connect(fd, (struct sockaddr *)&a, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)))
		fd_close(&fd);
	/* Told twice in the time, as systemd asks. */
	if (fd >= 0 && us && (!whose || atol(whose) == (long)getpid()))
		every_ms = (unsigned int)(strtoull(us, NULL, 10) / 2000);
}

void notify(const char *fmt, ...)
{
	char text[256];
	va_list ap;
	int n;

	if (fd < 0)
		return;
	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n > 0 && (size_t)n < sizeof(text))
		send(fd, text, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT);
}

int notify_alive(uint64_t now)
{
	if (!every_ms)
		return -1;
	if (now - told_ms >= every_ms) {
		told_ms = now;
		notify("WATCHDOG=1");
	}
	return (int)(every_ms - (now - told_ms));
}
