// SPDX-License-Identifier: GPL-2.0
/*
 * fuzz/frontend.c: the front end's half under a hostile back end: what lguest-core's memory depends on. First the calls that a
 * core makes run in order, and the answers lie in the socket before their questions; then a second connection takes calls in any
 * order, and is answered when it waits. Answers, their pace, and the back end's own messages are the input. The clock is the input's too.
 *
 * Besides ASan and UBSan: no descriptor leaks, no call takes more than its time, a dead connection stays dead, each message is one that
 * its receiver may get, what is wanted is what the driver said last, and no process is told of a ring that is not wanted.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "ipc/vhost_user_frontend.h"

#define FUZZ_NAME "frontend"
#include "tests/fuzz/input.h"

#define STEPS 64
#define TIME 1000u	/* of a call, in milliseconds */

int fuzz_poll(struct pollfd *p, nfds_t n, int timeout);
int fuzz_clock_gettime(clockid_t which, struct timespec *t);

static int memfd, event;
static struct vu_chan far;
static int64_t clock_ms;

int fuzz_clock_gettime(clockid_t which, struct timespec *t)
{
	(void)which;
	*t = (struct timespec){ .tv_sec = clock_ms / 1000, .tv_nsec = clock_ms % 1000 * 1000000 };
	return 0;
}

/* What may be wrong with an answer. Return: is it sent at all? */
static bool spoil(struct vu_msg *m, uint8_t how)
{
	if (how & 0x80)
		m->size = byte() % 256;
	if (how & 0x40)
		m->nfds = byte() % 9;
	if (how & 0x20)
		m->request = byte();
	if (how & 0x10)
		m->flags = byte();
	return !(how & 8);
}

/* One answer into the socket, before its question: right in shape most of the time. */
static void answer(uint32_t request)
{
	const struct vu_rule *rule = vu_rule(request);
	uint8_t how = byte();
	struct vu_msg m = { .request = request, .flags = VU_REPLY, .size = rule && rule->reply ? rule->reply : 8,
			    .nfds = rule ? rule->reply_fds : 0 };

	for (unsigned int i = 0; i < VU_MAX_FDS; i++)
		m.fd[i] = how & 1 ? event : memfd;
	for (unsigned int i = 0; i < 32 && i < m.size; i++)
		m.u.bytes[i] = how & 2 ? byte() : 0;
	if (request == VU_GET_FEATURES || request == VU_GET_PROTOCOL_FEATURES)
		m.u.u64 = how & 2 ? m.u.u64 : ~0ull;
	if (request == VU_GET_CONFIG) {
		m.size = 12 + 8;
		m.u.config.size = how & 2 ? byte() : 8;
	}
	if (spoil(&m, how))
		vu_send(&far, &m);
}

static void start_queue(struct vu_fe *fe, uint32_t index, const struct vu_fe_vring *v)
{
	static const uint32_t said[] = { VU_SET_VRING_NUM, VU_SET_VRING_BASE, VU_SET_VRING_ADDR, VU_SET_VRING_CALL, VU_SET_VRING_KICK,
					 VU_SET_VRING_ENABLE };

	for (unsigned int i = 0; i < sizeof(said) / sizeof(said[0]); i++)
		answer(said[i]);
	vu_fe_vring_start(fe, index, v);
}

static void calls(struct vu_fe *fe)
{
	struct vu_fe_region r = { .gpa = 0x1000, .size = 4096, .uaddr = 0x1000, .fd = memfd };
	struct vu_fe_vring v = { .num = 64, .desc = 0x1000, .avail = 0x1800, .used = 0x1c00, .kick = event, .call = event,
				 .err = -1, .enabled = true };
	uint8_t cfg[8], status;
	uint16_t base;

	answer(VU_SET_FEATURES);
	vu_fe_set_features(fe, fe->features & ~(1ull << 30));
	answer(fe->protocol & VU_P_CONFIGURE_MEM_SLOTS ? VU_ADD_MEM_REG : VU_SET_MEM_TABLE);
	vu_fe_add_region(fe, &r);
	answer(VU_GET_INFLIGHT_FD);
	answer(VU_SET_INFLIGHT_FD);
	vu_fe_inflight(fe, 2, 64);
	start_queue(fe, 0, &v);
	answer(VU_GET_CONFIG);
	vu_fe_get_config(fe, 0, cfg, sizeof(cfg));
	answer(VU_GET_STATUS);
	vu_fe_get_status(fe, &status);
	vu_fe_beat(fe);
	vu_fe_ask_config(fe, sizeof(cfg));
	answer(fe->protocol & VU_P_STATUS ? VU_GET_STATUS : VU_GET_FEATURES);
	answer(VU_GET_CONFIG);
	vu_fe_answers(fe);
	REQUIRE(fe->config_size == 0 || fe->config_size == sizeof(cfg), "%u bytes of config space", fe->config_size);
	answer(VU_GET_VRING_BASE);
	vu_fe_vring_stop(fe, 0, &base);
	start_queue(fe, 1, &v);
	answer(VU_GET_VRING_BASE);
	answer(VU_SET_STATUS);
	vu_fe_reset(fe);
	REQUIRE(!fe->vring[0].started && !fe->vring[1].started && !fe->status && !fe->features_set, "a reset left something");
	REQUIRE(!fe->dead || vu_fe_vring_stop(fe, 0, NULL) == -EPIPE, "a dead connection came back");
}

