// SPDX-License-Identifier: GPL-2.0
/*
 * A module that uses, each once, what a module gets from the kernel by way of its own text and data: relocations, text that is
 * patched (jump labels, static calls, ftrace, kprobes, return thunks), exception and bug tables, per-CPU data, events, timers.
 * /proc/lgprobe says "ok NAME" or "FAIL NAME" for each, and where the module lies. It changes nothing of the kernel's.
 */
#include <linux/ftrace.h>
#include <linux/jump_label.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/static_call.h>
#include <linux/timer.h>
#include <linux/workqueue.h>
#include <asm/asm.h>

enum { LGPROBE_SEVEN = 7 };
#define CREATE_TRACE_POINTS
#include "trace.h"

static int given;
module_param(given, int, 0644);

static DEFINE_STATIC_KEY_FALSE(key);
static DEFINE_PER_CPU(long, counter) = 41;
static DECLARE_COMPLETION(timer_ran);
static DECLARE_COMPLETION(work_ran);

static noinline int label(void)
{
	if (static_branch_unlikely(&key))
		return 2;
	return 1;
}

static bool labels(void)
{
	int before = label(), on, off;

	static_branch_enable(&key);
	on = label();
	static_branch_disable(&key);
	off = label();
	return before == 1 && on == 2 && off == 1;
}

static int first(int x) { return x + 1; }
static int second(int x) { return x + 2; }
DEFINE_STATIC_CALL(added, first);

static bool calls(void)
{
	bool right = static_call(added)(40) == 41;

	static_call_update(added, second);
	right &= static_call(added)(40) == 42;
	static_call_update(added, first);
	return right && static_call(added)(40) == 41;
}

/* Through a table that the compiler cannot see through: a retpoline */
static int (*volatile table[2])(int) = { first, second };

static bool indirect(void)
{
	int i, sum = 0;

	for (i = 0; i < 1000; i++)
		sum += table[i & 1](i);
	return sum == 499500 + 1500;
}

/* A fault in the module's own text, which its own exception table mends */
static bool exceptions(void)
{
	unsigned long value = 1, bad = 0xffff900000000000;	/* in no mapping */

	asm volatile("1: mov (%1), %0\n"
		     "   jmp 3f\n"
		     "2: mov $77, %0\n"
		     "3:\n"
		     _ASM_EXTABLE(1b, 2b)
		     : "+r" (value) : "r" (bad) : "memory");
	return value == 77;
}

static bool percpu(void)
{
	bool right;

	get_cpu();
	this_cpu_inc(counter);
	right = this_cpu_read(counter) == 42;
	this_cpu_dec(counter);
	put_cpu();
	return right;
}

static int hits;
static noinline int target(int x)
{
	barrier();
	return x * 3;
}
/* The compiler may not know what is called: so that each call is one */
static int (*volatile call_target)(int) = target;

static int on_kprobe(struct kprobe *p, struct pt_regs *regs)
{
	hits += 1;
	return 0;
}

static bool kprobe(void)
{
	struct kprobe k = { .addr = (kprobe_opcode_t *)target, .pre_handler = on_kprobe };
	int i, right = 0;

	hits = 0;
	if (register_kprobe(&k))
		return false;
	for (i = 0; i < 50; i++)
		right += call_target(i) == 3 * i;
	unregister_kprobe(&k);
	right += call_target(5) == 15;
	return right == 51 && hits == 50;
}

static int on_return(struct kretprobe_instance *r, struct pt_regs *regs)
{
	hits += regs_return_value(regs);
	return 0;
}

static bool kretprobe(void)
{
	struct kretprobe k = { .kp.addr = (kprobe_opcode_t *)target, .handler = on_return, .maxactive = 4 };
	bool right;

	hits = 0;
	if (register_kretprobe(&k))
		return false;
	right = call_target(4) == 12;
	unregister_kretprobe(&k);
	return right && hits == 12;
}

static void notrace on_entry(unsigned long ip, unsigned long parent, struct ftrace_ops *ops, struct ftrace_regs *regs)
{
	hits += 1;
}

static bool traced(void)
{
	struct ftrace_ops ops = { .func = on_entry };
	bool right;

	hits = 0;
	if (ftrace_set_filter_ip(&ops, (unsigned long)target, 0, 0) || register_ftrace_function(&ops))
		return false;
	right = call_target(6) == 18;
	unregister_ftrace_function(&ops);
	ftrace_free_filter(&ops);
	right &= call_target(6) == 18;
	return right && hits == 1;
}

static void on_timer(struct timer_list *t) { complete(&timer_ran); }
static void on_work(struct work_struct *w) { complete(&work_ran); }

static bool callbacks(void)
{
	struct timer_list timer;
	struct work_struct work;
	bool right;

	reinit_completion(&timer_ran);
	reinit_completion(&work_ran);
	timer_setup_on_stack(&timer, on_timer, 0);
	INIT_WORK_ONSTACK(&work, on_work);
	mod_timer(&timer, jiffies + 2);
	schedule_work(&work);
	right = wait_for_completion_timeout(&timer_ran, 60 * HZ) && wait_for_completion_timeout(&work_ran, 60 * HZ);
	del_timer_sync(&timer);
	destroy_timer_on_stack(&timer);
	flush_work(&work);
	destroy_work_on_stack(&work);
	return right;
}

/* Text may not be written: the store must fault, and the exception table makes of that a result */
static bool protected(void)
{
	unsigned char *text = (unsigned char *)target;
	bool refused = false;

	asm volatile("1: movb %2, (%1)\n"
		     "   jmp 3f\n"
		     "2: movb $1, %0\n"
		     "3:\n"
		     _ASM_EXTABLE(1b, 2b)
		     : "+m" (refused) : "r" (text), "q" (*text) : "memory");
	return refused && call_target(2) == 6;
}

static const struct {
	const char *name;
	bool (*run)(void);
} checks[] = {
	{ "jump labels", labels }, { "static calls", calls }, { "indirect calls", indirect }, { "the exception table", exceptions },
	{ "per-CPU data", percpu }, { "a kprobe", kprobe }, { "a kretprobe", kretprobe }, { "ftrace", traced },
	{ "a timer and work", callbacks }, { "text that cannot be written", protected },
};

static int show(struct seq_file *m, void *unused)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(checks); i++)
		seq_printf(m, "%s %s\n", checks[i].run() ? "ok" : "FAIL", checks[i].name);
	seq_printf(m, "at %lx\ngiven %d\n", (unsigned long)target, given);
	trace_lgprobe_hit(LGPROBE_SEVEN);
	return 0;
}

/* The bug table: a warning that the kernel must find in the module, and go on behind */
static int warn(const char *value, const struct kernel_param *param)
{
	WARN(1, "lgprobe was asked to warn\n");
	return 0;
}
static const struct kernel_param_ops warn_ops = { .set = warn };
module_param_cb(warn, &warn_ops, NULL, 0200);

static int __init lgprobe_init(void)
{
	return proc_create_single("lgprobe", 0444, NULL, show) ? 0 : -ENOMEM;
}
module_init(lgprobe_init);

static void __exit lgprobe_exit(void)
{
	remove_proc_entry("lgprobe", NULL);
}
module_exit(lgprobe_exit);

MODULE_DESCRIPTION("Uses once what a module gets from the kernel");
MODULE_LICENSE("GPL");
