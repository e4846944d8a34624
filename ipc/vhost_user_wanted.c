// SPDX-License-Identifier: GPL-2.0
/*D:267
 * vhost_user_wanted.c: the front end's half, what is wanted: features, memory, record, rings and status of a device, which are kept here, told to
 * the process that serves it, and told again to each that comes after it. vhost_user_frontend.c is the connection over which this goes.
 *
 * It may send messages and wait for their answers through that file's functions only, and within the operation's time.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ipc/vhost_user_frontend_internal.h"

/* Stopping a ring waits for its requests in flight; a disk may need more than the usual deadline. */
#define STOP_FACTOR 10u

int vu_fe_set_features(struct vu_fe *fe, uint64_t features)
{
	int err;

	/* What a dead one offered says nothing of the next, which vu_fe_join() measures by what is wanted. */
	if (!fe->dead && features & ~fe->features)
		return -EINVAL;
	fe->acked = features | (fe->features & VU_F_PROTOCOL_FEATURES);
	fe->features_set = true;
	fe_begin(fe, 1);
	err = fe_done(fe, fe_tell_u64(fe, VU_SET_FEATURES, fe->acked));
	if (err == -EREMOTEIO) {
		fe->features_set = false;
		fe->acked = 0;
	}
	return err;
}

/* The record that the back end made, if it is one of those. */
static void forget_record(struct vu_fe *fe)
{
	if (fe->inflight_fd >= 0 && !fe->inflight_kept)
		close(fe->inflight_fd);
	fe->inflight_fd = -1;
}

void vu_fe_close(struct vu_fe *fe)
{
	vu_fe_hang_up(fe);
	forget_record(fe);
}

/* --- memory --- */

static void fill_region(struct vu_region *to, const struct vu_fe_region *r)
{
	*to = (struct vu_region){ r->gpa, r->size, r->uaddr, r->offset };
}

static int send_table(struct vu_fe *fe)
{
	struct vu_msg m = { .request = VU_SET_MEM_TABLE, .nfds = fe->regions,
			    .size = 8 + fe->regions * (uint32_t)sizeof(struct vu_region) };

	if (!fe->regions) /* an empty table cannot be said; the back end keeps the last one */
		return 0;
	if (fe->dead) /* and may not know slots, as the one before did, to whom more was said than a table holds: vu_fe_join() judges that */
		return -EPIPE;
	m.u.table.n = fe->regions;
	for (unsigned int i = 0; i < fe->regions; i++) {
		fill_region(&m.u.table.r[i], &fe->region[i]);
		m.fd[i] = fe->region[i].fd;
	}
	return fe_tell(fe, &m);
}

static int send_region(struct vu_fe *fe, const struct vu_fe_region *r, bool add)
{
	struct vu_msg m = { .request = add ? VU_ADD_MEM_REG : VU_REM_MEM_REG, .size = sizeof(m.u.reg), .nfds = add };

	fill_region(&m.u.reg.r, r);
	m.fd[0] = r->fd;
	return fe_tell(fe, &m);
}

int vu_fe_add_region(struct vu_fe *fe, const struct vu_fe_region *r)
{
	int err;

	if (fe->regions >= fe->slots || fe->regions == VU_FE_MAX_REGIONS)
		return -ENOSPC;
	fe->region[fe->regions++] = *r;
	fe_begin(fe, 1);
	err = fe->protocol & VU_P_CONFIGURE_MEM_SLOTS ? send_region(fe, r, true) : send_table(fe);
	err = fe_done(fe, err);
	if (err)
		fe->regions--;
	return err;
}

int vu_fe_remove_region(struct vu_fe *fe, uint64_t gpa)
{
	struct vu_fe_region gone;

	for (unsigned int i = 0; i < fe->regions; i++) {
		if (fe->region[i].gpa != gpa)
			continue;
		gone = fe->region[i];
		fe->region[i] = fe->region[--fe->regions];
		fe_begin(fe, 1);
		return fe_done(fe, fe->protocol & VU_P_CONFIGURE_MEM_SLOTS ? send_region(fe, &gone, false) : send_table(fe));
	}
	return -ENOENT;
}