/* The next process: the driver set a queue up while nobody was there, and is told nothing of how that goes. */
static void next_life(struct vu_fe *fe)
{
	struct vu_fe_vring v = { .num = 64, .desc = 0x1000, .avail = 0x1800, .used = 0x1c00, .kick = event, .call = event,
				 .err = -1, .enabled = true };
	int s[2];

	vu_fe_hang_up(fe);
	close(far.fd);
	vu_fe_record(fe, memfd, 2, 64, 8192);
	vu_fe_vring_start(fe, 1, &v);
	REQUIRE(fe->vring[1].started, "a queue is forgotten");
	REQUIRE(!socketpair(AF_UNIX, SOCK_STREAM, 0, s), "socketpair");
	vu_chan_init(&far, s[1], &vu_io_plain, NULL);
	vu_fe_connect(fe, s[0]);
	answer(VU_GET_FEATURES);
	vu_fe_answers(fe);
	for (uint32_t m = 1; m < VU_REQUEST_MAX; m++)
		if (left && vu_rule(m))
			answer(byte() % VU_REQUEST_MAX);
	if (!vu_fe_join(fe))
		vu_fe_resume(fe);
	REQUIRE(fe->owed_n <= VU_FE_OWED_MAX, "owed %u", fe->owed_n);
}

static void events(struct vu_fe *fe)
{
	uint8_t raw[64];
	int fd = fe->event_fd, pair[2], r;

	if (fd < 0)
		return;
	/* our own pair in its place, so that the far end is ours */
	REQUIRE(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair), "socketpair");
	close(fd);
	fe->event_fd = fe->event.fd = pair[0];
	for (unsigned int i = 0; i < sizeof(raw); i++)
		raw[i] = byte();
	if (raw[0] & 1)
		memcpy(raw, (uint32_t[3]){ 2, 1, 0 }, 12);
	REQUIRE(write(pair[1], raw, sizeof(raw)) == sizeof(raw), "write");
	for (int i = 0; i < 8; i++) {
		r = vu_fe_event(fe);
		REQUIRE(r <= 0 || r == VU_BACKEND_CONFIG_CHANGE_MSG, "event %d", r);
	}
	close(pair[1]);
}

/* --- the second connection: calls in any order, answers when they are waited for --- */

static struct {
	struct vu_fe fe;
	bool started[VU_MAX_QUEUES];	/* what the driver said last */
	uint8_t status;
	int far_event;			/* our end of the back end's own socket, -1: none */
	struct vu_msg owed[2 * VU_FE_OWED_MAX];	/* questions that have no answer yet */
	unsigned int owed_n;
} two;

/* A question has reached the back end: it must be in order, and about what is wanted. */
static void question(struct vu_msg *q)
{
	const struct vu_rule *rule = vu_rule(q->request);
	const char *why = vu_check(rule, q, ~0ull, VU_IN_ANY);

	REQUIRE(rule && !why && !(q->flags & VU_REPLY), "message %u: %s", q->request, why ? why : "not a question");
	if (q->request == VU_SET_VRING_KICK)
		REQUIRE(two.started[q->u.u64 % VU_MAX_QUEUES], "a back end is told of queue %llu, which nobody wants", (unsigned long long)q->u.u64);
	if (q->request == VU_SET_STATUS)
		REQUIRE(q->u.u64 == two.status, "a back end is told of status %#llx, which is %#x", (unsigned long long)q->u.u64, two.status);
	if (q->request == VU_SET_BACKEND_REQ_FD) {
		if (two.far_event >= 0)
			close(two.far_event);
		two.far_event = q->fd[0];
		q->nfds = 0;
	}
	vu_close_fds(&far, q);
}

