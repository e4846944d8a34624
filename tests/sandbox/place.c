// SPDX-License-Identifier: GPL-2.0
/*
 * place.c: builds a role's place and runs a payload in it. Test code; see place.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/sandbox/place.h"

#define LIMITS 16	/* more than any role has */

static const struct sock_filter allow_all[] = { BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };

static void *map_shared(size_t len, int fd, off_t off)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | (fd < 0 ? MAP_ANONYMOUS : 0), fd, off);

	if (p == MAP_FAILED) {
		perror("mmap");
		exit(2);
	}
	return p;
}

/* As the back end makes it; @restricted false is the control run. */
static int make_ring(struct place *p, const struct policy_role *role, bool restricted)
{
	int fd;

	memset(&p->ring, 0, sizeof(p->ring));
	p->ring.flags = restricted ? IORING_SETUP_R_DISABLED : 0;
	fd = (int)syscall(SYS_io_uring_setup, 8, &p->ring);
	if (fd < 0)
		return -errno;
	p->sq_ring = map_shared(p->ring.cq_off.cqes + p->ring.cq_entries * sizeof(struct io_uring_cqe) + 4096, fd,
				IORING_OFF_SQ_RING);
	p->sqes = map_shared(p->ring.sq_entries * sizeof(struct io_uring_sqe), fd, IORING_OFF_SQES);
	if (policy_place_fd(fd, POLICY_FD_RING) < 0)
		return -errno;
	return restricted ? policy_ring_restrict(role, POLICY_FD_RING) : 0;
}

long place_ring_op(struct place *p, const struct io_uring_sqe *sqe)
{
	uint8_t *ring = p->sq_ring;
	uint32_t *tail = (uint32_t *)(ring + p->ring.sq_off.tail), *array = (uint32_t *)(ring + p->ring.sq_off.array);
	uint32_t *head = (uint32_t *)(ring + p->ring.cq_off.head);
	struct io_uring_cqe *cqe = (struct io_uring_cqe *)(ring + p->ring.cq_off.cqes);
	long ret;

	p->sqes[0] = *sqe;
	array[*tail & (p->ring.sq_entries - 1)] = 0;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	ret = syscall(SYS_io_uring_enter, POLICY_FD_RING, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0);
	if (ret < 0)
		return -errno;
	ret = cqe[*head & (p->ring.cq_entries - 1)].res;
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	return ret;
}

/* Out of the way of the fixed numbers. */
static int high(int fd)
{
	int up = fcntl(fd, F_DUPFD_CLOEXEC, POLICY_FD_MAX);

	if (fd < 0 || up < 0) {
		perror("hostile: descriptors");
		exit(2);
	}
	close(fd);
	return up;
}

/* The descriptors of a running role, opened in the parent: kept by policy_spawn() in the child only. */
static void open_descriptors(struct place *p, int image_flags)
{
	char name[] = "/tmp/lguest-hostile-XXXXXX";
	int fd = high(mkstemp(name)), sv[2], pipefd[2];

	if (ftruncate(fd, 65536) || socketpair(AF_UNIX, SOCK_STREAM, 0, sv) || pipe(pipefd)) {
		perror("hostile: descriptors");
		exit(2);
	}
	close(fd);
	p->socket_peer = high(sv[1]);
	policy_place_fd(high(sv[0]), POLICY_FD_CONTROL);
	policy_place_fd(high(pipefd[1]), POLICY_FD_DRAIN);
	close(pipefd[0]);
	policy_place_fd(high(open(name, image_flags)), POLICY_FD_RESOURCE);
	unlink(name);
	fd = memfd_create("window", 0);
	if (ftruncate(fd, WINDOW_SIZE) || pwrite(fd, "secret", 6, WINDOW_MAPPED) != 6)
		exit(2);
	p->window = map_shared(WINDOW_MAPPED, fd, 0);
	close(fd);
}

static void close_descriptors(struct place *p)
{
	munmap(p->shared, sizeof(*p->shared));
	munmap(p->window, WINDOW_MAPPED);
	close(p->socket_peer);
}

static _Noreturn void payload(struct place *p, const struct policy_role *role, enum place_how how,
			      long (*fn)(struct place *p, long arg), long arg)
{
	if (!p->sqes && role->policy->ring_ops && make_ring(p, role, how == PLACE_SEAL))
		_exit(3);
	if (how == PLACE_SEAL && policy_seal(role))
		_exit(3);
	p->shared->state = PLACE_SEALED;
	p->shared->ret = fn(p, arg);
	p->shared->state = PLACE_RETURNED;
	_exit(0);
}

static struct place_result wait_for(const struct place *p, pid_t pid)
{
	struct place_result r = { PLACE_STUCK, 0, 0 };
	const struct timespec ms = { .tv_nsec = 1000000 };
	int status;

