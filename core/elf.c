// SPDX-License-Identifier: GPL-2.0
/*L:550
 * elf.c: the guest kernel's ELF64 file, from the first byte to the last segment (loader.h).
 *
 * The file may have been made to attack us and may change while we read it: headers are copied once, sums
 * are checked for overflow, loops are bounded by MAX_SEGMENTS and MAX_NOTE_BYTES, and every destination goes through
 * guest_ptr(). Sections, symbols and relocations are not looked at.
 *
 * It may read the one descriptor and write guest RAM.
 */
#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ipc/exit.h"
#include "core/layout.h"
#include "core/loader.h"

#define MAX_SEGMENTS	64u
#define MAX_NOTE_BYTES	65536u

static int __attribute__((format(printf, 3, 4))) refuse(struct loader *l, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(l->error, sizeof(l->error), fmt, ap);
	va_end(ap);
	return code;
}

/* Read @len bytes at @off, all of them: a file that ends early was cut or is lying about its sizes. */
static bool read_at(int fd, void *buf, uint64_t len, uint64_t off)
{
	uint8_t *p = buf;
	ssize_t n;

	while (len) {
		n = pread(fd, p, len, (off_t)off);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		p += n;
		off += (uint64_t)n;
		len -= (uint64_t)n;
	}
	return true;
}

struct image {
	int fd;
	uint64_t size;		/* of the file */
	unsigned int segments;
	Elf64_Phdr ph[MAX_SEGMENTS];
	struct lguest_note note;
	bool has_note;
	uint64_t low, high;	/* physical extent of the PT_LOAD segments, as linked */
};

static int check_header(struct loader *l, const Elf64_Ehdr *eh)
{
	if (memcmp(eh->e_ident, ELFMAG, SELFMAG))
		return refuse(l, EXIT_KERNEL, "is not an ELF file: give the uncompressed vmlinux, not a bzImage");
	if (eh->e_ident[EI_CLASS] != ELFCLASS64 || eh->e_ident[EI_DATA] != ELFDATA2LSB || eh->e_machine != EM_X86_64)
		return refuse(l, EXIT_KERNEL, "is not for x86-64");
	if (eh->e_ident[EI_VERSION] != EV_CURRENT || eh->e_version != EV_CURRENT || eh->e_type != ET_EXEC)
		return refuse(l, EXIT_KERNEL, "is not an executable ELF file (type %u)", eh->e_type);
	if (eh->e_phentsize != sizeof(Elf64_Phdr) || !eh->e_phnum || eh->e_phnum > MAX_SEGMENTS)
		return refuse(l, EXIT_KERNEL, "has %u program headers of %u bytes; 1 to %u of %zu are possible", eh->e_phnum,
			      eh->e_phentsize, MAX_SEGMENTS, sizeof(Elf64_Phdr));
	return 0;
}

static int read_headers(struct loader *l, struct image *im)
{
	Elf64_Ehdr eh;
	struct stat st;
	uint64_t end;
	int err;

	if (fstat(im->fd, &st) || !S_ISREG(st.st_mode))
		return refuse(l, EXIT_FILE, "is not a regular file");
	im->size = (uint64_t)st.st_size;
	if (!read_at(im->fd, &eh, sizeof(eh), 0))
		return refuse(l, EXIT_KERNEL, "is not an ELF file: it has %llu bytes", (unsigned long long)im->size);
	err = check_header(l, &eh);
	if (err)
		return err;
	im->segments = eh.e_phnum;
	if (__builtin_add_overflow(eh.e_phoff, im->segments * sizeof(Elf64_Phdr), &end) || end > im->size ||
	    !read_at(im->fd, im->ph, im->segments * sizeof(Elf64_Phdr), eh.e_phoff))
		return refuse(l, EXIT_KERNEL, "has its program headers outside the file");
	return 0;
}

static uint64_t note_align(uint64_t n)
{
	return (n + 3) & ~3ull;
}

