// SPDX-License-Identifier: GPL-2.0
/*H:440
 * Hypercalls: a table of numbers, and one small function each. Arguments are in the guest's registers (or in a slot of the
 * async ring, copied before it is looked at); whatever they hold, the worst they can do is to kill their guest.
 */
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/uaccess.h>
#include <asm/desc.h>
#include <asm/fsgsbase.h>
#include <asm/pgtable.h>
#include "compat.h"
#include "lg.h"

/*
 * @call: does it; its result goes to rax
 * @flags: when it may be called
 */
struct hcall {
	s64 (*call)(struct lg_vcpu *vcpu, const u64 *arg, struct lguest_run *run);
	unsigned int flags;
};
#define BEFORE_INIT	1
#define QUEUED		2	/* may come by the async ring, where run is NULL */

static s64 flush_async(struct lg_vcpu *vcpu, const u64 *arg, struct lguest_run *run)
{
	lg_drain_lost(vcpu);
	return 0;
}

/* The part of struct lguest_data that INIT reads, in its order */
struct init_args {
	u32 abi_version;
	u32 init_flags;
	u64 syscall_entry;
	u64 event_entry_user;
	u64 event_entry_kernel;
	u64 return_to_user;
	u64 kernel_range[4][2];
};

/* What the guest says of itself only makes it earlier: the shadow tables look at each address that it uses */
static void choose_flush_globals(struct lg_vcpu *vcpu, const struct init_args *d)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(d->kernel_range); i++) {
		u64 start = max(d->kernel_range[i][0], KERNEL_START), end = d->kernel_range[i][1];

		if (end > start && lg_overlaps_host(start, end - 1, false))
			lg_flush_globals(vcpu);
	}
}

/*
 * A Linux with several CPUs moves its boot CPU's data, this page with it, once: out of its image, before it starts another CPU. Until
 * one has been started nobody else looks at the page.
 */
static bool may_move(const struct lg_vcpu *vcpu)
{
	unsigned int i;

	for (i = 0; i < LGUEST_MAX_VCPUS; i++) {
		const struct lg_vcpu *v = READ_ONCE(vcpu->lg->vcpu[i]);

		if (v && v != vcpu && smp_load_acquire(&v->data))
			return false;
	}
	return true;
}

/* The page is the guest's, which may release it: held, it stays memory of nobody else's */
static struct page *hold_page(struct lguest *lg, gfn_t gfn)
{
	struct page *page;

	spin_lock(&lg->mmu_lock);
	page = lg_page(lg, gfn);
	if (page)
		get_page(page);
	spin_unlock(&lg->mmu_lock);
	return page;
}

/*
 * The switcher's area shows it from now on. The one before is let go, and may be released, when nobody, guest or host, can have it in a TLB
 * any more, nor another vCPU's thread be looking at the queue in it. One that is held already is held once
 */
static void keep_page(struct lg_vcpu *vcpu, struct page *page)
{
	struct page *old = vcpu->data_page;

	lg_map_data(vcpu, page);
	if (old && old != page) {
		lg_flush_all(vcpu);
		lg_shootdown(vcpu, LG_SCOPE_ALL, NULL);
		lg_flush_host(vcpu->lg->mm);
		if (vcpu->lg->nr_vcpus > 1)
			synchronize_rcu();	/* those who hold mmu_lock, too */
	}
	WRITE_ONCE(vcpu->data_page, page);
	if (old)
		put_page(old);
}

/**
 * lg_drop_data - the page that a vCPU shared with its guest is held no longer
 * @vcpu: it never runs again, and slot 256 is gone
 */
void lg_drop_data(struct lg_vcpu *vcpu)
{
	if (vcpu->data_page)
		put_page(vcpu->data_page);
	vcpu->data_page = NULL;
}

/* For each move processors of the host drop their TLB, those that run others too: a Linux needs one move, and nobody so many */
#define MOST_MOVES	1000

