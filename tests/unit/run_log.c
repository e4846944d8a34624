// SPDX-License-Identifier: GPL-2.0
/* run_log.c: pipes to the log (run/log.h): what comes out for what a hostile process writes. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run/log.h"

static char path[] = "/tmp/lguest-log-XXXXXX";
static struct log_source s;

static void begin(uint64_t burst, uint64_t rate)
{
	close(mkstemp(path));
	cr_assert_eq(log_file(path), 0);
	cr_assert_eq(log_pipe(&s, "dev0", burst, rate), 0);
}

static void end(void)
{
	unlink(path);
}

static const char *written(void)
{
	static char text[1 << 20];
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, text, sizeof(text) - 1);

	close(fd);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void say(const char *text)
{
	cr_assert_eq(write(s.theirs, text, strlen(text)), (ssize_t)strlen(text));
}

TestSuite(log, .timeout = 20, .fini = end);

Test(log, control_characters_are_escaped)
{
	begin(1 << 16, 1000);
	say("a\033[2J\007b\r\n\303\244 \302\233x \200\n");
	log_read(&s, 1);
	cr_expect(strstr(written(), "Z dev0: a\\x1b[2J\\x07b\n"), "%s", written());
	cr_expect(strstr(written(), "Z dev0: \303\244 \\xc2\\x9bx \\x80\n"), "%s", written());
}

Test(log, every_line_has_its_own_name)
{
	begin(1 << 16, 1000);
	say("one\nlguest-run: two\n");
	log_read(&s, 1);
	cr_expect_null(strstr(written(), "\nlguest-run"), "%s", written());
	cr_expect(strstr(written(), "Z dev0: lguest-run: two\n"), "%s", written());
}

Test(log, an_unfinished_line_is_shown_after_a_while)
{
	begin(1 << 16, 1000);
	say("probe: ");
	log_read(&s, 1000);
	cr_expect_null(strstr(written(), "probe"));
	cr_expect_eq(log_due(&s, 1050), 150);
	log_read(&s, 1200);
	cr_expect(strstr(written(), "Z dev0: probe: \n"));
	cr_expect_eq(log_due(&s, 1200), -1);
}

Test(log, a_long_line_is_cut)
{
	char line[2000];

	begin(1 << 16, 1000);
	memset(line, 'x', sizeof(line));
	line[1999] = '\0';
	say(line);
	say("\nend\n");
	log_read(&s, 1);
	for (const char *at = written(); *at; at = strchr(at, '\n') + 1)
		cr_expect_leq(strchr(at, '\n') - at, 600);
	cr_expect(strstr(written(), "Z dev0: end\n"));
}

/* More than its budget: left out, counted, and heard again when a quarter of the budget is back. */
Test(log, a_flood_is_bounded_and_counted)
{
	unsigned int said = 0;

	begin(8192, 1024);
	for (unsigned int i = 0; i < 1000; i++) {
		said += write(s.theirs, "0123456789abcdef0123456789abcdef\n", 33) == 33;
		log_read(&s, 1 + i);
	}
	cr_expect_eq(said, 1000);
	cr_expect_lt(strlen(written()), 16384);
	say("later\n");
	log_read(&s, 10000);
	cr_expect(strstr(written(), "were left out"), "%s", written());
	cr_expect(strstr(written(), "Z dev0: later\n"));
}

/* The writer never waits, and the reader neither. */
Test(log, nobody_waits)
{
	char block[4096] = { 0 };

	begin(1 << 16, 1000);
	cr_expect(fcntl(s.theirs, F_GETFL) & O_NONBLOCK);
	for (int i = 0; i < 100; i++)
		if (write(s.theirs, block, sizeof(block)) < 0)
			break;
	log_read(&s, 1);
	cr_expect_lt(strlen(written()), 1 << 17);
}

Test(log, a_long_log_is_renamed)
{
	char older[64];
	struct stat st;

	begin(1 << 16, 1000);
	cr_assert_eq(truncate(path, 16 << 20), 0);
	log_line("lguest-run", "new", 3);
	(void)snprintf(older, sizeof(older), "%s.1", path);
	cr_expect_eq(stat(older, &st), 0);
	cr_expect_geq(st.st_size, 16 << 20);
	cr_expect_eq(stat(path, &st), 0);
	cr_expect_lt(st.st_size, 4096);
	unlink(older);
}

static off_t size_of(const char *name)
{
	struct stat st;

	return stat(name, &st) ? -1 : st.st_size;
}

/* The log has its full length, and a line comes. Return: what is in it then, which is to be little. */
static const char *begun_anew(void)
{
	cr_assert_eq(truncate(path, 16 << 20), 0);
	log_line("lguest-run", "new", 3);
	cr_assert_lt(size_of(path), 4096);
	return written();
}