/* Find our note in a copy of a PT_NOTE segment. A malformed one ends the search: nothing behind it can be trusted. */
static void scan_notes(struct image *im, const uint8_t *p, uint64_t len)
{
	Elf64_Nhdr nh;
	uint64_t name, desc;

	while (len >= sizeof(nh)) {
		memcpy(&nh, p, sizeof(nh));
		name = note_align(nh.n_namesz);
		desc = note_align(nh.n_descsz);
		if (name + desc > len - sizeof(nh))	/* both below 2^33: the sum cannot wrap */
			return;
		p += sizeof(nh);
		if (nh.n_type == LGUEST_ELFNOTE_ENTRY && nh.n_namesz == sizeof(LGUEST_ELFNOTE_OWNER) &&
		    !memcmp(p, LGUEST_ELFNOTE_OWNER, sizeof(LGUEST_ELFNOTE_OWNER)) && nh.n_descsz == sizeof(im->note)) {
			memcpy(&im->note, p + name, sizeof(im->note));
			im->has_note = true;
			return;
		}
		p += name + desc;
		len -= sizeof(nh) + name + desc;
	}
}

static int read_note(struct loader *l, struct image *im)
{
	static uint8_t buf[MAX_NOTE_BYTES];

	for (unsigned int i = 0; i < im->segments && !im->has_note; i++) {
		const Elf64_Phdr *ph = &im->ph[i];

		if (ph->p_type != PT_NOTE || !ph->p_filesz)
			continue;
		if (ph->p_filesz > sizeof(buf) || !read_at(im->fd, buf, ph->p_filesz, ph->p_offset))
			return refuse(l, EXIT_KERNEL, "has a note segment that is too large or outside the file");
		scan_notes(im, buf, ph->p_filesz);
	}
	if (!im->has_note)
		return refuse(l, EXIT_KERNEL, "is not an lguest kernel: it has no lguest note (build one with 'make guest')");
	if (im->note.abi_version != LGUEST_ABI_VERSION)
		return refuse(l, EXIT_KERNEL, "speaks version %u of the guest ABI, and this program version %u",
			      im->note.abi_version, LGUEST_ABI_VERSION);
	if (im->note.flags & ~(uint32_t)LGUEST_NOTE_RELOCATABLE)
		return refuse(l, EXIT_KERNEL, "has unknown flags %#x in its lguest note", im->note.flags);
	return 0;
}

static int check_segments(struct loader *l, struct image *im)
{
	uint64_t end;

	im->low = UINT64_MAX;
	for (unsigned int i = 0; i < im->segments; i++) {
		const Elf64_Phdr *ph = &im->ph[i];

		if (ph->p_type != PT_LOAD || !ph->p_memsz)
			continue;
		if (ph->p_filesz > ph->p_memsz)
			return refuse(l, EXIT_KERNEL, "has a segment (%u) with more bytes in the file than in memory", i);
		if (__builtin_add_overflow(ph->p_offset, ph->p_filesz, &end) || end > im->size)
			return refuse(l, EXIT_KERNEL, "has a segment (%u) that ends outside the file: was it cut off?", i);
		if (__builtin_add_overflow(ph->p_paddr, ph->p_memsz, &end))
			return refuse(l, EXIT_KERNEL, "has a segment (%u) that ends above all memory", i);
		if (ph->p_paddr < im->low)
			im->low = ph->p_paddr;
		if (end > im->high)
			im->high = end;
	}
	if (!im->high)
		return refuse(l, EXIT_KERNEL, "has nothing to load");
	return 0;
}

/* How far down the kernel moves: 0 when it cannot be moved or lies low already. */
static uint64_t choose_shift(const struct image *im)
{
	uint64_t align = im->note.phys_align;

	if (!(im->note.flags & LGUEST_NOTE_RELOCATABLE) || !align || im->low <= GUEST_KERNEL_MOVED)
		return 0;
	return (im->low - GUEST_KERNEL_MOVED) / align * align;
}

/*
 * What a segment has in memory and not in the file is zero, as the ABI of ELF says. Fresh memory is, and stays untouched: nothing is spent on it, and it is
 * not there before the guest wants it. Only what an earlier segment has put where this one's tail lies is cleared.
 */
static void clear_tail(const struct guest_memory *m, const struct image *im, unsigned int segment, uint64_t shift)
{
	const Elf64_Phdr *ph = &im->ph[segment], *e;
	uint64_t from, to;

	for (e = im->ph; e < ph; e++) {
		if (e->p_type != PT_LOAD || !e->p_filesz)
			continue;
		from = ph->p_paddr + ph->p_filesz > e->p_paddr ? ph->p_paddr + ph->p_filesz : e->p_paddr;
		to = ph->p_paddr + ph->p_memsz < e->p_paddr + e->p_filesz ? ph->p_paddr + ph->p_memsz : e->p_paddr + e->p_filesz;
		if (from < to)
			memset(guest_ptr(m, from - shift, to - from), 0, to - from);
	}
}

