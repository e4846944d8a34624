// SPDX-License-Identifier: GPL-2.0
/*L:190
 * text.c: pure helpers for the command line (text.h): no state, no output, no memory of their own.
 */
#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "run/text.h"

bool text_number(const char *text, uint64_t max, uint64_t *value)
{
	uint64_t n = 0;

	if (!*text)
		return false;
	for (; *text; text++) {
		if (!isdigit((unsigned char)*text) || __builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(*text - '0'), &n))
			return false;
	}
	*value = n;
	return n <= max;
}

static uint64_t suffix_unit(char c)
{
	switch (toupper((unsigned char)c)) {
	case 'K': return 1ull << 10;
	case 'M': return 1ull << 20;
	case 'G': return 1ull << 30;
	case 'T': return 1ull << 40;
	default: return 0;
	}
}

bool text_size(const char *text, uint64_t unit, uint64_t *value)
{
	char digits[24];
	size_t n = strlen(text);
	uint64_t count;

	if (!n || n >= sizeof(digits))
		return false;
	memcpy(digits, text, n + 1);
	if (suffix_unit(text[n - 1])) {
		unit = suffix_unit(text[n - 1]);
		digits[n - 1] = '\0';
	}
	return text_number(digits, UINT64_MAX, &count) && !__builtin_mul_overflow(count, unit, value);
}

bool text_is_mac(const char *text)
{
	for (int i = 0; i < 6; i++) {
		if (!isxdigit((unsigned char)text[0]) || !isxdigit((unsigned char)text[1]))
			return false;
		/* The lowest bit of the first byte marks a group address, which no interface may have as its own. */
		if (i == 0 && strchr("13579bdfBDF", text[1]))
			return false;
		if (text[2] != (i < 5 ? ':' : '\0'))
			return false;
		text += 3;
	}
	return true;
}

const char *text_rate_wrong(const char *value)
{
	uint64_t n;

	return text_size(value, 1, &n) && n && n <= 1ull << 40 ? NULL : "is not a number from 1 to 1T, like 10M";
}

bool text_has_parameter(const char *cmdline, const char *name)
{
	size_t len = strlen(name);
	bool quoted = false;

	for (const char *word = cmdline; *word; word++) {
		word += strspn(word, " \t\n");
		if (!strncmp(word, "--", 2) && strchr(" \t\n", word[2]))	/* strchr() finds the end too */
			return false;
		if (!strncmp(word, name, len) && word[len] == '=')
			return true;
		for (; *word && (quoted || !strchr(" \t\n", *word)); word++)
			quoted ^= *word == '"';
		if (!*word)
			return false;
	}
	return false;
}

const char *text_remedy(int error)
{
	switch (error) {
	case ENOENT:
	case ENOTDIR:
	case ENAMETOOLONG: return " (check the name)";
	case EACCES:
	case EPERM: return " (see who may use it and the folders above it: namei -l)";
	case EISDIR: return " (name a file)";
	case EROFS: return " (choose another place)";
	case ELOOP: return " (it is a link, or there are too many: name the file itself)";
	case ENOSPC: return " (make room there)";
	case EMFILE:
	case ENFILE: return " (too much is open: see ulimit -n)";
	default: return "";
	}
}

#define WORD_MAX 24u

/* Levenshtein's distance with one row; words longer than any option are as far as can be. */
static unsigned int distance(const char *a, const char *b)
{
	unsigned int row[WORD_MAX + 1], la = (unsigned int)strlen(a), lb = (unsigned int)strlen(b), left, above;

	if (la > WORD_MAX || lb > WORD_MAX)
		return WORD_MAX;
	for (unsigned int j = 0; j <= lb; j++)
		row[j] = j;
	for (unsigned int i = 1; i <= la; i++) {
		left = i;
		for (unsigned int j = 1; j <= lb; j++) {
			above = row[j - 1] + (a[i - 1] != b[j - 1]);
			row[j - 1] = left;
			if (row[j] + 1 < above)
				above = row[j] + 1;
			if (left + 1 < above)
				above = left + 1;
			left = above;
		}
		row[lb] = left;
	}
	return row[lb];
}

const char *text_nearest(const char *typed, const char *const *words)
{
	unsigned int best = (unsigned int)strlen(typed) / 2 + 1, d;
	const char *found = NULL;
	size_t typed_len = strlen(typed);

	for (; *words; words++) {
		if (typed_len > 1 && !strncmp(typed, *words, typed_len))
			return *words;
		d = distance(typed, *words);
		if (d < best) {
			best = d;
			found = *words;
		}
	}
	return found;
}
