// SPDX-License-Identifier: GPL-2.0
/*H:150
 * A vCPU runs on the thread that calls LGUEST_RUN, as a process runs on its: the host schedules it, and interrupts
 * go to the host first. Two layers of state go with it. While the thread is in LGUEST_RUN (and scheduled: the preempt notifier
 * sees to that) the system-call MSRs, selectors and FS base are the guest's ("loaded"); only between
 * lg_enter() and its return are the page table, GS base and IDT.
 */
#include <linux/hw_breakpoint.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/vtime.h>
#include <asm/debugreg.h>
#include <asm/desc.h>
#include <asm/fsgsbase.h>
#include <asm/mce.h>
#include <asm/msr.h>
#include <asm/nospec-branch.h>
#include <asm/pkru.h>
#include <asm/tlbflush.h>
#include <asm/trap_pf.h>
#include <asm/trapnr.h>
#include "compat.h"
#include "lg.h"

static DEFINE_PER_CPU(struct lg_vcpu *, last_vcpu);

/* ---- Loaded state ---- */

static const u32 msr_index[LG_MSRS] = {
	MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_SYSCALL_MASK, MSR_IA32_SYSENTER_CS, MSR_TSC_AUX,
};

#define SYSCALL_MASK (X86_EFLAGS_CF | X86_EFLAGS_PF | X86_EFLAGS_AF | X86_EFLAGS_ZF | X86_EFLAGS_SF | \
	X86_EFLAGS_TF | X86_EFLAGS_IF | X86_EFLAGS_DF | X86_EFLAGS_OF | X86_EFLAGS_IOPL | X86_EFLAGS_NT | \
	X86_EFLAGS_RF | X86_EFLAGS_AC | X86_EFLAGS_ID)

/*
 * Where KVM can run it reads and writes these registers from interrupts, as the host's (6.1: when its first machine starts and its
 * last one ends; all kernels: at a reboot). So there, whenever interrupts are on, they are the host's: the guest has its own only between
 * enter()'s two ends. Where KVM cannot run (a cloud instance), a write may be an exit to the hypervisor, and
 * they stay the guest's as long as the vCPU is loaded. EFER is not among them: nothing of it has to change.
 */
static __always_inline bool msrs_at_each_entry(void)
{
	return cpu_feature_enabled(X86_FEATURE_VMX) || cpu_feature_enabled(X86_FEATURE_SVM);
}

static void read_host_msrs(struct lg_vcpu *vcpu)
{
	unsigned int i;

	for (i = 0; i < LG_MSRS; i++)
		if (i != LG_MSR_TSC_AUX || lg_has_tsc_aux())	/* else 0, as the guest's */
			vcpu->host_msr[i] = native_read_msr(msr_index[i]);
	vcpu->host_msrs_known = true;
}

static __always_inline void write_msr(const u64 want[LG_MSRS], const u64 have[LG_MSRS], unsigned int i)
{
	if (want[i] != have[i])
		native_wrmsrl(msr_index[i], want[i]);
}

/*
 * The values that are not the same on the other side; no tracepoint here, since RCU may not be looking. Not a loop: this is done twice
 * with each exit
 */
static void write_msrs(const u64 want[LG_MSRS], const u64 have[LG_MSRS])
{
	BUILD_BUG_ON(LG_MSRS != 6);
	write_msr(want, have, LG_MSR_STAR);
	write_msr(want, have, LG_MSR_LSTAR);
	write_msr(want, have, LG_MSR_CSTAR);
	write_msr(want, have, LG_MSR_SFMASK);
	write_msr(want, have, LG_MSR_SYSENTER_CS);
	write_msr(want, have, LG_MSR_TSC_AUX);
}

static void init_guest_msrs(struct lg_vcpu *vcpu)
{
	vcpu->guest_msr[LG_MSR_STAR] = (u64)__USER32_CS << 48 | (u64)__KERNEL_CS << 32;
	vcpu->guest_msr[LG_MSR_LSTAR] = lg_switcher_addr(vcpu, lg_syscall);
	vcpu->guest_msr[LG_MSR_CSTAR] = lg_switcher_addr(vcpu, lg_cstar);
	vcpu->guest_msr[LG_MSR_SFMASK] = SYSCALL_MASK;
	vcpu->guest_msr[LG_MSR_SYSENTER_CS] = 0;	/* SYSENTER is #GP */
	/* What the vDSO takes for node and CPU: a program that counts by it must find the guest's */
	if (lg_has_tsc_aux())
		vcpu->guest_msr[LG_MSR_TSC_AUX] = vcpu->id;
}

