/* SPDX-License-Identifier: GPL-2.0 */
/*
 * net.h: what the files of lguest-net share: main.c (options, config space), tap.c (opening a tap), tx.c, rx.c and
 * control.c (the queues).
 */
#ifndef LGUEST_NET_H
#define LGUEST_NET_H

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>

#include "devices/backend.h"
#include "devices/rate.h"

#define NET_PAIRS 7u	/* 2 queues each and the control queue make 15 */
#define NET_QUEUES (2 * NET_PAIRS + 1)
#define NET_QUEUE_SIZE 1024u
#define NET_SEGS 64u	/* of a frame to be sent; Linux uses at most 19 */
#define NET_HDR 12u	/* struct virtio_net_hdr_mrg_rxbuf: what the tap speaks, always */
#define NET_HDR_LEGACY 10u
#define NET_ETH 14u
#define NET_COPY 1536u	/* frames up to this are copied whole: cheaper than describing their pieces to the kernel */
#define NET_TX_PASS 64u	/* frames sent in one pass: with a full ring driver and role take turns, with 64 they overlap (docs/performance.md) */
#define NET_FRAME (NET_HDR + 65536u)
#define NET_RX_SLOTS 64u
#define NET_MERGE 64u	/* most buffers that one received frame is spread over */

#define NET_CONFIG_SIZE offsetof(struct virtio_net_config, speed)	/* as far as offered */

/**
 * struct net_tx - a frame on its way into the tap
 * @start: our copy of the frame's beginning, checked: what is sent are these bytes, and the rest from the guest
 */
struct net_tx {
	struct backend_op op;
	struct net_pair *pair;
	struct net_tx *next;
	uint16_t head;
	uint8_t start[NET_HDR + NET_COPY];
	struct iovec iov[NET_SEGS + 1];
};

/**
 * struct net_rx - a frame from the tap, in our memory until the guest has a buffer for it
 * @len: 0 while the read is not over
 */
struct net_rx {
	struct backend_op op;
	struct net_pair *pair;
	uint32_t len;
	uint8_t *buf;
};

/**
 * struct net_pair - a queue pair and its tap queue
 * @tap: descriptor, @fixed: its index in the ring's table
 * @tx: room for as many frames as can be on their way; @tx_free: those that have been used and are free, the one used last
 *	first, since its copy is in the cache; @tx_fresh: from there on none has been used, nor has its memory; @tx_busy are on their way
 * @rx_first, @rx_count: slots in use, oldest first; @rx_reading of them have a read pending
 * @rx_batch: how many reads to queue at once, @rx_got: how many of the last batch found a frame
 */
struct net_pair {
	struct net *net;
	unsigned int index;
	int tap, fixed;
	struct net_tx *tx;
	struct net_tx *tx_free;
	unsigned int tx_fresh, tx_busy;
	struct net_rx *rx;
	unsigned int rx_first, rx_count, rx_reading, rx_batch, rx_got;
};

/**
 * struct net - the device
 * @hdr_len: bytes of the header as the driver knows it
 * @pairs_set: pairs that the driver uses (VQ_PAIRS_SET); 0 = not known, because the front end keeps the control queue
 * @mtu: the tap's, when we started; 0 = not known
 * @sent, @received: what is taken of the guest's frames, and given to it, in a second
 * @gone: somebody removed the tap: nothing is read any more, and the guest's link is down
 */
struct net {
	struct backend *be;
	const char *tap_name;
	int tap_fd[NET_PAIRS];
	unsigned int tap_fds;
	unsigned int pairs, pairs_set;
	uint8_t mac[6];
	bool mac_given, lock_mac, allow_unowned, gone;
	uint16_t mtu;
	uint64_t features;
	uint32_t hdr_len;
	struct rate sent, received;
	struct net_pair pair[NET_PAIRS];
};

/* tap.c */

/** tap_open() - attach all queues to the tap and place them. Return: 0, or -errno after backend_fail(). */
int tap_open(struct net *net);

/** tap_offloads() - what the tap may hand to the guest: the acked GUEST_* features. Works when sealed, and takes a while. */
void tap_offloads(const struct net *net);

/** tap_order() - in the minder: set the offloads that a role ordered. */
void tap_order(uint8_t flags);

/* tx.c */

/** net_transmit_start() - no frame of the pair is on its way. */
void net_transmit_start(struct net_pair *pair);

/** net_transmit() - pop frames from @q and queue their writes. */
void net_transmit(struct net_pair *pair, struct vq *q);

/* rx.c */

/** net_receive_start() - begin reading the tap of a pair. */
void net_receive_start(struct net_pair *pair);

/** net_receive() - the guest has buffers: hand out what waits, read on. */
void net_receive(struct net_pair *pair);

/** net_receive_forget() - drop the frames that wait: the guest they were for is gone. */
void net_receive_forget(struct net_pair *pair);

/* control.c */

/** net_control() - the control queue (virtio 1.2, 5.1.6.5). */
void net_control(struct net *net, struct vq *q);

#endif