/* --- in-flight record --- */

static int send_inflight(struct vu_fe *fe)
{
	struct vu_msg m = { .request = VU_SET_INFLIGHT_FD, .size = sizeof(m.u.inflight), .nfds = 1 };

	m.u.inflight = fe->inflight;
	m.fd[0] = fe->inflight_fd;
	return fe_tell(fe, &m);
}

int vu_fe_record(struct vu_fe *fe, int fd, uint16_t queues, uint16_t queue_size, uint64_t size)
{
	int err;

	forget_record(fe);
	if (!(fe->protocol & VU_P_INFLIGHT_SHMFD) && !fe->dead)
		return 0;
	fe->inflight_fd = fd;
	fe->inflight_kept = true;
	fe->inflight = (struct vu_inflight){ .size = size, .queues = queues, .queue_size = queue_size };
	fe_begin(fe, 1);
	err = fe_done(fe, send_inflight(fe));
	if (err == -EREMOTEIO)
		forget_record(fe);
	return err;
}

/*D:270
 * The record of requests in flight, which we know from the ring, must outlive the back end, so the front end holds it.
 * Other front ends have it made by the back end, as here, and hand it back at once; lguest-core makes its own
 * (vu_fe_record() above) and takes no descriptor from any back end. Look at what is asked of the file first: it must be
 * as long, and have the shape, that was agreed on.
 */
int vu_fe_inflight(struct vu_fe *fe, uint16_t queues, uint16_t queue_size)
{
	struct vu_msg m = { .request = VU_GET_INFLIGHT_FD, .size = sizeof(m.u.inflight) };
	struct stat st;
	uint64_t end;
	int err;

	if (!(fe->protocol & VU_P_INFLIGHT_SHMFD))
		return 0;
	m.u.inflight.queues = queues;
	m.u.inflight.queue_size = queue_size;
	fe_begin(fe, 1);
	err = fe_ask(fe, &m);
	if (err)
		return err;
	fcntl(m.fd[0], F_SETFD, FD_CLOEXEC);
	forget_record(fe);
	fe->inflight_fd = m.fd[0];
	fe->inflight_kept = false;
	fe->inflight = m.u.inflight;
	if (__builtin_add_overflow(fe->inflight.size, fe->inflight.offset, &end) || fstat(fe->inflight_fd, &st) ||
	    st.st_size < 0 || end > (uint64_t)st.st_size || fe->inflight.queues != queues ||
	    fe->inflight.queue_size != queue_size)
		err = fe_die(fe, -EPROTO, "the back end gave an in-flight record of a wrong shape");
	else
		err = fe_done(fe, send_inflight(fe));
	if (err)
		forget_record(fe);	/* one that was refused is no record for a successor either */
	return err;
}

/* --- rings --- */

static int send_eventfd(struct vu_fe *fe, uint32_t request, uint32_t index, int fd)
{
	struct vu_msg m = { .request = request, .size = 8, .nfds = fd >= 0 };

	m.u.u64 = index | (fd < 0 ? VU_RING_NOFD : 0);
	m.fd[0] = fd;
	return fe_tell(fe, &m);
}

static int send_addr(struct vu_fe *fe, uint32_t index, const struct vu_fe_vring *v)
{
	struct vu_msg m = { .request = VU_SET_VRING_ADDR, .size = sizeof(m.u.addr) };

	m.u.addr = (struct vu_vring_addr){ .index = index, .desc = v->desc, .used = v->used, .avail = v->avail };
	return fe_tell(fe, &m);
}