static bool may_init(struct lg_vcpu *vcpu, u64 pa, bool moved)
{
	if (!moved)
		return true;
	if (!may_move(vcpu))
		kill_guest(vcpu->lg, "LHCALL_LGUEST_INIT with %#llx, another page than the first time", pa);
	else if (++vcpu->moves > MOST_MOVES)
		kill_guest(vcpu->lg, "LHCALL_LGUEST_INIT has moved a vCPU's page more than %u times", MOST_MOVES);
	else
		return true;
	return false;
}

/* Copied, then checked */
static bool read_init(struct lguest *lg, const struct lguest_data *data, struct init_args *d)
{
	BUILD_BUG_ON(sizeof(*d) != offsetof(struct lguest_data, reserved1) - offsetof(struct lguest_data, abi_version));
	memcpy(d, (const u8 *)data + offsetof(struct lguest_data, abi_version), sizeof(*d));
	barrier();
	if (d->abi_version != LGUEST_ABI_VERSION || d->init_flags) {
		kill_guest(lg, "the guest wants ABI version %u, this host has %u", d->abi_version, LGUEST_ABI_VERSION);
		return false;
	}
	if (!lg_canonical48(d->syscall_entry) || !lg_canonical48(d->event_entry_user) ||
	    !lg_canonical48(d->event_entry_kernel) || !lg_canonical48(d->return_to_user)) {
		kill_guest(lg, "LHCALL_LGUEST_INIT with an entry address that is not canonical");
		return false;
	}
	return true;
}

/* What this host can do, and what this guest's core lets it */
static u64 host_features(const struct lguest *lg)
{
	u64 features = lg_has_tsc_aux() ? LG_HOST_TSC_AUX : 0;
	unsigned int i, n = smp_load_acquire(&lg->nr_regions);

	for (i = 0; i < n; i++)
		if (lg->region[i].flags & LGUEST_MEM_RELEASE)
			features |= LG_HOST_RELEASE;
	return features;
}

/*H:460
 * This is the call that makes most others possible. The guest names the page that it is going to share with us, and
 * in it the addresses where it wants to be continued. The page is pinned, what is read from it is copied and then
 * checked, and the switcher's area shows it as well: from here on system calls can go from the guest's user mode to
 * its kernel without the host.
 */
static s64 lguest_init(struct lg_vcpu *vcpu, const u64 *arg, struct lguest_run *run)
{
	struct lguest *lg = vcpu->lg;
	struct lguest_data *data;
	struct init_args d;
	struct page *page;
	bool moved;

	/* A vCPU that was stopped and is started again says it again, with the same page */
	if (arg[0] & ~PAGE_MASK || lg_pin(vcpu, arg[0] >> PAGE_SHIFT)) {
		kill_guest(lg, "LHCALL_LGUEST_INIT with bad address %#llx", arg[0]);
		return -EINVAL;
	}
	page = hold_page(lg, arg[0] >> PAGE_SHIFT);
	if (!page)
		return -EFAULT;
	data = page_address(page);
	moved = vcpu->data && vcpu->data != data;
	if (!may_init(vcpu, arg[0], moved) || !read_init(lg, data, &d)) {
		put_page(page);
		return -EINVAL;
	}
	choose_flush_globals(vcpu, &d);
	data->reserve_start = SWITCHER_START;
	data->reserve_end = HOLE_START;
	data->host_features = host_features(lg);
	data->vcpu_id = vcpu->id;
	data->nr_vcpus = lg->nr_vcpus;
	data->host_out.preempted = 0;
	spin_lock(&lg->mmu_lock);
	data->host_out.taken = vcpu->taken;
	data->host_out.done = vcpu->done;
	spin_unlock(&lg->mmu_lock);
	/* A page of zeros is a ring full of ready slots */
	memset(data->hcall_status, LHCALL_RING_FREE, sizeof(data->hcall_status));
	smp_store_release(&vcpu->data, data);
	vcpu->ring_next = 0;
	lg_fill_time(vcpu);
	keep_page(vcpu, page);
	vcpu->sw->syscall_entry = d.syscall_entry;
	vcpu->sw->return_to_user = d.return_to_user;
	vcpu->entry_user = d.event_entry_user;
	vcpu->entry_kernel = d.event_entry_kernel;
	vcpu->sw->no_direct = 0;
	return 0;
}

