// SPDX-License-Identifier: GPL-2.0
/*H:480
 * Eventfds instead of exits: a guest's NOTIFY signals the one that its device process sleeps on (ioeventfd), and a device
 * process's signal raises an interrupt line (irqfd). The core sets the bindings up and sees none of the traffic.
 */
#include <linux/file.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include "compat.h"
#include "lg.h"

static bool same_binding(const struct lg_ioeventfd *e, const struct lguest_ioeventfd *args)
{
	return e->addr == args->addr && (e->flags & LGUEST_ANY_VALUE) == (args->flags & LGUEST_ANY_VALUE) &&
		((e->flags & LGUEST_ANY_VALUE) || e->value == args->value);
}

static int bind_ioeventfd(struct lguest *lg, const struct lguest_ioeventfd *args, struct eventfd_ctx *ctx)
{
	unsigned int i;

	for (i = 0; i < lg->nr_ioeventfds; i++)
		if (same_binding(&lg->ioeventfd[i], args))
			return -EEXIST;
	if (lg->nr_ioeventfds == LG_MAX_IOEVENTFDS)
		return -ENOSPC;
	lg->ioeventfd[lg->nr_ioeventfds++] = (struct lg_ioeventfd) {
		.addr = args->addr, .value = args->value, .flags = args->flags, .ctx = ctx,
	};
	return 0;
}

static struct eventfd_ctx *unbind_ioeventfd(struct lguest *lg, const struct lguest_ioeventfd *args)
{
	struct eventfd_ctx *ctx;
	unsigned int i;

	for (i = 0; i < lg->nr_ioeventfds; i++) {
		if (!same_binding(&lg->ioeventfd[i], args))
			continue;
		ctx = lg->ioeventfd[i].ctx;
		lg->ioeventfd[i] = lg->ioeventfd[--lg->nr_ioeventfds];
		return ctx;
	}
	return NULL;
}

/*H:490
 * The core binds the register of each queue to an eventfd, of which the device's process has a descriptor, too
 * (bind_eventfds() in core/device.c), and is out of the way from then on. Look at who holds a reference when: a
 * binding keeps the context alive, even when all descriptors are closed.
 */
/**
 * lg_ioeventfd - LGUEST_IOEVENTFD
 * @lg: the guest; its lock is held
 * @args: copied from the caller, not checked
 *
 * Return: 0, -EINVAL (also: not an eventfd), -EBADF (a closed descriptor), -EEXIST, -ENOENT, -ENOSPC.
 */
int lg_ioeventfd(struct lguest *lg, const struct lguest_ioeventfd *args)
{
	struct eventfd_ctx *ctx, *drop;
	int err = 0;

	if (args->flags & ~(LGUEST_DEASSIGN | LGUEST_ANY_VALUE))
		return -EINVAL;
	ctx = eventfd_ctx_fdget(args->fd);
	if (IS_ERR(ctx))
		return PTR_ERR(ctx);
	drop = NULL;
	spin_lock_irq(&lg->events_lock);
	if (args->flags & LGUEST_DEASSIGN) {
		drop = unbind_ioeventfd(lg, args);
		err = drop ? 0 : -ENOENT;
	} else {
		err = bind_ioeventfd(lg, args, ctx);
	}
	spin_unlock_irq(&lg->events_lock);
	if (err || drop)
		eventfd_ctx_put(ctx);
	if (drop)
		eventfd_ctx_put(drop);
	return err;
}

/*H:500
 * And here the kick leaves the module: among 256 bindings at most the right one is found and its eventfd is signalled.
 * Chapter Drivers has told the rest: the device's process wakes in its loop (backend_kicked() in devices/backend.c), and
 * reads the request from the ring by itself.
 */
/**
 * lg_notify - the guest's NOTIFY
 * @lg: the guest
 * @addr: guest-physical address of the notify register
 * @value: what was written
 *
 * Return: true when an eventfd took it.
 */
bool lg_notify(struct lguest *lg, u64 addr, u64 value)
{
	bool found = false;
	unsigned int i;

	spin_lock_irq(&lg->events_lock);
	for (i = 0; i < lg->nr_ioeventfds && !found; i++) {
		const struct lg_ioeventfd *e = &lg->ioeventfd[i];

		if (e->addr == addr && ((e->flags & LGUEST_ANY_VALUE) || e->value == value)) {
			lg_eventfd_signal(e->ctx);
			found = true;
		}
	}
	spin_unlock_irq(&lg->events_lock);
	return found;
}

/*H:520
 * The device's process has put its answer into the ring and signals the eventfd; this runs in the middle of that. It
 * takes the signal and raises the line, and lg_raise(), lg_kick() and lg_deliver_interrupt() do the rest. A request
 * has gone to its device and back without the core.
 */
/*
 * Called by whoever signals the eventfd, with its lock held and interrupts off. When the last descriptor is closed
 * (EPOLLHUP) nothing is to be done: the context lives until the binding goes.
 */
