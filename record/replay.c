// SPDX-License-Identifier: GPL-2.0
/*L:967
 * replay.c: lguest-replay, which plays a recording (recording.h) to a back end and tells whether it does again what it did.
 *
 *	lguest-replay RECORDING -- PROGRAM [ARGS...]	PROGRAM gets --fd=N behind its arguments, and sees no guest
 *	lguest-replay --show RECORDING			in words, a line for each record
 *	lguest-replay --corpus=DIR RECORDING		inputs for the fuzz target "recording"
 *
 * The back end is given what the recording has, in its order: messages with descriptors of the same kinds, memory, kicks. Where the
 * recording says that the back end had completed something, it is waited for; so the order of the two is the recorded one, and the
 * clock has no say. Used rings are compared as what was completed with which length, since a disk may answer in another order.
 *
 * A recording may come from anywhere: it is read by recording.c, and what it names is checked before use. Status: 0 the same, 1 not the
 * same or the back end died, 2 usage, 3 no recording that can be played.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ipc/virtqueue_ring.h"
#include "policy/printed.h"
#include "record/recording.h"
#include "version.h"

#define QUEUES 32u
#define REGIONS 8u
#define WAIT_MS 10000
#define END_MS 5000	/* from the hang-up, until the back end is killed */
#define SETUP_MAX 12288u	/* of a corpus entry: the messages that start the queues */
#define PIECE 2000u	/* and what comes behind them, at least */
#define PIECES_MAX 5000u

struct region { uint64_t gpa, size, uaddr; uint8_t *own; void *map; size_t map_len; };
struct queue { uint16_t num; uint64_t used; int kick; uint16_t seen; uint64_t sum_recorded, sum_now; unsigned long entries; };

static struct region region[REGIONS];
static unsigned int regions;
static struct queue queue[QUEUES];
static struct vu_chan chan;
static pid_t child;
static struct rec record;
static struct rec_reader reader;
static unsigned long kicks, messages;
static const char *file;

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Return: is the back end over, now or within so much time? Then there is none any more. */
static bool ended(unsigned int ms, int *status)
{
	uint64_t until = now_ms() + ms;

	while (waitpid(child, status, WNOHANG) != child) {
		if (now_ms() >= until)
			return false;
		usleep(20000);
	}
	child = 0;
	return true;
}

