// SPDX-License-Identifier: GPL-2.0
/*
 * policy_manifest.c: the manifests as data, and the filters compiled from them, without running either.
 *
 * What a manifest may contain is said here a second time, on purpose: a rule that somebody adds or takes away must be
 * added or taken away here too. Whether the kernel enforces them is tests/hostile's business.
 */
#include <criterion/criterion.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sha256.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "policy/policy.h"

TestSuite(policy_manifest, .timeout = 30);

POLICY_DECLARE(core);

#define LOOP "READ WRITE RECVMSG SENDMSG CLOSE POLL_ADD ASYNC_CANCEL "

/* The sealed rules of each role, in words, and what its ring may do: every one of them, and nothing else. */
static const struct {
	const char *role;
	unsigned int limit;	/* most sealed system calls, as promised */
	const char *sealed;
	const char *ring;	/* NULL: it has none */
} expected[] = {
	{ "block", 4, "io_uring_enter(0=7) mmap(2=3,3=1) munmap() exit_group() ", LOOP "TIMEOUT READV WRITEV FSYNC FALLOCATE " },
	{ "block-ro", 4, "io_uring_enter(0=7) mmap(2=3,3=1) munmap() exit_group() ", LOOP "TIMEOUT READV " },
	{ "block-keep", 4, "io_uring_enter(0=7) mmap(2=3,3=1) munmap() exit_group() ", LOOP "TIMEOUT READV WRITEV FSYNC " },
	{ "block-keep-sync", 13, "ppoll() recvmsg(0=3) sendmsg(0=3) read() pread64() write() close() mmap(2=3,3=1) munmap() "
				 "exit_group() preadv(0=4) pwritev(0=4) fdatasync(0=4) ", NULL },
	{ "block-ro-sync", 11, "ppoll() recvmsg(0=3) sendmsg(0=3) read() pread64() write() close() mmap(2=3,3=1) munmap() "
			       "exit_group() preadv(0=4) ", NULL },
	{ "net", 4, "io_uring_enter(0=7) mmap(2=3,3=1) munmap() exit_group() ", LOOP "TIMEOUT WRITEV " },
	{ "console", 8, "io_uring_enter(0=7) mmap(2=3,3=1) munmap() exit_group() ", LOOP "ACCEPT TIMEOUT READV WRITEV " },
	{ "block-sync", 14, "ppoll() recvmsg(0=3) sendmsg(0=3) read() pread64() write() close() mmap(2=3,3=1) munmap() "
			    "exit_group() preadv(0=4) pwritev(0=4) fdatasync(0=4) fallocate(0=4) ", NULL },
	{ "rng", 8, "io_uring_enter(0=7) mmap(2=3,3=1) munmap() exit_group() getrandom(2=0) ", LOOP },
	{ "vsock", 4, "io_uring_enter(0=7) mmap(2=3,3=1) munmap() exit_group() ", LOOP "ACCEPT TIMEOUT READV WRITEV SHUTDOWN " },
	{ "vsock-dial", 6, "recvfrom(0=4) socket(0=1,1=80801,2=0) connect(0=0) sendmsg(0=4) close(0=0) exit_group() ", NULL },
	{ "core", 13, NULL, NULL },	/* counted below: several rows for one call */
	{ "control", 13, "ppoll() accept4(0=4,3=80800) accept4(0=6,3=80800) dup3(1~10,2=80000) setsockopt(0~10,1=1,2=a) shutdown(0~10,1=2) close() recvmsg(0=3,2=4040) "
		   "recvmsg(0~10,2~4040) sendmsg(0=3,2=4040) sendmsg(0~10,2=4040) clock_gettime() exit_group() ", NULL },
	{ "record", 19, "ppoll() recvmsg(0=3,2~0) recvmsg(0=5,2~0) sendmsg(0=3,2=4040) sendmsg(0=5,2=4040) preadv2(2=1,5=8) write(0=4) write(0=2) write(2=8) "
			"eventfd2(0=0,1=80800) memfd_create(1=1) ftruncate() newfstatat(3=1000) fcntl(1=406) mmap(2=3,3=1) munmap() close() clock_gettime() "
			"exit_group() ", NULL },
	{ "minder", 3, "wait4() write(0=2) exit_group() ", NULL },
	{ "keeper", 8, "rt_sigtimedwait() wait4() kill() write(0=8) write(0=5) ioctl(0=0,1=5413) ioctl(0=0,1=5404) exit_group() ", NULL },
	{ "attendant", 8, "wait4() ppoll() rt_sigreturn() read(0~c) write(0=2) ioctl(0=10,1=400454d0) clock_gettime() exit_group() ", NULL },
};

