// SPDX-License-Identifier: GPL-2.0
/*L:240
 * resources.c: open everything that the command line names, before any process starts (launch.h). From here on
 * there are only descriptors: no role is told a path. What a device needs its launch.c opens.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ipc/exit.h"
#include "run/child.h"
#include "run/file.h"
#include "run/folder.h"
#include "run/launch.h"
#include "run/say.h"
#include "run/text.h"

static int open_module(struct launch *l)
{
	l->lguest_fd = fd_open("/dev/lguest", O_RDWR);
	if (l->lguest_fd >= 0)
		return 0;
	if (errno == ENOENT || errno == ENXIO || errno == ENODEV)
		complain("there is no /dev/lguest: load the module first (modprobe lg, or insmod lg.ko)");
	else if (errno == EACCES || errno == EPERM)
		complain("/dev/lguest is not open to you: join its group (usermod -aG lguest NAME) and log in again");
	else
		complain("cannot open /dev/lguest: %m%s", text_remedy(errno));
	return EXIT_DEVICE;
}

static int open_file(const char *what, const char *path, int *fd)
{
	struct stat st;

	*fd = fd_open(path, O_RDONLY | O_NONBLOCK);	/* a FIFO must not hold us */
	if (*fd < 0) {
		complain("cannot open the %s %s: %m%s", what, path, text_remedy(errno));
		return EXIT_FILE;
	}
	if (!fstat(*fd, &st) && S_ISREG(st.st_mode))
		return 0;
	complain("the %s %s is not a file: name a regular one", what, path);
	return EXIT_FILE;
}

static int open_program_dir(struct launch *l)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	char *slash;

	if (n > 0) {
		path[n] = '\0';
		slash = strrchr(path, '/');
		slash[slash == path] = '\0';
		l->program_dir = fd_open(path, O_PATH | O_DIRECTORY);
	}
	if (l->program_dir >= 0)
		return 0;
	complain("cannot find the folder of this program (is /proc mounted?), where the role programs are");
	return EXIT_HOST;
}

/* Stands where a role has a fixed number for something that this guest has not. */
static int open_null(struct launch *l)
{
	l->null_fd = fd_open("/dev/null", O_RDWR);
	if (l->null_fd >= 0)
		return 0;
	complain("cannot open /dev/null: %m");
	return EXIT_HOST;
}

/* At high numbers: the file, and with its folder, what it is to be known by when it is taken away again. Return: 0 or -errno, and nothing of it is kept. */
static int keep_recording(struct role *r, int folder, int fd)
{
	char path[32];
	int err;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	r->record_made = fd_open(path, O_PATH);
	r->record_folder = fcntl(folder, F_DUPFD_CLOEXEC, FD_FLOOR);
	r->record_fd = fcntl(fd, F_DUPFD_CLOEXEC, FD_FLOOR);
	if (r->record_made >= 0 && r->record_folder >= 0 && r->record_fd >= 0)
		return 0;
	err = -errno;
	fd_close(&r->record_made);
	fd_close(&r->record_folder);
	fd_close(&r->record_fd);
	return err;
}

static int make_recording(struct role *r)
{
	int folder, fd = folder_make_file(r->record, "recording", &folder), err = fd < 0 ? fd : keep_recording(r, folder, fd);

	if (fd >= 0 && err && file_is(fd, folder, "recording"))
		unlinkat(folder, "recording", 0);
	fd_close(&folder);
	fd_close(&fd);
	return err;
}

static int open_recording(struct role *r)
{
	int err;

	if (!r->record)
		return 0;
	err = r->check ? folder_may_make_file(r->record, "recording") : make_recording(r);
	if (!err)
		return 0;
	errno = -err;
	complain("cannot make %s/recording for %s: %m%s", r->record, r->name,
		 errno == EEXIST ? " (name another folder, or move it away)" : errno == ELOOP || errno == ENOTDIR ? " (name a folder, not a link)" :
		 text_remedy(errno));
	return EXIT_FILE;
}

const char *resources_too_long(const struct role *r)
{
	static char text[160];
	const int fd = r->resource[0];
	struct rlimit most;
	struct stat st;

	if (fd < 0 || (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY || fstat(fd, &st) || !S_ISREG(st.st_mode) || getrlimit(RLIMIT_FSIZE, &most) ||
	    (rlim_t)st.st_size <= most.rlim_cur)
		return NULL;
	snprintf(text, sizeof(text), "has %llu MiB, and files of at most %llu KiB are allowed: its end could not be written (raise it: ulimit -f unlimited)",
		 (unsigned long long)st.st_size >> 20, (unsigned long long)most.rlim_cur >> 10);
	return text;
}

/* The guest never ran, and it was not this device that kept it from that: or nothing was ever written. */
static bool of_no_use(const struct launch *l, const struct role *r)
{
	struct stat st;

	return !fstat(r->record_made, &st) && (!st.st_size || (!l->ran && !r->unstarted));
}

void resources_close(const struct launch *l)
{
	for (unsigned int i = 0; i < l->roles; i++) {
		const struct role *r = &l->role[i];

		if (r->record_made > 0 && of_no_use(l, r) && file_is(r->record_made, r->record_folder, "recording"))
			unlinkat(r->record_folder, "recording", 0);
	}
}

/* What is taken already, in this same guest. Asked before it is opened: nobody will let it go, so nobody is waited for. */
static const struct role *taken_by(const struct launch *l, const struct role *r)
{
	for (const struct role *of = l->role; of < r; of++)
		if (of->kind == r->kind && r->kind->launch->same && r->kind->launch->same(r, of))
			return of;
	return NULL;
}

static int open_device(const struct launch *l, struct role *r)
{
	const struct role *of = taken_by(l, r);

	r->check = l->check;
	if (of) {
		complain("--%s %s: this guest has it already, as %s: leave one of them out, or name another", r->kind->name, r->path, of->name);
		return EXIT_USAGE;
	}
	return r->kind->launch->open ? r->kind->launch->open(r) : 0;
}

/*L:250
 * The command line is understood, and struct launch is full of names. Here those of the module, of the kernel, of the
 * initrd and of what devices need become descriptors. What a device needs is opened by its own folder, through the one
 * call in the loop.
 */
int resources_open(struct launch *l)
{
	int err = open_module(l);

	if (!err)
		err = open_file("kernel", l->kernel, &l->kernel_fd);
	if (!err && l->initrd)
		err = open_file("initrd", l->initrd, &l->initrd_fd);
	if (!err)
		err = open_program_dir(l);
	if (!err)
		err = open_null(l);
	for (unsigned int i = 0; i < l->roles && !err; i++)
		err = open_device(l, &l->role[i]);
	if (!l->check)
		supervise_hold();
	for (unsigned int i = 0; i < l->roles && !err; i++)
		err = open_recording(&l->role[i]);
	return err;
}
