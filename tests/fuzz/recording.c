// SPDX-License-Identifier: GPL-2.0
/*
 * recording.c: a recording (docs/recording.md) without its head, from anywhere: the reader, and behind it the back end's session and rings,
 * which get the recorded messages, memory and kicks. `lguest-replay --corpus` makes inputs of real ones.
 *
 * Besides ASan and UBSan: the reader ends, hands out nothing longer than it says, and refuses with a sentence; what it took is printed as one
 * line and written as the same bytes; no descriptor leaks.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ipc/vhost_user_backend.h"
#include "record/recording.h"

#define FUZZ_NAME "recording"
#include "tests/fuzz/input.h"
#define OFFERED (1ull << 32 | 1ull << 29 | 1ull << 28 | VU_F_PROTOCOL_FEATURES | 0xffff)
#define PROTOCOL (VU_P_MQ | VU_P_REPLY_ACK | VU_P_BACKEND_REQ | VU_P_CONFIG | VU_P_INFLIGHT_SHMFD | VU_P_RESET_DEVICE | \
		  VU_P_CONFIGURE_MEM_SLOTS | VU_P_STATUS)
#define FILE_MAX (4u << 20)
#define RECORDS 200

static struct vu_session s;
static unsigned int open_fds;

void gmem_fetch_hook(const void *p, size_t len)
{
	(void)p;
	(void)len;
}

static ssize_t none(void *ctx, int fd, struct msghdr *m) { (void)ctx; (void)fd; (void)m; return -EAGAIN; }

static ssize_t sent(void *ctx, int fd, const struct msghdr *m)
{
	ssize_t n = 0;

	(void)ctx;
	(void)fd;
	for (size_t i = 0; i < m->msg_iovlen; i++)
		n += (ssize_t)m->msg_iov[i].iov_len;
	return n;
}

static void closed(void *ctx, int fd)
{
	(void)ctx;
	REQUIRE(!close(fd), "descriptor %d closed twice", fd);
	open_fds--;
}

static const struct vu_io io = { none, sent, closed };

static void nop(struct vu_session *x, struct vu_vring *v) { (void)x; (void)v; }
static void nops(struct vu_session *x) { (void)x; }
static void features(struct vu_session *x, uint64_t f) { (void)x; (void)f; }
static void get_config(struct vu_session *x, uint8_t *cfg) { (void)x; memset(cfg, 0x33, 60); }
static int set_config(struct vu_session *x, uint32_t off, const uint8_t *d, uint32_t n) { (void)x; (void)off; (void)d; (void)n; return 0; }

static bool byte_at(struct vu_session *x, int fd, uint64_t off)
{
	uint8_t b;

	(void)x;
	return pread(fd, &b, 1, (off_t)off) == 1;
}

/* What a device would do: take all there is, and give it back. */
static void pass(struct vq *q)
{
	struct iovec seg[64];
	struct vq_chain c = { .seg = seg, .seg_max = 64 };
	uint8_t header[16];

	vq_pass(q);
	while (vq_pop(q, &c) > 0) {
		vq_copy_out(&c, 0, header, sizeof(header));
		vq_push(q, c.head, (uint32_t)vq_copy_in(&c, 0, header, sizeof(header)));
	}
	vq_publish(q);
	vq_want_kicks(q);
}

static void started(struct vu_session *x, struct vu_vring *v)
{
	(void)x;
	pass(&v->vq);
}

static const struct vu_session_ops ops = {
	.start = started, .stop = nop, .wake = nop, .kick_changed = nop, .call_changed = nop, .quiesce = nops, .resume = nops,
	.features = features, .get_config = get_config, .set_config = set_config, .reset = nops, .byte_at = byte_at,
};

/* Sparse files of the recorded size; larger ones than a fuzzer can have are small. */
static int make_fd(uint8_t kind, uint64_t size)
{
	int fd = kind == REC_FD_MEMORY ? memfd_create("m", 0) : eventfd(0, EFD_NONBLOCK);

	REQUIRE(fd >= 0, "descriptor");
	if (kind == REC_FD_MEMORY && ftruncate(fd, (off_t)(size > FILE_MAX ? FILE_MAX : size)))
		abort();
	open_fds++;
	return fd;
}

static void message(const struct rec *r)
{
	struct vu_msg m = { .request = r->msg.request, .flags = r->msg.flags & ~VU_REPLY, .size = r->msg.size };

	REQUIRE(m.size <= sizeof(m.u), "a message of %u bytes", m.size);
	memcpy(m.u.bytes, r->msg.payload, m.size);
	for (unsigned int i = 0; i < VU_MAX_FDS; i++)
		REQUIRE(r->msg.fd[i] <= REC_FD_OTHER && (r->msg.fd[i] != REC_FD_MEMORY || r->msg.fd_size[i] <= REC_MEMORY_MAX),
			"descriptor %u of kind %u", i, r->msg.fd[i]);
	for (unsigned int i = 0; i < VU_MAX_FDS && r->msg.fd[i]; i++)
		m.fd[m.nfds++] = make_fd(r->msg.fd[i], r->msg.fd_size[i]);
	vu_session_handle(&s, &m);
}

