// SPDX-License-Identifier: GPL-2.0
/*
 * unit_vsock.c: lguest-vsock's connections on the fake loop: what takes minutes, or an error of the host's, that rows.py cannot bring about.
 */
#include <errno.h>

#include <criterion/criterion.h>

#include "devices/vsock/tests/alone.h"
#include "tests/lib/fake_loop.h"

#define CID 3
#define GUEST_PORT 1000u
#define HOST_PORT 2000u
#define TX (FAKE_DATA + 0x1000)
#define RX (FAKE_DATA + 0x2000)

static struct vsock *v;

TestSuite(vsock, .timeout = 10);

static void start_queues(void)
{
	for (unsigned int i = 0; i < VSOCK_QUEUES; i++)
		fake_start(i, 8, 0);
}

static void open_vsock(void)
{
	static uint8_t memory[VSOCK_CONNS][VSOCK_BUF + VSOCK_OUT];

	fake_open(lguest_vsock_main);
	v = fake.dev;
	memset(v, 0, sizeof(*v));
	v->cid = CID;
	for (unsigned int i = 0; i < VSOCK_CONNS; i++) {
		v->conn[i].in = memory[i];
		v->conn[i].out = memory[i] + VSOCK_BUF;
	}
	fake.ops->start(NULL);
	start_queues();
}

static void say(uint16_t op, uint32_t len)
{
	struct virtio_vsock_hdr h = {
		.src_cid = CID, .dst_cid = VSOCK_HOST_CID, .src_port = GUEST_PORT, .dst_port = HOST_PORT, .len = len,
		.type = VIRTIO_VSOCK_TYPE_STREAM, .op = op, .buf_alloc = VSOCK_BUF,
	};

	memcpy(fake.mem + TX, &h, sizeof(h));
	fake_desc(1, 0, TX, (uint32_t)sizeof(h) + len, 0, 0);
	fake_offer(1, 0);
	fake_kick(1, 8);
}

/* A buffer for the next packet. Return: that packet's header, or NULL when there is none. */
static const struct virtio_vsock_hdr *hear(void)
{
	uint16_t before = fake_used_idx(0);

	fake_desc(0, 0, RX, 4096, 2, 0);
	fake_offer(0, 0);
	fake_kick(0, 8);
	return fake_used_idx(0) == before ? NULL : (const struct virtio_vsock_hdr *)(fake.mem + RX);
}

static void end(struct backend_op *op, int32_t res)
{
	for (unsigned int i = 0; i < fake.pending_n; i++)
		if (fake.pending[i].op == op) {
			fake_complete(i, res);
			return;
		}
	cr_assert_fail("that operation is not in flight");
}

/* The guest connects to the host, as descriptor 20. */
static struct vsock_conn *dialled(void)
{
	struct cmsghdr *m = (struct cmsghdr *)v->answer_space;
	struct vsock_conn *c = &v->conn[0];
	int fd = 20;

	say(VIRTIO_VSOCK_OP_REQUEST, 0);
	end(&v->ask_op, sizeof(v->question));
	v->answer.id = v->question.id;
	*m = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };
	memcpy(CMSG_DATA(m), &fd, sizeof(fd));
	end(&v->answer_op, sizeof(v->answer));
	cr_assert_eq(c->state, VSOCK_OPEN);
	cr_assert_eq(hear()->op, VIRTIO_VSOCK_OP_RESPONSE);
	return c;
}

Test(vsock, what_a_guest_left_has_its_time)
{
	struct vsock_conn *c;

	open_vsock();
	c = dialled();
	say(VIRTIO_VSOCK_OP_RW, 1000);
	say(VIRTIO_VSOCK_OP_RST, 0);
	cr_assert_eq(c->state, VSOCK_LEFT);
	end(&c->timer.op, -ETIME);	/* that of the handshake, which was over at this moment: it is not this one's time */
	cr_assert_eq(c->state, VSOCK_LEFT);
	end(&c->out_io.op, 400);
	end(&c->timer.op, -ETIME);
	cr_assert_eq(c->state, VSOCK_LEFT, "the host takes it, if slowly");
	end(&c->timer.op, -ETIME);
	cr_assert_eq(c->state, VSOCK_CLOSING, "nobody takes it, and the place is held");
	end(&c->out_io.op, -ECANCELED);
	end(&c->in_io.op, -ECANCELED);
	end(&c->shut_op, 0);
	cr_assert_eq(c->state, VSOCK_FREE);
	cr_assert_null(hear(), "the guest is told of what it left");
}

Test(vsock, what_a_guest_left_goes_out)
{
	struct vsock_conn *c;

	open_vsock();
	c = dialled();
	say(VIRTIO_VSOCK_OP_RW, 40000);	/* so much that on an open connection credit would be told */
	say(VIRTIO_VSOCK_OP_RST, 0);
	end(&c->in_io.op, 100);		/* nobody's */
	end(&c->out_io.op, 39000);
	cr_assert_eq(c->state, VSOCK_LEFT);
	cr_assert_null(hear(), "credit for what it left");
	end(&c->in_io.op, -ECONNRESET);
	end(&c->shut_op, 0);
	cr_assert_eq(c->state, VSOCK_LEFT, "a reader that is reset still takes what there is, or its write says so");
	fake.ops->reset(NULL);
	cr_assert_eq(c->state, VSOCK_LEFT, "a new driver does not know of it");
	end(&c->out_io.op, 1000);
	end(&c->timer.op, -ECANCELED);
	cr_assert_eq(c->state, VSOCK_FREE);
	cr_assert_null(hear(), "the guest is told of what it left");
}

