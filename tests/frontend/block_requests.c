// SPDX-License-Identifier: GPL-2.0
/*
 * block_requests.c: what lguest-block answers, asked by the native front end of tests/bench over its real socket.
 *
 * Each test starts the real program, sandbox and all, once on each engine (io_uring, plain system calls). Rows B1 to B7
 * of the list of other projects' bugs (docs/known-bugs.md) are tests here. BLOCK_BIN names the program.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/virtio_ring.h>

#include "tests/lib/blkdrv.h"

#define IMAGE_SIZE (1024u * 1024)
#define LAST (IMAGE_SIZE / 512 - 1)
#define T_OUT VIRTIO_BLK_T_OUT
#define T_IN VIRTIO_BLK_T_IN

TestSuite(block, .timeout = 60);

struct rig {
	struct blkdrv d;
	struct drv_child be;
	char path[64];
	char image_opt[96];
	const char *argv[12];
};

static const char *binary(void)
{
	const char *bin = getenv("BLOCK_BIN");

	return bin ? bin : "build/release/lguest-block";
}

static void make_image(struct rig *r)
{
	static uint8_t pattern[IMAGE_SIZE];
	int fd;

	snprintf(r->path, sizeof(r->path), "/var/tmp/lguest-block-XXXXXX");
	fd = mkstemp(r->path);
	for (unsigned int i = 0; i < IMAGE_SIZE; i++)
		pattern[i] = (uint8_t)(i / 512 * 7 + i);
	cr_assert(fd >= 0 && write(fd, pattern, IMAGE_SIZE) == IMAGE_SIZE);
	close(fd);
}

static void start_features(struct rig *r, unsigned int engine, const char *opt, const char *opt2, uint64_t features)
{
	unsigned int n = 0;
	int fd;

	snprintf(r->image_opt, sizeof(r->image_opt), "--blk-file=%s", r->path);
	memset(r->argv, 0, sizeof(r->argv));
	r->argv[n++] = binary();
	r->argv[n++] = r->image_opt;
	if (engine)
		r->argv[n++] = "--no-io-uring";
	if (opt)
		r->argv[n++] = opt;
	if (opt2)
		r->argv[n++] = opt2;
	r->be.drained = r->be.quiet = true;
	fd = drv_spawn(&r->be, r->argv);
	cr_assert(fd >= 0);
	cr_assert_eq(blkdrv_open(&r->d, fd, 1, 1 << 20, features), 0, "engine %u", engine);
}

static void start(struct rig *r, unsigned int engine, const char *opt, const char *opt2)
{
	start_features(r, engine, opt, opt2, ~0ull);
}

static void stop(struct rig *r)
{
	int status;

	blkdrv_close(&r->d);
	cr_expect_eq(waitpid(r->be.pid, &status, 0), r->be.pid);
	cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the role ended with status %#x", status);
	close(r->be.drain);
}

static uint8_t file_byte(const struct rig *r, off_t at)
{
	uint8_t byte = 0;
	int fd = open(r->path, O_RDONLY);

	cr_expect_eq(pread(fd, &byte, 1, at), 1);
	close(fd);
	return byte;
}

static off_t file_size(const struct rig *r)
{
	struct stat st;

	cr_assert_eq(stat(r->path, &st), 0);
	return st.st_size;
}

/* Run @body on each engine, with a fresh image. */
#define ON_EACH_ENGINE(r, opt, opt2)						\
	for (unsigned int engine = 0; engine < 2; engine++)			\
		for (bool once = (make_image(r), start(r, engine, opt, opt2), true); once; \
		     once = (stop(r), unlink((r)->path), false))

Test(block, write_then_read)
{
	static struct rig r;

	ON_EACH_ENGINE(&r, NULL, NULL) {
		memset(r.d.data, 0xab, 8192);
		cr_expect_eq(blkdrv_io(&r.d, T_OUT, 8, r.d.data, 8192), VIRTIO_BLK_S_OK);
		cr_expect_eq(file_byte(&r, 8 * 512), 0xab);
		cr_expect_eq(file_byte(&r, 8 * 512 + 8191), 0xab);
		cr_expect_neq(file_byte(&r, 8 * 512 + 8192), 0xab);
		cr_expect_eq(blkdrv_io(&r.d, T_IN, 8, r.d.data + 65536, 8192), VIRTIO_BLK_S_OK);
		cr_expect_eq(memcmp(r.d.data, r.d.data + 65536, 8192), 0);
		cr_expect_eq(blkdrv_io(&r.d, VIRTIO_BLK_T_FLUSH, 0, NULL, 0), VIRTIO_BLK_S_OK);
	}
}

