// SPDX-License-Identifier: GPL-2.0
/*H:390
 * What the guest's processor would do by itself: deliver exceptions and interrupts, return to user mode, sleep, and
 * run a timer. All of it is a matter of a few words in struct lg_switch and in the page that the guest shares; nothing is
 * written to the guest's stack, so delivery cannot fault. The shared page is the guest's to scribble on: each
 * field is read once, and no value in it can do more than confuse its owner.
 */
#include <linux/ktime.h>
#include <linux/sched/signal.h>
#include <linux/timekeeping.h>
#include <asm/processor-flags.h>
#include <asm/trapnr.h>
#include <asm/tsc.h>
#include "lg.h"

/* From user mode to kernel mode, as the switcher's own SYSCALL path does it */
static void enter_kernel(struct lg_vcpu *vcpu, u64 rip)
{
	struct lg_switch *sw = vcpu->sw;
	struct lguest_data *data = vcpu->data;

	if (sw->mode) {
		WRITE_ONCE(data->user_gsbase, sw->gsbase);
		sw->gsbase = sw->kernel_gsbase;
		sw->rsp = READ_ONCE(data->sp0);
		sw->mode = 0;
	}
	sw->rip = rip;
	sw->rflags = GUEST_FLAGS;
	sw->cs = LGUEST_USER_CS;
	sw->ss = LGUEST_USER_DS;
	WRITE_ONCE(data->irq_enabled, 0);
}

static void save_frame(struct lg_vcpu *vcpu, u32 vector, u64 error)
{
	const struct lg_switch *sw = vcpu->sw;
	struct lguest_data *data = vcpu->data;
	u64 vif = sw->mode ? LGUEST_FLAG_IF : READ_ONCE(data->irq_enabled) & LGUEST_FLAG_IF;

	data->frame.rip = sw->rip;
	data->frame.rflags = (sw->rflags & ~(u64)(LGUEST_FLAG_IF | X86_EFLAGS_IOPL)) | vif;
	data->frame.rsp = sw->rsp;
	data->frame.rcx = sw->rcx;
	data->frame.r11 = sw->r11;
	data->frame.error = error;
	data->frame.vector = vector;
	data->frame.cs = sw->mode ? sw->cs : LGUEST_KERNEL_CS;
	data->frame.ss = sw->mode ? LGUEST_USER_DS : LGUEST_KERNEL_DS;
	data->frame.flags = LG_FRAME_FULL;
}

/*H:400
 * The page fault that was the guest's own is delivered here, like its other exceptions and each of its interrupts. A
 * processor would push a frame and look into an IDT. We write the frame to the shared page and go on at the address
 * that INIT named. The guest copies the frame to a stack of its own (chapter Guest) and clears event_busy; an exception
 * that comes before it has is a double fault, and the guest's end.
 */
/**
 * lg_deliver_event - continue the guest at its event entry
 * @vcpu: not in the guest
 * @vector: exception, or 32 + interrupt line
 * @error: the error code the guest is to see
 *
 * A guest that has not said where (no INIT), or is still copying the last event, dies.
 */
void lg_deliver_event(struct lg_vcpu *vcpu, u32 vector, u64 error)
{
	struct lg_switch *sw = vcpu->sw;
	u64 entry = sw->mode ? vcpu->entry_user : vcpu->entry_kernel;

	if (!vcpu->data) {
		kill_guest(vcpu->lg, "exception %u (error %#llx) at %#llx before LHCALL_LGUEST_INIT",
			   vector, error, sw->rip);
		return;
	}
	if (READ_ONCE(vcpu->data->event_busy)) {
		kill_guest(vcpu->lg, "double fault: exception %u (error %#llx, cr2 %#llx) at %#llx while event %u was delivered",
			   vector, error, READ_ONCE(vcpu->data->cr2), sw->rip, READ_ONCE(vcpu->data->frame.vector));
		return;
	}
	lg_count(vcpu, EVENTS);
	save_frame(vcpu, vector, error);
	WRITE_ONCE(vcpu->data->event_busy, 1);
	enter_kernel(vcpu, entry);
}

/**
 * lg_slow_syscall - a system call that the switcher did not take itself
 * @vcpu: left by SYSCALL from user mode
 */
