// SPDX-License-Identifier: GPL-2.0
/*
 * load.c: verified disk requests through a socket, one after the other and many at once: what the tests of lguest-record record. Its bytes
 * are made of the sector's number, so that the same run is the same bytes.
 *
 *	replay-load SOCKET REQUESTS [SUCCESSOR]		when the back end is gone go on at that socket, once
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/blkdrv.h"

#define BYTES 4096u
#define DEPTH 8u

#define WAIT_MS 10000
#define STEP_MS 100

static struct blkdrv d;
static const char *successor;

static uint8_t byte_of(unsigned int n, unsigned int i)
{
	return (uint8_t)(n * 31 + i * 7 + (i >> 8));
}

static bool hung_up(void)
{
	struct pollfd p = { .fd = d.drv.fe.chan.fd };

	return poll(&p, 1, 0) == 1 && p.revents & POLLHUP;
}

static int change(void)
{
	int fd = -1;

	for (int ms = 0; fd < 0 && ms < WAIT_MS; ms += STEP_MS) {
		usleep(STEP_MS * 1000);
		fd = access(successor, F_OK) ? -1 : blkdrv_connect(successor);
	}
	successor = NULL;
	return fd < 0 ? -1 : blkdrv_reconnect(&d, fd);
}

/* Return: 0: there is a completion, or a successor that will make one; or -1. */
static int wait_for_news(void)
{
	for (int ms = 0; ms < WAIT_MS; ms += STEP_MS) {
		if (!blkdrv_wait(&d, 0, STEP_MS))
			return 0;
		if (successor && hung_up())
			return change();
	}
	return -1;
}

/* @DEPTH requests of one kind at once. Return: how many went wrong. */
static unsigned int batch(uint32_t type, unsigned int first)
{
	struct blkdrv_done done;
	unsigned int bad = 0, open = 0;
	int r = 0;

	for (unsigned int k = 0; k < DEPTH; k++) {
		uint8_t *buf = d.data + k * BYTES;

		for (unsigned int i = 0; i < BYTES; i++)
			buf[i] = type == VIRTIO_BLK_T_OUT ? byte_of(first + k, i) : 0;
		open += blkdrv_submit(&d, 0, type, (uint64_t)(first + k) * 8, buf, BYTES, k);
	}
	blkdrv_kick(&d, 0);
	while (open && r >= 0) {
		while (open && (r = blkdrv_poll(&d, 0, &done)) > 0) {
			bad += done.status != VIRTIO_BLK_S_OK;
			open--;
		}
		if (open && r >= 0)
			r = wait_for_news();
	}
	for (unsigned int k = 0; type == VIRTIO_BLK_T_IN && k < DEPTH; k++)
		for (unsigned int i = 0; i < BYTES; i++)
			bad += d.data[k * BYTES + i] != byte_of(first + k, i);
	return bad + open;
}

int main(int argc, char **argv)
{
	unsigned int n = argc == 3 || argc == 4 ? (unsigned int)atoi(argv[2]) : 0, bad = 0;
	int fd = n ? blkdrv_connect(argv[1]) : -1;

	successor = argc == 4 ? argv[3] : NULL;
	if (fd < 0 || blkdrv_open(&d, fd, 1, DEPTH * BYTES, ~0ull)) {
		fprintf(stderr, "usage: replay-load SOCKET REQUESTS [SUCCESSOR]\n");
		return 2;
	}
	for (unsigned int i = 0; i < n && !bad; i += DEPTH)
		bad = batch(VIRTIO_BLK_T_OUT, i % 512) + batch(VIRTIO_BLK_T_IN, i % 512);
	bad += blkdrv_io(&d, VIRTIO_BLK_T_FLUSH, 0, NULL, 0) != VIRTIO_BLK_S_OK;
	blkdrv_close(&d);
	printf("%u requests, %u wrong\n", 2 * n, bad);
	return bad != 0;
}
