// SPDX-License-Identifier: GPL-2.0
/*
 * elf.c: the loader of lguest-core with a hostile kernel file and a hostile initrd, which somebody writes while they are read.
 *
 * The input is a small program: which fields of a good file become something else, and what changes after the k-th read. Besides ASan
 * (guest RAM is malloc'ed) and UBSan: what is answered lies in guest memory, behind the first MiB, kernel and initrd do not overlap, the
 * kernel's file is read to where the kernel is said to lie, and a refusal has a sentence.
 */
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "core/layout.h"
#include "core/loader.h"

#define FUZZ_NAME "elf"
#include "tests/fuzz/input.h"
#define RAM (18u << 20)
#define LINKED 0x18000000ull
#define VA 0xffffffff98000000ull
#define FILE_MAX 8192u

ssize_t fuzz_pread(int fd, void *buf, size_t len, off_t off);
int fuzz_fstat(int fd, struct stat *st);

static struct kernel {
	Elf64_Ehdr eh;
	Elf64_Phdr ph[4];
	struct __attribute__((packed)) {
		Elf64_Nhdr h;
		char owner[8];
		struct lguest_note note;
	} note;
	uint8_t code[64];
} file;
static uint8_t raw[FILE_MAX];	/* the file as it is now */
static size_t size;
static mode_t kind;
static uint8_t *ram;
static size_t highest;		/* in RAM, of what came from the kernel's file */
static struct { unsigned int countdown; uint16_t off; uint8_t bytes[2]; } plan;
ssize_t fuzz_pread(int fd, void *buf, size_t len, off_t off)
{
	size_t at = (size_t)off, n = off >= 0 && at < size ? size - at : 0;

	if (fd == 4 && kind & 4)
		return (ssize_t)len;	/* of a large initrd nobody reads the bytes */
	if (n > len)
		n = len;
	if (n > 7 && kind & 1)
		n = 7;	/* a short read */
	if (n)
		memcpy(buf, raw + at, n);
	if (fd == 3 && n && (uintptr_t)buf - (uintptr_t)ram < RAM && (uintptr_t)buf - (uintptr_t)ram + n > highest)
		highest = (uintptr_t)buf - (uintptr_t)ram + n;
	if (plan.countdown && !--plan.countdown && plan.off + 1u < sizeof(raw))
		memcpy(raw + plan.off, plan.bytes, 2);
	return (ssize_t)n;
}

int fuzz_fstat(int fd, struct stat *st)
{
	const int initrd = fd == 4;

	memset(st, 0, sizeof(*st));
	st->st_mode = kind & (initrd ? 8 : 2) ? S_IFIFO : S_IFREG;
	st->st_size = (off_t)(initrd && kind & 16 ? 0 : initrd && kind & 4 ? RAM - 0x1000 : size);
	return 0;
}

void *guest_ptr(const struct guest_memory *m, uint64_t gpa, uint64_t len)
{
	if (!len || gpa >= m->region[0].size || len > m->region[0].size - gpa)
		return NULL;
	return m->region[0].host + gpa;
}

static void good_file(void)
{
	file = (struct kernel){
		.eh = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT }, .e_type = ET_EXEC, .e_machine = EM_X86_64,
			.e_version = EV_CURRENT, .e_phoff = offsetof(struct kernel, ph), .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 3 },
		.ph = {
			{ .p_type = PT_LOAD, .p_offset = offsetof(struct kernel, code), .p_vaddr = VA, .p_paddr = LINKED, .p_filesz = 64, .p_memsz = 64 },
			{ .p_type = PT_LOAD, .p_offset = offsetof(struct kernel, code), .p_vaddr = VA + 0x1000, .p_paddr = LINKED + 0x1000,
			  .p_filesz = 16, .p_memsz = 0x2000 },
			{ .p_type = PT_NOTE, .p_offset = offsetof(struct kernel, note), .p_filesz = sizeof(file.note) },
			{ .p_type = PT_NULL },
		},
		.note = { { .n_namesz = 7, .n_descsz = sizeof(struct lguest_note), .n_type = LGUEST_ELFNOTE_ENTRY }, "lguest",
			  { LGUEST_ABI_VERSION, LGUEST_NOTE_RELOCATABLE, VA + 0x10, LINKED + 0x1000, 2u << 20 } },
	};
	memset(raw, 0, sizeof(raw));
	memcpy(raw, &file, sizeof(file));
	size = sizeof(file);
}