/* The right answer to @q, or one that is nearly that. */
static void reply(const struct vu_msg *q)
{
	const struct vu_rule *rule = vu_rule(q->request);
	struct vu_msg m = { .request = q->request, .flags = VU_REPLY, .size = rule->reply ? rule->reply : 8, .nfds = rule->reply_fds, .u = q->u };
	uint8_t how = byte();

	for (unsigned int i = 0; i < VU_MAX_FDS; i++)
		m.fd[i] = how & 1 ? event : memfd;
	if (q->request == VU_GET_CONFIG)
		m.size = q->size;
	else if (q->request == VU_GET_VRING_BASE)
		m.u.state.num = how;
	else if (q->request == VU_GET_INFLIGHT_FD)
		m.u.inflight.size = 4096;
	else
		m.u.u64 = !rule->reply || rule->reply_fds ? 0 : q->request == VU_GET_STATUS ? how : ~0ull;
	for (unsigned int i = how & 2 ? byte() % 4u : 0; i; i--)
		m.u.bytes[byte() % 32u] = byte();
	if (how & 4)
		m.u.u64 = byte();
	if (spoil(&m, how))
		vu_send(&far, &m);
}

/* Take what was sent while it is known what was wanted then. */
static void look(void)
{
	struct vu_msg q;

	while (vu_recv(&far, &q) > 0) {
		question(&q);
		if (!vu_rule(q.request)->reply && !(q.flags & VU_NEED_REPLY))
			continue;
		REQUIRE(two.owed_n < 2 * VU_FE_OWED_MAX, "%u questions without an answer", two.owed_n);
		two.owed[two.owed_n++] = q;
	}
}

/* The back end answers @most of what it was asked. Return: how much that was. */
static unsigned int serve(unsigned int most)
{
	unsigned int n;

	look();
	for (n = 0; n < most && n < two.owed_n; n++)
		reply(&two.owed[n]);
	two.owed_n -= n;
	memmove(two.owed, two.owed + n, two.owed_n * sizeof(two.owed[0]));
	return n;
}

/* The front end waits: here goes its time. */
int fuzz_poll(struct pollfd *p, nfds_t n, int timeout)
{
	uint8_t pace = byte();

	REQUIRE(n == 1 && p->events == POLLIN && timeout > 0 && timeout <= (int)(10 * TIME), "it waits for %d ms", timeout);
	p->revents = serve(pace & 0x80 ? 0 : pace & 0xf ? pace & 0xf : 64) ? POLLIN : 0;
	clock_ms += p->revents ? (pace & 0x70) * 4 % timeout : timeout;	/* an answer, or none in all of the time */
	if (pace == 0x7f) {
		errno = EINTR;
		return -1;
	}
	return p->revents ? 1 : 0;
}

static int new_process(void)
{
	int s[2];

	vu_close_fds(&far, &far.in);
	if (far.fd >= 0)
		close(far.fd);
	REQUIRE(!socketpair(AF_UNIX, SOCK_STREAM, 0, s), "socketpair");
	vu_chan_init(&far, s[1], &vu_io_plain, NULL);
	two.owed_n = 0;
	return s[0];
}

static void memory(uint8_t what)
{
	struct vu_fe_region r = { .gpa = byte() % 20u * 0x1000u, .size = 4096, .uaddr = 0x1000, .fd = memfd };
	unsigned int before = two.fe.regions;

	if (what & 1) {
		vu_fe_remove_region(&two.fe, r.gpa);
		REQUIRE(two.fe.regions + 1 >= before && two.fe.regions <= before, "%u regions became %u", before, two.fe.regions);
		return;
	}
	vu_fe_add_region(&two.fe, &r);
	REQUIRE(two.fe.regions <= VU_FE_MAX_REGIONS && two.fe.regions <= before + 1, "%u regions became %u", before, two.fe.regions);
}

