// SPDX-License-Identifier: GPL-2.0
/*
 * A probe for the test host, loaded beside lg.ko: a timer on one CPU, and a real-time thread that it wakes there. How late the
 * timer comes is how long interrupts were off; how long the thread waits is how long nothing could be preempted. The worst of each is
 * a module parameter in nanoseconds; to write 0 there begins anew. It changes nothing and knows nothing of guests.
 */
#include <linux/hrtimer.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/smp.h>

static ulong irqs_off, preempt_off, cpu, period = 20000;
module_param(irqs_off, ulong, 0644);
module_param(preempt_off, ulong, 0644);
static long loud;	/* ns from which on the place is printed, for who looks for it; printing is what is measured then */
module_param(loud, long, 0644);
module_param(cpu, ulong, 0444);
module_param(period, ulong, 0444);

static struct hrtimer timer;
static struct task_struct *thread;
static u64 woken;	/* when; 0: the thread sleeps */

static enum hrtimer_restart tick(struct hrtimer *t)
{
	u64 now = ktime_get_ns();
	s64 late = now - ktime_to_ns(hrtimer_get_expires(t));

	if (late > (s64)READ_ONCE(irqs_off)) {
		WRITE_ONCE(irqs_off, late);
		if (loud && late > loud) {
			pr_info("lgprobe: interrupts were off for %lld ns until here:\n", late);
			dump_stack();
		}
	}
	if (!READ_ONCE(woken)) {
		WRITE_ONCE(woken, now);
		wake_up_process(thread);
	}
	hrtimer_forward_now(t, period);
	return HRTIMER_RESTART;
}

static int waiter(void *unused)
{
	while (!kthread_should_stop()) {
		u64 since;

		set_current_state(TASK_INTERRUPTIBLE);
		since = READ_ONCE(woken);
		if (!since) {
			schedule();
			continue;
		}
		__set_current_state(TASK_RUNNING);
		since = ktime_get_ns() - since;
		if (since > READ_ONCE(preempt_off))
			WRITE_ONCE(preempt_off, since);
		WRITE_ONCE(woken, 0);
	}
	__set_current_state(TASK_RUNNING);
	return 0;
}

static void start_timer(void *unused)
{
	hrtimer_start(&timer, ns_to_ktime(period), HRTIMER_MODE_REL_PINNED_HARD);
}

static int __init probe_init(void)
{
	thread = kthread_create_on_cpu(waiter, NULL, cpu, "lgprobe/%u");
	if (IS_ERR(thread))
		return PTR_ERR(thread);
	sched_set_fifo(thread);
	wake_up_process(thread);
	hrtimer_init(&timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_PINNED_HARD);
	timer.function = tick;
	smp_call_function_single(cpu, start_timer, NULL, 1);
	return 0;
}

static void __exit probe_exit(void)
{
	hrtimer_cancel(&timer);
	kthread_stop(thread);
}

module_init(probe_init);
module_exit(probe_exit);
MODULE_DESCRIPTION("how long interrupts and preemption are off on one CPU");
MODULE_LICENSE("GPL");