/* Text from the guest into the answer to LGUEST_RUN, bounded and terminated */
static void copy_text(struct lg_vcpu *vcpu, struct lguest_run *run, gpa_t gpa, u64 len)
{
	run->length = min_t(u64, len, sizeof(run->text) - 1);
	if (run->length && lg_read_guest(vcpu, run->text, gpa, run->length))
		kill_guest(vcpu->lg, "text at %#llx is not in guest memory", gpa);
	run->text[run->length] = '\0';
}

static s64 shutdown(struct lg_vcpu *vcpu, const u64 *arg, struct lguest_run *run)
{
	run->reason = LGUEST_EXIT_SHUTDOWN;
	run->code = arg[2];
	run->status = arg[3] & 0xff;
	copy_text(vcpu, run, arg[0], arg[1]);
	if (arg[2] < LGUEST_SHUTDOWN_POWEROFF || arg[2] > LGUEST_SHUTDOWN_CRASH) {
		kill_guest(vcpu->lg, "LHCALL_SHUTDOWN with unknown reason %llu", arg[2]);
		run->reason = 0;
	} else {
		lg_shut_down(vcpu->lg, run->code, run->status, run->text, run->length);
	}
	vcpu->stop = true;
	return 0;
}

static s64 print(struct lg_vcpu *vcpu, const u64 *arg, struct lguest_run *run)
{
	run->reason = LGUEST_EXIT_PRINT;
	copy_text(vcpu, run, arg[0], arg[1]);
	vcpu->stop = true;
	return 0;
}

/*M:120
 * A context switch of the guest comes all the way to this function. When nothing was lost and the root is cached, it
 * comes to little more than other values in two words of struct lg_switch, cr3[0] and cr3[1], and the switcher could
 * do so itself if it had the values of a few roots. It would have to look at lost_in.head first: with a loss in the
 * queue the way must still lead here.
 */
static s64 new_pgtable(struct lg_vcpu *vcpu, const u64 *arg, struct lguest_run *run)
{
	lg_drain_lost(vcpu);
	if (!lg_find_region(vcpu->lg, arg[0] >> PAGE_SHIFT)) {
		kill_guest(vcpu->lg, "LHCALL_NEW_PGTABLE with %#llx, which is not in guest memory", arg[0]);
		return -EFAULT;
	}
	if (lg_set_root(vcpu, arg[0])) {
		kill_guest(vcpu->lg, "no memory for shadow tables");
		return -ENOMEM;
	}
	return 0;
}

static s64 flush_tlb(struct lg_vcpu *vcpu, const u64 *arg, struct lguest_run *run)
{
	lg_drain_lost(vcpu);
	if (arg[0] == LG_FLUSH_USER)
		lg_flush_user(vcpu);
	else if (arg[0] == LG_FLUSH_ALL)
		lg_flush_all(vcpu);
	else if (arg[0] > LG_FLUSH_KERNEL)
		return -EINVAL;
	if (arg[0] == LG_FLUSH_MM)
		lg_flush_mm(vcpu, arg[1]);
	else
		lg_shootdown(vcpu, arg[0] == LG_FLUSH_KERNEL ? LG_SCOPE_KERNEL : LG_SCOPE_ALL, NULL);
	return 0;
}

static s64 flush_range(struct lg_vcpu *vcpu, const u64 *arg, struct lguest_run *run)
{
	lg_drain_lost(vcpu);
	lg_flush_range(vcpu, arg[0], arg[1]);
	lg_shootdown(vcpu, LG_SCOPE_ALL, NULL);
	return 0;
}

static s64 drop_pgtable(struct lg_vcpu *vcpu, const u64 *arg, struct lguest_run *run)
{
	lg_drain_lost(vcpu);
	lg_drop_root(vcpu, arg[0]);
	return 0;
}

