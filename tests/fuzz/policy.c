// SPDX-License-Identifier: GPL-2.0
/*
 * policy.c: the manifests and the filters compiled from them: for any system call with any arguments, does the filter say what the rows of
 * the manifest say? The input is a row of system calls, most of them near a row of some manifest: its number with one argument changed.
 *
 * Besides ASan and UBSan: the filter ends, reads only its own program and the call's data, and allows exactly what a row allows.
 */
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/policy.h"

#define FUZZ_NAME "policy"
#include "tests/fuzz/input.h"
#define CALLS 32

static uint64_t number(void)
{
	uint64_t v = 0;

	for (int i = 0; i < 8; i++)
		v = v << 8 | byte();
	return v;
}

static uint32_t load(const struct seccomp_data *d, uint32_t off)
{
	uint32_t v;

	REQUIRE(off <= sizeof(*d) - 4 && off % 4 == 0, "the filter loads at %u", off);
	memcpy(&v, (const uint8_t *)d + off, 4);
	return v;
}

static bool jump(const struct sock_filter *i, uint32_t a)
{
	switch (BPF_OP(i->code)) {
	case BPF_JEQ: return a == i->k;
	case BPF_JGT: return a > i->k;
	case BPF_JGE: return a >= i->k;
	case BPF_JSET: return a & i->k;
	default: REQUIRE(false, "jump %#x", i->code);
	}
}

/* What the kernel would do with a filter of ours, which has no other instructions. */
static uint32_t run(const struct policy_filter *f, const struct seccomp_data *d)
{
	uint32_t a = 0, m[BPF_MEMWORDS] = { 0 };

	for (unsigned int pc = 0; pc < f->len; pc++) {
		const struct sock_filter *i = &f->insn[pc];

		switch (i->code) {
		case BPF_LD | BPF_W | BPF_ABS: a = load(d, i->k); break;
		case BPF_ALU | BPF_AND | BPF_K: a &= i->k; break;
		case BPF_ST: m[i->k % BPF_MEMWORDS] = a; break;
		case BPF_LD | BPF_MEM: a = m[i->k % BPF_MEMWORDS]; break;
		case BPF_JMP | BPF_JA: pc += i->k; break;
		case BPF_RET | BPF_K: return i->k;
		default:
			REQUIRE(BPF_CLASS(i->code) == BPF_JMP, "instruction %#x", i->code);
			pc += jump(i, a) ? i->jt : i->jf;
		}
	}
	REQUIRE(false, "the filter has no end");
}

static bool row_allows(const struct policy_call *c, const struct seccomp_data *d)
{
	if (c->nr != d->nr)
		return false;
	for (unsigned int i = 0; i < POLICY_ARGS; i++)
		if (c->arg[i].used && (d->args[c->arg[i].index] & c->arg[i].mask) != c->arg[i].value)
			return false;
	return true;
}

static bool allowed(const struct policy *p, unsigned int stage, const struct seccomp_data *d)
{
	if (d->arch != AUDIT_ARCH_X86_64)
		return false;
	for (const struct policy_call *c = p->calls; c->name; c++)
		if (c->stages & stage && row_allows(c, d))
			return true;
	return false;
}

/* A call that a row has, with up to two things about it wrong. */
static void near_row(const struct policy *p, struct seccomp_data *d)
{
	const struct policy_call *c = p->calls;

	for (unsigned int n = byte(); n && c[1].name; n--)
		c++;
	d->nr = c->nr;
	for (unsigned int i = 0; i < POLICY_ARGS; i++)
		if (c->arg[i].used)
			d->args[c->arg[i].index] = c->arg[i].value | (number() & ~c->arg[i].mask);
	for (unsigned int n = byte() % 3; n; n--) {
		uint8_t bit = byte();

		d->args[bit % 6] ^= 1ull << bit / 4;
	}
	if (byte() & 1)
		d->nr ^= 1 << byte() % 31;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned int roles = 0;

	in = data;
	left = size;
	while (policy_roles[roles])
		roles++;
	for (int i = 0; i < CALLS && left; i++) {
		const struct policy_role *r = policy_roles[byte() % roles];
		uint8_t how = byte();
		unsigned int stage = how & 1 ? POLICY_SEALED : POLICY_SETUP;
		struct seccomp_data d = { .arch = how & 0x10 && how & 0x20 ? AUDIT_ARCH_I386 : AUDIT_ARCH_X86_64 };
		uint32_t verdict;

		for (unsigned int a = 0; a < 6; a++)
			d.args[a] = how & 2 ? number() : byte();
		if (how & 4)
			d.nr = (int)number();
		else
			near_row(r->policy, &d);
		verdict = run(stage == POLICY_SEALED ? &r->sealed : &r->setup, &d);
		REQUIRE((verdict == SECCOMP_RET_ALLOW) == allowed(r->policy, stage, &d), "%s, stage %u: call %d(%#llx, %#llx, %#llx, %#llx): filter says %#x",
			r->policy->role, stage, d.nr, d.args[0], d.args[1], d.args[2], d.args[3], verdict);
	}
	return 0;
}
