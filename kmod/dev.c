// SPDX-License-Identifier: GPL-2.0
/*H:100
 * /dev/lguest: one open file is one guest. Every request is an ioctl with a struct of fixed size, copied in whole, whose
 * reserved fields must be zero; only the process that made the guest may make them. This file
 * admits or refuses requests; each subject's own file carries them out.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mmu_notifier.h>
#include <linux/module.h>
#include <linux/sched/user.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include "dev.h"
#include "lg.h"

/* Shadow pages a guest may have unless it asks for a number: 64 MiB of tables map far more than a guest has */
#define DEFAULT_SHADOW_PAGES	16384U
#define MIN_SHADOW_PAGES	128U
#define MAX_SHADOW_PAGES	262144U

static unsigned int max_shadow_pages = MAX_SHADOW_PAGES;
module_param(max_shadow_pages, uint, 0644);
MODULE_PARM_DESC(max_shadow_pages, "the most pages of shadow tables that a new guest gets, whatever its process asks for, but 128 and 64 for each further vCPU");

static int lg_open(struct inode *inode, struct file *file)
{
	struct lguest *lg = lg_try(kvzalloc(sizeof(*lg), GFP_KERNEL_ACCOUNT));

	if (!lg)
		return -ENOMEM;
	mutex_init(&lg->lock);
	spin_lock_init(&lg->events_lock);
	spin_lock_init(&lg->dead_lock);
	spin_lock_init(&lg->mmu_lock);
	mutex_init(&lg->pin_lock);
	mutex_init(&lg->gone_lock);
	INIT_LIST_HEAD(&lg->irqfds);
	INIT_LIST_HEAD(&lg->list);
	file->private_data = lg;
	return 0;
}

/*H:530
 * All that lives has an end, and this is the guest's, however it comes about. Look at the order: no thread can run it
 * any more, then nobody who looks at all guests (the host's shrinker) sees it, then the switcher's slot goes, then the shadow tables, and the
 * memory which they map goes last. (Where does a dead role go? Not here: the module does not know roles. role_died()
 * in run/supervise.c has it.)
 */
/*
 * The memory map of the process that made the guest goes away: it ends, executes another program or is killed for want of
 * memory; or the file is closed. No thread can be in LGUEST_RUN, nor come there again. What the guest holds of
 * the process goes now, although somebody else may hold the file for ever. Both may happen at once, and the notifier then
 * calls this from two threads, each of which frees what it holds on to when it is back: the second waits, and finds nothing left.
 */
static void process_gone(struct mmu_notifier *notifier, struct mm_struct *mm)
{
	struct lguest *lg = container_of(notifier, struct lguest, notifier);

	mutex_lock(&lg->gone_lock);
	kill_guest(lg, "the process that made the guest is gone");
	lg_delist(lg);
	lg_unmap_switcher(lg, mm);
	lg_shadow_exit(lg);
	lg_free_regions(lg, mm);
	mutex_unlock(&lg->gone_lock);
}

static const struct mmu_notifier_ops notifier_ops = { .release = process_gone };

static int lg_release(struct inode *inode, struct file *file)
{
	struct lguest *lg = file->private_data;
	unsigned int i;

	lg_debugfs_remove(lg);
	lg_free_eventfds(lg);
	/* Calls process_gone(), unless that is over; where the process ends meanwhile it runs there, too, and is waited for */
	if (lg->mm)
		mmu_notifier_unregister(&lg->notifier, lg->mm);
	for (i = 0; i < LGUEST_MAX_VCPUS; i++)
		if (lg->vcpu[i])
			lg_vcpu_free(lg->vcpu[i]);
	if (lg->user)
		free_uid(lg->user);
	kvfree(lg);
	return 0;
}

/* Nobody knows the guest until this has succeeded: lg->mm is what lets requests in, and is set last */
static int make_guest(struct lguest *lg, unsigned int shadow_pages)
{
	struct mm_struct *mm = current->mm;
	int err;

	lg->notifier.ops = &notifier_ops;
	err = lg_fail() ? -ENOMEM : mmu_notifier_register(&lg->notifier, mm);
	if (err)
		return err;
	lg->sp_max = shadow_pages;
	err = lg_shadow_init(lg);
	if (!err)
		err = lg_map_switcher(lg, mm);
	if (err) {
		mmu_notifier_unregister(&lg->notifier, mm);	/* process_gone() takes back what there is */
		return err;
	}
	lg->user = get_uid(current_user());
	lg_debugfs_add(lg);
	lg_enlist(lg);
	smp_store_release(&lg->mm, mm);
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
	args.shadow_pages = min(args.shadow_pages ?: DEFAULT_SHADOW_PAGES, clamp(max_shadow_pages, MIN_SHADOW_PAGES, MAX_SHADOW_PAGES));
	if (lg->mm)
		return -EEXIST;
	if (lg->failed)
		return -EIO;
	err = make_guest(lg, args.shadow_pages);
	/* A signal came before anything was made: not a failure */
	if (err == -EINTR)
		return -ERESTARTNOINTR;
	lg->failed = err;
	return err;
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
	if (lg->started)
		return -EBUSY;
	if (args.id < lg->nr_vcpus)
		return -EEXIST;
	if (args.id > lg->nr_vcpus)
		return -EINVAL;
	/* Each needs some tables at the same time as the others */
	lg->sp_max = max(lg->sp_max, MIN_SHADOW_PAGES + 64 * args.id);
	lg->sp_target = LG_CACHE_PAGES + LG_CACHE_VCPU * args.id;
	return lg_vcpu_create(lg, args.id);
}

