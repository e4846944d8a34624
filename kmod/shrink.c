// SPDX-License-Identifier: GPL-2.0
/*H:340
 * When the host is short of memory it asks (a shrinker), and shadow tables are a cache: any of them can go. To take them apart is
 * work of the vCPUs' threads, though, so what is asked for is noted here, and they give it back, a few tables at each turn,
 * those that are not in use first. Nothing here touches a table itself.
 */
#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/shrinker.h>
#include <linux/spinlock.h>
#include "compat.h"
#include "lg.h"

/* Tables that one turn gives back: some 100 us */
#define A_TURN	64

/* What a guest has beyond what it needs to run at all */
static unsigned long spare(const struct lguest *lg)
{
	unsigned int n = READ_ONCE(lg->sp_count);

	return n > 2 * lg->sp_target ? n - 2 * lg->sp_target : 0;
}

static unsigned long count(struct shrinker *shrinker, struct shrink_control *sc)
{
	unsigned long sum = 0;
	struct lguest *lg;

	spin_lock(&lg_guests_lock);
	list_for_each_entry(lg, &lg_guests, list)
		sum += spare(lg);
	spin_unlock(&lg_guests_lock);
	return sum;
}

/* The guest at the head of the list pays, and goes to its end. It gives when its vCPU next turns, so nothing is free yet */
static unsigned long scan(struct shrinker *shrinker, struct shrink_control *sc)
{
	struct lg_vcpu *vcpu;
	struct lguest *lg;

	spin_lock(&lg_guests_lock);
	lg = list_first_entry_or_null(&lg_guests, struct lguest, list);
	if (lg) {
		list_move_tail(&lg->list, &lg_guests);
		if (atomic_read(&lg->shrink) < spare(lg))
			atomic_add(sc->nr_to_scan, &lg->shrink);
		vcpu = smp_load_acquire(&lg->vcpu[0]);
		if (vcpu && atomic_read(&lg->shrink))
			lg_kick(vcpu);
	}
	spin_unlock(&lg_guests_lock);
	return lg ? 0 : SHRINK_STOP;
}

/**
 * lg_shrink - give back some of the tables that the host has asked for
 * @vcpu: its own thread, preemptible
 */
void lg_shrink(struct lg_vcpu *vcpu)
{
	struct lguest *lg = vcpu->lg;
	unsigned int i;
	int got;

	for (i = 0; i < A_TURN && atomic_read(&lg->shrink) > 0; i++) {
		got = lg_shadow_give_back(vcpu);
		if (got > 0)
			atomic_dec_if_positive(&lg->shrink);	/* other vCPUs give, too: all may see the last one asked for */
		else if (got && spare(lg))
			lg_shadow_evict(vcpu);
		else if (got)
			atomic_set(&lg->shrink, 0);
		cond_resched();
	}
}

static struct shrinker *shrinker;

/** lg_shrinker_init - the host may ask from now on. Return: 0 or -ENOMEM */
int lg_shrinker_init(void)
{
	shrinker = lg_register_shrinker(count, scan);
	return shrinker ? 0 : -ENOMEM;
}

/** lg_shrinker_exit - no guest is left */
void lg_shrinker_exit(void)
{
	lg_unregister_shrinker(shrinker);
}
