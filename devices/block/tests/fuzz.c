// SPDX-License-Identifier: GPL-2.0
/*
 * fuzz.c: the request code of lguest-block and the virtqueue under it, with a hostile guest.
 *
 * The real main.c, request.c and virtqueue*.c run on a loop that is faked here: operations complete in an order and with
 * results that the input picks, and the guest changes memory *while the device reads it* (gmem_fetch_hook()). The input
 * is a small program: write a descriptor or a header, push a head, poke memory, kick, complete, restart, "at the k-th
 * read, change these bytes".
 *
 * Besides ASan and UBSan these must hold: every operation lies in guest memory (or a bounce buffer) and within the
 * image, and in whole blocks where the image takes no others; an operation in flight is never started again; what completes was in
 * flight; without io_uring the same of each system call; a read-only image sees no write; while one request reads and writes back, no other changes the image.
 */
#include <errno.h>
#include <linux/io_uring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/block/block.h"
#include "ipc/virtqueue_ring.h"
#include "policy/policy.h"

#define MEM_SIZE 32768u
#define GPA 0x10000u
#define UADDR 0x7000000u
#define CAPACITY (64u * 512)
#define MAX_OPS 96
#define PENDING 256u
#define MAX_QUEUE 64u

#define FUZZ_NAME "block"
#include "tests/fuzz/input.h"

int lguest_block_main(int argc, char **argv);

const struct policy_role policy_block, policy_block_sync, policy_block_keep, policy_block_keep_sync, policy_block_ro, policy_block_ro_sync;

static const struct backend_ops *ops;
static struct blk *blk;
static uint8_t *mem;
static struct gmem table;
static struct vq queue;

/* --- the guest's other processor --- */

static struct {
	unsigned int countdown;		/* 0: nothing planned */
	bool here;			/* at the bytes being read, else at @off */
	uint16_t off;
	uint8_t bytes[4];
} plan;

void gmem_fetch_hook(const void *p, size_t len)
{
	size_t off = (size_t)((const uint8_t *)p - mem);

	REQUIRE(off < MEM_SIZE && len <= MEM_SIZE - off, "a read outside guest memory");
	if (!plan.countdown || --plan.countdown)
		return;
	/* the change lands after this read: what was read is old, what would be read again is new */
	if (plan.here)
		off += plan.off % (len ? len : 1);
	else
		off = plan.off;
	for (unsigned int i = 0; i < 4 && off + i < MEM_SIZE; i++)
		mem[off + i] = plan.bytes[i];
}

/* --- the loop, faked --- */

static struct {
	struct io_uring_sqe sqe;
	struct backend_op *op;
} pending[PENDING];
static unsigned int pending_n;
static bool again, sync_engine;

void *backend_dev(const struct backend *be)
{
	(void)be;
	return blk;
}

struct vq *backend_vq(struct backend *be, unsigned int index)
{
	(void)be;
	return index ? NULL : &queue;
}

bool backend_running(const struct backend *be, const struct vq *q)
{
	(void)be;
	return q->started && !q->broken;
}

bool backend_has_ring(const struct backend *be)
{
	(void)be;
	return !sync_engine;
}

bool backend_will_ring(const struct backend *be)
{
	(void)be;
	return true;
}

struct io_uring_sqe *backend_sqe(struct backend *be, struct backend_op *op)
{
	(void)be;
	REQUIRE(!op->pending, "an operation in flight is started again");
	REQUIRE(pending_n < PENDING, "more operations than requests");
	op->pending = true;
	pending[pending_n].op = op;
	memset(&pending[pending_n].sqe, 0xa5, sizeof(pending[0].sqe));	/* leftovers of the last user */
	return &pending[pending_n++].sqe;
}

void backend_again(struct backend *be, struct vq *q)
{
	(void)be;
	(void)q;
	again = true;
}

void backend_notify(struct backend *be, struct vq *q)
{
	(void)be;
	vq_publish(q);
}

int backend_main(int argc, char **argv, const struct backend_ops *o, void *dev)
{
	(void)argc;
	(void)argv;
	ops = o;
	blk = dev;
	return 0;
}

void backend_fail(struct backend *be, const char *fmt, ...) { (void)be; (void)fmt; }
void backend_limit(struct backend *be, uint64_t features, uint16_t queues) { (void)be; (void)features; (void)queues; }
void backend_file_limit(struct backend *be, uint64_t bytes) { (void)be; (void)bytes; }
int backend_fixed_file(struct backend *be, int fd) { (void)be; return fd; }
int policy_place_fd(int fd, int slot) { (void)fd; return slot; }
int blk_image_open(struct blk *b) { (void)b; return 0; }

