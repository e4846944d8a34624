// SPDX-License-Identifier: GPL-2.0
/*D:841
 * manifest-ro.c: the manifest of lguest-block for a disk that is only read: neither writes nor flushes nor holes. The ring writes calls, to eventfds;
 * the image is open for reading alone.
 */
#include "devices/block/manifest.h"

BLOCK_RING(block_ro, "block-ro", READ, "reads of");
