// SPDX-License-Identifier: GPL-2.0
/*
 * Where the fields of struct lguest_data are, for entry.S: compiled to assembler, of which build.mk makes offsets.h, as the kernel does
 * with its asm-offsets.c. It may hold nothing else.
 */
#include <linux/lguest.h>

void offsets(void);

#define LGD(name, field) asm volatile(".ascii \"->LGD_" #name " %c0\"" : : "i"(__builtin_offsetof(struct lguest_data, field)));

void offsets(void)
{
	LGUEST_DATA_OFFSETS(LGD)
}