/* --- the kernel's side: what an operation touches must be there --- */

static bool in_guest(const void *p, size_t len)
{
	size_t off = (size_t)((const uint8_t *)p - mem);

	return (const uint8_t *)p >= mem && off <= MEM_SIZE && len <= MEM_SIZE - off;
}

static bool in_bounce(const void *p, size_t len)
{
	for (unsigned int i = 0; i < MAX_QUEUE; i++)
		if (blk->req[i].bounce && blk->req[i].bounce == p)
			return len <= BLK_BOUNCE_SIZE;
	return false;
}

static void touch(const struct iovec *v, bool fill)
{
	REQUIRE(in_guest(v->iov_base, v->iov_len) || in_bounce(v->iov_base, v->iov_len),
		"an operation outside guest memory: %zu bytes", v->iov_len);
	if (fill)
		memset(v->iov_base, 0x77, v->iov_len);
	else
		for (size_t i = 0; i < v->iov_len; i += 512)
			(void)*((volatile uint8_t *)v->iov_base + i);
}

static uint64_t touch_all(const struct io_uring_sqe *sqe, bool fill)
{
	const struct iovec one = { (void *)(uintptr_t)sqe->addr, sqe->len };
	bool list = sqe->opcode == IORING_OP_READV || sqe->opcode == IORING_OP_WRITEV;
	const struct iovec *v = list ? (const struct iovec *)(uintptr_t)sqe->addr : &one;
	uint64_t total = 0;

	for (uint32_t i = 0; i < (list ? sqe->len : 1); i++) {
		touch(&v[i], fill);
		total += v[i].iov_len;
	}
	return total;
}

/* Returns the bytes that the operation would move. */
static uint64_t perform(const struct io_uring_sqe *sqe)
{
	bool read = sqe->opcode == IORING_OP_READ || sqe->opcode == IORING_OP_READV;
	uint64_t total;

	switch (sqe->opcode) {
	case IORING_OP_FSYNC:
		REQUIRE(!sqe->addr && !sqe->buf_index && !sqe->splice_fd_in && !sqe->off && !sqe->len,
			"leftovers in a flush");
		return 0;
	case IORING_OP_FALLOCATE:
		REQUIRE(!blk->image.read_only, "a hole in a read-only image");
		REQUIRE(!sqe->buf_index && !sqe->rw_flags && !sqe->splice_fd_in, "leftovers in fallocate");
		REQUIRE(!((sqe->off | sqe->addr) & (blk->image.range_align - 1)), "a range of parts of blocks");
		REQUIRE(sqe->addr && sqe->off <= CAPACITY && sqe->addr <= CAPACITY - sqe->off,
			"a range outside the image");
		return 0;
	case IORING_OP_READ:
	case IORING_OP_READV:
	case IORING_OP_WRITE:
	case IORING_OP_WRITEV:
		REQUIRE(read || !blk->image.read_only, "a write to a read-only image");
		REQUIRE(!sqe->ioprio && !sqe->buf_index, "leftovers in a transfer");
		total = touch_all(sqe, read);
		REQUIRE(!((sqe->off | total) & (blk->image.off_align - 1)), "a transfer of parts of blocks");
		REQUIRE(total && sqe->off <= CAPACITY && total <= CAPACITY - sqe->off, "a transfer outside the image");
		return total;
	default:
		REQUIRE(false, "opcode %u", sqe->opcode);
	}
}

static void alone(void)
{
	if (blk->exclusive)
		REQUIRE(blk->writers == 1, "%u others write beside one that reads and writes back", blk->writers - 1);
}

static int32_t result(uint64_t total, uint8_t how)
{
	switch (how % 8) {
	case 0: return -5;
	case 1: return -95;
	case 2: return total ? (int32_t)(total / 2 + 1) : 0;
	case 3: return 0;
	case 4: return how & 8 ? -4 : -11;
	default: return (int32_t)total;
	}
}

static void complete(unsigned int which, uint8_t how)
{
	struct io_uring_sqe sqe;
	struct backend_op *op;
	uint64_t total;

	if (!pending_n)
		return;
	which %= pending_n;
	sqe = pending[which].sqe;
	op = pending[which].op;
	pending[which] = pending[--pending_n];
	total = perform(&sqe);
	alone();
	op->pending = false;
	op->done(op, result(total, how));
}

/* --- the engine without io_uring: its system calls (fuzz.mk gives them these names), which are bound by the same rules --- */

