// SPDX-License-Identifier: GPL-2.0
/*L:961
 * record.c: lguest-record, which stands between a front end and a back end and writes down what the back end receives (recording.h).
 *
 *	lguest-record --socket-path=PATH --backend=PATH --record=DIR [--max=MiB]
 *	lguest-record --fd=N --backend-fd=N --record-fd=N		as lguest-run --record starts it
 *
 * The back end is any vhost-user program, sealed as always: it gains no descriptor and no right. It gets memory of our own in place of the
 * guest's, and eventfds of ours. What the guest changes is copied there when it kicks, or a moment later, and written down; what the back
 * end changes is copied to the guest. A ring's index goes last in both directions, by itself, and no further than it was before the rest
 * was copied: either end may poll it. So the back end has read nothing that the recording does not have, and nobody an entry too early.
 *
 * It believes neither end: addresses go through the table of regions, indexes are masked, each copy reads the guest's memory once.
 * It may map what the front end sends and write DIR/recording, up to --max: it is sealed (manifest.c) before it reads a byte of either.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio_ext.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "ipc/virtqueue.h"
#include "ipc/virtqueue_ring.h"
#include "policy/policy.h"
#include "record/inflight.h"
#include "record/recording.h"
#include "run/folder.h"
#include "run/text.h"
#include "version.h"

#define QUEUES VU_MAX_QUEUES
#define REGIONS 8u
#define CHUNK 4096u
#define GAP 32u		/* equal bytes that do not end a run of changed ones */
#define MAX_MIB (1u << 20)
#define PARKED_FD 64
#define TICK_NS 2000000u	/* a driver need not kick, a device need not call: look all the same */

POLICY_DECLARE(record);

/* A region: the guest's memory, what the back end sees of it, and what both agreed on last. */
struct region {
	uint64_t gpa, size, uaddr;
	uint8_t *guest, *own, *agreed;
	void *map;
	size_t map_len;
	int own_fd;
};

struct queue {
	uint16_t num;
	uint64_t desc, avail, used;
	bool known, started, on;	/* it has a place; its kick descriptor came, so that the back end works on it; and we know what is in flight */
	int guest_kick, own_kick;	/* the front end's, and what the back end waits for */
	int guest_call, own_call;
	uint16_t base, kicked, seen, taken;
};

static struct region region[REGIONS];
static unsigned int regions;
static struct queue queue[QUEUES];
static struct vu_chan front, back;
static FILE *out;
static uint64_t began, written, flushed, max = 256ull << 20;	/* bytes of records: put, and in the file for sure */
static bool full;

