// SPDX-License-Identifier: GPL-2.0
/*
 * policy_audit.c: each running role, seen from outside through /proc, against what its manifest promises: filter mode,
 * no capabilities, no_new_privs, own namespaces, an empty root, exactly its descriptors, its window and nothing else
 * mapped, its limits. And the layers on hosts and for users that allow less.
 *
 * The expectations are written here, apart from the manifests. Needs root (to look into other users' processes).
 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/filter.h>
#include <linux/if_tun.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "policy/policy.h"

POLICY_DECLARE(net);
POLICY_DECLARE(block);
#include "tests/lib/blkdrv.h"
#include "tests/sandbox/abstract.h"

TestSuite(policy_audit, .timeout = 60);

static const char *bin_dir(void)
{
	const char *dir = getenv("BIN_DIR");

	return dir ? dir : "build/release";
}

static char *read_proc(pid_t pid, const char *name)
{
	static char text[65536];
	char path[64];
	size_t n = 0;
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_RDONLY);
	cr_assert(fd >= 0, "%s", path);
	while ((got = read(fd, text + n, sizeof(text) - 1 - n)) > 0)
		n += (size_t)got;
	text[n] = 0;
	close(fd);
	return text;
}

/* The one child of a process: the role behind its minder. */
static pid_t child_of(pid_t pid)
{
	char name[64];

	snprintf(name, sizeof(name), "task/%d/children", (int)pid);
	for (int i = 0; i < 200; i++) {
		pid_t child = atoi(read_proc(pid, name));

		if (child)
			return child;
		usleep(10000);
	}
	cr_assert_fail("process %d has no child", (int)pid);
	return -1;
}

/* Of a process that root started: a user that nothing else on this host has: not root, not the one that stands for everybody. */
static void expect_own_user(const char *status)
{
	static const char *const names[] = { "Uid:\t", "Gid:\t" };

	for (unsigned int i = 0; i < 2; i++) {
		const char *at = strstr(status, names[i]);
		unsigned int id[4];

		cr_assert(at && sscanf(at + 5, "%u %u %u %u", &id[0], &id[1], &id[2], &id[3]) == 4);
		cr_expect(id[0] >= 0x70000000 && id[0] < 0x70400001 && id[0] == id[1] && id[0] == id[2] && id[0] == id[3], "%s%u", names[i], id[0]);
	}
}

static void expect_status(pid_t pid, unsigned int filters)
{
	char *status = read_proc(pid, "status"), line[64];
	static const char *const lines[] = {
		"CapInh:\t0000000000000000\n", "CapPrm:\t0000000000000000\n", "CapEff:\t0000000000000000\n",
		"CapBnd:\t0000000000000000\n", "CapAmb:\t0000000000000000\n", "NoNewPrivs:\t1\n", "Seccomp:\t2\n",
		"Groups:\t \n",
	};

	for (unsigned int i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		cr_expect(strstr(status, lines[i]), "/proc/PID/status lacks: %s", lines[i]);
	snprintf(line, sizeof(line), "Seccomp_filters:\t%u\n", filters);
	cr_expect(strstr(status, line), "/proc/PID/status lacks: %s", line);
	expect_own_user(status);
}

static void expect_own_namespaces(pid_t pid)
{
	static const char *const names[] = { "user", "pid", "mnt", "net", "ipc", "uts" };
	char path[64], ours[64], theirs[64];

	for (unsigned int i = 0; i < 6; i++) {
		ssize_t n, m;

		snprintf(path, sizeof(path), "/proc/self/ns/%s", names[i]);
		n = readlink(path, ours, sizeof(ours) - 1);
		snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)pid, names[i]);
		m = readlink(path, theirs, sizeof(theirs) - 1);
		cr_assert(n > 0 && m > 0);
		ours[n] = theirs[m] = 0;
		cr_expect_str_neq(ours, theirs, "%s namespace is ours", names[i]);
	}
}

static void expect_empty_root(pid_t pid)
{
	char path[64];
	struct dirent *e;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/root", (int)pid);
	dir = opendir(path);
	cr_assert(dir);
	while ((e = readdir(dir)))
		cr_expect(e->d_name[0] == '.', "the root holds %s", e->d_name);
	closedir(dir);
	cr_expect(strstr(read_proc(pid, "mountinfo"), " / ro,nosuid,nodev,noexec"), "%s",
		  read_proc(pid, "mountinfo"));
	cr_expect_null(strchr(strchr(read_proc(pid, "mountinfo"), '\n') + 1, '\n'), "more than one mount");
}