ssize_t fuzz_preadv(int fd, const struct iovec *v, int n, off_t at);
ssize_t fuzz_pwritev(int fd, const struct iovec *v, int n, off_t at);
int fuzz_fdatasync(int fd);
int fuzz_fallocate(int fd, int mode, off_t at, off_t len);

static int32_t call(const struct io_uring_sqe *sqe)
{
	uint64_t total;
	int32_t res;

	REQUIRE(sync_engine, "a system call beside the ring");
	total = perform(sqe);
	alone();
	res = result(total, left ? byte() : 7);
	if (res >= 0)
		return res;
	errno = -res;
	return -1;
}

static ssize_t transfer_call(uint8_t opcode, int fd, const struct iovec *v, int n, off_t at)
{
	struct io_uring_sqe sqe = { .opcode = opcode, .fd = fd, .addr = (uintptr_t)v, .len = (uint32_t)n, .off = (uint64_t)at };

	REQUIRE(n > 0 && n <= 1024, "a list of %d", n);
	return call(&sqe);
}

ssize_t fuzz_preadv(int fd, const struct iovec *v, int n, off_t at) { return transfer_call(IORING_OP_READV, fd, v, n, at); }
ssize_t fuzz_pwritev(int fd, const struct iovec *v, int n, off_t at) { return transfer_call(IORING_OP_WRITEV, fd, v, n, at); }

int fuzz_fdatasync(int fd)
{
	struct io_uring_sqe sqe = { .opcode = IORING_OP_FSYNC, .fd = fd };

	return call(&sqe);
}

int fuzz_fallocate(int fd, int mode, off_t at, off_t len)
{
	struct io_uring_sqe sqe = { .opcode = IORING_OP_FALLOCATE, .fd = fd, .off = (uint64_t)at, .addr = (uint64_t)len, .len = (uint32_t)mode };

	return call(&sqe) < 0 ? -1 : 0;
}

/* --- the guest's program --- */

static void start(uint8_t flags)
{
	const struct vq_setup s = {
		.mem = &table, .size = (uint16_t)(1u << (2 + flags % 5)), .desc = UADDR, .avail = UADDR + 0x1000,
		.used = UADDR + 0x2000, .event_idx = flags & 0x20, .indirect = flags & 0x40,
	};

	REQUIRE(!vq_start(&queue, &s), "vq_start");
}

static void stop(void)
{
	for (unsigned int i = 0; queue.inflight && i < 100000; i++) {
		if (!pending_n)
			break;
		complete(0, 7);
	}
	REQUIRE(!queue.inflight, "%u requests never complete", queue.inflight);
	vq_stop(&queue);
}

static void kick(void)
{
	for (int i = 0; i < 4; i++) {
		again = false;
		vq_pass(&queue);
		ops->queue_kick(NULL, &queue);
		if (!again)
			return;
	}
}

static uint64_t nice_address(uint8_t code)
{
	if (code < 0xf0)
		return GPA + 0x3000u + (uint64_t)code * 80;
	return code < 0xf8 ? (uint64_t)GPA + MEM_SIZE - (code & 7) * 16 : (uint64_t)-(code & 7);
}

static uint32_t nice_length(uint8_t code)
{
	static const uint32_t lens[] = { 16, 1, 512, 1024, 0, 4096, 15, 20, 32, 48, 513, 65536, 0xffffffff, 3, 511, 64 };

	return lens[code & 15];
}

static void put_desc(void)
{
	uint8_t where = byte(), addr = byte(), len = byte(), flags = byte(), next = byte();
	size_t at = where & 0x80 ? 0x3000u + (where & 0x7f) * 16 : (where & 0x3f) * 16;	/* indirect table or ring */
	uint64_t a = nice_address(addr);
	uint32_t l = nice_length(len);
	uint16_t f = flags & 7, n = next;

	if (flags & 0x80)
		l = word();
	/* Bounds are off by one at one place only: around the end of memory. */
	if (addr >= 0xf0 && addr < 0xf8)
		a = (uint64_t)GPA + MEM_SIZE - l + (addr & 7) - 3;
	memcpy(mem + at, &a, 8);
	memcpy(mem + at + 8, &l, 4);
	memcpy(mem + at + 12, &f, 2);
	memcpy(mem + at + 14, &n, 2);
}

static void put_header(void)
{
	static const uint32_t types[] = { 0, 1, 4, 8, 11, 13, 2, 77 };
	uint8_t addr = byte(), type = byte(), sector = byte();
	uint64_t at = nice_address(addr) - GPA, s = sector < 0xf0 ? sector : ~0ull >> (sector & 15);

	if (at > MEM_SIZE - 32)
		return;
	memcpy(mem + at, &types[type & 7], 4);
	memcpy(mem + at + 8, &s, 8);
	memcpy(mem + at + 16, &s, 8);		/* and a range behind it, for discard */
	mem[at + 24] = type >> 3;
}

