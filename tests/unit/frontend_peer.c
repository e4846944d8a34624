// SPDX-License-Identifier: GPL-2.0
/*
 * frontend_peer.c: the front end's half against a back end's session (in a thread) and against hostile back ends
 * (rows L6 and L8 of docs/known-bugs.md), whose answers are put into the socket before the question is asked.
 */
#include <poll.h>
#include <pthread.h>
#include <time.h>

#include "ipc/vhost_user_frontend.h"
#include "tests/unit/ipc_rig.h"

TestSuite(frontend, .timeout = 20);

/* --- a good back end --- */

static void *serve(void *arg)
{
	struct ipc_rig *r = arg;
	struct pollfd p = { .fd = r->s.chan.fd, .events = POLLIN };

	while (poll(&p, 1, 5000) == 1)
		if (vu_session_input(&r->s))
			break;
	return NULL;
}

struct pair {
	struct ipc_rig *r;
	pthread_t thread;
	struct vu_fe fe;
};

static void open_pair(struct pair *p, uint64_t protocol)
{
	memset(p, 0, sizeof(*p));
	p->r = ipc_rig_new();
	pthread_create(&p->thread, NULL, serve, p->r);
	cr_assert_eq(vu_fe_open(&p->fe, p->r->peer, protocol, 2000), 0, "%s", p->fe.error);
	p->r->peer = -1;
}

static void close_pair(struct pair *p)
{
	vu_fe_close(&p->fe);
	pthread_join(p->thread, NULL);
	ipc_rig_free(p->r);
}

static struct vu_fe_vring vring(void)
{
	return (struct vu_fe_vring){ .num = 64, .desc = RIG_UADDR, .avail = RIG_UADDR + 0x4000, .used = RIG_UADDR + 0x5000,
				     .kick = eventfd(0, EFD_NONBLOCK), .call = eventfd(0, EFD_NONBLOCK), .err = -1, .enabled = true };
}

static void whole_life(uint64_t protocol)
{
	struct vu_fe_region region = { .gpa = RIG_GPA, .size = RIG_MEM, .uaddr = RIG_UADDR };
	struct vu_fe_vring v = vring();
	uint16_t base;
	uint8_t cfg[4];
	struct pair p;

	open_pair(&p, protocol);
	region.fd = p.r->memfd;
	cr_assert_eq(vu_fe_set_features(&p.fe, 1ull << 32 | 1ull << 29), 0);
	cr_assert_eq(vu_fe_set_features(&p.fe, 1ull << 5), -EINVAL, "never offered");
	cr_assert_eq(vu_fe_add_region(&p.fe, &region), 0);
	cr_assert_eq(vu_fe_inflight(&p.fe, 2, 64), 0);
	cr_assert_eq(vu_fe_vring_start(&p.fe, 1, &v), 0);
	cr_assert_eq(vu_fe_get_config(&p.fe, 4, cfg, 4), protocol & VU_P_CONFIG ? 0 : -ENOTSUP);
	if (protocol & VU_P_CONFIG)
		cr_assert_eq(cfg[0], 5);
	cr_assert_eq(vu_fe_vring_stop(&p.fe, 1, &base), 0);
	cr_assert_eq(base, 0);
	cr_assert_eq(p.r->starts, 1);
	cr_assert_eq(vu_fe_reset(&p.fe), 0);
	cr_assert_eq(vu_fe_remove_region(&p.fe, RIG_GPA), 0);
	close_pair(&p);
}

Test(frontend, whole_life_with_everything)
{
	whole_life(~0ull);
}

Test(frontend, whole_life_with_a_simple_back_end)
{
	whole_life(0);
}

Test(frontend, refusals_are_answered)
{
	struct pair p;
	struct vu_fe_region region = { .gpa = RIG_GPA, .size = RIG_MEM + 1, .uaddr = RIG_UADDR };

	open_pair(&p, ~0ull);
	region.fd = p.r->memfd;
	cr_assert_eq(vu_fe_add_region(&p.fe, &region), -EREMOTEIO);
	cr_assert_eq(p.fe.regions, 0);
	region.size = RIG_MEM;
	cr_assert_eq(vu_fe_add_region(&p.fe, &region), 0, "and the session goes on");
	close_pair(&p);
}

Test(frontend, config_change)
{
	struct pair p;

	open_pair(&p, ~0ull);
	cr_assert_geq(p.fe.event_fd, 0);
	cr_assert_eq(vu_fe_event(&p.fe), 0);
	vu_session_config_changed(&p.r->s);
	cr_assert_eq(vu_fe_event(&p.fe), VU_BACKEND_CONFIG_CHANGE_MSG);
	cr_assert_eq(vu_fe_event(&p.fe), 0);
	close_pair(&p);
}