static void play(const struct rec *r)
{
	struct vu_vring *v = &s.vring[r->head.queue % 4];
	void *p;

	switch (r->head.kind) {
	case REC_MESSAGE:
		message(r);
		break;
	case REC_MEMORY:
		p = gmem_at(&s.mem, r->gpa, r->n);
		if (p)
			memcpy(p, r->bytes, r->n);
		break;
	case REC_KICK:
		if (vu_session_enabled(&s, v))
			pass(&v->vq);
		break;
	default:
		break;
	}
}

/* What is handed out is what stands there: all of it, behind what was taken from its front. */
static void same(const struct rec *r, const uint8_t *from)
{
	switch (r->head.kind) {
	case REC_MEMORY:
	case REC_WROTE:
		REQUIRE(r->n && r->n + 8ull == r->head.len && !memcmp(&r->gpa, from, 8) && !memcmp(r->bytes, from + 8, r->n), "%u bytes of memory", r->n);
		break;
	case REC_USED:
		REQUIRE(r->n * 8ull + 2 == r->head.len && !memcmp(&r->idx, from, 2) && !memcmp(r->bytes, from + 2, r->n * 8), "%u used entries", r->n);
		break;
	case REC_MESSAGE:
	case REC_REPLY:
		REQUIRE(r->head.len == sizeof(r->msg) && !memcmp(&r->msg, from, sizeof(r->msg)), "another message");
		break;
	default:
		REQUIRE(!r->head.len, "%u bytes in a record of kind %u", r->head.len, r->head.kind);
	}
}

/* Each record again, as lguest-replay --print and lguest-record do it: a line, and the bytes that it was read from. */
static void again(const struct rec *r, const struct rec_reader *reader)
{
	static char line[512], copy[sizeof(struct rec_head) + REC_BYTES_MAX + 16];
	static FILE *text, *file;
	const uint8_t *from = reader->data + reader->at - r->head.len;
	size_t half = r->head.len / 2;
	struct rec_head head;
	long n;

	same(r, from);
	if (!text) {
		text = fmemopen(line, sizeof(line), "w");
		file = fmemopen(copy, sizeof(copy), "wb");
	}
	rewind(text);
	rec_print(text, reader->number, r);
	fflush(text);
	n = ftell(text);
	REQUIRE(n > 0 && n < (long)sizeof(line) && memchr(line, '\n', (size_t)n) == line + n - 1, "a record in other than one line");
	rewind(file);
	REQUIRE(!rec_put(file, r->head.kind, r->head.queue, r->head.ns, from, half, from + half, r->head.len - half), "a record cannot be written");
	fflush(file);
	memcpy(&head, copy, sizeof(head));
	REQUIRE(head.len == r->head.len && head.kind == r->head.kind && head.queue == r->head.queue && head.ns == r->head.ns &&
		!memcmp(copy + sizeof(head), from, head.len), "a record is written as another");
}

/* A head that is not one of ours, or less than one, is refused with a sentence. */
static void heads(const uint8_t *data, size_t size)
{
	struct rec_reader reader;
	struct rec_file f = { .magic = REC_MAGIC, .version = size ? data[0] : 0, .record_size = size > 1 ? data[1] : 0 };
	bool ours = f.version == REC_VERSION && f.record_size == sizeof(struct rec_head);
	uint8_t *some = malloc(sizeof(f));

	memcpy(some, &f, sizeof(f));
	REQUIRE(!rec_begin(&reader, some, sizeof(f)) == ours && (ours || *reader.why), "a head of version %u", f.version);
	some[7] ^= 1;
	REQUIRE(rec_begin(&reader, some, sizeof(f)) && *reader.why, "a foreign head is taken");
	free(some);
	some = malloc(size % sizeof(f) + 1);
	memset(some, 0, size % sizeof(f) + 1);
	REQUIRE(rec_begin(&reader, some, size % sizeof(f)) && *reader.why, "half a head is taken");
	free(some);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct rec r;
	static int inflight = -1;
	const struct rec_file head = { .magic = REC_MAGIC, .version = REC_VERSION, .record_size = sizeof(struct rec_head) };
	struct rec_reader reader;
	uint8_t *all = malloc(sizeof(head) + size);
	int n, got = 0;

	if (inflight < 0) {
		inflight = memfd_create("inflight", 0);
		REQUIRE(!ftruncate(inflight, 65536), "inflight");
	}
	memcpy(all, &head, sizeof(head));
	memcpy(all + sizeof(head), data, size);
	open_fds = 0;
	s = (struct vu_session){ .ops = &ops, .offer = OFFERED, .offer_protocol = PROTOCOL, .queues = 4, .queue_unit = 1, .queue_size = 256,
				 .config_size = 60, .inflight_fd = inflight, .inflight_size = 65536 };
	vu_session_open(&s, 9999, &io);
	s.protocol = PROTOCOL;
	REQUIRE(!rec_begin(&reader, all, sizeof(head) + size), "a good head is refused");
	while (got++ < RECORDS && (n = rec_next(&reader, &r)) > 0) {
		again(&r, &reader);
		play(&r);
	}
	REQUIRE(n >= 0 || *reader.why, "a refusal without a sentence");
	REQUIRE(n || reader.at == reader.size, "%zu bytes behind the end", reader.size - reader.at);
	vu_session_close(&s);
	REQUIRE(!open_fds, "%u descriptors leak", open_fds);
	free(all);
	heads(data, size);
	return 0;
}