static void save_selectors(u16 sel[4])
{
	savesegment(ds, sel[0]);
	savesegment(es, sel[1]);
	savesegment(fs, sel[2]);
	savesegment(gs, sel[3]);
}

/*
 * Loading a selector that is not what it was may fault (the guest's TLS entries go with the vCPU, the host's with the
 * thread): loadsegment() then loads 0. GS is loaded by the kernel's own helper, which keeps the active base, and clobbers
 * the inactive one (user space's), so that is written again.
 */
static void load_selectors(const u16 want[4], const u16 have[4])
{
	if (want[0] != have[0])
		loadsegment(ds, want[0]);
	if (want[1] != have[1])
		loadsegment(es, want[1]);
	if (want[2] != have[2])
		loadsegment(fs, want[2]);
	if (want[3] != have[3]) {
		unsigned long flags;
		u64 base;

		local_irq_save(flags);
		rdmsrl(MSR_KERNEL_GS_BASE, base);
		asm_load_gs_index(want[3]);
		wrmsrl(MSR_KERNEL_GS_BASE, base);
		local_irq_restore(flags);
	}
}

static void load_tls(const struct desc_struct *tls)
{
	struct desc_struct *gdt = get_cpu_gdt_rw(smp_processor_id());
	unsigned int i;

	for (i = 0; i < GDT_ENTRY_TLS_ENTRIES; i++)
		gdt[GDT_ENTRY_TLS_MIN + i] = tls[i];
}

/*H:170
 * This is the first of the two layers: what the kernel does not use while it works for this thread is the guest's
 * from the first turn to the last. When the scheduler takes the CPU away, sched_out() below puts the host's values
 * back, and sched_in() comes here again, perhaps on another CPU. If another guest's vCPU was loaded here last, the
 * branch predictors are made to forget it.
 */
static void vcpu_load(struct lg_vcpu *vcpu)
{
	u16 now[4];

	vcpu->cpu = smp_processor_id();
	lg_take_asid(vcpu);
	if (this_cpu_read(last_vcpu) != vcpu) {
		this_cpu_write(last_vcpu, vcpu);
		/* What another guest trained must not steer this one */
		lg_branch_barrier();
	}
	/* On this CPU KVM may have left a guest's in them until user space is next seen: read when that is known not to be so */
	vcpu->host_msrs_known = false;
	if (!msrs_at_each_entry()) {
		read_host_msrs(vcpu);
		write_msrs(vcpu->guest_msr, vcpu->host_msr);
	}
	save_selectors(vcpu->host_sel);
	store_idt((struct desc_ptr *)&vcpu->sw->host_idtr);
	vcpu->host_fsbase = rdfsbase();
	load_tls(vcpu->tls);
	load_selectors(vcpu->guest_sel, vcpu->host_sel);
	save_selectors(now);
	memcpy(vcpu->guest_sel, now, sizeof(now));
	wrfsbase(vcpu->guest_fsbase);
	vcpu->loaded = true;
}

/*
 * Guest and launcher share a privilege level, so the predictors too, on all processors and in virtual machines: what the guest has
 * trained must not steer a thread of the launcher that comes next here. The kernel's own barrier (VMSCAPE) is for some processors and bare metal.
 */
static void forget_training(struct lg_vcpu *vcpu)
{
	if (!vcpu->trained)
		return;
	vcpu->trained = false;
	lg_branch_barrier();
}

static void vcpu_put(struct lg_vcpu *vcpu)
{
	vcpu->loaded = false;
	vcpu->guest_fsbase = rdfsbase();
	save_selectors(vcpu->guest_sel);
	load_tls(current->thread.tls_array);
	load_selectors(vcpu->host_sel, vcpu->guest_sel);
	wrfsbase(vcpu->host_fsbase);
	if (!msrs_at_each_entry())
		write_msrs(vcpu->host_msr, vcpu->guest_msr);
	forget_training(vcpu);
}

/* For how long the thread wanted to run and did not: the guest takes it for time that was stolen */
static void count_steal(struct lg_vcpu *vcpu)
{
	u64 now = lg_run_delay();

	WRITE_ONCE(vcpu->data->host_out.steal_ns, vcpu->steal_ns += now - vcpu->run_delay);
	vcpu->run_delay = now;
	WRITE_ONCE(vcpu->data->host_out.preempted, 0);
}