/* A request as a driver makes it, in an indirect table, of many segments: what a list of single descriptors seldom becomes. */
static void put_request(void)
{
	uint8_t kind = byte(), n = byte() % 250 + 1, sector = byte(), len = byte();
	struct vq_desc *t = (struct vq_desc *)(mem + 0x4000), *head = (struct vq_desc *)mem;
	uint32_t type = kind & 1;

	memcpy(mem + 0x3000, &type, sizeof(type));
	memset(mem + 0x3004, 0, 12);
	mem[0x3008] = sector;
	t[0] = (struct vq_desc){ GPA + 0x3000, 16, 1, 1 };
	for (uint16_t i = 1; i <= n; i++)
		t[i] = (struct vq_desc){ GPA + 0x5000 + (i & 15u) * 512, kind & 2 ? nice_length(len) : 512, (uint16_t)(type ? 1 : 3), (uint16_t)(i + 1) };
	t[n + 1] = (struct vq_desc){ GPA + 0x3020, 1, 2, 0 };
	head[kind >> 4] = (struct vq_desc){ GPA + 0x4000, (uint32_t)(n + 2) * 16, 4, 0 };
}

static void push(void)
{
	uint16_t *avail = (uint16_t *)(mem + 0x1000), head = byte();

	avail[2 + avail[1] % queue.size] = head;
	avail[1]++;
}

static void plan_change(void)
{
	plan.countdown = 1 + byte() % 32;
	plan.here = byte() & 1;
	plan.off = word();
	for (unsigned int i = 0; i < 4; i++)
		plan.bytes[i] = byte();
}

static void poke(void)
{
	uint16_t off = word() % MEM_SIZE;

	mem[off] = byte();
}

static void step(uint8_t flags)
{
	switch (byte() % 11) {
	case 0: case 1: put_desc(); break;
	case 2: put_header(); break;
	case 3: case 4: push(); break;
	case 5: kick(); break;
	case 6: complete(byte(), byte()); break;
	case 7: plan_change(); break;
	case 8: poke(); break;
	case 10: put_request(); break;
	case 9:
		stop();
		memset(mem + 0x1000, 0, 0x2000);
		start(flags);
		break;
	}
}

static void device(uint8_t flags)
{
	blk->image = (struct blk_image){
		.fd = 4, .capacity = CAPACITY, .read_only = flags & 1, .direct = flags & 2, .can_discard = !(flags & 4),
		.mem_align = 512, .off_align = 512, .range_align = flags & 0x20 ? 4096 : 1, .block_size = 512, .physical = 4096,
	};
	if (flags & 0x10)
		blk->image.mem_align = blk->image.off_align = 4096;
	if (!blk->image.direct)
		blk->image.off_align = 1;
	/* What the input can't reach is made once: ASan makes big blocks slow. */
	if (!blk->req) {
		blk->req = calloc(MAX_QUEUE, sizeof(*blk->req));
		for (; blk->bounces < BLK_BOUNCES; blk->bounces++)
			blk->bounce_free[blk->bounces] = malloc(BLK_BOUNCE_SIZE);
	}
	for (unsigned int i = 0; i < MAX_QUEUE; i++)
		blk->req[i].op.pending = false;
	blk->starved = blk->waits_alone = 0;
	blk->write_through = flags & 8;
	sync_engine = flags & 0x40;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t flags, device_flags;

	if (!ops)
		lguest_block_main(0, NULL);
	in = data;
	left = size;
	flags = byte();
	device_flags = byte();
	mem = calloc(1, MEM_SIZE);
	table = (struct gmem){ 0 };
	gmem_add(&table, &(struct gmem_region){ .gpa = GPA, .size = MEM_SIZE, .uaddr = UADDR, .host = mem });
	memset(&queue, 0, sizeof(queue));
	memset(&plan, 0, sizeof(plan));
	pending_n = 0;
	device(device_flags);
	start(flags);
	for (int i = 0; i < MAX_OPS && left; i++)
		step(flags);
	kick();
	stop();
	REQUIRE(blk->bounces == BLK_BOUNCES, "%u bounce buffers are lost", BLK_BOUNCES - blk->bounces);
	REQUIRE(!blk->writers && !blk->exclusive, "%u writers are lost", blk->writers);
	free(mem);
	return 0;
}