Test(log, a_long_log_that_cannot_be_renamed_begins_anew)
{
	char older[64];

	begin(1 << 16, 1000);
	(void)snprintf(older, sizeof(older), "%s.1", path);
	cr_assert_eq(mkdir(older, 0700), 0);
	for (int i = 0; i < 2; i++) {
		const char *text = begun_anew();

		cr_expect(strstr(text, "cannot be renamed (Is a directory): it begins anew here"), "%s", text);
		cr_expect(strstr(text, path), "%s", text);
		cr_expect(strstr(text, "Z lguest-run: new\n"), "%s", text);
	}
	rmdir(older);
	cr_expect_null(strstr(begun_anew(), "cannot"));
	cr_expect_geq(size_of(older), 16 << 20);
	unlink(older);
}

Test(log, a_long_log_that_was_moved_away_is_made_again)
{
	char moved[64];

	begin(1 << 16, 1000);
	(void)snprintf(moved, sizeof(moved), "%s.old", path);
	cr_assert_eq(truncate(path, 16 << 20), 0);
	cr_assert_eq(rename(path, moved), 0);
	log_line("lguest-run", "new", 3);
	cr_expect_eq(size_of(moved), 16 << 20);
	cr_expect(strstr(written(), "Z lguest-run: new\n"), "%s", written());
	unlink(moved);
}

Test(log, a_log_that_cannot_be_made_anew_stays_where_it_is)
{
	struct rlimit some, none;
	char older[64];

	begin(1 << 16, 1000);
	(void)snprintf(older, sizeof(older), "%s.1", path);
	cr_assert_eq(truncate(path, 16 << 20), 0);
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &some), 0);
	none = (struct rlimit){ 0, some.rlim_max };
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	log_line("lguest-run", "new", 3);
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &some), 0);
	cr_assert_lt(size_of(path), 4096);
	cr_expect_eq(size_of(older), -1);
	cr_expect(strstr(written(), "(Too many open files): it begins anew here"), "%s", written());
	cr_expect(strstr(written(), "Z lguest-run: new\n"), "%s", written());
}

/* As chattr +a does: it can be neither renamed nor cut. */
static bool append_only(bool on)
{
	int fd = open(path, O_RDONLY), flags = 0;
	bool done = fd >= 0 && !ioctl(fd, FS_IOC_GETFLAGS, &flags);

	flags = on ? flags | FS_APPEND_FL : flags & ~FS_APPEND_FL;
	done = done && !ioctl(fd, FS_IOC_SETFLAGS, &flags);
	close(fd);
	return done;
}

Test(log, a_log_that_cannot_be_cut_grows_no_more)
{
	off_t full;

	begin(1 << 16, 1000);
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(truncate(path, 16 << 20), 0);
		if (!append_only(true))
			cr_skip_test("needs root, and a file system that knows files for appending alone");
		log_line("dev0", "lost", 4);
		full = size_of(path);
		cr_expect(full > 16 << 20 && full < (16 << 20) + 4096, "it was not said, or more: %lld", (long long)full);
		log_line("dev0", "lost", 4);
		cr_expect_eq(size_of(path), full);
		cr_assert(append_only(false));
		cr_assert_eq(truncate(path, 0), 0);
		log_line("dev0", "later", 5);
		cr_expect(strstr(written(), "lines were lost here"), "%s", written());
		cr_expect(strstr(written(), "Z dev0: later\n"), "%s", written());
	}
}

static ino_t inode_of(const char *name)
{
	struct stat st;

	return stat(name, &st) ? 0 : st.st_ino;
}

/* As logrotate does by itself: the log is moved, and an empty one has its name. What is written goes on into the moved one. */
Test(log, what_was_moved_is_not_overwritten)
{
	char older[64];
	ino_t full;

	begin(1 << 16, 1000);
	(void)snprintf(older, sizeof(older), "%s.1", path);
	log_line("dev0", "why", 3);
	cr_assert_eq(rename(path, older), 0);
	close(open(path, O_WRONLY | O_CREAT | O_EXCL, 0600));
	full = inode_of(older);
	cr_assert_eq(truncate(older, 16 << 20), 0);
	log_line("lguest-run", "new", 3);
	cr_expect_eq(inode_of(older), full, "the whole log is gone");
	cr_expect_eq(size_of(older), 16 << 20);
	cr_expect(strstr(written(), "Z lguest-run: new\n"), "%s", written());
	cr_assert_eq(truncate(path, 16 << 20), 0);
	log_line("lguest-run", "newer", 5);
	cr_expect_neq(inode_of(older), full, "the log is its own, and is not renamed");
	cr_expect(strstr(written(), "Z lguest-run: newer\n"), "%s", written());
	unlink(older);
}

