// SPDX-License-Identifier: GPL-2.0
/*L:170
 * config.c: the configuration file: options, one a line, without their dashes.
 *
 * It may open and read the file that --config names. What a line says is for option_set() to judge.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ipc/exit.h"
#include "run/launch.h"
#include "run/options.h"
#include "run/say.h"
#include "run/text.h"

#define CONFIG_LINE_MAX	4094
#define TEXT_OF(number)	TEXT_OF_WORD(number)
#define TEXT_OF_WORD(word)	#word
#define CONFIG_TEXT_MAX	65536

/* Values of configuration files; the options point into it for the life of the process. */
static char config_text[CONFIG_TEXT_MAX];
static size_t config_used;

static char *keep(const char *text)
{
	size_t n = strlen(text) + 1;
	char *at = config_text + config_used;

	if (n > sizeof(config_text) - config_used)
		return NULL;
	memcpy(at, text, n);
	config_used += n;
	return at;
}

static char *trim(char *s)
{
	size_t n;

	while (*s == ' ' || *s == '\t')
		s++;
	n = strlen(s);
	while (n && strchr(" \t\r\n", s[n - 1]))
		s[--n] = '\0';
	return s;
}

/* '#' begins a comment at the start of a line and behind a blank, but not within double quotes. */
static void cut_comment(char *line)
{
	bool quoted = false;

	for (char *c = line; *c; c++) {
		quoted ^= *c == '"';
		if (*c == '#' && !quoted && (c == line || c[-1] == ' ' || c[-1] == '\t')) {
			*c = '\0';
			return;
		}
	}
}

/* Quotes around the whole of a value are the file's; others are the value's own, as in a command line with key="a b". */
static char *unquote(char *value)
{
	char *close = *value == '"' ? strchr(value + 1, '"') : NULL;

	if (!close || close[1])
		return value;
	*close = '\0';
	return value + 1;
}

/* "name value" or "name = value". */
static int config_line(struct launch *l, const char *file, unsigned int number, char *line)
{
	char *name, *value;
	int err;

	cut_comment(line);
	name = trim(line);
	if (!*name)
		return 0;
	value = name + strcspn(name, " \t=");
	if (*value) {
		*value++ = '\0';
		value = trim(value);
		if (*value == '=')
			value = trim(value + 1);
		if (*value == '"' && !strchr(value + 1, '"'))
			return wrong("%s line %u: the quote before %s is not closed", file, number, value + 1);
		value = unquote(value);
	}
	if (!strcmp(name, "config"))
		return wrong("%s line %u: a configuration file cannot name another", file, number);
	if (*value) {
		value = keep(value);
		if (!value)
			return wrong("%s is longer than a configuration can be", file);
	} else {
		value = NULL;
	}
	err = option_set(l, name, value);
	if (err)
		complain("that was line %u of %s", number, file);
	return err;
}

/* Editors of other systems begin a file so (a byte order mark, in UTF-8). */
static char *skip_mark(char *line, unsigned int number)
{
	return number == 1 && !strncmp(line, "\xef\xbb\xbf", 3) ? line + 3 : line;
}

/* Read byte by byte: for the functions of text a NUL would be the end of a line that goes on. Return: NULL, or what is wrong with it. */
static const char *read_line(FILE *f, char *line)
{
	size_t n = 0;
	int c;

	while ((c = getc(f)) != EOF && c != '\n') {
		if (!c)
			return "a NUL, and is no text: write it anew";
		if (n == CONFIG_LINE_MAX)
			return "more than " TEXT_OF(CONFIG_LINE_MAX) " characters";
		line[n++] = (char)c;
	}
	line[n] = '\0';
	return NULL;
}

/*L:180
 * --config led us here from the table of options, and each line leads back: config_line() gives it to option_set(), as
 * the loop over argv does. So a file can say nothing that a command line cannot, and has the same sentences for its
 * mistakes, with the line's number.
 */
int config_load(struct launch *l, const char *path)
{
	char line[CONFIG_LINE_MAX + 1] = "";
	unsigned int number = 0;
	const char *has;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), err = 0;
	struct stat st;
	FILE *f;

	/* A FIFO would hold us until somebody writes it. */
	if (fd >= 0 && !fstat(fd, &st) && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) {
		complain("the configuration %s is not a file: name a regular one", path);
		close(fd);
		return EXIT_FILE;
	}
	f = fd < 0 ? NULL : fdopen(fd, "r");
	if (!f) {
		complain("cannot open the configuration %s: %m%s", path, text_remedy(errno));
		return EXIT_FILE;
	}
	while (!err && !feof(f)) {
		number++;
		has = read_line(f, line);
		if (ferror(f))
			break;
		err = has ? wrong("%s line %u has %s", path, number, has) : config_line(l, path, number, skip_mark(line, number));
	}
	if (!err && ferror(f)) {
		complain("cannot read the configuration %s: %m%s", path, text_remedy(errno));
		err = EXIT_FILE;
	}
	fclose(f);
	return err;
}
