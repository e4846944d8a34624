// SPDX-License-Identifier: GPL-2.0
/*L:959
 * mirror.c: see mirror.h. It believes neither end: addresses go through the table of regions, indexes are masked, each copy reads the memory of
 * either once. It may map what the front end sends, and memory of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ipc/unmap.h"
#include "ipc/virtqueue.h"
#include "ipc/virtqueue_ring.h"
#include "record/inflight.h"
#include "record/mirror.h"
#include "record/out.h"
#include "record/recording.h"

#define REGIONS 8u
#define CHUNK 4096u
#define GAP 32u		/* equal bytes that do not end a run of changed ones */

/* A region: the guest's memory, what the back end sees of it, and what both agreed on last. */
struct region {
	uint64_t gpa, size, uaddr;
	uint8_t *guest, *own, *agreed;
	void *map;
	size_t map_len;
	int own_fd;
};

struct queue queue[QUEUES];
static struct region region[REGIONS];
static unsigned int regions;

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
		out_put(kind, 0, &gpa, 8, copy + i, end - i);
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
	const struct timespec now = { 0, 0 };
	uint64_t one = 1;

	if (fd < 0 || ppoll(&p, 1, &now, NULL) != 1 || !(p.revents & POLLOUT))
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
	out_put(used ? REC_WROTE : REC_MEMORY, 0, &gpa, 8, &index, 2);
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

void mirror_memory(void)
{
	copy_all(true);
}

/*L:960
 * The guest may have added to its rings while everything else was copied. So the indexes are read first, and only those go on, at the end: what a
 * newer one says may have been copied too, and the next look is for it. Then the back end is woken, once for each ring that has something new.
 */
void mirror_to_back(void)
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
		out_put(REC_KICK, (uint16_t)i, NULL, 0, NULL, 0);
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
	out_put(REC_USED, (uint16_t)i, &index, 2, e, n * sizeof(e[0]));
	q->seen = index;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	signal_fd(q->guest_call);
}

void mirror_to_guest(void)
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

/* --- memory that comes and goes --- */

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
	vu_unmap(region[i].map, region[i].map_len);
	munmap(region[i].own - (region[i].guest - (uint8_t *)region[i].map), region[i].map_len);
	munmap(region[i].agreed, region[i].size);
	close(region[i].own_fd);
	region[i] = region[--regions];
}

static int set_table(struct vu_msg *m)
{
	int err = 0;

	if (m->u.table.n > VU_MEM_TABLE_MAX || m->nfds != m->u.table.n)
		return 0;
	while (regions)
		forget_region(0);
	for (unsigned int i = 0; i < m->nfds && !err; i++)
		err = add_region(&m->u.table.r[i], &m->fd[i]);
	return err;
}

static int remove_region(const struct vu_msg *m)
{
	for (unsigned int i = 0; i < regions; i++)
		if (region[i].gpa == m->u.reg.r.gpa && region[i].size == m->u.reg.r.size)
			forget_region(i--);
	return 0;
}

int mirror_message(struct vu_msg *m)
{
	switch (m->request) {
	case VU_SET_MEM_TABLE:
		return set_table(m);
	case VU_ADD_MEM_REG:
		return m->nfds == 1 ? add_region(&m->u.reg.r, &m->fd[0]) : 0;
	case VU_REM_MEM_REG:
		return remove_region(m);
	default:
		return 0;
	}
}

bool mirror_is_own(const uint8_t *at)
{
	for (unsigned int i = 0; i < regions; i++)
		if ((uintptr_t)at - (uintptr_t)region[i].own < region[i].size)
			return true;
	return false;
}

void mirror_begin(unsigned int i)
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
