// SPDX-License-Identifier: GPL-2.0
/*
 * elf.c: proofs about core/elf.c, the loader of a kernel file that may have been made to attack it. Reading the file is any bytes (the
 * file may change meanwhile), a sentence for the user is left out.
 */
#include "tests/proofs/proof.h"

#include <stdio.h>

#define vsnprintf(buf, size, fmt, ap) ((void)(ap))
#include "core/elf.c"
#undef vsnprintf

#define RAM 0x40000000ull

static struct image im;
static struct loader l;
static uint8_t sink[64];	/* stands for guest memory: what is written there is checked by its size */
static uint64_t sink_len;

/* As its caller sees it: NULL, or all bytes of the range (core/memory.c's own tests have the rest). */
void *guest_ptr(const struct guest_memory *m, uint64_t gpa, uint64_t len)
{
	if (!len || gpa >= m->low_end || len > m->low_end - gpa || len > sizeof(sink))
		return NULL;
	sink_len = len;
	return sink + sizeof(sink) - len;
}

/* The file: short reads, errors, and other bytes each time. */
ssize_t pread(int fd, void *buf, size_t len, off_t off)
{
	size_t n = any_u64();

	(void)fd;
	(void)off;
	ASSUME(n <= len);
	if (any_bool())
		return 0;
	__CPROVER_havoc_slice(buf, n);
	return (ssize_t)n;
}

int fstat(int fd, struct stat *st)
{
	(void)fd;
	st->st_mode = any_u32();
	st->st_size = (off_t)any_u64();
	ASSUME(st->st_size >= 0);
	return any_bool() ? -1 : 0;
}

static void any_image(unsigned int segments)
{
	ANY(im);
	im.segments = any_up_to(segments);
}

/*
 * PROOF: notes are searched inside their segment, whatever sizes they claim, and the search ends.
 * BOUND: segments of 0 to 64 bytes (up to 5 notes), in an object of exactly that size
 * UNWIND: 7
 * FLAGS: --unwindset memcmp.0:10
 * BUG: core/elf.c: "if (name + desc > len - sizeof(nh))" => "if (name > len - sizeof(nh))"
 */
void proof_notes(void)
{
	uint32_t len = any_up_to(64);
	uint8_t *p = malloc(len);

	scan_notes(&im, p, len);
}

/*
 * PROOF: a note is taken only when it has our name, type and size, whole inside the segment.
 * BOUND: as proof_notes
 * UNWIND: 7
 * FLAGS: --unwindset memcmp.0:10
 * BUG: core/elf.c: " && nh.n_descsz == sizeof(im->note)" => ""
 */
void proof_note_whole(void)
{
	uint32_t len = any_up_to(40);
	uint8_t *p = malloc(len);

	im.has_note = false;
	scan_notes(&im, p, len);
	PROVE(!im.has_note || len >= 12 + 8 + sizeof(im.note), "there is room for it");
}

/*
 * PROOF: a header that is accepted names 1 to MAX_SEGMENTS program headers of the size that we read.
 * BOUND: none: every header
 * FLAGS: --unwindset memcmp.0:10
 * BUG: core/elf.c: "!eh->e_phnum || eh->e_phnum > MAX_SEGMENTS" => "!eh->e_phnum"
 */
void proof_header(void)
{
	Elf64_Ehdr eh;

	ANY(eh);
	if (!check_header(&l, &eh))
		PROVE(eh.e_phnum >= 1 && eh.e_phnum <= MAX_SEGMENTS && eh.e_phentsize == sizeof(Elf64_Phdr), "as many as there is room for");
}

/*
 * PROOF: what check_segments() accepts lies in the file and below 2^64 in memory, without a sum that wraps, and [low, high) holds all of it.
 * BOUND: 0 to 3 segments of any values
 * UNWIND: 5
 * BUG: core/elf.c: "__builtin_add_overflow(ph->p_paddr, ph->p_memsz, &end))" => "(end = ph->p_paddr + ph->p_memsz, false))"
 */
void proof_segments(void)
{
	any_image(3);
	im.high = 0;
	if (check_segments(&l, &im))
		return;
	for (unsigned int i = 0; i < 3; i++) {
		const Elf64_Phdr *ph = &im.ph[i];

		if (i >= im.segments || ph->p_type != PT_LOAD || !ph->p_memsz)
			continue;
		PROVE(ph->p_offset <= im.size && ph->p_filesz <= im.size - ph->p_offset && ph->p_filesz <= ph->p_memsz, "in the file");
		PROVE(ph->p_paddr >= im.low && ph->p_paddr < im.high && ph->p_memsz <= im.high - ph->p_paddr, "in the extent");
	}
}

