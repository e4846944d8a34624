// SPDX-License-Identifier: GPL-2.0
/*
 * For the test host only: plays the hypervisor below it that sends asynchronous page faults. On CPU 0, every few ticks, it marks the next page
 * fault as one of those (in the kernel's own apf_reason, whose place is a parameter, from /proc/kallsyms), and every tick it says that the
 * page is there. The host's own handler does not look, since the feature is off: so only who asks the kernel takes the mark.
 */
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/timer.h>
#include <asm/kvm_para.h>

static ulong place;
module_param(place, ulong, 0444);
MODULE_PARM_DESC(place, "address of the per-CPU apf_reason");
static uint marked, taken;
module_param(marked, uint, 0444);
module_param(taken, uint, 0444);

static struct kvm_vcpu_pv_apf_data *reason;
static struct timer_list timer;

static void tick(struct timer_list *unused)
{
	static unsigned int n;

	if (reason->enabled && !reason->flags) {
		reason->enabled = 0;
		taken++;
	}
	kvm_async_pf_task_wake(~0);
	if (!reason->enabled && ++n % 4 == 0) {
		reason->flags = KVM_PV_REASON_PAGE_NOT_PRESENT;
		reason->enabled = 1;
		marked++;
	}
	timer.expires = jiffies + 1;
	add_timer_on(&timer, 0);
}

static int __init apf_init(void)
{
	if (!place)
		return -EINVAL;
	reason = per_cpu_ptr((struct kvm_vcpu_pv_apf_data __percpu *)place, 0);
	timer_setup(&timer, tick, TIMER_PINNED);
	timer.expires = jiffies + 1;
	add_timer_on(&timer, 0);
	return 0;
}

static void __exit apf_exit(void)
{
	del_timer_sync(&timer);
	reason->enabled = 0;
	reason->flags = 0;
}

module_init(apf_init);
module_exit(apf_exit);
MODULE_LICENSE("GPL");
