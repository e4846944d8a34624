// SPDX-License-Identifier: GPL-2.0
/* record_out.c: the size of what lguest-record writes (record/out.h), for records that end where the bound is, or a byte before or behind it. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "record/out.h"
#include "record/recording.h"

#define MAX (1u << 20)

static char path[] = "/tmp/lguest-out-XXXXXX";

static void end(void)
{
	unlink(path);
}

TestSuite(out, .timeout = 20, .fini = end);

static off_t size_of(int fd)
{
	struct stat st;

	cr_assert_eq(fstat(fd, &st), 0);
	return st.st_size;
}

/* As many records of @len bytes as there is room for, and one that takes what is left, and @more. Return: the file's size. */
static off_t filled(size_t len, size_t more)
{
	static uint8_t bytes[REC_BYTES_MAX];
	size_t room = MAX - sizeof(struct rec_file), one = sizeof(struct rec_head) + len, last;
	int fd = mkstemp(path), mine = dup(fd);

	cr_assert(fd >= 0 && mine >= 0 && out_head(fd) == 0 && out_begin(fd, MAX) == 0);
	for (; room >= 2 * one; room -= one)
		out_put(REC_WROTE, 0, bytes, 8, bytes, len - 8);
	last = room - sizeof(struct rec_head) + more;
	out_put(REC_WROTE, 0, bytes, 8, bytes, last - 8);
	out_flush();
	return size_of(mine);
}

static const struct row {
	size_t len, more;
	bool fits;
} row[] = {
	{ 48, 0, true }, { 48, 1, false }, { 48, 16, false }, { 48, 17, false }, { 4104, 0, true }, { 4104, 1, false }, { 4104, 16, false }, { 16384, 4, false },
};

ParameterizedTestParameters(out, a_recording_has_no_byte_more_than_it_may)
{
	return cr_make_param_array(const struct row, row, sizeof(row) / sizeof(row[0]));
}

ParameterizedTest(const struct row *r, out, a_recording_has_no_byte_more_than_it_may)
{
	off_t size = filled(r->len, r->more);

	if (r->fits)
		cr_expect_eq(size, MAX, "%ld bytes", (long)size);
	else
		cr_expect(size < MAX && size > MAX - 2 * (off_t)(sizeof(struct rec_head) + r->len) - 1, "%ld bytes", (long)size);
}
