// SPDX-License-Identifier: GPL-2.0
/*
 * blkfe.c: command-line front end for block back ends: measures one, or kills ours again and again under verified I/O.
 *
 *	blkfe bench SOCKET OP BLOCK DEPTH SECONDS	OP: randread randwrite read write zeroes discard, DEPTH up to 128; prints "IOPS MiB/s" and more, with
 *							the times in microseconds within which half of the requests, 99 and 99.9 per cent were over
 *	blkfe crash KILLS BACKEND IMAGE [OPTION...]	kill -9 under verified random I/O, in-flight replay each time
 *	blkfe verify SOCKET SECONDS			verified random I/O against any back end
 *	blkfe scenario BACKEND IMAGE [OPTION...]	once through everything that the role can do, and to its end
 *
 * Test code. Exit status: 0, or 1 with the reason on stderr.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/late.h"
#include "tests/lib/blkdrv.h"

#define MAX_DEPTH 64u
#define ALL_FEATURES (~0ull)
#define BLOCK 4096u
#define SECTORS(bytes) ((bytes) / 512)

static uint64_t rng_state = 0x9e3779b97f4a7c15ull;

static uint64_t random_number(void)
{
	rng_state ^= rng_state << 13;
	rng_state ^= rng_state >> 7;
	return rng_state ^= rng_state << 17;
}

static _Noreturn void fail(const char *what, long err)
{
	fprintf(stderr, "blkfe: %s: %s\n", what, err < 0 ? strerror((int)-err) : "");
	exit(1);
}

/* --- bench --- */

struct load {
	bool random;
	uint32_t type, block;
	uint64_t blocks, next;
};

static uint64_t next_sector(struct load *l)
{
	uint64_t b = l->random ? random_number() % l->blocks : l->next++ % l->blocks;

	return b * SECTORS(l->block);
}

static uint32_t type_of(const char *op)
{
	if (!strcmp(op, "zeroes"))
		return VIRTIO_BLK_T_WRITE_ZEROES;
	if (!strcmp(op, "discard"))
		return VIRTIO_BLK_T_DISCARD;
	return strstr(op, "write") ? VIRTIO_BLK_T_OUT : VIRTIO_BLK_T_IN;
}

/* The next request of the load. */
static bool ask(struct blkdrv *d, struct load *l, uint64_t tag)
{
	struct virtio_blk_discard_write_zeroes range = { next_sector(l), SECTORS(l->block), 0 };
	uint8_t *data = d->data + tag * l->block;

	if (l->type == VIRTIO_BLK_T_IN || l->type == VIRTIO_BLK_T_OUT)
		return blkdrv_submit(d, 0, l->type, range.sector, data, l->block, tag);
	memcpy(data, &range, sizeof(range));
	return blkdrv_submit(d, 0, l->type, 0, data, sizeof(range), tag);
}

/* How long each request took, in nanoseconds; of the first ones, when there are more than find room. */
struct latencies {
	struct late all;
	double begun[BLKDRV_NUM];
};

static void note(struct latencies *l, uint64_t tag, double now)
{
	late_note(&l->all, now - l->begun[tag]);
	l->begun[tag] = now;
}

static int bench(char **arg)
{
	static struct latencies times;
	struct load l = { .type = type_of(arg[1]), .random = !strncmp(arg[1], "rand", 4), .block = (uint32_t)atoi(arg[2]) };
	unsigned int depth = (unsigned int)atoi(arg[3]), busy = 0;
	double secs = atof(arg[4]), start, end;
	uint64_t count = 0;
	struct blkdrv_done done;
	static struct blkdrv d;
	int r;

	if (!depth || depth > BLKDRV_NUM)
		fail("a depth of 1 to 128", 0);
	r = blkdrv_open(&d, blkdrv_connect(arg[0]), 1, (size_t)depth * l.block, ALL_FEATURES);
	if (r)
		fail("set-up", r);
	l.blocks = d.config.capacity / SECTORS(l.block);
	memset(d.data, 0x5a, d.data_size);
	start = drv_now();
	end = start + secs;
	for (uint64_t i = 0; i < depth; i++, busy++) {
		times.begun[i] = start;
		if (!ask(&d, &l, i))
			fail("the ring is full", 0);
	}
	while (busy) {
		double now = drv_now();
		bool more = now < end;

		blkdrv_kick(&d, 0);
		r = blkdrv_wait(&d, 0, 10000);
		now = drv_now();
		while (!r && (r = blkdrv_poll(&d, 0, &done)) == 1) {
			if (done.status)
				fail("a request failed", 0);
			note(&times, done.tag, now);
			count++;
			busy--;
			r = 0;
			if (more && ask(&d, &l, done.tag))
				busy++;
		}
		if (r < 0)
			fail("completions", r);
	}
	secs = drv_now() - start;
	late_sort(&times.all);
	printf("%.0f %.1f kicks %.3f waits %.3f p50 %.1f p99 %.1f p99.9 %.1f requests %lu\n", (double)count / secs,
	       (double)count * l.block / secs / 1048576, (double)d.q[0].ring->kicks / (double)count,
	       (double)d.q[0].ring->calls / (double)count, late_within(&times.all, 0.5), late_within(&times.all, 0.99), late_within(&times.all, 0.999), count);
	blkdrv_close(&d);
	return 0;
}

