// SPDX-License-Identifier: GPL-2.0
/*H:332
 * Who may still use what was taken away, and how that ends. A loss is a state, not an event: an entry is cleared and a generation
 * counted up, and whoever is in the guest with an older one is stale. A flush does not ask what it has dropped itself; it brings out those
 * that are stale, and waits until they are out. Who is not in the guest is left alone: he will see the new generation.
 * It knows nothing of tables. docs/smp.md has the argument, and a model of it.
 */
#include <linux/cpumask.h>
#include <linux/preempt.h>
#include <linux/smp.h>
#include "lg.h"
#include "shadow.h"

/* The generation that @vcpu must have entered with, for @scope; 0: any will do */
static u64 limit_of(const struct lguest *lg, const struct lg_vcpu *vcpu, enum lg_scope scope, const struct lg_root *root)
{
	switch (scope) {
	case LG_SCOPE_ROOT:
		return root && vcpu->root == root ? root->gen : 0;	/* a vCPU that is parked has none */
	case LG_SCOPE_KERNEL:
		return lg->kernel_gen;
	default:
		return max(vcpu->root ? vcpu->root->gen : 0, lg->kernel_gen);
	}
}

/* The caller has stored the generations, and there was an smp_mb() since: turn() has the same two in the other order */
static bool is_stale(const struct lg_vcpu *vcpu, u64 limit)
{
	u64 where = READ_ONCE(vcpu->where);

	return where && limit && (where == LG_ENTERING || where < limit);
}

/* Under mmu_lock: is no vCPU in the guest with anything that has been lost? Then what was cut off is nobody's any more */
bool lg_nobody_stale(struct lguest *lg)
{
	unsigned int i;

	smp_mb();
	for (i = 0; i < lg->nr_vcpus; i++)
		if (is_stale(lg->vcpu[i], limit_of(lg, lg->vcpu[i], LG_SCOPE_ALL, NULL)))
			return false;
	return true;
}

/* Into vcpu->kick: the CPUs of those that are stale for @scope. Return: true when there is no one else that is stale for anything */
static bool find_stale(struct lg_vcpu *vcpu, enum lg_scope scope, const struct lg_root *root)
{
	struct lguest *lg = vcpu->lg;
	bool all = true;
	unsigned int i;

	cpumask_clear(vcpu->kick);
	smp_mb();
	for (i = 0; i < lg->nr_vcpus; i++) {
		struct lg_vcpu *v = lg->vcpu[i];

		/* If it has left meanwhile, and is in again on another CPU, then with what was stored before we looked */
		if (is_stale(v, limit_of(lg, v, scope, root)))
			cpumask_set_cpu(READ_ONCE(v->cpu), vcpu->kick);
		else if (is_stale(v, limit_of(lg, v, LG_SCOPE_ALL, NULL)))
			all = false;
	}
	return all;
}

/* What every queue's records so far have taken from: the caller's own copy of it, for publish() */
static void snapshot(struct lg_vcpu *vcpu)
{
	struct lguest *lg = vcpu->lg;
	unsigned int i;

	for (i = 0; i < lg->nr_vcpus; i++)
		vcpu->snap[i] = lg->vcpu[i]->taken;
}

/* Under mmu_lock: nobody goes by what those records took away any more, and guests need not ask for a flush of it */
static void publish(struct lg_vcpu *vcpu)
{
	struct lguest *lg = vcpu->lg;
	unsigned int i;

	for (i = 0; i < lg->nr_vcpus; i++) {
		struct lg_vcpu *v = lg->vcpu[i];

		if (v->done == vcpu->snap[i] || ((s32)(vcpu->snap[i] - v->done) < 0 && v->taken - v->done <= LGUEST_LOST_SIZE))
			continue;
		v->done = vcpu->snap[i];
		if (v->data)
			WRITE_ONCE(v->data->host_out.done, v->done);
	}
}

/* That it was taken is all: interrupts are taken outside the guest, under the host's page table */
static void out_of_guest(void *unused)
{
}

/* The only vCPU is here, and not in the guest: nobody else could be stale */
static void alone(struct lg_vcpu *vcpu)
{
	struct lguest *lg = vcpu->lg;

	if (lg->nr_zapped) {
		spin_lock(&lg->mmu_lock);
		to_cache(lg, &lg->zapped, lg->nr_zapped);
		lg->nr_zapped = 0;
		spin_unlock(&lg->mmu_lock);
	}
	if (vcpu->done == vcpu->taken || !vcpu->data)
		return;
	vcpu->done = vcpu->taken;
	WRITE_ONCE(vcpu->data->host_out.done, vcpu->done);
}

/* Those that are stale come out, each by an interrupt, and are waited for */
static noinline void bring_out(struct lg_vcpu *vcpu, enum lg_scope scope, const struct lg_root *root)
{
	struct lguest *lg = vcpu->lg;
	LIST_HEAD(pages);
	unsigned int n = 0;
	bool all;

	spin_lock(&lg->mmu_lock);
	all = find_stale(vcpu, scope, root);
	if (all && lg->nr_zapped) {
		list_splice_init(&lg->zapped, &pages);
		n = lg->nr_zapped;
		lg->nr_zapped = 0;
	}
	if (all)
		snapshot(vcpu);
	if (!cpumask_empty(vcpu->kick)) {
		spin_unlock(&lg->mmu_lock);
		lg_count(vcpu, KICKS);
		preempt_disable();
		smp_call_function_many(vcpu->kick, out_of_guest, NULL, true);
		preempt_enable();
		spin_lock(&lg->mmu_lock);
	}
	if (all)
		publish(vcpu);
	to_cache(lg, &pages, n);
	spin_unlock(&lg->mmu_lock);
}

/*H:333
 * A flush of the guest's ends here: when this returns, no vCPU uses what was lost before. See what it costs who has only one
 * vCPU: a look at itself. And see when tables that were cut off become free: when nobody at all was stale, or all who were have
 * come out.
 */
/**
 * lg_shootdown - wait until no vCPU uses what was lost
 * @vcpu: its own thread, preemptible, with no lock held
 * @scope: what the caller wants to be sure of
 * @root: for LG_SCOPE_ROOT: which
 */
void lg_shootdown(struct lg_vcpu *vcpu, enum lg_scope scope, const struct lg_root *root)
{
	if (vcpu->lg->nr_vcpus == 1)
		alone(vcpu);
	else
		bring_out(vcpu, scope, root);
}
