// SPDX-License-Identifier: GPL-2.0
/*D:880
 * print.c: `--print-policy`: a manifest for people, with the hashes of the filters made from it.
 *
 * What it prints is what the program applies: both come from the same tables, linked into the same program. The BPF
 * itself is printed too, so that anybody can check the hash: `sed -n 's/^bpf sealed //p' | xxd -r -p | sha256sum`.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/filter.h>
#include <sched.h>

#include "policy/internal.h"

static const char *stage_name(unsigned int stages)
{
	static const char *const names[] = { "", "setup", "sealed", "both" };

	return names[stages & POLICY_BOTH];
}

static void print_args(const struct policy_call *call, FILE *out)
{
	const char *sep = "";

	fputc('(', out);
	for (unsigned int i = 0; i < POLICY_ARGS; i++) {
		const struct policy_arg *a = &call->arg[i];

		if (!a->used)
			continue;
		if (a->mask == ~0ull)
			fprintf(out, "%sarg%u == 0x%" PRIx64, sep, a->index, a->value);
		else
			fprintf(out, "%sarg%u & 0x%" PRIx64 " == 0x%" PRIx64, sep, a->index, a->mask, a->value);
		sep = ", ";
	}
	fputc(')', out);
}

static void print_calls(const struct policy *p, FILE *out)
{
	for (const struct policy_call *c = p->calls; c->name; c++) {
		fprintf(out, "call %-6s %s", stage_name(c->stages), c->name);
		print_args(c, out);
		fprintf(out, " # %s\n", c->why);
	}
}

static void print_namespaces(const struct policy *p, FILE *out)
{
	static const struct {
		int flag;
		const char *name;
	} ns[] = {
		{ CLONE_NEWUSER, "user" }, { CLONE_NEWPID, "pid" }, { CLONE_NEWNS, "mount" },
		{ CLONE_NEWNET, "net" }, { CLONE_NEWIPC, "ipc" }, { CLONE_NEWUTS, "uts" },
	};

	fputs("namespaces", out);
	for (unsigned int i = 0; i < sizeof(ns) / sizeof(ns[0]); i++)
		if (p->namespaces & ns[i].flag)
			fprintf(out, " %s", ns[i].name);
	fputs("\ncapabilities none\nroot empty, read-only\n", out);
}

static void print_filter(const char *stage, const struct policy_filter *f, FILE *out)
{
	const unsigned char *byte = (const unsigned char *)f->insn;

	fprintf(out, "filter %s %u instructions sha256 %s\nbpf %s ", stage, f->len, f->sha256, stage);
	for (size_t i = 0; i < f->len * sizeof(*f->insn); i++)
		fprintf(out, "%02x", byte[i]);
	fputc('\n', out);
}

int policy_print(const struct policy_role *role, FILE *out)
{
	const struct policy *p = role->policy;

	fprintf(out, "role %s: %s\n", p->role, p->purpose);
	for (const struct policy_desc *d = p->descs; d->name; d++)
		fprintf(out, "descriptor %-6s %d..%d %s\n", stage_name(d->stages), d->first,
			d->first + (int)d->count - 1, d->name);
	print_calls(p, out);
	for (const struct policy_ring_op *op = p->ring_ops; op && op->name; op++)
		fprintf(out, "ring-op %s # %s\n", op->name, op->why);
	for (const struct policy_limit *l = p->limits; l->name; l++)
		fprintf(out, "limit %-6s %s %" PRIu64 "\n", stage_name(l->stage), l->name, l->value);
	print_namespaces(p, out);
	print_filter("setup", &role->setup, out);
	print_filter("sealed", &role->sealed, out);
	return ferror(out) ? -EIO : 0;
}