/* --- verified I/O --- */

/*
 * Each block of the image holds its number and a version. One request at a time per block, so what a read must find is
 * known: the version of the last completed write. A lost write, a late one from a dead process, a request that
 * completes twice or with an error: each ends the run.
 */
struct verify {
	struct blkdrv d;
	uint64_t blocks;
	uint32_t *version;	/* completed */
	uint32_t *pending;	/* being written, or 0 */
	bool *busy;
	uint64_t block_of[MAX_DEPTH];
	uint64_t reads, writes;
};

static void fill(uint8_t *p, uint64_t block, uint32_t version)
{
	uint64_t word = block << 32 | version;

	for (unsigned int i = 0; i < BLOCK; i += 8, word = word * 6364136223846793005ull + 1)
		memcpy(p + i, &word, 8);
}

static bool matches(const uint8_t *p, uint64_t block, uint32_t version)
{
	static const uint8_t zero[BLOCK];
	uint8_t want[BLOCK];

	if (!version)
		return !memcmp(p, zero, BLOCK);
	fill(want, block, version);
	return !memcmp(p, want, BLOCK);
}

static void verify_submit(struct verify *v, uint64_t tag)
{
	uint8_t *buf = v->d.data + tag * BLOCK;
	bool write = random_number() & 1;
	uint64_t b;

	do
		b = random_number() % v->blocks;
	while (v->busy[b]);
	v->busy[b] = true;
	v->block_of[tag] = b;
	v->pending[b] = write ? v->version[b] + 1 : 0;
	if (write)
		fill(buf, b, v->pending[b]);
	else
		memset(buf, 0xee, BLOCK);
	if (!blkdrv_submit(&v->d, 0, write, b * SECTORS(BLOCK), buf, BLOCK, tag))
		fail("the ring is full", 0);
}

static void verify_done(struct verify *v, const struct blkdrv_done *done)
{
	uint64_t b = v->block_of[done->tag];

	if (done->status) {
		fprintf(stderr, "blkfe: block %lu: status %u\n", b, done->status);
		exit(1);
	}
	if (v->pending[b]) {
		v->version[b] = v->pending[b];
		v->pending[b] = 0;
		v->writes++;
	} else {
		if (!matches(v->d.data + done->tag * BLOCK, b, v->version[b])) {
			fprintf(stderr, "blkfe: block %lu: not what was written (version %u)\n", b, v->version[b]);
			exit(1);
		}
		v->reads++;
	}
	v->busy[b] = false;
}

static void verify_open(struct verify *v, int fd, unsigned int depth, uint64_t max_blocks)
{
	int r = blkdrv_open(&v->d, fd, 1, (size_t)depth * BLOCK, ALL_FEATURES);

	if (r)
		fail("set-up", r);
	v->blocks = v->d.config.capacity / SECTORS(BLOCK);
	if (v->blocks > max_blocks)
		v->blocks = max_blocks;
	v->version = calloc(v->blocks, sizeof(*v->version));
	v->pending = calloc(v->blocks, sizeof(*v->pending));
	v->busy = calloc(v->blocks, sizeof(*v->busy));
}

