// SPDX-License-Identifier: GPL-2.0
/*D:395
 * backend_spin.c: before the loop sleeps it looks, for some microseconds, whether it need not. A driver that has just been answered often asks
 * again at once; asleep, the role would cost it a kick and itself a wake-up, which take longer than the request (docs/performance.md).
 *
 * How long it looks follows what that brought: twice as long after a success, half as long after a failure, not at all after a few of them, and
 * again only when a sleep turns out to have been short, for twice what that took. So an idle device costs nothing. It may read the clock of the
 * processor, the ring's flags and the avail indexes of the queues; it may not wait, and never looks longer than SPIN_US, or, with requests in
 * flight, than what goes for them.
 */
#include <immintrin.h>
#include <sched.h>
#include <time.h>

#include "devices/backend_internal.h"

#define SPIN_US		100u	/* at most, for the driver's next request: on a loaded machine it takes 30 to 60 to wake up */
#define SPIN_BUSY_US	8u	/* the same while requests are in flight: what takes longer is a disk, and its time is not ours to burn */
#define SPIN_QUICK_US	64u	/* and where they are in memory: what takes time then is a thread of the kernel that has to wake up */
#define SPIN_LEAST	4u	/* a window is at least this part of the longest, or 0 */
#define SPIN_PENALTY	1023u	/* short sleeps before it is tried again, at most */
#define CALIBRATE_US	50

static int64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static uint64_t between(uint64_t least, uint64_t n, uint64_t most)
{
	return n < least ? least : n > most ? most : n;
}

void backend_spin_init(struct backend *be)
{
	int64_t start, end;
	uint64_t from, ticks;
	cpu_set_t cpus;

	/* With one processor, nobody could ask while we look. */
	if (sched_getaffinity(0, sizeof(cpus), &cpus) || CPU_COUNT(&cpus) < 2)
		return;
	start = now_us();
	from = __rdtsc();
	do
		end = now_us();
	while (end - start < CALIBRATE_US);
	ticks = (__rdtsc() - from) / (uint64_t)(end - start);
	be->spin[0].longest = SPIN_US * ticks;
	be->spin[1].longest = SPIN_BUSY_US * ticks;
}

/* The engine was chosen, and the clock measured, before the device opened anything. */
void backend_quick(struct backend *be)
{
	be->spin[1].longest = be->spin[1].longest / SPIN_BUSY_US * SPIN_QUICK_US;
}

static struct backend_spin *spin_of(struct backend *be)
{
	for (unsigned int i = 0; i < be->session.queues; i++)
		if (be->queue[i].v->vq.inflight)
			return &be->spin[1];
	return &be->spin[0];
}

bool backend_spins(struct backend *be)
{
	return spin_of(be)->window;
}

/*
 * Who looks needs no kicks. A queue that was found empty while the loop was about to sleep, as it does when requests are on their way to a disk, has
 * asked for them: it would be kicked for the next request, which is seen here anyway, and a guest pays an exit for that.
 */
void backend_hush(struct backend *be)
{
	if (!backend_spins(be))
		return;
	for (unsigned int i = 0; i < be->session.queues; i++) {
		struct vq *q = &be->queue[i].v->vq;

		if (be->quiet >> i & 1 || !q->empty || !backend_running(be, q))
			continue;
		vq_hush(q);
		be->quiet |= 1u << i;
	}
}

/* Did a driver ask, on a queue that it need not kick now? */
static bool asked(struct backend *be)
{
	uint32_t todo = be->quiet;

	for (unsigned int i = 0; todo; i++, todo >>= 1)
		if ((todo & 1) && vq_moved(&be->queue[i].v->vq))
			backend_again(be, &be->queue[i].v->vq);
	return be->pending;
}

bool backend_ring_wants(struct backend *be)
{
	return io_uring_sq_ready(&be->ring) || __atomic_load_n(be->ring.sq.kflags, __ATOMIC_RELAXED) & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW);
}

static bool found(struct backend *be)
{
	return asked(be) || io_uring_cq_ready(&be->ring) || backend_ring_wants(be);
}

/*D:397
 * The look itself. The loop has nothing left to do and is about to sleep: for a window of some microseconds the ring's completions and the
 * queues' avail indexes are read again and again. What the last looks brought decides how long this one is, and whether there is one.
 */
bool backend_spin(struct backend *be)
{
	struct backend_spin *s = spin_of(be);
	uint64_t from;

	if (!s->window)
		return false;
	if (io_uring_sq_ready(&be->ring))
		io_uring_submit(&be->ring);	/* what it does not take now it takes at the next wait */
	/* What is there at once, as a call's own completion is, says nothing about looking. */
	if (found(be))
		return true;
	from = __rdtsc();
	do {
		_mm_pause();
		if (found(be)) {
			s->window = s->window * 2 < s->longest ? s->window * 2 : s->longest;
			s->penalty /= 2;
			return true;
		}
	} while (__rdtsc() - from < s->window);
	s->window /= 2;
	if (s->window >= s->longest / SPIN_LEAST)
		return false;
	/* On a processor that the driver shares with us it cannot ask while we look: then we try ever more seldom. */
	s->window = 0;
	s->skip = s->penalty;
	s->penalty = s->penalty < SPIN_PENALTY ? s->penalty * 2 + 1 : SPIN_PENALTY;
	return false;
}

/* Kicks are wanted from here on. Return: did something come meanwhile? */
bool backend_ask_kicks(struct backend *be)
{
	uint32_t todo = be->quiet;

	be->quiet = 0;
	for (unsigned int i = 0; todo; i++, todo >>= 1)
		if ((todo & 1) && vq_want_kicks(&be->queue[i].v->vq))
			backend_again(be, &be->queue[i].v->vq);
	return be->pending;
}

uint64_t backend_sleeps(struct backend *be)
{
	be->slept = spin_of(be);
	return __rdtsc();
}

void backend_slept(struct backend *be, uint64_t from)
{
	struct backend_spin *s = be->slept;
	const uint64_t took = __rdtsc() - from;

	if (s->window || took >= s->longest)
		return;
	if (s->skip)
		s->skip--;
	else
		s->window = between(s->longest / SPIN_LEAST, 2 * took, s->longest);
}
