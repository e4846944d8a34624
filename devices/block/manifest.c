// SPDX-License-Identifier: GPL-2.0
/*D:840
 * manifest.c: the manifest of lguest-block on io_uring.
 *
 * It may submit reads, writes, flushes and hole punching on one image, wait for kicks and signal calls, all of it
 * through one ring whose opcodes are fixed, and map the windows that its peer sends. It may not open, create, execute,
 * signal or see anything else. What the others of this folder take away is in manifest.h.
 */
#include "devices/block/manifest.h"

BLOCK_RING(block, "block", TRIM, "requests on");