Test(block, used_length_is_what_was_written)
{
	static struct rig r;
	struct blkdrv_done done;

	ON_EACH_ENGINE(&r, NULL, NULL) {
		static const struct { uint32_t type, len, used; } row[] = {
			{ T_IN, 4096, 4097 }, { T_OUT, 4096, 1 }, { VIRTIO_BLK_T_FLUSH, 0, 1 },
			{ VIRTIO_BLK_T_GET_ID, 20, 21 }, { 77, 512, 1 },
		};

		for (unsigned int i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
			cr_expect(blkdrv_submit(&r.d, 0, row[i].type, 0, r.d.data, row[i].len, i));
			blkdrv_kick(&r.d, 0);
			cr_assert_eq(blkdrv_wait(&r.d, 0, 5000), 0);
			cr_assert_eq(blkdrv_poll(&r.d, 0, &done), 1);
			cr_expect_eq(done.len, row[i].used, "type %u: used length %u", row[i].type, done.len);
		}
		/* a read that fails must not say that the buffer holds data */
		cr_expect(blkdrv_submit(&r.d, 0, T_IN, LAST, r.d.data, 4096, 9));
		blkdrv_kick(&r.d, 0);
		cr_assert_eq(blkdrv_wait(&r.d, 0, 5000), 0);
		cr_assert_eq(blkdrv_poll(&r.d, 0, &done), 1);
		cr_expect(done.len == 1 && done.status == VIRTIO_BLK_S_IOERR);
	}
}

/* Entries of the ring are used again and keep what the last request left in them. */
Test(block, every_type_after_every_other)
{
	static struct rig r;

	ON_EACH_ENGINE(&r, NULL, NULL) {
		struct virtio_blk_discard_write_zeroes z = { 1024, 8, 0 };

		for (unsigned int i = 0; i < 600; i++) {
			cr_assert_eq(blkdrv_io(&r.d, T_OUT, 64, r.d.data, 4096), VIRTIO_BLK_S_OK);
			cr_assert_eq(blkdrv_io(&r.d, VIRTIO_BLK_T_FLUSH, 0, NULL, 0), VIRTIO_BLK_S_OK);
			memcpy(r.d.data + 8192, &z, sizeof(z));
			cr_assert_eq(blkdrv_io(&r.d, VIRTIO_BLK_T_DISCARD, 0, r.d.data + 8192, sizeof(z)), VIRTIO_BLK_S_OK);
			cr_assert_eq(blkdrv_io(&r.d, T_IN, 64, r.d.data, 4096), VIRTIO_BLK_S_OK);
		}
	}
}

Test(block, serial)
{
	static struct rig r;

	ON_EACH_ENGINE(&r, "--serial=disk-17", NULL) {
		memset(r.d.data, 0xee, 64);
		cr_expect_eq(blkdrv_io(&r.d, VIRTIO_BLK_T_GET_ID, 0, r.d.data, 20), VIRTIO_BLK_S_OK);
		cr_expect_str_eq((char *)r.d.data, "disk-17");
		cr_expect_eq(r.d.data[20], 0xee);
		memset(r.d.data, 0xee, 64);
		cr_expect_eq(blkdrv_io(&r.d, VIRTIO_BLK_T_GET_ID, 0, r.d.data, 4), VIRTIO_BLK_S_OK);
		cr_expect_eq(r.d.data[3], 'k');
		cr_expect_eq(r.d.data[4], 0xee);
	}
}