static void say(const char *what, const char *object, int err)
{
	fprintf(stderr, "lguest-record: %s %s: %s\n", what, object, strerror(err));
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* No room on its disk: what went half into the file, or is still to go, is taken away, so that what is there stays a recording. */
static void out_of_space(int err)
{
	full = true;
	__fpurge(out);
	fprintf(stderr, "lguest-record: the recording ends here: %s\n", strerror(err));
	if (ftruncate(POLICY_FD_RESOURCE, (off_t)(sizeof(struct rec_file) + flushed)))
		say("cannot take the unfinished record off", "the recording", errno);
}

static void flush(void)
{
	if (full)
		return;
	if (fflush(out))
		out_of_space(errno);
	else
		flushed = written;
}

/* The guest goes on when the recording does not. */
static void put(uint8_t kind, uint16_t q, const void *a, size_t a_len, const void *b, size_t b_len)
{
	if (full)
		return;
	if (sizeof(struct rec_head) + a_len + b_len > max - written) {
		fprintf(stderr, "lguest-record: the recording ends here: it has the size that it may have (--max; of lguest-run --record-max)\n");
		flush();
		full = true;
		return;
	}
	written += sizeof(struct rec_head) + a_len + b_len;
	if (rec_put(out, kind, q, now() - began, a, a_len, b, b_len))
		out_of_space(errno);
}

/* A word of a region: a ring's index. */
struct place {
	struct region *r;
	size_t off;
};

/* The used or the available index of a ring. Return: false when there is none, or none that can be read at once. */
static bool index_of(const struct queue *q, bool used, struct place *at)
{
	uint64_t uaddr = (used ? q->used : q->avail) + 2;

	for (unsigned int i = 0; q->known && q->num && i < regions; i++) {
		struct region *r = &region[i];

		*at = (struct place){ r, uaddr - r->uaddr };
		if (at->off < r->size && r->size - at->off >= 2)
			return !(at->off % 2) && !((uintptr_t)r->own % 2);
	}
	return false;
}

static uint16_t *word_at(uint8_t *memory, size_t off)
{
	return (uint16_t *)(void *)(memory + off);
}

/* What is in @copy of indexes becomes what both ends have: publish_index() is to move them. */
static void leave_indexes(const struct region *r, size_t off, size_t len, uint8_t *copy, bool used)
{
	struct place at;

	for (unsigned int i = 0; i < QUEUES; i++)
		if (index_of(&queue[i], used, &at) && at.r == r && at.off >= off && at.off - off < len)
			memcpy(copy + (at.off - off), r->agreed + at.off, 2);
}

/* Copy what changed in a chunk from @from to @to, but for ring indexes. */
static void copy_chunk(struct region *r, size_t off, size_t len, const uint8_t *from, uint8_t *to, uint8_t kind)
{
	uint8_t copy[CHUNK];
	size_t i = 0, end;
	uint64_t gpa;

	if (!memcmp(from + off, r->agreed + off, len))
		return;		/* nearly always: nothing is there to be copied */
	memcpy(copy, from + off, len);	/* the one read of what is */
	leave_indexes(r, off, len, copy, kind == REC_WROTE);
	if (!memcmp(copy, r->agreed + off, len))
		return;
	while (i < len) {
		if (copy[i] == r->agreed[off + i]) {
			i++;
			continue;
		}
		end = i + 1;
		for (size_t k = end; k < len && k < end + GAP; k++)
			if (copy[k] != r->agreed[off + k])
				end = k + 1;
		for (size_t k = i; k < end; k++)
			if (copy[k] != r->agreed[off + k])
				to[off + k] = copy[k];
		memcpy(r->agreed + off + i, copy + i, end - i);
		gpa = r->gpa + off + i;
		put(kind, 0, &gpa, 8, copy + i, end - i);
		i = end;
	}
}

static void copy_all(bool from_guest)
{
	for (unsigned int i = 0; i < regions; i++) {
		struct region *r = &region[i];

		for (size_t off = 0; off < r->size; off += CHUNK)
			copy_chunk(r, off, r->size - off < CHUNK ? r->size - off : CHUNK, from_guest ? r->guest : r->own, from_guest ? r->own : r->guest,
				   from_guest ? REC_MEMORY : REC_WROTE);
	}
}

/* Whoever gave it may read it without an end, or have filled it: then he needs no more, and we do not wait. */
static void signal_fd(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	uint64_t one = 1;

	if (fd < 0 || poll(&p, 1, 0) != 1 || !(p.revents & POLLOUT))
		return;
	if (write(fd, &one, sizeof(one)) < 0)
		return;	/* full: it will wake up all the same */
}

/* The indexes of all rings as one end has them now; those of rings that there are not are not touched. */
static void read_indexes(bool used, uint16_t *index)
{
	struct place at;

	for (unsigned int i = 0; i < QUEUES; i++)
		if (index_of(&queue[i], used, &at))
			index[i] = __atomic_load_n(word_at(used ? at.r->own : at.r->guest, at.off), __ATOMIC_ACQUIRE);
}

static void publish_index(const struct queue *q, bool used, uint16_t index)
{
	struct place at;
	uint64_t gpa;

	if (!index_of(q, used, &at) || !memcmp(at.r->agreed + at.off, &index, 2))
		return;
	memcpy(at.r->agreed + at.off, &index, 2);
	gpa = at.r->gpa + at.off;
	put(used ? REC_WROTE : REC_MEMORY, 0, &gpa, 8, &index, 2);
	__atomic_store_n(word_at(used ? at.r->guest : at.r->own, at.off), index, __ATOMIC_RELEASE);
}

/* Bytes of a ring as both ends have them, behind its index. NULL: they are not all in its region. */
static const uint8_t *ring_at(const struct queue *q, bool used, size_t len)
{
	struct place at;

	if (!index_of(q, used, &at) || at.r->size - at.off - 2 < len)
		return NULL;
	return at.r->agreed + at.off + 2;
}

/* What the back end is about to see is in flight: it may be done before we look again. */
static void mark_taken(unsigned int i, struct queue *q, uint16_t index)
{
	struct vq_inflight *l = q->on ? inflight_of(i, q->num) : NULL;
	const uint8_t *ring = l ? ring_at(q, false, 2 * (size_t)q->num) : NULL;
	uint16_t head;

	if (ring && (uint16_t)(index - q->taken) <= q->num) {
		for (; q->taken != index; q->taken++) {
			memcpy(&head, ring + 2 * (size_t)(q->taken & (q->num - 1)), 2);
			inflight_take(l, q->num, head);
		}
	}
	q->taken = index;
}

/* What an index that is not published yet says may be copied too: the next look is for it. */
static void guest_to_back(void)
{
	uint16_t index[QUEUES];
	struct place at;

	read_indexes(false, index);
	copy_all(true);
	for (unsigned int i = 0; i < QUEUES; i++) {
		struct queue *q = &queue[i];

		if (!index_of(q, false, &at))
			continue;
		mark_taken(i, q, index[i]);
		publish_index(q, false, index[i]);
		if (index[i] == q->kicked || q->own_kick < 0)
			continue;
		q->kicked = index[i];
		put(REC_KICK, (uint16_t)i, NULL, 0, NULL, 0);
		signal_fd(q->own_kick);
	}
}

/* The entries that @index adds, as the guest has them. Return: how many. */
static uint16_t used_entries(const struct queue *q, uint16_t index, struct vq_used_elem *e)
{
	uint16_t n = (uint16_t)(index - q->seen);
	const uint8_t *ring = ring_at(q, true, 8 * (size_t)q->num);

	if (!ring || n > q->num)
		return 0;
	for (uint16_t k = 0; k < n; k++)
		memcpy(&e[k], ring + 8 * (size_t)((q->seen + k) & (q->num - 1)), 8);
	return n;
}

/* The guest's record and its ring change in the order that the record's own rules have (log_settle() of ipc/virtqueue.c): either end may die anywhere. */
static void complete(unsigned int i, struct queue *q, uint16_t index)
{
	struct vq_inflight *l = q->on ? inflight_of(i, q->num) : NULL;
	struct vq_used_elem e[VQ_MAX_SIZE];
	uint16_t n = used_entries(q, index, e);

	if (l)
		inflight_stage(l, q->num, e, n);
	publish_index(q, true, index);
	if (l)
		inflight_commit(l, q->num, e, n, index);
	put(REC_USED, (uint16_t)i, &index, 2, e, n * sizeof(e[0]));
	q->seen = index;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	signal_fd(q->guest_call);
}

static void back_to_guest(void)
{
	uint16_t index[QUEUES];
	struct place at;

	read_indexes(true, index);
	copy_all(false);
	for (unsigned int i = 0; i < QUEUES; i++) {
		if (!index_of(&queue[i], true, &at))
			continue;
		if (index[i] == queue[i].seen)
			publish_index(&queue[i], true, index[i]);
		else
			complete(i, &queue[i], index[i]);
	}
}

/* --- messages --- */

/* By what it is sent for: there is no /proc to look at. Whatever a kick is, the back end gets an eventfd. */
static uint8_t kind_of(const struct vu_msg *m, int fd, uint64_t *size)
{
	struct stat st;

	*size = 0;
	if (m->request == VU_SET_VRING_KICK || m->request == VU_SET_VRING_CALL || m->request == VU_SET_VRING_ERR)
		return REC_FD_EVENT;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		return REC_FD_OTHER;
	*size = (uint64_t)st.st_size;
	return REC_FD_MEMORY;
}

static void put_message(uint8_t kind, const struct vu_msg *m)
{
	struct rec_message r = { .request = m->request, .flags = m->flags, .size = m->size };

	for (unsigned int i = 0; i < m->nfds; i++)
		r.fd[i] = kind_of(m, m->fd[i], &r.fd_size[i]);
	memcpy(r.payload, m->u.bytes, m->size);
	put(kind, 0, &r, sizeof(r), NULL, 0);
}

/* Zeros. A sealed process may map files only. */
static uint8_t *scratch(size_t size)
{
	int fd = memfd_create("agreed", MFD_CLOEXEC);
	void *p = fd < 0 || ftruncate(fd, (off_t)size) ? MAP_FAILED : mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (fd >= 0)
		close(fd);
	return p == MAP_FAILED ? NULL : p;
}

static int add_region(const struct vu_region *r, int *fd)
{
	struct region *n = &region[regions];
	uint64_t lead = r->offset % CHUNK, end;
	struct stat st;

	if (regions == REGIONS || !r->size || r->size > REC_MEMORY_MAX || __builtin_add_overflow(r->offset, r->size, &end) || fstat(*fd, &st) ||
	    end > (uint64_t)st.st_size || end > REC_MEMORY_MAX) {
		fprintf(stderr, "lguest-record: a region of %llu bytes cannot be recorded: up to %u that end within the first GiB of their files can be\n",
			(unsigned long long)r->size, REGIONS);
		return -EINVAL;
	}
	*n = (struct region){ .gpa = r->gpa, .size = r->size, .uaddr = r->uaddr, .map_len = (size_t)(lead + r->size) };
	n->map = mmap(NULL, n->map_len, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, (off_t)(r->offset - lead));
	n->own_fd = memfd_create("recorded", MFD_CLOEXEC);
	if (n->map == MAP_FAILED || n->own_fd < 0 || ftruncate(n->own_fd, (off_t)end))
		return -ENOMEM;
	n->guest = (uint8_t *)n->map + lead;
	n->own = mmap(NULL, n->map_len, PROT_READ | PROT_WRITE, MAP_SHARED, n->own_fd, (off_t)(r->offset - lead));
	n->agreed = scratch(r->size);
	if (n->own == MAP_FAILED || !n->agreed)
		return -ENOMEM;
	n->own += lead;
	close(*fd);
	*fd = fcntl(n->own_fd, F_DUPFD_CLOEXEC, 0);
	regions++;
	return 0;
}

static void forget_region(unsigned int i)
{
	munmap(region[i].map, region[i].map_len);
	munmap(region[i].own - (region[i].guest - (uint8_t *)region[i].map), region[i].map_len);
	munmap(region[i].agreed, region[i].size);
	close(region[i].own_fd);
	region[i] = region[--regions];
}

static void replace(int *kept, int fd)
{
	if (*kept >= 0)
		close(*kept);
	*kept = fd;
}

/* The front end's eventfd stays here, ours goes on. */
static int swap_eventfd(struct vu_msg *m, int *guest, int *own)
{
	replace(guest, -1);
	replace(own, -1);
	if (!m->nfds)
		return 0;
	*guest = m->fd[0];
	*own = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	m->fd[0] = fcntl(*own, F_DUPFD_CLOEXEC, 0);
	return m->fd[0] < 0 ? -errno : 0;
}

static int memory_message(struct vu_msg *m)
{
	int err = 0;

	switch (m->request) {
	case VU_SET_MEM_TABLE:
		if (m->u.table.n > VU_MEM_TABLE_MAX || m->nfds != m->u.table.n)
			return 0;
		while (regions)
			forget_region(0);
		for (unsigned int i = 0; i < m->nfds && !err; i++)
			err = add_region(&m->u.table.r[i], &m->fd[i]);
		return err;
	case VU_ADD_MEM_REG:
		return m->nfds == 1 ? add_region(&m->u.reg.r, &m->fd[0]) : 0;
	case VU_REM_MEM_REG:
		for (unsigned int i = 0; i < regions; i++)
			if (region[i].gpa == m->u.reg.r.gpa && region[i].size == m->u.reg.r.size)
				forget_region(i--);
		return 0;
	default:
		return 0;
	}
}

/* A queue that has all it needs begins: what is in flight already must be known before the back end works on it. */
static void begin(unsigned int i)
{
	struct queue *q = &queue[i];
	struct place used, avail;

	if (q->on || !q->started || !index_of(q, true, &used) || !index_of(q, false, &avail))
		return;
	q->seen = *word_at(used.r->guest, used.off);
	q->taken = inflight_begin(i, q->num, q->base, q->seen);
	q->on = true;
	mark_taken(i, q, *word_at(avail.r->agreed, avail.off));
}

static int ring_message(struct vu_msg *m)
{
	unsigned int i = m->u.state.index % QUEUES;	/* a wrong one is the back end's to refuse */
	struct queue *q = &queue[i];
	int err = 0;

	switch (m->request) {
	case VU_SET_VRING_NUM:
		q->num = (uint16_t)(m->u.state.num & (m->u.state.num - 1) || m->u.state.num > VQ_MAX_SIZE ? 0 : m->u.state.num);
		break;
	case VU_SET_VRING_BASE:
		q->base = q->kicked = (uint16_t)m->u.state.num;
		break;
	case VU_SET_VRING_ADDR:
		q->desc = m->u.addr.desc;
		q->avail = m->u.addr.avail;
		q->used = m->u.addr.used;
		q->known = true;
		break;
	case VU_SET_VRING_KICK:
		i = (m->u.u64 & VU_RING_INDEX) % QUEUES;
		err = swap_eventfd(m, &queue[i].guest_kick, &queue[i].own_kick);
		queue[i].started = true;
		break;
	case VU_SET_VRING_CALL:
		i = (m->u.u64 & VU_RING_INDEX) % QUEUES;
		err = swap_eventfd(m, &queue[i].guest_call, &queue[i].own_call);
		break;
	}
	if (!err)
		begin(i);
	return err;
}

/* What we must know of a message before it goes on. Return: 0 or -errno, the connection ends then. */
static int note(struct vu_msg *m)
{
	switch (m->request) {
	case VU_SET_VRING_NUM:
	case VU_SET_VRING_BASE:
	case VU_SET_VRING_ADDR:
	case VU_SET_VRING_KICK:
	case VU_SET_VRING_CALL:
		return ring_message(m);
	case VU_SET_INFLIGHT_FD:
		return inflight_given(m);
	case VU_RESET_DEVICE:
		for (unsigned int i = 0; i < QUEUES; i++)
			queue[i].on = queue[i].started = false;
		return 0;
	default:
		return memory_message(m);
	}
}

/* Whose end of the connection failed, for the last record. */
enum { FRONT, BACK };
static uint16_t gone = FRONT;

static int to_back(struct vu_msg *m)
{
	int r = vu_send(&back, m);

	if (r)
		gone = BACK;
	return r;
}

/* Does a back end look at memory at all? */
static bool working(void)
{
	for (unsigned int i = 0; i < QUEUES; i++)
		if (queue[i].started)
			return true;
	return false;
}

static int from_front(void)
{
	struct vu_msg m;
	int r;

	while ((r = vu_recv(&front, &m)) > 0) {
		if (m.request == VU_SET_VRING_KICK || m.request == VU_GET_VRING_BASE)
			guest_to_back();	/* a queue begins with what its guest has, and ends so */
		r = note(&m);
		if (!r) {
			put_message(REC_MESSAGE, &m);
			r = to_back(&m);
		}
		if (m.request == VU_SET_MEM_TABLE || m.request == VU_ADD_MEM_REG)
			copy_all(true);
		vu_close_fds(&front, &m);
		if (r)
			return r;
	}
	return r;
}

/* What the answers of the back end tell us. Return: 0 or -errno. */
static int note_answer(struct vu_msg *m)
{
	unsigned int i = m->u.state.index % QUEUES;

	switch (m->request) {
	case VU_GET_VRING_BASE:
		inflight_end(i, queue[i].on ? queue[i].num : 0);
		queue[i].known = queue[i].on = queue[i].started = false;
		return 0;
	case VU_GET_INFLIGHT_FD:
		return inflight_asked(m);
	default:
		return 0;
	}
}

static int from_back(void)
{
	struct vu_msg m;
	int r;

	while ((r = vu_recv(&back, &m)) > 0) {
		if (m.request == VU_GET_VRING_BASE)
			back_to_guest();	/* a queue that has stopped has nothing in flight */
		r = note_answer(&m);
		if (!r) {
			put_message(REC_REPLY, &m);
			r = vu_send(&front, &m);
		}
		vu_close_fds(&back, &m);
		if (r)
			return r;
	}
	if (r)
		gone = BACK;
	return r;
}

/* It may be no eventfd, or somebody else may read it too: it is asked without waiting. Return: false when it cannot be. */
static bool drain(int fd)
{
	uint64_t count;
	struct iovec v = { &count, sizeof(count) };

	return preadv2(fd, &v, 1, -1, RWF_NOWAIT) > 0 || errno == EAGAIN || errno == EINTR;
}

/* What cannot be read is waited for no more: the tick sees what it would have told. Return: did it tell something? */
static bool heard(int *fd, short events)
{
	if (*fd < 0 || !events)
		return false;
	if (!(events & POLLIN) || !drain(*fd))
		replace(fd, -1);
	return true;
}

/* Return: 1: somebody was woken, 0: messages, or the time is over, or -errno. */
static int wait_for_news(int ms)
{
	struct pollfd p[2 + 2 * QUEUES] = { { .fd = front.fd, .events = POLLIN }, { .fd = back.fd, .events = POLLIN } };
	bool news = false;

	for (unsigned int i = 0; i < QUEUES; i++) {
		p[2 + 2 * i] = (struct pollfd){ .fd = queue[i].guest_kick, .events = POLLIN };
		p[3 + 2 * i] = (struct pollfd){ .fd = queue[i].own_call, .events = POLLIN };
	}
	if (poll(p, 2 + 2 * QUEUES, ms) < 0)
		return errno == EINTR ? 0 : -errno;
	for (unsigned int i = 0; i < QUEUES; i++) {
		news |= heard(&queue[i].guest_kick, p[2 + 2 * i].revents);
		news |= heard(&queue[i].own_call, p[3 + 2 * i].revents);
	}
	return news;
}

/*
 * A look at all memory takes its time, on a slow host with a large window more than a front end waits for the answers of a start. So messages do not wait
 * for one, and between two that nobody asked for there is as much time as one took.
 */
static int turn(void)
{
	static uint64_t due;
	uint64_t took, began_at = now();
	int ms = !working() ? -1 : due > began_at ? (int)((due - began_at) / 1000000) + 1 : 0;
	int r = wait_for_news(ms);

	if (r < 0)
		return r;
	began_at = now();
	if (working() && (r || began_at >= due)) {
		guest_to_back();
		back_to_guest();
		took = now() - began_at;
		due = began_at + took + (took > TICK_NS ? took : TICK_NS);
	}
	r = from_front();
	if (!r)
		r = from_back();
	return r;
}

static int carry(void)
{
	int r = 0;

	while (!r) {
		r = turn();
		flush();
	}
	back_to_guest();	/* the back end may have completed something and died since we looked */
	put(REC_END, gone, NULL, 0, NULL, 0);
	return r;
}

/* --- start --- */

static int unix_socket(const char *path, bool listening)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), conn;

	if (strlen(path) >= sizeof(a.sun_path))
		return -ENAMETOOLONG;
	memcpy(a.sun_path, path, strlen(path) + 1);
	if (!listening)
		return connect(fd, (struct sockaddr *)&a, sizeof(a)) ? -errno : fd;
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 1))
		return -errno;
	conn = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	close(fd);
	unlink(path);
	return conn < 0 ? -errno : conn;
}