static void sched_in(struct preempt_notifier *pn, int cpu)
{
	struct lg_vcpu *vcpu = container_of(pn, struct lg_vcpu, notifier);

	vcpu_load(vcpu);
	if (vcpu->data)
		count_steal(vcpu);
}

static void sched_out(struct preempt_notifier *pn, struct task_struct *next)
{
	struct lg_vcpu *vcpu = container_of(pn, struct lg_vcpu, notifier);

	/* It would go on: whoever waits for a lock that it holds had better sleep */
	if (vcpu->data && READ_ONCE(current->__state) == TASK_RUNNING)
		WRITE_ONCE(vcpu->data->host_out.preempted, 1);
	vcpu_put(vcpu);
}

static struct preempt_ops preempt_ops = { .sched_in = sched_in, .sched_out = sched_out };

/* ---- In and out ---- */

static void host_gate(u64 vector)
{
	struct desc_ptr idt;

	store_idt(&idt);
	lg_call_gate(gate_offset((gate_desc *)idt.address + vector), LG_GATE_FLAGS);
	if (LG_GATE_FLAGS)
		local_irq_disable();
}

static void host_machine_check(void)
{
#ifdef CONFIG_X86_MCE
	struct pt_regs regs = { .cs = 3, .flags = X86_EFLAGS_IF };

	do_machine_check(&regs);
#endif
}

/* NMI and #MC that came inside the switcher. (At once with an NMI of the guest's there can only be a #MC: NMIs are blocked since) */
static noinline void switcher_events(struct lg_switch *sw)
{
	if (sw->mce_pending) {
		sw->mce_pending = 0;
		host_machine_check();
	}
	if (sw->nmi_pending) {
		sw->nmi_pending = 0;
		lg_host_nmi(false);
	}
}

/*H:210
 * The guest is out again and interrupts are still off. If it was an interrupt, an NMI or a machine check that brought
 * it out, the processor has told nobody but the switcher yet. So the host's own handler is called here, much as the
 * processor would have called it. The guest has no part in it: the next turn goes on where this one was interrupted.
 */
/*
 * What came for the host while the guest ran. Interrupts are off since. An interrupt's handler comes last: it may run
 * softirqs for milliseconds, and until somebody has looked at a machine check a second one would shut the processor down.
 */
static void host_events(struct lg_vcpu *vcpu)
{
	u64 trapnum = vcpu->sw->trapnum;

	if (unlikely(vcpu->sw->mce_pending | vcpu->sw->nmi_pending))
		switcher_events(vcpu->sw);
	if (trapnum >= FIRST_EXTERNAL_VECTOR && trapnum < 256) {
		lg_count(vcpu, HOST_IRQS);
		host_gate(trapnum);
		/*
		 * A tick that comes while preemption is off finds no quiescent state, and comes so whenever the guest
		 * computes: without this the host's grace periods would wait for it. Nothing of RCU's is held here. At each
		 * fourth, which is soon enough for a grace period and costs the others nothing.
		 */
		if (!(vcpu->stat[LG_STAT_HOST_IRQS] % 4))
			rcu_note_context_switch(false);
	} else if (trapnum == X86_TRAP_NMI) {
		lg_count(vcpu, HOST_NMIS);
		lg_host_nmi(true);
	} else if (trapnum == X86_TRAP_MC) {
		host_machine_check();
	}
}

/* What says why it left, and would be lost or misread when something else of the host's runs first */
static noinline void read_cause(struct lg_vcpu *vcpu)
{
	u64 xfd_err;

	switch (vcpu->sw->trapnum) {
	case X86_TRAP_DB:
		get_debugreg(vcpu->dr6, 6);
		set_debugreg(DR6_RESERVED, 6);
		return;
	case X86_TRAP_NM:
		if (!cpu_feature_enabled(X86_FEATURE_XFD))
			return;
		rdmsrl(MSR_IA32_XFD_ERR, xfd_err);
		if (xfd_err)
			wrmsrl(MSR_IA32_XFD_ERR, 0);
	}
}

/*
 * Branch tracing to a buffer that only the host's page tables have, and stepping by branches of whoever traces the launcher: not for the
 * guest. (Buffers of ordinary events are in the cpu_entry_area, which the guest's tables have.)
 */
