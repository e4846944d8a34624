/* SPDX-License-Identifier: GPL-2.0 */
/*
 * alone.h: lguest-vsock for a test on the fake loop: without the helper that dials, without other back ends, without a sandbox.
 *
 * Each test includes it once, in its own file: it defines what is left out.
 */
#ifndef DEVICES_VSOCK_TESTS_ALONE_H
#define DEVICES_VSOCK_TESTS_ALONE_H

#include "devices/each.h"
#include "devices/vsock/vsock.h"
#include "policy/policy.h"

int lguest_vsock_main(int argc, char **argv);

const struct policy_role policy_vsock;

int vsock_dial_start(struct vsock *dev)
{
	(void)dev;
	return 0;
}

void backend_each(struct backend *be, void (*fn)(struct backend *be))
{
	(void)be;
	(void)fn;
}

#endif
