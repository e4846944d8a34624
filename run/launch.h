/* SPDX-License-Identifier: GPL-2.0 */
/*
 * launch.h: what lguest-run was asked to start, and what it holds while it runs. options.c fills the first
 * half of each structure, resources.c and spawn.c the second; supervise.c watches.
 */
#ifndef LGUEST_RUN_LAUNCH_H
#define LGUEST_RUN_LAUNCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/layout.h"
#include "run/cgroup.h"
#include "run/kind.h"
#include "run/log.h"
#include "run/restart.h"

/**
 * struct role - one device: what was asked for, and the process that serves it
 * @kind: of the option, @type: of the device that the guest sees: another one if a foreign program serves it
 * @path: the object: image, tap name, console target, socket
 * @value: of each of the kind's keys; NULL: not said (role_key())
 * @window: bytes; 0 = dma=direct
 * @direct: that was the last word on it while the option was read
 * @name: "block0"
 *
 * @check: nothing will be started, so nothing is made for it that would stay
 * @chosen: text that launch.c chose for what was not said, the same for each process
 * @resource: opened for it, -1 = none
 * @kept: a descriptor that each of its processes hands on to the next; 0 = none yet
 * @socket: our end's peer: the core's end of the vhost-user connection until it is handed over
 * @drain: read end of the pipe that hangs up when the last I/O of the process is over
 * @record: the folder for a recording of its first process, or NULL; @record_fd: the file, until it is handed over; @record_folder, @record_made: the
 *	folder, and the file to know it by (O_PATH)
 * @recorder: lguest-record (a pidfd) while that process is recorded; these four are 0 or -1 when there is none
 * @pid: of its process, 0 = none runs; @pidfd: the same
 * @end_at_ms: when it is ended, because the core gave up its connection; 0 = the connection lives
 * @process: how many ran before it
 * @lost_ms: since when the guest is without it, 0 = it is served; @served_ms: since when it is, 0 = it is not
 * @restarts: what its deaths cost; @start_at_ms: not before
 * @died_ms: when its last process died, whose last I/O it waits for
 * @refused_ms: when the user was last told that it refused what the driver set up, 0 = never
 * @log: what it says
 */
struct role {
	const struct device_kind *kind, *type;
	const char *path;
	const char *value[KIND_KEYS_MAX];
	uint64_t window;
	bool direct;
	char name[24];

	bool check;
	char chosen[24];
	int resource[2];
	int kept;
	int socket;
	int drain;
	const char *record;
	int record_fd, record_folder, record_made;
	int recorder;
	pid_t pid;
	int pidfd;
	uint64_t end_at_ms, lost_ms, served_ms, start_at_ms, died_ms, refused_ms;
	struct restarts restarts;
	struct log_source log;
	int group;		/* its control group, 0 = none yet, -1 = there was none to be had */
	uint32_t process;
	bool blamed;		/* the core gave up its connection, and it was killed for that */
	bool hangs;		/* it did not answer the core in time: restart it, but do not count a strike (the host may be busy) */
	bool wanted;		/* dead, to be started when its drain pipe hangs up */
	bool undrained;		/* that takes so long that the user was told */
	bool unstarted;		/* for it the guest was not started */
	bool given_up;		/* until the user orders otherwise */
	int program;		/* that serves it, O_PATH, kept for a failed upgrade; 0 = by its name (control.c) */
	char version[24];	/* of that, when it is not ours */
};

#define ROLES_READ (GUEST_DEVICES + 1)	/* while the line is read: one may mean that there is no such device, and is dropped */

/**
 * struct launch - everything
 */
struct launch {
	const char *kernel;
	const char *initrd;
	const char *cmdline;
	const char *name;
	const char *pidfile;
	const char *log;
	uint64_t memory;
	unsigned int cpus;
	const char *cgroup;
	struct cgroup_limit limit[CGROUP_LIMITS];
	unsigned int limits;
	struct { const char *what, *dir; } record[GUEST_DEVICES];	/* "NAME=DIR", and DIR of it */
	unsigned int records;
	uint64_t record_max;	/* bytes of each at most; 0: what lguest-record has */
	bool check;
	bool explain;
	bool verbose;
	unsigned int require;	/* layers of the sandbox (policy/policy.h); once they are known, all that this host gives */
	uid_t user;		/* of its processes when root starts it; 0: one of its own for each */
	unsigned int roles;
	struct role role[ROLES_READ];

	int kernel_fd, initrd_fd, lguest_fd, null_fd;
	int program_dir;	/* where the role programs are: beside lguest-run */
	int control;		/* to the core */
	pid_t core_pid;
	int core_pidfd;
	struct log_source core_log, guest_log;	/* the core's own words, and its guest's before it has a console */
	const char *control_dir;
	unsigned int stop_timeout;	/* seconds for a guest to power down */
	int asks;		/* to lguest-control; 0 = there is none */
	pid_t control_pid;
	int control_pidfd;
	struct log_source control_log;
	bool ran;		/* the guest did, if only for a moment */
	uint64_t asked_ms, alive_ms;	/* life.c: when the core was last asked, and when it last answered or was not yet to be asked */
};

