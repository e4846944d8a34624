// SPDX-License-Identifier: GPL-2.0
/*
 * frontend_peer.c: the front end's half against a back end's session (in a thread) and against hostile back ends
 * (rows L6 and L8 of docs/known-bugs.md), whose answers are put into the socket before the question is asked.
 */
#include <poll.h>
#include <pthread.h>
#include <sys/resource.h>
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

/* A table holds half of what slots do, and what the next process knows is not known yet. */
Test(frontend, more_regions_than_a_table_between_two_processes)
{
	struct vu_fe_region region = { .size = 4096 };
	struct pair p;
	int s[2];

	open_pair(&p, ~0ull);
	region.fd = p.r->memfd;
	cr_assert_gt(p.fe.slots, VU_MEM_TABLE_MAX);
	for (unsigned int i = 0; i <= VU_MEM_TABLE_MAX + 1; i++) {
		region.gpa = region.uaddr = RIG_GPA + i * 4096ull;
		cr_assert_eq(vu_fe_add_region(&p.fe, &region), 0, "%u: %s", i, p.fe.error);
	}
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s), 0);
	cr_assert_eq(vu_fe_connect(&p.fe, s[0]), 0);
	cr_assert_eq(vu_fe_remove_region(&p.fe, RIG_GPA), -EPIPE);
	cr_assert_eq(p.fe.regions, VU_MEM_TABLE_MAX + 1);
	close_pair(&p);
	close(s[1]);
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

/* --- what is owed, and when --- */

/* A process whose side is ours to play; it will answer a greeting with @features and @protocol, and refuse SET_OWNER if @no. Return: its socket. */
static int process(uint64_t features, uint64_t protocol, bool no)
{
	const struct vu_msg says[] = {
		{ .request = VU_GET_FEATURES, .flags = VU_REPLY, .size = 8, .u.u64 = features },
		{ .request = VU_GET_PROTOCOL_FEATURES, .flags = VU_REPLY, .size = 8, .u.u64 = protocol },
		{ .request = VU_SET_OWNER, .flags = VU_REPLY, .size = 8, .u.u64 = no },
	};
	int s[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s), 0);
	vu_chan_init(&far, s[1], &vu_io_plain, NULL);
	for (unsigned int i = 0; i < (protocol & VU_P_REPLY_ACK ? 3 : 2); i++)
		cr_assert_eq(vu_send(&far, &says[i]), 0);
	return s[0];
}

/* A connection with acknowledgements, whose far end is ours to play; @fds as lguest-core opens it. */
static void open_far(struct vu_fe *fe, uint64_t protocol, enum vu_fds fds)
{
	struct vu_msg m;

	cr_assert_eq(vu_fe_open_fds(fe, process(RIG_FEATURES, protocol, false), protocol, 500, fds), 0, "%s", fe->error);
	while (vu_recv(&far, &m) > 0)
		vu_close_fds(&far, &m);
}

static void close_far(struct vu_fe *fe)
{
	vu_fe_close(fe);
	close(far.fd);
}

Test(frontend, an_answer_that_nobody_asked_for)
{
	struct vu_fe fe;

	open_far(&fe, VU_P_STATUS, VU_FDS_REFUSE);
	cr_assert_eq(vu_fe_answers(&fe), 0, "nothing is there");
	queue_answer(VU_GET_STATUS, VU_REPLY, 8, -1);
	cr_assert_eq(vu_fe_answers(&fe), -EPROTO);
	cr_assert(fe.dead);
	close_far(&fe);
}

Test(frontend, a_sign_of_life_is_not_waited_for)
{
	struct vu_fe fe;
	uint8_t buf[8];

	open_far(&fe, VU_P_STATUS | VU_P_CONFIG, VU_FDS_REFUSE);
	cr_assert_eq(vu_fe_beat(&fe), 0);
	usleep(20000);
	cr_assert_geq(vu_fe_beat_age(&fe), 10);
	cr_assert_eq(vu_fe_beat(&fe), 0, "one at a time");
	cr_assert_eq(fe.owed_n, 1);
	cr_assert_eq(vu_fe_answers(&fe), 0);
	cr_assert_geq(vu_fe_beat_age(&fe), 10, "still owed");
	/* Somebody asks something else meanwhile: both answers come, in order. */
	queue_answer(VU_GET_STATUS, VU_REPLY, 8, -1);
	queue_answer(VU_GET_CONFIG, VU_REPLY, 20, -1);
	cr_assert_eq(vu_fe_get_config(&fe, 0, buf, 8), 0, "%s", fe.error);
	cr_assert_eq(vu_fe_beat_age(&fe), 0);
	close_far(&fe);
}