static int load_segments(struct loader *l, const struct guest_memory *m, const struct image *im, uint64_t shift)
{
	uint8_t *to;

	if (im->low - shift < GUEST_KERNEL_MIN)
		return refuse(l, EXIT_KERNEL, "wants to be loaded at %#llx, below 1 MiB", (unsigned long long)im->low);
	l->kernel_end = im->high - shift;
	if (l->kernel_end > m->low_end)
		return refuse(l, EXIT_MEMORY, "ends at %llu MiB of guest memory and the guest has %llu MiB there: give it more with --memory",
			      (unsigned long long)(l->kernel_end >> 20) + 1, (unsigned long long)m->low_end >> 20);
	for (unsigned int i = 0; i < im->segments; i++) {
		const Elf64_Phdr *ph = &im->ph[i];

		if (ph->p_type != PT_LOAD || !ph->p_memsz)
			continue;
		to = guest_ptr(m, ph->p_paddr - shift, ph->p_memsz);
		if (!to)
			return refuse(l, EXIT_MEMORY, "has a segment (%u) outside guest memory", i);
		if (!read_at(im->fd, to, ph->p_filesz, ph->p_offset))
			return refuse(l, EXIT_FILE, "cannot be read to its end");
		clear_tail(m, im, i, shift);
	}
	return 0;
}

static bool maps_va(const struct image *im, uint64_t va)
{
	for (unsigned int i = 0; i < im->segments; i++) {
		const Elf64_Phdr *ph = &im->ph[i];

		if (ph->p_type == PT_LOAD && va >= ph->p_vaddr && va - ph->p_vaddr < ph->p_memsz)
			return true;
	}
	return false;
}

/*L:560
 * Memory is there and empty. Of a kernel's file the headers, the note in which it says that it is an lguest kernel and
 * where it begins, and the segments are checked before a byte is loaded. Entry and first page table are believed only
 * when they lie in what was loaded.
 */
int load_kernel(struct loader *l, const struct guest_memory *m, int fd)
{
	static struct image im;
	uint64_t shift;
	int err;

	memset(&im, 0, sizeof(im));
	im.fd = fd;
	err = read_headers(l, &im);
	if (!err)
		err = read_note(l, &im);
	if (!err)
		err = check_segments(l, &im);
	if (err)
		return err;
	shift = choose_shift(&im);
	err = load_segments(l, m, &im, shift);
	if (err)
		return err;
	l->entry = im.note.entry;
	l->cr3 = im.note.init_pgtable - shift;
	if (!maps_va(&im, l->entry))
		return refuse(l, EXIT_KERNEL, "has its entry (%#llx) outside its segments", (unsigned long long)l->entry);
	if (im.note.init_pgtable < im.low || im.note.init_pgtable >= im.high || l->cr3 % GUEST_PAGE ||
	    !guest_ptr(m, l->cr3, GUEST_PAGE))
		return refuse(l, EXIT_KERNEL, "has its first page table (%#llx) outside its segments",
			      (unsigned long long)im.note.init_pgtable);
	return 0;
}

/*L:570
 * The initrd is only bytes to us. It goes to the top of low RAM, as far from the kernel as can be, and must not reach
 * down into it.
 */
int load_initrd(struct loader *l, const struct guest_memory *m, int fd)
{
	struct stat st;
	uint64_t size, start;
	void *to;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		return refuse(l, EXIT_FILE, "is not a regular file");
	size = (uint64_t)st.st_size;
	if (!size)
		return refuse(l, EXIT_FILE, "is empty");
	if (size > m->low_end - l->kernel_end)
		return refuse(l, EXIT_MEMORY, "(%llu MiB) does not fit in the %llu MiB that the kernel leaves: give the guest more with --memory",
			      (unsigned long long)(size >> 20) + 1, (unsigned long long)(m->low_end - l->kernel_end) >> 20);
	start = (m->low_end - size) & ~(GUEST_PAGE - 1);
	to = start >= l->kernel_end ? guest_ptr(m, start, size) : NULL;
	if (!to)
		return refuse(l, EXIT_MEMORY, "does not fit beside the kernel: give the guest more memory with --memory");
	if (!read_at(fd, to, size, 0))
		return refuse(l, EXIT_FILE, "cannot be read to its end");
	l->initrd_start = start;
	l->initrd_size = size;
	return 0;
}