Test(block, b1_range_ends_behind_capacity)
{
	static struct rig r;

	ON_EACH_ENGINE(&r, NULL, NULL) {
		static const struct { uint64_t sector; uint32_t len; int status; } row[] = {
			{ LAST, 512, VIRTIO_BLK_S_OK },
			{ LAST, 1024, VIRTIO_BLK_S_IOERR },
			{ LAST + 1, 512, VIRTIO_BLK_S_IOERR },
			{ LAST - 1, 1024, VIRTIO_BLK_S_OK },
			{ UINT64_MAX, 512, VIRTIO_BLK_S_IOERR },
			{ UINT64_MAX / 512, 512, VIRTIO_BLK_S_IOERR },
			{ UINT64_MAX / 512 + 1, 512, VIRTIO_BLK_S_IOERR },
			{ 1ull << 55, 512, VIRTIO_BLK_S_IOERR },
			{ 0, 511, VIRTIO_BLK_S_IOERR },
			{ 0, 513, VIRTIO_BLK_S_IOERR },
			{ 0, 0, VIRTIO_BLK_S_IOERR },
		};

		for (unsigned int i = 0; i < sizeof(row) / sizeof(row[0]); i++)
			for (unsigned int write = 0; write < 2; write++)
				cr_expect_eq(blkdrv_io(&r.d, write, row[i].sector, r.d.data, row[i].len), row[i].status,
					     "row %u write %u", i, write);
		cr_expect_eq(file_size(&r), IMAGE_SIZE);
	}
}

static int range(struct rig *r, uint32_t type, uint64_t sector, uint32_t num, uint32_t flags)
{
	struct virtio_blk_discard_write_zeroes z = { sector, num, flags };

	memcpy(r->d.data, &z, sizeof(z));
	return blkdrv_io(&r->d, type, 0, r->d.data, sizeof(z));
}

Test(block, b2_discard_and_write_zeroes)
{
	static struct rig r;

	ON_EACH_ENGINE(&r, NULL, NULL) {
		for (uint32_t t = VIRTIO_BLK_T_DISCARD; t <= VIRTIO_BLK_T_WRITE_ZEROES; t += 2) {
			cr_expect_eq(range(&r, t, UINT64_MAX, 1, 0), VIRTIO_BLK_S_IOERR);
			cr_expect_eq(range(&r, t, UINT64_MAX / 512, UINT32_MAX, 0), VIRTIO_BLK_S_IOERR);
			cr_expect_eq(range(&r, t, LAST, 2, 0), VIRTIO_BLK_S_IOERR);
			cr_expect_eq(range(&r, t, 0, UINT32_MAX, 0), VIRTIO_BLK_S_IOERR);
			cr_expect_eq(range(&r, t, 0, 0, 0), VIRTIO_BLK_S_IOERR);
			cr_expect_eq(range(&r, t, 0, 1, 2), VIRTIO_BLK_S_UNSUPP);
			/* one range per request, as the config space says */
			cr_expect_eq(blkdrv_io(&r.d, t, 0, r.d.data, 32), VIRTIO_BLK_S_IOERR);
			cr_expect_eq(blkdrv_io(&r.d, t, 0, r.d.data, 15), VIRTIO_BLK_S_IOERR);
		}
		cr_expect_eq(range(&r, VIRTIO_BLK_T_DISCARD, 0, 1, 1), VIRTIO_BLK_S_UNSUPP);
		cr_expect_neq(file_byte(&r, 65536 + 5), 0);
		cr_expect_eq(range(&r, VIRTIO_BLK_T_WRITE_ZEROES, 128, 8, 0), VIRTIO_BLK_S_OK);
		cr_expect_eq(file_byte(&r, 65536 + 5), 0);
		cr_expect_neq(file_byte(&r, 65536 + 4096 + 5), 0);
		cr_expect_eq(range(&r, VIRTIO_BLK_T_WRITE_ZEROES, 256, 8, 1), VIRTIO_BLK_S_OK);
		cr_expect_eq(file_byte(&r, 131072 + 5), 0);
		cr_expect_eq(range(&r, VIRTIO_BLK_T_DISCARD, 512, 8, 0), VIRTIO_BLK_S_OK);
		cr_expect_eq(file_byte(&r, 262144 + 5), 0);
		cr_expect_eq(file_size(&r), IMAGE_SIZE);
	}
}

