// SPDX-License-Identifier: GPL-2.0
/*
 * fuzz/frontend.c: the front end's half under a hostile back end: what lguest-core's memory depends on. The calls that a
 * core makes run in order; the answers, and the back end's own messages, are the input.
 *
 * Besides ASan and UBSan: no descriptor leaks, no call blocks, a dead connection stays dead.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ipc/vhost_user_frontend.h"

#define FUZZ_NAME "frontend"
#include "tests/fuzz/input.h"

static int memfd, event;
static struct vu_chan far;
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
	if (how & 0x80)
		m.size = byte() % 256;
	if (how & 0x40)
		m.nfds = byte() % 9;
	if (how & 0x20)
		m.request = byte();
	if (how & 0x10)
		m.flags = byte();
	if (how & 8)
		return;
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
	close(far.fd);
	REQUIRE(count_fds() == before, "descriptors leak: %u before, %u after", before, count_fds());
	return 0;
}
