/* SPDX-License-Identifier: GPL-2.0 */
/*
 * virtqueue_ring.h: how a split virtqueue and its in-flight record lie in shared memory. For the virtqueue
 * library and for programs that play the driver (tests, benchmarks); devices have no business here.
 */
#ifndef LGUEST_VIRTQUEUE_RING_H
#define LGUEST_VIRTQUEUE_RING_H

#include <stdint.h>

/*D:100
 * We have just seen a guest whose drivers put whatever is for a device into a window of memory. Now we stand on the
 * other side of it, in a process of the host that serves one device. A ring lies in that window as three arrays:
 * descriptors, the list of the requests that the driver wants done (avail) and the list of those that the device has
 * done (used). The guest may write all of it at any time, and that is what the first stations are about.
 */
#define VQ_DESC_NEXT 1u
#define VQ_DESC_WRITE 2u
#define VQ_DESC_INDIRECT 4u
#define VQ_AVAIL_NO_INTERRUPT 1u
#define VQ_USED_NO_NOTIFY 1u

/* virtio 1.2, 2.7.5 */
struct vq_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};

/* virtio 1.2, 2.7.8: element of the used ring */
struct vq_used_elem {
	uint32_t id;
	uint32_t len;
};

/* vhost-user, "Inflight I/O tracking", split virtqueue */
struct vq_inflight_desc {
	uint8_t inflight;
	uint8_t pad[5];
	uint16_t next;
	uint64_t counter;
};

struct vq_inflight {
	uint64_t features;
	uint16_t version;
	uint16_t desc_num;
	uint16_t last_batch_head;
	uint16_t used_idx;
	struct vq_inflight_desc desc[];
};

#endif
