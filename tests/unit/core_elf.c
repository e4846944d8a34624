// SPDX-License-Identifier: GPL-2.0
/*
 * core_elf.c: the kernel loader against good, foreign and hostile files, and the initrd and boot parameters behind it.
 */
#include <criterion/criterion.h>
#include <asm/bootparam.h>
#include <elf.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ipc/exit.h"
#include "core/layout.h"
#include "core/loader.h"

#define MIB (1ull << 20)
#define LINKED 0x18000000ull		/* where guest/ links its kernel */
#define VA 0xffffffff98000000ull

/* A kernel of one code segment, one data segment with a tail of zeroes, and a note. */
struct file {
	Elf64_Ehdr eh;
	Elf64_Phdr ph[3];
	struct __attribute__((packed)) {
		Elf64_Nhdr h;
		char owner[8];
		struct lguest_note note;
	} note;
	uint8_t code[4096];
	uint8_t data[64];
};

static struct file good(void)
{
	struct file f = {
		.eh = {
			.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT }, .e_type = ET_EXEC,
			.e_machine = EM_X86_64, .e_version = EV_CURRENT, .e_phoff = offsetof(struct file, ph),
			.e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 3,
		},
		.ph = {
			{ .p_type = PT_LOAD, .p_offset = offsetof(struct file, code), .p_vaddr = VA, .p_paddr = LINKED,
			  .p_filesz = 4096, .p_memsz = 4096 },
			{ .p_type = PT_LOAD, .p_offset = offsetof(struct file, data), .p_vaddr = VA + 0x2000,
			  .p_paddr = LINKED + 0x2000, .p_filesz = 64, .p_memsz = 0x3000 },
			{ .p_type = PT_NOTE, .p_offset = offsetof(struct file, note), .p_filesz = sizeof(f.note) },
		},
		.note = {
			{ .n_namesz = 7, .n_descsz = sizeof(struct lguest_note), .n_type = LGUEST_ELFNOTE_ENTRY }, "lguest",
			{ LGUEST_ABI_VERSION, LGUEST_NOTE_RELOCATABLE, VA + 0x10, LINKED + 0x2000, 2 * MIB },
		},
	};

	memset(f.code, 0xc0, sizeof(f.code));
	memset(f.data, 0xda, sizeof(f.data));
	return f;
}

static int file_of(const void *bytes, size_t len)
{
	int fd = memfd_create("kernel", 0);

	cr_assert_eq(write(fd, bytes, len), (ssize_t)len);
	return fd;
}

static int load(struct loader *l, struct guest_memory *m, const struct file *f, size_t len, uint64_t memory)
{
	int fd = file_of(f, len), err;

	*l = (struct loader){ 0 };
	*m = (struct guest_memory){ 0 };
	cr_assert_eq(guest_memory_ram(m, memory), 0);
	err = load_kernel(l, m, fd);
	close(fd);
	return err;
}

/* Load a changed file; give back the status, and see that a failure comes with a clause. */
static int status_of(const struct file *f, uint64_t memory)
{
	struct guest_memory m;
	struct loader l;
	int err = load(&l, &m, f, sizeof(*f), memory);

	if (err)
		cr_expect_gt(strlen(l.error), 10);
	guest_memory_free(&m);
	return err;
}

Test(core_elf, loads_a_good_kernel_low)
{
	struct file f = good();
	struct guest_memory m;
	struct loader l;
	uint8_t *data;

	cr_assert_eq(load(&l, &m, &f, sizeof(f), 64 * MIB), 0, "%s", l.error);
	cr_expect_eq(l.entry, VA + 0x10);
	cr_expect_eq(l.cr3, 16 * MIB + 0x2000);
	cr_expect_eq(l.kernel_end, 16 * MIB + 0x5000);
	cr_expect_eq(*(uint8_t *)guest_ptr(&m, 16 * MIB, 1), 0xc0);
	data = guest_ptr(&m, 16 * MIB + 0x2000, 0x3000);
	cr_expect_eq(data[63], 0xda);
	cr_expect_eq(data[64], 0);
	guest_memory_free(&m);
}

/* What a segment has in memory only is zero, even where an earlier one lies; what lies outside of it stays. */
Test(core_elf, clears_what_lies_under_a_tail)
{
	struct file f = good();
	struct guest_memory m;
	struct loader l;
	uint8_t *code;

	f.ph[1].p_paddr = LINKED + 0x800;
	f.ph[1].p_memsz = 0x700;
	f.note.note.init_pgtable = LINKED;
	cr_assert_eq(load(&l, &m, &f, sizeof(f), 64 * MIB), 0, "%s", l.error);
	code = guest_ptr(&m, 16 * MIB, 0x1000);
	cr_expect_eq(code[0x7ff], 0xc0);
	cr_expect_eq(code[0x800], 0xda);
	cr_expect_eq(code[0x83f], 0xda);
	cr_expect_eq(code[0x840], 0);
	cr_expect_eq(code[0xeff], 0);
	cr_expect_eq(code[0xf00], 0xc0);
	guest_memory_free(&m);
}