Test(frontend, config_space_is_not_waited_for)
{
	struct vu_fe fe;

	open_far(&fe, VU_P_CONFIG, VU_FDS_REFUSE);
	cr_assert_eq(vu_fe_ask_config(&fe, 8), 0);
	cr_assert_eq(vu_fe_ask_config(&fe, 8), -EBUSY);
	cr_assert(fe.config_owed);
	queue_answer(VU_GET_CONFIG, VU_REPLY, 20, -1);
	cr_assert_eq(vu_fe_answers(&fe), 0);
	cr_assert(!fe.config_owed && fe.config_size == 8);
	cr_assert_eq(vu_fe_ask_config(&fe, 8), 0);
	queue_answer(VU_GET_CONFIG, VU_REPLY, 12, -1);
	cr_assert_eq(vu_fe_answers(&fe), 0, "a refusal");
	cr_assert(!fe.config_owed && !fe.config_size);
	cr_assert_eq(vu_fe_ask_config(&fe, 8), 0);
	queue_answer(VU_GET_CONFIG, VU_REPLY, 16, -1);
	cr_assert_eq(vu_fe_answers(&fe), -EPROTO, "another part");
	close_far(&fe);
}

/* A peer that dies with a question unanswered leaves no answer to an earlier one behind as the answer to this. */
Test(frontend, no_config_space_outlives_the_next_question)
{
	struct vu_fe fe;

	open_far(&fe, VU_P_CONFIG, VU_FDS_REFUSE);
	cr_assert_eq(vu_fe_ask_config(&fe, 8), 0);
	queue_answer(VU_GET_CONFIG, VU_REPLY, 20, -1);
	cr_assert_eq(vu_fe_answers(&fe), 0);
	cr_assert_eq(fe.config_size, 8);
	cr_assert_eq(vu_fe_ask_config(&fe, 4), 0);
	vu_fe_give_up(&fe, "its process ended");
	cr_assert(!fe.config_owed);
	cr_assert_eq(fe.config_size, 0);
	close_far(&fe);
}

Test(frontend, a_budget_is_for_all_calls_together)
{
	struct vu_fe_vring v = vring();
	struct vu_fe fe;
	double start;

	open_far(&fe, VU_P_REPLY_ACK, VU_FDS_REFUSE);
	fe.timeout_ms = 10000;
	start = seconds();
	vu_fe_budget(&fe, 200);
	for (uint32_t i = 0; i < 8; i++)
		cr_assert_lt(vu_fe_vring_start(&fe, i, &v), 0);
	cr_assert_lt(vu_fe_reset(&fe), 0);
	cr_assert_lt(seconds() - start, 2.0);
	cr_assert_geq(fe.waited_ms, 150);
	close_far(&fe);
}

/* Reads all that a queue's start says before it acknowledges the first word; @arg: which one it refuses, 0 = none. */
static void *acknowledge_late(void *arg)
{
	struct pollfd p = { .fd = far.fd, .events = POLLIN };
	struct vu_msg m[7];
	unsigned int n = 0;
	int r;

	while (n < 7 && poll(&p, 1, 3000) == 1)
		while (n < 7 && (r = vu_recv(&far, &m[n])) > 0)
			vu_close_fds(&far, &m[n++]);
	for (unsigned int i = 0; n == 7 && i < 7; i++) {
		struct vu_msg ack = { .request = m[i].request, .flags = VU_REPLY, .size = 8, .u.u64 = m[i].request == (uintptr_t)arg };

		vu_send(&far, &ack);
	}
	return NULL;
}