struct want_fd {
	int fd;
	const char *link;	/* prefix */
};

/* Every number listed is open as said; any other one is an eventfd or a socket that the front end sent. */
static void expect_descriptors(pid_t pid, const struct want_fd *want, unsigned int received)
{
	char path[64], link[256];
	unsigned int others = 0, seen = 0, n = 0;
	struct dirent *e;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	cr_assert(dir);
	while ((e = readdir(dir))) {
		bool listed = false;
		ssize_t len = e->d_name[0] == '.' ? -1 : readlinkat(dirfd(dir), e->d_name, link, sizeof(link) - 1);

		if (len < 0)
			continue;
		link[len] = 0;
		for (n = 0; want[n].link; n++) {
			if (want[n].fd != atoi(e->d_name))
				continue;
			listed = true;
			seen++;
			cr_expect_eq(strncmp(link, want[n].link, strlen(want[n].link)), 0, "descriptor %s is %s",
				     e->d_name, link);
		}
		if (listed)
			continue;
		others++;
		cr_expect(!strcmp(link, "anon_inode:[eventfd]") || !strncmp(link, "socket:", 7),
			  "descriptor %s is %s", e->d_name, link);
	}
	closedir(dir);
	for (n = 0; want[n].link; n++)
		;
	cr_expect_eq(seen, n, "%u of %u listed descriptors are open", seen, n);
	cr_expect_eq(others, received, "%u descriptors received", others);
}

/* Shared mappings: the window, the in-flight record, the ring; nothing writable is executable. */
static void expect_maps(pid_t pid, unsigned int windows, unsigned int ring_maps)
{
	char *line = strtok(read_proc(pid, "maps"), "\n");
	unsigned int w = 0, r = 0;

	for (; line; line = strtok(NULL, "\n")) {
		const char *perm = strchr(line, ' ') + 1;

		cr_expect_not(perm[1] == 'w' && perm[2] == 'x', "%s", line);
		if (perm[3] != 's')
			continue;
		if (strstr(line, "/memfd:"))
			w++;
		else if (strstr(line, "[io_uring]"))
			r++;
		else
			cr_expect_fail("a shared mapping: %s", line);
	}
	cr_expect_eq(w, windows, "%u windows are mapped", w);
	cr_expect_eq(r, ring_maps, "%u mappings of the ring", r);
}

static void expect_limit(pid_t pid, const char *name, const char *value)
{
	char *at = strstr(read_proc(pid, "limits"), name), *end;
	char soft[32], hard[32];

	cr_assert(at, "%s", name);
	end = strchr(at, '\n');
	*end = 0;
	cr_assert_eq(sscanf(at + 26, "%31s %31s", soft, hard), 2);
	cr_expect(!strcmp(soft, value) && !strcmp(hard, value), "%s: %s %s", name, soft, hard);
}

static void expect_common_limits(pid_t pid, const char *fsize)
{
	expect_limit(pid, "Max core file size", "0");
	expect_limit(pid, "Max locked memory", "0");
	expect_limit(pid, "Max open files", "128");
	expect_limit(pid, "Max msgqueue size", "0");
	expect_limit(pid, "Max file size", fsize);
}

/* PSS without the windows, in KiB. */
static long pss(pid_t pid)
{
	char *text = read_proc(pid, "smaps"), *line;
	bool window = false;
	long sum = 0;

	for (line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		if (strchr(line, '-') && strchr(line, '/') && line[0] != ' ' && strstr(line, " "))
			window = strstr(line, "/memfd:") && strstr(line, "rw-s");
		else if (strchr(line, '-') && !strchr(line, ':'))
			window = false;
		if (!window && !strncmp(line, "Pss:", 4))
			sum += atol(line + 4);
	}
	return sum;
}

static void make_image(char *path)
{
	int fd = mkstemp(path);

	cr_assert(fd >= 0 && !ftruncate(fd, 1 << 20));
	close(fd);
}

/* lguest-block and an image for it */
struct disk {
	char image[32], program[128], opt[64];
};

