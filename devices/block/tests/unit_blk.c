// SPDX-License-Identifier: GPL-2.0
/*
 * unit_blk.c: lguest-block's request code on the fake loop: operations that are interrupted (field case B16), who waits for
 * whom when parts of blocks are written (A4), when writes go through to the disk, and how long a range may be.
 */
#include <errno.h>
#include <sys/uio.h>

#include <criterion/criterion.h>

#include "devices/block/block.h"
#include "tests/lib/fake_loop.h"

#define BLOCK 4096u
#define FLUSH (1ull << VIRTIO_BLK_F_FLUSH)
#define WCE offsetof(struct virtio_blk_config, wce)
#define HEADER(n) (FAKE_DATA + 64u * (n))
#define STATUS(n) (HEADER(n) + 32)
#define DATA(n) (FAKE_DATA + 0x1000u + 0x2000u * (n))

int lguest_block_main(int argc, char **argv);
int blk_image_open(struct blk *blk) { (void)blk; return 0; }

static struct blk *blk;

static unsigned int says_wce(void)
{
	uint8_t cfg[BLK_CONFIG_SIZE] = { 0 };

	fake.ops->get_config(NULL, cfg);
	return cfg[WCE];
}

static void open_block(bool direct)
{
	fake_open(lguest_block_main);
	blk = fake.dev;
	blk->path = "i";
	blk->queues = 2;
	blk->waits_alone = blk->writers = blk->starved = 0;
	blk->bounces = 0;
	blk->image = (struct blk_image){ .fd = 4, .capacity = 1 << 20, .direct = direct, .can_discard = true, .range_align = BLOCK,
					 .mem_align = 1, .off_align = direct ? BLOCK : 1, .block_size = 512, .physical = BLOCK };
	cr_assert_eq(fake.ops->open(NULL), 0);
	cr_assert_eq(says_wce(), 1);
	fake.ops->features_acked(NULL, FLUSH);
	for (unsigned int q = 0; q < 2; q++)
		fake_start(q, 16, 0);
}

TestSuite(blk, .timeout = 10);

/* Request @n of queue @q: three descriptors from 3 * n on. */
static void ask(unsigned int q, uint16_t n, uint32_t type, uint64_t sector, uint32_t len)
{
	uint16_t d = (uint16_t)(3 * n);

	*(struct virtio_blk_outhdr *)(void *)(fake.mem + HEADER(8 * q + n)) = (struct virtio_blk_outhdr){ .type = type, .sector = sector };
	fake.mem[STATUS(8 * q + n)] = 0xff;
	fake_desc(q, d, HEADER(8 * q + n), 16, VQ_DESC_NEXT, (uint16_t)(d + 1));
	fake_desc(q, (uint16_t)(d + 1), DATA(4 * q + n), len, VQ_DESC_NEXT | (type == VIRTIO_BLK_T_IN ? VQ_DESC_WRITE : 0), (uint16_t)(d + 2));
	fake_desc(q, (uint16_t)(d + 2), STATUS(8 * q + n), 1, VQ_DESC_WRITE, 0);
	fake_offer(q, d);
	fake_kick(q, 10);
}

static uint8_t status(unsigned int q, uint16_t n)
{
	return fake.mem[STATUS(8 * q + n)];
}

static const struct io_uring_sqe *pending(unsigned int i)
{
	cr_assert_lt(i, fake.pending_n, "%u operations are pending", fake.pending_n);
	return &fake.pending[i].sqe;
}

/* What asked for another pass gets it, as the loop does it. */
static void loop(void)
{
	fake_kick(0, 10);
	fake_kick(1, 10);
}