static s64 set_clockevent(struct lg_vcpu *vcpu, const u64 *arg, struct lguest_run *run)
{
	lg_set_clockevent(vcpu, arg[0]);
	return 0;
}

static s64 halt_vcpu(struct lg_vcpu *vcpu, const u64 *arg, struct lguest_run *run)
{
	if (arg[0] & ~(u64)LG_HALT_WAIT)
		return -EINVAL;
	vcpu->halt_wait = arg[0] & LG_HALT_WAIT;
	if (!vcpu->halt_wait)
		WRITE_ONCE(vcpu->data->irq_enabled, LGUEST_FLAG_IF);
	vcpu->halted = true;
	return 0;
}

/*H:465
 * The guest has several processors, and one of them starts another: it names where that begins, as a real one names an address
 * to a starting processor. The other's thread has been asleep in LGUEST_RUN since the core called it (park() in events.c); only
 * that thread touches its registers, so what is to be in them is left for it here.
 */
static s64 vcpu_up(struct lg_vcpu *vcpu, const u64 *arg, struct lguest_run *run)
{
	struct lguest *lg = vcpu->lg;
	struct lguest_vcpu_start start;
	struct lg_vcpu *other;

	if (arg[0] >= lg->nr_vcpus || lg_read_guest(vcpu, &start, arg[1], sizeof(start)))
		return -EINVAL;
	if (!lg_canonical48(start.rip) || !lg_canonical48(start.gsbase) || !lg_find_region(lg, start.cr3 >> PAGE_SHIFT))
		return -EINVAL;
	other = lg->vcpu[array_index_nospec(arg[0], LGUEST_MAX_VCPUS)];
	if (!lg_claim(other))
		return -EBUSY;
	other->start = start;
	smp_store_release(&other->state, LG_STARTING);
	lg_kick(other);
	return 0;
}

/* This one has no address space from now on, and no timer; devices' lines that are pending are vCPU 0's, its own stay so */
static s64 vcpu_down(struct lg_vcpu *vcpu, const u64 *arg, struct lguest_run *run)
{
	lg_set_clockevent(vcpu, 0);
	lg_leave_root(vcpu);
	vcpu->halted = true;
	smp_store_release(&vcpu->state, LG_PARKED);
	if (vcpu->id)
		lg_hand_over(vcpu);
	return 0;
}

static s64 send_ipi(struct lg_vcpu *vcpu, const u64 *arg, struct lguest_run *run)
{
	struct lguest *lg = vcpu->lg;
	unsigned int i;

	if (arg[1] >= LGUEST_IRQS)
		return -EINVAL;
	for (i = 0; i < lg->nr_vcpus; i++) {
		if (!(arg[0] >> i & 1))
			continue;
		lg_count(vcpu, IPIS);
		lg_raise(lg->vcpu[i], arg[1]);
	}
	return 0;
}

/* What is pending moves along. What is raised at this moment may still come to where the line was: an edge is never lost */
static s64 route_irq(struct lg_vcpu *vcpu, const u64 *arg, struct lguest_run *run)
{
	struct lguest *lg = vcpu->lg;
	struct lg_vcpu *old;
	u64 bit;

	if (arg[0] < LGUEST_IRQ_DEVICE || arg[0] >= LGUEST_IRQS || arg[1] >= lg->nr_vcpus)
		return -EINVAL;
	bit = 1ULL << arg[0];
	old = lg->vcpu[xchg(&lg->route[array_index_nospec(arg[0], LGUEST_IRQS)], (u8)arg[1])];
	if (old != lg->vcpu[array_index_nospec(arg[1], LGUEST_MAX_VCPUS)] && atomic64_fetch_andnot(bit, &old->pending) & bit)
		lg_raise_line(lg, arg[0]);
	return 0;
}

static s64 release(struct lg_vcpu *vcpu, const u64 *arg, struct lguest_run *run)
{
	s64 err = lg_release_memory(vcpu, arg[0], arg[1], run->range);

	if (err)
		return err;
	run->reason = LGUEST_EXIT_RELEASE;
	run->length = arg[1];
	vcpu->stop = true;
	return 0;
}

