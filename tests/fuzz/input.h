/* SPDX-License-Identifier: GPL-2.0 */
/*
 * input.h: what a fuzz target begins with: the fuzzer's input as a stream of bytes, and the check that ends it. FUZZ_NAME is the
 * target's, defined before; LLVMFuzzerTestOneInput() sets @in and @left. It may read the input, and nothing else.
 */
#ifndef LGUEST_FUZZ_INPUT_H
#define LGUEST_FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define REQUIRE(cond, ...) do { if (!(cond)) { fprintf(stderr, "fuzz " FUZZ_NAME ": " __VA_ARGS__); fputc('\n', stderr); abort(); } } while (0)

static const uint8_t *in;
static size_t left;

/* The next byte; past the end there are zeroes */
static inline uint8_t byte(void)
{
	if (!left)
		return 0;
	left--;
	return *in++;
}

static inline uint16_t word(void)
{
	uint16_t low = byte();

	return (uint16_t)(low | byte() << 8);
}

#endif