/* Return: was it a signal, or is it one that its minder passes on? */
static bool died(int status)
{
	if (!WIFSIGNALED(status) && WEXITSTATUS(status) <= 128)
		return false;
	fprintf(stderr, "lguest-replay: the back end died of signal %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status) - 128);
	return true;
}

static int __attribute__((format(printf, 1, 2))) fail(const char *fmt, ...)
{
	va_list ap;
	int status;

	fprintf(stderr, "lguest-replay: record %lu: ", reader.number);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	/* Why it does not answer is worth more than that it does not. */
	if (ended(1000, &status) && !died(status))
		fprintf(stderr, "lguest-replay: the back end ended with status %d\n", WEXITSTATUS(status));
	return 1;
}

static uint8_t *at_gpa(uint64_t gpa, uint64_t len)
{
	for (unsigned int i = 0; i < regions; i++)
		if (gpa - region[i].gpa < region[i].size && len <= region[i].size - (gpa - region[i].gpa))
			return region[i].own + (gpa - region[i].gpa);
	return NULL;
}

static uint8_t *at_uaddr(uint64_t uaddr, uint64_t len)
{
	for (unsigned int i = 0; i < regions; i++)
		if (uaddr - region[i].uaddr < region[i].size && len <= region[i].size - (uaddr - region[i].uaddr))
			return region[i].own + (uaddr - region[i].uaddr);
	return NULL;
}

static struct queue *queue_of(uint64_t index)
{
	return &queue[index % QUEUES];
}

/* A descriptor of the kind that was recorded. */
static int make_fd(uint8_t kind, uint64_t size)
{
	int fd;

	switch (kind) {
	case REC_FD_MEMORY:
		/* A back end that could cut it would end us by SIGBUS. */
		fd = memfd_create("replayed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		return fd >= 0 && (ftruncate(fd, (off_t)size) || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)) ? -1 : fd;
	case REC_FD_EVENT:
		return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	default:
		return open("/dev/null", O_RDWR | O_CLOEXEC);
	}
}

static int add_region(const struct vu_region *r, int fd)
{
	struct region *n = &region[regions];
	uint64_t lead = r->offset % 4096, end;
	struct stat st;

	if (regions == REGIONS || !r->size || __builtin_add_overflow(r->offset, r->size, &end) || fstat(fd, &st) || end > (uint64_t)st.st_size)
		return 0;	/* the back end will refuse it, or we shall not find what lies there */
	*n = (struct region){ r->gpa, r->size, r->uaddr, NULL, NULL, (size_t)(lead + r->size) };
	n->map = mmap(NULL, n->map_len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)(r->offset - lead));
	if (n->map == MAP_FAILED)
		return fail("its memory cannot be mapped: %s", strerror(errno));
	n->own = (uint8_t *)n->map + lead;
	regions++;
	return 0;
}

static void forget_region(unsigned int i)
{
	munmap(region[i].map, region[i].map_len);
	region[i] = region[--regions];
}

static int note(const struct vu_msg *m)
{
	int err = 0;

	switch (m->request) {
	case VU_SET_MEM_TABLE:
		if (m->u.table.n > VU_MEM_TABLE_MAX || m->u.table.n != m->nfds)
			return 0;
		while (regions)
			forget_region(0);
		for (unsigned int i = 0; i < m->nfds && !err; i++)
			err = add_region(&m->u.table.r[i], m->fd[i]);
		return err;
	case VU_ADD_MEM_REG:
		return m->nfds == 1 ? add_region(&m->u.reg.r, m->fd[0]) : 0;
	case VU_REM_MEM_REG:
		for (unsigned int i = 0; i < regions; i++)
			if (region[i].gpa == m->u.reg.r.gpa)
				forget_region(i--);
		return 0;
	case VU_SET_VRING_NUM:
		queue_of(m->u.state.index)->num = (uint16_t)(m->u.state.num > 1024 || m->u.state.num & (m->u.state.num - 1) ? 0 : m->u.state.num);
		return 0;
	case VU_SET_VRING_ADDR: {
		const uint8_t *p = at_uaddr(m->u.addr.used, 4);

		queue_of(m->u.addr.index)->used = m->u.addr.used;
		if (p)
			memcpy(&queue_of(m->u.addr.index)->seen, p + 2, 2);
		return 0;
	}
	case VU_SET_VRING_KICK: {
		struct queue *q = queue_of(m->u.u64 & VU_RING_INDEX);

		if (q->kick >= 0)
			close(q->kick);
		q->kick = m->nfds ? fcntl(m->fd[0], F_DUPFD_CLOEXEC, 0) : -1;
		return 0;
	}
	default:
		return 0;
	}
}

static int play_message(void)
{
	struct vu_msg m = { .request = record.msg.request, .flags = record.msg.flags & ~VU_VERSION_MASK, .size = record.msg.size };
	int err;

	memcpy(m.u.bytes, record.msg.payload, m.size);
	for (unsigned int i = 0; i < VU_MAX_FDS && record.msg.fd[i]; i++) {
		m.fd[m.nfds] = make_fd(record.msg.fd[i], record.msg.fd_size[i]);
		if (m.fd[m.nfds] < 0)
			return fail("a descriptor cannot be made: %s", strerror(errno));
		m.nfds++;
	}
	err = note(&m);
	if (!err && vu_send(&chan, &m))
		err = fail("the back end does not take %s", vu_rule(m.request) ? vu_rule(m.request)->name : "the message");
	for (unsigned int i = 0; i < m.nfds; i++)
		close(m.fd[i]);
	messages++;
	return err;
}

/* What the back end said then it must say now, but for numbers that are this run's. */
static int expect_reply(void)
{
	struct pollfd p = { .fd = chan.fd, .events = POLLIN };
	uint64_t until = now_ms() + WAIT_MS, now;
	struct vu_msg m;
	int r;

	while (!(r = vu_recv(&chan, &m)))
		if ((now = now_ms()) >= until || poll(&p, 1, (int)(until - now)) <= 0)
			return fail("no answer to %u within %d s", record.msg.request, WAIT_MS / 1000);
	if (r < 0)
		return fail("the back end has hung up where it answered before");
	vu_close_fds(&chan, &m);
	if (m.request != record.msg.request || m.size != record.msg.size)
		return fail("another answer: request %u of %u bytes, and %u of %u were recorded", m.request, m.size, record.msg.request, record.msg.size);
	return 0;
}

static uint64_t entry_hash(const struct vq_used_elem *e)
{
	uint64_t h = ((uint64_t)e->id << 32 | e->len) * 0x9e3779b97f4a7c15ull;

	return h ^ h >> 29;
}

static bool child_is_dead(void)
{
	siginfo_t info = { 0 };

	return waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT) || info.si_pid;
}