void lg_slow_syscall(struct lg_vcpu *vcpu)
{
	if (!vcpu->data) {
		kill_guest(vcpu->lg, "SYSCALL from user mode at %#llx before LHCALL_LGUEST_INIT", vcpu->sw->rip);
		return;
	}
	save_frame(vcpu, 0, 0);
	vcpu->data->frame.flags = 0;
	enter_kernel(vcpu, vcpu->sw->syscall_entry);
}

/*H:410
 * The guest's kernel has handled the event and wants back to its user mode. The switcher does this by itself as a
 * rule (next chapter); here is the same return for the cases that it leaves to C. The frame is in the shared page,
 * which the guest can change: so it is copied once, and the copy is what is checked and used.
 */
/**
 * lg_return_to_user - the return that the switcher left to C: an interrupt waits, or the frame is unusual
 * @vcpu: left by SYSCALL at return_to_user
 *
 * The same checks as the switcher's, but that the high half is returned to: IRETQ can, SYSRETQ must not be asked to, and only the kernel's own answer to
 * the page fault there makes a vsyscall of it. A frame that no processor could return to is #GP at the return.
 */
void lg_return_to_user(struct lg_vcpu *vcpu)
{
	struct lg_switch *sw = vcpu->sw;
	struct lguest_data *data = vcpu->data;
	struct lguest_frame f;
	u64 gs;

	if (!data) {
		kill_guest(vcpu->lg, "return to user mode before LHCALL_LGUEST_INIT");
		return;
	}
	gs = READ_ONCE(data->user_gsbase);
	memcpy(&f, &data->frame, sizeof(f));
	barrier();	/* what is checked below is the copy */
	lg_count(vcpu, SLOW_RETURNS);
	if (!lg_canonical48(f.rip) || !lg_canonical48(gs)) {
		sw->rip = sw->return_to_user;
		lg_deliver_event(vcpu, X86_TRAP_GP, 0);
		return;
	}
	sw->rip = f.rip;
	sw->rflags = (f.rflags & (SW_USER_FLAGS | X86_EFLAGS_TF | X86_EFLAGS_RF)) | GUEST_FLAGS;
	sw->rsp = f.rsp;
	sw->cs = f.cs == LGUEST_USER32_CS ? LGUEST_USER32_CS : LGUEST_USER_CS;
	sw->ss = LGUEST_USER_DS;
	sw->rcx = f.flags & LG_FRAME_FULL ? f.rcx : f.rip;
	sw->r11 = f.flags & LG_FRAME_FULL ? f.r11 : sw->rflags;
	sw->gsbase = gs;
	sw->mode = 1;
	WRITE_ONCE(data->irq_enabled, LGUEST_FLAG_IF);
}

static u64 ready_lines(struct lg_vcpu *vcpu)
{
	return atomic64_read(&vcpu->pending) & ~READ_ONCE(vcpu->data->blocked_interrupts);
}

static bool can_take_interrupt(struct lg_vcpu *vcpu)
{
	return vcpu->sw->mode || (READ_ONCE(vcpu->data->irq_enabled) && !READ_ONCE(vcpu->data->event_busy));
}

/**
 * lg_interrupt_ready - would lg_deliver_interrupt() have anything to do that it has not done yet?
 * @vcpu: about to enter; called with interrupts off, after where was set
 */
bool lg_interrupt_ready(struct lg_vcpu *vcpu)
{
	if (!vcpu->data || !ready_lines(vcpu))
		return false;
	return can_take_interrupt(vcpu) || !READ_ONCE(vcpu->data->irq_pending);
}

/*
 * False when route_irq() or lg_hand_over() has taken the line away since it was seen: it is raised elsewhere, and not to be delivered here.
 * What else is pending then lg_interrupt_ready() sees.
 */
static bool take_line(struct lg_vcpu *vcpu, unsigned int line)
{
	return atomic64_fetch_andnot(1ULL << line, &vcpu->pending) & 1ULL << line;
}

/**
 * lg_deliver_interrupt - deliver the lowest line that is pending and not blocked, or tell the guest that one waits
 * @vcpu: not in the guest
 */