static void make_disk(struct disk *k)
{
	*k = (struct disk){ .image = "/var/tmp/lguest-audit-XXXXXX" };
	make_image(k->image);
	snprintf(k->program, sizeof(k->program), "%s/lguest-block", bin_dir());
	snprintf(k->opt, sizeof(k->opt), "--blk-file=%s", k->image);
}

/* A role that waits with the wrong operation works, and spins. (CPU time would not show it on a busy machine.) */
static void expect_idle(pid_t pid)
{
	unsigned int running = 0;

	usleep(50000);
	for (int i = 0; i < 40; i++) {
		running += strrchr(read_proc(pid, "stat"), ')')[2] == 'R';
		usleep(5000);
	}
	cr_expect_leq(running, 5, "the role spins: seen running %u times of 40", running);
}

static void audit_block(const char *engine, const struct want_fd *want, unsigned int ring_maps)
{
	struct disk k;
	const char *argv[8] = { k.program, k.opt, engine };
	struct drv_child be = { .drained = true, .quiet = true };
	static struct blkdrv d;
	pid_t role;
	int fd;

	make_disk(&k);
	fd = drv_spawn(&be, argv);
	cr_assert(fd >= 0);
	cr_assert_eq(blkdrv_open(&d, fd, 1, 1 << 16, ~0ull), 0);
	cr_assert_eq(blkdrv_io(&d, VIRTIO_BLK_T_OUT, 0, d.data, 4096), VIRTIO_BLK_S_OK);
	role = child_of(be.pid);
	expect_status(role, 2);
	expect_own_namespaces(role);
	expect_empty_root(role);
	/* its kick, its call, its socket for messages of its own */
	expect_descriptors(role, want, 3);
	expect_maps(role, 2, ring_maps);
	expect_common_limits(role, "1048576");
	if (!strcmp(engine, "--no-io-uring"))
		expect_limit(role, "Max processes", "0");
	cr_expect_leq(pss(role), 700, "PSS %ld KiB", pss(role));
	expect_idle(role);
	/* and its minder, which shows what it says: nothing but the log and that pipe */
	expect_status(be.pid, 1);
	expect_descriptors(be.pid, (struct want_fd[]){ { 2, "" }, { 12, "pipe:" }, { 0 } }, 0);
	expect_limit(be.pid, "Max open files", "2");
	expect_limit(be.pid, "Max processes", "0");
	blkdrv_close(&d);
	waitpid(be.pid, NULL, 0);
	unlink(k.image);
}

Test(policy_audit, block)
{
	static const struct want_fd want[] = {
		{ 2, "pipe:" }, { 3, "socket:" }, { 4, "/var/tmp/lguest-audit-" }, { 6, "pipe:" },
		{ 7, "anon_inode:[io_uring]" }, { 11, "/memfd:lguest-inflight" }, { 0 },
	};

	audit_block("--num-queues=1", want, 2);
}

Test(policy_audit, block_sync)
{
	static const struct want_fd want[] = {
		{ 2, "pipe:" }, { 3, "socket:" }, { 4, "/var/tmp/lguest-audit-" }, { 6, "pipe:" },
		{ 11, "/memfd:lguest-inflight" }, { 0 },
	};

	audit_block("--no-io-uring", want, 0);
}

/* A role that needs no driver to be looked at: connect, audit, hang up. */
static void audit_idle(const char *name, const char *opt, const char *opt2, const struct want_fd *want)
{
	char program[128];
	const char *argv[8] = { program, opt, opt2 };
	struct drv_child be = { .drained = true, .quiet = true };
	static struct vu_fe fe;
	pid_t role;
	int fd;

	snprintf(program, sizeof(program), "%s/%s", bin_dir(), name);
	fd = drv_spawn(&be, argv);
	cr_assert(fd >= 0);
	cr_assert_eq(vu_fe_open(&fe, fd, ~0ull, 3000), 0);
	role = child_of(be.pid);
	expect_status(role, 2);
	expect_own_namespaces(role);
	expect_empty_root(role);
	expect_descriptors(role, want, 1);
	expect_maps(role, 0, 2);
	expect_limit(role, "Max core file size", "0");
	expect_limit(role, "Max locked memory", "0");
	expect_limit(role, "Max open files", "128");
	expect_limit(role, "Max msgqueue size", "0");
	expect_idle(role);
	cr_expect_leq(pss(role), 700, "PSS %ld KiB", pss(role));
	vu_fe_close(&fe);
	waitpid(be.pid, NULL, 0);
}

