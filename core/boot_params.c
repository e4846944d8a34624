// SPDX-License-Identifier: GPL-2.0
/*L:580
 * boot_params.c: what the kernel is told before its first instruction (loader.h): Linux's zero page, with
 * the memory map, the command line, the initrd and a seed for its random numbers.
 *
 * It may write the fixed places below 640 KiB that layout.h names.
 */
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <asm/bootparam.h>

#include "ipc/exit.h"
#include "core/layout.h"
#include "core/loader.h"

#define BOOT_VERSION	0x020c
#define BOOT_MAGIC	0x53726448	/* "HdrS" */
#define BOOT_FLAG	0xaa55
#define LOADER_TYPE	0xff		/* an unregistered loader; 0 would mean one too old for an initrd */
#define SUBARCH_LGUEST	1
#define SEED_BYTES	32u
#ifndef SETUP_RNG_SEED
#define SETUP_RNG_SEED	9
#endif

static void add_range(struct boot_params *bp, uint64_t start, uint64_t end, uint32_t type)
{
	bp->e820_table[bp->e820_entries].addr = start;
	bp->e820_table[bp->e820_entries].size = end - start;
	bp->e820_table[bp->e820_entries].type = type;
	bp->e820_entries++;
}

/*
 * RAM is usable but for the hole that every PC has: Linux reserves it anyway, and drivers that probe for
 * option ROMs find nothing. Windows are reserved, so that a kernel that does not know them leaves them alone.
 */
static void memory_map(struct boot_params *bp, const struct guest_memory *m)
{
	const uint32_t ram = 1, reserved = 2;

	add_range(bp, 0, GUEST_BIOS_HOLE, ram);
	add_range(bp, GUEST_KERNEL_MIN, m->low_end, ram);
	for (unsigned int i = 1; i < m->regions; i++) {
		const struct guest_region *r = &m->region[i];

		add_range(bp, r->gpa, r->gpa + r->size, r->gpa >= GUEST_HIGH_RAM ? ram : reserved);
	}
}

/* With a seed the guest's random numbers are good from the start; without one it would wait for jitter. */
static void add_seed(struct boot_params *bp, const struct guest_memory *m)
{
	struct setup_data *sd = guest_ptr(m, GUEST_SETUP_DATA, sizeof(*sd) + SEED_BYTES);
	uint8_t seed[SEED_BYTES];

	if (!sd || getrandom(seed, sizeof(seed), GRND_NONBLOCK) != (ssize_t)sizeof(seed))
		return;
	sd->next = 0;
	sd->type = SETUP_RNG_SEED;
	sd->len = SEED_BYTES;
	memcpy(sd->data, seed, sizeof(seed));
	explicit_bzero(seed, sizeof(seed));
	bp->hdr.setup_data = GUEST_SETUP_DATA;
}

/*L:590
 * Last of the loader: the page in which a boot loader tells Linux about its machine. hardware_subarch says lguest, the
 * memory map keeps windows from being used as RAM, and the command line names each device's registers and line, so
 * that nothing has to be probed for.
 */
int load_boot_params(struct loader *l, const struct guest_memory *m, const char *cmdline)
{
	struct boot_params *bp = guest_ptr(m, GUEST_BOOT_PARAMS, sizeof(*bp));
	char *cmd = guest_ptr(m, GUEST_CMDLINE, GUEST_CMDLINE_MAX);
	size_t len = strlen(cmdline);

	if (len >= GUEST_CMDLINE_MAX) {
		snprintf(l->error, sizeof(l->error), "is too long: %zu bytes, %u are possible", len, GUEST_CMDLINE_MAX - 1);
		return EXIT_USAGE;
	}
	memset(bp, 0, sizeof(*bp));
	memcpy(cmd, cmdline, len + 1);
	bp->hdr.boot_flag = BOOT_FLAG;
	bp->hdr.header = BOOT_MAGIC;
	bp->hdr.version = BOOT_VERSION;
	bp->hdr.type_of_loader = LOADER_TYPE;
	bp->hdr.hardware_subarch = SUBARCH_LGUEST;
	bp->hdr.cmd_line_ptr = (uint32_t)GUEST_CMDLINE;
	bp->hdr.cmdline_size = GUEST_CMDLINE_MAX - 1;
	bp->hdr.kernel_alignment = (uint32_t)GUEST_HUGE;
	bp->hdr.ramdisk_image = (uint32_t)l->initrd_start;
	bp->hdr.ramdisk_size = (uint32_t)l->initrd_size;
	memory_map(bp, m);
	add_seed(bp, m);
	return 0;
}