/* Start from zeroes, which is version 0 everywhere. */
static void verify_zero(struct verify *v, unsigned int depth)
{
	for (uint64_t b = 0; b < v->blocks; b += depth) {
		uint64_t n = v->blocks - b < depth ? v->blocks - b : depth;

		memset(v->d.data, 0, n * BLOCK);
		if (blkdrv_io(&v->d, VIRTIO_BLK_T_OUT, b * SECTORS(BLOCK), v->d.data, (uint32_t)(n * BLOCK)))
			fail("writing zeroes", 0);
	}
}

/* Keep @depth requests in flight until @end; returns early with requests still in flight when @end is reached. */
static void verify_run(struct verify *v, double end)
{
	struct blkdrv_done done;
	int r;

	while (drv_now() < end) {
		blkdrv_kick(&v->d, 0);
		r = blkdrv_wait(&v->d, 0, 10000);
		while (!r && (r = blkdrv_poll(&v->d, 0, &done)) == 1) {
			verify_done(v, &done);
			verify_submit(v, done.tag);
			r = 0;
		}
		if (r < 0)
			fail(r == -EPROTO ? "a request completed that was not in flight" : "completions", r);
	}
}

static void verify_drain(struct verify *v, unsigned int depth)
{
	struct blkdrv_done done;
	int r;

	blkdrv_kick(&v->d, 0);
	while (v->d.q[0].ring->free_n != BLKDRV_NUM) {
		r = blkdrv_wait(&v->d, 0, 10000);
		if (!r)
			r = blkdrv_poll(&v->d, 0, &done);
		if (r < 0)
			fail("draining", r);
		if (r)
			verify_done(v, &done);
	}
	for (uint64_t b = 0; b < v->blocks; b++) {
		if (blkdrv_io(&v->d, VIRTIO_BLK_T_IN, b * SECTORS(BLOCK), v->d.data, BLOCK))
			fail("reading back", 0);
		if (!matches(v->d.data, b, v->version[b]))
			fail("a block differs at the end", 0);
	}
	(void)depth;
}

static int crash(int argc, char **arg)
{
	const unsigned int depth = 32;
	const char *argv[24] = { arg[1] };
	struct drv_child be = { .drained = true };
	static struct verify v;
	char image[512];
	double gap, worst = 0, sum = 0;
	int kills = atoi(arg[0]), fd, n = 1, r;

	snprintf(image, sizeof(image), "--blk-file=%s", arg[2]);
	argv[n++] = image;
	for (int i = 3; i < argc && n < 20; i++)
		argv[n++] = arg[i];
	fd = drv_spawn(&be, argv);
	if (fd < 0)
		fail("starting the back end", fd);
	verify_open(&v, fd, depth, 4096);
	verify_zero(&v, depth);
	for (uint64_t i = 0; i < depth; i++)
		verify_submit(&v, i);
	for (int k = 0; k < kills; k++) {
		double killed;

		verify_run(&v, drv_now() + 0.02 + (double)(random_number() % 100) / 1000);
		killed = drv_now();
		blkdrv_kill(&be);
		be.quiet = true;
		fd = drv_spawn(&be, argv);
		if (fd < 0)
			fail("starting the back end again", fd);
		r = blkdrv_reconnect(&v.d, fd);
		if (r)
			fail("going on with the new back end", r);
		gap = (drv_now() - killed) * 1000;
		sum += gap;
		if (gap > worst)
			worst = gap;
	}
	verify_run(&v, drv_now() + 0.1);
	verify_drain(&v, depth);
	printf("%d kills, %lu reads, %lu writes: no error, none lost, none repeated; gap mean %.0f ms, worst %.0f ms\n",
	       kills, v.reads, v.writes, sum / kills, worst);
	kill(be.pid, SIGTERM);
	return 0;
}

static int verify(char **arg)
{
	const unsigned int depth = 32;
	static struct verify v;

	verify_open(&v, blkdrv_connect(arg[0]), depth, 4096);
	verify_zero(&v, depth);
	for (uint64_t i = 0; i < depth; i++)
		verify_submit(&v, i);
	verify_run(&v, drv_now() + atof(arg[1]));
	verify_drain(&v, depth);
	printf("%lu reads, %lu writes verified\n", v.reads, v.writes);
	return 0;
}

/* --- once through everything --- */

static void want(bool good, const char *what)
{
	if (!good)
		fail(what, 0);
}