Test(policy_audit, console)
{
	static const struct want_fd want[] = {
		{ 2, "pipe:" }, { 3, "socket:" }, { 5, "/var/tmp/lguest-audit-" }, { 6, "pipe:" },
		{ 7, "anon_inode:[io_uring]" }, { 11, "/memfd:lguest-inflight" }, { 0 },
	};
	char path[] = "/var/tmp/lguest-audit-XXXXXX", opt[64];

	make_image(path);
	snprintf(opt, sizeof(opt), "--file=%s", path);
	audit_idle("lguest-console", opt, NULL, want);
	unlink(path);
}

Test(policy_audit, net)
{
	static const struct want_fd want[] = {
		{ 2, "pipe:" }, { 3, "socket:" }, { 6, "pipe:" }, { 7, "anon_inode:[io_uring]" },
		{ 11, "/memfd:lguest-inflight" }, { 13, "pipe:" }, { 16, "/dev/net/tun" }, { 0 },
	};
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR, .ifr_name = "lgaudit0" };
	char opt[32];
	int tap;

	cr_assert_eq(unshare(CLONE_NEWNET), 0, "needs root");
	tap = open("/dev/net/tun", O_RDWR);
	cr_assert(tap >= 0 && !ioctl(tap, TUNSETIFF, &ifr));
	snprintf(opt, sizeof(opt), "--tap-fd=%d", tap);
	audit_idle("lguest-net", opt, NULL, want);
	close(tap);
}

/* The whole way as an ordinary user, with nothing but the rights to its own image. */
Test(policy_audit, ordinary_user)
{
	struct disk k;
	const char *argv[12] = { "/usr/bin/setpriv", "--reuid=1000", "--regid=1000", "--clear-groups", k.program, k.opt };
	struct drv_child be = { .drained = true, .quiet = true };
	static struct blkdrv d;
	char *status;
	int fd;

	make_disk(&k);
	cr_assert_eq(chown(k.image, 1000, 1000), 0);
	fd = drv_spawn(&be, argv);
	cr_assert(fd >= 0);
	cr_assert_eq(blkdrv_open(&d, fd, 1, 1 << 16, ~0ull), 0);
	cr_expect_eq(blkdrv_io(&d, VIRTIO_BLK_T_OUT, 0, d.data, 4096), VIRTIO_BLK_S_OK);
	cr_expect_eq(blkdrv_io(&d, VIRTIO_BLK_T_FLUSH, 0, NULL, 0), VIRTIO_BLK_S_OK);
	status = read_proc(child_of(be.pid), "status");
	cr_expect(strstr(status, "Uid:\t1000\t1000\t1000\t1000") && strstr(status, "CapBnd:\t0000000000000000") &&
		  strstr(status, "Seccomp:\t2"), "%s", status);
	expect_own_namespaces(child_of(be.pid));
	expect_empty_root(child_of(be.pid));
	blkdrv_close(&d);
	waitpid(be.pid, NULL, 0);
	unlink(k.image);
}

/* Has it ended? An orphan that did may wait for long until the machine's first process has heard of it */
static bool over(pid_t pid)
{
	char path[64], state = 'X';
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	if (!f)
		return true;
	if (fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
		state = 'X';
	fclose(f);
	return state == 'Z' || state == 'X';
}

/* A role dies with its minder, so that `kill -9` of what a user sees leaves nothing behind. */
Test(policy_audit, role_dies_with_its_minder)
{
	struct disk k;
	const char *argv[8] = { k.program, k.opt };
	struct drv_child be = { .drained = true, .quiet = true };
	static struct vu_fe fe;
	pid_t role;
	int fd;

	make_disk(&k);
	fd = drv_spawn(&be, argv);
	cr_assert_eq(vu_fe_open(&fe, fd, ~0ull, 3000), 0);
	role = child_of(be.pid);
	blkdrv_kill(&be);
	for (int i = 0; i < 200 && !over(role); i++)
		usleep(10000);
	cr_expect(over(role));
	unlink(k.image);
}

/* Whatever the instant at which a minder is killed, also before its role has asked to die with it: what it leaves becomes our child, and ends. */
Test(policy_audit, no_orphan_at_any_instant)
{
	struct disk k;
	const char *argv[8] = { k.program, k.opt };

	make_disk(&k);
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	for (unsigned int i = 0; i < 300; i++) {
		struct drv_child be = { .drained = true, .quiet = true };
		int fd = drv_spawn(&be, argv), left = 500;
		pid_t pid;

		usleep(i * 40);
		blkdrv_kill(&be);
		while (((pid = waitpid(-1, NULL, WNOHANG)) > 0 || !pid) && --left)
			usleep(4000);
		cr_assert(left, "killed after %u us: its role lives on", i * 40);
		close(fd);
	}
	unlink(k.image);
}

/* --- hosts and users that allow less --- */

enum who { ROOT, USER };

/* As a host does that forbids a kind of namespace: clone answers EPERM when that flag is set. */
static void forbid_namespaces(unsigned int flags)
{
	const struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, flags, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog prog = { sizeof(f) / sizeof(f[0]), (struct sock_filter *)(uintptr_t)f };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog))
		_exit(99);
}