/**
 * struct command - what the command line said, and what was opened for it
 * @listen_at, @backend, @dir: started by hand
 * @front, @back, @file, @drain: started by lguest-run, which has opened all of it; -1: not said
 * @folder: of @dir
 */
struct command {
	const char *listen_at, *backend, *dir;
	int front, back, file, drain, folder;
	bool verbose;
	struct policy_options policy;
};

/* What recorded nothing leaves nothing: the next try would find a recording there. */
static int give_up(const struct command *c, const char *what, const char *object, int err)
{
	say(what, object, err);
	if (c->folder >= 0)
		unlinkat(c->folder, "recording", 0);
	return 1;
}

static bool set_max(const char *text)
{
	uint64_t mib;

	if (!text_number(text, MAX_MIB, &mib) || !mib) {
		fprintf(stderr, "lguest-record: --max=%s is not a number of MiB from 1 to %u\n", text, MAX_MIB);
		return false;
	}
	max = mib << 20;
	return true;
}

static int usage(FILE *to, int status)
{
	fputs("usage: lguest-record --socket-path=PATH --backend=PATH --record=DIR [OPTION...]\n"
	      "  --socket-path=PATH  listen there for one front end; --fd=N: the connected socket inherited as N\n"
	      "  --backend=PATH      where the back end listens; --backend-fd=N: likewise\n"
	      "  --record=DIR        make DIR/recording, which must not be there; --record-fd=N: write the empty file inherited as N\n"
	      "  --max=MiB           its size at most (256; up to 1048576); the guest goes on without it\n"
	      "  --drain-fd=N        pipe end inherited as N: it hangs up when this program is gone\n"
	      "  --require=WHAT      all, namespaces or none: layers of the sandbox without which it does not start (none)\n"
	      "  --user=UID          started by root: the user and group that it runs as, not one of its own\n"
	      "  --verbose           say which layers of the sandbox are on\n"
	      "  --print-policy      its sandbox: system calls, descriptors, limits\n"
	      "  --help, --version\n", to);
	return status;
}