static struct lg_vcpu *find_vcpu(struct lguest *lg, u32 id)
{
	return id < LGUEST_MAX_VCPUS ? smp_load_acquire(&lg->vcpu[id]) : NULL;
}

/* From now on there are no more vCPUs than there are: nobody who looks at all of them needs a lock */
static int first_run(struct lguest *lg)
{
	if (smp_load_acquire(&lg->started))
		return 0;
	if (mutex_lock_interruptible(&lg->lock))
		return -ERESTARTSYS;
	smp_store_release(&lg->started, true);
	mutex_unlock(&lg->lock);
	return 0;
}

/* A vCPU's own mutex, not the guest's: other requests go on while it runs */
static long run(struct lguest *lg, void __user *argp)
{
	struct lguest_run *args;
	struct lg_vcpu *vcpu;
	struct lguest_run __user *user = argp;
	u32 id, flags, reserved;
	long err;

	if (get_user(id, &user->vcpu) || get_user(flags, &user->flags) || get_user(reserved, &user->reserved))
		return -EFAULT;
	if (flags || reserved)
		return -EINVAL;
	vcpu = find_vcpu(lg, id);
	if (!vcpu)
		return -EINVAL;
	err = first_run(lg);
	if (err)
		return err;
	args = lg_try(kzalloc(sizeof(*args), GFP_KERNEL_ACCOUNT));
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

/* A host with five levels lets any program of the guest load a base of 57 bits: what the guest has already it keeps, or a load of a register would end it */
static bool may_be_base(u64 base, u64 now)
{
	return base == now || lg_canonical48(base);
}

static long write_regs(struct lg_vcpu *vcpu, struct lguest_regs *r)
{
	if (memchr_inv(r->reserved, 0, sizeof(r->reserved)) || r->mode > 1 || !lg_canonical48(r->rip) ||
	    !may_be_base(r->gsbase, vcpu->sw->gsbase) || !may_be_base(r->kernel_gsbase, vcpu->sw->kernel_gsbase) ||
	    !may_be_base(r->fsbase, vcpu->guest_fsbase) || r->cr3 & ~0x000ffffffffff000ULL)
		return -EINVAL;
	/* One that is being started by another vCPU is not to be had */
	if (vcpu->state != LG_RUNNING && !lg_claim(vcpu))
		return -EBUSY;
	if (lg_set_root(vcpu, r->cr3)) {
		if (vcpu->state == LG_CLAIMED)
			smp_store_release(&vcpu->state, LG_PARKED);
		return -ENOMEM;
	}
	copy_gprs(r, vcpu->sw, true);
	vcpu->sw->rflags = (r->rflags & (SW_USER_FLAGS | X86_EFLAGS_TF)) | GUEST_FLAGS;
	vcpu->sw->mode = r->mode;
	vcpu->guest_fsbase = r->fsbase;
	if (vcpu->state == LG_CLAIMED) {
		vcpu->halted = false;
		smp_store_release(&vcpu->state, LG_RUNNING);
	}
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
	} else if (memchr_inv(r.reserved, 0, sizeof(r.reserved))) {
		err = -EINVAL;
	} else {
		memset(&r, 0, sizeof(r));
		r.vcpu = vcpu->id;
		read_regs(vcpu, &r);
	}
	mutex_unlock(&vcpu->mutex);
	if (!err && !write && copy_to_user(argp, &r, sizeof(r)))
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
	if (irq >= LGUEST_IRQS || !find_vcpu(lg, 0))
		return -EINVAL;
	lg_raise_line(lg, irq);
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

/* Whether the caller may make this request. What lg->mm points to is never looked at here */
static int admit(const struct lguest *lg, unsigned int cmd)
{
	const struct mm_struct *mm = smp_load_acquire(&lg->mm);

	if (mm == current->mm || (!mm && cmd == LGUEST_CREATE))
		return 0;
	return mm ? -EPERM : -EINVAL;
}

/*H:110
 * The Launcher has opened the device, and here each of its requests arrives. admit(), just above, lets in CREATE as
 * long as there is no guest, and afterwards the process that made it and no other, whoever else holds the descriptor.
 * RUN is the request that lasts; it holds its vCPU's mutex, not the guest's lock, so that others go on beside it.
 * First we follow those that furnish a guest.
 */
static long lg_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct lguest *lg = file->private_data;
	void __user *argp = (void __user *)arg;
	long err;

	if (cmd == LGUEST_GET_API_VERSION)
		return LGUEST_API_VERSION;
	/* These do without the lock: once a guest is made it stays so */
	err = admit(lg, cmd);
	switch (cmd) {
	case LGUEST_RUN:
		return err ?: run(lg, argp);
	case LGUEST_GET_REGS:
	case LGUEST_SET_REGS:
		return err ?: regs(lg, argp, cmd == LGUEST_SET_REGS);
	case LGUEST_INTERRUPT:
		return err ?: interrupt(lg, arg);
	case LGUEST_KILL:
		return err ?: kill(lg, argp);
	}
	if (mutex_lock_interruptible(&lg->lock))
		return -ERESTARTSYS;
	/* Only under the lock is it sure that no CREATE is half way */
	err = admit(lg, cmd) ?: locked_ioctl(lg, cmd, arg);
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
