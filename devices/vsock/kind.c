// SPDX-License-Identifier: GPL-2.0
/*D:685
 * kind.c: what connections to the host are to lguest-run (run/kind.h): numbers, option, keys.
 *
 * Data, and what is wrong with a value of a key.
 */
#include <linux/virtio_ids.h>
#include <linux/virtio_vsock.h>
#include <stddef.h>

#include "run/kind.h"
#include "run/text.h"

/* 0 to 2 are the hypervisor's, the guest's own and the host's; the highest number is any. */
static const char *cid_wrong(const char *value)
{
	uint64_t cid;

	return text_number(value, 0xfffffffe, &cid) && cid >= 3 ? NULL : "is not a number from 3 to 4294967294";
}

static const struct kind_key keys[] = {
	{ .name = "cid", .wrong = cid_wrong },
	{ 0 }
};

DEVICE_KIND(vsock,
	.status = 125,
	.id = VIRTIO_ID_VSOCK,
	.queues = 3,
	.config = { sizeof(struct virtio_vsock_config) },
	.object = "PATH",
	.keys = keys,
	.grammar = "PATH[,cid=N]",
	.help = "connections between the guest and Unix sockets of the host:\n"
		"                       PATH to connect to a port, PATH_PORT for the guest's",
	.window = 4 << 20,
	/* Its driver fills a ring with buffers of a page each, 256 of them; what it sends must find room beside these. */
	.least = 2 << 20,
);
