// SPDX-License-Identifier: GPL-2.0
/*H:540
 * Statistics: the counters of a guest, for LGUEST_GET_STATS and for people (debugfs, lguest/PID/stats and, for each vCPU, vcpus). They are read while the
 * vCPU counts, without a lock: each number is right, their sum may be a moment apart.
 */
#include <linux/atomic.h>
#include <linux/dcache.h>
#include <linux/debugfs.h>
#include <linux/mm_types.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include "dev.h"
#include "lg.h"

static const char * const names[LG_STAT_NR] = {
	[LG_STAT_EXITS] = "exits", [LG_STAT_HCALLS] = "hypercalls", [LG_STAT_ASYNC_HCALLS] = "async_hypercalls",
	[LG_STAT_HOST_IRQS] = "host_irqs", [LG_STAT_HOST_NMIS] = "host_nmis",
	[LG_STAT_SWITCHER_NMIS] = "switcher_nmis", [LG_STAT_SWITCHER_MCES] = "switcher_mces",
	[LG_STAT_SWITCHER_DBS] = "switcher_dbs", [LG_STAT_PAGE_FAULTS] = "page_faults", [LG_STAT_FILLS] = "fills",
	[LG_STAT_FILLS_AROUND] = "fills_around", [LG_STAT_HUGE_FILLS] = "huge_fills",
	[LG_STAT_SPURIOUS] = "spurious_faults", [LG_STAT_GUEST_FAULTS] = "guest_faults", [LG_STAT_LOST] = "lost",
	[LG_STAT_FLUSHES] = "flushes", [LG_STAT_ROOT_HITS] = "root_hits", [LG_STAT_ROOT_MISSES] = "root_misses",
	[LG_STAT_ASIDS] = "asids", [LG_STAT_SHADOW_PAGES] = "shadow_pages", [LG_STAT_EVICTIONS] = "evictions",
	[LG_STAT_PINNED_PAGES] = "pinned_pages", [LG_STAT_EVENTS] = "events", [LG_STAT_INTERRUPTS] = "interrupts",
	[LG_STAT_SLOW_RETURNS] = "slow_returns", [LG_STAT_HALTS] = "halts", [LG_STAT_MMIO] = "mmio",
	[LG_STAT_NOTIFIES] = "notifies", [LG_STAT_FLUSH_GLOBALS] = "flush_globals",
	[LG_STAT_KICKS] = "kicks", [LG_STAT_SPLIT_ROOTS] = "split_roots",
	[LG_STAT_TAKEN_BY_OTHERS] = "taken_by_others", [LG_STAT_IPIS] = "ipis", [LG_STAT_RELEASED_PAGES] = "released_pages",
};

static struct dentry *top;

/*H:550
 * With these numbers you can watch from outside what we have walked through: exits, fills, losses, kicks. Three of
 * them are counted by no C code at all: NMIs, machine checks and debug traps that came while the processor was
 * neither the host's nor the guest's. Where that is, and why it is safe, is the next chapter, the Switcher: lay
 * docs/switcher.md beside it.
 */
/**
 * lg_read_stats - add up what a guest's vCPUs have counted
 * @lg: the guest
 * @stats: out
 */
void lg_read_stats(struct lguest *lg, struct lguest_stats *stats)
{
	unsigned int i, s;

	memset(stats, 0, sizeof(*stats));
	for (i = 0; i < LGUEST_MAX_VCPUS; i++) {
		const struct lg_vcpu *vcpu = smp_load_acquire(&lg->vcpu[i]);

		if (!vcpu)
			continue;
		for (s = 0; s < LG_STAT_NR; s++)
			stats->value[s] += READ_ONCE(vcpu->stat[s]);
		stats->value[LG_STAT_SWITCHER_NMIS] += READ_ONCE(vcpu->sw->nmis);
		stats->value[LG_STAT_SWITCHER_MCES] += READ_ONCE(vcpu->sw->mces);
		stats->value[LG_STAT_SWITCHER_DBS] += READ_ONCE(vcpu->sw->dbs);
	}
	stats->value[LG_STAT_FLUSH_GLOBALS] = READ_ONCE(lg->flush_globals);
	stats->value[LG_STAT_SHADOW_PAGES] = READ_ONCE(lg->sp_count);
	stats->value[LG_STAT_PINNED_PAGES] = READ_ONCE(lg->pinned);
}

static int stats_show(struct seq_file *m, void *unused)
{
	struct lguest_stats *stats = kmalloc(sizeof(*stats), GFP_KERNEL);
	unsigned int i;

	if (!stats)
		return -ENOMEM;
	lg_read_stats(m->private, stats);
	for (i = 0; i < LG_STAT_NR; i++)
		seq_printf(m, "%s %llu\n", names[i], stats->value[i]);
	kfree(stats);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(stats);

/* Of each vCPU a line: its number, what its thread counted, each name before its number, and how long it had to wait for a CPU */
static int vcpus_show(struct seq_file *m, void *unused)
{
	const struct lguest *lg = m->private;
	unsigned int i, s;

	for (i = 0; i < LGUEST_MAX_VCPUS; i++) {
		const struct lg_vcpu *vcpu = smp_load_acquire(&lg->vcpu[i]);

		if (!vcpu)
			continue;
		seq_printf(m, "vcpu %u state %d steal_ns %llu", i, READ_ONCE(vcpu->state), READ_ONCE(vcpu->steal_ns));
		for (s = 0; s < LG_STAT_NR; s++)
			if (READ_ONCE(vcpu->stat[s]))
				seq_printf(m, " %s %llu", names[s], READ_ONCE(vcpu->stat[s]));
		seq_putc(m, '\n');
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(vcpus);

/**
 * lg_debugfs_add - make lguest/PID/stats and vcpus; without debugfs there are none, and nothing else changes
 * @lg: a new guest of the current process
 *
 * The file of a guest whose process is gone may still be open, and the process's number taken again: then it is PID-N.
 */
void lg_debugfs_add(struct lguest *lg)
{
	static atomic_t again;
	struct dentry *other;
	char name[32];

	snprintf(name, sizeof(name), "%d", task_tgid_nr(current));
	other = debugfs_lookup(name, top);
	if (other) {
		dput(other);
		snprintf(name, sizeof(name), "%d-%u", task_tgid_nr(current), (unsigned int)atomic_inc_return(&again));
	}
	lg->debugfs = debugfs_create_dir(name, top);
	debugfs_create_file("stats", 0400, lg->debugfs, lg, &stats_fops);
	debugfs_create_file("vcpus", 0400, lg->debugfs, lg, &vcpus_fops);
}

/** lg_debugfs_remove - take it away; waits for readers */
void lg_debugfs_remove(struct lguest *lg)
{
	debugfs_remove_recursive(lg->debugfs);
}

/** lg_debugfs_init - the module's folder */
void lg_debugfs_init(void)
{
	top = debugfs_create_dir("lguest", NULL);
}

/** lg_debugfs_exit - take it away */
void lg_debugfs_exit(void)
{
	debugfs_remove_recursive(top);
}
