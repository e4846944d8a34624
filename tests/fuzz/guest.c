// SPDX-License-Identifier: GPL-2.0
/*
 * guest.c: see guest.h.
 */
#include "tests/fuzz/guest.h"

#include <string.h>

#define MAX_RECORDS 96
#define PASSES 8

static const uint8_t *in;
static size_t left;
static const struct guest *guest;

uint8_t guest_byte(void)
{
	if (!left)
		return 0;
	left--;
	return *in++;
}

static uint16_t word(void)
{
	uint16_t low = guest_byte();

	return (uint16_t)(low | guest_byte() << 8);
}

bool guest_own(const void *p, size_t len)
{
	size_t off = (size_t)((const uint8_t *)p - fake.mem);

	return (const uint8_t *)p >= fake.mem && off <= FAKE_MEM && len <= FAKE_MEM - off;
}

static unsigned int a_queue(void)
{
	return guest_byte() % guest->queues;
}

/* Addresses that make sense most of the time: data slots, the end of memory, wrapping, the rings themselves. */
static uint64_t an_address(void)
{
	uint8_t code = guest_byte();

	if (code < 0xe0)
		return FAKE_GPA + FAKE_DATA + (uint64_t)code * 640;
	if (code < 0xe8)
		return FAKE_GPA + FAKE_MEM - (code & 7u) * (code & 4 ? 16 : 4);
	if (code < 0xf0)
		return FAKE_GPA + (code & 7u) * 0x800;
	return (uint64_t)-(int64_t)(code & 15);
}

static uint32_t a_length(void)
{
	static const uint32_t lengths[] = { 16, 1, 64, 1526, 0, 4096, 12, 11, 32, 48, 26, 65548, 0xffffffff, 3, 600, 14 };
	uint8_t code = guest_byte();

	return code & 0x80 ? word() : lengths[code & 15];
}

/* A descriptor of a ring, or of an indirect table in the data. */
static void put_desc(void)
{
	uint8_t where = guest_byte(), flags;
	size_t at = where >= 0xfc ? FAKE_MEM - (0x100u - where) * 16 :	/* a table that ends where the memory does */
		    where & 0x80 ? FAKE_DATA + (where & 0x7fu) * 16 :
				   (where >> 5) % guest->queues * FAKE_RING + (where & 0x1fu) * 16;
	struct vq_desc d = { .addr = an_address(), .len = a_length() };

	flags = guest_byte();
	d.flags = flags & 7;
	d.next = flags & 0x80 ? word() : flags >> 3 & 15;
	memcpy(fake.mem + at, &d, sizeof(d));
}

static void put_header(void)
{
	uint32_t off = FAKE_DATA + guest_byte() * 640u;

	for (int i = 0; i < 12 && off + 12 < FAKE_MEM; i++)
		fake.mem[off + (uint32_t)i] = guest_byte();
}

static void offer(void)
{
	unsigned int q = a_queue();
	uint8_t head = guest_byte();

	if (fake.vq[q].size)
		fake_offer(q, head < 0xf0 ? head & 31 : word());
}

static void poke(void)
{
	size_t off = (size_t)word() * 4 % FAKE_MEM;

	fake.mem[off] = guest_byte();
	fake.mem[(off + 1) % FAKE_MEM] = guest_byte();
}

static void complete(void)
{
	uint8_t which = guest_byte(), how = guest_byte();
	int32_t res;

	if (!fake.pending_n)
		return;
	which = (uint8_t)(which % fake.pending_n);
	res = guest->perform(&fake.pending[which].sqe, how);
	fake_complete(which, res);
}

static void plan(void)
{
	fake.plan.countdown = guest_byte() % 40u + 1;
	fake.plan.here = guest_byte() & 1;
	fake.plan.off = word();
	for (int i = 0; i < 4; i++)
		fake.plan.bytes[i] = guest_byte();
}

static void start(void)
{
	unsigned int q = a_queue();
	uint8_t how = guest_byte();

	if (fake.vq[q].started)
		fake_stop(q);
	fake_start(q, (uint16_t)(1u << (2 + how % 4)), how >> 4);
}

static void record(void)
{
	switch (guest_byte() % 12) {
	case 0:
	case 1:
	case 2:
		put_desc();
		break;
	case 3:
	case 4:
		offer();
		break;
	case 5:
		poke();
		break;
	case 6:
	case 7:
		fake_kick(a_queue(), PASSES);
		break;
	case 8:
		complete();
		break;
	case 9:
		plan();
		break;
	case 10:
		if (guest_byte() & 1)
			start();
		else
			put_header();
		break;
	case 11:
		if (guest->special)
			guest->special();
		break;
	}
}

void guest_run(const struct guest *g, const uint8_t *data, size_t size)
{
	guest = g;
	in = data;
	left = size;
	for (unsigned int q = 0; q < g->queues; q++)
		fake_start(q, 16, guest_byte() & 3);
	for (int i = 0; left && i < MAX_RECORDS; i++) {
		record();
		if (g->check)
			g->check();
	}
	fake.plan.countdown = 0;
	for (unsigned int q = 0; q < g->queues; q++)
		fake_stop(q);
}