static u64 stop_branch_tracing(void)
{
	u64 debugctl;

	if (!(cpu_feature_enabled(X86_FEATURE_BTS) && !cpu_feature_enabled(X86_FEATURE_PTI)) && !test_thread_flag(TIF_BLOCKSTEP))
		return 0;
	rdmsrl(MSR_IA32_DEBUGCTLMSR, debugctl);
	if (!(debugctl & (DEBUGCTLMSR_BTF | DEBUGCTLMSR_TR | DEBUGCTLMSR_BTS)))
		return 0;
	wrmsrl(MSR_IA32_DEBUGCTLMSR, 0);
	return debugctl;
}

/* What some processors need between the kernel and anything at CPL 3 */
static void before_guest(void)
{
#ifdef X86_FEATURE_IBPB_EXIT_TO_USER
	/* Another hypervisor's guest was here, and user space has not been seen since */
	if (cpu_feature_enabled(X86_FEATURE_IBPB_EXIT_TO_USER) && this_cpu_read(x86_ibpb_exit_to_user)) {
		lg_branch_barrier();
		this_cpu_write(x86_ibpb_exit_to_user, false);
	}
#endif
	lg_clear_divider();
}

/*H:200
 * Interrupts are off and the second layer begins: what must be the guest's, or nobody's, only while it really runs.
 * lg_enter(), in the middle, is the crossing. Believe for now that it returns with trapnum saying why the guest came
 * out; the next chapter is about nothing else. What else tells the cause (CR2, DR6) is read at once, before anything
 * of the host's can overwrite it.
 */
static void enter(struct lg_vcpu *vcpu)
{
	struct lg_switch *sw = vcpu->sw;
	bool breakpoints = hw_breakpoint_active();
	u64 debugctl = stop_branch_tracing();
	u32 pkru = 0;

	if (breakpoints)
		set_debugreg(0, 7);
	if (cpu_feature_enabled(X86_FEATURE_OSPKE)) {
		pkru = rdpkru();
		if (pkru)
			wrpkru(0);
	}
	sw->host_cr3 = __native_read_cr3();
	if (lg_pcid)
		sw->host_cr3 |= 1ULL << 63;
	before_guest();
	vcpu->trained = true;
	if (msrs_at_each_entry()) {
		if (!vcpu->host_msrs_known)
			read_host_msrs(vcpu);
		write_msrs(vcpu->guest_msr, vcpu->host_msr);
	}
	lg_context_enter();

	lg_enter(vcpu->enter_va);

	lg_context_exit();
	if (msrs_at_each_entry())
		write_msrs(vcpu->host_msr, vcpu->guest_msr);
	if (sw->trapnum == X86_TRAP_PF) {
		vcpu->cr2 = native_read_cr2();
		/* The hypervisor below this host may have sent it: the host's next page fault must not be taken for that one */
		vcpu->apf_flags = lg_apf_flags();
	} else if (sw->trapnum == X86_TRAP_DB || sw->trapnum == X86_TRAP_NM) {
		read_cause(vcpu);
	}
	if (cpu_feature_enabled(X86_FEATURE_OSPKE) && rdpkru() != pkru)
		wrpkru(pkru);
	if (breakpoints)
		set_debugreg(this_cpu_read(cpu_dr7), 7);
	if (debugctl)
		wrmsrl(MSR_IA32_DEBUGCTLMSR, debugctl);
}

/* Interrupts are off before and after */
static void run_once(struct lg_vcpu *vcpu)
{
	lg_fpu_load();
	lg_load_cr3(vcpu);
	enter(vcpu);
	WRITE_ONCE(vcpu->where, 0);	/* the host's table is loaded: an interrupt's handler must not look like a guest that runs */
	lg_count(vcpu, EXITS);
	if (unlikely(vcpu->sw->flush) && vcpu->sw->trapnum != TRAP_ABORT)
		lg_cr3_loaded(vcpu);
	host_events(vcpu);
}

/* ---- Exits ---- */

/*H:300
 * The walk ended where the guest has no memory: at a device's registers, or nowhere. The module knows no devices and
 * decodes no instruction. It hands the core the address and the bytes of the instruction, and LGUEST_RUN returns;
 * core/decode.c is where this goes on.
 */