/* A container's ways. */
enum host { PLAIN, PROC_READ_ONLY, NO_PROC, ONE_USER };

/* No map of users can be written. In a mount namespace of our own, by a bind mount: /proc itself is the host's. */
static void change_proc(enum host host)
{
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		_exit(95);
	if (host == NO_PROC && mount("none", "/proc", "tmpfs", 0, NULL))
		_exit(95);
	if (host == PROC_READ_ONLY && (mount("/proc", "/proc", NULL, MS_BIND | MS_REC, NULL) ||
				       mount(NULL, "/proc", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL)))
		_exit(95);
}

static void write_map(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		_exit(94);
	close(fd);
}

/* Root of a user namespace that has no other user; outside he is an ordinary one. */
static void be_its_only_user(void)
{
	if (setresgid(1000, 1000, 1000) || setresuid(1000, 1000, 1000) || prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) || unshare(CLONE_NEWUSER))
		_exit(93);
	write_map("/proc/self/setgroups", "deny");
	write_map("/proc/self/gid_map", "0 1000 1");
	write_map("/proc/self/uid_map", "0 1000 1");
	if (setresgid(0, 0, 0) || setresuid(0, 0, 0))
		_exit(92);
}

static void change_host(enum host host)
{
	if (host == ONE_USER)
		be_its_only_user();
	else if (host != PLAIN)
		change_proc(host);
}

/* The layers that policy_spawn() reports, from a process in which the role then spins; its pid goes to *@role. */
static unsigned int layers_of(enum who who, unsigned int forbidden, enum host host, unsigned int require, pid_t *role, pid_t *launcher)
{
	struct {
		unsigned int layers;
		pid_t pid;
	} answer = { 0, 0 };
	int to_test[2];

	cr_assert_eq(pipe(to_test), 0);
	*launcher = fork();
	if (!*launcher) {
		const struct policy_options opt = { .require = require };
		unsigned int *layers = NULL;
		pid_t pid;

		alarm(20);
		change_host(host);
		layers = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		if (who == USER && (setresgid(1000, 1000, 1000) || setresuid(1000, 1000, 1000)))
			_exit(98);
		/* An exec would do it: a process that changed its user may not have its /proc files written. */
		prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
		if (forbidden)
			forbid_namespaces(forbidden);
		pid = policy_spawn(&policy_block, &opt, layers);
		if (!pid)
			for (((volatile unsigned int *)layers)[1] = 1;;)
				__asm__ volatile("pause");
		if (pid < 0)
			_exit(97);
		/* It is in its sandbox, or it has ended. */
		while (!((volatile unsigned int *)layers)[1]) {
			if (waitpid(pid, NULL, WNOHANG) == pid)
				_exit(97);
			usleep(1000);
		}
		answer.layers = *layers;
		answer.pid = pid;
		if (write(to_test[1], &answer, sizeof(answer)) < 0)
			_exit(96);
		pause();
		_exit(0);
	}
	close(to_test[1]);
	if (read(to_test[0], &answer, sizeof(answer)) != sizeof(answer))
		answer.layers = 0;
	close(to_test[0]);
	*role = answer.pid;
	return answer.layers;
}

static void end(pid_t role, pid_t launcher)
{
	kill(role, SIGKILL);
	kill(launcher, SIGKILL);
	waitpid(launcher, NULL, 0);
}

