// SPDX-License-Identifier: GPL-2.0
/*
 * hostile.c: what a hijacked role can do: a payload in the place of each sealed role.
 *
 *	hostile calls ROLE	every system-call number with junk arguments, in all three ABIs
 *	hostile ring ROLE	every io_uring opcode and entry flag on the role's ring
 *	hostile acts ROLE	named attacks with proper arguments: with all layers, without the filters, and with
 *				no sandbox at all, where each must work (or the test shows nothing)
 *
 * What may get through is written here and in acts.c, apart from the manifests. Exit status 0: nothing else did.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/sandbox/acts.h"

#define NUMBERS 512
#define X32_BIT 0x40000000L

static unsigned int passed, failed, skipped;

void hostile_check(bool good, const char *fmt, ...)
{
	va_list ap;

	if (good)
		passed++;
	else
		failed++;
	if (good)
		return;
	printf("FAIL ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

const char *hostile_outcome(const struct place_result *r)
{
	static char text[64];

	switch (r->outcome) {
	case PLACE_DIED:
		return "killed (SIGSYS)";
	case PLACE_CRASHED:
		snprintf(text, sizeof(text), "signal %d", r->signal);
		return text;
	case PLACE_RET:
		snprintf(text, sizeof(text), "returned %ld", r->ret);
		return text;
	case PLACE_STUCK:
		return "let in, blocked";
	default:
		return "place not made";
	}
}

static long raw64(struct place *p, long nr)
{
	register long r10 __asm__("r10") = -1, r8 __asm__("r8") = -1, r9 __asm__("r9") = -1;
	long ret;

	(void)p;
	__asm__ volatile("syscall" : "=a"(ret) : "a"(nr), "D"(-1L), "S"(-1L), "d"(-1L), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

static long raw32(struct place *p, long nr)
{
	long ret;

	(void)p;
	__asm__ volatile("int $0x80" : "=a"(ret) : "a"(nr), "b"(-1), "c"(-1), "d"(-1), "S"(-1), "D"(-1) : "memory");
	return ret;
}

/*
 * Numbers that a sealed role answers although every argument is junk: rules without a pinned argument. Everything else
 * must kill. 335 and 336 are uretprobe and uprobe, which newer kernels let through any filter by design: they do
 * nothing unless the kernel itself has planted a probe.
 */
static const struct {
	const char *role;
	const int numbers[12];
} through[] = {
	{ HOSTILE_RING_ROLES, { SYS_munmap, SYS_exit_group } },
	{ "core", { SYS_write, SYS_sendmsg, SYS_recvmsg, SYS_poll, SYS_restart_syscall, SYS_clock_gettime,
		    SYS_close, SYS_exit_group } },
	{ "control", { SYS_ppoll, SYS_close, SYS_clock_gettime, SYS_exit_group } },
	{ "record", { SYS_ppoll, SYS_munmap, SYS_close, SYS_ftruncate, SYS_clock_gettime, SYS_exit_group } },
	{ "block-sync block-ro-sync block-keep-sync", { SYS_munmap, SYS_exit_group, SYS_ppoll, SYS_write, SYS_close, SYS_pread64 } },
};

static bool expected_through(const struct policy *p, long nr)
{
	for (unsigned int i = 0; i < sizeof(through) / sizeof(through[0]); i++)
		for (unsigned int k = 0; hostile_role_in(p, through[i].role) && k < 12; k++)
			if (through[i].numbers[k] == nr && (nr || !k))
				return true;
	return hostile_role_in(p, "block-sync block-ro-sync block-keep-sync") && nr == SYS_read;
}

static void check_calls(const struct policy_role *role)
{
	static const char *const abis[] = { "x86-64", "x32", "i386" };
	static struct place_result results[NUMBERS];
	unsigned int no_entry = 0;

	for (int abi = 0; abi < 3; abi++) {
		place_run_each(role, abi == 2 ? raw32 : raw64, abi == 1 ? X32_BIT : 0, NUMBERS, results);
		for (long nr = 0; nr < NUMBERS; nr++) {
			struct place_result r = results[nr];
			bool through_now = r.outcome != PLACE_DIED && r.outcome != PLACE_BROKEN;

			if (abi == 2 && r.outcome == PLACE_CRASHED && r.signal == SIGSEGV) {
				no_entry++;
				continue;
			}
			if (abi == 0 && (nr == 335 || nr == 336) && through_now) {
				skipped++;
				continue;
			}
			hostile_check(r.outcome != PLACE_BROKEN &&
				      through_now == (abi == 0 && expected_through(role->policy, nr)),
				      "%s: call %ld (%s): %s", role->policy->role, nr, abis[abi], hostile_outcome(&r));
		}
	}
	if (no_entry)
		printf("note: this kernel has no int $0x80 entry: %u i386 numbers not tried\n", no_entry);
	skipped += no_entry;
}

