/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vhost_user.h: the vhost-user wire: messages, one table that says what each may look like, and a channel
 * that receives and sends them whole, with their descriptors. Both ends are built on it
 * (vhost_user_backend.h, vhost_user_frontend.h); neither trusts the other.
 *
 * It may: read and write one socket. It may not: allocate, map memory, or act on a message.
 * Names are those of the vhost-user specification (QEMU, docs/interop/vhost-user.rst).
 */
#ifndef LGUEST_VHOST_USER_H
#define LGUEST_VHOST_USER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define VU_MAX_QUEUES 16u	/* virtqueues of one device, at both ends */

/* Front end to back end. */
enum vu_request {
	VU_GET_FEATURES = 1,
	VU_SET_FEATURES = 2,
	VU_SET_OWNER = 3,
	VU_RESET_OWNER = 4,
	VU_SET_MEM_TABLE = 5,
	VU_SET_VRING_NUM = 8,
	VU_SET_VRING_ADDR = 9,
	VU_SET_VRING_BASE = 10,
	VU_GET_VRING_BASE = 11,
	VU_SET_VRING_KICK = 12,
	VU_SET_VRING_CALL = 13,
	VU_SET_VRING_ERR = 14,
	VU_GET_PROTOCOL_FEATURES = 15,
	VU_SET_PROTOCOL_FEATURES = 16,
	VU_GET_QUEUE_NUM = 17,
	VU_SET_VRING_ENABLE = 18,
	VU_SET_BACKEND_REQ_FD = 21,
	VU_GET_CONFIG = 24,
	VU_SET_CONFIG = 25,
	VU_GET_INFLIGHT_FD = 31,
	VU_SET_INFLIGHT_FD = 32,
	VU_RESET_DEVICE = 34,
	VU_GET_MAX_MEM_SLOTS = 36,
	VU_ADD_MEM_REG = 37,
	VU_REM_MEM_REG = 38,
	VU_SET_STATUS = 39,
	VU_GET_STATUS = 40,
	VU_REQUEST_MAX = 41,
};

/* Back end to front end, on the socket of VU_SET_BACKEND_REQ_FD. */
enum vu_backend_request {
	VU_BACKEND_CONFIG_CHANGE_MSG = 2,
};

/* Bits of the virtio feature word that belong to the transport. */
#define VU_F_PROTOCOL_FEATURES (1ull << 30)

/* Bits of GET/SET_PROTOCOL_FEATURES. */
#define VU_P_MQ (1ull << 0)
#define VU_P_REPLY_ACK (1ull << 3)
#define VU_P_BACKEND_REQ (1ull << 5)
#define VU_P_CONFIG (1ull << 9)
#define VU_P_INFLIGHT_SHMFD (1ull << 12)
#define VU_P_RESET_DEVICE (1ull << 13)
#define VU_P_CONFIGURE_MEM_SLOTS (1ull << 15)
#define VU_P_STATUS (1ull << 16)

/* Header flags. */
#define VU_VERSION 0x1u
#define VU_VERSION_MASK 0x3u
#define VU_REPLY 0x4u
#define VU_NEED_REPLY 0x8u

#define VU_HDR_SIZE 12u
#define VU_MAX_FDS 8u		/* most descriptors of one message: SET_MEM_TABLE's */
#define VU_MEM_TABLE_MAX 8u
#define VU_CONFIG_MAX 256u
#define VU_RING_NOFD (1u << 8)	/* in SET_VRING_KICK/CALL/ERR: no descriptor comes along */
#define VU_RING_INDEX 0xffu

struct vu_vring_state { uint32_t index, num; };
struct vu_vring_addr { uint32_t index, flags; uint64_t desc, used, avail, log; };
struct vu_region { uint64_t gpa, size, uaddr, offset; };
struct vu_mem_table { uint32_t n, pad; struct vu_region r[VU_MEM_TABLE_MAX]; };
struct vu_mem_reg { uint64_t pad; struct vu_region r; };
struct vu_config { uint32_t offset, size, flags; uint8_t data[VU_CONFIG_MAX]; };
struct vu_inflight { uint64_t size, offset; uint16_t queues, queue_size; uint8_t pad[4]; };

/**
 * struct vu_msg - a message in own memory
 * @request: number of the message
 * @flags: header flags
 * @size: payload bytes
 * @u: payload; bytes behind @size are zero
 * @fd: descriptors that came along or are to go; the receiver owns them
 * @nfds: their number
 */
struct vu_msg {
	uint32_t request, flags, size;
	union {
		uint64_t u64;
		struct vu_vring_state state;
		struct vu_vring_addr addr;
		struct vu_mem_table table;
		struct vu_mem_reg reg;
		struct vu_config config;
		struct vu_inflight inflight;
		uint8_t bytes[272];
	} u;
	int fd[VU_MAX_FDS];
	unsigned int nfds;
};