/* A driver whose choice is refused has chosen nothing: what it asked for binds no back end, this one or the next. */
Test(frontend, what_was_refused_is_not_acked)
{
	struct vu_msg no = { .request = VU_SET_FEATURES, .flags = VU_REPLY, .size = 8, .u.u64 = 1 };
	struct vu_fe fe;

	open_far(&fe, VU_P_REPLY_ACK, VU_FDS_REFUSE);
	queue_answer(VU_SET_FEATURES, VU_REPLY, 8, -1);
	cr_assert_eq(vu_fe_set_features(&fe, 1ull << 32), 0, "%s", fe.error);
	cr_assert(fe.features_set && fe.acked == (1ull << 32 | VU_F_PROTOCOL_FEATURES));
	cr_assert_eq(vu_send(&far, &no), 0);
	cr_assert_eq(vu_fe_set_features(&fe, 1ull << 32 | 1ull << 28), -EREMOTEIO);
	cr_assert(!fe.dead && !fe.features_set);
	cr_assert_eq(fe.acked, 0, "%#llx", (unsigned long long)fe.acked);
	close_far(&fe);
}

Test(frontend, one_that_refuses_its_greeting_is_dead)
{
	struct vu_fe fe;

	cr_assert_eq(vu_fe_open(&fe, process(RIG_FEATURES, VU_P_REPLY_ACK, true), ~0ull, 500), -EREMOTEIO);
	cr_assert(fe.dead);
	cr_assert_str_eq(fe.error, "the back end refused a message");
	close_far(&fe);
}

Test(frontend, without_a_socket_pair_there_is_no_connection)
{
	int fd = process(RIG_FEATURES, VU_P_BACKEND_REQ, false);
	struct rlimit none = { .rlim_cur = (rlim_t)fd + 1, .rlim_max = (rlim_t)fd + 1 };
	struct vu_fe fe;

	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	while (dup(fd) >= 0)
		;	/* none is left */
	cr_assert_eq(vu_fe_open(&fe, fd, ~0ull, 500), -EMFILE);
	cr_assert(fe.dead);
	cr_assert_str_eq(fe.error, "there is no socket pair for the back end's own messages");
	close_far(&fe);
}

/* One that refuses what another of its kind took is of no use: its connection is over, whoever asks, and whatever it refused. */
Test(frontend, a_process_that_refuses_to_go_on_is_dead)
{
	static const uint32_t no[] = { VU_SET_OWNER, VU_SET_FEATURES, VU_SET_STATUS };

	for (unsigned int i = 0; i < 3; i++) {
		struct vu_msg says = { .flags = VU_REPLY, .size = 8 };
		struct vu_fe fe;
		int old;

		open_far(&fe, VU_P_REPLY_ACK | VU_P_STATUS, VU_FDS_REFUSE);
		old = far.fd;
		for (unsigned int k = 1; k < 3; k++)
			queue_answer(no[k], VU_REPLY, 8, -1);
		cr_assert_eq(vu_fe_set_features(&fe, 1ull << 32), 0, "%s", fe.error);
		cr_assert_eq(vu_fe_set_status(&fe, 7), 0, "%s", fe.error);
		cr_assert_eq(vu_fe_connect(&fe, process(i ? RIG_FEATURES : VU_F_PROTOCOL_FEATURES, VU_P_REPLY_ACK | VU_P_STATUS, !i)), 0);
		for (unsigned int k = 1; k < 3; k++) {
			says.request = no[k];
			says.u.u64 = k == i;
			cr_assert_eq(vu_send(&far, &says), 0);
		}
		cr_assert_eq(vu_fe_join(&fe) ? : vu_fe_resume(&fe), -EREMOTEIO, "%u", no[i]);
		cr_assert(fe.dead, "%u", no[i]);
		cr_assert_str_eq(fe.error, "the back end refused a message");
		cr_assert_eq(vu_fe_set_status(&fe, 15), -EPIPE);
		close(old);
		close_far(&fe);
	}
}