static void mmio_exit(struct lg_vcpu *vcpu, struct lguest_run *run, const struct lg_walk *walk, u64 error)
{
	lg_count(vcpu, MMIO);
	run->reason = LGUEST_EXIT_MMIO;
	run->addr = walk->gpa;
	run->write = !!(error & X86_PF_WRITE);
	run->rip = vcpu->sw->rip;
	run->insn_len = walk->insn_len;
	memcpy(run->insn, walk->insn, walk->insn_len);
	vcpu->stop = true;
}

/*M:130
 * A fault that is the guest's own has come out, walked the guest's tables, and goes back in, only to be told to the
 * guest. A walk in the switcher could save the crossing; but it would do in assembler, under the guest's page table,
 * all that walk_guest() checks in C. Look at docs/performance.md first, and at what such a fault costs now.
 */
static void guest_page_fault(struct lg_vcpu *vcpu, u64 va, u64 error)
{
	lg_count(vcpu, GUEST_FAULTS);
	if (vcpu->data)
		WRITE_ONCE(vcpu->data->cr2, va);
	lg_deliver_event(vcpu, X86_TRAP_PF, error);
}

/*
 * At CPL 3 only descriptor tables are read as a supervisor, and those are the host's and always there. QEMU's software emulation also takes
 * the stack of a far call, far return and IRETQ so: those are the guest's own accesses, filled and refused like others. But with SMAP
 * they are refused even when the tables allow them, again and again: then it is the program's own fault, too.
 */
static bool refused_again(struct lg_vcpu *vcpu, u64 va, u64 error)
{
	u64 rip = vcpu->sw->rip;

	if (error & X86_PF_USER || !(error & X86_PF_PROT))
		return false;
	if (vcpu->refused_va != va || vcpu->refused_rip != rip) {
		vcpu->refused_va = va;
		vcpu->refused_rip = rip;
		return false;
	}
	vcpu->refused_rip = ~0ULL;
	if (vcpu->sw->mode)
		guest_page_fault(vcpu, va, X86_PF_PROT | X86_PF_USER | (error & X86_PF_WRITE));
	else
		kill_guest(vcpu->lg, "supervisor access to %#llx (error %#llx) at %#llx: a processor does not do that at CPL 3; under QEMU without KVM boot the host without SMAP",
			   va, error, rip);
	return true;
}

/*H:240
 * Where does a page fault go? Here: the tables that the processor really walks, the shadow tables, have refused an
 * access. Either they are behind the guest's own (they are filled, and it runs again), or the guest's own refuse as
 * well (its kernel gets the fault), or no memory is there (the core gets the access), or a pin or a free table is
 * missing (we see to it and ask again). lg_shadow_fault() says which, and we go there now.
 */
static void page_fault(struct lg_vcpu *vcpu, struct lguest_run *run, u64 va)
{
	u64 error = vcpu->sw->error, spurious = vcpu->stat[LG_STAT_SPURIOUS];
	bool evicted = false;
	struct lg_walk walk;
	int err;

	if (unlikely(vcpu->apf_flags)) {
		lg_apf_wait(vcpu->apf_flags, (u32)va);
		return;
	}
	if (error & X86_PF_RSVD) {
		WARN_ONCE(1, "lguest: reserved bit in a shadow entry for %#llx\n", va);
		kill_guest(vcpu->lg, "the host's shadow table for %#llx is broken", va);
		return;
	}
	/* PKRU was the guest's doing and is 0 again now: just go back */
	if (error & X86_PF_PK)
		return;
	for (;;) {
		err = lg_shadow_short(vcpu->lg) ? lg_shadow_topup(vcpu) : 0;
		/* No memory: the guest's own tables are some, once */
		if (err == -ENOMEM && evicted)
			break;
		if (err)
			lg_shadow_evict(vcpu);
		evicted |= err == -ENOMEM;
		switch (lg_shadow_fault(vcpu, va, error, &walk)) {
		case LG_FILLED:
			if (spurious != vcpu->stat[LG_STAT_SPURIOUS])
				refused_again(vcpu, va, error);
			return;
		case LG_GUEST_FAULT:
			guest_page_fault(vcpu, va, walk.error);
			return;
		case LG_MMIO:
			mmio_exit(vcpu, run, &walk, error);
			return;
		case LG_BAD_TABLE:
			kill_guest(vcpu->lg, "the page table for %#llx is at %#llx, which is not in guest memory", va, walk.gpa);
			return;
		case LG_NEED_PIN:
			err = lg_pin(vcpu, walk.gpa >> PAGE_SHIFT);
			if (err) {
				kill_guest(vcpu->lg, "guest memory at %#llx cannot be pinned (error %d)", walk.gpa, err);
				return;
			}
			break;
		case LG_NEED_GLOBALS:
			lg_flush_globals(vcpu);
			break;
		case LG_NEED_TABLES:
		case LG_AGAIN:
			break;
		}
		if (signal_pending(current))
			return;
		cond_resched();
	}
	kill_guest(vcpu->lg, "no memory for shadow tables");
}

