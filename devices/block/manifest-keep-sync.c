// SPDX-License-Identifier: GPL-2.0
/*D:845
 * manifest-keep-sync.c: the manifest of lguest-block for a disk that is not trimmed, on a host that forbids io_uring: without fallocate.
 */
#include "devices/block/manifest.h"

BLOCK_SYNC(block_keep_sync, "block-keep-sync", WRITE, "requests without giving blocks back on");