	/* Nothing that is expected blocks, so only a loaded machine or a hole gets near the limit. */
	for (int i = 0; i < 10000; i++) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			goto ended;
		nanosleep(&ms, NULL);
	}
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	if (p->shared->state == PLACE_NOTHING)
		r.outcome = PLACE_BROKEN;
	return r;
ended:
	r.ret = p->shared->ret;
	if (p->shared->state == PLACE_NOTHING)
		r.outcome = PLACE_BROKEN;
	else if (p->shared->state == PLACE_RETURNED)
		r.outcome = PLACE_RET;
	else if (WIFSIGNALED(status))
		r.outcome = WTERMSIG(status) == SIGSYS ? PLACE_DIED : PLACE_CRASHED;
	else
		r.outcome = PLACE_RET;	/* an exit call that was let through */
	r.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	return r;
}

struct place_result place_run(const struct policy_role *role, enum place_how how, int image_flags,
			      long (*fn)(struct place *p, long arg), long arg)
{
	const struct policy_options opt = { .file_size = 65536 };
	struct policy_role unfiltered = *role;
	struct place p = { .host_pid = getpid() };
	struct place_result r;
	pid_t pid;

	p.shared = map_shared(sizeof(*p.shared), -1, 0);
	open_descriptors(&p, image_flags);
	unfiltered.setup = (struct policy_filter){ allow_all, 1, "" };
	if (how == PLACE_BARE)
		pid = fork();
	else
		pid = policy_spawn(how == PLACE_NO_FILTER ? &unfiltered : role, &opt, NULL);
	if (!pid)
		payload(&p, role, how, fn, arg);
	if (pid < 0) {
		/* A child that policy_spawn() could not confine comes back with an error too. */
		if (getpid() != p.host_pid)
			_exit(3);
		r = (struct place_result){ PLACE_BROKEN, 0, pid };
	} else {
		r = wait_for(&p, pid);
	}
	close_descriptors(&p);
	return r;
}

/* What the nursery cannot have: it makes a child for each run. */
static bool hinders(const struct policy_limit *l)
{
	return l->resource == RLIMIT_NPROC && l->stage == POLICY_SETUP;
}

static int confine_run(const struct policy_role *role)
{
	const struct sock_fprog setup = { .len = role->setup.len, .filter = (struct sock_filter *)(uintptr_t)role->setup.insn };

	for (const struct policy_limit *l = role->policy->limits; l->name; l++)
		if (hinders(l) && setrlimit(RLIMIT_NPROC, &(struct rlimit){ l->value, l->value }))
			return -errno;
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &setup) ? -errno : 0;
}

/*
 * The process whose children are the runs: in all of the place but under a filter that allows everything, and without a limit of processes, for the
 * role's own would let it make no child. Each child gets those two first. Nothing comes back from here; a run that is not told of is PLACE_BROKEN.
 */
static _Noreturn void nursery(struct place *p, const struct policy_role *role, long (*fn)(struct place *p, long arg), long first,
			      unsigned int count, struct place_result *results)
{
	pid_t pid;

	if (role->policy->ring_ops && make_ring(p, role, true))
		_exit(3);
	for (unsigned int i = 0; i < count; i++) {
		p->shared->state = PLACE_NOTHING;
		pid = fork();
		if (!pid) {
			if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) || confine_run(role))
				_exit(3);
			payload(p, role, PLACE_SEAL, fn, first + i);
		}
		if (pid > 0)
			results[i] = wait_for(p, pid);
	}
	_exit(0);
}

void place_run_each(const struct policy_role *role, long (*fn)(struct place *p, long arg), long first, unsigned int count,
		    struct place_result *results)
{
	const struct policy_options opt = { .file_size = 65536 };
	struct policy_limit limits[LIMITS] = { 0 };
	struct policy policy = *role->policy;
	struct policy_role open = *role;
	struct place p = { .host_pid = getpid() };
	struct place_result *told;
	pid_t pid;

	p.shared = map_shared(sizeof(*p.shared), -1, 0);
	told = map_shared(count * sizeof(*told), -1, 0);
	open_descriptors(&p, O_RDWR);
	for (unsigned int i = 0; i < count; i++)
		told[i] = (struct place_result){ .outcome = PLACE_BROKEN };
	for (unsigned int i = 0, n = 0; policy.limits[i].name; i++) {
		if (n == LIMITS - 1)
			exit(2);
		if (!hinders(&policy.limits[i]))
			limits[n++] = policy.limits[i];
	}
	policy.limits = limits;
	open.policy = &policy;
	open.setup = (struct policy_filter){ allow_all, 1, "" };
	pid = policy_spawn(&open, &opt, NULL);
	if (!pid)
		nursery(&p, role, fn, first, count, told);
	if (getpid() != p.host_pid)
		_exit(3);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	memcpy(results, told, count * sizeof(*told));
	munmap(told, count * sizeof(*told));
	close_descriptors(&p);
}