/* Nor is it cut where its name cannot be opened, as in a folder of root's: a FIFO has it here, which root cannot open either. */
Test(log, what_was_moved_is_not_cut)
{
	char older[64];

	begin(1 << 16, 1000);
	(void)snprintf(older, sizeof(older), "%s.1", path);
	cr_assert_eq(rename(path, older), 0);
	cr_assert_eq(mkfifo(path, 0600), 0);
	cr_assert_eq(truncate(older, 16 << 20), 0);
	log_line("lguest-run", "new", 3);
	log_line("lguest-run", "newer", 5);
	cr_expect(size_of(older) > 16 << 20 && size_of(older) < (16 << 20) + 1024, "%ld", (long)size_of(older));
	cr_assert_eq(unlink(path), 0);
	log_line("lguest-run", "newest", 6);
	cr_expect(strstr(written(), "Z lguest-run: newest\n"), "%s", written());
	cr_expect(strstr(written(), "2 lines were lost here"), "%s", written());
	unlink(older);
}

static unsigned int lost_lines(const char *text)
{
	static const char said[] = " lines were lost here";
	const char *at = strstr(text, said), *from = at;

	cr_assert(at && !strstr(at + 1, said), "not told once: %s", text);
	while (from > text && from[-1] >= '0' && from[-1] <= '9')
		from--;
	return (unsigned int)strtoul(from, NULL, 10);
}

static void room_for(rlim_t bytes)
{
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &(struct rlimit){ bytes, RLIM_INFINITY }), 0);
}

/* A disk that is full in each place of a line, whose length does not change. */
Test(log, what_a_full_disk_loses_is_counted)
{
	char line[64];

	signal(SIGXFSZ, SIG_IGN);
	begin(1 << 16, 1000);
	for (rlim_t bytes = 200; bytes < 260; bytes++) {
		const char *text;
		unsigned int whole = 0;

		cr_assert_eq(truncate(path, 0), 0);
		room_for(bytes);
		for (int i = 0; i < 100; i++) {
			(void)snprintf(line, sizeof(line), "line %04d.", i);
			log_line("guest", line, strlen(line));
		}
		cr_assert_eq(size_of(path), (off_t)bytes);
		room_for(RLIM_INFINITY);
		log_line("guest", "room", 4);
		log_line("guest", "again", 5);
		text = written();
		for (const char *at = text; (at = strstr(at, ": line 00")) && at[11] == '.'; at++)
			whole++;
		cr_assert_eq(lost_lines(text), 100 - whole, "room for %u bytes: %s", (unsigned int)bytes, text);
		cr_assert_null(strstr(text, "\n\n"), "%s", text);
		cr_assert(strstr(text, "Z guest: room\n") && strstr(text, "Z guest: again\n"), "%s", text);
		for (const char *at = text; (at = strstr(at, "Z lguest-run: ")); at++)
			cr_assert_eq(at[-24], '\n', "it goes on in the cut line: %s", text);
	}
}

static unsigned int take_lines(int fd, size_t bytes)
{
	static char text[1 << 17];
	ssize_t n = read(fd, text, bytes);
	unsigned int lines = 0;

	cr_assert(n > 0 && !memmem(text, (size_t)n, "were lost", 9));
	for (ssize_t i = 0; i < n; i++)
		lines += text[i] == '\n';
	return lines;
}

/* Nobody reads a pipe, then somebody takes so little that the sentence is still to be written, and leaves. */
Test(log, what_the_lost_sentence_counted_is_counted_again)
{
	char fifo[64], line[256], text[4096];
	unsigned int come;
	ssize_t n;
	int fd;

	signal(SIGPIPE, SIG_IGN);
	begin(1 << 16, 1000);
	(void)snprintf(fifo, sizeof(fifo), "%s.fifo", path);
	cr_assert_eq(mkfifo(fifo, 0600), 0);
	fd = open(fifo, O_RDONLY | O_NONBLOCK);
	cr_assert_eq(log_file(fifo), 0);
	memset(line, 'x', sizeof(line));
	for (int i = 0; i < 1000; i++)
		log_line("guest", line, sizeof(line));
	come = take_lines(fd, 8192);
	log_line("guest", line, sizeof(line));
	come += take_lines(fd, 1 << 17);
	close(fd);
	log_write();
	fd = open(fifo, O_RDONLY | O_NONBLOCK);
	log_line("guest", "somebody", 8);
	n = read(fd, text, sizeof(text) - 1);
	cr_assert(n > 0);
	text[n] = '\0';
	cr_expect(strstr(text, "Z guest: somebody\n"), "%s", text);
	cr_expect_eq(lost_lines(text), 1001 - come, "%u came: %s", come, text);
	close(fd);
	unlink(fifo);
}
