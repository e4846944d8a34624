// SPDX-License-Identifier: GPL-2.0
/*L:961
 * inflight.c: see inflight.h. It may map the file that the front end sends, and one of its own.
 *
 * It believes neither file: every number is read once, heads are held against the queue's size, loops end with it.
 */
#include "record/inflight.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ipc/unmap.h"
#include "ipc/virtqueue.h"

#define PAGE 4096u

static struct {
	uint8_t *guest, *own;	/* the records, within their maps */
	void *map, *own_map;
	size_t map_len;
	uint16_t queues, num;
} records;

static uint64_t counter;	/* order of taking, over all queues */

static uint16_t fetch(const uint16_t *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

/* A file of our own with room for what the message tells. Return: it or -errno. */
static int own_file(const struct vu_inflight *f)
{
	int fd = memfd_create("recorded-inflight", MFD_CLOEXEC);

	if (fd >= 0 && !ftruncate(fd, (off_t)(f->offset + f->size)))
		return fd;
	if (fd >= 0)
		close(fd);
	return -ENOMEM;
}

/* Split rings only: those that lguest-record understands at all. */
static bool shape(const struct vu_inflight *f)
{
	return f->queues && f->queues <= VU_MAX_QUEUES && f->queue_size && f->queue_size <= VQ_MAX_SIZE && f->offset < 1u << 20 && !(f->offset % 8) &&
	       f->size <= 1u << 20 && f->size >= f->queues * vq_inflight_size(f->queue_size);
}

int inflight_asked(struct vu_msg *m)
{
	int fd;

	if (m->nfds != 1 || !shape(&m->u.inflight))
		return 0;	/* the front end's to refuse */
	fd = own_file(&m->u.inflight);
	if (fd < 0)
		return fd;
	close(m->fd[0]);
	m->fd[0] = fd;
	return 0;
}

static void forget(void)
{
	if (records.map)
		vu_unmap(records.map, records.map_len);
	if (records.own_map)
		munmap(records.own_map, records.map_len);
	records.map = records.own_map = NULL;
	records.guest = records.own = NULL;
}

static void *map_file(int fd, uint64_t offset)
{
	void *p = mmap(NULL, records.map_len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)offset);

	return p == MAP_FAILED ? NULL : p;
}

/*L:962
 * The front end hands over the record of a queue, which an earlier back end may have written. What the back end gets is a copy: were it the
 * file itself, it could be ahead of the ring in which the driver finds its answers, and what stood between the two when somebody died would never
 * be answered.
 */
int inflight_given(struct vu_msg *m)
{
	const struct vu_inflight *f = &m->u.inflight;
	uint64_t lead = f->offset % PAGE;
	struct stat st;
	int fd;

	forget();
	if (m->nfds != 1 || !shape(f) || fstat(m->fd[0], &st) || f->offset + f->size > (uint64_t)st.st_size) {
		fprintf(stderr, "lguest-record: in-flight records of %u queues of %u entries in %llu bytes cannot be recorded\n", f->queues,
			f->queue_size, (unsigned long long)f->size);
		return -EINVAL;
	}
	fd = own_file(f);
	if (fd < 0)
		return fd;
	records.map_len = (size_t)(lead + f->size);
	records.map = map_file(m->fd[0], f->offset - lead);
	records.own_map = map_file(fd, f->offset - lead);
	close(m->fd[0]);
	m->fd[0] = fd;
	if (!records.map || !records.own_map)
		return -ENOMEM;
	records.guest = (uint8_t *)records.map + lead;
	records.own = (uint8_t *)records.own_map + lead;
	records.queues = f->queues;
	records.num = f->queue_size;
	memcpy(records.own, records.guest, f->size);
	return 0;
}

bool inflight_is_own(const uint8_t *at)
{
	return records.own_map && (uintptr_t)at - (uintptr_t)records.own_map < records.map_len;
}

struct vq_inflight *inflight_of(unsigned int queue, uint16_t num)
{
	if (!records.guest || queue >= records.queues || !num || num > records.num)
		return NULL;
	return (struct vq_inflight *)(void *)(records.guest + queue * vq_inflight_size(records.num));
}

/* The last batch was named by the used index, and whoever did so died before he could say it here. */
static void settle(struct vq_inflight *l, uint16_t num, uint16_t used)
{
	uint16_t n = (uint16_t)(used - fetch(&l->used_idx)), head = fetch(&l->last_batch_head);

	if (n > num)
		return;		/* the back end refuses it */
	for (; n && head < num; n--) {
		__atomic_store_n(&l->desc[head].inflight, 0, __ATOMIC_RELEASE);
		head = fetch(&l->desc[head].next);
	}
	__atomic_store_n(&l->used_idx, used, __ATOMIC_RELEASE);
}

/*L:963
 * A queue begins. All that is marked here will be done again by the back end, which counts its place in the available ring from there; we count
 * in the same way, so that what it takes next is what we mark next.
 */
uint16_t inflight_begin(unsigned int queue, uint16_t num, uint16_t base, uint16_t used)
{
	struct vq_inflight *l = inflight_of(queue, num);
	uint16_t first = used;

	if (!l)
		return base;
	if (fetch(&l->version))
		settle(l, num, used);
	memcpy(records.own + queue * vq_inflight_size(records.num), l, vq_inflight_size(records.num));
	if (!fetch(&l->version)) {
		l->desc_num = num;
		l->used_idx = used;
		__atomic_store_n(&l->version, 1, __ATOMIC_RELEASE);
		return base;
	}
	for (uint16_t i = 0; i < num; i++) {
		uint64_t c = __atomic_load_n(&l->desc[i].counter, __ATOMIC_RELAXED);

		if (__atomic_load_n(&l->desc[i].inflight, __ATOMIC_ACQUIRE) != 1)
			continue;
		first++;
		if (c >= counter)
			counter = c + 1;
	}
	return first;
}

void inflight_take(struct vq_inflight *l, uint16_t num, uint16_t head)
{
	if (head >= num)
		return;
	__atomic_store_n(&l->desc[head].counter, counter++, __ATOMIC_RELAXED);
	__atomic_store_n(&l->desc[head].inflight, 1, __ATOMIC_RELEASE);
}

void inflight_stage(struct vq_inflight *l, uint16_t num, const struct vq_used_elem *e, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++) {
		if (e[i].id >= num)
			continue;
		__atomic_store_n(&l->desc[e[i].id].next, fetch(&l->last_batch_head), __ATOMIC_RELEASE);
		__atomic_store_n(&l->last_batch_head, (uint16_t)e[i].id, __ATOMIC_RELEASE);
	}
}

void inflight_commit(struct vq_inflight *l, uint16_t num, const struct vq_used_elem *e, uint16_t n, uint16_t used)
{
	for (uint16_t i = 0; i < n; i++)
		if (e[i].id < num)
			__atomic_store_n(&l->desc[e[i].id].inflight, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&l->used_idx, used, __ATOMIC_RELEASE);
}

void inflight_end(unsigned int queue, uint16_t num)
{
	struct vq_inflight *l = inflight_of(queue, num);

	if (l)
		memcpy(l, records.own + queue * vq_inflight_size(records.num), vq_inflight_size(records.num));
}