/* io_uring says EAGAIN where it found no worker, and fsync and fallocate are interrupted: no error of the guest's. */
Test(blk, interrupted_operations_are_submitted_again)
{
	static const uint32_t types[] = { VIRTIO_BLK_T_IN, VIRTIO_BLK_T_OUT, VIRTIO_BLK_T_FLUSH, VIRTIO_BLK_T_WRITE_ZEROES };
	static const int errors[] = { -EAGAIN, -EINTR };

	for (unsigned int i = 0; i < 8; i++) {
		uint32_t type = types[i / 2];
		struct io_uring_sqe first;

		open_block(false);
		*(struct virtio_blk_discard_write_zeroes *)(void *)(fake.mem + DATA(0)) = (struct virtio_blk_discard_write_zeroes){ 8, 8, 0 };
		ask(0, 0, type, 8, type == VIRTIO_BLK_T_WRITE_ZEROES ? 16 : 4096);
		first = *pending(0);
		for (unsigned int again = 0; again < 5; again++) {
			fake_complete(0, errors[i % 2]);
			cr_assert_eq(status(0, 0), 0xff, "type %u: status %u", type, status(0, 0));
			cr_assert(pending(0)->opcode == first.opcode && pending(0)->off == first.off && pending(0)->len == first.len);
		}
		fake_complete(0, first.opcode == IORING_OP_READ || first.opcode == IORING_OP_WRITE ? 4096 : 0);
		cr_assert_eq(status(0, 0), VIRTIO_BLK_S_OK, "type %u", type);
		cr_assert_eq(fake.pending_n, 0);
		/* but not for ever */
		ask(0, 1, type, 8, type == VIRTIO_BLK_T_WRITE_ZEROES ? 16 : 4096);
		for (unsigned int again = 0; again < 1000 && fake.pending_n; again++)
			fake_complete(0, errors[i % 2]);
		if (type != VIRTIO_BLK_T_WRITE_ZEROES)
			cr_assert_eq(status(0, 1), VIRTIO_BLK_S_IOERR, "type %u", type);
		cr_assert_eq(fake.pending_n, 0);
	}
}

/* A sector of a block of eight: the block is read, changed and written. */
Test(blk, part_of_a_block)
{
	uint8_t *buffer;

	open_block(true);
	memset(fake.mem + DATA(0), 'n', 512);
	ask(0, 0, VIRTIO_BLK_T_OUT, 11, 512);
	cr_assert(pending(0)->opcode == IORING_OP_READ && pending(0)->off == BLOCK && pending(0)->len == BLOCK);
	buffer = (uint8_t *)(uintptr_t)pending(0)->addr;
	memset(buffer, 'o', BLOCK);
	fake_complete(0, BLOCK);
	cr_assert(pending(0)->opcode == IORING_OP_WRITE && pending(0)->off == BLOCK && pending(0)->len == BLOCK);
	for (unsigned int i = 0; i < BLOCK; i++)
		cr_assert_eq(buffer[i], i / 512 == 3 ? 'n' : 'o', "byte %u", i);
	cr_assert_eq(status(0, 0), 0xff);
	fake_complete(0, BLOCK);
	cr_assert_eq(status(0, 0), VIRTIO_BLK_S_OK);
	/* what cannot be read is not written */
	ask(0, 1, VIRTIO_BLK_T_OUT, 11, 512);
	fake_complete(0, -EIO);
	cr_assert_eq(status(0, 1), VIRTIO_BLK_S_IOERR);
	cr_assert_eq(fake.pending_n, 0);
	ask(0, 2, VIRTIO_BLK_T_OUT, 11, 512);
	fake_complete(0, 100);
	cr_assert_eq(status(0, 2), VIRTIO_BLK_S_IOERR, "100 bytes are no block");
	cr_assert_eq(blk->bounces, BLK_BOUNCES);
	cr_assert_eq(blk->writers, 0);
}

/* With the write cache off zeroes are flushed, whole blocks and edges alike. */
Test(blk, zeroes_written_through)
{
	static const struct { uint64_t sector; uint32_t sectors, ops; } row[] = { { 8, 8, 1 }, { 9, 2, 1 }, { 9, 16, 3 } };

	for (unsigned int i = 0; i < 3; i++) {
		open_block(false);
		blk->write_through = true;
		*(struct virtio_blk_discard_write_zeroes *)(void *)(fake.mem + DATA(0)) =
			(struct virtio_blk_discard_write_zeroes){ row[i].sector, row[i].sectors, 0 };
		ask(0, 0, VIRTIO_BLK_T_WRITE_ZEROES, 0, 16);
		for (unsigned int n = 0; n < row[i].ops; n++) {
			cr_assert_neq(pending(0)->opcode, IORING_OP_FSYNC);
			fake_complete(0, pending(0)->opcode == IORING_OP_WRITE ? (int32_t)pending(0)->len : 0);
		}
		cr_assert_eq(status(0, 0), 0xff);
		cr_assert_eq(pending(0)->opcode, IORING_OP_FSYNC, "row %u", i);
		fake_complete(0, 0);
		cr_assert_eq(status(0, 0), VIRTIO_BLK_S_OK);
		cr_assert_eq(blk->writers, 0);
	}
}

