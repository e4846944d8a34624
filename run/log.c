// SPDX-License-Identifier: GPL-2.0
/*L:400
 * log.c: one line at a time, with its time and its name, from the pipes of a guest's processes to standard error or the log (log.h).
 *
 * What is read here was written by a guest or by a hijacked role. So: control characters are escaped (no line looks like another's, no terminal
 * obeys it), each source has a budget of bytes, the log file is renamed when it is long, or begun anew, and nothing ever waits: neither the
 * writers, whose pipes are non-blocking and short, nor this program, which keeps what a stalled reader has not taken in a bounded buffer and
 * counts what does not fit there.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "run/child.h"
#include "run/file.h"
#include "run/launch.h"
#include "run/log.h"

#define READ_MAX	16384	/* of one source, in one turn of the loop */
#define LINE_COST	48	/* what stands before a line is counted too */
#define PARTIAL_MS	200	/* an unfinished line is shown after this time */
#define FILE_MAX	(16ll << 20)	/* then it is renamed to NAME.1, or begins anew: twice as much is the most that a guest can fill */

static struct {
	int fd;			/* 0 until log_begin(): a value here, and all of this would be part of the program, and in memory */
	bool begun, terminal;
	bool over;		/* the file is as long as it may be, and that was said */
	const char *path;
	char wait[65536];	/* taken, and not yet written */
	size_t used;
	bool within;		/* a line: that is where what was written ends */
	uint64_t lost;		/* lines that had no room there */
	uint64_t told;		/* of those that the waiting sentences speak of, all but one each */
	size_t told_at;		/* where the last of these sentences ends, but for its newline */
} out;

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* --- what a line is made of --- */

static size_t stamp(char *buf, size_t size)
{
	struct timespec t;
	struct tm tm;
	size_t n;

	clock_gettime(CLOCK_REALTIME, &t);
	gmtime_r(&t.tv_sec, &tm);
	n = strftime(buf, size, "%Y-%m-%dT%H:%M:%S", &tm);
	return n + (size_t)snprintf(buf + n, size - n, ".%03ldZ ", t.tv_nsec / 1000000);
}