/* What it is for happens on the way back in */
static s64 send_interrupts(struct lg_vcpu *vcpu, const u64 *arg, struct lguest_run *run)
{
	return 0;
}

/*H:470
 * Where does a kick go? Here first: a driver has put a request into its ring and calls NOTIFY with the address of the
 * device's register. If an eventfd is bound to that address and value, lg_notify() signals it: that wakes the
 * device's process, and the guest goes on, no one else asked. If there is none, the core gets the kick as
 * LGUEST_EXIT_NOTIFY (one that came by the async ring is lost).
 */
static s64 notify(struct lg_vcpu *vcpu, const u64 *arg, struct lguest_run *run)
{
	lg_count(vcpu, NOTIFIES);
	if (lg_notify(vcpu->lg, arg[0], arg[1]))
		return 0;
	if (!run)
		return -ENOENT;
	run->reason = LGUEST_EXIT_NOTIFY;
	run->addr = arg[0];
	run->value = arg[1];
	vcpu->stop = true;
	return 0;
}

static s64 set_kernel_gs(struct lg_vcpu *vcpu, const u64 *arg, struct lguest_run *run)
{
	if (!lg_canonical48(arg[0]))
		return -EINVAL;
	vcpu->sw->kernel_gsbase = arg[0];
	vcpu->sw->gsbase = arg[0];
	return 0;
}

/*
 * Load a selector as the user's GS and say what base it gives. The only ones that a guest has are NULL, the flat ones and its TLS
 * entries; loading any other faults in asm_load_gs_index(), which then loads 0.
 */
static s64 load_gs(struct lg_vcpu *vcpu, const u64 *arg, struct lguest_run *run)
{
	u64 base, host;
	unsigned long flags;

	preempt_disable();
	local_irq_save(flags);
	rdmsrl(MSR_KERNEL_GS_BASE, host);
	/* Some AMD processors leave the base as it is when the selector is null: the launcher's must not be it */
	wrmsrl(MSR_KERNEL_GS_BASE, 0);
	asm_load_gs_index((u16)arg[0] | 3);
	rdmsrl(MSR_KERNEL_GS_BASE, base);
	wrmsrl(MSR_KERNEL_GS_BASE, host);
	local_irq_restore(flags);
	preempt_enable();
	return base;
}

/*
 * A TLS descriptor that user code may load: what set_thread_area() lets through (data, 32-bit, DPL 3, present), or empty. With A set:
 * the processor would set it when the selector is loaded, and the GDT is mapped read-only.
 */
static bool good_tls(u64 raw, struct desc_struct *desc)
{
	memcpy(desc, &raw, sizeof(raw));
	desc->type |= !!raw;
	return !raw || (desc->s && desc->dpl == 3 && desc->p && desc->d && !desc->l && !(desc->type & 8));
}

static s64 load_tls(struct lg_vcpu *vcpu, const u64 *arg, struct lguest_run *run)
{
	struct desc_struct tls[3], *gdt;
	unsigned int i;

	for (i = 0; i < 3; i++)
		if (!good_tls(arg[i], &tls[i]))
			return -EINVAL;
	preempt_disable();
	memcpy(vcpu->tls, tls, sizeof(tls));
	gdt = get_cpu_gdt_rw(smp_processor_id());
	memcpy(gdt + GDT_ENTRY_TLS_MIN, tls, sizeof(tls));
	preempt_enable();
	return 0;
}