/* What a driver was ever told is the longest, and is done 64 MiB at a time: a host that has to write the zeroes does it in operations that no kill ends. */
Test(block, ranges_have_a_longest)
{
	static struct rig r;

	for (unsigned int engine = 0; engine < 2; engine++) {
		make_image(&r);
		cr_assert_eq(truncate(r.path, 1ll << 40), 0);
		start(&r, engine, NULL, NULL);
		cr_expect_eq(r.d.config.max_discard_sectors, 131072);
		cr_expect_eq(r.d.config.max_write_zeroes_sectors, 131072);
		for (uint32_t t = VIRTIO_BLK_T_DISCARD; t <= VIRTIO_BLK_T_WRITE_ZEROES; t += 2) {
			cr_expect_eq(range(&r, t, 131072, 4194304, 0), VIRTIO_BLK_S_IOERR);
			cr_expect_eq(range(&r, t, 4194304, 4194303, t == VIRTIO_BLK_T_WRITE_ZEROES ? VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP : 0), VIRTIO_BLK_S_OK);
			cr_expect_eq(range(&r, t, 0, 1u << 31, 0), VIRTIO_BLK_S_IOERR);
			cr_expect_eq(range(&r, t, 131072, 131072, 0), VIRTIO_BLK_S_OK);
		}
		cr_expect_neq(file_byte(&r, 5), 0);
		cr_expect_eq(range(&r, VIRTIO_BLK_T_WRITE_ZEROES, 0, 131072, 0), VIRTIO_BLK_S_OK);
		cr_expect_eq(file_byte(&r, 5), 0);
		stop(&r);
		unlink(r.path);
	}
}

Test(block, b3_read_only)
{
	static struct rig r;

	ON_EACH_ENGINE(&r, "--read-only", NULL) {
		uint8_t before = file_byte(&r, 0);

		cr_expect(r.d.drv.fe.features & (1ull << VIRTIO_BLK_F_RO));
		cr_expect_not(r.d.drv.fe.features & (1ull << VIRTIO_BLK_F_DISCARD));
		memset(r.d.data, 0xab, 512);
		cr_expect_eq(blkdrv_io(&r.d, T_OUT, 0, r.d.data, 512), VIRTIO_BLK_S_IOERR);
		cr_expect_eq(range(&r, VIRTIO_BLK_T_DISCARD, 0, 8, 0), VIRTIO_BLK_S_IOERR);
		cr_expect_eq(range(&r, VIRTIO_BLK_T_WRITE_ZEROES, 0, 8, 0), VIRTIO_BLK_S_IOERR);
		cr_expect_eq(blkdrv_io(&r.d, T_IN, 0, r.d.data, 512), VIRTIO_BLK_S_OK);
		cr_expect_eq(blkdrv_io(&r.d, VIRTIO_BLK_T_FLUSH, 0, NULL, 0), VIRTIO_BLK_S_OK);
		cr_expect_eq(file_byte(&r, 0), before);
	}
}

/* Its manifest has no FALLOCATE: nothing that is offered needs it. */
Test(block, no_discard)
{
	static struct rig r;

	ON_EACH_ENGINE(&r, "--no-discard", NULL) {
		cr_expect_not(r.d.drv.fe.features & (1ull << VIRTIO_BLK_F_DISCARD | 1ull << VIRTIO_BLK_F_WRITE_ZEROES));
		cr_expect_eq(range(&r, VIRTIO_BLK_T_DISCARD, 0, 8, 0), VIRTIO_BLK_S_UNSUPP);
		cr_expect_eq(range(&r, VIRTIO_BLK_T_WRITE_ZEROES, 0, 8, 0), VIRTIO_BLK_S_UNSUPP);
		memset(r.d.data, 0xab, 4096);
		cr_expect_eq(blkdrv_io(&r.d, T_OUT, 0, r.d.data, 4096), VIRTIO_BLK_S_OK);
		cr_expect_eq(blkdrv_io(&r.d, VIRTIO_BLK_T_FLUSH, 0, NULL, 0), VIRTIO_BLK_S_OK);
		cr_expect_eq(blkdrv_io(&r.d, T_IN, 0, r.d.data, 4096), VIRTIO_BLK_S_OK);
		cr_expect_eq(file_byte(&r, 5), 0xab);
	}
}

