// SPDX-License-Identifier: GPL-2.0
/*L:700
 * decode.c: the few instructions with which kernels read and write device registers (decode.h).
 *
 * A pure function of at most 15 bytes: no guest memory, no state. What it does not know it refuses, and the guest is
 * killed with a sentence; guessing a length would run the guest's code from the middle of an instruction.
 */
#include <stddef.h>

#include "core/decode.h"

/* The bytes not yet consumed; reading past the end is remembered instead of done. */
struct cursor {
	const uint8_t *p, *end;
	bool cut;
};

static uint8_t next(struct cursor *c)
{
	if (c->p == c->end) {
		c->cut = true;
		return 0;
	}
	return *c->p++;
}

static void skip(struct cursor *c, unsigned int n)
{
	while (n--)
		next(c);
}

/* A little-endian immediate of 1, 2 or 4 bytes, sign-extended. */
static uint64_t immediate(struct cursor *c, unsigned int n)
{
	uint64_t v = 0, sign = 1ull << (8 * n - 1);

	for (unsigned int i = 0; i < n; i++)
		v |= (uint64_t)next(c) << (8 * i);
	return (v ^ sign) - sign;
}

struct prefixes {
	bool op16, addr32;
	uint8_t rex;
};

/* Legacy prefixes in any order, then at most one REX, which counts only directly before the opcode. */
static uint8_t read_prefixes(struct cursor *c, struct prefixes *p)
{
	uint8_t b;

	for (;;) {
		b = next(c);
		switch (b) {
		case 0x66:
			p->op16 = true;
			break;
		case 0x67:
			p->addr32 = true;
			break;
		case 0x26: case 0x2e: case 0x36: case 0x3e: case 0x64: case 0x65:
			break;
		default:
			if ((b & 0xf0) != 0x40)
				return b;
			p->rex = b;
			return next(c);
		}
		if (c->cut)
			return 0;
	}
}

#define REX_W(p) (((p)->rex & 8) != 0)
#define REX_R(p) (((p)->rex & 4) != 0)

/* ModRM, SIB and displacement. Returns the reg field (with REX.R), -1 for a register operand. */
static int modrm(struct cursor *c, const struct prefixes *p)
{
	uint8_t b = next(c), mod = b >> 6, rm = b & 7, base = rm;

	if (mod == 3)
		return -1;
	if (rm == 4)
		base = next(c) & 7;
	if (mod == 1)
		skip(c, 1);
	else if (mod == 2 || base == 5)
		skip(c, 4);	/* mod 0 with base 5: rip-relative, or an index with no base */
	return ((b >> 3) & 7) | (REX_R(p) ? 8 : 0);
}

/* Without a REX prefix byte registers 4 to 7 are the second bytes of the first four. */
static void byte_reg(struct mov *d, const struct prefixes *p)
{
	if (!p->rex && d->reg >= 4 && d->reg <= 7) {
		d->reg -= 4;
		d->high = true;
	}
}

static unsigned int operand_size(const struct prefixes *p)
{
	return REX_W(p) ? 8 : p->op16 ? 2 : 4;
}

static bool decode_two_byte(struct mov *d, struct cursor *c, const struct prefixes *p)
{
	uint8_t op = next(c);
	int reg;

	if (op != 0xb6 && op != 0xb7 && op != 0xbe && op != 0xbf)
		return false;
	d->size = op & 1 ? 2 : 1;
	d->sign = op >= 0xbe;
	d->dest = (uint8_t)operand_size(p);
	reg = modrm(c, p);
	d->reg = (uint8_t)reg;
	return reg >= 0;
}

static bool decode_reg_form(struct mov *d, struct cursor *c, const struct prefixes *p, uint8_t op)
{
	int reg = modrm(c, p);

	if (reg < 0)
		return false;
	d->reg = (uint8_t)reg;
	d->store = op < 0x8a && op != 0x63;
	d->size = d->dest = (uint8_t)(op & 1 ? operand_size(p) : 1);
	if (op == 0x63) {	/* movsxd: 32 bits from memory, whatever the register's width (but 16 without REX.W and with 66) */
		d->size = p->op16 && !REX_W(p) ? 2 : 4;
		d->sign = true;
	}
	if (!(op & 1))
		byte_reg(d, p);
	return true;
}