static void ring(uint8_t what)
{
	static const char *const how[] = { "start", "stop", "enable", "call" };
	struct vu_fe_vring v = { .num = 64, .desc = 0x1000, .avail = 0x1800, .used = 0x1c00, .kick = what & 0x80 ? -1 : event,
				 .call = what & 0x40 ? -1 : event, .err = what & 0x20 ? event : -1, .enabled = what & 0x10 };
	uint32_t i = byte() % (VU_MAX_QUEUES + 1);
	bool was = i < VU_MAX_QUEUES && two.started[i];
	uint16_t base;
	int err;

	if (i < VU_MAX_QUEUES && what % 4 < 2)
		two.started[i] = what % 4 == 0;
	if (what % 4 == 0 && v.kick < 0 && i < VU_MAX_QUEUES)
		two.started[i] = was;
	err = what % 4 == 0 ? vu_fe_vring_start(&two.fe, i, &v) : what % 4 == 1 ? vu_fe_vring_stop(&two.fe, i, what & 0x80 ? NULL : &base) :
	      what % 4 == 2 ? vu_fe_vring_enable(&two.fe, i, what & 0x10) : vu_fe_set_call(&two.fe, i, v.call);
	REQUIRE(i < VU_MAX_QUEUES || err == -EINVAL, "%s of queue %u: %d", how[what % 4], i, err);
	if (i < VU_MAX_QUEUES && what % 4 == 0 && err == -EREMOTEIO)
		two.started[i] = false;
	if (i < VU_MAX_QUEUES && what % 4 == 2)
		REQUIRE(two.fe.vring[i].enabled == !!(what & 0x10), "queue %u is enabled as it was", i);
	vu_fe_vring_base(&two.fe, i, what);
}

static void config(uint8_t what)
{
	uint8_t cfg[VU_CONFIG_MAX];
	uint32_t off = byte(), len = byte() + (what & 4 ? 64u : 0);

	if (len > VU_CONFIG_MAX)
		len = VU_CONFIG_MAX;
	memset(cfg, 0, sizeof(cfg));
	switch (what % 4) {
	case 0: vu_fe_get_config(&two.fe, off, cfg, len); break;
	case 1: vu_fe_set_config(&two.fe, off, cfg, len); break;
	case 2: vu_fe_ask_config(&two.fe, len); break;
	case 3: serve(what); vu_fe_answers(&two.fe); break;
	}
	REQUIRE(two.fe.dead || two.fe.config_owed || !two.fe.config_size || two.fe.config_size == two.fe.config_want, "%u bytes of config space", two.fe.config_size);
}

static void status(uint8_t what)
{
	uint8_t said;

	switch (what % 4) {
	case 0:
		vu_fe_get_status(&two.fe, &said);
		break;
	case 1:
		two.status = byte();
		vu_fe_set_status(&two.fe, two.status);
		break;
	case 2:
		vu_fe_set_features(&two.fe, what & 0x40 ? ~0ull : two.fe.features & ~VU_F_PROTOCOL_FEATURES & (what & 0x80 ? 0xff : ~0ull));
		break;
	case 3:
		memset(two.started, 0, sizeof(two.started));
		two.status = 0;
		vu_fe_reset(&two.fe);
		REQUIRE(!two.fe.status && !two.fe.features_set && !two.fe.acked && two.fe.inflight_fd < 0, "a reset left something");
	}
}

static void record(uint8_t what)
{
	if (what & 1)
		vu_fe_record(&two.fe, memfd, 2, 64, 4096);
	else if (two.fe.fds == VU_FDS_TAKE)
		vu_fe_inflight(&two.fe, 2, 64);
}

static void beat(uint8_t what)
{
	if (what & 1)
		vu_fe_beat(&two.fe);
	clock_ms += what & 0xf0;
	if (what & 2)
		vu_fe_beat_again(&two.fe);
	REQUIRE(!two.fe.dead || !vu_fe_beat_age(&two.fe), "a dead connection owes a sign of life");
}

static void later(uint8_t what)
{
	bool dead = two.fe.dead;

	if (what & 1)
		vu_fe_defer(&two.fe, what & 2);
	else
		vu_fe_settle(&two.fe);
	if (what & 4)
		vu_fe_give_up(&two.fe, "enough of it");
	if (what & 8)
		vu_fe_budget(&two.fe, what & 0x10 ? TIME / 2 : 0);
	if (what & 0x20)
		vu_fe_hang_up(&two.fe);
	REQUIRE(!dead || two.fe.dead, "a dead connection came back");
}

static void another(uint8_t what)
{
	int s = new_process();

	if (what & 1) {
		vu_fe_reconnect(&two.fe, s);
		return;
	}
	vu_fe_connect(&two.fe, s);
	while (what & 2 && two.fe.joining && two.fe.owed_n && serve(1))
		vu_fe_answers(&two.fe);
	if (what & 4)
		ring(byte() & 0xfc);	/* the driver does not wait for it */
	if (!vu_fe_join(&two.fe) || what & 8)
		vu_fe_resume(&two.fe);
}