Test(frontend, a_queue_is_said_in_one_go)
{
	struct vu_fe_vring v = vring();
	struct vu_fe fe;
	pthread_t t;

	v.err = eventfd(0, EFD_NONBLOCK);
	open_far(&fe, VU_P_REPLY_ACK, VU_FDS_REFUSE);
	fe.acked = VU_F_PROTOCOL_FEATURES;
	pthread_create(&t, NULL, acknowledge_late, NULL);
	cr_assert_eq(vu_fe_vring_start(&fe, 0, &v), 0, "%s", fe.error);
	pthread_join(t, NULL);
	cr_assert(fe.vring[0].started);
	pthread_create(&t, NULL, acknowledge_late, (void *)(uintptr_t)VU_SET_VRING_ADDR);
	cr_assert_eq(vu_fe_vring_start(&fe, 1, &v), -EREMOTEIO);
	pthread_join(t, NULL);
	cr_assert(!fe.vring[1].started && !fe.dead, "a refusal is about this queue alone");
	close_far(&fe);
}

Test(frontend, a_record_that_is_refused_is_not_kept)
{
	struct vu_msg no = { .request = VU_SET_INFLIGHT_FD, .flags = VU_REPLY, .size = 8, .u.u64 = 1 };
	int fd = memfd_create("record", MFD_CLOEXEC);
	struct vu_fe fe;

	open_far(&fe, VU_P_REPLY_ACK | VU_P_INFLIGHT_SHMFD, VU_FDS_REFUSE);
	cr_assert_eq(vu_send(&far, &no), 0);
	cr_assert_eq(vu_fe_record(&fe, fd, 1, 64, vq_inflight_size(64)), -EREMOTEIO);
	cr_expect(!fe.dead && fe.inflight_fd < 0 && fcntl(fd, F_GETFD) >= 0, "kept for its successor: %d", fe.inflight_fd);
	close_far(&fe);
	close(fd);
}

Test(frontend, what_was_deferred_is_waited_for_once)
{
	struct vu_fe_vring v = vring();
	struct vu_fe fe;
	pthread_t t;
	double start;

	v.err = eventfd(0, EFD_NONBLOCK);
	open_far(&fe, VU_P_REPLY_ACK, VU_FDS_REFUSE);
	fe.acked = VU_F_PROTOCOL_FEATURES;
	vu_fe_defer(&fe, true);
	cr_assert_eq(vu_fe_vring_start(&fe, 0, &v), 0, "nobody has answered");
	vu_fe_defer(&fe, false);
	cr_assert_eq(fe.owed_n, 7);
	pthread_create(&t, NULL, acknowledge_late, (void *)(uintptr_t)VU_SET_VRING_ADDR);
	cr_assert_eq(vu_fe_settle(&fe), -EREMOTEIO);
	pthread_join(t, NULL);
	/* A sign of life that is owed is no reason to wait. */
	cr_assert_eq(vu_fe_beat(&fe), 0);
	start = seconds();
	cr_assert_eq(vu_fe_settle(&fe), 0);
	cr_assert_lt(seconds() - start, 0.3);
	cr_assert(!fe.dead);
	close_far(&fe);
}

static void descriptors_stay_out(enum vu_fds fds)
{
	unsigned int before;
	struct vu_fe fe;
	uint8_t buf[8];
	int fd = rig_memfd(4096);

	open_far(&fe, VU_P_CONFIG, fds);
	before = open_fds();
	queue_answer(VU_GET_CONFIG, VU_REPLY, 20, fd);
	cr_assert_eq(vu_fe_get_config(&fe, 0, buf, 8), -EPROTO);
	cr_assert_eq(open_fds(), before);
	vu_fe_hang_up(&fe);
	cr_assert_eq(open_fds(), before - (fds == VU_FDS_LEAVE ? 0 : 1), "whose close may wait stays open");
	close(far.fd);
}

Test(frontend, no_descriptor_is_taken_in)
{
	descriptors_stay_out(VU_FDS_REFUSE);
	descriptors_stay_out(VU_FDS_LEAVE);
}

/* In the middle of a message, and with bytes before it, the same. */
Test(frontend, no_descriptor_is_taken_in_later)
{
	struct vu_msg m = { .request = VU_GET_CONFIG, .flags = VU_REPLY | VU_VERSION, .size = 20 };
	union { struct cmsghdr hdr; uint8_t room[CMSG_SPACE(sizeof(int))]; } c = { { 0 } };
	int fd = rig_memfd(4096);
	struct iovec iov = { (uint8_t *)&m + 4, 8 };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof(c) };
	unsigned int before;
	struct vu_fe fe;
	uint8_t buf[8];

	open_far(&fe, VU_P_CONFIG, VU_FDS_LEAVE);
	c.hdr = (struct cmsghdr){ .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int)) };
	memcpy(CMSG_DATA(&c.hdr), &fd, sizeof(fd));
	cr_assert_eq(send(far.fd, &m, 4, 0), 4);
	cr_assert_eq(sendmsg(far.fd, &h, 0), 8);
	before = open_fds();
	cr_assert_eq(vu_fe_get_config(&fe, 0, buf, 8), -EPROTO);
	cr_assert_eq(open_fds(), before);
	close_far(&fe);
}

