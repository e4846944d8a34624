/* SPDX-License-Identifier: GPL-2.0 */
/*
 * policy.h: what a role may do, as data, and the few calls that make it so.
 *
 * Every role (block, net, console, core, ...) has one `struct policy` in devices/NAME/manifest.c: its descriptors
 * at fixed numbers, its system calls with pinned arguments, its io_uring opcodes, its limits. At build time
 * policy/compile.c turns the system-call lists into two BPF programs (set-up, sealed) with libseccomp, so that a
 * running role links no libseccomp, allocates nothing for it and can't load another filter than the printed one.
 *
 * A role's main() goes through these steps, in this order:
 *
 *	1. parse options, open what the command line names (stand-alone use) or take inherited descriptors;
 *	2. policy_place_fd() each of them at its fixed number;
 *	3. policy_enter(): namespaces, empty root, no capabilities, no_new_privs, limits, Landlock, set-up filter;
 *	4. make the ring and the device's buffers; policy_ring_restrict();
 *	5. policy_seal(). Only the sealed calls are left, pinned to those numbers. Only now may a byte that a peer or a
 *	   guest wrote be read: a back end on io_uring receives its memory, kick and call descriptors through the ring.
 *
 * May be called by: devices/, core/. May call: nothing of ours.
 */
#ifndef LGUEST_POLICY_H
#define LGUEST_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "policy/fds.h"

struct sock_filter;

enum policy_stage {
	POLICY_SETUP = 1,	/* from policy_enter() to policy_seal() */
	POLICY_SEALED = 2,	/* after policy_seal() */
	POLICY_BOTH = 3,
};

/* One comparison on one argument: (arg & mask) == value. At most one per argument. */
struct policy_arg {
	uint8_t used;
	uint8_t index;		/* argument number, 0..5 */
	uint64_t mask;
	uint64_t value;
};

#define POLICY_ARGS 4u
#define ARG_IS(i, v) { 1, (i), ~0ull, (uint64_t)(v) }
#define ARG_BITS(i, m, v) { 1, (i), (m), (uint64_t)(v) }
/* The argument is a descriptor of a class of POLICY_CLASS members, which begins at @first. */
#define ARG_CLASS(i, first) { 1, (i), ~(uint64_t)(POLICY_CLASS - 1), (uint64_t)(first) }
/* No bit outside @m: flags that may be any subset of @m. */
#define ARG_WITHIN(i, m) { 1, (i), ~(uint64_t)(m), 0 }

/* One allowed system call. Several rows for one number are alternatives. */
struct policy_call {
	int nr;				/* __NR_* of x86-64 */
	unsigned int stages;		/* POLICY_SETUP | POLICY_SEALED */
	const char *name;
	const char *why;		/* one clause: which step needs it */
	struct policy_arg arg[POLICY_ARGS];
};
#define CALL(n, stages, why, ...) { __NR_##n, stages, #n, why, { __VA_ARGS__ } }

/* One descriptor (or class) that the role holds. What is not listed is closed by policy_enter()/policy_seal(). */
struct policy_desc {
	int first;
	unsigned int count;
	unsigned int stages;
	const char *name;
	const char *kind;	/* prefix of /proc/PID/fd's link: "socket:", "pipe:", "anon_inode:[eventfd]", "/" ... */
};

/* One resource limit, soft and hard, set at the given stage. */
struct policy_limit {
	int resource;
	unsigned int stage;	/* the one stage at whose start it is set */
	const char *name;
	uint64_t value;
};

/* One io_uring opcode that the role's ring accepts (IORING_RESTRICTION_SQE_OP). */
struct policy_ring_op {
	uint8_t op;
	const char *name;
	const char *why;
};

/* One compiled filter and its SHA-256 (lower-case hex), made at build time from the manifest. */
struct policy_filter {
	const struct sock_filter *insn;
	unsigned short len;
	const char *sha256;
};

/*P:160
 * Now what each of them may do. It is data, one structure for each program that is sealed, made of rows that stand
 * above it in this header: system calls with pinned arguments, descriptors, limits, opcodes of a ring, every call and
 * opcode with its reason. `make policies` prints them all on one page.
 */