Test(block, b4_never_probed)
{
	static struct rig r;

	make_image(&r);
	start(&r, 0, NULL, NULL);
	memcpy(r.d.data, "QFI\xfb\0\0\0\3\0\0\0\0\0\0\0\x20\0\0\0\x0b/etc/passwd", 32);
	cr_expect_eq(blkdrv_io(&r.d, T_OUT, 0, r.d.data, 4096), VIRTIO_BLK_S_OK);
	stop(&r);
	start(&r, 0, NULL, NULL);
	cr_expect_eq(r.d.config.capacity, IMAGE_SIZE / 512);
	cr_expect_eq(blkdrv_io(&r.d, T_IN, 0, r.d.data, 4096), VIRTIO_BLK_S_OK);
	cr_expect_eq(memcmp(r.d.data, "QFI\xfb\0\0\0\3", 8), 0);
	stop(&r);
	unlink(r.path);
}

Test(block, b6_unknown_and_scsi_types)
{
	static struct rig r;

	ON_EACH_ENGINE(&r, NULL, NULL) {
		static const uint32_t types[] = { VIRTIO_BLK_T_SCSI_CMD, 3, 5, 6, 7, 9, 10, 12, 14, 0x80000000, ~0u };

		for (unsigned int i = 0; i < sizeof(types) / sizeof(types[0]); i++)
			cr_expect_eq(blkdrv_io(&r.d, types[i], 0, r.d.data, 512), VIRTIO_BLK_S_UNSUPP);
	}
}

Test(block, header_too_short)
{
	static struct rig r;

	ON_EACH_ENGINE(&r, NULL, NULL) {
		struct blkdrv_done done;
		uint8_t *status = blkdrv_next_status(&r.d);
		struct vq_desc chain[2] = {
			{ blkdrv_gpa(&r.d, r.d.data), 15, 0, 0 },
			{ blkdrv_gpa(&r.d, status), 1, VQ_DESC_WRITE, 0 },
		};

		blkdrv_raw(&r.d, chain, 2, 1);
		cr_assert_eq(blkdrv_wait(&r.d, 0, 5000), 0);
		cr_assert_eq(blkdrv_poll(&r.d, 0, &done), 1);
		cr_expect_eq(done.status, VIRTIO_BLK_S_IOERR);
	}
}

Test(block, header_and_data_in_any_pieces)
{
	static struct rig r;

	ON_EACH_ENGINE(&r, NULL, NULL) {
		struct blkdrv_done done;
		uint8_t *status = blkdrv_next_status(&r.d);
		uint8_t *p = r.d.data;
		struct virtio_blk_outhdr h = { .type = T_OUT, .sector = 2 };
		/* header split in two, the second piece with data behind it, then more data */
		struct vq_desc chain[4] = {
			{ blkdrv_gpa(&r.d, p), 5, 0, 0 },
			{ blkdrv_gpa(&r.d, p + 100), 11 + 200, 0, 0 },
			{ blkdrv_gpa(&r.d, p + 1000), 312, 0, 0 },
			{ blkdrv_gpa(&r.d, status), 1, VQ_DESC_WRITE, 0 },
		};

		memcpy(p, &h, 5);
		memcpy(p + 100, (uint8_t *)&h + 5, 11);
		memset(p + 111, 0x11, 200);
		memset(p + 1000, 0x22, 312);
		*status = 0xff;
		blkdrv_raw(&r.d, chain, 4, 1);
		cr_assert_eq(blkdrv_wait(&r.d, 0, 5000), 0);
		cr_assert_eq(blkdrv_poll(&r.d, 0, &done), 1);
		cr_expect_eq(done.status, VIRTIO_BLK_S_OK);
		cr_expect(file_byte(&r, 1024) == 0x11 && file_byte(&r, 1223) == 0x11);
		cr_expect(file_byte(&r, 1224) == 0x22 && file_byte(&r, 1535) == 0x22);
	}
}

Test(block, no_status_byte_breaks_the_queue_only)
{
	static struct rig r;

	ON_EACH_ENGINE(&r, NULL, NULL) {
		struct vq_desc chain = { blkdrv_gpa(&r.d, r.d.data), 16, 0, 0 };
		uint8_t config[60];

		blkdrv_raw(&r.d, &chain, 1, 1);
		cr_assert_eq(blkdrv_wait(&r.d, 0, 5000), 0);
		cr_expect_eq(((const struct vq_used_elem *)(r.d.q[0].ring->used + 2))->len, 0);
		r.d.q[0].ring->last_used++;
		cr_expect_eq(blkdrv_io(&r.d, T_IN, 0, r.d.data, 512), -ETIMEDOUT, "a broken queue served on");
		/* the role lives on and answers its front end */
		cr_expect_eq(vu_fe_get_config(&r.d.drv.fe, 0, config, sizeof(config)), 0);
	}
}

