// SPDX-License-Identifier: GPL-2.0
/*D:844
 * manifest-ro-sync.c: the manifest of lguest-block for a disk that is only read, on a host that forbids io_uring.
 */
#include "devices/block/manifest.h"

BLOCK_SYNC(block_ro_sync, "block-ro-sync", READ, "reads of");
