// SPDX-License-Identifier: GPL-2.0
/*D:720
 * compile.c: build-time tool that turns a manifest's system calls into BPF, printed as C.
 *
 * One binary is linked per role, with that role's manifest as `policy_manifest`. Running it prints a C file with two
 * arrays and the `struct policy_role` that ties manifest and filters together. The filters' default action kills the
 * process; another architecture and the x32 numbers are killed too. With --drop=setup|sealed:N it leaves out row N of
 * that stage's calls: the tests use it to show that each row is needed. It runs on the build machine only.
 */
#include <errno.h>
#include <linux/filter.h>
#include <sha256.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "policy/policy.h"

extern const struct policy POLICY_MANIFEST;

#define STRING2(x) #x
#define STRING(x) STRING2(x)

static unsigned int drop_stage;
static long drop_row = -1;

static void die(const char *what, int err)
{
	fprintf(stderr, "policy compile: %s: %s\n", what, strerror(err));
	exit(1);
}

static void add_call(scmp_filter_ctx ctx, const struct policy_call *call)
{
	struct scmp_arg_cmp cmp[POLICY_ARGS];
	unsigned int n = 0;
	int err;

	if (POLICY_DEFAULT_ACTION == SCMP_ACT_ALLOW)
		return;	/* the sanitizers' flavour allows everything, and libseccomp refuses rules that say so again */
	for (unsigned int i = 0; i < POLICY_ARGS; i++) {
		const struct policy_arg *a = &call->arg[i];

		if (!a->used)
			continue;
		/* Two encodings of one test: libseccomp makes shorter code of plain equality. */
		cmp[n++] = a->mask == ~0ull ? SCMP_CMP64(a->index, SCMP_CMP_EQ, a->value)
					    : SCMP_CMP64(a->index, SCMP_CMP_MASKED_EQ, a->mask, a->value);
	}
	err = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, call->nr, n, cmp);
	if (err)
		die(call->name, -err);
}

/* Returns the number of instructions; the program is malloc()ed. */
static size_t compile(const struct policy *p, unsigned int stage, struct sock_filter **out)
{
	int fd = memfd_create("bpf", 0);
	scmp_filter_ctx ctx = seccomp_init(POLICY_DEFAULT_ACTION);
	off_t size;
	int err;

	if (fd < 0 || !ctx)
		die("seccomp_init", errno);
	err = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (err)
		die("seccomp_attr_set", -err);
	for (long row = 0; p->calls[row].name; row++)
		if ((p->calls[row].stages & stage) && !(stage == drop_stage && row == drop_row))
			add_call(ctx, &p->calls[row]);
	err = seccomp_export_bpf(ctx, fd);
	seccomp_release(ctx);
	if (err)
		die("seccomp_export_bpf", -err);
	size = lseek(fd, 0, SEEK_END);
	*out = malloc((size_t)size);
	if (size <= 0 || !*out || pread(fd, *out, (size_t)size, 0) != size)
		die("reading the filter", errno ? errno : EIO);
	close(fd);
	return (size_t)size / sizeof(**out);
}

static void emit(const struct policy *p, unsigned int stage, const char *name, size_t *len, char *hash)
{
	struct sock_filter *insn;

	*len = compile(p, stage, &insn);
	printf("static const struct sock_filter %s[] = {\n", name);
	for (size_t i = 0; i < *len; i++)
		printf("\t{ 0x%02x, %u, %u, 0x%08x },\n", insn[i].code, insn[i].jt, insn[i].jf, insn[i].k);
	printf("};\n\n");
	SHA256Data((const uint8_t *)insn, *len * sizeof(*insn), hash);
	free(insn);
}

/*D:725
 * A manifest is data, and the kernel wants a program. This tool makes it while the role is built, once for set-up and
 * once for what is sealed, and prints both as constants with their checksums. So a role contains no compiler of
 * filters, and cannot load another filter than the one that it prints.
 */
int main(int argc, char **argv)
{
	const struct policy *p = &POLICY_MANIFEST;
	char setup_hash[SHA256_DIGEST_STRING_LENGTH], sealed_hash[SHA256_DIGEST_STRING_LENGTH];
	size_t setup, sealed;

	if (argc == 2 && !strncmp(argv[1], "--drop=setup:", 13)) {
		drop_stage = POLICY_SETUP;
		drop_row = strtol(argv[1] + 13, NULL, 10);
	} else if (argc == 2 && !strncmp(argv[1], "--drop=sealed:", 14)) {
		drop_stage = POLICY_SEALED;
		drop_row = strtol(argv[1] + 14, NULL, 10);
	} else if (argc != 1) {
		fprintf(stderr, "usage: compile [--drop=setup|sealed:ROW]\n");
		return 2;
	}
	printf("/* Made by policy/compile.c from the manifest of role %s. */\n", p->role);
	printf("#include <linux/filter.h>\n#include \"policy/policy.h\"\n\n");
	emit(p, POLICY_SETUP, "setup", &setup, setup_hash);
	emit(p, POLICY_SEALED, "sealed", &sealed, sealed_hash);
	printf("extern const struct policy %s;\n\n", STRING(POLICY_MANIFEST));
	printf("const struct policy_role %s = {\n\t.policy = &%s,\n", STRING(POLICY_ROLE), STRING(POLICY_MANIFEST));
	printf("\t.setup = { setup, %zu, \"%s\" },\n", setup, setup_hash);
	printf("\t.sealed = { sealed, %zu, \"%s\" },\n};\n", sealed, sealed_hash);
	return 0;
}
