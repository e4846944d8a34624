// SPDX-License-Identifier: GPL-2.0
/*L:280
 * cgroup.c: control groups (cgroup.h), version 2 only.
 *
 * It may make and remove folders in a group that was delegated to us, move this process into one of them, and write bounds there. A group is
 * delegated when systemd says so (an attribute), when it belongs to the user who started us, when the user names it, or when we are root in
 * the root group of a host without systemd. Nothing else of the host's groups is changed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>
#include <linux/magic.h>

#include "ipc/exit.h"
#include "run/cgroup.h"
#include "run/child.h"
#include "run/file.h"
#include "run/say.h"
#include "run/text.h"

#define REMOVE_TRIES 50	/* a group is empty a little after its last process was reaped */
#define NAMES 100u	/* for one process id: each namespace of processes has its own, and they may share a folder */

static int parent = -1, guest = -1;	/* folders */
static char guest_name[32];
static bool moved;	/* this process, out of the group that was delegated */
static const struct cgroup_limit *wanted;
static unsigned int nr_wanted;

int cgroup_limit_parse(const char *text, struct cgroup_limit *limit)
{
	static const char *const files[] = { "cpu.weight", "cpu.max", "memory.max", "io.weight", "io.max", "pids.max" };
	const char *colon = strchr(text, ':'), *equal = colon ? strchr(colon, '=') : NULL;
	size_t n = equal ? (size_t)(equal - colon - 1) : 0;

	if (!equal || colon == text || (size_t)(colon - text) >= sizeof(limit->process) || !equal[1] || strchr(equal, '\n'))
		return -EINVAL;
	snprintf(limit->process, sizeof(limit->process), "%.*s", (int)(colon - text), text);
	limit->value = equal + 1;
	for (unsigned int i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (strlen(files[i]) != n || strncmp(files[i], colon + 1, n))
			continue;
		limit->file = files[i];
		return 0;
	}
	return -ENOENT;
}

static int write_at(int dir, const char *name, const char *text)
{
	int fd = openat(dir, name, O_WRONLY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		err = -errno;
	close(fd);
	return err;
}

/* --- which one is ours? --- */

/* The mount point of cgroup2, and our group below it. Return: 0 or -ENOENT. */
static int own_group(char *path, size_t size)
{
	char line[4096], point[2048] = "", group[2048] = "";
	FILE *f = fopen("/proc/self/mountinfo", "re");

	while (f && !*point && fgets(line, sizeof(line), f))
		if (strstr(line, " - cgroup2 ") && sscanf(line, "%*d %*d %*s %*s %2047s", point) != 1)
			*point = '\0';
	if (f)
		fclose(f);
	f = fopen("/proc/self/cgroup", "re");
	while (f && !*group && fgets(line, sizeof(line), f))
		if (sscanf(line, "0::%2047s", group) != 1)
			*group = '\0';
	if (f)
		fclose(f);
	if (!*point || !*group || (size_t)snprintf(path, size, "%s%s", point, group) >= size)
		return -ENOENT;
	return 0;
}

static bool is_delegated(int dir, const char *path)
{
	char mark[2] = "";
	struct stat st;

	if (fgetxattr(dir, "trusted.delegate", mark, 1) == 1 || fgetxattr(dir, "user.delegate", mark, 1) == 1)
		return *mark == '1';
	if (geteuid())
		return !fstat(dir, &st) && st.st_uid == geteuid();
	/* The root group alone has no type; with systemd it is systemd's. */
	return faccessat(dir, "cgroup.type", F_OK, 0) && access("/run/systemd/system", F_OK) && *path;
}

/* Does it hand out what we need? */
static bool has_controllers(int dir)
{
	char text[512] = "";
	int fd = openat(dir, "cgroup.controllers", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	return n > 0 && strstr(text, "memory") && strstr(text, "pids");
}

static int open_group(const char *path)
{
	int dir = fd_open(path, O_RDONLY | O_DIRECTORY);
	struct statfs fs;

	if (dir < 0)
		return -errno;
	if (!fstatfs(dir, &fs) && fs.f_type == CGROUP2_SUPER_MAGIC)
		return dir;
	close(dir);
	return -ENOTDIR;
}

/* --- make and remove --- */

/* Each group that has no processes, after @tries looks at it. */
static void remove_guest(int dir, const char *name, int tries)
{
	const struct timespec pause = { .tv_nsec = 10000000 };
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	while (d && (e = readdir(d)))
		if (e->d_type == DT_DIR && e->d_name[0] != '.')
			for (int i = 0; i < tries && unlinkat(fd, e->d_name, AT_REMOVEDIR) && errno == EBUSY; i++)
				nanosleep(&pause, NULL);
	if (d)
		closedir(d);
	unlinkat(dir, name, AT_REMOVEDIR);
}

/*
 * Who holds the lock of a guest's group lives. A process id says nothing of that: it is given again, and another namespace has its own. Return: the group,
 * locked, or -1 and errno: EBUSY is another's.
 */
static int lock_group(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0 && !file_lock(fd, dir, name)) {
		fd_close(&fd);
		errno = EBUSY;
	}
	return fd;
}

/* What a killed lguest-run left. */
static void remove_stale(int dir)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), group;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	unsigned int pid;

	while (d && (e = readdir(d))) {
		group = sscanf(e->d_name, "lguest.%u", &pid) == 1 ? lock_group(dir, e->d_name) : -1;
		if (group < 0)
			continue;
		remove_guest(dir, e->d_name, 1);
		close(group);
	}
	if (d)
		closedir(d);
}

