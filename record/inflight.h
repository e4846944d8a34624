/* SPDX-License-Identifier: GPL-2.0 */
/*
 * inflight.h: the in-flight records (vhost-user, "Inflight I/O tracking") of lguest-record. The back end writes into records of ours; those of
 * the front end say what its driver has given to us and not got back, and change with the used index that the driver reads. So whenever
 * recorder or back end dies, the next back end does again what the driver still waits for: no more and no less.
 */
#ifndef LGUEST_RECORD_INFLIGHT_H
#define LGUEST_RECORD_INFLIGHT_H

#include <stdbool.h>
#include <stdint.h>

#include "ipc/vhost_user.h"
#include "ipc/virtqueue_ring.h"

/**
 * inflight_asked() - the back end's answer to GET_INFLIGHT_FD: the front end gets a file of ours in place of its
 *
 * Return: 0 or -errno.
 */
int inflight_asked(struct vu_msg *m);

/**
 * inflight_given() - SET_INFLIGHT_FD: keep the front end's file, and send the back end one of ours
 *
 * Return: 0 or -errno, after a sentence if the message is at fault.
 */
int inflight_given(struct vu_msg *m);

/** inflight_is_own() - does @at lie in the record that the back end has of us, not in the front end's? */
bool inflight_is_own(const uint8_t *at);

/** inflight_of() - the front end's record of a queue of @num entries, NULL: there is none. */
struct vq_inflight *inflight_of(unsigned int queue, uint16_t num);

/**
 * inflight_begin() - a queue starts: what a back end that died has left is put in order, and the new one gets it
 * @base: the front end's, @used: the ring's used index
 *
 * Return: the entry of the available ring that is the first not to be marked.
 */
uint16_t inflight_begin(unsigned int queue, uint16_t num, uint16_t base, uint16_t used);

/** inflight_take() - mark @head: from here on somebody will do it. */
void inflight_take(struct vq_inflight *log, uint16_t num, uint16_t head);

/** inflight_stage() - these @n are the batch that the used index is about to name. */
void inflight_stage(struct vq_inflight *log, uint16_t num, const struct vq_used_elem *e, uint16_t n);

/** inflight_commit() - and now it does. */
void inflight_commit(struct vq_inflight *log, uint16_t num, const struct vq_used_elem *e, uint16_t n, uint16_t used);

/** inflight_end() - a queue stopped: the back end's record is the truth, for it knows how far it had taken requests. */
void inflight_end(unsigned int queue, uint16_t num);

#endif