static const char *sealed_text(const struct policy *p, unsigned int *n)
{
	static char text[1024];
	size_t at = 0;

	*n = 0;
	text[0] = 0;
	for (const struct policy_call *c = p->calls; c->name; c++) {
		const char *sep = "";

		if (!(c->stages & POLICY_SEALED))
			continue;
		++*n;
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s(", c->name);
		for (unsigned int i = 0; i < POLICY_ARGS; i++) {
			if (!c->arg[i].used)
				continue;
			at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%u%s%lx", sep, c->arg[i].index,
					       c->arg[i].mask == ~0ull ? "=" : "~", c->arg[i].value);
			sep = ",";
		}
		at += (size_t)snprintf(text + at, sizeof(text) - at, ") ");
	}
	return text;
}

Test(policy_manifest, sealed_rules)
{
	for (unsigned int i = 0; policy_roles[i]; i++) {
		const struct policy *p = policy_roles[i]->policy;
		bool found = false;
		unsigned int n;

		for (unsigned int k = 0; k < sizeof(expected) / sizeof(expected[0]); k++) {
			if (strcmp(expected[k].role, p->role))
				continue;
			found = true;
			if (!expected[k].sealed)
				continue;
			cr_expect_str_eq(sealed_text(p, &n), expected[k].sealed, "%s: %s", p->role, sealed_text(p, &n));
			cr_expect_leq(n, expected[k].limit);
		}
		cr_expect(found, "role %s has no expectation", p->role);
	}
}

/* The core's sealed calls, each once: at most 13, and no ioctl without its number. */
Test(policy_manifest, core_calls)
{
	const struct policy *p = policy_core.policy;
	unsigned int calls = 0;
	bool seen[512] = { false };

	for (const struct policy_call *c = p->calls; c->name; c++) {
		if (!(c->stages & POLICY_SEALED))
			continue;
		cr_assert_lt(c->nr, 512);
		calls += !seen[c->nr];
		seen[c->nr] = true;
		if (c->nr == SYS_ioctl)
			cr_expect(c->arg[0].used && c->arg[1].used, "an ioctl of any number");
	}
	cr_expect_leq(calls, 13, "%u sealed calls", calls);
}

Test(policy_manifest, ring_opcodes)
{
	char text[512];

	for (unsigned int i = 0; policy_roles[i]; i++) {
		const struct policy *p = policy_roles[i]->policy;

		text[0] = 0;
		for (const struct policy_ring_op *op = p->ring_ops; op && op->name; op++) {
			strcat(text, op->name);
			strcat(text, " ");
		}
		for (unsigned int k = 0; k < sizeof(expected) / sizeof(expected[0]); k++)
			if (!strcmp(expected[k].role, p->role))
				cr_expect_str_eq(text, expected[k].ring ? expected[k].ring : "", "%s: %s", p->role, text);
	}
}

Test(policy_manifest, printed_hash_is_the_filters_hash)
{
	char hash[SHA256_DIGEST_STRING_LENGTH];

	for (unsigned int i = 0; policy_roles[i]; i++) {
		const struct policy_filter *f[] = { &policy_roles[i]->setup, &policy_roles[i]->sealed };

		for (unsigned int k = 0; k < 2; k++) {
			SHA256Data((const uint8_t *)f[k]->insn, f[k]->len * sizeof(*f[k]->insn), hash);
			cr_expect_str_eq(hash, f[k]->sha256, "%s", policy_roles[i]->policy->role);
		}
	}
}

/* Classic BPF, as much of it as seccomp filters use. */
static uint32_t run_bpf(const struct policy_filter *f, const struct seccomp_data *d)
{
	uint32_t acc = 0;

	for (unsigned int pc = 0; pc < f->len; pc++) {
		const struct sock_filter *i = &f->insn[pc];

		switch (i->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			memcpy(&acc, (const uint8_t *)d + i->k, 4);
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			pc += acc == i->k ? i->jt : i->jf;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			pc += acc >= i->k ? i->jt : i->jf;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			pc += acc > i->k ? i->jt : i->jf;
			break;
		case BPF_JMP | BPF_JA:
			pc += i->k;
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			acc &= i->k;
			break;
		case BPF_RET | BPF_K:
			return i->k;
		default:
			cr_assert_fail("instruction %#x", i->code);
		}
	}
	cr_assert_fail("the filter runs off its end");
	return SECCOMP_RET_KILL_PROCESS;
}

