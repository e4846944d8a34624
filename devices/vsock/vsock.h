/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vsock.h: what the files of lguest-vsock share: main.c (options and queues), packet.c (what the guest says and is told),
 * conn.c (connections and their sockets on the host), dial.c (the helper that connects for the sealed process).
 */
#ifndef LGUEST_VSOCK_H
#define LGUEST_VSOCK_H

#include <sys/socket.h>
#include <linux/virtio_vsock.h>

#include "devices/backend.h"

#define VSOCK_QUEUES 3u		/* 0 = to the guest, 1 = from the guest, 2 = events (virtio 1.2, 5.10.2) */
#define VSOCK_QUEUE_SIZE 256u
#define VSOCK_SEGS 64u		/* of a packet: Linux uses two */
#define VSOCK_CONNS 64u		/* connections at a time; each holds a descriptor, of which the role has 128 */
#define VSOCK_BUF 65536u	/* bytes of a connection that wait, in each direction: what the guest is told that it may send */
#define VSOCK_HELLO 32u		/* longest "CONNECT port\n" */
#define VSOCK_OUT (VSOCK_BUF + VSOCK_HELLO)	/* the guest's bytes, and "OK port\n" before them */
#define VSOCK_RESETS 64u	/* refusals that wait to be told; while there is no room the guest's packets wait */
#define VSOCK_HOST_CID 2u
#define VSOCK_OWN_PORTS (1u << 30)	/* the host's ends of its own connections: from here on, where no listening port is */
#define VSOCK_HANDSHAKE_MS 5000u
#define VSOCK_EVENT_MS 1000u	/* as long as packets wait for an event to be told before */
#define VSOCK_HANDLED_MS 30000u	/* then for the guest to have handled it, which may be paused just now */
#define VSOCK_LOOK_MS 500u	/* how often somebody who has sent all is looked for */
#define VSOCK_LEFT_MS 120000u	/* without the host's taking a byte of what a guest has left behind */

/**
 * enum vsock_state - a connection's life
 * @VSOCK_HELLO_WAIT: somebody connected on the host, and has not said which port yet
 * @VSOCK_ASKED: the guest was asked to accept it
 * @VSOCK_DIALING: the guest asked, and the helper connects to the host's socket
 * @VSOCK_LEFT: gone for the guest, which is owed nothing; the host still takes what it had sent, as from any socket
 * @VSOCK_CLOSING: over; what is in flight is waited for, and @send may hold the RST that the guest is owed
 */
enum vsock_state { VSOCK_FREE, VSOCK_HELLO_WAIT, VSOCK_ASKED, VSOCK_DIALING, VSOCK_OPEN, VSOCK_LEFT, VSOCK_CLOSING };

/**
 * struct vsock_conn - a connection
 * @fd: its socket on the host, -1: none
 * @dial: number of the question to the helper
 * @in: bytes from the host, [@in_off, @in_len) not yet told the guest; @in_end: no more will come. @deaf: the host takes no more
 * @out: a ring of @out_len bytes for the host from @out_at; the first @out_own of them are not the guest's
 * @send: packets that wait to be told, a bit each (1 << VIRTIO_VSOCK_OP_...); @shut_told: the flags of SHUTDOWN that were
 * @guest_shut: flags of the guest's SHUTDOWN; @shut_op ends these directions on the host, @shut_asked: those that it was asked for
 * @forwarded: bytes of the guest's that the host took, @forwarded_told of these the guest knows of, @looked of these were there at the last look
 * @sent: bytes that the guest was sent; it has room for @peer_alloc beyond the @peer_forwarded that it took
 */
struct vsock_conn {
	struct vsock *v;
	enum vsock_state state;
	int fd;
	uint32_t guest_port, host_port;
	uint32_t dial;

	uint8_t *in;
	uint32_t in_off, in_len;
	bool in_end, deaf;
	struct backend_io in_io;
	struct iovec in_iov;

	uint8_t *out;
	uint32_t out_at, out_len, out_own;
	struct backend_io out_io;
	struct iovec out_iov[2];