/* Wait until as much is completed as had been, and add up what. */
static int expect_used(void)
{
	struct queue *q = queue_of(record.head.queue);
	const struct vq_used_elem *e = (const void *)record.bytes;
	const uint8_t *ring = q->num ? at_uaddr(q->used, 4 + 8ull * q->num) : NULL;
	uint16_t now = q->seen, want = (uint16_t)(record.idx - q->seen);
	struct vq_used_elem one;

	if (!ring)
		return fail("queue %u completes and has no ring", record.head.queue);
	for (int i = 0; i < WAIT_MS; i++) {
		now = __atomic_load_n((const uint16_t *)(const void *)(ring + 2), __ATOMIC_ACQUIRE);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if ((uint16_t)(now - q->seen) >= want)
			break;
		if (child_is_dead())
			break;
		usleep(1000);
	}
	if ((uint16_t)(now - q->seen) < want)
		return fail("queue %u: %u requests completed, %u were recorded", record.head.queue, (uint16_t)(now - q->seen), want);
	for (uint32_t i = 0; i < record.n; i++)
		q->sum_recorded += entry_hash(&e[i]);
	for (; want && q->seen != record.idx; q->seen++) {
		memcpy(&one, ring + 4 + 8 * (size_t)(q->seen & (q->num - 1)), sizeof(one));
		q->sum_now += entry_hash(&one);
		q->entries++;
	}
	return 0;
}

static int play_memory(void)
{
	uint8_t *p = at_gpa(record.gpa, record.n);

	/* A ring's index is copied whole: nobody reads half of one. */
	if (!p)
		return fail("%u bytes at %#llx are in no region", record.n, (unsigned long long)record.gpa);
	if (record.n == 2 && (uintptr_t)p % 2 == 0) {
		uint16_t v;

		memcpy(&v, record.bytes, 2);
		__atomic_store_n((uint16_t *)(void *)p, v, __ATOMIC_RELEASE);
	} else {
		memcpy(p, record.bytes, record.n);
	}
	return 0;
}

static int play_kick(void)
{
	uint64_t one = 1;

	kicks++;
	return queue_of(record.head.queue)->kick < 0 || write(queue_of(record.head.queue)->kick, &one, 8) == 8 ? 0 : fail("the kick is not taken");
}

static int play_one(void)
{
	switch (record.head.kind) {
	case REC_MESSAGE: return play_message();
	case REC_REPLY: return expect_reply();
	case REC_MEMORY: return play_memory();
	case REC_KICK: return play_kick();
	case REC_USED: return expect_used();
	case REC_END: return record.head.queue ? fail("the recorded back end ended here, and this one has not") : 0;
	default: return 0;
	}
}

