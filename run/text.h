/* SPDX-License-Identifier: GPL-2.0 */
/*
 * text.h: pure helpers for what users type: sizes, numbers, and the nearest known word.
 */
#ifndef LGUEST_RUN_TEXT_H
#define LGUEST_RUN_TEXT_H

#include <stdbool.h>
#include <stdint.h>

/**
 * text_size() - "512", "512M", "2G", "64K", "1T"; a number alone counts @unit bytes
 * @text: what was typed
 * @unit: bytes of a bare number
 * @value: receives bytes
 *
 * Return: false for anything else and for what does not fit 64 bits.
 */
bool text_size(const char *text, uint64_t unit, uint64_t *value);

/** text_number() - a decimal number of at most @max. */
bool text_number(const char *text, uint64_t max, uint64_t *value);

/** text_is_mac() - six two-digit hexadecimal numbers with colons; the address must be a unicast one. */
bool text_is_mac(const char *text);

/** text_rate_wrong() - a bound on what a device does in a second, 1 to 1T. Return: NULL, or the end of a sentence that says what is wrong. */
const char *text_rate_wrong(const char *value);

/**
 * text_nearest() - the word most like what was typed
 * @typed: not one of @words
 * @words: NULL-terminated
 *
 * Return: the first word that starts with what was typed; else the closest one, if its edit distance is at most half
 * the typed length; else NULL.
 */
const char *text_nearest(const char *typed, const char *const *words);

/**
 * text_has_parameter() - does a kernel's command line set this parameter?
 * @cmdline: words, in double quotes where they have blanks; what is behind a "--" is for init
 * @name: without '=': "root" is in "root=/dev/vda", not in "overlayroot=tmpfs"
 */
bool text_has_parameter(const char *cmdline, const char *name);

/** text_remedy() - what a user can do about a file that cannot be opened: " (check the name)", or "" for errors that say it all. */
const char *text_remedy(int error);

#endif
