/* SPDX-License-Identifier: GPL-2.0 */
/*
 * console.h: what the files of lguest-console share: main.c (options and opening), port.c (the two queues and the
 * bytes between), terminal.c (raw mode and the keeper that undoes it).
 */
#ifndef LGUEST_CONSOLE_H
#define LGUEST_CONSOLE_H

#include <linux/virtio_console.h>

#include "devices/backend.h"
#include "devices/console/carry.h"

#define CONSOLE_QUEUES 2u /* 0 = to the guest, 1 = from the guest (virtio 1.2, 5.3.2, without MULTIPORT) */
#define CONSOLE_QUEUE_SIZE 256u
#define CONSOLE_SEGS 256u
#define CONSOLE_IN 65536u	/* a paste */

/* What the keeper sends down the resize pipe. */
struct console_size {
	uint16_t cols;
	uint16_t rows;
};

/**
 * struct console - the device
 * @in_fd, @out_fd: where bytes come from and go to, -1: nowhere (now)
 * @listen: waits for somebody to connect (Unix socket), @conn is who did
 * @terminal: ^C three times leaves
 * @in: bytes on their way to the guest, [@in_off, @in_len); the pending read lands at @in_at
 * @deaf_timer: runs while @in is full; @delivered, @delivered_then: bytes that the guest ever took, and had when it was started
 * @out: bytes on their way to @out_fd; @own_out when nobody gave us memory for them
 * @held, @chain, @chain_off: a request of the guest that did not fit into @out
 * @out_file: the output is a file, which may be full for a while: @full, and @retry_timer until it is tried again
 * @out_fifo: it is a FIFO, which may be without a reader for a while: the same
 * @limit: bytes that a file may have, 0 = as many as it likes
 * @stalled: nobody took a byte for a second; until one is taken what does not fit is dropped, and counted in @lost
 */
struct console {
	struct backend *be;
	const char *file, *unix_path;
	bool stdio, pty;
	int in_fd, out_fd, conn;
	struct backend_watch listen;
	bool terminal;
	unsigned int interrupts;
	struct backend_timer interrupt_timer;
	struct console_size size, new_size;
	struct backend_io size_io;
	struct iovec size_iov;
	bool size_known;

	uint8_t in[CONSOLE_IN];
	uint32_t in_off, in_len, in_at;
	struct backend_io in_io;
	struct iovec in_iov;
	bool in_stale;
	struct backend_timer deaf_timer;
	uint64_t delivered, delivered_then;

	struct console_out *out, own_out;
	struct backend_io out_io;
	struct iovec out_iov[2];
	bool out_stale;
	bool out_file, out_fifo, full;
	uint64_t limit;
	struct backend_timer retry_timer;

	struct vq_chain chain;
	struct iovec seg[CONSOLE_SEGS];
	uint64_t chain_off, lost;
	bool held, stalled;
	struct backend_timer stall_timer;
};

/** console_out_len() - bytes that wait to go out, console_out_at() - where in the ring they begin. */
static inline uint32_t console_out_len(const struct console *con)
{
	return (uint32_t)(con->out->taken - con->out->written);
}

static inline uint32_t console_out_at(const struct console *con)
{
	return (uint32_t)(con->out->written % CONSOLE_OUT);
}

/* port.c */

/** console_start() - begin reading and listening; the ring is there. */
int console_start(struct backend *be);

/** console_kick() - queue_kick() of both queues. */
void console_kick(struct backend *be, struct vq *q);

/** console_queue_stop() - let go of the guest's memory. */
void console_queue_stop(struct backend *be, struct vq *q);

/* terminal.c */

/**
 * terminal_keep() - put the terminal on descriptor 0 into raw mode, and stay behind to restore it
 * @con: @con->size is set
 *
 * Forks: the call returns in the child, and the parent (the keeper) waits for it, restores the terminal however the
 * child ended, and exits with its status. Window sizes come through the pipe at POLICY_FD_RESIZE.
 *
 * Return: 0, or -errno.
 */
int terminal_keep(struct console *con);

#endif