Test(block, direct_takes_any_alignment)
{
	static struct rig r;

	ON_EACH_ENGINE(&r, "--direct", NULL) {
		uint32_t len = 512 * 300;	/* more than one bounce buffer */

		for (uint32_t i = 0; i < len; i++)
			r.d.data[3 + i] = (uint8_t)(i * 31 + i / 777);
		cr_expect_eq(blkdrv_io(&r.d, T_OUT, 5, r.d.data + 3, len), VIRTIO_BLK_S_OK);
		cr_expect_eq(blkdrv_io(&r.d, T_IN, 5, r.d.data + 400001, len), VIRTIO_BLK_S_OK);
		cr_expect_eq(memcmp(r.d.data + 3, r.d.data + 400001, len), 0);
		cr_expect_eq(file_byte(&r, 5 * 512 + 1), 31);
		/* more of them at once than there are bounce buffers */
		for (uint64_t i = 0; i < 40; i++)
			cr_expect(blkdrv_submit(&r.d, 0, T_IN, i, r.d.data + 1 + i * 1024, 512, i));
		blkdrv_kick(&r.d, 0);
		for (unsigned int n = 0; n < 40; n++) {
			struct blkdrv_done done;

			cr_assert_eq(blkdrv_wait(&r.d, 0, 5000), 0);
			cr_assert_eq(blkdrv_poll(&r.d, 0, &done), 1);
			cr_expect_eq(done.status, VIRTIO_BLK_S_OK);
		}
	}
}

Test(block, plain_descriptors_without_indirect_and_event_idx)
{
	static struct rig r;

	for (unsigned int engine = 0; engine < 2; engine++) {
		make_image(&r);
		start_features(&r, engine, NULL, NULL,
			       ~(1ull << VIRTIO_RING_F_INDIRECT_DESC | 1ull << VIRTIO_RING_F_EVENT_IDX));
		memset(r.d.data, 0xcd, 4096);
		for (unsigned int i = 0; i < 300; i++)
			cr_assert_eq(blkdrv_io(&r.d, i & 1, i % 100, r.d.data, 4096), VIRTIO_BLK_S_OK);
		stop(&r);
		unlink(r.path);
	}
}

Test(block, config_space)
{
	static struct rig r;
	uint8_t byte = 0;

	ON_EACH_ENGINE(&r, "--num-queues=3", NULL) {
		cr_expect_eq(r.d.config.capacity, IMAGE_SIZE / 512);
		cr_expect_eq(r.d.config.blk_size, 512);
		cr_expect_eq(r.d.config.num_queues, 3);
		cr_expect_eq(r.d.drv.fe.queues, 3);
		cr_expect_eq(r.d.config.wce, 1);
		cr_expect_eq(vu_fe_set_config(&r.d.drv.fe, 32, &byte, 1), 0);
		cr_expect_eq(vu_fe_get_config(&r.d.drv.fe, 0, &r.d.config, 60), 0);
		cr_expect_eq(r.d.config.wce, 0);
		memset(r.d.data, 0xab, 512);
		cr_expect_eq(blkdrv_io(&r.d, T_OUT, 8, r.d.data, 512), VIRTIO_BLK_S_OK);
		/* nothing else can be written */
		cr_expect_neq(vu_fe_set_config(&r.d.drv.fe, 0, &byte, 1), 0);
	}
}

Test(block, driver_without_flush_gets_write_through)
{
	static struct rig r;

	make_image(&r);
	start_features(&r, 0, NULL, NULL, ~(1ull << VIRTIO_BLK_F_FLUSH));
	cr_expect_eq(vu_fe_get_config(&r.d.drv.fe, 0, &r.d.config, 60), 0);
	cr_expect_eq(r.d.config.wce, 0);
	stop(&r);
	unlink(r.path);
}

/* --- starting --- */

