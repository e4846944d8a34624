/* SPDX-License-Identifier: GPL-2.0 */
/*
 * name.h: what a guest's socket may be called, for lguest-run and lguest-vsock.
 */
#ifndef LGUEST_DEVICES_VSOCK_NAME_H
#define LGUEST_DEVICES_VSOCK_NAME_H

#include <stdbool.h>
#include <string.h>

/**
 * vsock_is_of_a_port() - is @path another guest's way to a port, NAME_N?
 *
 * Who had such a name for its own socket would be reached there by the guest whose socket is NAME, as if the host's programs called.
 */
static inline bool vsock_is_of_a_port(const char *path)
{
	const char *last = strrchr(path, '_');

	return last && last[1] && !last[1 + strspn(last + 1, "0123456789")];
}

#endif
