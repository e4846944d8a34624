/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where the kernels that lg.ko builds for (6.1, 6.12 and 7.3) name the same thing differently. One inline each, so that no
 * other file has a version test.
 */
#ifndef LG_COMPAT_H
#define LG_COMPAT_H

#include <linux/version.h>

/*
 * Since 6.19 what the kernel exports for hypervisors is for modules of KVM's names only. Nothing of that is used from there on:
 * the FPU state is handled by what any module may use (fpu.c), an NMI is sent again, and a few lines are our own.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 19, 0)
#define LG_OWN_FPU
#define LG_OWN_NMI
#define LG_OWN_BARRIERS
#endif

#ifndef __ASSEMBLY__
#include <linux/atomic.h>
#include <linux/context_tracking.h>
#include <linux/eventfd.h>
#include <linux/ftrace.h>
#include <linux/hrtimer.h>
#include <linux/hugetlb.h>
#include <linux/irqflags.h>
#include <linux/kvm_para.h>
#include <linux/mm.h>
#include <linux/shmem_fs.h>
#include <linux/shrinker.h>
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
#include <asm/gsseg.h>
#endif
#include <asm/apic.h>
#include <asm/cpu.h>
#include <asm/prctl.h>
#include <asm/nospec-branch.h>
#include <asm/special_insns.h>
#include <asm/sync_core.h>

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 16, 0)
#define rdmsrl	rdmsrq
#define wrmsrl	wrmsrq
#define rdmsrl_safe	rdmsrq_safe
#define native_wrmsrl	native_wrmsrq
#endif

#ifndef PAGE_MAPPING_FLAGS
#define PAGE_MAPPING_FLAGS	FOLIO_MAPPING_FLAGS
#endif

/* What asks a thread to give up its CPU; since 6.13 there is a patient kind too */
#ifdef _TIF_NEED_RESCHED_LAZY
#define LG_RESCHED	(_TIF_NEED_RESCHED | _TIF_NEED_RESCHED_LAZY)
#else
#define LG_RESCHED	_TIF_NEED_RESCHED
#endif

/*
 * Interrupts of the host's, taken on its behalf, with the frame's interrupt flag as it will be: off for all of them would be plain,
 * but from 7.1 on the timer is armed again only on the way back to code that has interrupts on.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 1, 0)
#define LG_GATE_FLAGS	X86_EFLAGS_IF
#else
#define LG_GATE_FLAGS	0
#endif

void lg_call_gate(u64 address, u64 flags);

#ifdef LG_OWN_NMI
/*
 * The host's NMI, taken in its stead: it is sent to this CPU again, which finds what it was about as it would have, since all of
 * Linux's sources stay asserted until their handler has seen them. @blocked: it was an exit, and NMIs are still blocked.
 */
static inline void lg_host_nmi(bool blocked)
{
	if (blocked)
		iret_to_self();
	apic->send_IPI_mask(cpumask_of(smp_processor_id()), NMI_VECTOR);
}
#else
void asm_exc_nmi_noist(void);
void asm_exc_nmi_kvm_vmx(void);

/* The host's NMI, with NMIs still blocked when it was an exit: its own entry, as KVM calls it */
static inline void lg_host_nmi(bool blocked)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
	lg_call_gate((u64)asm_exc_nmi_kvm_vmx, 0);
#else
	lg_call_gate((u64)asm_exc_nmi_noist, 0);
#endif
}
#endif

/* Does the kernel tell all processors at once to drop translations? Then processes have PCIDs that are the same on all of them */
static inline bool lg_invlpgb(void)
{
#ifdef X86_FEATURE_INVLPGB
	return boot_cpu_has(X86_FEATURE_INVLPGB);
#else
	return false;
#endif
}

/* Is there an MSR_TSC_AUX, which RDTSCP and RDPID read? */
static inline bool lg_has_tsc_aux(void)
{
	return boot_cpu_has(X86_FEATURE_RDTSCP) || boot_cpu_has(X86_FEATURE_RDPID);
}

/* For how long the current thread has waited for a CPU, in ns, as KVM reads it */
static inline u64 lg_run_delay(void)
{
#ifdef CONFIG_SCHED_INFO
	return current->sched_info.run_delay;
#else
	return 0;
#endif
}

/* Kernels that do not know it leave it off */
#ifndef X86_FEATURE_APX
#define X86_FEATURE_APX	(21 * 32 + 9)
#endif

/* What another guest, or the launcher, trained must not steer what runs next here */
static inline void lg_branch_barrier(void)
{
#ifdef LG_OWN_BARRIERS
	void lg_write_ibpb(void);

	if (cpu_feature_enabled(X86_FEATURE_IBPB))
		lg_write_ibpb();
#else
	indirect_branch_prediction_barrier();
#endif
}

/* All of this CPU's TLB, global entries too: __flush_tlb_all() without the kernel's own. Interrupts are off */
static inline void lg_flush_tlb_here(void)
{
	unsigned long cr4 = native_read_cr4();

	asm volatile("mov %0, %%cr4" : : "r"(cr4 ^ X86_CR4_PGE) : "memory");
	asm volatile("mov %0, %%cr4" : : "r"(cr4) : "memory");
}