static int run_to_end(const char *opt1, const char *opt2, char *out, size_t size)
{
	int p[2], status;
	ssize_t n, got;
	pid_t pid;

	cr_assert_eq(pipe(p), 0);
	pid = fork();
	if (!pid) {
		dup2(p[1], 2);
		dup2(open("/dev/null", O_RDWR), 0);
		alarm(20);
		execl(binary(), binary(), "--fd=0", opt1, opt2, NULL);
		_exit(127);
	}
	close(p[1]);
	for (n = 0; (got = read(p[0], out + n, size - 1 - (size_t)n)) > 0; )
		n += got;
	out[n] = 0;
	close(p[0]);
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

Test(block, b7_refuses_what_is_no_disk)
{
	char out[512], path[] = "/var/tmp/lguest-fifo-XXXXXX", opt[64];

	cr_assert_neq(run_to_end("--blk-file=/", "--read-only", out, sizeof(out)), 0);
	cr_expect(strstr(out, "neither a file nor a block device"), "%s", out);
	cr_assert_neq(run_to_end("--blk-file=/nonexistent", NULL, out, sizeof(out)), 0);
	cr_expect(strstr(out, "/nonexistent") && strstr(out, "No such file"), "%s", out);
	cr_assert_neq(run_to_end("--blk-file=/dev/null", NULL, out, sizeof(out)), 0);
	cr_expect(strstr(out, "neither a file nor a block device"), "%s", out);
	cr_expect_neq(run_to_end(NULL, NULL, out, sizeof(out)), 0);
	cr_expect(strstr(out, "--blk-file"), "%s", out);
	close(mkstemp(path));
	unlink(path);
	cr_assert_eq(mkfifo(path, 0600), 0);
	snprintf(opt, sizeof(opt), "--blk-file=%s", path);
	cr_assert_neq(run_to_end(opt, "--read-only", out, sizeof(out)), 0);
	cr_expect(strstr(out, "neither"), "%s", out);
	unlink(path);
}

Test(block, image_lock)
{
	static struct rig r, second;
	char out[512];

	make_image(&r);
	start(&r, 0, NULL, NULL);
	cr_expect_neq(run_to_end(r.image_opt, NULL, out, sizeof(out)), 0, "a second writer was let in");
	cr_expect(strstr(out, "another program has it open"), "%s", out);
	cr_expect_neq(run_to_end(r.image_opt, "--read-only", out, sizeof(out)), 0, "a reader beside a writer");
	stop(&r);
	start(&r, 0, "--read-only", NULL);
	snprintf(second.path, sizeof(second.path), "%s", r.path);
	start(&second, 0, "--read-only", NULL);
	cr_expect_eq(blkdrv_io(&second.d, T_IN, 0, second.d.data, 512), VIRTIO_BLK_S_OK);
	stop(&second);
	stop(&r);
	unlink(r.path);
}

Test(block, image_cut_short_is_an_error_not_a_crash)
{
	static struct rig r;

	ON_EACH_ENGINE(&r, NULL, NULL) {
		cr_assert_eq(truncate(r.path, 4096), 0);
		cr_expect_eq(blkdrv_io(&r.d, T_IN, 100, r.d.data, 512), VIRTIO_BLK_S_IOERR);
		cr_expect_eq(blkdrv_io(&r.d, T_IN, 0, r.d.data, 512), VIRTIO_BLK_S_OK);
	}
}

Test(block, restart_of_the_queue)
{
	static struct rig r;

	ON_EACH_ENGINE(&r, NULL, NULL) {
		for (unsigned int i = 0; i < 3; i++) {
			uint16_t base = 0;

			cr_assert_eq(blkdrv_io(&r.d, T_IN, 0, r.d.data, 4096), VIRTIO_BLK_S_OK);
			cr_assert_eq(vu_fe_vring_stop(&r.d.drv.fe, 0, &base), 0);
			cr_expect_eq(base, r.d.q[0].ring->avail_idx);
			r.d.drv.fe.vring[0].base = base;
			struct vu_fe_vring v = r.d.drv.fe.vring[0];
			cr_assert_eq(vu_fe_vring_start(&r.d.drv.fe, 0, &v), 0);
		}
		cr_assert_eq(blkdrv_io(&r.d, T_IN, 0, r.d.data, 4096), VIRTIO_BLK_S_OK);
	}
}