Test(vsock, a_host_that_reads_no_more_stays_so)
{
	struct vsock_conn *c;

	open_vsock();
	c = dialled();
	say(VIRTIO_VSOCK_OP_RW, 100);
	end(&c->out_io.op, -EPIPE);
	end(&c->in_io.op, 0);
	c->gone_watch.ready(&c->gone_watch, 0);	/* poll() has no more to say of it */
	cr_assert_eq(hear()->flags, VIRTIO_VSOCK_SHUTDOWN_RCV | VIRTIO_VSOCK_SHUTDOWN_SEND);
}

/* The process goes on with a queue that was used. */
static void resumed(void)
{
	v->seen = 0;
	fake.vq[0].last_avail++;
	fake.ops->queue_start(NULL, &fake.vq[0]);
	fake.vq[0].last_avail--;
	fake_kick(2, 8);
	cr_assert(v->lost);
}

static bool somebody_is_offered(void)
{
	v->conn[1].state = VSOCK_ASKED;
	v->conn[1].send = 1u << VIRTIO_VSOCK_OP_REQUEST;
	return hear();
}

Test(vsock, an_event_is_told_before_packets)
{
	open_vsock();
	resumed();
	cr_assert_not(somebody_is_offered(), "the event will end this one in the guest, too");
	fake_desc(2, 0, RX, 8, 2, 0);
	fake_offer(2, 0);
	fake_kick(2, 8);
	cr_assert_eq(fake_used_idx(2), 1);
	cr_assert_eq(fake_used_idx(0), 0, "the guest may find it before the event, which is there as well");
	fake_kick(2, 8);
	cr_assert_eq(fake_used_idx(0), 0, "a kick alone is no buffer given");
	fake_desc(2, 1, RX + 8, 8, 2, 0);
	fake_offer(2, 1);
	fake_kick(2, 8);
	cr_assert_eq(fake_used_idx(2), 1, "one is enough");
	cr_assert_eq(fake_used_idx(0), 1, "it waits though the guest has handled the event");
	resumed();	/* again, before the first one's time is back */
	cr_assert(v->told, "by the buffer that came then");
	end(&v->patience.op, -ECANCELED);
	cr_assert(v->lost && v->patience.op.pending);
}

Test(vsock, an_event_that_nobody_takes_is_not_waited_for)
{
	open_vsock();
	resumed();
	cr_assert_not(somebody_is_offered());
	end(&v->patience.op, -ETIME);
	fake_kick(0, 8);
	cr_assert_eq(fake_used_idx(0), 1);
	fake_desc(2, 0, RX, 8, 2, 0);
	fake_offer(2, 0);
	fake_kick(2, 8);
	cr_assert_eq(fake_used_idx(2), 0, "it would end what has begun since");
}

Test(vsock, after_a_reset_nothing_is_lost)
{
	open_vsock();
	resumed();
	fake.ops->reset(NULL);
	start_queues();
	cr_assert_not(v->lost);
	start_queues();		/* without a word: it may be one that was stopped there */
	cr_assert(v->lost);
	fake.ops->reset(NULL);	/* QEMU says so at a stop, too */
	fake.vq[0].last_avail = 5;
	fake.ops->queue_start(NULL, &fake.vq[0]);
	cr_assert(v->lost, "its connections are closed, and it goes on");
}

Test(vsock, a_write_that_fails)
{
	const struct virtio_vsock_hdr *h;
	struct vsock_conn *c;

	open_vsock();
	c = dialled();
	for (uint32_t sent = 1000; sent <= 2000; sent += 1000) {
		say(VIRTIO_VSOCK_OP_RW, 1000);
		end(&c->out_io.op, -EPIPE);
		cr_assert_eq(c->state, VSOCK_OPEN);
		cr_assert_eq(c->forwarded, sent);
	}
	h = hear();
	cr_assert(h && h->op == VIRTIO_VSOCK_OP_SHUTDOWN && h->flags == VIRTIO_VSOCK_SHUTDOWN_RCV && h->fwd_cnt == 2000);
	cr_assert_null(hear());
	say(VIRTIO_VSOCK_OP_RW, 1000);
	end(&c->out_io.op, -ENOMEM);
	h = hear();
	cr_assert(h && h->op == VIRTIO_VSOCK_OP_RST, "bytes are lost, and the connection goes on");
}

/* A host that takes nothing sends all the time: data must not keep the guest from hearing of the first. */
Test(vsock, an_end_is_told_before_data)
{
	const struct virtio_vsock_hdr *h;
	struct vsock_conn *c;

	open_vsock();
	c = dialled();
	say(VIRTIO_VSOCK_OP_RW, 1000);
	end(&c->in_io.op, 100);
	end(&c->out_io.op, -EPIPE);
	h = hear();
	cr_assert(h && h->op == VIRTIO_VSOCK_OP_SHUTDOWN && h->flags == VIRTIO_VSOCK_SHUTDOWN_RCV);
	h = hear();
	cr_assert(h && h->op == VIRTIO_VSOCK_OP_RW && h->len == 100);
}