static void debug_trap(struct lg_vcpu *vcpu)
{
	/* Bus-lock detection (its bit is 0 when it was the cause) is the host's, for which this is a process like others */
	if (cpu_feature_enabled(X86_FEATURE_BUS_LOCK_DETECT) && !(vcpu->dr6 & DR_BUS_LOCK)) {
		pr_warn_ratelimited("lguest: %s/%d: bus lock in the guest at %#llx\n", current->comm, current->pid, vcpu->sw->rip);
		if (!(vcpu->dr6 & DR_STEP))
			return;
	}
	/* What is left is a single step, or INT1, for which DR6 has no bit: no breakpoint is armed */
	if (vcpu->data)
		WRITE_ONCE(vcpu->data->dr6, vcpu->dr6 & DR_STEP);
	lg_deliver_event(vcpu, X86_TRAP_DB, 0);
}

/* Split-lock detection is the host's: it warns and lets go on, or forbids. Who has set AC has asked for #AC. Returns true when it is settled */
static bool split_lock(struct lg_vcpu *vcpu)
{
	if (!LG_SPLIT_LOCKS || !cpu_feature_enabled(X86_FEATURE_SPLIT_LOCK_DETECT) || vcpu->sw->rflags & X86_EFLAGS_AC)
		return false;
	if (!lg_host_split_lock(vcpu->sw->rip))
		kill_guest(vcpu->lg, "split lock at %#llx, which this host forbids (split_lock_detect=)", vcpu->sw->rip);
	return true;
}

/*H:220
 * Interrupts are on again, and here all roads out of the guest meet: trapnum says which one it was. We are going to
 * follow the page fault (page_fault()), then what the guest is given (lg_deliver_event()) and what it asks for
 * (lg_hypercall()). What is none of the host's business is an exception of the guest's own and goes to its kernel.
 */
static void handle_exit(struct lg_vcpu *vcpu, struct lguest_run *run)
{
	struct lg_switch *sw = vcpu->sw;

	/* The two that come most, before the table of all */
	if (sw->trapnum == TRAP_HCALL) {
		lg_hypercall(vcpu, run);
		return;
	}
	if (sw->trapnum == X86_TRAP_PF) {
		page_fault(vcpu, run, vcpu->cr2);
		return;
	}
	switch (sw->trapnum) {
	case TRAP_SYSCALL:
		lg_slow_syscall(vcpu);
		return;
	case TRAP_RETURN:
		lg_return_to_user(vcpu);
		return;
	case TRAP_CSTAR:
		sw->rip -= 2;
		lg_deliver_event(vcpu, X86_TRAP_UD, 0);
		return;
	case TRAP_IRET:
		/* What IRETQ refuses is what the guest wanted to go on with: its own fault */
		lg_deliver_event(vcpu, X86_TRAP_GP, 0);
		return;
	case TRAP_BUG:
		/* The host is as it was; a WARN would let who finds such a fault panic hosts that panic on warnings */
		pr_err_ratelimited("lguest: BUG: vector %llu (error %#llx) in the switcher at %#llx, cr2 %#llx\n",
				   sw->fault_vec, sw->fault_error, sw->fault_rip - vcpu->sw_va, sw->fault_cr2);
		kill_guest(vcpu->lg, "fault in the switcher");
		return;
	case X86_TRAP_DB:
		debug_trap(vcpu);
		return;
	case TRAP_ABORT:
	case X86_TRAP_NMI:
	case X86_TRAP_MC:
		return;
	case FIRST_EXTERNAL_VECTOR ... 255:
		return;
	case X86_TRAP_AC:
		if (split_lock(vcpu))
			return;
		fallthrough;
	default:
		lg_deliver_event(vcpu, sw->trapnum, sw->error);
	}
}

/* ---- LGUEST_RUN ---- */

/*
 * What only the way back to user space does: signals, task work, and what other hypervisors have left in the processor until then. The
 * caller runs again afterwards
 */
