// SPDX-License-Identifier: GPL-2.0
/*
 * spin.ko: hangs the test host for good: every CPU spins with interrupts off. For the self-tests of the host's limits only.
 */
#include <linux/module.h>
#include <linux/smp.h>

static void spin_here(void *unused)
{
	local_irq_disable();
	for (;;)
		cpu_relax();
}

static int __init spin_init(void)
{
	on_each_cpu(spin_here, NULL, 0);
	return 0;
}

module_init(spin_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("self-test of the lguest test host: a host that hangs");
