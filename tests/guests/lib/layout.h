/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The numbers that a tiny guest's C, its assembler and lgtest agree on: addresses, the image's head, selectors,
 * and the offsets of struct regs. No code.
 */
#ifndef TESTS_GUESTS_LAYOUT_H
#define TESTS_GUESTS_LAYOUT_H

#define KERNEL_BASE	0xffff808000000000	/* guest-physical 0, in top-level slot 257 */
#define LOAD_PA		0x100000		/* where the flat image goes */
#define RAM_SIZE	0x800000		/* 8 MiB from guest-physical 0: all mapped at KERNEL_BASE, 4 KiB entries */
#define RAM_TABLES	4			/* tables of 512 entries for RAM_SIZE */
#define RAM2_PA		0x40000000		/* a second region, not mapped at start; 2 MiB-aligned in the host's memory */
#define RAM2_SIZE	0x800000
#define MMIO_PA		0x20000000		/* no region has it */
#define NOTIFY_PA	0x30000000		/* LHCALL_NOTIFY's addresses start here */
#define USER_BASE	0x400000		/* .user in user mode */
#define USER_STACK	0x7ffff0000000		/* top of the user stack */
#define HEAD_MAGIC	0x745345744c474e54	/* first word of the image */

/* Offsets of struct regs (lib/guest.h), which lib/entry.S builds; checked there */
#define R_R15		0
#define R_R14		8
#define R_R13		16
#define R_R12		24
#define R_RBP		32
#define R_RBX		40
#define R_R11		48
#define R_R10		56
#define R_R9		64
#define R_R8		72
#define R_RAX		80
#define R_RCX		88
#define R_RDX		96
#define R_RSI		104
#define R_RDI		112
#define R_CR2		120
#define R_GSBASE	128
#define R_USER		136
#define R_FULL		144
#define R_VECTOR	152
#define R_ERROR		160
#define R_RIP		168
#define R_CS		176
#define R_RFLAGS	184
#define R_RSP		192
#define R_SS		200
#define R_SIZE		208

#define VECTOR_SYSCALL	256	/* regs.vector of a system call from user mode */

#endif