/* Which session states permit a message; a session is in exactly one of them. */
#define VU_IN_IDLE 1u		/* no ring has been started */
#define VU_IN_RUNNING 2u	/* at least one ring is started */
#define VU_IN_ANY (VU_IN_IDLE | VU_IN_RUNNING)

/**
 * struct vu_rule - one row of the message table
 * @name: name in the specification, NULL for numbers that we do not speak
 * @size_min: least payload, @size_max: most
 * @fds_min: least descriptors, @fds_max: most
 * @reply: payload bytes of the answer it always has, 0 for none; more may follow for GET_CONFIG
 * @reply_fds: descriptors of the answer
 * @protocol: protocol feature bits that must have been negotiated
 * @states: VU_IN_*
 */
struct vu_rule {
	const char *name;
	uint16_t size_min, size_max;
	uint8_t fds_min, fds_max;
	uint16_t reply;
	uint8_t reply_fds;
	uint8_t states;
	uint64_t protocol;
};

/** vu_rule() - the row of a front-end message; NULL when the number is unknown. */
const struct vu_rule *vu_rule(uint32_t request);

/** vu_backend_rule() - the row of a message on the back end's own socket; NULL when unknown. */
const struct vu_rule *vu_backend_rule(uint32_t request);

/**
 * struct vu_io - how a channel reaches its socket: system calls, or the loop's ring
 * @recvmsg: as recvmsg(2) with MSG_DONTWAIT, -errno on errors; MSG_PEEK in msg_flags asks for that
 * @sendmsg: as sendmsg(2), -errno on errors
 * @close: close a descriptor
 */
struct vu_io {
	ssize_t (*recvmsg)(void *ctx, int fd, struct msghdr *m);
	ssize_t (*sendmsg)(void *ctx, int fd, const struct msghdr *m);
	void (*close)(void *ctx, int fd);
};

/** vu_io_plain - system calls; its ctx is not used. */
extern const struct vu_io vu_io_plain;

/**
 * enum vu_fds - what becomes of descriptors that a peer sends
 * @VU_FDS_TAKE: they come with the message
 * @VU_FDS_REFUSE: a message that brings any breaks the framing; the kernel drops them, none is ever in our table
 * @VU_FDS_LEAVE: the same, and they stay in the socket, unread: to drop a descriptor can take as long as its file likes (a connection that
 *	lingers, a file system in user space), and whoever made the file may be the one who wants us to wait. The socket must then not be closed.
 *	Its owner has set SO_OOBINLINE on it, without which a look at what is there passes an urgent byte over.
 */
enum vu_fds { VU_FDS_TAKE, VU_FDS_REFUSE, VU_FDS_LEAVE };

/**
 * struct vu_chan - one end of a vhost-user socket
 * @fd: the socket, -1 when there is none
 * @io: how to reach it, @ctx: its first argument
 * @fds: which descriptors of the peer are let in, enum vu_fds; vu_chan_init() says VU_FDS_TAKE
 * @in: the message being received, @got: bytes of header and payload so far
 */
struct vu_chan {
	int fd;
	const struct vu_io *io;
	void *ctx;
	enum vu_fds fds;
	struct vu_msg in;
	uint32_t got;
};

/** vu_chan_init() - begin on a connected socket; the caller keeps @fd and closes it. */
void vu_chan_init(struct vu_chan *c, int fd, const struct vu_io *io, void *ctx);

/**
 * vu_recv() - go on receiving; never blocks
 * @c: the channel
 * @m: receives a whole message; its descriptors become the caller's
 *
 * Return: 1 = @m is filled, 0 = more bytes must come, -ECONNRESET = the peer hung up, -EPROTO = it broke the
 * framing (version, size above what the number allows at all, descriptors cut off or behind the first byte): every
 * descriptor received is closed and the connection must be dropped, other -errno from the socket.
 */
int vu_recv(struct vu_chan *c, struct vu_msg *m);

/**
 * vu_send() - send a message whole
 * @c: the channel
 * @m: @m->request, flags (VU_VERSION is added), size, u, fd, nfds; descriptors stay the caller's
 *
 * Return: 0 or -errno; -EAGAIN when the peer lets its socket fill up (the connection must be dropped: part of
 * the message may be out).
 */
int vu_send(struct vu_chan *c, const struct vu_msg *m);

/** vu_close_fds() - close what came with a message and was not taken (taken ones are set to -1). */
void vu_close_fds(struct vu_chan *c, struct vu_msg *m);

/**
 * vu_check() - is the message one that this session may get now?
 * @rule: its row, NULL for unknown numbers
 * @m: the message
 * @protocol: negotiated protocol features
 * @state: VU_IN_*, the session's
 *
 * Return: NULL, or why not (a constant string).
 */
const char *vu_check(const struct vu_rule *rule, const struct vu_msg *m, uint64_t protocol, unsigned int state);

#endif