/* The kick comes last: it starts the ring, and everything else of it must be there. */
static int send_vring(struct vu_fe *fe, uint32_t index, const struct vu_fe_vring *v)
{
	int err = fe_tell_state(fe, VU_SET_VRING_NUM, index, v->num);

	if (!err)
		err = fe_tell_state(fe, VU_SET_VRING_BASE, index, v->base);
	if (!err)
		err = send_addr(fe, index, v);
	if (!err)
		err = send_eventfd(fe, VU_SET_VRING_CALL, index, v->call);
	if (!err && v->err >= 0)
		err = send_eventfd(fe, VU_SET_VRING_ERR, index, v->err);
	if (!err)
		err = send_eventfd(fe, VU_SET_VRING_KICK, index, v->kick);
	if (!err && fe->acked & VU_F_PROTOCOL_FEATURES)
		err = fe_tell_state(fe, VU_SET_VRING_ENABLE, index, v->enabled);
	return err;
}

int vu_fe_vring_start(struct vu_fe *fe, uint32_t index, const struct vu_fe_vring *v)
{
	int err;

	if (index >= VU_MAX_QUEUES || v->kick < 0)
		return -EINVAL;
	/* Before the first word of it: a back end that dies over it may have begun, and the next one must know that it was to run. */
	fe->vring[index] = *v;
	fe->vring[index].started = true;
	fe_begin(fe, 1);
	err = fe_done(fe, send_vring(fe, index, v));
	if (err == -EREMOTEIO)
		fe->vring[index].started = false;
	return err;
}

static int ask_stop(struct vu_fe *fe, uint32_t index)
{
	struct vu_msg m = { .request = VU_GET_VRING_BASE, .size = sizeof(m.u.state), .u.state = { index, 0 } };

	return fe_say(fe, &m, (struct vu_fe_owed){ .what = VU_FE_BASE, .index = (uint8_t)index, .size_min = sizeof(m.u.state),
						.size_max = sizeof(m.u.state) });
}

int vu_fe_vring_stop(struct vu_fe *fe, uint32_t index, uint16_t *base)
{
	int err;

	if (index >= VU_MAX_QUEUES)
		return -EINVAL;
	fe->vring[index].started = false;	/* whatever comes back: its driver is done with it */
	fe_begin(fe, STOP_FACTOR);
	err = ask_stop(fe, index);
	if (!err)
		err = fe_settle(fe, 0);
	if (!err && base)
		*base = fe->vring[index].base;
	return err;
}

int vu_fe_vring_enable(struct vu_fe *fe, uint32_t index, bool on)
{
	if (index >= VU_MAX_QUEUES)
		return -EINVAL;
	fe->vring[index].enabled = on;
	fe_begin(fe, 1);
	return fe->acked & VU_F_PROTOCOL_FEATURES ? fe_done(fe, fe_tell_state(fe, VU_SET_VRING_ENABLE, index, on)) : 0;
}

int vu_fe_set_call(struct vu_fe *fe, uint32_t index, int fd)
{
	if (index >= VU_MAX_QUEUES)
		return -EINVAL;
	fe->vring[index].call = fd;
	fe_begin(fe, 1);
	return fe_done(fe, send_eventfd(fe, VU_SET_VRING_CALL, index, fd));
}

void vu_fe_vring_base(struct vu_fe *fe, uint32_t index, uint16_t base)
{
	if (index < VU_MAX_QUEUES)
		fe->vring[index].base = base;
}

/* --- the device --- */

int vu_fe_set_status(struct vu_fe *fe, uint8_t status)
{
	fe->status = status;
	fe_begin(fe, 1);
	return fe->protocol & VU_P_STATUS ? fe_done(fe, fe_tell_u64(fe, VU_SET_STATUS, status)) : 0;
}

int vu_fe_get_status(struct vu_fe *fe, uint8_t *status)
{
	uint64_t v = fe->status;
	int err;

	fe_begin(fe, 1);
	err = fe->protocol & VU_P_STATUS ? fe_ask_u64(fe, VU_GET_STATUS, &v) : 0;
	if (!err && v > UINT8_MAX)
		return fe_die(fe, -EPROTO, "the back end has a status of more than 8 bits");
	*status = (uint8_t)v;
	return err;
}