#define RETURN_WORK	(_TIF_SIGPENDING | _TIF_NOTIFY_SIGNAL | _TIF_NOTIFY_RESUME | _TIF_USER_RETURN_NOTIFY)

/* What the thread must not have: the guest would have it too. Any thread of the process can make an LDT at any time */
static bool unfit_thread(void)
{
	return READ_ONCE(current->mm->context.ldt) || test_thread_flag(TIF_IO_BITMAP) || lg_has_shadow_stack();
}

static bool must_not_enter(struct lg_vcpu *vcpu)
{
	return READ_ONCE(vcpu->lg->dead) || (read_thread_flags() & (RETURN_WORK | LG_RESCHED | _TIF_IO_BITMAP)) ||
		READ_ONCE(vcpu->lg->mm->context.ldt) ||
		(unlikely(atomic64_read(&vcpu->pending)) && lg_interrupt_ready(vcpu));
}

/* Why the guest was not entered. Returns false when LGUEST_RUN is to return */
static bool host_work(struct lg_vcpu *vcpu, struct lguest_run *run)
{
	if (unfit_thread()) {
		vcpu->err = -EPERM;
		return false;
	}
	if (read_thread_flags() & RETURN_WORK) {
		run->reason = LGUEST_EXIT_SIGNAL;
		return false;
	}
	if (read_thread_flags() & LG_RESCHED)
		schedule();
	return true;
}

/*H:190
 * Now one turn. What may sleep or take long is done first: tables that the host wants back, HALT, an interrupt for
 * the guest. Then interrupts go off, we say that we are in the guest, and only after that look once more whether we
 * should be. Who has work for the vCPU leaves it first and looks at where afterwards (lg_kick() does), so one of
 * the two sees the other.
 */
/* One turn: into the guest and out, then what it came out for. Returns false when LGUEST_RUN is to return */
static bool turn(struct lg_vcpu *vcpu, struct lguest_run *run)
{
	if (unlikely(atomic_read(&vcpu->lg->shrink)))
		lg_shrink(vcpu);
	if (unlikely(vcpu->halted)) {
		lg_halt(vcpu);
		if (vcpu->halted)
			return host_work(vcpu, run);
	}
	if (unlikely(lg_interrupt_work(vcpu)))
		lg_deliver_interrupt(vcpu);

	preempt_disable();
	lg_fpu_begin(&vcpu->fpu);
	local_irq_disable();
	/* where first, then the last look: who raises a line after the look sees where and sends an IPI */
	WRITE_ONCE(vcpu->where, LG_ENTERING);
	smp_mb();
	if (unlikely(must_not_enter(vcpu))) {
		WRITE_ONCE(vcpu->where, 0);
		local_irq_enable();
		lg_fpu_end(&vcpu->fpu);
		preempt_enable();
		return host_work(vcpu, run);
	}
	vtime_account_guest_enter();
	run_once(vcpu);
	vtime_account_guest_exit();
	local_irq_enable();
	lg_fpu_end(&vcpu->fpu);
	preempt_enable();

	handle_exit(vcpu, run);
	return !vcpu->stop;
}

/* The guest is no more: what each thread's LGUEST_RUN says from now on */
static void tell_end(const struct lguest *lg, struct lguest_run *run)
{
	if (lg->end.code) {
		run->reason = LGUEST_EXIT_SHUTDOWN;
		run->code = lg->end.code;
		run->status = lg->end.status;
		run->length = lg->end.length;
		memcpy(run->text, lg->reason, run->length);
		run->text[run->length] = '\0';
		return;
	}
	run->reason = LGUEST_EXIT_DEAD;
	strscpy(run->text, lg->reason, sizeof(run->text));
	run->length = strlen(run->text);
}

/*H:160
 * The guest is furnished and the core calls LGUEST_RUN: its thread stays in this function until the core has to do
 * something, a signal is due, or the guest is dead. Around the loop the vCPU is loaded, which we look at next. The
 * loop itself is one line: a turn, and another, until one of them was the last.
 */
/**
 * lg_vcpu_run - LGUEST_RUN
 * @vcpu: not running; its mutex is held
 * @run: zeroed but for the vCPU number
 *
 * A vCPU that has not been started sleeps in here until it is.
 * Return: 0 with run->reason; -EPERM when the thread has an LDT, I/O ports or a shadow stack; -EINVAL before vCPU 0 has a root.
 */
