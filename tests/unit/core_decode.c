// SPDX-License-Identifier: GPL-2.0
/*
 * core_decode.c: the decoder of device-register accesses against what the assembler wrote (core_encodings.S), and
 * against every way of cutting an instruction off.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "core/decode.h"

struct encoding {
	const uint8_t *insn;
	uint64_t imm;
	uint8_t length, store, size, reg, dest, sign, high, has_imm;
};

struct refusal {
	const uint8_t *insn;
	uint64_t length;
};

extern const struct encoding encodings[], encodings_end[];
extern const struct refusal refusals[], refusals_end[];

/* Fifteen bytes as the module hands them over: what follows the instruction is some other instruction. */
static void with_tail(uint8_t buf[15], const uint8_t *insn, size_t len)
{
	memset(buf, 0xcc, 15);
	memcpy(buf, insn, len);
}

Test(core_decode, agrees_with_the_assembler)
{
	for (const struct encoding *e = encodings; e < encodings_end; e++) {
		size_t n = (size_t)(e - encodings);
		uint8_t buf[15];
		struct mov d;

		with_tail(buf, e->insn, e->length);
		cr_assert(decode_mov(&d, buf, 15), "row %zu is not decoded", n);
		cr_expect_eq(d.length, e->length, "row %zu: length %u, the assembler's is %u", n, d.length, e->length);
		cr_expect_eq(d.store, e->store, "row %zu: store", n);
		cr_expect_eq(d.size, e->size, "row %zu: size %u", n, d.size);
		cr_expect_eq(d.has_imm, e->has_imm, "row %zu: has_imm", n);
		cr_expect_eq(d.imm, e->imm, "row %zu: imm %llx", n, (unsigned long long)d.imm);
		cr_expect_eq(d.high, e->high, "row %zu: high", n);
		if (!e->has_imm)
			cr_expect_eq(d.reg, e->reg, "row %zu: register %u", n, d.reg);
		if (!e->store) {
			cr_expect_eq(d.dest, e->dest, "row %zu: dest %u", n, d.dest);
			cr_expect_eq(d.sign, e->sign, "row %zu: sign", n);
		}
	}
	cr_assert_geq(encodings_end - encodings, 50);
}

Test(core_decode, refuses_what_is_cut_off)
{
	for (const struct encoding *e = encodings; e < encodings_end; e++) {
		for (unsigned int len = 0; len < e->length; len++) {
			/* Exactly @len bytes of heap: the sanitizer sees a read past them. */
			uint8_t *buf = malloc(len ? len : 1);
			struct mov d;

			memcpy(buf, e->insn, len);
			cr_expect_not(decode_mov(&d, buf, len), "row %zu cut to %u bytes", (size_t)(e - encodings), len);
			free(buf);
		}
	}
}

Test(core_decode, refuses_other_instructions)
{
	for (const struct refusal *r = refusals; r < refusals_end; r++) {
		uint8_t buf[15];
		struct mov d;

		with_tail(buf, r->insn, r->length);
		cr_expect_not(decode_mov(&d, buf, 15), "refusal %zu was decoded", (size_t)(r - refusals));
	}
}

Test(core_decode, never_reads_past_its_bytes)
{
	uint32_t seed = 1;

	for (unsigned int i = 0; i < 200000; i++) {
		uint8_t *buf = malloc(15);
		struct mov d;

		for (unsigned int j = 0; j < 15; j++) {
			seed = seed * 1664525 + 1013904223;
			buf[j] = (uint8_t)(seed >> 24);
		}
		if (decode_mov(&d, buf, 15))
			cr_assert(d.length <= 15 && (d.size == 1 || d.size == 2 || d.size == 4 || d.size == 8) && d.reg < 16);
		free(buf);
	}
}

static struct mov decode(const char *bytes, unsigned int len)
{
	struct mov d;

	cr_assert(decode_mov(&d, (const uint8_t *)bytes, len));
	return d;
}

Test(core_decode, loads_change_what_the_processor_would)
{
	struct lguest_regs r = { .rax = 0x1111111111111111 };
	struct mov d;

	d = decode("\x8a\x07", 2);			/* mov (%rdi), %al */
	mov_load(&d, &r, 0xff22);
	cr_expect_eq(r.rax, 0x1111111111111122);
	d = decode("\x8a\x27", 2);			/* mov (%rdi), %ah */
	mov_load(&d, &r, 0x33);
	cr_expect_eq(r.rax, 0x1111111111113322);
	d = decode("\x66\x8b\x07", 3);			/* mov (%rdi), %ax */
	mov_load(&d, &r, 0x98765);
	cr_expect_eq(r.rax, 0x1111111111118765);
	d = decode("\x8b\x07", 2);			/* mov (%rdi), %eax: clears the upper half */
	mov_load(&d, &r, 0xffffffff80000000);
	cr_expect_eq(r.rax, 0x80000000);
	d = decode("\x0f\xbe\x07", 3);			/* movsbl (%rdi), %eax */
	mov_load(&d, &r, 0x80);
	cr_expect_eq(r.rax, 0xffffff80);
	d = decode("\x48\x0f\xbe\x07", 4);		/* movsbq (%rdi), %rax */
	mov_load(&d, &r, 0x80);
	cr_expect_eq(r.rax, 0xffffffffffffff80);
	d = decode("\x48\x63\x07", 3);			/* movslq (%rdi), %rax */
	mov_load(&d, &r, 0x12345678);
	cr_expect_eq(r.rax, 0x12345678);
}

Test(core_decode, stores_take_the_right_bytes)
{
	struct lguest_regs r = { .rax = 0x1122334455667788, .rsp = 0xaabb };
	struct mov d;

	d = decode("\x88\x07", 2);			/* mov %al, (%rdi) */
	cr_expect_eq(mov_store_value(&d, &r), 0x88);
	d = decode("\x88\x27", 2);			/* mov %ah, (%rdi) */
	cr_expect_eq(mov_store_value(&d, &r), 0x77);
	d = decode("\x40\x88\x27", 3);			/* mov %spl, (%rdi) */
	cr_expect_eq(mov_store_value(&d, &r), 0xbb);
	d = decode("\x89\x07", 2);			/* mov %eax, (%rdi) */
	cr_expect_eq(mov_store_value(&d, &r), 0x55667788);
	d = decode("\xc7\x07\xff\xff\xff\xff", 6);	/* movl $-1, (%rdi) */
	cr_expect_eq(mov_store_value(&d, &r), 0xffffffff);
	d = decode("\x48\xc7\x07\xff\xff\xff\xff", 7);	/* movq $-1, (%rdi) */
	cr_expect_eq(mov_store_value(&d, &r), ~0ull);
}