static const struct hcall hcalls[LHCALL_NR] = {
	[LHCALL_FLUSH_ASYNC]	= { flush_async },
	[LHCALL_LGUEST_INIT]	= { lguest_init, BEFORE_INIT },
	[LHCALL_SHUTDOWN]	= { shutdown, BEFORE_INIT },
	[LHCALL_NEW_PGTABLE]	= { new_pgtable, BEFORE_INIT },
	[LHCALL_FLUSH_TLB]	= { flush_tlb, QUEUED },
	[LHCALL_FLUSH_RANGE]	= { flush_range, QUEUED },
	[LHCALL_DROP_PGTABLE]	= { drop_pgtable, QUEUED },
	[LHCALL_SET_CLOCKEVENT]	= { set_clockevent, QUEUED },
	[LHCALL_HALT]		= { halt_vcpu },
	[LHCALL_SEND_INTERRUPTS] = { send_interrupts },
	[LHCALL_NOTIFY]		= { notify, QUEUED },
	[LHCALL_SET_KERNEL_GS]	= { set_kernel_gs, BEFORE_INIT },
	[LHCALL_LOAD_GS]	= { load_gs },
	[LHCALL_LOAD_TLS]	= { load_tls, QUEUED },
	[LHCALL_PRINT]		= { print, BEFORE_INIT },
	[LHCALL_VCPU_UP]	= { vcpu_up },
	[LHCALL_VCPU_DOWN]	= { vcpu_down },
	[LHCALL_SEND_IPI]	= { send_ipi, QUEUED },
	[LHCALL_ROUTE_IRQ]	= { route_irq, QUEUED },
	[LHCALL_RELEASE]	= { release },
};

static const struct hcall *find_hcall(u64 nr)
{
	const struct hcall *h = nr < LHCALL_NR ? &hcalls[array_index_nospec(nr, LHCALL_NR)] : NULL;

	return h && h->call ? h : NULL;
}

/* Slots are run in the order in which the guest filled them, from where the last run stopped, each copied once */
static void run_ring(struct lg_vcpu *vcpu)
{
	struct lguest_data *data = vcpu->data;
	unsigned int n;

	for (n = 0; n < LHCALL_RING_SIZE; n++) {
		unsigned int i = vcpu->ring_next;
		const struct hcall *h;
		u64 nr, arg[4];

		if (READ_ONCE(data->hcall_status[i]) != LHCALL_RING_READY)
			return;
		smp_rmb();
		nr = READ_ONCE(data->hcalls[i].nr);
		memcpy(arg, data->hcalls[i].arg, sizeof(arg));
		barrier();
		vcpu->ring_next = (i + 1) % LHCALL_RING_SIZE;
		h = find_hcall(nr);
		if (!h || !(h->flags & QUEUED)) {
			kill_guest(vcpu->lg, "hypercall %llu cannot be queued", nr);
			return;
		}
		lg_count(vcpu, ASYNC_HCALLS);
		h->call(vcpu, arg, NULL);
		WRITE_ONCE(data->hcall_status[i], LHCALL_RING_FREE);
	}
}

/*H:450
 * Until now we saw what the guest is given; this is what it asks for. It executed SYSCALL in its kernel mode, which
 * handle_exit() knows as TRAP_HCALL. Calls that it has queued are run first, in their order, then this one. The table
 * above says which may be queued and which may come before INIT; a call that wants LGUEST_RUN to return sets stop.
 */
/**
 * lg_hypercall - the guest kernel executed SYSCALL
 * @vcpu: its registers are in vcpu->sw
 * @run: the answer to LGUEST_RUN, when the call ends it by vcpu->stop
 */
void lg_hypercall(struct lg_vcpu *vcpu, struct lguest_run *run)
{
	struct lg_switch *sw = vcpu->sw;
	const struct hcall *h = find_hcall(sw->rax);
	u64 arg[4] = { sw->rdi, sw->rsi, sw->rdx, sw->r10 };

	lg_count(vcpu, HCALLS);
	if (!vcpu->data && h && !(h->flags & BEFORE_INIT)) {
		kill_guest(vcpu->lg, "hypercall %llu before LHCALL_LGUEST_INIT", sw->rax);
		return;
	}
	if (vcpu->data && READ_ONCE(vcpu->data->hcall_status[vcpu->ring_next]) == LHCALL_RING_READY)
		run_ring(vcpu);
	sw->rax = h ? h->call(vcpu, arg, run) : -ENOSYS;
}
