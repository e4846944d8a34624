// SPDX-License-Identifier: GPL-2.0
/*H:225
 * A guest as a whole, for whoever has something to tell it: that it is over, or that a vCPU is to look. Callable from any context,
 * interrupts and the notifiers of others included, so nothing here sleeps, and it calls nothing of ours.
 */
#include <linux/list.h>
#include <linux/sched.h>
#include <linux/smp.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/wait.h>
#include <trace/events/ipi.h>
#include "compat.h"
#include "lg.h"

DEFINE_SPINLOCK(lg_guests_lock);
LIST_HEAD(lg_guests);

/** lg_enlist - a guest is one of all guests from now on */
void lg_enlist(struct lguest *lg)
{
	spin_lock(&lg_guests_lock);
	list_add_tail(&lg->list, &lg_guests);
	spin_unlock(&lg_guests_lock);
}

/** lg_delist - it goes, or never was one: nobody who looks at all guests sees it any more */
void lg_delist(struct lguest *lg)
{
	spin_lock(&lg_guests_lock);
	if (!list_empty(&lg->list))
		list_del_init(&lg->list);
	spin_unlock(&lg_guests_lock);
}

static void kick_all(struct lguest *lg)
{
	unsigned int i, n = smp_load_acquire(&lg->nr_vcpus);

	for (i = 0; i < n; i++)
		lg_kick(lg->vcpu[i]);
}

/*H:230
 * Several of these roads can end here: at a guest that did what no guest may, or that cannot go on. Only the first
 * sentence is kept; it reaches the person who started the guest as the text of LGUEST_EXIT_DEAD. The caller just
 * carries on and the loop of lg_vcpu_run() ends, so nobody needs a way back out of the depth where it was noticed.
 */
/**
 * kill_guest - the guest has done what it must not, or cannot go on
 * @lg: the guest
 * @fmt: one sentence that says what, for the person who started it
 *
 * Only the first reason is kept. It does return: the caller carries on until the next test of lg->dead. Callable from any
 * context.
 */
void kill_guest(struct lguest *lg, const char *fmt, ...)
{
	unsigned long flags;
	va_list ap;

	spin_lock_irqsave(&lg->dead_lock, flags);
	if (!lg->dead) {
		va_start(ap, fmt);
		vscnprintf(lg->reason, sizeof(lg->reason), fmt, ap);
		va_end(ap);
		smp_store_release(&lg->dead, true);
	}
	spin_unlock_irqrestore(&lg->dead_lock, flags);
	kick_all(lg);
}

/**
 * lg_shut_down - the guest has said goodbye
 * @lg: the guest
 * @code: LGUEST_SHUTDOWN_*
 * @status: its exit status
 * @text: its own words
 * @length: of them, below LGUEST_TEXT_SIZE
 *
 * Whichever vCPU said it, each thread's LGUEST_RUN returns it from now on: unless the guest was dead already.
 */
void lg_shut_down(struct lguest *lg, u32 code, u32 status, const char *text, u32 length)
{
	unsigned long flags;

	spin_lock_irqsave(&lg->dead_lock, flags);
	if (!lg->dead) {
		memcpy(lg->reason, text, length);
		lg->end.code = code;
		lg->end.status = status;
		lg->end.length = length;
		smp_store_release(&lg->dead, true);
	}
	spin_unlock_irqrestore(&lg->dead_lock, flags);
	kick_all(lg);
}

/*H:420
 * Events also come from outside: somebody raises an interrupt line (lg_raise() in events.c), perhaps on another CPU
 * while the guest runs. Here the vCPU is made to look: by an IPI, which brings it out as any interrupt does, or by
 * waking it from HALT. Compare the order with turn()'s: neither can miss the other. (A driver's kick of its device is
 * another thing: notify() in hypercalls.c.)
 */
/**
 * lg_kick - make a vCPU look at what has changed
 * @vcpu: running in the guest: an IPI brings it out; asleep in HALT: it wakes; else it will look before it enters
 */
void lg_kick(struct lg_vcpu *vcpu)
{
	/* What the caller changed, then where: turn() has the same two in the other order */
	smp_mb();
	if (READ_ONCE(vcpu->where)) {
		int cpu, me = get_cpu();	/* while this one can't be taken away, the other can't finish going offline */

		cpu = READ_ONCE(vcpu->cpu);
		if (cpu != me && cpu_online(cpu))
			smp_send_reschedule(cpu);
		put_cpu();
	} else if (wq_has_sleeper(&vcpu->wq)) {
		wake_up(&vcpu->wq);
	}
}