static int irqfd_wakeup(wait_queue_entry_t *wait, unsigned int mode, int sync, void *key)
{
	struct lg_irqfd *irqfd = container_of(wait, struct lg_irqfd, wait);
	u64 count;

	if (key_to_poll(key) & EPOLLIN) {
		eventfd_ctx_do_read(irqfd->ctx, &count);
		lg_raise_line(irqfd->lg, irqfd->irq);
	}
	return 0;
}

static void irqfd_queue(struct file *file, wait_queue_head_t *wqh, poll_table *pt)
{
	struct lg_irqfd *irqfd = container_of(pt, struct lg_irqfd, pt);

	irqfd->wqh = wqh;
	add_wait_queue_priority(wqh, &irqfd->wait);
}

static void free_irqfd(struct lg_irqfd *irqfd)
{
	u64 count;

	eventfd_ctx_remove_wait_queue(irqfd->ctx, &irqfd->wait, &count);
	eventfd_ctx_put(irqfd->ctx);
	kfree(irqfd);
}

static struct lg_irqfd *find_irqfd(struct lguest *lg, const struct eventfd_ctx *ctx, u32 irq)
{
	struct lg_irqfd *irqfd;

	list_for_each_entry(irqfd, &lg->irqfds, list)
		if (irqfd->ctx == ctx && irqfd->irq == irq)
			return irqfd;
	return NULL;
}

static int unbind_irqfd(struct lguest *lg, const struct eventfd_ctx *ctx, u32 irq)
{
	struct lg_irqfd *irqfd = find_irqfd(lg, ctx, irq);

	if (!irqfd)
		return -ENOENT;
	list_del(&irqfd->list);
	lg->nr_irqfds--;
	free_irqfd(irqfd);
	return 0;
}

static int bind_irqfd(struct lguest *lg, struct eventfd_ctx *ctx, struct file *file, u32 irq)
{
	struct lg_irqfd *irqfd, *other;

	/* One eventfd, one line: a second poller with priority would starve the first */
	list_for_each_entry(other, &lg->irqfds, list)
		if (other->ctx == ctx)
			return -EEXIST;
	if (lg->nr_irqfds == LG_MAX_IRQFDS)
		return -ENOSPC;
	irqfd = lg_try(kzalloc(sizeof(*irqfd), GFP_KERNEL_ACCOUNT));
	if (!irqfd)
		return -ENOMEM;
	irqfd->lg = lg;
	irqfd->irq = irq;
	irqfd->ctx = ctx;
	init_waitqueue_func_entry(&irqfd->wait, irqfd_wakeup);
	init_poll_funcptr(&irqfd->pt, irqfd_queue);
	list_add(&irqfd->list, &lg->irqfds);
	lg->nr_irqfds++;
	/* A signal from before the binding counts */
	if (vfs_poll(file, &irqfd->pt) & EPOLLIN)
		lg_raise_line(lg, irq);
	return 0;
}

/*H:510
 * The way back is bound like the way there: one eventfd, one interrupt line. The module waits on the eventfd as a
 * poller would, but with a function of its own in the place of a sleeping thread: that is the next station.
 */
/**
 * lg_irqfd - LGUEST_IRQFD
 * @lg: the guest; its lock is held
 * @args: copied from the caller, not checked
 *
 * Return: 0, -EINVAL, -EBADF, -EEXIST, -ENOENT, -ENOSPC, -ENOMEM.
 */
int lg_irqfd(struct lguest *lg, const struct lguest_irqfd *args)
{
	struct eventfd_ctx *ctx;
	struct file *file;
	int err;

	if (args->flags & ~LGUEST_DEASSIGN || args->reserved || args->irq >= LGUEST_IRQS)
		return -EINVAL;
	file = eventfd_fget(args->fd);
	if (IS_ERR(file))
		return PTR_ERR(file);
	ctx = eventfd_ctx_fileget(file);
	if (IS_ERR(ctx)) {
		err = PTR_ERR(ctx);
		goto out;
	}
	if (args->flags & LGUEST_DEASSIGN)
		err = unbind_irqfd(lg, ctx, args->irq);
	else
		err = bind_irqfd(lg, ctx, file, args->irq);
	/* A new binding keeps the reference */
	if (err || args->flags & LGUEST_DEASSIGN)
		eventfd_ctx_put(ctx);
out:
	fput(file);
	return err;
}

/** lg_free_eventfds - take all bindings away, before the vCPUs go */
void lg_free_eventfds(struct lguest *lg)
{
	struct lg_irqfd *irqfd, *next;

	list_for_each_entry_safe(irqfd, next, &lg->irqfds, list)
		free_irqfd(irqfd);
	while (lg->nr_ioeventfds)
		eventfd_ctx_put(lg->ioeventfd[--lg->nr_ioeventfds].ctx);
}