/* Inherited descriptors may sit at numbers of our table (policy/fds.h): they are moved out of the way first. */
static bool inherited(int *fd)
{
	uint64_t n;

	if (text_number(optarg, INT32_MAX, &n))
		*fd = fcntl((int)n, F_DUPFD_CLOEXEC, PARKED_FD);
	if (*fd < 0)
		fprintf(stderr, "lguest-record: %s is not an open descriptor of this process\n", optarg);
	return *fd >= 0;
}

/* Return: 0: go on, or 1 + the exit status. */
static int one_option(struct command *c, int opt)
{
	uint64_t n;

	switch (opt) {
	case 's': c->listen_at = optarg; return 0;
	case 'b': c->backend = optarg; return 0;
	case 'r': c->dir = optarg; return 0;
	case 'S': return inherited(&c->front) ? 0 : 3;
	case 'B': return inherited(&c->back) ? 0 : 3;
	case 'R': return inherited(&c->file) ? 0 : 3;
	case 'D': return inherited(&c->drain) ? 0 : 3;
	case 'm': return set_max(optarg) ? 0 : 3;
	case 'V': c->verbose = true; return 0;
	case 'q': return policy_parse_require(optarg, &c->policy.require) ? 1 + usage(stderr, 2) : 0;
	case 'u':
		if (!text_number(optarg, INT32_MAX, &n) || !n)
			return 1 + usage(stderr, 2);
		c->policy.user = (uid_t)n;
		return 0;
	case 'p': return 1 + (policy_print(&policy_record, stdout) != 0);
	case 'v': return 1 + (puts("lguest-record " LGUEST_VERSION) < 0);
	case 'h': return 1 + usage(stdout, 0);
	default: return 1 + usage(stderr, 2);
	}
}