Test(frontend, reconnect_says_everything_again)
{
	struct vu_fe_region region = { .gpa = RIG_GPA, .size = RIG_MEM, .uaddr = RIG_UADDR };
	struct vu_fe_vring v = vring();
	struct pair p, q;

	open_pair(&p, ~0ull);
	region.fd = p.r->memfd;
	cr_assert_eq(vu_fe_set_features(&p.fe, 1ull << 32 | 1ull << 28), 0);
	cr_assert_eq(vu_fe_add_region(&p.fe, &region), 0);
	cr_assert_eq(vu_fe_inflight(&p.fe, 2, 64), 0);
	cr_assert_eq(vu_fe_set_status(&p.fe, 0xf), 0);
	cr_assert_eq(vu_fe_vring_start(&p.fe, 0, &v), 0);
	/* another process takes over */
	q.r = ipc_rig_new();
	pthread_create(&q.thread, NULL, serve, q.r);
	vu_fe_vring_base(&p.fe, 0, 7);
	cr_assert_eq(vu_fe_reconnect(&p.fe, q.r->peer), 0, "%s", p.fe.error);
	q.r->peer = -1;
	cr_assert_eq(q.r->s.acked, 1ull << 32 | 1ull << 28 | VU_F_PROTOCOL_FEATURES);
	cr_assert_eq(q.r->s.mem.n, 1);
	cr_assert_eq(q.r->s.status, 0xf);
	cr_assert(vu_session_enabled(&q.r->s, &q.r->s.vring[0]));
	cr_assert_not_null(q.r->s.vring[0].vq.log);
	close_pair(&p);
	pthread_join(q.thread, NULL);
	ipc_rig_free(q.r);
}

/* --- hostile back ends --- */

static struct vu_chan far;

/* A connection whose negotiation has gone well; @protocol is what the back end claimed. */
static void open_hostile(struct vu_fe *fe, uint64_t protocol)
{
	struct vu_msg f = { .request = VU_GET_FEATURES, .flags = VU_REPLY, .size = 8, .u.u64 = RIG_FEATURES };
	struct vu_msg p = { .request = VU_GET_PROTOCOL_FEATURES, .flags = VU_REPLY, .size = 8, .u.u64 = protocol };
	int s[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s), 0);
	vu_chan_init(&far, s[1], &vu_io_plain, NULL);
	cr_assert_eq(vu_send(&far, &f), 0);
	cr_assert_eq(vu_send(&far, &p), 0);
	cr_assert_eq(vu_fe_open(fe, s[0], VU_P_CONFIG | VU_P_INFLIGHT_SHMFD | VU_P_STATUS, 200), 0);
}

static void queue_answer(uint32_t request, uint32_t flags, uint32_t size, int fd)
{
	struct vu_msg m = { .request = request, .flags = flags, .size = size, .nfds = fd >= 0, .fd = { fd } };

	m.u.config.size = size > 12 ? size - 12 : 0;
	cr_assert_eq(vu_send(&far, &m), 0);
}

static void hostile_answer(const char *what, uint32_t request, uint32_t flags, uint32_t size, int fd)
{
	unsigned int before = open_fds();
	struct vu_fe fe;
	uint8_t buf[8];

	open_hostile(&fe, VU_P_CONFIG);
	queue_answer(request, flags, size, fd);
	cr_assert_eq(vu_fe_get_config(&fe, 0, buf, 8), -EPROTO, "%s", what);
	cr_assert(fe.dead);
	cr_assert_eq(vu_fe_get_config(&fe, 0, buf, 8), -EPIPE, "dead connections answer at once");
	vu_fe_close(&fe);
	close(far.fd);
	cr_assert_eq(open_fds(), before, "%s leaks", what);
}

Test(frontend, L6_answers_that_do_not_fit)
{
	int fd = rig_memfd(4096);

	hostile_answer("another number", VU_GET_FEATURES, VU_REPLY, 20, -1);
	hostile_answer("not a reply", VU_GET_CONFIG, 0, 20, -1);
	hostile_answer("too short", VU_GET_CONFIG, VU_REPLY, 11, -1);
	hostile_answer("too long", VU_GET_CONFIG, VU_REPLY, 21, -1);
	hostile_answer("another part", VU_GET_CONFIG, VU_REPLY, 16, -1);
	hostile_answer("with a descriptor", VU_GET_CONFIG, VU_REPLY, 20, fd);
}