/*D:280
 * The guest's driver has reset its device. All that it had set up is forgotten first and the back end is asked
 * afterwards, so that nothing which a back end answers, or fails to answer, can bring an old queue back.
 */
/*
 * The driver's epoch is over, whatever the back end says to that: nothing of it is ever said again. A back end that does not answer here is dead,
 * and what it still does is over with its process.
 */
int vu_fe_reset(struct vu_fe *fe)
{
	bool started[VU_MAX_QUEUES];
	int err = 0;

	for (uint32_t i = 0; i < VU_MAX_QUEUES; i++) {
		started[i] = fe->vring[i].started;
		fe->vring[i].started = false;
	}
	forget_record(fe);
	fe->features_set = false;
	fe->acked = 0;
	fe->status = 0;
	fe_begin(fe, STOP_FACTOR);
	for (uint32_t i = 0; i < VU_MAX_QUEUES && !err; i++)
		if (started[i])
			err = ask_stop(fe, i);
	if (!err && fe->protocol & VU_P_STATUS)
		err = fe_tell_u64(fe, VU_SET_STATUS, 0);
	else if (!err && fe->protocol & VU_P_RESET_DEVICE)
		err = fe_tell_empty(fe, VU_RESET_DEVICE);
	err = fe_verdict(fe, err);
	for (uint32_t i = 0; i < VU_MAX_QUEUES; i++)
		fe->vring[i].base = 0;
	return err;
}

/* --- another process --- */

static int restore_regions(struct vu_fe *fe)
{
	int err = 0;

	if (!(fe->protocol & VU_P_CONFIGURE_MEM_SLOTS))
		return send_table(fe);
	for (unsigned int i = 0; i < fe->regions && !err; i++)
		err = send_region(fe, &fe->region[i], true);
	return err;
}

/*D:290
 * The device's process has died and lguest-run has started another. It is told everything again: features, memory and
 * record here, queues in vu_fe_resume() below, and on its side vq_start() finds what was in flight. One that offers
 * less than the driver was promised is given up. This was the wire; now we enter the program at its other end.
 */
int vu_fe_join(struct vu_fe *fe)
{
	int err;

	if (!fe->joining)
		return -EPIPE;
	fe->joining = fe->dead = false;
	fe_begin(fe, 1);
	err = fe_settle(fe, 0);
	if (err)
		return err;
	err = fe_greeted(fe);
	if (err)
		return err;
	if ((fe->features_set && fe->acked & ~fe->features) || fe->regions > fe->slots)
		return fe_die(fe, -EPROTO, "the new back end offers less than the old one");
	if (fe->features_set)
		err = fe_tell_u64(fe, VU_SET_FEATURES, fe->acked);
	if (!err)
		err = restore_regions(fe);
	if (!err && fe->inflight_fd >= 0 && fe->protocol & VU_P_INFLIGHT_SHMFD)
		err = send_inflight(fe);
	return fe_must(fe, err);
}

int vu_fe_resume(struct vu_fe *fe)
{
	int err = 0;

	fe_begin(fe, 1);
	for (uint32_t i = 0; i < VU_MAX_QUEUES && !err; i++)
		if (fe->vring[i].started)
			err = send_vring(fe, i, &fe->vring[i]);
	if (!err && fe->status && fe->protocol & VU_P_STATUS)
		err = fe_tell_u64(fe, VU_SET_STATUS, fe->status);
	return fe_must(fe, err);
}

int vu_fe_reconnect(struct vu_fe *fe, int fd)
{
	int err;

	fe_begin(fe, 1);
	err = vu_fe_connect(fe, fd);
	if (!err)
		err = vu_fe_join(fe);
	return err ? err : vu_fe_resume(fe);
}