static bool writes_through(void)
{
	bool through;

	ask(0, 0, VIRTIO_BLK_T_OUT, 8, BLOCK);
	through = pending(0)->rw_flags & RWF_DSYNC;
	fake_complete(0, BLOCK);
	return through;
}

static void choose(uint8_t wce)
{
	cr_assert_eq(fake.ops->set_config(NULL, WCE, &wce, 1), 0);
}

/*
 * A front end says a driver's choice once, and goes on showing it to drivers: at a stop and a guest's reboot QEMU says status 0, then features, and no
 * more. Who asks is told, and so must be looked at last.
 */
Test(blk, write_through_stays)
{
	open_block(false);
	cr_expect(!writes_through() && says_wce() == 1);
	fake.ops->reset(NULL);
	cr_expect(writes_through() && says_wce() == 1, "who has not said that it can flush");
	fake.ops->features_acked(NULL, FLUSH);
	cr_expect(!writes_through() && says_wce() == 1, "who has");
	choose(0);
	cr_expect(writes_through(), "the driver's choice");
	fake.ops->features_acked(NULL, FLUSH);
	cr_expect(writes_through(), "the same features again");
	fake.ops->reset(NULL);
	fake.ops->features_acked(NULL, FLUSH);
	cr_expect(writes_through() && says_wce() == 0 && writes_through(), "a reset");
	choose(1);
	fake.ops->reset(NULL);
	fake.ops->features_acked(NULL, FLUSH);
	cr_expect(!writes_through() && says_wce() == 1, "another choice");
	fake.ops->features_acked(NULL, 0);
	cr_expect(writes_through(), "a driver that cannot flush");
	fake.ops->features_acked(NULL, 1ull << VIRTIO_BLK_F_CONFIG_WCE);
	cr_expect(writes_through(), "nor can one that could ask");
	fake.ops->features_acked(NULL, FLUSH);
	cr_expect(!writes_through(), "nobody asked");
	fake.ops->features_acked(NULL, 1ull << VIRTIO_BLK_F_CONFIG_WCE);
	cr_expect(says_wce() == 0);
	choose(1);
	cr_expect(writes_through() && says_wce() == 0);
	fake.ops->features_acked(NULL, FLUSH);
	cr_expect(writes_through(), "a front end that was told so shows it to the next driver");
	cr_expect(says_wce() == 1 && !writes_through(), "until it asks again");
}

/* A front end that goes on with a new process shows its driver what it was told, or said, before. */
Test(blk, write_through_until_told)
{
	open_block(false);
	blk->told_cached = false;
	fake.ops->reset(NULL);
	fake.ops->features_acked(NULL, FLUSH);
	cr_expect(writes_through() && writes_through());
	choose(0);
	cr_expect(writes_through());
	choose(1);
	cr_expect(!writes_through());
	blk->told_cached = false;
	fake.ops->features_acked(NULL, FLUSH);
	cr_expect(writes_through());
	cr_expect_eq(says_wce(), 1);
	cr_expect(!writes_through());
}

