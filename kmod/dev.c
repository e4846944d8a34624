// SPDX-License-Identifier: GPL-2.0
/*H:100
 * /dev/lguest: one open file is one guest. Every request is an ioctl with a struct of fixed size, copied in whole, whose
 * reserved fields must be zero; only the process that made the guest may make them. What a request does is
 * elsewhere; here it is only let in or not.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include "dev.h"
#include "lg.h"

/* Shadow pages a guest may have unless it asks for a number: 64 MiB of tables map far more than a guest has */
#define DEFAULT_SHADOW_PAGES	16384
#define MIN_SHADOW_PAGES	128
#define MAX_SHADOW_PAGES	262144

static int lg_open(struct inode *inode, struct file *file)
{
	struct lguest *lg = kvzalloc(sizeof(*lg), GFP_KERNEL_ACCOUNT);

	if (!lg)
		return -ENOMEM;
	mutex_init(&lg->lock);
	spin_lock_init(&lg->events_lock);
	spin_lock_init(&lg->dead_lock);
	INIT_LIST_HEAD(&lg->irqfds);
	file->private_data = lg;
	return 0;
}

static int lg_release(struct inode *inode, struct file *file)
{
	struct lguest *lg = file->private_data;
	unsigned int i;

	lg_debugfs_remove(lg);
	lg_free_eventfds(lg);
	lg_unmap_switcher(lg);
	for (i = 0; i < LGUEST_MAX_VCPUS; i++)
		if (lg->vcpu[i])
			lg_vcpu_free(lg->vcpu[i]);
	lg_shadow_exit(lg);
	lg_free_regions(lg);
	/* Only the page table was needed until here: holding mm_users would have kept the process's memory alive */
	if (lg->mm)
		mmdrop(lg->mm);
	kvfree(lg);
	return 0;
}

static long create(struct lguest *lg, void __user *argp)
{
	struct lguest_create args;
	int err;

	if (copy_from_user(&args, argp, sizeof(args)))
		return -EFAULT;
	if (args.flags || memchr_inv(args.reserved, 0, sizeof(args.reserved)) || args.shadow_pages > MAX_SHADOW_PAGES ||
	    (args.shadow_pages && args.shadow_pages < MIN_SHADOW_PAGES))
		return -EINVAL;
	if (lg->mm)
		return -EEXIST;
	lg->mm = current->mm;
	mmgrab(lg->mm);
	lg->sp_max = args.shadow_pages ?: DEFAULT_SHADOW_PAGES;
	err = lg_map_switcher(lg);
	if (!err)
		err = lg_shadow_init(lg);
	if (err) {
		lg_unmap_switcher(lg);
		lg_shadow_exit(lg);
		mmdrop(lg->mm);
		lg->mm = NULL;
		return err;
	}
	lg_debugfs_add(lg);
	return 0;
}

static long add_region(struct lguest *lg, void __user *argp)
{
	struct lguest_memory_region args;

	if (copy_from_user(&args, argp, sizeof(args)))
		return -EFAULT;
	return lg_add_region(lg, &args);
}

static long create_vcpu(struct lguest *lg, void __user *argp)
{
	struct lguest_vcpu args;

	if (copy_from_user(&args, argp, sizeof(args)))
		return -EFAULT;
	if (args.flags || memchr_inv(args.reserved, 0, sizeof(args.reserved)))
		return -EINVAL;
	if (args.id >= LGUEST_MAX_VCPUS)
		return -E2BIG;
	return lg_vcpu_create(lg, args.id);
}

static struct lg_vcpu *find_vcpu(struct lguest *lg, u32 id)
{
	return id < LGUEST_MAX_VCPUS ? smp_load_acquire(&lg->vcpu[id]) : NULL;
}

/* A vCPU's own mutex, not the guest's: other requests go on while it runs */
static long run(struct lguest *lg, void __user *argp)
{
	struct lguest_run *args;
	struct lg_vcpu *vcpu;
	u32 id;
	long err;

	if (get_user(id, (u32 __user *)argp))
		return -EFAULT;
	vcpu = find_vcpu(lg, id);
	if (!vcpu)
		return -EINVAL;
	args = kzalloc(sizeof(*args), GFP_KERNEL_ACCOUNT);
	if (!args)
		return -ENOMEM;
	args->vcpu = id;
	err = -EBUSY;
	if (mutex_trylock(&vcpu->mutex)) {
		err = lg_vcpu_run(vcpu, args);
		mutex_unlock(&vcpu->mutex);
	}
	if (!err && copy_to_user(argp, args, sizeof(*args)))
		err = -EFAULT;
	kfree(args);
	return err;
}

/* Registers in the two structs, in the same order */
static void copy_gprs(struct lguest_regs *r, struct lg_switch *sw, bool to_guest)
{
	struct { u64 *a, *b; } pair[] = {
		{ &r->rax, &sw->rax }, { &r->rbx, &sw->rbx }, { &r->rcx, &sw->rcx }, { &r->rdx, &sw->rdx },
		{ &r->rsi, &sw->rsi }, { &r->rdi, &sw->rdi }, { &r->rbp, &sw->rbp }, { &r->rsp, &sw->rsp },
		{ &r->r8, &sw->r8 }, { &r->r9, &sw->r9 }, { &r->r10, &sw->r10 }, { &r->r11, &sw->r11 },
		{ &r->r12, &sw->r12 }, { &r->r13, &sw->r13 }, { &r->r14, &sw->r14 }, { &r->r15, &sw->r15 },
		{ &r->rip, &sw->rip }, { &r->gsbase, &sw->gsbase }, { &r->kernel_gsbase, &sw->kernel_gsbase },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(pair); i++) {
		if (to_guest)
			*pair[i].b = *pair[i].a;
		else
			*pair[i].a = *pair[i].b;
	}
}