/* --- epochs --- */

static void take_over(struct vu_fe *fe, struct pair *q)
{
	q->r = ipc_rig_new();
	pthread_create(&q->thread, NULL, serve, q->r);
	cr_assert_eq(vu_fe_reconnect(fe, q->r->peer), 0, "%s", fe->error);
	q->r->peer = -1;
}

static void leave(struct vu_fe *fe, struct pair *q)
{
	vu_fe_close(fe);
	pthread_join(q->thread, NULL);
	ipc_rig_free(q->r);
}

/* The back end dies, the driver resets, another back end comes: it knows nothing of the driver that went. */
Test(frontend, a_reset_forgets_whatever_the_peer_says)
{
	struct vu_fe_region region = { .gpa = RIG_GPA, .size = RIG_MEM, .uaddr = RIG_UADDR };
	struct vu_fe_vring v = vring();
	struct pair p, q;

	open_pair(&p, ~0ull);
	region.fd = p.r->memfd;
	cr_assert_eq(vu_fe_set_features(&p.fe, 1ull << 32 | 1ull << 28), 0);
	cr_assert_eq(vu_fe_add_region(&p.fe, &region), 0);
	cr_assert_eq(vu_fe_inflight(&p.fe, 2, 64), 0);
	cr_assert_eq(vu_fe_vring_start(&p.fe, 0, &v), 0);
	cr_assert_eq(vu_fe_vring_start(&p.fe, 1, &v), 0);
	cr_assert_eq(vu_fe_set_status(&p.fe, 0xf), 0);
	vu_fe_give_up(&p.fe, "it died");
	cr_assert_lt(vu_fe_reset(&p.fe), 0);
	take_over(&p.fe, &q);
	cr_assert_eq(q.r->starts, 0);
	cr_assert_eq(q.r->s.status, 0);
	cr_assert_eq(q.r->s.acked, 0);
	cr_assert_null(q.r->s.log);
	pthread_join(p.thread, NULL);
	ipc_rig_free(p.r);
	leave(&p.fe, &q);
}

/* What a driver sets up while nobody is there is said to the one who comes, before its rings. */
Test(frontend, what_is_wanted_is_said_to_the_next)
{
	struct vu_fe_region region = { .gpa = RIG_GPA, .size = RIG_MEM, .uaddr = RIG_UADDR };
	struct vu_fe_vring v = vring();
	struct pair p, q;
	int record = rig_memfd(8192);

	open_pair(&p, ~0ull);
	region.fd = p.r->memfd;
	cr_assert_eq(vu_fe_add_region(&p.fe, &region), 0);
	vu_fe_give_up(&p.fe, "it died");
	cr_assert_eq(vu_fe_set_features(&p.fe, 1ull << 32), -EPIPE);
	cr_assert_eq(vu_fe_record(&p.fe, record, 2, 64, 8192), -EPIPE);
	cr_assert_eq(vu_fe_set_status(&p.fe, 0xf), -EPIPE);
	cr_assert_eq(vu_fe_vring_start(&p.fe, 1, &v), -EPIPE);
	take_over(&p.fe, &q);
	cr_assert_eq(q.r->s.acked, 1ull << 32 | VU_F_PROTOCOL_FEATURES);
	cr_assert_eq(q.r->s.status, 0xf);
	cr_assert(vu_session_enabled(&q.r->s, &q.r->s.vring[1]));
	cr_assert_not_null(q.r->s.vring[1].vq.log);
	cr_assert(!q.r->s.vring[0].running);
	pthread_join(p.thread, NULL);
	ipc_rig_free(p.r);
	leave(&p.fe, &q);
}
