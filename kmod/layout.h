/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The numbers that more than one file of the module goes by: where things are in a guest's address space, and the flags that are
 * always set. Constants only, for C and, where no suffix is in the way, for assembler. Where the switcher's own pages are is in switch.h.
 */
#ifndef LG_LAYOUT_H
#define LG_LAYOUT_H

/* RFLAGS that no mode of a guest is without: IF, since the host's interrupts must come through, and the bit that is always 1 */
#define GUEST_FLAGS	0x202

/* The two halves; a top-level slot holds 512 GiB, and slot 256 begins the upper half */
#define LOW_LAST	((1ULL << 47) - 1)
#define KERNEL_START	(-(1ULL << 47))
#define SLOT_SIZE	(1ULL << 39)
#define SWITCHER_SLOT	256
#define CEA_SLOT	508	/* the host's cpu_entry_area, which processors go to with a guest's tables loaded */

/* Slot 256 is the switcher's, in tables of four levels and of five; 257 to 271 are what Linux leaves to hypervisors */
#define SWITCHER_START	KERNEL_START
#define SWITCHER_START_5 (-(1ULL << 56))
#define HOLE_START	(SWITCHER_START + SLOT_SIZE)
#define HOLE_END	(SWITCHER_START + 16 * SLOT_SIZE)

#endif