static void read_regs(struct lg_vcpu *vcpu, struct lguest_regs *r)
{
	copy_gprs(r, vcpu->sw, false);
	r->rflags = vcpu->sw->rflags;
	r->mode = vcpu->sw->mode;
	r->fsbase = vcpu->guest_fsbase;
	r->cr3 = vcpu->root ? vcpu->root->low->gfn << PAGE_SHIFT : 0;
}

static long write_regs(struct lg_vcpu *vcpu, struct lguest_regs *r)
{
	if (memchr_inv(r->reserved, 0, sizeof(r->reserved)) || r->mode > 1 || !lg_canonical48(r->rip) ||
	    !lg_canonical48(r->gsbase) || !lg_canonical48(r->kernel_gsbase) || !lg_canonical48(r->fsbase) ||
	    r->cr3 & ~0x000ffffffffff000ULL)
		return -EINVAL;
	if (lg_set_root(vcpu, r->cr3))
		return -ENOMEM;
	copy_gprs(r, vcpu->sw, true);
	vcpu->sw->rflags = (r->rflags & (SW_USER_FLAGS | X86_EFLAGS_TF)) | 0x202;
	vcpu->sw->mode = r->mode;
	vcpu->guest_fsbase = r->fsbase;
	return 0;
}

static long regs(struct lguest *lg, void __user *argp, bool write)
{
	struct lguest_regs r;
	struct lg_vcpu *vcpu;
	long err = 0;

	if (copy_from_user(&r, argp, sizeof(r)))
		return -EFAULT;
	vcpu = find_vcpu(lg, r.vcpu);
	if (!vcpu)
		return -EINVAL;
	if (!mutex_trylock(&vcpu->mutex))
		return -EBUSY;
	if (write) {
		err = write_regs(vcpu, &r);
	} else {
		memset(&r, 0, sizeof(r));
		r.vcpu = vcpu->id;
		read_regs(vcpu, &r);
	}
	mutex_unlock(&vcpu->mutex);
	if (!write && copy_to_user(argp, &r, sizeof(r)))
		return -EFAULT;
	return err;
}

static long ioeventfd(struct lguest *lg, void __user *argp)
{
	struct lguest_ioeventfd args;

	return copy_from_user(&args, argp, sizeof(args)) ? -EFAULT : lg_ioeventfd(lg, &args);
}

static long irqfd(struct lguest *lg, void __user *argp)
{
	struct lguest_irqfd args;

	return copy_from_user(&args, argp, sizeof(args)) ? -EFAULT : lg_irqfd(lg, &args);
}

static long interrupt(struct lguest *lg, unsigned long irq)
{
	struct lg_vcpu *vcpu = find_vcpu(lg, 0);

	if (irq >= LGUEST_IRQS || !vcpu)
		return -EINVAL;
	lg_raise(vcpu, irq);
	return 0;
}

static long get_stats(struct lguest *lg, void __user *argp)
{
	struct lguest_stats stats;

	lg_read_stats(lg, &stats);
	return copy_to_user(argp, &stats, sizeof(stats)) ? -EFAULT : 0;
}

static long kill(struct lguest *lg, void __user *argp)
{
	struct lguest_kill args;

	if (copy_from_user(&args, argp, sizeof(args)))
		return -EFAULT;
	if (strnlen(args.text, sizeof(args.text)) == sizeof(args.text))
		return -EINVAL;
	kill_guest(lg, "%s", args.text);
	return 0;
}

static long locked_ioctl(struct lguest *lg, unsigned int cmd, unsigned long arg)
{
	void __user *argp = (void __user *)arg;

	switch (cmd) {
	case LGUEST_CREATE:
		return create(lg, argp);
	case LGUEST_ADD_MEMORY:
		return add_region(lg, argp);
	case LGUEST_CREATE_VCPU:
		return create_vcpu(lg, argp);
	case LGUEST_IOEVENTFD:
		return ioeventfd(lg, argp);
	case LGUEST_IRQFD:
		return irqfd(lg, argp);
	case LGUEST_GET_STATS:
		return get_stats(lg, argp);
	default:
		return -ENOTTY;
	}
}

static long lg_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct lguest *lg = file->private_data;
	void __user *argp = (void __user *)arg;
	struct mm_struct *mm;
	long err;

	if (cmd == LGUEST_GET_API_VERSION)
		return LGUEST_API_VERSION;
	mm = READ_ONCE(lg->mm);
	if (mm != current->mm && (mm || cmd != LGUEST_CREATE))
		return mm ? -EPERM : -EINVAL;
	switch (cmd) {
	case LGUEST_RUN:
		return run(lg, argp);
	case LGUEST_GET_REGS:
	case LGUEST_SET_REGS:
		return regs(lg, argp, cmd == LGUEST_SET_REGS);
	case LGUEST_INTERRUPT:
		return interrupt(lg, arg);
	case LGUEST_KILL:
		return kill(lg, argp);
	}
	if (mutex_lock_interruptible(&lg->lock))
		return -ERESTARTSYS;
	err = locked_ioctl(lg, cmd, arg);
	mutex_unlock(&lg->lock);
	return err;
}

static const struct file_operations lg_fops = {
	.owner = THIS_MODULE,
	.open = lg_open,
	.release = lg_release,
	.unlocked_ioctl = lg_ioctl,
	.llseek = noop_llseek,
};

struct miscdevice lg_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "lguest",
	.fops = &lg_fops,
	.mode = 0600,
};
