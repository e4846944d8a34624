// SPDX-License-Identifier: GPL-2.0
/*
 * decode.c: proofs about core/decode.c, which takes 15 bytes of the guest's choice. Nothing is scaled: these are all inputs.
 */
#include "tests/proofs/proof.h"

#include "core/decode.c"

static uint8_t insn[15];

/*
 * PROOF: the decoder reads inside the bytes that it was given, ends, and what it accepts has a length of 1 to those bytes, a width of 1, 2,
 *	4 or 8 and a register that there is.
 * BOUND: none: every row of 0 to 15 bytes, in an object of exactly that size
 * UNWIND: 17
 * BUG: core/decode.c: "if (c->p == c->end) {" => "if (c->p > c->end) {"
 */
void proof_decode(void)
{
	unsigned int len = any_up_to(15);
	uint8_t *bytes = malloc(len);
	struct mov d;

	if (!decode_mov(&d, bytes, len))
		return;
	PROVE(d.length >= 1 && d.length <= len, "a length within the bytes");
	PROVE(d.size == 1 || d.size == 2 || d.size == 4 || d.size == 8, "a width that there is");
	PROVE(d.reg < 16 && (!d.high || d.reg < 4), "a register that there is");
	PROVE(d.store || d.dest == 1 || d.dest == 2 || d.dest == 4 || d.dest == 8, "a load has a width to write");
}

/*
 * PROOF: whoever claims more than 15 bytes is not believed.
 * BOUND: none: every length
 * UNWIND: 17
 * BUG: core/decode.c: "(len > 15 ? 15 : len)" => "len"
 */
void proof_decode_length(void)
{
	struct mov d;

	ANY(insn);
	if (decode_mov(&d, insn, any_u32()))
		PROVE(d.length <= 15, "no instruction is longer");
}

/*
 * PROOF: an instruction is decoded from its own bytes alone: what stands behind its length does not change the answer.
 * BOUND: none: every pair of 15 bytes that agree up to the length
 * UNWIND: 17
 * BUG: core/decode.c: "d->length = (uint8_t)(c.p - insn);" => "d->length = (uint8_t)(c.p - insn - (c.p - insn > 3));"
 */
void proof_decode_own(void)
{
	uint8_t other[15];
	struct mov a, b;
	bool same = true;

	ANY(insn);
	ANY(other);
	if (!decode_mov(&a, insn, 15))
		return;
	for (unsigned int i = 0; i < 15; i++)
		same = same && (i >= a.length || insn[i] == other[i]);
	if (!same)
		return;
	PROVE(decode_mov(&b, other, 15) && a.length == b.length && a.size == b.size && a.reg == b.reg && a.store == b.store && a.imm == b.imm, "the same");
}

/*
 * PROOF: an immediate of 1, 2 or 4 bytes is what the processor makes of it, sign included.
 * BOUND: none
 * UNWIND: 6
 * BUG: core/decode.c: "return (v ^ sign) - sign;" => "return v - sign;"
 */
void proof_immediate(void)
{
	struct cursor c = { insn, insn + 15, false };
	int8_t b;
	int16_t w;
	int32_t l;

	ANY(insn);
	memcpy(&b, insn, 1);
	memcpy(&w, insn, 2);
	memcpy(&l, insn, 4);
	switch (any_up_to(2)) {
	case 0: PROVE(immediate(&c, 1) == (uint64_t)(int64_t)b, "a byte"); break;
	case 1: PROVE(immediate(&c, 2) == (uint64_t)(int64_t)w, "a word"); break;
	case 2: PROVE(immediate(&c, 4) == (uint64_t)(int64_t)l, "a long word"); break;
	}
}

static struct mov any_mov(void)
{
	struct mov d;

	ANY(d);
	/* what proof_decode says of it */
	ASSUME(d.size == 1 || d.size == 2 || d.size == 4 || d.size == 8);
	ASSUME(d.dest == 1 || d.dest == 2 || d.dest == 4 || d.dest == 8);
	ASSUME(d.reg < 16 && (!d.high || (d.reg < 4 && d.dest == 1)));
	return d;
}

/*
 * PROOF: a store writes no bit beyond its width.
 * BOUND: none
 * BUG: core/decode.c: "return v & low_bytes(d->size);" => "return v;"
 */
void proof_store_value(void)
{
	struct mov d = any_mov();
	struct lguest_regs regs;

	ANY(regs);
	PROVE(d.size == 8 || !(mov_store_value(&d, &regs) >> (8 * d.size)), "nothing beyond the width");
}

/*
 * PROOF: a load changes one register and no other, and of that register only the bytes that the instruction writes (all upper ones
 *	become zero for a 32-bit register).
 * BOUND: none
 * BUG: core/decode.c: "mask = 0xff00;" => "mask = 0xffff;"
 */
void proof_load(void)
{
	struct mov d = any_mov();
	struct lguest_regs regs, before;
	unsigned int other = any_up_to(15);
	uint64_t now, was;

	ANY(regs);
	before = regs;
	mov_load(&d, &regs, any_u64());
	now = *register_of(&regs, d.reg);
	was = *register_of(&before, d.reg);
	if (d.high)
		PROVE(!((now ^ was) & ~0xff00ull), "the second byte only");
	else if (d.dest < 4)
		PROVE(!((now ^ was) & ~low_bytes(d.dest)), "the low bytes only");
	else if (d.dest == 4)
		PROVE(!(now >> 32), "the upper half is clear");
	if (other != (d.reg & 15))
		PROVE(*register_of(&regs, other) == *register_of(&before, other), "no other register");
}