void lg_deliver_interrupt(struct lg_vcpu *vcpu)
{
	u64 lines;

	if (!vcpu->data)
		return;
	lines = ready_lines(vcpu);
	if (!lines) {
		if (READ_ONCE(vcpu->data->irq_pending))
			WRITE_ONCE(vcpu->data->irq_pending, 0);
		return;
	}
	if (!can_take_interrupt(vcpu)) {
		WRITE_ONCE(vcpu->data->irq_pending, LGUEST_FLAG_IF);
		return;
	}
	if (!take_line(vcpu, __ffs64(lines)))
		return;
	lg_count(vcpu, INTERRUPTS);
	lg_deliver_event(vcpu, LGUEST_FIRST_VECTOR + __ffs64(lines), 0);
	WRITE_ONCE(vcpu->data->irq_pending, lines & (lines - 1) ? LGUEST_FLAG_IF : 0);
}

/**
 * lg_raise - raise an interrupt line
 * @vcpu: whose
 * @irq: below LGUEST_IRQS
 *
 * From any context. The bit is set before the vCPU is looked at; it looks at the bit after it said that it is in the guest
 * (or asleep): so one of the two sees the other. A line that is raised already was seen to by whoever raised it, so who
 * signals in a loop sends no interrupts in a loop.
 */
void lg_raise(struct lg_vcpu *vcpu, u32 irq)
{
	if (atomic64_fetch_or(1ULL << irq, &vcpu->pending) & 1ULL << irq)
		return;
	lg_kick(vcpu);
}

/**
 * lg_raise_line - raise a line where it is routed to
 * @lg: the guest
 * @irq: below LGUEST_IRQS; one of those that are each vCPU's own is vCPU 0's
 *
 * From any context. A vCPU that is parked takes no interrupts; then vCPU 0 does. One that stops at this moment either sees the line when
 * it hands over what it has (after it has said that it is parked), or is seen to be parked when the line has been raised.
 */
void lg_raise_line(struct lguest *lg, u32 irq)
{
	unsigned int n = smp_load_acquire(&lg->nr_vcpus), to = READ_ONCE(lg->route[irq]);

	if (!n)
		return;
	if (irq < LGUEST_IRQ_DEVICE || to >= n)
		to = 0;
	lg_raise(lg->vcpu[to], irq);
	smp_mb__after_atomic();
	if (to && READ_ONCE(lg->vcpu[to]->state) == LG_PARKED)
		lg_hand_over(lg->vcpu[to]);
}

/**
 * lg_hand_over - give the device lines that wait at a parked vCPU to vCPU 0
 * @vcpu: one that has been seen parked, from any context; a line of its own stays
 *
 * When it is started again meanwhile, lines that it would have taken itself move to vCPU 0: none is lost, none doubled.
 */
void lg_hand_over(struct lg_vcpu *vcpu)
{
	u64 lines;

	smp_mb();
	lines = atomic64_fetch_and(GENMASK_ULL(LGUEST_IRQ_DEVICE - 1, 0), &vcpu->pending) >> LGUEST_IRQ_DEVICE << LGUEST_IRQ_DEVICE;
	for (; lines; lines &= lines - 1)
		lg_raise(vcpu->lg->vcpu[0], __ffs64(lines));
}

/* What ends HALT */
static bool wakes(struct lg_vcpu *vcpu)
{
	if (!vcpu->halt_wait)
		return ready_lines(vcpu);
	return atomic64_read(&vcpu->pending) & 1ULL << LGUEST_IRQ_KICK || (ready_lines(vcpu) && can_take_interrupt(vcpu));
}

/**
 * lg_claim - become the one that starts a vCPU
 * @vcpu: any
 *
 * Return: false when it is not parked.
 */
bool lg_claim(struct lg_vcpu *vcpu)
{
	return cmpxchg(&vcpu->state, LG_PARKED, LG_CLAIMED) == LG_PARKED;
}

/* The thread of a vCPU that another one has started: nobody else touches its registers or root */
static void start_vcpu(struct lg_vcpu *vcpu)
{
	const struct lguest_vcpu_start *s = &vcpu->start;
	struct lg_switch *sw = vcpu->sw;

	if (lg_set_root(vcpu, s->cr3)) {
		kill_guest(vcpu->lg, "no memory for shadow tables");
		return;
	}
	memset(sw, 0, offsetof(struct lg_switch, trapnum));
	sw->rdi = s->rdi;
	sw->rip = s->rip;
	sw->rsp = s->rsp;
	sw->rflags = GUEST_FLAGS;
	sw->cs = LGUEST_USER_CS;
	sw->ss = LGUEST_USER_DS;
	sw->mode = 0;
	sw->gsbase = sw->kernel_gsbase = s->gsbase;
	vcpu->halted = false;
	smp_store_release(&vcpu->state, LG_RUNNING);
}

