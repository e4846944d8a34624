/* SPDX-License-Identifier: GPL-2.0 */
/*
 * options.h: what options.c and config.c share. Others use launch.h's options_parse().
 */
#ifndef LGUEST_RUN_OPTIONS_H
#define LGUEST_RUN_OPTIONS_H

struct launch;

/**
 * option_set() - one option
 * @l: where it goes
 * @name: without its dashes
 * @value: NULL when none was given; may be changed, and must live as long as @l
 *
 * Return: 0, or an exit status after a message.
 */
int option_set(struct launch *l, const char *name, char *value);

/** config_load() - read options from the file @path. Return: 0, or an exit status after a message. */
int config_load(struct launch *l, const char *path);

#endif