static int start(char **argv)
{
	int pair[2], n = 0;
	char fd[32], *args[64];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -1;
	snprintf(fd, sizeof(fd), "--fd=%d", pair[1]);
	for (; n < 62 && argv[n]; n++)
		args[n] = argv[n];
	args[n] = fd;
	args[n + 1] = NULL;
	child = fork();
	if (!child) {
		fcntl(pair[1], F_SETFD, 0);
		execvp(args[0], args);
		fprintf(stderr, "lguest-replay: cannot start %s: %s\n", args[0], strerror(errno));
		_exit(127);
	}
	close(pair[1]);
	vu_chan_init(&chan, pair[0], &vu_io_plain, NULL);
	return child < 0 ? -1 : 0;
}

static int report(void)
{
	int bad = 0;

	for (unsigned int i = 0; i < QUEUES; i++) {
		const struct queue *q = &queue[i];

		if (!q->entries)
			continue;
		bad |= q->sum_recorded != q->sum_now;
		printf("lguest-replay: queue %u: %lu used entries, %s\n", i, q->entries, q->sum_recorded == q->sum_now ? "equal to those recorded" : "NOT those recorded");
	}
	printf("lguest-replay: %lu messages, %lu kicks: %s\n", messages, kicks, bad ? "the back end did something else" : "the back end did the same");
	return bad;
}

/* It has been hung up on. What it has started itself is not ours to end. Return: @err, or 1 where the end is not as it should be. */
static int end_back_end(int err)
{
	pid_t pid = child;
	int status;

	if (!pid)
		return err;
	if (ended(END_MS, &status))
		return died(status) ? 1 : err;
	fprintf(stderr, "lguest-replay: the back end has not ended within %d s after the end of the recording: it is killed\n", END_MS / 1000);
	kill(pid, SIGKILL);
	if (!ended(END_MS, &status))
		fprintf(stderr, "lguest-replay: the back end, process %d, is still there: the host is to end an operation of its first\n", (int)pid);
	return 1;
}

static int play(char **argv)
{
	int r, err = 0;

	if (!argv[0]) {
		fprintf(stderr, "lguest-replay: no back end: lguest-replay RECORDING -- PROGRAM ARGS\n");
		return 2;
	}
	for (unsigned int i = 0; i < QUEUES; i++)
		queue[i].kick = -1;
	if (start(argv))
		return 3;
	while (!err && (r = rec_next(&reader, &record)) > 0)
		err = play_one();
	if (!err && r < 0) {
		fprintf(stderr, "lguest-replay: %s %s; what stood before it was played\n", file, reader.why);
		err = 3;
	}
	close(chan.fd);
	err = end_back_end(err);
	return err ? err : report();
}

static int show(void)
{
	int r;

	while ((r = rec_next(&reader, &record)) > 0)
		rec_print(stdout, reader.number, &record);
	if (r < 0)
		fprintf(stderr, "lguest-replay: %s %s\n", file, reader.why);
	return r < 0 ? 3 : 0;
}

/* An input is the messages up to the first kick, without which nothing runs, and a piece of what came behind it. */
static int put_piece(const char *dir, unsigned int n, const void *setup, size_t setup_len, const void *piece, size_t len)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/piece-%06u", dir, n);
	f = fopen(path, "w");
	if (!f || (setup_len && fwrite(setup, setup_len, 1, f) != 1) || (len && fwrite(piece, len, 1, f) != 1) || fclose(f)) {
		fprintf(stderr, "lguest-replay: cannot write %s: %s\n", path, strerror(errno));
		return 1;
	}
	return 0;
}

