/* SPDX-License-Identifier: GPL-2.0 */
/*
 * layout.h: where things are, in guest-physical space and in lguest-core's descriptor table. One page of
 * numbers that the launcher, the core, its manifest and the tests share; docs/launcher.md shows them as a
 * table. It may hold constants only.
 *
 *	0                      RAM, up to 3 GiB of it (the part above LOW_RAM_MAX continues at HIGH_RAM)
 *	end of low RAM         windows, 2 MiB aligned, below MMIO_BASE
 *	MMIO_BASE              virtio-mmio register pages, one per device
 *	HIGH_RAM               the rest of RAM
 *
 * Windows lie below 4 GiB, beside RAM, so that a small guest needs no page descriptors for a distant section.
 */
#ifndef LGUEST_LAYOUT_H
#define LGUEST_LAYOUT_H

#include <stdint.h>

/*P:130
 * We have the two contracts of the module; who holds what on this side of them? Of lguest-core this page has it all:
 * where things lie in guest-physical space, as the map in the head of this file draws it, and then each descriptor
 * with its number. lguest-core opens nothing, so that lguest-run can put the descriptors at these numbers and the
 * filter of core/manifest.c can name them.
 */
#define GUEST_PAGE		4096ull
#define GUEST_HUGE		(2ull << 20)

#define GUEST_LOW_RAM_MAX	(3ull << 30)
#define GUEST_HIGH_RAM		(4ull << 30)
#define GUEST_MMIO_BASE		0xd0000000ull
#define GUEST_MMIO_SIZE		4096ull
#define GUEST_RAM_MIN		(16ull << 20)	/* no kernel of ours fits in less */
#define GUEST_RAM_MAX		(1ull << 40)

/* What the kernel finds below 640 KiB; the loader refuses segments there. */
#define GUEST_BOOT_PARAMS	0x10000ull
#define GUEST_SETUP_DATA	0x12000ull
#define GUEST_CMDLINE		0x20000ull
/*
 * The command line's first word: Linux looks twice a second whether memory is fragmented, to be ready for whoever wants large pieces, and
 * that would be most of what wakes an idle guest. Who wants it says so in his own words, which come later. Other kernels pass it over.
 */
#define GUEST_CMDLINE_FIRST	"sysctl.vm.compaction_proactiveness=0 "
#define GUEST_CMDLINE_MAX	2048u		/* COMMAND_LINE_SIZE of x86, with its NUL */
#define GUEST_BIOS_HOLE		0xa0000ull	/* to GUEST_KERNEL_MIN: what PCs keep for video and firmware */
#define GUEST_KERNEL_MIN	0x100000ull
#define GUEST_KERNEL_MOVED	(16ull << 20)	/* lowest place of a kernel that may be moved */

/* A device n: registers at GUEST_MMIO_BASE + n * GUEST_MMIO_SIZE, interrupt line n + LGUEST_IRQ_DEVICE: those below are a vCPU's own. */
#define GUEST_DEVICES		16u
#define GUEST_QUEUES		16u		/* most virtqueues of one device */
#define GUEST_QUEUE_SIZE	256u		/* most entries of one */

/* The descriptor table of lguest-core. */
enum core_fd {
	CORE_FD_CONSOLE = 1,		/* early console text, by write */
	CORE_FD_LOG = 2,
	CORE_FD_CONTROL = 3,		/* SOCK_SEQPACKET to lguest-run, core/control.h */
	CORE_FD_LGUEST = 4,		/* /dev/lguest */
	CORE_FD_KERNEL = 5,		/* until the guest is loaded */
	CORE_FD_INITRD = 6,		/* the same; lguest-run gives /dev/null where there is none, as at 0 */
	CORE_FD_OWN = 7,		/* from here on the core's own: memory, eventfds, what back ends send */
	CORE_FD_DEVICE = 16,		/* + device: its vhost-user connection */
	CORE_FD_MAX = 1024,
};

#endif