struct policy {
	const char *role;
	const char *purpose;
	const struct policy_call *calls;	/* ends with .name == NULL */
	const struct policy_desc *descs;	/* ends with .name == NULL */
	const struct policy_limit *limits;	/* ends with .name == NULL */
	const struct policy_ring_op *ring_ops;	/* ends with .name == NULL, or NULL: no ring */
	int namespaces;				/* CLONE_NEW* */
	bool may_stop;				/* SIGSTOP pauses it; any other role is ended then: somebody waits for it */
	int own_first;				/* policy_seal() keeps what the role itself opened in set-up from here on; 0: nothing */
};

/* A manifest with its two compiled filters, as linked into a role: policy_block, policy_net, ... */
struct policy_role {
	const struct policy *policy;
	struct policy_filter setup;
	struct policy_filter sealed;
};

/* POLICY_DECLARE(block): declares policy_block, whose manifest is devices/block/manifest.c. Each program declares its own. */
#define POLICY_DECLARE(name) extern const struct policy_role policy_##name

POLICY_DECLARE(minder);	/* the parent that waits for a role in its own pid namespace */
POLICY_DECLARE(attendant);	/* the same, when it reads its role's pipes */

/* Every role that there is, NULL-terminated: made by the build (policy/build.mk), for tests and `make policies`. */
extern const struct policy_role *const policy_roles[];

/* Layers that policy_enter() put on, for its report. */
enum policy_layer {
	POLICY_LAYER_USERNS	= 1u << 0,
	POLICY_LAYER_PIDNS	= 1u << 1,
	POLICY_LAYER_MOUNTNS	= 1u << 2,
	POLICY_LAYER_NETNS	= 1u << 3,
	POLICY_LAYER_IPCNS	= 1u << 4,
	POLICY_LAYER_UTSNS	= 1u << 5,
	POLICY_LAYER_ROOT	= 1u << 6,	/* empty read-only root */
	POLICY_LAYER_UID	= 1u << 7,	/* runs as another user than host root */
	POLICY_LAYER_CAPS	= 1u << 8,	/* no capability in any set, bounding set included */
	POLICY_LAYER_NNP	= 1u << 9,
	POLICY_LAYER_LIMITS	= 1u << 10,
	POLICY_LAYER_LANDLOCK	= 1u << 11,
	POLICY_LAYER_FILTER	= 1u << 12,
	POLICY_LAYERS_ALL	= (1u << 13) - 1,
	POLICY_LAYER_NAMESPACES	= POLICY_LAYER_MOUNTNS | POLICY_LAYER_NETNS | POLICY_LAYER_IPCNS | POLICY_LAYER_UTSNS,
	POLICY_LAYERS_NAMESPACES = POLICY_LAYER_USERNS | POLICY_LAYER_PIDNS | POLICY_LAYER_NAMESPACES | POLICY_LAYER_ROOT,
};

/* Users of processes that root starts: this and the process's number. Nobody else on the host has them, systemd's containers end below; but another container's lguest has. */
#define POLICY_USER_FIRST	0x70000000u

/**
 * struct policy_options - what a manifest cannot know
 * @file_size: RLIMIT_FSIZE in bytes: the size of a writable image, 0 for none (also pipes, sockets)
 * @require: enum policy_layer bits without which it is not to run
 * @user: started by root, run as this user and group; 0: as one of its own
 * @order: the minder calls this with a byte that the role wrote to POLICY_FD_ORDER, at most once a second for long; NULL: no such pipe
 */
struct policy_options {
	uint64_t file_size;
	unsigned int require;
	uid_t user;
	void (*order)(uint8_t what);
};

/**
 * policy_place_fd() - move a descriptor to its number in the table.
 * @fd: an open descriptor, or already @slot. It is closed when moved.
 * @slot: its number of enum policy_fd (plus queue). What was open there is replaced.
 *
 * The new descriptor is close-on-exec. Return: @slot, or -errno.
 */
int policy_place_fd(int fd, int slot);

/*P:170
 * And when it holds: two calls in the life of each process but lguest-run, which keeps its user's rights.
 * policy_enter() comes when the descriptors are at their numbers. policy_seal() comes, in a role, before the first
 * byte of its peer is read; lguest-core reads its kernel and the answers of the roles in between, and is sealed before
 * the guest's first instruction. Preparation ends here: you know who is there, what each holds, and how they speak.
 * The guest is next. Chapter Guest is a kernel that knows it has no ring 0; then come its devices, which see the
 * least, and then who starts all this.
 */
