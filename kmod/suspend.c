// SPDX-License-Identifier: GPL-2.0
/*H:435
 * The guest reads the time without us for as long as the TSC goes on. One that the host slept through may have begun anew: below what the
 * guest has read, its clock stands still and no timer of its kernel is due until the TSC has come as far again, for as long as the host was up before. A
 * guest takes its clock once and cannot be told of another, so here it ends, with a sentence. Where the TSC went on, or was only held
 * up, nothing is done.
 */
#include <linux/list.h>
#include <linux/notifier.h>
#include <linux/percpu.h>
#include <linux/smp.h>
#include <linux/spinlock.h>
#include <linux/suspend.h>
#include <asm/msr.h>
#include <asm/tsc.h>
#include "lg.h"

/* What each CPU's TSC was before the host went to sleep; 0: not known. No CPU is compared with another's, from which it may differ */
static DEFINE_PER_CPU(u64, tsc_before);

static void remember(void *unused)
{
	this_cpu_write(tsc_before, rdtsc_ordered());
}

static void compare(void *back)
{
	if (rdtsc_ordered() < this_cpu_read(tsc_before))
		WRITE_ONCE(*(bool *)back, true);
}

static bool tsc_went_back(void)
{
	bool back = false;
	int cpu;

	on_each_cpu(compare, &back, 1);
	/* A CPU that is off when the host next goes to sleep remembers nothing then, and has nothing to be compared with */
	for_each_possible_cpu(cpu)
		per_cpu(tsc_before, cpu) = 0;
	return back;
}

/*
 * A guest that was made since the host began to go to sleep has read the old TSC, too. One that was made in the moment between the host's
 * processes going on and this could go on, but looks the same from here, and ends as well.
 */
static void end_guests(void)
{
	struct lguest *lg;

	spin_lock(&lg_guests_lock);
	list_for_each_entry(lg, &lg_guests, list)
		if (READ_ONCE(lg->reads_tsc))
			kill_guest(lg, "the host was suspended or hibernated, and its TSC, from which the guest reads the time, went back; start the guest again");
	spin_unlock(&lg_guests_lock);
}

/* Process context; the host's processes are not frozen yet, or no longer. A host that did not sleep after all is told as one that did */
static int pm_event(struct notifier_block *nb, unsigned long event, void *unused)
{
	switch (event) {
	case PM_SUSPEND_PREPARE:
	case PM_HIBERNATION_PREPARE:
	case PM_RESTORE_PREPARE:
		on_each_cpu(remember, NULL, 1);
		break;
	case PM_POST_SUSPEND:
	case PM_POST_HIBERNATION:
	case PM_POST_RESTORE:
		if (tsc_went_back())
			end_guests();
		break;
	}
	return NOTIFY_DONE;
}

static struct notifier_block pm_notifier = { .notifier_call = pm_event };

/** lg_suspend_init - hear of it when the host sleeps; before there is a guest. Return: 0 or a negative error */
int lg_suspend_init(void)
{
	return register_pm_notifier(&pm_notifier);
}

/** lg_suspend_exit - no guest is left */
void lg_suspend_exit(void)
{
	unregister_pm_notifier(&pm_notifier);
}
