// SPDX-License-Identifier: GPL-2.0
/*
 * toggle.ko: switches the scheduler's static branch for preempt notifiers on and off, rounds= times, as loading and unloading
 * lg.ko does once. Meanwhile the host is to switch tasks on the other CPU. An emulator whose translations do not follow the patching
 * hangs. For the self-tests of the host only; loading it always ends in EAGAIN.
 */
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/sched/signal.h>

static int rounds = 100;
module_param(rounds, int, 0);

static int __init toggle_init(void)
{
	int i;

	for (i = 0; i < rounds && !signal_pending(current); i++) {
		preempt_notifier_inc();
		preempt_notifier_dec();
		cond_resched();
	}
	pr_info("toggle: %d rounds\n", i);
	return -EAGAIN;
}

module_init(toggle_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("self-test of the lguest test host: patches the kernel while it runs");
