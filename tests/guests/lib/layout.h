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
#define TOUCH_PA	0x60000000		/* tiny/touch.c: regions from here on, */
#define TOUCH_STEP	0x200000		/* so far apart */
#define MMIO_PA		0x20000000		/* no region has it */
#define NOTIFY_PA	0x30000000		/* LHCALL_NOTIFY's addresses start here */
#define MMIO_REG(n)	(MMIO_PA + 8 * (n))	/* registers that lgtest keeps: a store is read back, inverted */
/* What lgtest does when the guest notifies NOTIFY_PA + HOST_*; IN(line, us): a line, and a time in microseconds */
#define HOST_RAISE	0x00	/* raise the line given */
#define HOST_RAISE_IN	0x08	/* IN(): raise it later, from another thread */
#define HOST_IRQFD_IN	0x10	/* IN(): signal an irqfd of the line later */
#define HOST_PULSE	0x18	/* IN(): raise the line again and again until the test ends */
#define HOST_CLOCK	0x20	/* ns: fail unless the host's CLOCK_MONOTONIC is within 200 ms of it */
#define HOST_WALL	0x28	/* seconds: the same for CLOCK_REALTIME, within 2 s */
#define HOST_HOG	0x30	/* start a process that uses AVX on this CPU until the test ends */
#define HOST_REGS	0x38	/* fail unless GET_REGS shows what tiny/regs.c put there; change some of them */
#define HOST_SIGNALS	0x40	/* us: a signal to the vCPU's thread again and again until the test ends */
#define HOST_FORK	0x48	/* fork this process, and let the child touch memory and end */
#define HOST_PUNCH	0x50	/* unmap the host's own mapping of RAM2 */
#define HOST_BREAK	0x58	/* address: a hardware breakpoint for writes there, of this thread */
#define HOST_PING	0x60	/* bound to an ioeventfd, whose thread answers with an irqfd on line PING_LINE */
#define HOST_COUNT	0x68	/* bound to an ioeventfd for any value; the count is checked at the end */
#define HOST_VALUE	0x70	/* bound to an ioeventfd for the value 7 only */
#define HOST_UNBIND	0x78	/* take the binding of HOST_COUNT or HOST_VALUE (the value) away */
#define HOST_OTHER	0x80	/* nothing is bound here: counted by lgtest as an exit */
#define HOST_LDT	0x90	/* us: modify_ldt() by another thread, after a while */
#define HOST_POISON	0x88	/* the first page of RAM2 is lost, as by a memory error */
#define HOST_MEASURE	0x98	/* the latency probe begins anew */
#define HOST_MEASURED	0xa0	/* and says what it has seen */
#define HOST_SHRINK	0xa8	/* the host wants all memory back that it can do without */
#define HOST_SUSPEND	0xb0	/* line: the host goes to sleep as far as that its processes are frozen, for a second, then raises the line; the next one where it cannot */
#define IN(line, us)	((line) | (unsigned long)(us) << 8)
#define PING_LINE	9
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