/** role_key() - what was said for the key @name of its kind: its value, "" for a bare key, NULL if nothing was said. */
const char *role_key(const struct role *r, const char *name);

/** role_rates_asked() - struct kind_launch.asked of kinds with keys bw and burst: NULL, or what is missing. */
const char *role_rates_asked(struct role *r);

/** role_is_foreign() - does somebody else's program serve it, which lguest-run neither starts nor confines? */
static inline bool role_is_foreign(const struct role *r)
{
	return !r->kind->launch->args;
}

/*P:110
 * A guest's life in one page. We have just seen who is there; the prototypes behind this comment are what lguest-run
 * does, in order.
 *
 *  1. lg.ko is loaded into a host that it is right for, and there is /dev/lguest (P:120).
 *  2. lguest-run reads its command line (options_parse()), opens all that it names (resources_open()), and finds out
 *     which layers of a sandbox this host gives (sandbox_check()). No process of the guest runs yet.
 *  3. It starts a process for each device, called a role, and then lguest-core, which gets the other end of each
 *     role's connection (spawn_role(), spawn_core()). Each finds exactly its descriptors. A role of ours goes into its
 *     sandbox and is sealed before it reads a byte of its connection.
 *  4. lguest-core goes into its sandbox, makes the guest by ioctls of /dev/lguest, gives it memory, greets the roles,
 *     and loads the kernel. Its main thread seals itself and says CONTROL_RUNNING; the vCPU's thread seals itself
 *     before the first instruction.
 *  5. The vCPU's thread calls LGUEST_RUN. The switcher crosses into the guest; when the guest needs more than ring 3
 *     has, a hypercall, a fault or an interrupt brings the processor back to the module, which settles most of it
 *     there. lguest-core sees registers of devices, early console text, and the end.
 *  6. A driver's request lies in the window of its device. The kick goes through the module to the role, the call
 *     comes back so.
 *  7. A role that dies has a successor with the same descriptors, which is told everything and does again what was in
 *     flight.
 *  8. The guest powers off, LGUEST_RUN returns, lguest-core sends its last word, lguest-run ends all others
 *     (supervise()), puts the terminal back, and exits with the guest's status.
 *
 * Three things that are looked for first. A dead role goes to role_died() in run/supervise.c (L:430). A kick is bound
 * by bind_eventfds() in core/device.c (L:640), carried by lg_notify() in kmod/eventfds.c (chapter Host), and taken by
 * backend_kicked() in devices/backend.c (chapter Drivers). A page fault goes to page_fault() in kmod/vcpu.c and from
 * there to lg_shadow_fault() in kmod/shadow_faults.c (chapter Host).
 */
/** options_parse() - the command line (and the files it names). Return: 0, or an exit status after complain(). -1: exit 0. */
int options_parse(struct launch *l, int argc, char **argv);

/** cmdline_build() - the command line that lguest-core is given, cut at @size. Return: its whole length. */
size_t cmdline_build(const struct launch *l, char *buf, size_t size);

/** cmdline_check() - has the kernel room for it and for what the core adds? Return: 0, or an exit status after complain(). */
int cmdline_check(const struct launch *l);

/** resources_open() - open all that the command line names. Return: 0, or an exit status after complain(). */
int resources_open(struct launch *l);

/**
 * resources_too_long() - is what its process writes a file that is longer than this process's limit of file sizes?
 * @r: its resources are open
 *
 * Return: NULL, or the end of "the file ..." that says so; it lives until the next call.
 */
const char *resources_too_long(const struct role *r);

/**
 * resources_close() - take away what was made for this guest and not used: recordings of a start that failed, so that the next one can make them
 */
void resources_close(const struct launch *l);

/**
 * sandbox_check() - which layers will the processes have, and is that what the user requires?
 *
 * From here on all of them are required, at a restart as at the start. Return: 0, or an exit status after complain().
 */
int sandbox_check(struct launch *l);

/** ring_check() - may the processes that need an io_uring make one? Return: 0, or an exit status after complain(). */
int ring_check(const struct launch *l);

/** explain() - print which process would hold what. */
void explain(const struct launch *l);

/** spawn_role() - start the process of a role; @r->socket becomes the core's end. Return: 0 or an exit status. */
int spawn_role(struct launch *l, struct role *r);

/** spawn_core() - start lguest-core with every role's connection. Return: 0 or an exit status. */
int spawn_core(struct launch *l);

/**
 * core_must_live() - ask the core for a sign of life when it is time, and look whether it owes one for too long
 * @l: the core runs its guest
 * @now: milliseconds
 *
 * Return: milliseconds until the next call, -1: it has not answered for too long, and is not stopped: it hangs.
 */
int core_must_live(struct launch *l, uint64_t now);

/** supervise_hold() - from here on the signals that end a guest wait for supervise(), so that what was made until then is taken away again */
void supervise_hold(void);

/** supervise() - watch until the guest ends, then end everything. Return: the exit status. */
int supervise(struct launch *l);

/** terminal_save() - remember the settings of the terminal on stdin, if it is one; terminal_restore() puts them back. */
void terminal_save(void);
void terminal_restore(void);

#endif