Test(frontend, L6_config_answer_that_contradicts_itself)
{
	struct vu_msg m = { .request = VU_GET_CONFIG, .flags = VU_REPLY, .size = 20, .u.config.size = 4 };
	struct vu_fe fe;
	uint8_t buf[8];

	open_hostile(&fe, VU_P_CONFIG);
	cr_assert_eq(vu_send(&far, &m), 0);
	cr_assert_eq(vu_fe_get_config(&fe, 0, buf, 8), -EPROTO);
	vu_fe_close(&fe);
	close(far.fd);
}

Test(frontend, L6_inflight_record_shapes)
{
	struct vu_inflight bad[] = {
		{ .size = 8192, .queues = 1, .queue_size = 64 },
		{ .size = ~0ull, .offset = 4096, .queues = 1, .queue_size = 64 },
		{ .size = 1088, .queues = 2, .queue_size = 64 },
		{ .size = 1088, .queues = 1, .queue_size = 128 },
	};

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct vu_msg m = { .request = VU_GET_INFLIGHT_FD, .flags = VU_REPLY, .size = 24, .nfds = 1 };
		struct vu_fe fe;

		m.u.inflight = bad[i];
		m.fd[0] = rig_memfd(4096);
		open_hostile(&fe, VU_P_INFLIGHT_SHMFD);
		cr_assert_eq(vu_send(&far, &m), 0);
		cr_assert_eq(vu_fe_inflight(&fe, 1, 64), -EPROTO, "shape %u", i);
		vu_fe_close(&fe);
		close(far.fd);
		close(m.fd[0]);
	}
}

Test(frontend, L6_ring_stop_answers)
{
	struct vu_msg m = { .request = VU_GET_VRING_BASE, .flags = VU_REPLY, .size = 8, .u.state = { 1, 0 } };
	struct vu_fe fe;

	open_hostile(&fe, 0);
	cr_assert_eq(vu_send(&far, &m), 0);
	cr_assert_eq(vu_fe_vring_stop(&fe, 0, NULL), -EPROTO, "another ring");
	vu_fe_close(&fe);
	close(far.fd);
	open_hostile(&fe, 0);
	m.u.state = (struct vu_vring_state){ 0, 65536 };
	cr_assert_eq(vu_send(&far, &m), 0);
	cr_assert_eq(vu_fe_vring_stop(&fe, 0, NULL), -EPROTO, "an index of more than 16 bits");
	vu_fe_close(&fe);
	close(far.fd);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

Test(frontend, L8_hung_back_end_costs_one_deadline)
{
	struct vu_fe fe;
	uint8_t buf[8], status;
	double start;

	open_hostile(&fe, VU_P_CONFIG | VU_P_STATUS);
	start = seconds();
	cr_assert_eq(vu_fe_get_config(&fe, 0, buf, 8), -ETIMEDOUT);
	for (int i = 0; i < 1000; i++)
		cr_assert_eq(vu_fe_get_status(&fe, &status), -EPIPE);
	cr_assert_lt(seconds() - start, 1.0);
	vu_fe_close(&fe);
	close(far.fd);
}

/* A byte now and then must not push the deadline out. */
static void *drip(void *arg)
{
	uint8_t b[40] = { VU_GET_CONFIG, 0, 0, 0, VU_VERSION | VU_REPLY, 0, 0, 0, 20 };

	(void)arg;
	for (unsigned int i = 0; i < 30 && send(far.fd, b + i, 1, MSG_NOSIGNAL) == 1; i++)
		usleep(50000);
	return NULL;
}

Test(frontend, L8_dripping_back_end)
{
	struct vu_fe fe;
	uint8_t buf[8];
	pthread_t t;
	double start;

	open_hostile(&fe, VU_P_CONFIG);
	start = seconds();
	pthread_create(&t, NULL, drip, NULL);
	cr_assert_eq(vu_fe_get_config(&fe, 0, buf, 8), -ETIMEDOUT);
	cr_assert_lt(seconds() - start, 1.0);
	vu_fe_close(&fe);
	pthread_join(t, NULL);
	close(far.fd);
}

/* A back end that never reads: the socket fills up, and the writer must not block. */
Test(frontend, L8_back_end_that_does_not_read)
{
	struct vu_fe fe;
	int err = 0;

	open_hostile(&fe, 0);
	for (int i = 0; i < 1000000 && !err; i++)
		err = vu_fe_vring_enable(&fe, 0, true) ? : vu_fe_set_call(&fe, 0, -1);
	cr_assert_eq(err, -ETIMEDOUT);
	vu_fe_close(&fe);
	close(far.fd);
}
