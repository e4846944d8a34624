// SPDX-License-Identifier: GPL-2.0
/*D:842
 * manifest-keep.c: the manifest of lguest-block for a disk that is not trimmed (nodiscard, or a file system without holes): without FALLOCATE, which
 * could also take space behind the image, where no limit of file size counts it.
 */
#include "devices/block/manifest.h"

BLOCK_RING(block_keep, "block-keep", WRITE, "requests without giving blocks back on");