/* A number that means something where it is put: limits, sums that wrap, addresses of RAM. */
static uint64_t number(void)
{
	static const uint64_t nice[] = { 0, 1, 2, 3, 4, 7, 8, 12, 16, 63, 64, 65, 56, 0xffff, 0x10000, 0x10001, ~0ull, ~0ull - 63, 1ull << 63,
					 1ull << 32, 0xffffffff, LINKED, LINKED + 0x1000, VA, RAM, RAM - 1, RAM - 0x1000, GUEST_KERNEL_MOVED,
					 GUEST_KERNEL_MIN, GUEST_KERNEL_MIN - 1, sizeof(struct kernel), 0x1000 };
	uint8_t code = byte();
	uint64_t v = 0;

	if (code < 0xe0)
		return nice[code % 32];
	for (int i = 0; i < (code & 7) + 1; i++)
		v = v << 8 | byte();
	return v;
}

static void change(void)
{
	static const uint8_t widths[] = { 8, 4, 2, 1 };
	uint8_t what = byte();
	uint64_t v = number();

	if (what < 0x20) {
		size_t at = (size_t)(byte() | byte() << 8) % sizeof(raw);
		uint8_t w = widths[what & 3];

		if (at + w <= sizeof(raw))
			memcpy(raw + at, &v, w);
	} else if (what < 0x60) {
		size_t ph = offsetof(struct kernel, ph) + (what & 3u) * sizeof(Elf64_Phdr);

		memcpy(raw + ph + 8 * (what >> 2 & 7u) % sizeof(Elf64_Phdr), &v, what & 0x20 && !(what >> 2 & 7) ? 4 : 8);
	} else if (what < 0x80) {
		memcpy(raw + offsetof(struct kernel, note) + (what & 15u) * 4, &v, 4);
	} else if (what < 0x90) {
		memcpy(raw + offsetof(struct kernel, note.note) + (what & 3u) * 8, &v, 8);
	} else if (what < 0xa0) {
		size = v % (sizeof(raw) + 1);
	} else if (what < 0xc0) {
		kind = what & 31;
	} else if (what < 0xd0) {
		uint16_t n = (uint16_t)v;

		memcpy(raw + offsetof(Elf64_Ehdr, e_phnum), &n, 2);
		size = sizeof(raw);
	} else {
		plan.countdown = what & 15u;
		plan.off = (uint16_t)(v % sizeof(raw));
		plan.bytes[0] = byte();
		plan.bytes[1] = byte();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct guest_memory m = { .ram = RAM, .low_end = RAM, .regions = 1 };
	struct loader l = { 0 };

	if (!ram)
		ram = malloc(RAM);
	m.region[0] = (struct guest_region){ .size = RAM, .host = ram };
	in = data;
	left = len;
	kind = 0;
	highest = 0;
	memset(&plan, 0, sizeof(plan));
	good_file();
	for (int i = 0; i < 32 && left; i++)
		change();
	if (load_kernel(&l, &m, 3)) {
		REQUIRE(strlen(l.error) > 10, "a refusal without a sentence");
		return 0;
	}
	REQUIRE(l.kernel_end <= m.low_end && l.kernel_end > GUEST_KERNEL_MIN, "the kernel ends at %#llx", (unsigned long long)l.kernel_end);
	REQUIRE(highest <= l.kernel_end, "the file reaches to %#zx, the kernel to %#llx", highest, (unsigned long long)l.kernel_end);
	REQUIRE(guest_ptr(&m, l.cr3, GUEST_PAGE) && l.cr3 % GUEST_PAGE == 0, "the page table is at %#llx", (unsigned long long)l.cr3);
	if (load_initrd(&l, &m, 4)) {
		REQUIRE(strlen(l.error) > 5, "a refusal without a sentence");
		return 0;
	}
	REQUIRE(l.initrd_start >= l.kernel_end && guest_ptr(&m, l.initrd_start, l.initrd_size), "the initrd lies in the kernel");
	return 0;
}