/*
 * PROOF: a kernel is moved down by a multiple of its alignment, and never below the place for moved kernels.
 * BOUND: none: every note and extent
 * ASSUME: the division is CBMC's, for alignments that are powers of two below 2^32
 * BUG: core/elf.c: "im->low <= GUEST_KERNEL_MOVED)" => "0)"
 */
void proof_shift(void)
{
	uint64_t shift, bit = any_up_to(31);

	ANY(im);
	im.note.phys_align = 1ull << bit;
	shift = choose_shift(&im);
	PROVE(shift == 0 || (shift <= im.low && im.low - shift >= GUEST_KERNEL_MOVED), "not below the place");
	PROVE(shift % (1ull << bit) == 0, "aligned");
}

/*
 * PROOF: loading writes inside guest memory only, and no more than the segment has there, also when the file is not what it was.
 * BOUND: 0 or 1 segment of up to 64 bytes, 1 GiB of memory, files that give up to 3 short reads
 * ASSUME: guest_ptr() answers what it promises; check_segments() has accepted the segments (proof_segments)
 * UNWIND: 5
 * FLAGS: --no-unwinding-assertions
 * BUG: core/elf.c: "to, ph->p_filesz, ph->p_offset" => "to, ph->p_memsz + 1, ph->p_offset"
 */
void proof_load_segments(void)
{
	struct guest_memory m = { .low_end = RAM, .ram = RAM };

	any_image(1);
	im.high = 0;
	ASSUME(im.ph[0].p_memsz <= 64);
	if (check_segments(&l, &im))
		return;
	load_segments(&l, &m, &im, choose_shift(&im));
}

/*
 * PROOF: what is cleared under a segment's tail lies in guest memory and is no more than is there.
 * BOUND: 2 segments of up to 64 bytes, 1 GiB of memory
 * ASSUME: as proof_load_segments; both segments have been found in guest memory
 * UNWIND: 5
 * BUG: core/elf.c: "to - from), 0, to - from);" => "to - from), 0, ph->p_memsz);"
 */
void proof_tail(void)
{
	struct guest_memory m = { .low_end = RAM, .ram = RAM };

	any_image(2);
	im.high = 0;
	ASSUME(im.segments == 2 && im.ph[0].p_memsz <= 64 && im.ph[1].p_memsz <= 64 && im.ph[0].p_type == PT_LOAD && im.ph[1].p_type == PT_LOAD);
	if (check_segments(&l, &im))
		return;
	for (unsigned int i = 0; i < 2; i++)
		ASSUME(guest_ptr(&m, im.ph[i].p_paddr, im.ph[i].p_memsz));
	clear_tail(&m, &im, 1, 0);
}

/*
 * PROOF: an address is called mapped only when a loaded segment holds it.
 * BOUND: 0 to 2 segments of any values: the loop looks at each alike
 * SCALE: core/elf.c: "MAX_SEGMENTS\t64u" => "MAX_SEGMENTS 2u"
 * UNWIND: 5
 * BUG: core/elf.c: "va - ph->p_vaddr < ph->p_memsz" => "va - ph->p_vaddr <= ph->p_memsz"
 */
void proof_maps_va(void)
{
	uint64_t va = any_u64();
	bool inside = false;

	any_image(2);
	for (unsigned int i = 0; i < 2; i++)
		inside = inside || (i < im.segments && im.ph[i].p_type == PT_LOAD && va - im.ph[i].p_vaddr < im.ph[i].p_memsz && va >= im.ph[i].p_vaddr);
	PROVE(maps_va(&im, va) == inside, "held by a segment");
}

/*
 * PROOF: an initrd goes between the end of the kernel and the end of low memory, whatever its size.
 * BOUND: sizes that guest_ptr() grants here (up to 64 bytes); all sizes are refused or placed without a sum that wraps
 * ASSUME: load_kernel() has left kernel_end at most low_end
 * UNWIND: 4
 * FLAGS: --no-unwinding-assertions --unsigned-overflow-check
 * BUG: core/elf.c: "start >= l->kernel_end ? guest_ptr(m, start, size) : NULL" => "guest_ptr(m, start, size)"
 */
void proof_initrd(void)
{
	struct guest_memory m = { .low_end = any_u64(), .ram = RAM };

	ANY(l);
	ASSUME(m.low_end <= 3ull << 30 && m.low_end % 4096 == 0 && l.kernel_end <= m.low_end);
	if (!load_initrd(&l, &m, 6))
		PROVE(l.initrd_start >= l.kernel_end && l.initrd_start + l.initrd_size <= m.low_end, "between them");
}