Test(core_elf, keeps_its_place_when_it_cannot_move)
{
	struct file f = good();
	struct guest_memory m;
	struct loader l;

	f.note.note.flags = 0;
	cr_assert_eq(load(&l, &m, &f, sizeof(f), 512 * MIB), 0, "%s", l.error);
	cr_expect_eq(l.cr3, LINKED + 0x2000);
	cr_expect_eq(*(uint8_t *)guest_ptr(&m, LINKED, 1), 0xc0);
	guest_memory_free(&m);
	cr_expect_eq(status_of(&f, 256 * MIB), EXIT_MEMORY);
}

Test(core_elf, moves_by_whole_alignments_only)
{
	struct file f = good();
	struct guest_memory m;
	struct loader l;

	f.note.note.phys_align = 0x7000000;	/* 112 MiB: three of them fit between 16 and 384 MiB */
	cr_assert_eq(load(&l, &m, &f, sizeof(f), 512 * MIB), 0, "%s", l.error);
	cr_expect_eq(l.cr3, LINKED - 3 * 0x7000000ull + 0x2000);
	guest_memory_free(&m);
}

Test(core_elf, refuses_foreign_files)
{
	static const uint8_t zeroes[4096];
	struct guest_memory m = { 0 };
	struct loader l = { 0 };
	struct file f = good();

	cr_assert_eq(guest_memory_ram(&m, 64 * MIB), 0);
	cr_expect_eq(load_kernel(&l, &m, file_of(zeroes, 0)), EXIT_KERNEL);
	cr_expect_eq(load_kernel(&l, &m, file_of(zeroes, sizeof(zeroes))), EXIT_KERNEL);
	cr_expect_not_null(strstr(l.error, "bzImage"));
	cr_expect_eq(load_kernel(&l, &m, STDIN_FILENO), EXIT_FILE);
	f.note.h.n_type = 2;
	cr_expect_eq(load_kernel(&l, &m, file_of(&f, sizeof(f))), EXIT_KERNEL);
	cr_expect_not_null(strstr(l.error, "not an lguest kernel"));
	guest_memory_free(&m);
}

/* One field of a good kernel at a time, and what must come of it. */
#define CHANGED(field, value, expected) do { \
	struct file f_ = good(); \
	f_.field = (value); \
	cr_expect_eq(status_of(&f_, 64 * MIB), (expected), #field " = " #value); \
} while (0)

Test(core_elf, checks_every_field)
{
	CHANGED(eh.e_ident[0], 0, EXIT_KERNEL);
	CHANGED(eh.e_ident[EI_CLASS], ELFCLASS32, EXIT_KERNEL);
	CHANGED(eh.e_ident[EI_DATA], ELFDATA2MSB, EXIT_KERNEL);
	CHANGED(eh.e_machine, EM_AARCH64, EXIT_KERNEL);
	CHANGED(eh.e_type, ET_REL, EXIT_KERNEL);
	CHANGED(eh.e_version, 2, EXIT_KERNEL);
	CHANGED(eh.e_phentsize, 32, EXIT_KERNEL);
	CHANGED(eh.e_phnum, 0, EXIT_KERNEL);
	CHANGED(eh.e_phnum, 65535, EXIT_KERNEL);
	CHANGED(eh.e_phoff, ~0ull, EXIT_KERNEL);
	CHANGED(eh.e_phoff, ~0ull - 60, EXIT_KERNEL);
	CHANGED(eh.e_phoff, sizeof(struct file), EXIT_KERNEL);
	CHANGED(ph[0].p_filesz, 4097, EXIT_KERNEL);
	CHANGED(ph[0].p_offset, ~0ull, EXIT_KERNEL);
	CHANGED(ph[0].p_offset, sizeof(struct file), EXIT_KERNEL);
	CHANGED(ph[0].p_memsz, ~0ull, EXIT_KERNEL);
	CHANGED(ph[0].p_paddr, 0, EXIT_KERNEL);
	CHANGED(ph[0].p_paddr, 0x1000, EXIT_KERNEL);
	CHANGED(ph[0].p_paddr, ~0ull - 4095, EXIT_KERNEL);
	CHANGED(ph[1].p_paddr, 1ull << 40, EXIT_MEMORY);
	CHANGED(ph[1].p_memsz, 1ull << 40, EXIT_MEMORY);
	CHANGED(ph[1].p_memsz, 60 * MIB, EXIT_MEMORY);
	CHANGED(ph[2].p_filesz, 1 << 20, EXIT_KERNEL);
	CHANGED(ph[2].p_offset, ~0ull, EXIT_KERNEL);
	CHANGED(ph[2].p_type, PT_NULL, EXIT_KERNEL);
	CHANGED(note.h.n_namesz, 0xffffffff, EXIT_KERNEL);
	CHANGED(note.h.n_descsz, 0xfffffffd, EXIT_KERNEL);
	CHANGED(note.h.n_descsz, 16, EXIT_KERNEL);
	CHANGED(note.note.abi_version, 99, EXIT_KERNEL);
	CHANGED(note.note.flags, 0x80, EXIT_KERNEL);
	CHANGED(note.note.entry, VA - 1, EXIT_KERNEL);
	CHANGED(note.note.entry, VA + 0x5000, EXIT_KERNEL);
	CHANGED(note.note.init_pgtable, LINKED + 0x2001, EXIT_KERNEL);
	CHANGED(note.note.init_pgtable, LINKED - 0x1000, EXIT_KERNEL);
	CHANGED(note.note.init_pgtable, LINKED + 0x5000, EXIT_KERNEL);
}