#define NAMESPACES_AND_ROOT \
	(POLICY_LAYER_USERNS | POLICY_LAYER_PIDNS | POLICY_LAYER_NAMESPACES | POLICY_LAYER_ROOT | POLICY_LAYER_CAPS)

/* docs/security.md, "Hosts and users that allow less": what is on, row by row; one kind that is forbidden takes nothing else along. */
Test(policy_audit, layers_by_user_and_host)
{
	const unsigned int always = POLICY_LAYER_UID | POLICY_LAYER_NNP | POLICY_LAYER_LIMITS | POLICY_LAYER_FILTER;
	static const struct {
		enum who who;
		unsigned int forbidden;
		enum host host;
		unsigned int without;
	} row[] = {
		{ ROOT, 0, PLAIN, 0 },
		{ USER, 0, PLAIN, 0 },
		{ ROOT, CLONE_NEWUSER, PLAIN, POLICY_LAYER_USERNS },
		{ USER, CLONE_NEWUSER, PLAIN, NAMESPACES_AND_ROOT },
		{ ROOT, CLONE_NEWNET, PLAIN, POLICY_LAYER_NETNS },
		{ USER, CLONE_NEWNET, PLAIN, POLICY_LAYER_NETNS },
		{ ROOT, CLONE_NEWPID, PLAIN, POLICY_LAYER_PIDNS },
		{ USER, CLONE_NEWPID, PLAIN, POLICY_LAYER_PIDNS },
		{ ROOT, CLONE_NEWIPC | CLONE_NEWUTS, PLAIN, POLICY_LAYER_IPCNS | POLICY_LAYER_UTSNS },
		{ USER, CLONE_NEWIPC | CLONE_NEWUTS, PLAIN, POLICY_LAYER_IPCNS | POLICY_LAYER_UTSNS },
		{ ROOT, CLONE_NEWNS, PLAIN, POLICY_LAYER_MOUNTNS | POLICY_LAYER_ROOT },
		{ USER, CLONE_NEWNS, PLAIN, POLICY_LAYER_MOUNTNS | POLICY_LAYER_ROOT },
		{ ROOT, 0, PROC_READ_ONLY, POLICY_LAYER_USERNS },
		{ USER, 0, PROC_READ_ONLY, NAMESPACES_AND_ROOT },
		{ ROOT, 0, NO_PROC, POLICY_LAYER_USERNS },
		{ USER, 0, NO_PROC, NAMESPACES_AND_ROOT },
		{ ROOT, 0, ONE_USER, POLICY_LAYER_UID },
	};

	for (unsigned int i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		pid_t role, launcher;
		unsigned int layers = layers_of(row[i].who, row[i].forbidden, row[i].host, 0, &role, &launcher);
		const unsigned int with = (always | NAMESPACES_AND_ROOT) & ~row[i].without;
		char *status;

		cr_assert(layers, "row %u: no sandbox", i);
		cr_expect_eq(layers & with, with, "row %u: layers %#x, not %#x", i, layers, with);
		cr_expect_eq(layers & row[i].without, 0, "row %u: layers %#x", i, layers);
		status = read_proc(role, "status");
		cr_expect(strstr(status, "CapEff:\t0000000000000000\n") && strstr(status, "CapPrm:\t0000000000000000\n") &&
			  strstr(status, "NoNewPrivs:\t1\n") && strstr(status, "Seccomp:\t2\n"), "row %u: %s", i, status);
		if (row[i].who == USER || row[i].host == ONE_USER)
			cr_expect(strstr(status, "Uid:\t1000\t1000\t1000\t1000"), "row %u", i);
		else
			expect_own_user(status);
		end(role, launcher);
	}
}

/* What is required and cannot be had ends it; what can be had does not. */
Test(policy_audit, required_layers)
{
	pid_t role, launcher;

	cr_expect(layers_of(ROOT, 0, PLAIN, POLICY_LAYERS_NAMESPACES, &role, &launcher), "what is there");
	end(role, launcher);
	cr_expect_not(layers_of(ROOT, CLONE_NEWNET, PLAIN, POLICY_LAYERS_NAMESPACES, &role, &launcher), "without the net namespace");
	waitpid(launcher, NULL, 0);
	cr_expect(layers_of(ROOT, CLONE_NEWNET, PLAIN, POLICY_LAYERS_NAMESPACES & ~POLICY_LAYER_NETNS, &role, &launcher), "all the others");
	end(role, launcher);
}