/* A group with processes of its own hands nothing out: if it is only us, we move to one below. */
static int hand_out(void)
{
	int err = write_at(parent, "cgroup.subtree_control", "+memory +pids");

	if (err == -EBUSY && !mkdirat(guest, "run", 0755)) {
		int fd = openat(guest, "run", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		err = fd < 0 ? -errno : write_at(fd, "cgroup.procs", "0");
		if (fd >= 0)
			close(fd);
		moved = !err;
		if (!err)
			err = write_at(parent, "cgroup.subtree_control", "+memory +pids");
	}
	if (!err)
		err = write_at(guest, "cgroup.subtree_control", "+memory +pids");
	/* Bills and weights, where they were handed to us too. */
	for (unsigned int i = 0; i < 2 && !err; i++)
		if (!write_at(parent, "cgroup.subtree_control", i ? "+io" : "+cpu"))
			write_at(guest, "cgroup.subtree_control", i ? "+io" : "+cpu");
	return err;
}

/* One by one: a word that this kernel does not know makes it refuse the whole line. */
static void hand_out_nothing(int dir)
{
	static const char *const words[] = { "-memory", "-pids", "-cpu", "-io" };

	for (unsigned int i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		write_at(dir, "cgroup.subtree_control", words[i]);
}

/* Nobody else's to open, and so to lock, before it is locked. */
static int make_named(unsigned int n)
{
	int len = snprintf(guest_name, sizeof(guest_name), "lguest.%d", (int)getpid()), err;

	if (n)
		snprintf(guest_name + len, sizeof(guest_name) - (size_t)len, "-%u", n);
	if (mkdirat(parent, guest_name, 0700))
		return -errno;
	guest = fd_lift(lock_group(parent, guest_name));
	if (guest >= 0)
		return fchmod(guest, 0755) ? -errno : 0;
	if (errno == EBUSY || errno == ENOENT)
		return -EEXIST;	/* somebody's remove_stale() was between the two */
	err = -errno;
	unlinkat(parent, guest_name, AT_REMOVEDIR);
	return err;
}

static int make_guest(void)
{
	int err = -EEXIST;

	remove_stale(parent);
	for (unsigned int n = 0; n < NAMES && err == -EEXIST; n++)
		err = make_named(n);
	if (!err)
		err = hand_out();
	if (err)
		cgroup_end();
	return err;
}

/* The bounds that the user wants for one process. Return: 0, or an error of the last that could not be set. */
static int set_wanted(int dir, const char *process)
{
	int err = 0, failed;

	for (unsigned int i = 0; i < nr_wanted; i++) {
		failed = strcmp(wanted[i].process, process) ? 0 : write_at(dir, wanted[i].file, wanted[i].value);
		err = failed ? failed : err;
	}
	return err;
}

static int try_wanted(void)
{
	int err = 0, dir;

	for (unsigned int i = 0; i < nr_wanted && !err; i++) {
		const struct cgroup_limit *w = &wanted[i];

		dir = mkdirat(guest, w->process, 0755) && errno != EEXIST ? -1 : openat(guest, w->process, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		err = dir < 0 ? -errno : write_at(dir, w->file, w->value);
		if (dir >= 0)
			close(dir);
		if (err)
			complain("cannot set %s of %s's control group to %s: %s", w->file, w->process, w->value,
				 err == -ENOENT ? "this controller was not handed to the guest (Delegate= of its unit)" : strerror(-err));
	}
	return err ? EXIT_HOST : 0;
}

/*L:290
 * A filter says what a process may call and a limit what it may use up itself; neither counts the memory that the
 * kernel uses on its behalf. A control group does, where somebody delegated one to us. Where nobody did, that is said
 * in one sentence and the guest starts without, unless the user named a group: then it is an error.
 */
int cgroup_begin(const char *where, const struct cgroup_limit *limit, unsigned int limits)
{
	char own[4096];
	int err;

	wanted = limit;
	nr_wanted = limits;
	if (where && !strcmp(where, "none"))
		return 0;
	err = where ? 0 : own_group(own, sizeof(own));
	if (!err) {
		parent = open_group(where ? where : own);
		err = parent < 0 ? parent : 0;
	}
	if (!err && !where && !is_delegated(parent, own))
		err = -EPERM;
	if (!err && !has_controllers(parent))
		err = -ENOTSUP;
	if (!err)
		err = make_guest();
	if (!err) {
		err = try_wanted();
		if (err)
			cgroup_end();
		return err;
	}
	fd_close(&parent);
	if (limits && !where) {
		complain("no control group is delegated to this guest, so that --limit %s:%s cannot hold: start it with systemd-run --scope -p Delegate=yes, or "
			 "say --cgroup FOLDER", limit->process, limit->file);
		return EXIT_HOST;
	}
	if (where) {
		complain("cannot use the control group %s: %s%s", where, err == -ENOTSUP ? "it does not hand out memory and pids" : strerror(-err),
			 text_remedy(-err));
		return EXIT_HOST;
	}
	complain("no control group is delegated to this guest, so that nothing bounds the kernel memory that its processes use (start it with systemd-run "
		 "--scope -p Delegate=yes, or say --cgroup FOLDER; --cgroup none is quiet)");
	return 0;
}

/* Said, and no reason not to start: -1 stands for "in no group". */
static int unbounded(const char *name, int error)
{
	complain("%s is not bounded by a control group: %s", name, strerror(error));
	return -1;
}

static int open_procs(int dir)
{
	int fd = fd_lift(openat(dir, "cgroup.procs", O_WRONLY | O_CLOEXEC));

	return fd < 0 ? -errno : fd;
}

/*L:300
 * Below the guest's group there is one for each process, which enters it itself, before exec; so does its successor.
 * We have everything now and can start the first process.
 */
int cgroup_make(const char *name, uint64_t memory, unsigned int pids)
{
	char bound[32];
	int dir, fd;

	if (guest < 0)
		return -1;
	dir = mkdirat(guest, name, 0755) && errno != EEXIST ? -1 : openat(guest, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return unbounded(name, errno);
	snprintf(bound, sizeof(bound), "%llu", (unsigned long long)memory);
	fd = write_at(dir, "memory.max", bound);
	snprintf(bound, sizeof(bound), "%u", pids);
	if (!fd)
		fd = write_at(dir, "pids.max", bound);
	if (!fd)
		fd = set_wanted(dir, name);
	/* Out of memory, a role and its minder end together. */
	write_at(dir, "memory.oom.group", "1");
	if (!fd)
		fd = open_procs(dir);
	close(dir);
	return fd < 0 ? unbounded(name, -fd) : fd;
}

int cgroup_enter(int group)
{
	return group < 0 || write(group, "0", 1) == 1 ? 0 : -errno;
}

/* The sum of the numbers that stand behind a word in a small file of the group; without a word, the number that it begins with. */
static uint64_t number_in(const char *name, const char *file, const char *word)
{
	char path[96], text[4096];
	uint64_t sum = 0;
	const char *at;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%.32s/%s", name, file);
	fd = openat(guest, path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	if (!*word)
		return strtoull(text, NULL, 10);
	for (at = text; (at = strstr(at, word)); at += strlen(word))
		sum += strtoull(at + strlen(word), NULL, 10);
	return sum;
}

bool cgroup_bill(const char *name, struct cgroup_bill *bill)
{
	if (guest < 0 || faccessat(guest, name, F_OK, 0))
		return false;
	*bill = (struct cgroup_bill){
		.usec = number_in(name, "cpu.stat", "usage_usec "), .memory = number_in(name, "memory.current", ""),
		.read = number_in(name, "io.stat", "rbytes="), .written = number_in(name, "io.stat", "wbytes="),
	};
	return true;
}

/* One line for the log: who used how much. A process that used next to nothing is left out. */
static void say_used(void)
{
	int fd = openat(guest, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	char line[1024] = "";
	struct cgroup_bill b;
	struct dirent *e;
	size_t n = 0;

	while (d && (e = readdir(d))) {
		if (e->d_type != DT_DIR || e->d_name[0] == '.' || !cgroup_bill(e->d_name, &b) || b.usec < 1000 || n >= sizeof(line))
			continue;
		n += (size_t)snprintf(line + n, sizeof(line) - n, "%s%s %llu.%03llu s CPU", n ? ", " : "", e->d_name, (unsigned long long)b.usec / 1000000,
				      (unsigned long long)b.usec / 1000 % 1000);
		if (b.read + b.written && n < sizeof(line))
			n += (size_t)snprintf(line + n, sizeof(line) - n, " (%llu KiB read, %llu KiB written)", (unsigned long long)b.read >> 10,
					      (unsigned long long)b.written >> 10);
	}
	if (d)
		closedir(d);
	if (n)
		complain("used: %s", line);
}

void cgroup_end(void)
{
	if (guest >= 0)
		say_used();
	/* Back to where we came from, which may have no processes while it hands something out: unless another guest is there, too. */
	if (moved) {
		hand_out_nothing(guest);
		hand_out_nothing(parent);
		write_at(parent, "cgroup.procs", "0");
	}
	if (guest >= 0)
		remove_guest(parent, guest_name, REMOVE_TRIES);
	fd_close(&guest);
	fd_close(&parent);
}