static int corpus(const char *dir)
{
	static uint8_t setup[SETUP_MAX];
	size_t setup_len = 0, from = 0, before = reader.at, n;
	unsigned int pieces = 0;
	int r = 0, err = 0;

	mkdir(dir, 0700);
	for (; !err && pieces < PIECES_MAX && (r = rec_next(&reader, &record)) > 0; before = reader.at) {
		n = reader.at - before;
		if (!from && record.head.kind == REC_MESSAGE && setup_len + n <= sizeof(setup)) {
			memcpy(setup + setup_len, reader.data + before, n);
			setup_len += n;
		}
		if (!from && record.head.kind == REC_KICK)
			from = before;
		if (from && reader.at - from >= PIECE) {
			err = put_piece(dir, pieces++, setup, setup_len, reader.data + from, reader.at - from);
			from = reader.at;
		}
	}
	if (!err)
		err = put_piece(dir, pieces++, setup, setup_len, reader.data + from, from ? reader.at - from : 0);
	if (err)
		return err;
	if (r < 0)
		fprintf(stderr, "lguest-replay: %s %s\n", file, reader.why);
	printf("lguest-replay: %u inputs in %s\n", pieces, dir);
	return r < 0 ? 3 : 0;
}

static int usage(FILE *to, int status)
{
	fputs("usage: lguest-replay RECORDING -- PROGRAM [ARGS...]\n       lguest-replay --show RECORDING\n       lguest-replay --corpus=DIR RECORDING\n       lguest-replay --help | --version\n", to);
	return status;
}

/* One read() ends just under 2 GiB. */
static bool read_all(int fd, uint8_t *to, size_t size)
{
	ssize_t n = 1;

	for (size_t done = 0; done < size && n > 0; done += n > 0 ? (size_t)n : 0)
		n = read(fd, to + done, size - done);
	return n > 0;
}

static const void *map_file(size_t *size)
{
	const char *why = "not a regular file";
	struct stat st;
	void *p = NULL;
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	*size = 0;
	if (fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode)) {
		/* A copy: the file may be cut while we read it. */
		*size = (size_t)st.st_size;
		p = malloc(*size + 1);
		why = p ? "it was cut meanwhile" : "it does not fit into memory";
		if (p && !read_all(fd, p, *size))
			p = NULL;
	} else if (fd < 0) {
		why = strerror(errno);
	}
	if (!p)
		fprintf(stderr, "lguest-replay: cannot read %s: %s\n", file, why);
	if (fd >= 0)
		close(fd);
	return p;
}

/*L:968
 * A recording is read whole before anything is started: what is none costs a sentence.
 */
int main(int argc, char **argv)
{
	static const struct option options[] = { { "show", 0, NULL, 's' }, { "corpus", 1, NULL, 'c' }, { "help", 0, NULL, 'h' }, { "version", 0, NULL, 'v' }, { 0 } };
	const char *dir = NULL;
	bool just_show = false;
	static const void *data;	/* to the end of the program */
	size_t size;
	int opt, status;

	while ((opt = getopt_long(argc, argv, "+", options, NULL)) != -1)
		switch (opt) {
		case 's': just_show = true; break;
		case 'c': dir = optarg; break;
		case 'h': usage(stdout, 0); return !printed("lguest-replay");
		case 'v': puts("lguest-replay " LGUEST_VERSION); return !printed("lguest-replay");
		default: return usage(stderr, 2);
		}
	if (optind == argc)
		return usage(stderr, 2);
	file = argv[optind++];
	if (optind < argc && !strcmp(argv[optind], "--"))
		optind++;
	data = map_file(&size);
	if (!data)
		return 3;
	if (rec_begin(&reader, data, size)) {
		fprintf(stderr, "lguest-replay: %s %s\n", file, reader.why);
		return 3;
	}
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_DFL);	/* whoever started us may ignore it, and then nobody's end is told */
	status = just_show ? show() : dir ? corpus(dir) : play(argv + optind);
	return printed("lguest-replay") || status ? status : 1;
}
