// SPDX-License-Identifier: GPL-2.0
/*D:843
 * manifest-sync.c: the manifest of lguest-block on a host that forbids io_uring.
 */
#include "devices/block/manifest.h"

BLOCK_SYNC(block_sync, "block-sync", TRIM, "requests on");