static int parse(struct command *c, int argc, char **argv)
{
	static const struct option options[] = {
		{ "socket-path", 1, NULL, 's' }, { "backend", 1, NULL, 'b' }, { "record", 1, NULL, 'r' }, { "max", 1, NULL, 'm' },
		{ "fd", 1, NULL, 'S' }, { "backend-fd", 1, NULL, 'B' }, { "record-fd", 1, NULL, 'R' }, { "drain-fd", 1, NULL, 'D' },
		{ "require", 1, NULL, 'q' }, { "user", 1, NULL, 'u' }, { "verbose", 0, NULL, 'V' }, { "print-policy", 0, NULL, 'p' },
		{ "help", 0, NULL, 'h' }, { "version", 0, NULL, 'v' }, { 0 }
	};
	int opt, r;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		r = one_option(c, opt);
		if (r)
			return r;
	}
	if (optind != argc || !c->listen_at == (c->front < 0) || !c->backend == (c->back < 0) || !c->dir == (c->file < 0))
		return 1 + usage(stderr, 2);
	return 0;
}

/* Return: 0, or the exit status after a sentence. First what can fail, the file and the back end; then the one front end is waited for. */
static int open_all(struct command *c)
{
	if (c->dir)
		c->file = folder_make_file(c->dir, "recording", &c->folder);
	if (c->file < 0) {
		say("cannot make a recording in", c->dir, -c->file);
		return 1;
	}
	if (c->backend)
		c->back = unix_socket(c->backend, false);
	if (c->back < 0)
		return give_up(c, "cannot reach the back end at", c->backend, -c->back);
	if (c->listen_at)
		c->front = unix_socket(c->listen_at, true);
	if (c->front < 0)
		return give_up(c, "cannot listen at", c->listen_at, -c->front);
	return 0;
}