/* --- io_uring --- */

static bool listed(const struct policy_role *role, int op)
{
	for (const struct policy_ring_op *o = role->policy->ring_ops; o->name; o++)
		if (o->op == op)
			return true;
	return false;
}

static long ring_opcode(struct place *p, long op)
{
	struct io_uring_sqe sqe = { .opcode = (uint8_t)op, .fd = -1 };

	return place_ring_op(p, &sqe);
}

static long ring_flag(struct place *p, long flag)
{
	struct io_uring_sqe sqe = { .opcode = IORING_OP_READ, .fd = POLICY_FD_RESOURCE, .flags = (uint8_t)flag };

	return place_ring_op(p, &sqe);
}

/* The first opcode that this kernel does not have. */
static int first_unknown_opcode(void)
{
	struct io_uring_probe probe = { 0 };
	struct io_uring_params params = { 0 };
	long fd = syscall(SYS_io_uring_setup, 1, &params);

	if (fd < 0 || syscall(SYS_io_uring_register, fd, IORING_REGISTER_PROBE, &probe, 0)) {
		perror("hostile: io_uring");
		exit(2);
	}
	close((int)fd);
	return probe.last_op + 1;
}

static long new_ring(struct place *p, long entries)
{
	struct io_uring_params params = { 0 };
	long fd = syscall(SYS_io_uring_setup, entries, &params);

	(void)p;
	return fd < 0 ? -errno : fd;
}

/* A role that has none dies of making one, where any other process may. */
static void check_no_ring(const struct policy_role *role)
{
	struct place_result r = place_run(role, PLACE_SEAL, O_RDWR, new_ring, 1);
	struct place_result bare = place_run(role, PLACE_BARE, O_RDWR, new_ring, 1);

	hostile_check(r.outcome == PLACE_DIED, "%s: a ring of its own: %s", role->policy->role, hostile_outcome(&r));
	hostile_check(bare.outcome == PLACE_RET && bare.ret >= 0, "%s: control: a ring: %s", role->policy->role, hostile_outcome(&bare));
}

static void check_ring(const struct policy_role *role)
{
	const char *name = role->policy->role;
	int unknown;

	if (!role->policy->ring_ops) {
		check_no_ring(role);
		return;
	}
	unknown = first_unknown_opcode();
	for (int op = 0; op < unknown + 8; op++) {
		struct place_result r = place_run(role, PLACE_SEAL, O_RDWR, ring_opcode, op);
		struct place_result bare = place_run(role, PLACE_BARE, O_RDWR, ring_opcode, op);
		bool refused = r.outcome == PLACE_RET && r.ret == (op < unknown ? -EACCES : -EINVAL);

		hostile_check(listed(role, op) ? r.outcome != PLACE_BROKEN && !refused : refused,
			      "%s: ring opcode %d: %s", name, op, hostile_outcome(&r));
		hostile_check(bare.outcome != PLACE_BROKEN && !(bare.outcome == PLACE_RET && bare.ret == -EACCES),
			      "%s: control: ring opcode %d on a free ring: %s", name, op, hostile_outcome(&bare));
	}
	for (int bit = 1; bit < 8; bit++) {
		struct place_result r = place_run(role, PLACE_SEAL, O_RDWR, ring_flag, 1 << bit);

		/* Bit 7 is nobody's yet. */
		hostile_check(r.outcome == PLACE_RET && r.ret == (bit < 7 ? -EACCES : -EINVAL), "%s: ring entry flag %d: %s", name, bit,
			      hostile_outcome(&r));
	}
}

int main(int argc, char **argv)
{
	const struct policy_role *role = NULL;

	for (unsigned int i = 0; argc == 3 && policy_roles[i]; i++)
		if (!strcmp(policy_roles[i]->policy->role, argv[2]))
			role = policy_roles[i];
	if (role && !strcmp(argv[1], "calls"))
		check_calls(role);
	else if (role && !strcmp(argv[1], "ring"))
		check_ring(role);
	else if (role && !strcmp(argv[1], "acts"))
		check_acts(role);
	else {
		fprintf(stderr, "usage: hostile calls|ring|acts ROLE\n");
		return 2;
	}
	printf("hostile %s %s: %u passed, %u failed, %u skipped\n", argv[1], argv[2], passed, failed, skipped);
	return failed || !passed;
}