/* A longer range than is offered is an error (5.2.6.2), and what is written as zeroes is paid for as what is written. */
Test(blk, ranges_have_a_longest)
{
	static const struct { uint32_t type, sectors; bool taken; uint64_t cost; } row[] = {
		{ VIRTIO_BLK_T_WRITE_ZEROES, 131072, true, 33 + (64 << 20) },
		{ VIRTIO_BLK_T_WRITE_ZEROES, 4194303, true, 33 + 4194303ull * 512 },
		{ VIRTIO_BLK_T_WRITE_ZEROES, 4194304, false, 33 },
		{ VIRTIO_BLK_T_WRITE_ZEROES, UINT32_MAX, false, 33 },
		{ VIRTIO_BLK_T_WRITE_ZEROES, 8, true, 33 + 4096 },
		{ VIRTIO_BLK_T_DISCARD, 131072, true, 33 },
		{ VIRTIO_BLK_T_DISCARD, 4194303, true, 33 },
		{ VIRTIO_BLK_T_DISCARD, 4194304, false, 33 },
		{ VIRTIO_BLK_T_DISCARD, UINT32_MAX, false, 33 },
		{ VIRTIO_BLK_T_FLUSH, 0, true, 33 },
	};
	struct virtio_blk_config c = { 0 };

	for (unsigned int i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		open_block(false);
		blk->image.capacity = 1ull << 42;
		fake.ops->get_config(NULL, (uint8_t *)&c);
		cr_expect(c.max_discard_sectors == 131072 && c.max_write_zeroes_sectors == 131072);
		blk->rate.bw = 1;
		blk->rate.bytes = INT64_MAX / 2;
		*(struct virtio_blk_discard_write_zeroes *)(void *)(fake.mem + DATA(0)) =
			(struct virtio_blk_discard_write_zeroes){ 8, row[i].sectors, 0 };
		ask(0, 0, row[i].type, 0, 16);
		cr_expect_eq(fake.pending_n, row[i].taken, "row %u", i);
		cr_expect_eq(status(0, 0), row[i].taken ? 0xff : VIRTIO_BLK_S_IOERR, "row %u: status %u", i, status(0, 0));
		cr_expect_eq((uint64_t)(INT64_MAX / 2 - blk->rate.bytes), 1000 * row[i].cost, "row %u: %ld are charged", i, INT64_MAX / 2 - blk->rate.bytes);
	}
}

Test(blk, a_chain_without_a_status_byte_is_charged_for_itself)
{
	open_block(false);
	blk->image.capacity = 1ull << 42;
	*(struct virtio_blk_discard_write_zeroes *)(void *)(fake.mem + DATA(0)) = (struct virtio_blk_discard_write_zeroes){ 8, 131072, 0 };
	ask(0, 0, VIRTIO_BLK_T_WRITE_ZEROES, 0, 16);
	blk->rate.bw = 1;
	blk->rate.bytes = INT64_MAX / 2;
	fake_desc(1, 0, HEADER(8), 16, 0, 0);
	fake_offer(1, 0);
	fake_kick(1, 10);
	cr_expect_eq(INT64_MAX / 2 - blk->rate.bytes, 1000 * 16, "%ld are charged", INT64_MAX / 2 - blk->rate.bytes);
}

/* A driver that has asked an earlier version may ask for so much; the host is asked for 64 MiB at a time. */
Test(blk, a_long_range_goes_in_pieces)
{
	uint64_t at = 8 * 512;
	unsigned int n = 0;

	open_block(false);
	blk->image.capacity = 1ull << 42;
	*(struct virtio_blk_discard_write_zeroes *)(void *)(fake.mem + DATA(0)) = (struct virtio_blk_discard_write_zeroes){ 8, 4194296, 0 };
	ask(0, 0, VIRTIO_BLK_T_DISCARD, 0, 16);
	for (; fake.pending_n && n < 100; n++) {
		cr_assert(pending(0)->opcode == IORING_OP_FALLOCATE && pending(0)->off == at && pending(0)->addr <= 64 << 20);
		at += pending(0)->addr;
		fake_complete(0, 0);
	}
	cr_expect(n == 32 && at == (8 + 4194296) * 512ull, "%u pieces", n);
	cr_expect_eq(status(0, 0), VIRTIO_BLK_S_OK);
}

