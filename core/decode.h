/* SPDX-License-Identifier: GPL-2.0 */
/*
 * decode.h: what an instruction that touched a device register does, from its bytes. The address is known (the
 * module saw the fault), so only length, width and register matter.
 */
#ifndef LGUEST_CORE_DECODE_H
#define LGUEST_CORE_DECODE_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/lguest.h>

/**
 * struct mov - a decoded access
 * @length: bytes of the instruction
 * @size: bytes accessed: 1, 2, 4 or 8
 * @store: register or immediate to memory
 * @sign: a load extends the sign (movsx)
 * @has_imm: the store's value is @imm, not a register
 * @high: the register is ah, ch, dh or bh (@reg 0 to 3)
 * @reg: register number 0 to 15, in the processor's order
 * @dest: bytes of the register that a load writes: 1 and 2 leave the rest as it was, 4 clears the upper half
 * @imm: the immediate, sign-extended
 */
struct mov {
	uint8_t length;
	uint8_t size;
	bool store;
	bool sign;
	bool has_imm;
	bool high;
	uint8_t reg;
	uint8_t dest;
	uint64_t imm;
};

/**
 * decode_mov() - decode one instruction
 * @d: filled
 * @insn: its bytes, as the guest had them; hostile
 * @len: how many of them there are, at most 15
 *
 * Forms: mov (88-8b, a0-a3, c6/0, c7/0), movzx (0f b6, b7), movsx (0f be, bf), movsxd (63); with operand-size,
 * address-size, segment and REX prefixes and every memory operand that 64-bit mode has.
 *
 * Return: true, or false for everything else and for instructions that are cut off.
 */
bool decode_mov(struct mov *d, const uint8_t *insn, unsigned int len);

/** mov_store_value() - the value that a store writes, @d->size bytes of it. */
uint64_t mov_store_value(const struct mov *d, const struct lguest_regs *regs);

/** mov_load() - put the value that a load read (@d->size bytes of @value) where the instruction wants it. */
void mov_load(const struct mov *d, struct lguest_regs *regs, uint64_t value);

#endif
