/* SPDX-License-Identifier: GPL-2.0 */
/*
 * manifest.h: the rows of lguest-block's six manifests, chosen by what its disk may have done to it, so that none of them repeats another:
 * BLOCK_READ for a disk that is only read, BLOCK_WRITE for one that is written and not trimmed, BLOCK_TRIM for one that may be trimmed too.
 * Each of manifest*.c names one of these and its engine.
 */
#ifndef LGUEST_BLOCK_MANIFEST_H
#define LGUEST_BLOCK_MANIFEST_H

#include <linux/io_uring.h>

#include "policy/rows.h"

/* What each access adds to the one before it. */
#define BLOCK_READ_OPS \
	{ IORING_OP_READV, "READV", "read requests" }
#define BLOCK_WRITE_OPS \
	BLOCK_READ_OPS, \
	{ IORING_OP_WRITEV, "WRITEV", "write requests" }, \
	{ IORING_OP_FSYNC, "FSYNC", "flush requests" }
#define BLOCK_TRIM_OPS \
	BLOCK_WRITE_OPS, \
	{ IORING_OP_FALLOCATE, "FALLOCATE", "discard and write-zeroes requests" }

/* The ring writes calls to eventfds also where the image is open for reading alone. */
#define BLOCK_READ_PIECES	""
#define BLOCK_WRITE_PIECES	"; write requests in one piece"
#define BLOCK_TRIM_PIECES	BLOCK_WRITE_PIECES

#define BLOCK_CALL(name, why) CALL(name, POLICY_BOTH, why, ARG_IS(0, POLICY_FD_RESOURCE))
#define BLOCK_READ_CALLS \
	BLOCK_CALL(preadv, "read requests")
#define BLOCK_WRITE_CALLS \
	BLOCK_READ_CALLS, \
	BLOCK_CALL(pwritev, "write requests"), \
	BLOCK_CALL(fdatasync, "flush requests")
#define BLOCK_TRIM_CALLS \
	BLOCK_WRITE_CALLS, \
	BLOCK_CALL(fallocate, "discard and write-zeroes requests")

#define BLOCK_DESC_IMAGE { POLICY_FD_RESOURCE, 1, POLICY_BOTH, "image", "/" }

/*
 * On io_uring: reads, writes, flushes and hole punching on one image are operations of one ring whose opcodes are fixed.
 * NPROC is left alone: the kernel makes the ring's worker threads against it, and those obey this same filter.
 */
#define BLOCK_RING(name, title, access, what) \
	static const struct policy_call calls[] = { ROLE_CALLS_RING, ROLE_CALLS_ALWAYS, ROLE_CALLS_SETUP, { 0 } }; \
	static const struct policy_desc descs[] = { ROLE_DESCS_CONTROL, ROLE_DESC_RING, BLOCK_DESC_IMAGE, { 0 } }; \
	static const struct policy_limit limits[] = { ROLE_LIMITS, { 0 } }; \
	static const struct policy_ring_op ring_ops[] = { \
		ROLE_RING_LOOP_AND("; read requests in one piece", BLOCK_##access##_PIECES), \
		{ IORING_OP_TIMEOUT, "TIMEOUT", "ticks of a bounded rate" }, BLOCK_##access##_OPS, { 0 } }; \
	const struct policy policy_##name##_manifest = { \
		.role = title, .purpose = "virtio-blk " what " one raw image, through a restricted io_uring", \
		.calls = calls, .descs = descs, .limits = limits, .ring_ops = ring_ops, .namespaces = ROLE_NAMESPACES }

/* Where the host forbids it: the same work with plain calls, each pinned to the image's descriptor. */
#define BLOCK_SYNC(name, title, access, what) \
	static const struct policy_call calls[] = { ROLE_CALLS_POLL, ROLE_CALLS_ALWAYS, BLOCK_##access##_CALLS, ROLE_CALLS_SETUP, { 0 } }; \
	static const struct policy_desc descs[] = { ROLE_DESCS_CONTROL, BLOCK_DESC_IMAGE, { 0 } }; \
	static const struct policy_limit limits[] = { ROLE_LIMITS, LIMIT(NPROC, POLICY_SETUP, 0), { 0 } }; \
	const struct policy policy_##name##_manifest = { \
		.role = title, .purpose = "virtio-blk " what " one raw image, through plain calls", \
		.calls = calls, .descs = descs, .limits = limits, .namespaces = ROLE_NAMESPACES }

#endif