Test(core_elf, refuses_files_cut_anywhere)
{
	struct file f = good();
	struct guest_memory m;
	struct loader l;

	for (size_t len = 0; len < sizeof(f); len += len < 400 ? 1 : 97) {
		cr_expect_neq(load(&l, &m, &f, len, 64 * MIB), 0, "cut to %zu bytes", len);
		guest_memory_free(&m);
	}
}

/* Any bytes in the headers: the loader ends, and touches nothing outside guest memory. */
Test(core_elf, survives_random_headers)
{
	struct guest_memory m = { 0 };
	uint32_t seed = 7;

	cr_assert_eq(guest_memory_ram(&m, 32 * MIB), 0);
	for (unsigned int i = 0; i < 20000; i++) {
		struct file f = good();
		struct loader l = { 0 };
		int fd;

		for (unsigned int j = 0; j < 1 + i % 4; j++) {
			seed = seed * 1664525 + 1013904223;
			((uint8_t *)&f)[(seed >> 8) % offsetof(struct file, code)] = (uint8_t)(seed >> 16);
		}
		fd = file_of(&f, sizeof(f));
		if (!load_kernel(&l, &m, fd))
			cr_assert_not_null(guest_ptr(&m, l.cr3, 4096));
		close(fd);
	}
	guest_memory_free(&m);
}

Test(core_elf, initrd_goes_to_the_top)
{
	static char bytes[5000] = { "initrd" };
	struct file f = good();
	struct guest_memory m;
	struct loader l;

	cr_assert_eq(load(&l, &m, &f, sizeof(f), 64 * MIB), 0);
	cr_assert_eq(load_initrd(&l, &m, file_of(bytes, sizeof(bytes))), 0);
	cr_expect_eq(l.initrd_start, 64 * MIB - 8192);
	cr_expect_eq(l.initrd_size, sizeof(bytes));
	cr_expect_str_eq((char *)guest_ptr(&m, l.initrd_start, 7), "initrd");
	l.kernel_end = 64 * MIB - 6000;
	cr_expect_eq(load_initrd(&l, &m, file_of(bytes, sizeof(bytes))), EXIT_MEMORY);
	l.kernel_end = 64 * MIB - 100;
	cr_expect_eq(load_initrd(&l, &m, file_of(bytes, sizeof(bytes))), EXIT_MEMORY);
	cr_expect_eq(load_initrd(&l, &m, file_of(bytes, 0)), EXIT_FILE);
	guest_memory_free(&m);
}

Test(core_boot_params, says_what_linux_reads)
{
	char longest[GUEST_CMDLINE_MAX + 1] = { 0 };
	struct guest_memory m = { 0 };
	struct loader l = { .initrd_start = 0x3000000, .initrd_size = 77 };
	const struct guest_region *w;
	struct boot_params *bp;

	cr_assert_eq(guest_memory_ram(&m, 64 * MIB), 0);
	w = guest_memory_window(&m, 1 * MIB);
	cr_assert_not_null(w);
	cr_assert_eq(load_boot_params(&l, &m, "console=hvc0 quiet"), 0);
	bp = guest_ptr(&m, GUEST_BOOT_PARAMS, sizeof(*bp));
	cr_expect_eq(bp->hdr.hardware_subarch, 1);
	cr_expect_geq(bp->hdr.version, 0x20c);
	cr_expect_neq(bp->hdr.type_of_loader, 0);
	cr_expect_eq(bp->hdr.ramdisk_image, 0x3000000);
	cr_expect_eq(bp->hdr.ramdisk_size, 77);
	cr_expect_str_eq((char *)guest_ptr(&m, bp->hdr.cmd_line_ptr, 32), "console=hvc0 quiet");
	cr_assert_eq(bp->e820_entries, 3);
	cr_expect_eq(bp->e820_table[0].size, 0xa0000);
	cr_expect_eq(bp->e820_table[1].addr, 0x100000);
	cr_expect_eq(bp->e820_table[1].addr + bp->e820_table[1].size, 64 * MIB);
	cr_expect_eq(bp->e820_table[2].addr, w->gpa);
	cr_expect_eq(bp->e820_table[2].type, 2, "a window is reserved");
	memset(longest, 'x', GUEST_CMDLINE_MAX - 1);
	cr_expect_eq(load_boot_params(&l, &m, longest), 0);
	longest[GUEST_CMDLINE_MAX - 1] = 'x';
	cr_expect_eq(load_boot_params(&l, &m, longest), EXIT_USAGE);
	guest_memory_free(&m);
}
