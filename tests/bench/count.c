// SPDX-License-Identifier: GPL-2.0
/*
 * A plugin for QEMU's software emulation: how often each instruction was executed, between the marks that a program inside sets
 * (tests/linux/guest/bench.c). A mark is a NOP that nobody else has: 0f 1f 80 and the bytes NUMBER 00 47 4c; number 0
 * ends what the last one began, number 31 too, and a line "NUMBER ADDRESS COUNT" is then written for each instruction that was executed, into the
 * file of the argument out=. It counts one processor; what an address means is for profile.py to say.
 *
 * It may not change what runs, so the counts are the same on each run where QEMU runs with -icount. QEMU's header for plugins comes
 * with no package of Debian 12, so what is used of it is declared here.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef struct qemu_info_t qemu_info_t;
enum { NO_REGISTERS = 0 };	/* QEMU_PLUGIN_CB_NO_REGS */
enum { ADD_U64 = 0 };		/* QEMU_PLUGIN_INLINE_ADD_U64 */

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, void (*call)(qemu_plugin_id_t id, struct qemu_plugin_tb *tb));
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, void (*call)(unsigned int cpu, void *p), int flags, void *p);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn, int op, void *where, uint64_t n);
int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv);

__attribute__((visibility("default"))) extern int qemu_plugin_version;
int qemu_plugin_version = 1;

#define MARKS	32
#define END	31
#define BUCKETS	(1u << 16)

/* An instruction's address. Its count runs on; what of it belongs to which mark is settled at the next one */
struct place {
	uint64_t address, count, settled;
	uint64_t of[MARKS];
	struct place *next;
};

static struct place *bucket[BUCKETS];
static unsigned int mark;
static const char *out;

static void *must(void *p)
{
	if (!p) {
		fputs("count: no memory\n", stderr);
		exit(1);
	}
	return p;
}

static struct place *place_of(uint64_t address)
{
	struct place **at = &bucket[(address ^ address >> 16) % BUCKETS], *p;

	for (p = *at; p; p = p->next)
		if (p->address == address)
			return p;
	p = must(calloc(1, sizeof(*p)));
	p->address = address;
	p->next = *at;
	return *at = p;
}

static void settle(void)
{
	for (unsigned int i = 0; i < BUCKETS; i++)
		for (struct place *p = bucket[i]; p; p = p->next) {
			p->of[mark] += p->count - p->settled;
			p->settled = p->count;
		}
}

static void write_counts(void)
{
	FILE *f = fopen(out, "w");

	for (unsigned int i = 0; f && i < BUCKETS; i++)
		for (struct place *at = bucket[i]; at; at = at->next)
			for (unsigned int m = 1; m < END; m++)
				if (at->of[m])
					fprintf(f, "%u %" PRIx64 " %" PRIu64 "\n", m, at->address, at->of[m]);
	if (!f || fclose(f))
		perror(out);
}

static void marked(unsigned int cpu, void *number)
{
	(void)cpu;
	settle();
	mark = (unsigned int)(uintptr_t)number % MARKS;
	if (mark == END)
		write_counts();
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	static const uint8_t nop[] = { 0x0f, 0x1f, 0x80 }, name[] = { 0x00, 0x47, 0x4c };

	(void)id;
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		const uint8_t *code = qemu_plugin_insn_data(insn);

		qemu_plugin_register_vcpu_insn_exec_inline(insn, ADD_U64, &place_of(qemu_plugin_insn_vaddr(insn))->count, 1);
		if (qemu_plugin_insn_size(insn) == 7 && !memcmp(code, nop, 3) && !memcmp(code + 4, name, 3))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, marked, NO_REGISTERS, (void *)(uintptr_t)code[3]);
	}
}

__attribute__((visibility("default")))
int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
	(void)info;
	for (int i = 0; i < argc; i++)
		if (!strncmp(argv[i], "out=", 4))
			out = strdup(argv[i] + 4);
	if (!out) {
		fputs("count: say out=FILE\n", stderr);
		return 1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