static inline void lg_hrtimer_init(struct hrtimer *timer, enum hrtimer_restart (*expired)(struct hrtimer *))
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
	hrtimer_setup(timer, expired, CLOCK_MONOTONIC, HRTIMER_MODE_ABS);
#else
	hrtimer_init(timer, CLOCK_MONOTONIC, HRTIMER_MODE_ABS);
	timer->function = expired;
#endif
}

static inline void lg_eventfd_signal(struct eventfd_ctx *ctx)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
	eventfd_signal(ctx);
#else
	eventfd_signal(ctx, 1);
#endif
}

/* Does the hypervisor below interrupt CPL 3 with page faults of its own? Only the kernel can take those */
static inline bool lg_async_page_faults(void)
{
	u64 enabled;

	return kvm_para_available() && !rdmsrl_safe(MSR_KVM_ASYNC_PF_EN, &enabled) &&
		(enabled & KVM_ASYNC_PF_ENABLED);
}

/* Processors (Zen 1) that forward a quotient of the kernel's to who divides by zero at CPL 3 */
static inline void lg_clear_divider(void)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
	if (!static_cpu_has_bug(X86_BUG_DIV0))
		return;
#endif
	amd_clear_divider();
}

/* Flags of an asynchronous page fault that the KVM below this host has sent, or 0; they are reset. Interrupts are off */
static inline u32 lg_apf_flags(void)
{
#ifdef LG_OWN_FPU
	return 0;	/* such hosts are refused */
#else
	return kvm_read_and_reset_apf_flags();
#endif
}

/* The hypervisor below is fetching a page that the guest touched: sleep until it says that it has it */
static inline void lg_apf_wait(u32 flags, u32 token)
{
#ifndef LG_OWN_FPU
	if (!(flags & KVM_PV_REASON_PAGE_NOT_PRESENT))
		return;
	local_irq_disable();
	kvm_async_pf_task_wait_schedule(token);
	local_irq_enable();
#endif
}

/*
 * #AC of split-lock detection: true when the host lets it go on (and has switched detection off until the thread is next scheduled);
 * false when it forbids it. From 6.19 on only KVM may ask, and the guest gets its #AC.
 */
#ifdef LG_OWN_FPU
#define LG_SPLIT_LOCKS	false
static inline bool lg_host_split_lock(u64 rip) { return false; }
#else
#define LG_SPLIT_LOCKS	true
static inline bool lg_host_split_lock(u64 rip)
{
	return handle_guest_split_lock(rip);
}
#endif

/*
 * The guest holds no reference to anything of RCU's: on a CPU without a tick (nohz_full) it is an extended quiescent state, as user mode
 * is. (On others the vCPU's loop notes one with each interrupt.) What KVM's guest_state_enter_irqoff() and its counterpart do; in
 * between, nothing that can be traced or uses RCU.
 */
static __always_inline void lg_context_enter(void)
{
	trace_hardirqs_on_prepare();
	lockdep_hardirqs_on_prepare();
	context_tracking_guest_enter();
	lockdep_hardirqs_on(CALLER_ADDR0);
}

static __always_inline void lg_context_exit(void)
{
	lockdep_hardirqs_off(CALLER_ADDR0);
	context_tracking_guest_exit();
	trace_hardirqs_off_finish();
}

/* Does the thread have a shadow stack? The guest would push to it */
static inline bool lg_has_shadow_stack(void)
{
#ifdef CONFIG_X86_USER_SHADOW_STACK
	return current->thread.features & ARCH_SHSTK_SHSTK;
#else
	return false;
#endif
}

/* Pages of memory that a file system has no say in */
static inline bool lg_is_shmem(struct address_space *mapping)
{
	return shmem_mapping(mapping);
}

static inline bool lg_memory_only(struct vm_area_struct *vma)
{
	return is_vm_hugetlb_page(vma) || (vma->vm_file && lg_is_shmem(vma->vm_file->f_mapping));
}

typedef unsigned long (*lg_shrink_fn)(struct shrinker *shrinker, struct shrink_control *sc);

static inline struct shrinker *lg_register_shrinker(lg_shrink_fn count, lg_shrink_fn scan)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
	struct shrinker *shrinker = shrinker_alloc(0, "lguest");

	if (!shrinker)
		return NULL;
	shrinker->count_objects = count;
	shrinker->scan_objects = scan;
	shrinker_register(shrinker);
	return shrinker;
#else
	static struct shrinker shrinker = { .seeks = DEFAULT_SEEKS };

	shrinker.count_objects = count;
	shrinker.scan_objects = scan;
	return register_shrinker(&shrinker, "lguest") ? NULL : &shrinker;
#endif
}

static inline void lg_unregister_shrinker(struct shrinker *shrinker)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
	shrinker_free(shrinker);
#else
	unregister_shrinker(shrinker);
#endif
}

#endif /* __ASSEMBLY__ */
#endif