static void own_message(uint8_t what)
{
	struct vu_msg m = { .request = what & 1 ? VU_BACKEND_CONFIG_CHANGE_MSG : byte(), .nfds = what & 2 ? 1 : 0, .fd = { memfd } };
	struct vu_chan c;

	if (two.far_event >= 0 && what & 4) {
		close(two.far_event);
		two.far_event = -1;
	}
	if (two.far_event >= 0) {
		vu_chan_init(&c, two.far_event, &vu_io_plain, NULL);
		vu_send(&c, &m);
	}
	vu_fe_event(&two.fe);
}

static void step(void)
{
	static void (*const steps[])(uint8_t) = { memory, ring, config, status, record, beat, later, another, own_message };
	uint8_t which = byte(), what = byte();
	int fd = two.fe.chan.fd, own = two.fe.event_fd;
	int64_t from = clock_ms, most;

	steps[which % 9](what);
	look();
	most = which % 9 == 7 ? 4 : (which % 9 == 1 && what % 4 == 1) || (which % 9 == 3 && what % 4 == 3) ? 10 : 1;
	REQUIRE(clock_ms - from <= most * TIME, "step %u (%#x) took %lld ms", which % 9, what, (long long)(clock_ms - from));
	REQUIRE(two.fe.owed_n <= VU_FE_OWED_MAX, "owed %u", two.fe.owed_n);
	REQUIRE(two.fe.dead || !(two.fe.acked & ~two.fe.features), "features that nobody offered");
	for (unsigned int i = 0; i < VU_MAX_QUEUES; i++)
		REQUIRE(two.fe.vring[i].started == two.started[i], "step %u: queue %u is %s", which % 9, i, two.started[i] ? "forgotten" : "wanted");
	/* what the connection leaves open is its caller's, who closes it where that may take its time */
	if (two.fe.fds != VU_FDS_LEAVE)
		return;
	if (fd != two.fe.chan.fd && fd >= 0)
		close(fd);
	if (own != two.fe.event_fd && own >= 0)
		close(own);
}

static void any_order(void)
{
	static const enum vu_fds modes[] = { VU_FDS_TAKE, VU_FDS_REFUSE, VU_FDS_LEAVE };
	uint64_t protocol = byte();

	two.far_event = -1;
	two.status = 0;
	memset(two.started, 0, sizeof(two.started));
	vu_fe_open_fds(&two.fe, new_process(), protocol & 1 ? protocol << 3 : ~0ull, TIME, modes[byte() % 3]);
	for (unsigned int i = 0; i < STEPS && left; i++)
		step();
	vu_fe_close(&two.fe);
	if (two.fe.fds == VU_FDS_LEAVE && two.fe.event_fd >= 0)
		close(two.fe.event_fd);
	if (two.fe.fds == VU_FDS_LEAVE && two.fe.chan.fd >= 0)
		close(two.fe.chan.fd);
	if (two.far_event >= 0)
		close(two.far_event);
}

static unsigned int count_fds(void)
{
	unsigned int n = 0;

	for (int fd = 0; fd < 200; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct vu_fe fe;
	unsigned int before;
	int s[2];

	if (!memfd) {
		memfd = memfd_create("mem", 0);
		event = eventfd(0, EFD_NONBLOCK);
		REQUIRE(!ftruncate(memfd, 8192), "memfd");
	}
	before = count_fds();
	clock_ms = 1000;
	in = data;
	left = size;
	REQUIRE(!socketpair(AF_UNIX, SOCK_STREAM, 0, s), "socketpair");
	vu_chan_init(&far, s[1], &vu_io_plain, NULL);
	answer(VU_GET_FEATURES);
	answer(VU_GET_PROTOCOL_FEATURES);
	answer(VU_SET_OWNER);
	answer(VU_GET_QUEUE_NUM);
	answer(VU_GET_MAX_MEM_SLOTS);
	answer(VU_SET_BACKEND_REQ_FD);
	/* no time at all: an answer that is not there yet never comes */
	if (!vu_fe_open_fds(&fe, s[0], ~0ull, 0, size & 1 ? VU_FDS_REFUSE : VU_FDS_TAKE))
		calls(&fe);
	events(&fe);
	next_life(&fe);
	vu_fe_close(&fe);
	if (left)
		any_order();
	vu_close_fds(&far, &far.in);
	close(far.fd);
	REQUIRE(count_fds() == before, "descriptors leak: %u before, %u after", before, count_fds());
	return 0;
}