/**
 * policy_enter() - put the calling process in its sandbox, with the set-up filter.
 * @role: the manifest to apply.
 * @opt: what the manifest can't know; not kept.
 * @layers: set to the enum policy_layer bits that are on; may be NULL.
 *
 * Closes every descriptor that the manifest doesn't list for set-up, and gives the role a pipe for its log, unless it has one. It forks:
 * the call returns in the child, and the parent stays behind as the minder: it shows the log, ends with the child's status (at most 127; 128 +
 * signal when it was killed; stopped counts as killed, see may_stop), and the child is killed when it dies. The process must be single-threaded.
 * Prints nothing: see policy_report().
 * A layer that the host lacks is left out and its bit with it, unless it is required (-EACCES); no filter, no no_new_privs or remaining
 * capabilities are errors, and so is want of memory or processes.
 *
 * Return: 0, or -errno with nothing promised about what was applied: the caller must exit.
 */
int policy_enter(const struct policy_role *role, const struct policy_options *opt, unsigned int *layers);

/**
 * policy_spawn() - fork a child that is inside the sandbox; for a program that serves one connection after another.
 *
 * As policy_enter(), but the parent goes on: it gets the child's process id (> 0), the child 0. -errno on failure.
 */
pid_t policy_spawn(const struct policy_role *role, const struct policy_options *opt, unsigned int *layers);

/**
 * policy_wait() - what a minder does, for who called policy_spawn(): show the role's log and obey it until it ends
 * @pid: the role
 *
 * Return: its status as waitpid(2) has it, or -1.
 */
int policy_wait(pid_t pid);

/**
 * policy_probe() - which layers would a role of this process get?
 * @role: any manifest with the namespaces of those that will be started, @opt: likewise
 * @layers: set to the enum policy_layer bits
 *
 * Return: 0 or -errno.
 */
int policy_probe(const struct policy_role *role, const struct policy_options *opt, unsigned int *layers);

/** policy_missing() - the names of layers, with commas, in @text. */
void policy_missing(unsigned int missing, char *text, size_t size);

/** policy_parse_require() - "all", "namespaces", "none" or a number, as layers. Return: 0 or -EINVAL. */
int policy_parse_require(const char *text, unsigned int *layers);

/**
 * policy_confine_parent() - a process that stays outside to keep something for its child, a role's minder or what becomes one, keeps only that
 * @role: the manifest of the caller. What it lists and policy_place_fd() placed stays open; its sealed filter is loaded.
 *
 * Its user is its child's, or it could not signal it: policy_share_user() comes before the fork.
 * Return: 0, or -errno: the caller must exit.
 */
int policy_confine_parent(const struct policy_role *role);

/** policy_drop_capabilities() - all of the calling process's, for good, and looks whether they are gone. Return: 0 or -errno. */
int policy_drop_capabilities(void);

/** policy_share_user() - started by root, this process and its children become @user; 0: one that is chosen now, unless one was. */
void policy_share_user(uid_t user);

/**
 * policy_report() - one line on the layers, for the log: "sandbox: all layers on", or which are missing.
 * @role: the manifest applied.
 * @layers: as policy_enter() set it.
 * @out: usually stderr.
 */
void policy_report(const struct policy_role *role, unsigned int layers, FILE *out);

/**
 * policy_seal() - load the sealed filter; nothing of set-up is possible afterwards.
 * @role: the same manifest as in policy_enter().
 *
 * Closes every descriptor that isn't listed for the sealed stage, sets the sealed limits. Allocates nothing.
 *
 * Return: 0, or -errno: the caller must exit.
 */
int policy_seal(const struct policy_role *role);

/**
 * policy_forget_start() - give back the memory of code that was needed for the start alone
 *
 * policy_seal() and the minders do so; lguest-run, which is not sealed, when its guest is started. Cannot fail: at worst nothing is given back.
 */
void policy_forget_start(void);

/**
 * policy_ring_restrict() - restrict a ring made with IORING_SETUP_R_DISABLED to the manifest's opcodes, and enable it.
 * @role: the manifest.
 * @ring_fd: the ring, disabled; files and buffers already registered: nothing can be registered on it afterwards.
 *	Requests may name registered files or plain descriptors (those that arrive after the seal).
 *
 * Return: 0 or -errno.
 */
int policy_ring_restrict(const struct policy_role *role, int ring_fd);

/**
 * policy_print() - `--print-policy`: the manifest, readable, with both filters' sizes and SHA-256.
 *
 * Return: 0, or -EIO when @out fails.
 */
int policy_print(const struct policy_role *role, FILE *out);

#endif
