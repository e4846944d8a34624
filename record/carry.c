// SPDX-License-Identifier: GPL-2.0
/*L:957
 * carry.c: see carry.h. Each message is written down and goes on as it came, but that the back end gets memory and eventfds of ours in place of the
 * front end's: what goes through those is mirror.c's matter. It may send, receive, and make eventfds. It believes neither end.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "ipc/virtqueue.h"
#include "record/carry.h"
#include "record/inflight.h"
#include "record/mirror.h"
#include "record/out.h"
#include "record/recording.h"

#define TICK_NS 2000000u	/* a driver need not kick, a device need not call: look all the same */

static struct vu_chan front, back;

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
	out_put(kind, 0, &r, sizeof(r), NULL, 0);
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
		mirror_begin(i);
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
		return mirror_message(m);
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
			mirror_to_back();	/* a queue begins with what its guest has, and ends so */
		r = note(&m);
		if (!r) {
			put_message(REC_MESSAGE, &m);
			r = to_back(&m);
		}
		if (m.request == VU_SET_MEM_TABLE || m.request == VU_ADD_MEM_REG)
			mirror_memory();
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
			mirror_to_guest();	/* a queue that has stopped has nothing in flight */
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
	struct timespec limit = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };
	bool news = false;

	for (unsigned int i = 0; i < QUEUES; i++) {
		p[2 + 2 * i] = (struct pollfd){ .fd = queue[i].guest_kick, .events = POLLIN };
		p[3 + 2 * i] = (struct pollfd){ .fd = queue[i].own_call, .events = POLLIN };
	}
	if (ppoll(p, 2 + 2 * QUEUES, ms < 0 ? NULL : &limit, NULL) < 0)
		return errno == EINTR ? 0 : -errno;
	for (unsigned int i = 0; i < QUEUES; i++) {
		news |= heard(&queue[i].guest_kick, p[2 + 2 * i].revents);
		news |= heard(&queue[i].own_call, p[3 + 2 * i].revents);
	}
	return news;
}

/*L:958
 * A look at all memory takes its time, on a slow host with a large window more than a front end waits for the answers of a start. So messages do not wait
 * for one, and between two that nobody asked for there is as much time as one took.
 */
static int turn(void)
{
	static uint64_t due;
	uint64_t took, began_at = out_now();
	int ms = !working() ? -1 : due > began_at ? (int)((due - began_at) / 1000000) + 1 : 0;
	int r = wait_for_news(ms);

	if (r < 0)
		return r;
	began_at = out_now();
	if (working() && (r || began_at >= due)) {
		mirror_to_back();
		mirror_to_guest();
		took = out_now() - began_at;
		due = began_at + took + (took > TICK_NS ? took : TICK_NS);
	}
	r = from_front();
	if (!r)
		r = from_back();
	return r;
}

static sigjmp_buf page_gone;
static uint8_t *volatile gone_at;

/* Only the copies of mirror.c and inflight.c touch what others may cut, and never within a call of the C library that keeps something. */
static void no_page(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	gone_at = info->si_addr;
	siglongjmp(page_gone, 1);
}

void carry_begin(void)
{
	/* It leaves without a system call, for which a sealed process would be killed: so nothing is blocked meanwhile. */
	const struct sigaction act = { .sa_sigaction = no_page, .sa_flags = SA_SIGINFO | SA_NODEFER };

	sigaction(SIGBUS, &act, NULL);
}

static int until_over(void)
{
	int r = 0;

	while (!r) {
		r = turn();
		out_flush();
	}
	mirror_to_guest();	/* the back end may have completed something and died since we looked */
	return r;
}

/* Either end shares files with us that it may cut at any time. */
static int told_of_cut(void)
{
	gone = mirror_is_own(gone_at) || inflight_is_own(gone_at) ? BACK : FRONT;
	fprintf(stderr, "lguest-record: the recording ends here: the %s end has cut the file of memory that is shared with it\n",
		gone == BACK ? "back" : "front");
	return -EFAULT;
}

int carry(int front_fd, int back_fd)
{
	int r;

	for (unsigned int i = 0; i < QUEUES; i++)
		queue[i].guest_kick = queue[i].own_kick = queue[i].guest_call = queue[i].own_call = -1;
	vu_chan_init(&front, front_fd, &vu_io_plain, NULL);
	vu_chan_init(&back, back_fd, &vu_io_plain, NULL);
	if (sigsetjmp(page_gone, 0))
		r = told_of_cut();
	else
		r = until_over();
	out_put(REC_END, gone, NULL, 0, NULL, 0);
	out_flush();
	return r;
}