/* Zeroes are tried both ways, each once; a disk that knows no discard has done it. */
Test(blk, a_range_that_the_disk_does_not_know)
{
	const struct { uint32_t type, flags; bool regular; int mode[2]; uint8_t status; } way[] = {
		{ VIRTIO_BLK_T_WRITE_ZEROES, 0, true, { FALLOC_FL_ZERO_RANGE, FALLOC_FL_PUNCH_HOLE }, VIRTIO_BLK_S_UNSUPP },
		{ VIRTIO_BLK_T_WRITE_ZEROES, VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP, false, { FALLOC_FL_PUNCH_HOLE, FALLOC_FL_ZERO_RANGE }, VIRTIO_BLK_S_UNSUPP },
		{ VIRTIO_BLK_T_DISCARD, 0, true, { FALLOC_FL_PUNCH_HOLE }, VIRTIO_BLK_S_UNSUPP },
		{ VIRTIO_BLK_T_DISCARD, 0, false, { FALLOC_FL_PUNCH_HOLE }, VIRTIO_BLK_S_OK },
	};

	open_block(false);
	for (uint16_t i = 0; i < 4; i++) {
		blk->image.regular = way[i].regular;
		*(struct virtio_blk_discard_write_zeroes *)(void *)(fake.mem + DATA(i)) =
			(struct virtio_blk_discard_write_zeroes){ 8, 8, way[i].flags };
		ask(0, i, way[i].type, 0, 16);
		for (int k = 0; k < 2 && way[i].mode[k]; k++) {
			cr_assert_eq(fake.pending_n, 1);
			cr_expect_eq(pending(0)->len, (unsigned int)(way[i].mode[k] | FALLOC_FL_KEEP_SIZE));
			fake_complete(0, -EOPNOTSUPP);
		}
		cr_assert_eq(fake.pending_n, 0, "way %u", i);
		cr_expect_eq(status(0, i), way[i].status, "way %u", i);
	}
}

Test(blk, who_reads_and_writes_back_is_alone)
{
	open_block(true);
	ask(0, 0, VIRTIO_BLK_T_OUT, 8, BLOCK);
	ask(1, 0, VIRTIO_BLK_T_OUT, 80, BLOCK);
	cr_assert_eq(fake.pending_n, 2, "whole blocks go side by side");
	ask(0, 1, VIRTIO_BLK_T_OUT, 9, 512);
	cr_assert_eq(fake.pending_n, 2, "a part waits until both are over");
	ask(1, 1, VIRTIO_BLK_T_OUT, 96, BLOCK);
	cr_assert_eq(fake.pending_n, 2, "and is not overtaken for ever");
	ask(1, 2, VIRTIO_BLK_T_IN, 96, BLOCK);
	cr_assert_eq(fake.pending_n, 2, "behind that one in its queue");
	fake_complete(0, BLOCK);
	loop();
	cr_assert_eq(fake.pending_n, 1);
	fake_complete(0, BLOCK);
	loop();
	cr_assert_eq(fake.pending_n, 1, "now it is alone");
	cr_assert_eq(pending(0)->opcode, IORING_OP_READ);
	fake_complete(0, BLOCK);
	loop();
	cr_assert_eq(fake.pending_n, 1);
	cr_assert_eq(pending(0)->opcode, IORING_OP_WRITE);
	fake_complete(0, BLOCK);
	loop();
	cr_assert_eq(fake.pending_n, 2, "and the others go on");
	fake_complete(0, BLOCK);
	fake_complete(0, BLOCK);
	for (uint16_t i = 0; i < 2; i++)
		cr_assert(status(0, i) == VIRTIO_BLK_S_OK && status(1, i) == VIRTIO_BLK_S_OK);
	cr_assert_eq(status(1, 2), VIRTIO_BLK_S_OK);
}

/* The queue of who waits is stopped, or its driver puts something else there: nobody waits for what does not come. */
Test(blk, who_waits_and_goes_away)
{
	open_block(true);
	ask(0, 0, VIRTIO_BLK_T_OUT, 8, BLOCK);
	ask(1, 0, VIRTIO_BLK_T_OUT, 81, 512);
	cr_assert_eq(blk->waits_alone, 2);
	fake_stop(1);
	ask(0, 1, VIRTIO_BLK_T_OUT, 16, BLOCK);
	cr_assert_eq(fake.pending_n, 2, "its queue is stopped: it keeps nobody");
	fake_start(1, 16, 0);
	ask(1, 0, VIRTIO_BLK_T_OUT, 81, 512);
	cr_assert_eq(blk->waits_alone, 2);
	ask(0, 2, VIRTIO_BLK_T_OUT, 24, BLOCK);
	cr_assert_eq(fake.pending_n, 2);
	/* the driver changes its mind: a flush where the write was */
	*(uint32_t *)(void *)(fake.mem + HEADER(8)) = VIRTIO_BLK_T_FLUSH;
	fake_kick(1, 10);
	loop();
	cr_assert_eq(blk->waits_alone, 0);
	cr_assert_eq(fake.pending_n, 4, "both are under way");
}