	struct backend_op shut_op;
	struct backend_watch gone_watch;
	struct backend_timer timer;

	uint32_t send, shut_told, guest_shut, shut_asked;
	uint32_t forwarded, forwarded_told, looked, sent, peer_alloc, peer_forwarded;
};

/**
 * struct vsock - the device
 * @cid: the guest's address
 * @listen: where the host's programs connect; @full: it is not watched, since there is no room for another connection
 * @turn: the connection that is served next
 * @reset: packets that belong to no connection, @resets of them, as the headers that came
 * @held: the queue from the guest waits for room among these
 * @seen: queues that this process has started since the last reset, a bit each
 * @lost: the guest may know connections that are gone: it is @told so, and has handled that, before it hears of others, which it would end with
 *	them; but for no longer than @patience, since there are front ends that do not pass the queue of events on
 */
struct vsock {
	struct backend *be;
	uint64_t cid;
	const char *unix_path, *name;
	int listen_fd, dir_fd;
	struct backend_watch listen;
	bool full;
	struct vsock_conn conn[VSOCK_CONNS];
	unsigned int turn;
	uint32_t next_port;

	struct virtio_vsock_hdr reset[VSOCK_RESETS];
	unsigned int resets;
	bool held;
	unsigned int seen;
	bool lost, told;
	struct backend_timer patience;

	struct { uint32_t id, port; } question;
	struct { uint32_t id; int32_t error; } answer;
	struct backend_op ask_op, answer_op;
	struct msghdr answer_msg;
	struct iovec answer_iov;
	char answer_space[64];
	uint32_t next_dial;
};

/* packet.c */

/** vsock_receive() - take the guest's packets. */
void vsock_receive(struct vsock *v, struct vq *q);

/** vsock_send() - tell the guest what waits, as far as it has given buffers. */
void vsock_send(struct vsock *v, struct vq *q);

/** vsock_lost() - the guest may know connections that are gone. */
void vsock_lost(struct vsock *v);

/** vsock_events() - tell the guest, if it must know, that its connections are gone. */
void vsock_events(struct vsock *v, struct vq *q);

/* conn.c */

/** vsock_start() - begin to listen, and to wait for the helper's answers. */
int vsock_start(struct backend *be);

/** vsock_find() - the connection of these ports, or NULL. */
struct vsock_conn *vsock_find(struct vsock *v, uint32_t guest_port, uint32_t host_port);

/** vsock_dial() - the guest wants to connect to a port of the host. Return: false when there is no room for another connection. */
bool vsock_dial(struct vsock *v, uint32_t guest_port, uint32_t host_port, const struct virtio_vsock_hdr *h);

/** vsock_accepted() - the guest took a connection of the host's. */
void vsock_accepted(struct vsock_conn *c);

/** vsock_give() - @len bytes of a packet, from @off, for the host. Return: false: more than the guest was allowed to send. */
bool vsock_give(struct vsock_conn *c, const struct vq_chain *chain, uint64_t off, uint32_t len);

/** vsock_shutdown() - the guest will not send, or not take, any more. */
void vsock_shutdown(struct vsock_conn *c, uint32_t flags);

/** vsock_read_on() - there is room for more from the host. */
void vsock_read_on(struct vsock_conn *c);

/** vsock_leave() - the guest has cut a connection off: it is over when the host has what was sent before. */
void vsock_leave(struct vsock_conn *c);

/** vsock_close() - end a connection; @tell: the guest does not know yet. */
void vsock_close(struct vsock_conn *c, bool tell);

/** vsock_told() - a closing connection owes the guest nothing any more. */
void vsock_told(struct vsock_conn *c);

/** vsock_close_all() - the guest's driver has begun anew and knows of no connection. */
void vsock_close_all(struct vsock *v);

/* dial.c */

/** vsock_dial_start() - start the helper; its socket is at POLICY_FD_RESOURCE then. Return: 0 or -errno. */
int vsock_dial_start(struct vsock *v);

#endif
