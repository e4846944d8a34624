// SPDX-License-Identifier: GPL-2.0
/*H:180
 * The guest's FPU state: which registers hold it, and when. It says nothing to the guest; what must be right is that the guest finds what it
 * left, the launcher too, and neither sees the other's.
 *
 * Up to 6.18 the kernel has calls for guests: the vCPU's state replaces the thread's own for the time of LGUEST_RUN, and the scheduler saves
 * and loads it as it does any thread's. From 6.19 on those are for KVM alone. There the guest's state is in the registers only between
 * kernel_fpu_begin() and kernel_fpu_end(), that is, for one turn into the guest and out, and in a page of its own else. This costs an
 * XSAVE and an XRSTOR for each exit.
 */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <asm/fpu/api.h>
#include <asm/fpu/xcr.h>
#include <asm/fpu/xstate.h>
#include <asm/msr.h>
#include <asm/processor-flags.h>
#include <asm/special_insns.h>
#include "compat.h"
#include "lg.h"

/* What a guest kernel saves for its processes (docs/guest.md); the rest is in its initial state whenever the guest runs */
#define GUEST_XSTATE	(XFEATURE_MASK_FP | XFEATURE_MASK_SSE | XFEATURE_MASK_YMM | XFEATURE_MASK_AVX512)
/* What a program may lose: PKRU is 0 for it, tiles are refused (XFD), and MPX, of which no kernel knows any more, does nothing when it is in its initial state */
#define OTHER_XSTATE	(XFEATURE_MASK_PKRU | XFEATURE_MASK_XTILE | XFEATURE_MASK_BNDREGS | XFEATURE_MASK_BNDCSR)

static u64 host_xcr0(void)
{
	return xgetbv(XCR_XFEATURE_ENABLED_MASK);
}

/**
 * lg_fpu_unsaved - registers that this host has on, that a guest's programs would find and use, and that nobody would save for them
 *
 * Return: their bits of XCR0.
 */
u64 lg_fpu_unsaved(void)
{
	if (!(native_read_cr4() & X86_CR4_OSXSAVE))
		return 0;
	return host_xcr0() & ~(u64)(GUEST_XSTATE | OTHER_XSTATE);
}

#ifdef LG_OWN_FPU

#define MXCSR_OFFSET	24
#define MXCSR_INITIAL	0x1f80

/**
 * lg_fpu_create - memory for a vCPU's FPU state, which is the initial one
 * @fpu: zeroed
 *
 * Return: true, or false when there is no memory.
 */
bool lg_fpu_create(struct lg_fpu *fpu)
{
	/* In the standard format, AVX-512 ends at 2,688 bytes */
	fpu->area = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (fpu->area)
		*(u32 *)(fpu->area + MXCSR_OFFSET) = MXCSR_INITIAL;
	return fpu->area;
}

/** lg_fpu_free - free what lg_fpu_create() made, if it did */
void lg_fpu_free(struct lg_fpu *fpu)
{
	free_page((unsigned long)fpu->area);
}

/** lg_fpu_run - the thread enters LGUEST_RUN (@in) or leaves it: nothing here */
void lg_fpu_run(struct lg_fpu *fpu, bool in)
{
}

/* State that another thread left in the registers and that XRSTOR does not reach: shadow stacks, and tiles that may be used */
static void reset_other_state(struct lg_fpu *fpu)
{
	u64 value;

	if (cpu_feature_enabled(X86_FEATURE_USER_SHSTK)) {
		rdmsrl(MSR_IA32_U_CET, value);
		if (value)
			wrmsrl(MSR_IA32_U_CET, 0);
	}
	if (cpu_feature_enabled(X86_FEATURE_XFD)) {
		rdmsrl(MSR_IA32_XFD, fpu->host_xfd);
		wrmsrl(MSR_IA32_XFD, XFEATURE_MASK_USER_DYNAMIC);
	}
}

/**
 * lg_fpu_begin - the guest's state goes into the registers
 * @fpu: of the vCPU; preemption is off, interrupts are on
 */
void lg_fpu_begin(struct lg_fpu *fpu)
{
	u64 all;

	kernel_fpu_begin_mask(0);
	reset_other_state(fpu);
	/* AMD's before XSAVEERPTR leave what another thread's last x87 instruction was, its address and its operand's, as it is */
	if (static_cpu_has_bug(X86_BUG_FXSAVE_LEAK))
		asm volatile("fninit");
	/* All that there is but PKRU, which is not part of it: what the page has not becomes initial */
	all = host_xcr0() & ~(u64)XFEATURE_MASK_PKRU;
	asm volatile("xrstor64 %0" : : "m"(*(u8 (*)[PAGE_SIZE])fpu->area), "a"((u32)all), "d"((u32)(all >> 32)));
}

/**
 * lg_fpu_end - the guest's state goes back to its page
 * @fpu: of the vCPU; preemption is off, interrupts are on
 */
void lg_fpu_end(struct lg_fpu *fpu)
{
	u64 mine = host_xcr0() & GUEST_XSTATE;

	asm volatile("xsave64 %0" : "+m"(*(u8 (*)[PAGE_SIZE])fpu->area) : "a"((u32)mine), "d"((u32)(mine >> 32)));
	if (cpu_feature_enabled(X86_FEATURE_XFD))
		wrmsrl(MSR_IA32_XFD, fpu->host_xfd);
	kernel_fpu_end();
}

#else

bool lg_fpu_create(struct lg_fpu *fpu)
{
	if (!fpu_alloc_guest_fpstate(&fpu->guest))
		return false;
	/* Tiles and their like only for who has asked for them: nothing would save the guest's */
	if (cpu_feature_enabled(X86_FEATURE_XFD))
		fpu_update_guest_xfd(&fpu->guest, XFEATURE_MASK_USER_DYNAMIC);
	return true;
}

void lg_fpu_free(struct lg_fpu *fpu)
{
	if (fpu->guest.fpstate)
		fpu_free_guest_fpstate(&fpu->guest);
}

void lg_fpu_run(struct lg_fpu *fpu, bool in)
{
	fpu_swap_kvm_fpstate(&fpu->guest, in);
}

#endif
