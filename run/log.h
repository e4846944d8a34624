/* SPDX-License-Identifier: GPL-2.0 */
/*
 * log.h: what the processes of a guest say, each through a pipe of its own, and lguest-run's own sentences: one place that writes them
 * to standard error or to the log file. No process but lguest-run holds the terminal's or the log's descriptor for that.
 */
#ifndef LGUEST_RUN_LOG_H
#define LGUEST_RUN_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct log_source - one pipe
 * @name: what stands before its lines
 * @fd: our end, @theirs: the writing end, for the next process that gets it; 0 = not made yet
 * @burst: bytes that it may say at once, @rate: bytes a second afterwards
 *
 * @left: of @burst, as of @left_ms; @dropping: until a quarter of it has come back
 * @lost_lines, @lost_bytes: said and not written, since that was last told
 * @used: bytes of an unfinished line in @line, which came at @since_ms
 */
struct log_source {
	const char *name;
	int fd, theirs;
	uint64_t burst, rate;

	uint64_t left, left_ms;
	bool dropping;
	uint64_t lost_lines, lost_bytes;
	size_t used;
	uint64_t since_ms;
	char line[512];
};

/** log_file() - write to this file from now on, not to standard error. @path is kept: the file is renamed when it is long. Return: 0 or -errno. */
int log_file(const char *path);

/** log_check() - could log_file() write there? Makes no file. Return: 0 or -errno. */
int log_check(const char *path);

/**
 * log_begin() - from here on every line has its time, and none is waited for
 *
 * Without it a sentence of lguest-run's is written as it stands (complain()).
 */
void log_begin(void);

/** log_pipe() - make the pipe of @s, unless it is there; @name must live as long, @burst and @rate are its budget. Return: 0 or -errno. */
int log_pipe(struct log_source *s, const char *name, uint64_t burst, uint64_t rate);

/** log_read() - take what @s has to say: a bounded part of it, without waiting. */
void log_read(struct log_source *s, uint64_t now_ms);

/** log_last() - the source says nothing any more: its unfinished line, and what it lost. */
void log_last(struct log_source *s, uint64_t now_ms);

/** log_due() - milliseconds until an unfinished line of @s is written as it is, -1: there is none. */
int log_due(const struct log_source *s, uint64_t now_ms);

/** log_line() - one line of @name: control characters are escaped, and it is lost if nobody takes it. */
void log_line(const char *name, const char *text, size_t len);

/** log_stuck() - the descriptor on which POLLOUT says that waiting lines may be written, -1: none waits. log_write() writes them. */
int log_stuck(void);
void log_write(void);

/** log_end() - write all that is left, waiting for @ms at most. */
void log_end(unsigned int ms);

#endif