int lg_vcpu_run(struct lg_vcpu *vcpu, struct lguest_run *run)
{
	struct lguest *lg = vcpu->lg;

	if (unfit_thread())
		return -EPERM;
	if (vcpu->state == LG_RUNNING && !vcpu->root)
		return -EINVAL;
	vcpu->stop = false;
	vcpu->err = 0;
	vcpu->run_delay = lg_run_delay();	/* the thread may be another than last time */
	preempt_disable();
	preempt_notifier_register(&vcpu->notifier);
	vcpu_load(vcpu);
	preempt_enable();
	lg_fpu_run(&vcpu->fpu, true);

	while (!READ_ONCE(lg->dead) && turn(vcpu, run))
		;

	lg_fpu_run(&vcpu->fpu, false);
	preempt_disable();
	vcpu_put(vcpu);
	preempt_notifier_unregister(&vcpu->notifier);
	preempt_enable();
	if (smp_load_acquire(&lg->dead))
		tell_end(lg, run);
	return vcpu->err;
}

static void free_vcpu(struct lg_vcpu *vcpu)
{
	lg_fpu_free(&vcpu->fpu);
	lg_vcpu_unmap(vcpu);
	free_cpumask_var(vcpu->kick);
	kfree(vcpu->pin_pages);
	kfree(vcpu);
}

/*H:140
 * With memory there, the guest gets its processor: this struct, room for the FPU's state, and a few pages of the
 * Switcher's, which the next chapter explains. Its thread is whichever calls LGUEST_RUN. no_direct is set at first:
 * until the guest has named the page that it shares, the switcher must not take system calls and returns itself.
 */
/**
 * lg_vcpu_create - make a vCPU
 * @lg: the guest; its lock is held
 * @id: checked against the limit
 *
 * Return: 0, -EEXIST, -ENOMEM.
 */
int lg_vcpu_create(struct lguest *lg, u32 id)
{
	struct lg_vcpu *vcpu;
	int err;

	if (lg->vcpu[id])
		return -EEXIST;
	vcpu = lg_try(kzalloc(sizeof(*vcpu), GFP_KERNEL_ACCOUNT));
	if (!vcpu)
		return -ENOMEM;
	vcpu->lg = lg;
	vcpu->id = id;
	vcpu->asid_cpu = -1;
	vcpu->cr3_stale = true;
	mutex_init(&vcpu->mutex);
	init_waitqueue_head(&vcpu->wq);
	lg_timer_init(vcpu);
	preempt_notifier_init(&vcpu->notifier, &preempt_ops);
	vcpu->pin_pages = lg_try(kcalloc(LG_HUGE_PAGES, sizeof(*vcpu->pin_pages), GFP_KERNEL_ACCOUNT));
	/* Mapped last, and by a function that maps all or nothing: what is in slot 256 stays there until the guest ends */
	err = vcpu->pin_pages && !lg_fail() && zalloc_cpumask_var(&vcpu->kick, GFP_KERNEL_ACCOUNT) && !lg_fail() && lg_fpu_create(&vcpu->fpu) ?
		lg_vcpu_map(vcpu) : -ENOMEM;
	if (err) {
		free_vcpu(vcpu);
		return err;
	}
	init_guest_msrs(vcpu);
	vcpu->enter_va = lg_switcher_addr(vcpu, lg_switcher_enter);
	vcpu->sw->host_return = (u64)lg_host_return;
	vcpu->sw->cs = LGUEST_USER_CS;
	vcpu->sw->ss = LGUEST_USER_DS;
	vcpu->sw->rflags = GUEST_FLAGS;
	vcpu->sw->no_direct = 1;
	vcpu->state = id ? LG_PARKED : LG_RUNNING;
	vcpu->halted = id;
	smp_store_release(&lg->vcpu[id], vcpu);
	smp_store_release(&lg->nr_vcpus, lg->nr_vcpus + 1);
	return 0;
}

/**
 * lg_vcpu_free - free a vCPU that no thread runs, after slot 256 is gone
 * @vcpu: the vCPU
 */
void lg_vcpu_free(struct lg_vcpu *vcpu)
{
	int cpu;

	hrtimer_cancel(&vcpu->timer);
	for_each_possible_cpu(cpu)
		cmpxchg(per_cpu_ptr(&last_vcpu, cpu), vcpu, NULL);
	free_vcpu(vcpu);
}