/* A vCPU that has not been started, or has stopped, sleeps in LGUEST_RUN */
static void park(struct lg_vcpu *vcpu)
{
	wait_event_interruptible(vcpu->wq, smp_load_acquire(&vcpu->state) == LG_STARTING || READ_ONCE(vcpu->lg->dead) ||
				 atomic_read(&vcpu->lg->shrink));
	if (smp_load_acquire(&vcpu->state) == LG_STARTING)
		start_vcpu(vcpu);
}

/**
 * lg_halt - sleep until an interrupt can be delivered, a signal comes or the guest dies
 * @vcpu: its own thread; halted, or parked: then until another vCPU starts it
 */
void lg_halt(struct lg_vcpu *vcpu)
{
	if (READ_ONCE(vcpu->state) != LG_RUNNING) {
		park(vcpu);
		return;
	}
	lg_count(vcpu, HALTS);
	/* Time for what was put off */
	while (!wakes(vcpu) && !signal_pending(current) && lg_shadow_reap(vcpu->lg))
		;
	wait_event_interruptible(vcpu->wq, wakes(vcpu) || READ_ONCE(vcpu->lg->dead) || atomic_read(&vcpu->lg->shrink));
	if (!wakes(vcpu))
		return;
	vcpu->halted = false;
	if (vcpu->halt_wait)
		atomic64_andnot(1ULL << LGUEST_IRQ_KICK, &vcpu->pending);
}

static enum hrtimer_restart timer_fired(struct hrtimer *timer)
{
	lg_raise(container_of(timer, struct lg_vcpu, timer), LGUEST_IRQ_TIMER);
	return HRTIMER_NORESTART;
}

/** lg_timer_init - the vCPU's one-shot timer, not armed */
void lg_timer_init(struct lg_vcpu *vcpu)
{
	lg_hrtimer_init(&vcpu->timer, timer_fired);
}

/**
 * lg_set_clockevent - arm the timer
 * @vcpu: the vCPU
 * @ns: from now; 0 stops it
 */
void lg_set_clockevent(struct lg_vcpu *vcpu, u64 ns)
{
	if (!ns) {
		hrtimer_cancel(&vcpu->timer);
		return;
	}
	hrtimer_start(&vcpu->timer, ktime_add_ns(ktime_get(), min_t(u64, ns, KTIME_MAX / 2)), HRTIMER_MODE_ABS);
}

/*H:430
 * One thing that a processor has is left, a clock, and to read it must not be an exit. So the guest is told once, at
 * INIT, how the ticks of the TSC become nanoseconds, and what the host's clock was at one of them. From then on it
 * reads the time without us.
 */
/**
 * lg_fill_time - tell the guest how to read the host's clock
 * @vcpu: INIT has just named the shared page
 *
 * mul and shift so that (cycles << shift) * mul >> 32 is nanoseconds: 30 bits or more, an error below 10^-9.
 */
void lg_fill_time(struct lg_vcpu *vcpu)
{
	struct lguest_time *t = &vcpu->data->time;
	struct timespec64 wall;
	u64 khz = check_tsc_unstable() ? 0 : tsc_khz, mul;
	s8 shift = 0;
	unsigned long flags;

	if (khz)
		WRITE_ONCE(vcpu->lg->reads_tsc, true);
	t->version = 1;
	t->tsc_khz = khz;
	local_irq_save(flags);
	t->tsc_timestamp = rdtsc_ordered();
	t->system_time = ktime_get_ns();
	ktime_get_real_ts64(&wall);
	local_irq_restore(flags);
	t->wall_sec = wall.tv_sec;
	t->wall_nsec = wall.tv_nsec;
	t->wall_at = t->system_time;
	if (khz) {
		for (mul = (1000000ULL << 32) / khz; mul >> 32; mul >>= 1)
			shift++;
		t->mul = mul;
		t->shift = shift;
	}
	t->version = 2;
}