static bool decode_imm_form(struct mov *d, struct cursor *c, const struct prefixes *p, uint8_t op)
{
	int reg = modrm(c, p);

	if (reg < 0 || (reg & 7))	/* c6 and c7 are mov only with reg 0 */
		return false;
	d->store = d->has_imm = true;
	d->size = (uint8_t)(op & 1 ? operand_size(p) : 1);
	d->imm = immediate(c, d->size == 8 ? 4 : d->size);
	return true;
}

/* mov between the accumulator and an absolute address of 8 bytes, 4 with an address-size prefix. */
static bool decode_offset_form(struct mov *d, struct cursor *c, const struct prefixes *p, uint8_t op)
{
	d->store = op >= 0xa2;
	d->size = d->dest = (uint8_t)(op & 1 ? operand_size(p) : 1);
	skip(c, p->addr32 ? 4 : 8);
	return true;
}

/*L:710
 * Fifteen bytes of the guest's choice. Four families of moves are known; each part consumes its bytes through one
 * cursor, which remembers when they ran out. False is a good answer: the guest dies with a sentence, and nothing is
 * guessed.
 */
bool decode_mov(struct mov *d, const uint8_t *insn, unsigned int len)
{
	struct cursor c = { insn, insn + (len > 15 ? 15 : len), false };
	struct prefixes p = { 0 };
	uint8_t op = read_prefixes(&c, &p);
	bool ok;

	*d = (struct mov){ 0 };
	switch (op) {
	case 0x0f:
		ok = decode_two_byte(d, &c, &p);
		break;
	case 0x63: case 0x88: case 0x89: case 0x8a: case 0x8b:
		ok = decode_reg_form(d, &c, &p, op);
		break;
	case 0xc6: case 0xc7:
		ok = decode_imm_form(d, &c, &p, op);
		break;
	case 0xa0: case 0xa1: case 0xa2: case 0xa3:
		ok = decode_offset_form(d, &c, &p, op);
		break;
	default:
		return false;
	}
	d->length = (uint8_t)(c.p - insn);
	return ok && !c.cut;
}

static __u64 *register_of(struct lguest_regs *r, unsigned int n)
{
	static const size_t at[16] = {
		offsetof(struct lguest_regs, rax), offsetof(struct lguest_regs, rcx), offsetof(struct lguest_regs, rdx),
		offsetof(struct lguest_regs, rbx), offsetof(struct lguest_regs, rsp), offsetof(struct lguest_regs, rbp),
		offsetof(struct lguest_regs, rsi), offsetof(struct lguest_regs, rdi), offsetof(struct lguest_regs, r8),
		offsetof(struct lguest_regs, r9), offsetof(struct lguest_regs, r10), offsetof(struct lguest_regs, r11),
		offsetof(struct lguest_regs, r12), offsetof(struct lguest_regs, r13), offsetof(struct lguest_regs, r14),
		offsetof(struct lguest_regs, r15),
	};

	return (__u64 *)((char *)r + at[n & 15]);
}

static uint64_t low_bytes(unsigned int n)
{
	return n >= 8 ? ~0ull : (1ull << (8 * n)) - 1;
}

uint64_t mov_store_value(const struct mov *d, const struct lguest_regs *regs)
{
	struct lguest_regs copy = *regs;
	uint64_t v = d->has_imm ? d->imm : *register_of(&copy, d->reg);

	if (d->high)
		v >>= 8;
	return v & low_bytes(d->size);
}

void mov_load(const struct mov *d, struct lguest_regs *regs, uint64_t value)
{
	uint64_t mask = low_bytes(d->dest == 4 ? 8 : d->dest);
	__u64 *reg = register_of(regs, d->reg);

	value &= low_bytes(d->size);
	if (d->sign && value >> (8 * d->size - 1))
		value |= ~low_bytes(d->size);
	value &= low_bytes(d->dest);	/* a 32-bit result clears the upper half: bits above are zero, and the mask is full */
	if (d->high) {
		value <<= 8;
		mask = 0xff00;
	}
	*reg = (*reg & ~mask) | value;
}
