/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the module's outside is made of: the device node (dev.c) and the statistics files (stats.c).
 */
#ifndef LG_DEV_H
#define LG_DEV_H

#include <linux/miscdevice.h>
#include <linux/lguest.h>

struct lguest;

extern struct miscdevice lg_device;

void lg_debugfs_init(void);
void lg_debugfs_exit(void);
void lg_debugfs_add(struct lguest *lg);
void lg_debugfs_remove(struct lguest *lg);
void lg_read_stats(struct lguest *lg, struct lguest_stats *stats);

#endif
