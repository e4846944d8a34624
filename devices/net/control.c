// SPDX-License-Identifier: GPL-2.0
/*D:605
 * control.c: the control queue. The only command served is the number of queue pairs in use; all else is answered with
 * an error, as the specification wants of a device that has not offered it.
 */
#include "devices/net/net.h"

#define CTRL_MQ 4u
#define CTRL_MQ_VQ_PAIRS_SET 0u
#define CTRL_OK 0u
#define CTRL_ERR 1u

struct control {
	uint8_t class;
	uint8_t command;
	uint16_t pairs;
} __attribute__((packed));

static uint8_t run(struct net *net, const struct vq_chain *c)
{
	struct control cmd;

	if (vq_copy_out(c, 0, &cmd, sizeof(cmd)) != sizeof(cmd))
		return CTRL_ERR;
	if (cmd.class != CTRL_MQ || cmd.command != CTRL_MQ_VQ_PAIRS_SET)
		return CTRL_ERR;
	if (!cmd.pairs || cmd.pairs > net->pairs)
		return CTRL_ERR;
	net->pairs_set = cmd.pairs;
	return CTRL_OK;
}

void net_control(struct net *net, struct vq *q)
{
	struct iovec seg[8];
	struct vq_chain c = { .seg = seg, .seg_max = 8 };
	uint8_t ack;

	while (vq_pop(q, &c) > 0) {
		ack = run(net, &c);
		vq_push(q, c.head, (uint32_t)vq_copy_in(&c, 0, &ack, sizeof(ack)));
	}
}