/* A well-formed character of UTF-8 at @p, other than a control character. Return: its bytes, 0 if it is none. */
static size_t utf8(const unsigned char *p, size_t left)
{
	size_t n = p[0] >= 0xc2 && p[0] < 0xe0 ? 2 : (p[0] & 0xf0) == 0xe0 ? 3 : p[0] >= 0xf0 && p[0] < 0xf5 ? 4 : 0;

	if (!n || n > left || (p[0] == 0xc2 && p[1] < 0xa0) || (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

static size_t escape(char *to, const char *text, size_t len)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t n = 0, one;

	for (size_t i = 0; i < len; i += one) {
		one = (p[i] >= ' ' && p[i] < 0x7f) || p[i] == '\t' ? 1 : utf8(p + i, len - i);
		if (one) {
			memcpy(to + n, p + i, one);
			n += one;
		} else {
			n += (size_t)sprintf(to + n, "\\x%02x", p[i]);
			one = 1;
		}
	}
	return n;
}

/* --- to standard error or the file --- */

static int open_log(const char *path, bool check, int *fd)
{
	return file_open(path, O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK, 0600, check, fd);
}

int log_file(const char *path)
{
	int fd, err = open_log(path, false, &fd);

	if (err)
		return err;
	out.path = path;
	out.fd = fd;
	log_begin();
	return 0;
}

int log_check(const char *path)
{
	int fd, err = open_log(path, true, &fd);

	fd_close(&fd);
	return err;
}

/*
 * Standard error belongs to others too: O_NONBLOCK there would be the shell's. Opened again, a pipe or a terminal is ours alone. Where that
 * cannot be done (a socket, a terminal after su), poll() says whether there is room for the little that is written at once. A file is
 * not opened again: it has a place up to which it is written, which others share.
 */
void log_begin(void)
{
	struct stat st;
	int low;

	if (out.begun)
		return;
	out.begun = true;
	if (!out.fd)
		out.fd = STDERR_FILENO;
	out.terminal = isatty(out.fd);
	if (out.fd != STDERR_FILENO || (!out.terminal && (fstat(STDERR_FILENO, &st) || !S_ISFIFO(st.st_mode))))
		return;
	low = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (low < 0)
		return;
	out.fd = fcntl(low, F_DUPFD_CLOEXEC, FD_FLOOR);
	close(low);
	if (out.fd < 0)
		out.fd = STDERR_FILENO;
}

/* Its older half goes when the newer one is full. One that was moved is nobody's older half, and only left. Return: 0 or -errno, the log is where it was then. */
static int rename_log(void)
{
	char older[4096];
	bool moved = false;
	int fd, err;

	if ((size_t)snprintf(older, sizeof(older), "%s.1", out.path) >= sizeof(older))
		return -ENAMETOOLONG;
	/* Somebody may have moved it, as logrotate does, or another guest that writes to the same one. */
	if (file_is(out.fd, AT_FDCWD, out.path)) {
		moved = !rename(out.path, older);
		if (!moved && errno != ENOENT)	/* moved just now */
			return -errno;
	}
	err = open_log(out.path, false, &fd);
	if (err && moved)
		renameat2(AT_FDCWD, older, AT_FDCWD, out.path, RENAME_NOREPLACE);	/* unless somebody has taken its place */
	if (err)
		return err;
	close(out.fd);
	out.fd = fd;
	return 0;
}

/* A sentence on the log itself, before what waits. */
static void say_there(const char *why, int err, const char *end)
{
	char line[8192], text[1400];
	size_t n = stamp(line, sizeof(line));
	int len = snprintf(text, sizeof(text), "the log %.1024s has all the length that it may have, and %s (%s): %s", out.path, why,
			   strerror(-err), end);

	n += (size_t)sprintf(line + n, "lguest-run: ");
	n += escape(line + n, text, (size_t)len);
	line[n++] = '\n';
	if (write(out.fd, line, n) < 0)
		return;	/* a full disk */
}

/*
 * A log of one's own is not to fill a disk. One that cannot be renamed, since its folder is not ours to write to, begins anew: who reads it wants
 * what was said last. Return: may it be written? A file that cannot be cut either (one for appending alone) is as long as it will be, and so is one
 * that somebody has moved, which is his, while nothing can be opened where it was.
 */
static bool rotate(void)
{
	static const char renamed[] = "cannot be renamed";
	struct stat st;
	bool moved;
	int err;

	if (!out.path || fstat(out.fd, &st) || !S_ISREG(st.st_mode) || st.st_size < FILE_MAX) {
		out.over = false;
		return true;
	}
	err = rename_log();
	if (!err)
		return true;
	moved = !file_is(out.fd, AT_FDCWD, out.path);
	if (!moved && !ftruncate(out.fd, 0)) {
		say_there(renamed, err, "it begins anew here, and what it said is gone; let its folder be written to, or name another file");
		return true;
	}
	if (!out.over && moved)
		say_there("was moved, and cannot be opened anew where it was", err, "nothing more is written until it can; let the guest's user make or write that file");
	else if (!out.over)
		say_there(renamed, err, "nor can it be cut, so nothing more is written to it; move it away, or name another file");
	out.over = true;
	return false;
}

static bool has_room(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	return poll(&p, 1, 0) == 1 && p.revents & POLLOUT;
}

/* A newline alone is what a written line has behind it, or a cut one. A sentence that speaks of lost lines is lost as so many. */
static void lose(void)
{
	for (size_t i = 1; i < out.used; i++)
		out.lost += out.wait[i] == '\n';
	out.lost += out.told;
	out.told = 0;
	out.used = 0;
}

static void wrote(size_t n)
{
	out.within = out.wait[n - 1] != '\n';
	if (n >= out.told_at)
		out.told = 0;
	out.told_at -= n < out.told_at ? n : out.told_at;
	out.used -= n;
	memmove(out.wait, out.wait + n, out.used);
}

void log_write(void)
{
	const size_t whole = 4096;	/* what a pipe that has room takes without waiting */
	ssize_t n;

	if (!rotate())
		lose();
	while (out.used) {
		if (out.fd == STDERR_FILENO && !has_room(out.fd))
			return;
		n = write(out.fd, out.wait, out.used < whole ? out.used : whole);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {	/* a closed one, or a full disk: lost, and no reason to do anything else */
			lose();
			return;
		}
		wrote((size_t)n);
	}
}

int log_stuck(void)
{
	return out.used ? out.fd : -1;
}

static void put(const char *text, size_t len)
{
	if (!out.used && out.within)	/* the rest of that line is lost */
		out.wait[out.used++] = '\n';
	memcpy(out.wait + out.used, text, len);
	out.used += len;
}

/* Return: was there room? */
static bool write_line(const char *name, const char *text, size_t len)
{
	static char line[8192 * 4 + 128];
	const char *end = out.terminal ? "\r\n" : "\n";	/* a guest's console has made it raw */
	size_t n = stamp(line, sizeof(line));

	log_begin();
	n += (size_t)snprintf(line + n, 64, "%.60s: ", name);
	n += escape(line + n, text, len < 8192 ? len : 8192);
	n += (size_t)sprintf(line + n, "%s", end);
	if (n > sizeof(out.wait) - out.used)
		log_write();
	if (n > sizeof(out.wait) - out.used) {
		out.lost++;
		return false;
	}
	put(line, n);
	return true;
}

void log_line(const char *name, const char *text, size_t len)
{
	char told[96];
	uint64_t lost = out.lost;

	if (lost) {
		out.lost = 0;
		snprintf(told, sizeof(told), "%llu lines were lost here: nobody read them, or there was no room", (unsigned long long)lost);
		if (write_line("lguest-run", told, strlen(told))) {
			out.told += lost - 1;
			out.told_at = out.used - 1;
		} else {
			out.lost += lost - 1;	/* the sentence itself was counted */
		}
	}
	write_line(name, text, len);
	log_write();
}

void log_end(unsigned int ms)
{
	uint64_t until = now_ms() + ms, now;

	log_write();
	while (out.used && (now = now_ms()) < until) {
		struct pollfd p = { .fd = out.fd, .events = POLLOUT };

		if (poll(&p, 1, (int)(until - now)) == 1)
			log_write();
	}
}

/* --- the pipes --- */

int log_pipe(struct log_source *s, const char *name, uint64_t burst, uint64_t rate)
{
	int p[2];

	if (s->theirs > 0)
		return 0;
	s->name = name;
	s->left = s->burst = burst;
	s->rate = rate;
	s->left_ms = now_ms();
	if (pipe2(p, O_CLOEXEC | O_NONBLOCK))
		return -errno;
	s->fd = fcntl(p[0], F_DUPFD_CLOEXEC, FD_FLOOR);
	s->theirs = fcntl(p[1], F_DUPFD_CLOEXEC, FD_FLOOR);
	close(p[0]);
	close(p[1]);
	return s->fd < 0 || s->theirs < 0 ? -EMFILE : 0;
}

static void tell_lost(struct log_source *s)
{
	char told[128];

	if (!s->lost_lines)
		return;
	snprintf(told, sizeof(told), "[%llu lines of %llu bytes in all were left out: it says more than %llu bytes a second]",
		 (unsigned long long)s->lost_lines, (unsigned long long)s->lost_bytes, (unsigned long long)s->rate);
	s->lost_lines = s->lost_bytes = 0;
	log_line(s->name, told, strlen(told));
}

/* Who has used up its budget is heard again when a quarter of it is back: told in one line, not in every second one. */
static bool afford(struct log_source *s, size_t len, uint64_t now)
{
	uint64_t more = (now - s->left_ms) * s->rate / 1000;

	if (more) {
		s->left_ms = now;
		s->left = s->left + more < s->burst ? s->left + more : s->burst;
	}
	if (s->dropping && s->left < s->burst / 4)
		return false;
	s->dropping = s->left < len;
	if (!s->dropping)
		s->left -= len;
	return !s->dropping;
}

static void finish_line(struct log_source *s, uint64_t now)
{
	size_t len = s->used;

	s->used = 0;
	if (len && s->line[len - 1] == '\r')
		len--;
	if (!afford(s, len + LINE_COST, now)) {
		s->lost_lines++;
		s->lost_bytes += len;
		return;
	}
	tell_lost(s);
	log_line(s->name, s->line, len);
}

/*L:410
 * What processes say is, with the core's messages, all that lguest-run ever reads of what they write. A source gets so
 * many bytes in a turn, and then the next one has its chance; finish_line() has it pay for each line, and log_line()
 * escapes what a terminal would obey.
 */
void log_read(struct log_source *s, uint64_t now)
{
	char buf[4096];
	ssize_t n = 0;

	if (s->fd <= 0)
		return;
	for (unsigned int done = 0; done < READ_MAX && (n = read(s->fd, buf, sizeof(buf))) > 0; done += (unsigned int)n) {
		for (ssize_t i = 0; i < n; i++) {
			if (buf[i] == '\n' || s->used == sizeof(s->line))
				finish_line(s, now);
			if (buf[i] == '\n')
				continue;
			if (!s->used)
				s->since_ms = now;
			s->line[s->used++] = buf[i];
		}
	}
	if (s->used && now - s->since_ms >= PARTIAL_MS)
		finish_line(s, now);
}

void log_last(struct log_source *s, uint64_t now)
{
	if (s->fd <= 0)
		return;
	log_read(s, now);
	if (s->used)
		finish_line(s, now);
	tell_lost(s);
}

int log_due(const struct log_source *s, uint64_t now)
{
	if (!s->used)
		return -1;
	return now - s->since_ms >= PARTIAL_MS ? 0 : (int)(PARTIAL_MS - (now - s->since_ms));
}