/* All at its number, out of the way of the others' first. Return: 0 or -errno. */
static int place_all(const struct command *c)
{
	const struct { int fd, slot; } want[] = { { c->front, POLICY_FD_CONTROL }, { c->file, POLICY_FD_RESOURCE }, { c->back, POLICY_FD_RESOURCE_OUT },
						  { c->drain, POLICY_FD_DRAIN } };
	int high[4], err = 0;

	for (unsigned int i = 0; i < 4; i++) {
		high[i] = want[i].fd < 0 ? -1 : fcntl(want[i].fd, F_DUPFD_CLOEXEC, PARKED_FD);
		if (want[i].fd >= 0)
			close(want[i].fd);
	}
	for (unsigned int i = 0; i < 4 && err >= 0; i++)
		if (want[i].fd >= 0)
			err = policy_place_fd(high[i], want[i].slot);
	return err < 0 ? err : 0;
}

/* Return: 0 or the exit status, in the sandbox and sealed. */
static int enter(struct command *c)
{
	static char buffer[65536];
	const struct rec_file head = { .magic = REC_MAGIC, .version = REC_VERSION, .record_size = sizeof(struct rec_head) };
	unsigned int layers = 0;
	int err = place_all(c);

	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	out = err ? NULL : fdopen(POLICY_FD_RESOURCE, "w");
	if (!out || setvbuf(out, buffer, _IOFBF, sizeof(buffer)))
		return give_up(c, "cannot use", "its descriptors", err ? -err : errno);
	c->policy.file_size = max > REC_MEMORY_MAX ? max : REC_MEMORY_MAX;	/* memory is files too */
	policy_share_user(c->policy.user);
	err = policy_enter(&policy_record, &c->policy, &layers);
	if (!err && c->verbose)
		policy_report(&policy_record, layers, stderr);
	if (!err)
		err = policy_seal(&policy_record);
	if (err)
		return give_up(c, "cannot make", "its sandbox", -err);
	return fwrite(&head, sizeof(head), 1, out) == 1 && !fflush(out) ? 0 : give_up(c, "cannot write", "the recording", errno);
}

/*L:962
 * The order is the point. Whatever is opened, is opened by the first call; behind the second nothing more can be, and only then a byte of either end
 * is read: a front end or a back end that takes this program over has two connections, which it had, and a file to which it can write.
 */
int main(int argc, char **argv)
{
	struct command c = { .front = -1, .back = -1, .file = -1, .drain = -1, .folder = -1 };
	int r = parse(&c, argc, argv);

	if (r)
		return r - 1;
	r = open_all(&c);
	if (!r)
		r = enter(&c);
	if (r)
		return r;
	for (unsigned int i = 0; i < QUEUES; i++)
		queue[i].guest_kick = queue[i].own_kick = queue[i].guest_call = queue[i].own_call = -1;
	began = now();
	vu_chan_init(&front, POLICY_FD_CONTROL, &vu_io_plain, NULL);
	vu_chan_init(&back, POLICY_FD_RESOURCE_OUT, &vu_io_plain, NULL);
	r = carry();
	flush();
	if (r != -ECONNRESET && r != -EPIPE)
		fprintf(stderr, "lguest-record: the connection ended: %s\n", strerror(-r));
	return r == -ECONNRESET || r == -EPIPE ? 0 : 3;
}
