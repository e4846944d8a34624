/* SPDX-License-Identifier: GPL-2.0 */
/*
 * proof.h: what the proofs share. A proof is a function proof_NAME() without arguments; CBMC looks for any run of it in which an
 * assertion, a bound, a pointer or an arithmetic check fails, and follows every loop to its end (or says that it did not).
 *
 * Values from any_*() are all values at once. What a proof leaves out it says with ASSUME(), and in the comment above it.
 */
#ifndef LGUEST_PROOF_H
#define LGUEST_PROOF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ASSUME(condition) __CPROVER_assume(condition)
#define PROVE(condition, what) __CPROVER_assert(condition, what)

/* CBMC gives functions of these names any value. */
uint64_t nondet_uint64(void);
uint32_t nondet_uint32(void);
uint16_t nondet_uint16(void);
uint8_t nondet_uint8(void);
_Bool nondet_bool(void);

static inline uint64_t any_u64(void) { return nondet_uint64(); }
static inline uint32_t any_u32(void) { return nondet_uint32(); }
static inline uint16_t any_u16(void) { return nondet_uint16(); }
static inline uint8_t any_u8(void) { return nondet_uint8(); }
static inline bool any_bool(void) { return nondet_bool(); }

/* Anything from 0 to @max */
static inline uint32_t any_up_to(uint32_t max)
{
	uint32_t n = any_u32();

	ASSUME(n <= max);
	return n;
}

#define ANY(object) __CPROVER_havoc_object(&(object))

#endif