/* A call that fits the row: pinned arguments as they must be, all others junk. */
static struct seccomp_data example(const struct policy_call *c)
{
	struct seccomp_data d = { .nr = c->nr, .arch = AUDIT_ARCH_X86_64 };

	for (unsigned int i = 0; i < 6; i++)
		d.args[i] = 0xdeadbeefcafef00dull;
	for (unsigned int i = 0; i < POLICY_ARGS; i++)
		if (c->arg[i].used)
			d.args[c->arg[i].index] = c->arg[i].value;
	return d;
}

/* A filter loaded later can only take away: a sealed rule that set-up lacks would never work. */
Test(policy_manifest, sealed_is_part_of_setup)
{
	for (unsigned int i = 0; policy_roles[i]; i++) {
		for (const struct policy_call *c = policy_roles[i]->policy->calls; c->name; c++) {
			struct seccomp_data d = example(c);

			if (c->stages & POLICY_SEALED)
				cr_expect_eq(run_bpf(&policy_roles[i]->sealed, &d), SECCOMP_RET_ALLOW, "%s: %s sealed",
					     policy_roles[i]->policy->role, c->name);
			cr_expect_eq(run_bpf(&policy_roles[i]->setup, &d), SECCOMP_RET_ALLOW, "%s: %s in set-up",
				     policy_roles[i]->policy->role, c->name);
		}
	}
}

Test(policy_manifest, each_pinned_argument_is_looked_at)
{
	for (unsigned int i = 0; policy_roles[i]; i++) {
		for (const struct policy_call *c = policy_roles[i]->policy->calls; c->name; c++) {
			for (unsigned int k = 0; k < POLICY_ARGS; k++) {
				struct seccomp_data d = example(c), high;

				/* another rule of the same stage may allow it: only calls with one row are looked at */
				if (!c->arg[k].used || !(c->stages & POLICY_SEALED))
					continue;
				high = d;
				d.args[c->arg[k].index] ^= 1ull << __builtin_ctzll(c->arg[k].mask);
				high.args[c->arg[k].index] ^= 1ull << 32;	/* the upper half counts too */
				cr_expect_eq(run_bpf(&policy_roles[i]->sealed, &d), SECCOMP_RET_KILL_PROCESS, "%s: %s arg %u",
					     policy_roles[i]->policy->role, c->name, c->arg[k].index);
				cr_expect_eq(run_bpf(&policy_roles[i]->sealed, &high), SECCOMP_RET_KILL_PROCESS,
					     "%s: %s arg %u, upper half", policy_roles[i]->policy->role, c->name,
					     c->arg[k].index);
			}
		}
	}
}

Test(policy_manifest, everything_else_kills_the_process)
{
	for (unsigned int i = 0; policy_roles[i]; i++) {
		const struct policy_filter *f[] = { &policy_roles[i]->setup, &policy_roles[i]->sealed };

		for (unsigned int k = 0; k < 2; k++) {
			struct seccomp_data exit_other = { .nr = SYS_exit_group, .arch = AUDIT_ARCH_I386 };
			struct seccomp_data exit_x32 = { .nr = SYS_exit_group | 0x40000000, .arch = AUDIT_ARCH_X86_64 };
			struct seccomp_data open_file = { .nr = SYS_openat, .arch = AUDIT_ARCH_X86_64 };
			struct seccomp_data nothing = { .nr = -1, .arch = AUDIT_ARCH_X86_64 };

			cr_expect_eq(run_bpf(f[k], &exit_other), SECCOMP_RET_KILL_PROCESS);
			cr_expect_eq(run_bpf(f[k], &exit_x32), SECCOMP_RET_KILL_PROCESS);
			cr_expect_eq(run_bpf(f[k], &open_file), SECCOMP_RET_KILL_PROCESS);
			cr_expect_eq(run_bpf(f[k], &nothing), SECCOMP_RET_KILL_PROCESS);
		}
	}
}

Test(policy_manifest, print)
{
	char *text = NULL;
	size_t size = 0;

	for (unsigned int i = 0; policy_roles[i]; i++) {
		FILE *out = open_memstream(&text, &size);

		cr_assert_eq(policy_print(policy_roles[i], out), 0);
		fclose(out);
		cr_expect(strstr(text, policy_roles[i]->policy->purpose));
		cr_expect(strstr(text, policy_roles[i]->sealed.sha256));
		for (const struct policy_call *c = policy_roles[i]->policy->calls; c->name; c++)
			cr_expect(strstr(text, c->why), "%s is not printed", c->name);
		free(text);
	}
}