static void in_pieces(struct blkdrv *d, uint32_t type)
{
	uint16_t w = type == VIRTIO_BLK_T_IN ? VQ_DESC_WRITE : 0;
	uint8_t *status = blkdrv_next_status(d);
	struct vq_desc chain[4] = {
		{ blkdrv_gpa(d, d->data), 16, 0, 0 },
		{ blkdrv_gpa(d, d->data + 4096), 4096, w, 0 },
		{ blkdrv_gpa(d, d->data + 12288), 4096, w, 0 },
		{ blkdrv_gpa(d, status), 1, VQ_DESC_WRITE, 0 },
	};
	struct virtio_blk_outhdr h = { .type = type };
	struct blkdrv_done done;

	memcpy(d->data, &h, sizeof(h));
	blkdrv_raw(d, chain, 4, 0);
	want(!blkdrv_wait(d, 0, 2000) && blkdrv_poll(d, 0, &done) == 1 && !done.status, "a request of several pieces");
}

static int scenario(int argc, char **arg)
{
	const char *argv[24] = { arg[0] };
	struct vu_fe_region extra = { .gpa = 0x900000000ull, .size = 65536, .uaddr = 0x8000000000ull };
	struct virtio_blk_discard_write_zeroes range = { 8, 8, 0 };
	struct drv_child be = { .drained = true, .quiet = true };
	static struct blkdrv d;
	struct vu_fe_vring v;
	char image[512];
	int fd, n = 1, status;
	uint16_t base = 0;

	snprintf(image, sizeof(image), "--blk-file=%s", arg[1]);
	argv[n++] = image;
	for (int i = 2; i < argc && n < 20; i++)
		argv[n++] = arg[i];
	fd = drv_spawn(&be, argv);
	want(fd >= 0 && !blkdrv_open(&d, fd, 1, 1 << 16, ALL_FEATURES), "set-up");
	want(!blkdrv_io(&d, VIRTIO_BLK_T_OUT, 0, d.data, 4096), "write");
	want(!blkdrv_io(&d, VIRTIO_BLK_T_IN, 0, d.data, 4096), "read");
	in_pieces(&d, VIRTIO_BLK_T_OUT);
	in_pieces(&d, VIRTIO_BLK_T_IN);
	want(!blkdrv_io(&d, VIRTIO_BLK_T_FLUSH, 0, NULL, 0), "flush");
	memcpy(d.data, &range, sizeof(range));
	want(!blkdrv_io(&d, VIRTIO_BLK_T_DISCARD, 0, d.data, sizeof(range)), "discard");
	want(!blkdrv_io(&d, VIRTIO_BLK_T_WRITE_ZEROES, 0, d.data, sizeof(range)), "write zeroes");
	extra.fd = memfd_create("extra", MFD_CLOEXEC);
	want(!ftruncate(extra.fd, 65536) && !vu_fe_add_region(&d.drv.fe, &extra), "a second window");
	want(!vu_fe_remove_region(&d.drv.fe, extra.gpa), "and its end");
	want(!vu_fe_vring_stop(&d.drv.fe, 0, &base), "queue stopped");
	v = d.drv.fe.vring[0];
	v.base = base;
	want(!vu_fe_vring_start(&d.drv.fe, 0, &v), "queue started again");
	want(!blkdrv_io(&d, VIRTIO_BLK_T_IN, 0, d.data, 4096), "read after the restart");
	blkdrv_close(&d);
	want(waitpid(be.pid, &status, 0) == be.pid && !status, "the role's own end");
	return 0;
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	if (argc == 7 && !strcmp(argv[1], "bench"))
		return bench(argv + 2);
	if (argc >= 5 && !strcmp(argv[1], "crash"))
		return crash(argc - 2, argv + 2);
	if (argc == 4 && !strcmp(argv[1], "verify"))
		return verify(argv + 2);
	if (argc >= 4 && !strcmp(argv[1], "scenario"))
		return scenario(argc - 2, argv + 2);
	fprintf(stderr, "usage: blkfe bench SOCKET OP BLOCK DEPTH SECONDS | crash KILLS BACKEND IMAGE [OPTION...] | "
			"verify SOCKET SECONDS | scenario BACKEND IMAGE [OPTION...]\n");
	return 2;
}