/* What a process without a filter and without namespaces, all of which this host forbids, finds out about Landlock alone. */
static long try_tcp(void)
{
	static const struct sockaddr sa = { AF_INET, { 0, 9, 127, 0, 0, 1 } };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return connect(fd, &sa, sizeof(sa)) ? errno : 0;
}

static const struct sock_filter allow_all[] = { BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };

/* TCP by ABI 4, abstract sockets and signals by ABI 6: what the net, pid and ipc namespaces would have kept apart. */
Test(policy_audit, landlock_where_namespaces_are_forbidden)
{
	struct policy_role role = policy_block;
	const struct policy_options opt = { 0 };
	int *answer = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), host = abstract_host();
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, 1 /* version */);
	pid_t launcher;

	cr_assert_geq(host, 0);
	cr_expect_neq(try_tcp(), EACCES, "control");
	cr_expect_eq(abstract_reach(), 0, "control");
	role.setup = (struct policy_filter){ allow_all, 1, "" };
	launcher = fork();
	if (!launcher) {
		if (setresgid(1000, 1000, 1000) || setresuid(1000, 1000, 1000))
			_exit(98);
		forbid_namespaces(CLONE_NEWUSER);
		if (!policy_spawn(&role, &opt, NULL)) {
			answer[1] = (int)try_tcp();
			answer[2] = (int)abstract_reach();
			answer[3] = kill(getppid(), 0) ? errno : 0;
			answer[0] = 1;
			_exit(0);
		}
		wait(NULL);
		_exit(0);
	}
	waitpid(launcher, NULL, 0);
	cr_assert_eq(answer[0], 1, "no sandbox");
	if (abi >= 4)
		cr_expect_eq(answer[1], EACCES, "TCP: %d", answer[1]);
	if (abi >= 6) {
		cr_expect_eq(answer[2], -EPERM, "an abstract socket: %d", answer[2]);
		cr_expect_eq(answer[3], EPERM, "a signal: %d", answer[3]);
	}
	cr_log_info("Landlock of this host: ABI %ld", abi);
}

static unsigned int *orders;

static void count_order(uint8_t what)
{
	(void)what;
	orders[0]++;
}

/* A role that changes its mind as fast as it can is obeyed a few times at once, then once a second; the same order twice is one. */
Test(policy_audit, orders_are_few)
{
	const struct policy_options opt = { .order = count_order };
	pid_t pid;

	orders = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid = policy_spawn(&policy_net, &opt, NULL);
	if (!pid) {
		/* In its set-up filter: write is open to the log alone, and so is what the ring writes. */
		struct io_uring ring;

		if (io_uring_queue_init(8, &ring, 0) || policy_place_fd(ring.ring_fd, POLICY_FD_RING) < 0)
			syscall(SYS_exit_group, 3);
		ring.ring_fd = ring.enter_ring_fd = POLICY_FD_RING;
		for (unsigned int i = 0; i < 20000; i++) {
			const uint8_t what = (uint8_t)(i / 2);
			struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
			struct io_uring_cqe *cqe;

			io_uring_prep_write(sqe, POLICY_FD_ORDER, &what, 1, 0);
			io_uring_submit_and_wait(&ring, 1);
			while (!io_uring_peek_cqe(&ring, &cqe))
				io_uring_cqe_seen(&ring, cqe);
		}
		syscall(SYS_exit_group, 0);
	}
	cr_assert_gt(pid, 0);
	cr_expect_eq(policy_wait(pid), 0);
	cr_expect_geq(orders[0], 1);
	cr_expect_leq(orders[0], 8, "%u orders", orders[0]);
}

Test(policy_audit, report_names_what_is_missing)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	policy_report(&policy_block, POLICY_LAYERS_ALL, out);
	policy_report(&policy_block, POLICY_LAYERS_ALL & ~(POLICY_LAYER_USERNS | POLICY_LAYER_LANDLOCK), out);
	fclose(out);
	cr_expect_str_eq(text, "lguest-block: sandbox on: all layers\n"
			       "lguest-block: sandbox on, without user namespace, Landlock (this host or user doesn't "
			       "allow it)\n");
	free(text);
}
