/* SPDX-License-Identifier: GPL-2.0 */
/*S:100
 * The Switcher is the only code that runs on both sides: it is entered with the host's page table, IDT, stack and
 * GS base, leaves with the guest's, and comes back when anything at all happens. It is copied into pages of
 * its own and mapped at the same address (top-level slot 256) in the launcher's page table and in each of the
 * guest's; next to it lie its IDT, its data page, the page shared with the guest, and a stack.
 *
 * Rules for this file, since none of the host is mapped while the guest's page table is in use:
 *  - every address is RIP-relative and inside the area; no CALL, no RET, no per-CPU access;
 *  - interrupts are off from the first instruction to the last, but NMI, #MC and #DB can come at any of them;
 *  - a register may be changed only when its guest value is saved or is defined to be lost;
 *  - whatever the processor reaches through a gate, SYSCALL or an indirect jump begins with ENDBR64: on a host with kernel IBT
 *    it is a fault if it does not, and the fault's own stub is one of these places.
 * docs/switcher.md walks through every window and says why each interrupt and fault in it is safe.
 */
#include <linux/linkage.h>
#include <asm/cpufeatures.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <asm/segment.h>
#include <linux/lguest.h>
#include "offsets.h"
#include "switch.h"

#define SW(f)	(.Lstart + SW_SWITCH_OFF + SW_##f)(%rip)
#define LGD(f)	(.Lstart + SW_DATA_OFF + LGD_##f)(%rip)

/*
 * A short jump over what only some processors need. Its place and its feature go into a table, and the copy's
 * jump becomes a NOP where the host has the feature (lg_switcher_init). It reaches 127 bytes: the assembler does not say when it is
 * asked for more, and the jump goes back then, so loading refuses a site that does. The kernel's ALTERNATIVE would do, but its tools then want
 * to understand this text as theirs; in .rodata it is data to them, which it is: only copies run.
 */
.macro UNLESS feature label
.Lsite\@:
	.byte	0xeb, \label - . - 1
	.pushsection .rodata.lg_sites, "a"
	.long	.Lsite\@ - .Lstart, \feature
	.popsection
.endm

.macro CLAC_ON_SMAP
	UNLESS X86_FEATURE_SMAP, .Lno_clac\@
	clac
.Lno_clac\@:
.endm

	.pushsection .rodata.lg_sites, "a"
	.balign 8
SYM_DATA_START(lg_switcher_sites)
	.popsection

	.section .rodata.lg_switcher, "a"
	.balign 4096
SYM_DATA_START(lg_switcher_start)
.Lstart:

/*
 * One stub for each vector, 16 bytes each, which is what the longest takes (.org refuses more). Vectors without an error code get a 0, so that all frames look alike.
 * NMI, #MC, #DB and #DF have stubs of their own below; theirs here are never reached.
 */
SYM_INNER_LABEL(lg_idt_stubs, SYM_L_GLOBAL)
.Lvector = 0
	.rept 256
	.org	lg_idt_stubs - .Lstart + .Lvector * 16, 0xcc
	endbr64
	.if .Lvector != 8 && .Lvector != 17 && .Lvector != 21 && .Lvector != 29 && .Lvector != 30 && (.Lvector < 10 || .Lvector > 14)
	pushq	$0
	.endif
	pushq	$.Lvector
	jmp	.Lexception
	.Lvector = .Lvector + 1
	.endr

.macro SAVE_GPRS
	movq	%r15, SW(R15)
	movq	%r14, SW(R14)
	movq	%r13, SW(R13)
	movq	%r12, SW(R12)
	movq	%rbp, SW(RBP)
	movq	%rbx, SW(RBX)
	movq	%r11, SW(R11)
	movq	%r10, SW(R10)
	movq	%r9, SW(R9)
	movq	%r8, SW(R8)
	movq	%rax, SW(RAX)
	movq	%rcx, SW(RCX)
	movq	%rdx, SW(RDX)
	movq	%rsi, SW(RSI)
	movq	%rdi, SW(RDI)
.endm

/*S:170
 * The guest runs, until something happens. Anything that the IDT catches comes here with vector, error code and the processor's frame on the host's own
 * entry stack (TSS.sp0 or an IST stack: both in the host's cpu_entry_area, which the guest's page tables share).
 * (Section 2 of docs/switcher.md.)
 */
.Lexception:
	cld
	CLAC_ON_SMAP
	testb	$3, 24(%rsp)
	jz	.Lswitcher_fault
	SAVE_GPRS
	popq	SW(TRAPNUM)
	popq	SW(ERROR)
.Lleave_frame:
	popq	SW(RIP)
	popq	SW(CS)
	popq	SW(RFLAGS)
	popq	SW(RSP)
	popq	SW(SS)
.Lleave:
	rdgsbase %rax
	movq	%rax, SW(GSBASE)
/* From here the guest's whole state is in struct lg_switch */
.Lleave_saved:
	movq	SW(HOST_GS), %rax
	wrgsbase %rax
	movq	SW(HOST_CR3), %rax
	movq	%rax, %cr3
	movq	SW(HOST_RSP), %rsp
	lidt	SW(HOST_IDTR)
	/* An interrupt from CPL 3 left SS null, which Linux takes for impossible inside a system call: see process_64.c there */
	movl	$__KERNEL_DS, %eax
	movl	%eax, %ss
	/* What the guest had in its registers must not steer the host's speculation */
	xorl	%eax, %eax
	xorl	%ebx, %ebx
	xorl	%ecx, %ecx
	xorl	%edx, %edx
	xorl	%esi, %esi
	xorl	%edi, %edi
	xorl	%ebp, %ebp
	xorl	%r8d, %r8d
	xorl	%r9d, %r9d
	xorl	%r10d, %r10d
	xorl	%r11d, %r11d
	xorl	%r12d, %r12d
	xorl	%r13d, %r13d
	xorl	%r14d, %r14d
	xorl	%r15d, %r15d
	/*S:180
	 * Page table, stack and IDT are the host's again, and the general registers hold nothing of the guest's. What
	 * it may have left behind is in the branch predictors: so there is no indirect jump and no RET from here to
	 * the kernel's own remedies. That is why the way home ends in a far return, to lg_host_return in lg_enter().
	 */
	/* The first branch that the guest could have trained is the one out of here: IBRS and RSB first */
	UNLESS X86_FEATURE_KERNEL_IBRS, .Lno_ibrs
	movl	$MSR_IA32_SPEC_CTRL, %ecx
	movq	%gs:x86_spec_ctrl_current, %rdx
	movl	%edx, %eax
	shrq	$32, %rdx
	wrmsr
.Lno_ibrs:
	/* RSB_VMEXIT_LITE needs one entry only, but is rare: it gets all 32 of them */
	UNLESS X86_FEATURE_RSB_VMEXIT, .Lno_rsb_vmexit
	jmp	.Lrsb
.Lno_rsb_vmexit:
	UNLESS X86_FEATURE_RSB_VMEXIT_LITE, .Lno_rsb_lite
	jmp	.Lrsb
.Lno_rsb_lite:
	jmp	.Lno_rsb	/* farther than UNLESS reaches */
.Lrsb:
	.rept	32
	call	1f
	int3
1:
	.endr
	addq	$256, %rsp
	lfence
.Lno_rsb:
	/*
	 * A far return, since no processor predicts those: UNTRAIN_RET and its like come only behind it, and until they have run, a
	 * RET or an indirect jump here would go, for a while, where the guest has taught it to. It does not unblock NMIs.
	 */
	pushq	$__KERNEL_CS
	pushq	SW(HOST_RETURN)
	lretq

/*S:190
 * .Lexception, two stations ago, found in the saved CS that it was not the guest which was interrupted. We look at
 * this road before we go on to SYSCALL, because it is the one that should not exist: see which of its cases a guest
 * can cause, and what becomes of the other.
 */
/*
 * A fault while the switcher itself ran. The one that a guest can cause is IRETQ refusing what it is given (an interrupt may come
 * when RIP is one past the last canonical address): that is the guest's #GP, and what it wanted to go on with is kept. Any other is a bug
 * here: tell C. The processor has pushed its frame to the switcher's stack, below the frame that IRETQ refused.
 */
.Lswitcher_fault:
	pushq	%rax
	leaq	.Lenter_iret(%rip), %rax
	cmpq	%rax, 24(%rsp)
	je	.Liret_fault
	leaq	.Luser_iret(%rip), %rax
	cmpq	%rax, 24(%rsp)
	je	.Luser_iret_fault
	movq	8(%rsp), %rax
	movq	%rax, SW(FAULT_VEC)
	movq	16(%rsp), %rax
	movq	%rax, SW(FAULT_ERROR)
	movq	24(%rsp), %rax
	movq	%rax, SW(FAULT_RIP)
	movq	%cr2, %rax
	movq	%rax, SW(FAULT_CR2)
	movq	$TRAP_BUG, SW(TRAPNUM)
	jmp	.Lleave_saved
.Liret_fault:
	movq	$TRAP_IRET, SW(TRAPNUM)
	jmp	.Lleave_saved
.Luser_iret_fault:
	popq	%rax
	SAVE_GPRS
	movq	$TRAP_IRET, SW(TRAPNUM)
	movq	40(%rsp), %rsp
	jmp	.Lleave_frame

/*S:230
 * NMI. From the guest: leave, and C calls the host's NMI entry with NMIs still blocked (nothing on the way
 * out is an IRET). From inside the switcher: the host's state is half there, so only note it, and make sure that
 * the guest is not entered before the host has seen it. At most one word may be pushed here: the next one
 * is Linux's "NMI executing" variable, and a 1 left there would lose the host an NMI.
 * (Section 5 of docs/switcher.md.)
 */
.macro NOTE_AND_RETURN pending, count
	pushq	%rax
	movl	$1, (.Lstart + SW_SWITCH_OFF + \pending)(%rip)
	incq	(.Lstart + SW_SWITCH_OFF + \count)(%rip)
	leaq	.Lenter_window(%rip), %rax
	cmpq	%rax, 8(%rsp)
	jb	1f
	leaq	.Lenter_iret(%rip), %rax
	cmpq	%rax, 8(%rsp)
	ja	1f
	leaq	.Labort(%rip), %rax
	jmp	3f
1:	leaq	.Lsysret_window(%rip), %rax
	cmpq	%rax, 8(%rsp)
	jb	2f
	leaq	.Lsysret(%rip), %rax
	cmpq	%rax, 8(%rsp)
	ja	2f
	leaq	.Labort_sysret(%rip), %rax
	jmp	3f
2:	leaq	.Luser_iret_window(%rip), %rax
	cmpq	%rax, 8(%rsp)
	jb	4f
	leaq	.Luser_iret(%rip), %rax
	cmpq	%rax, 8(%rsp)
	ja	4f
	leaq	.Labort_user_iret(%rip), %rax
3:	movq	%rax, 8(%rsp)
4:	popq	%rax
	iretq
.endm

SYM_INNER_LABEL(lg_nmi_stub, SYM_L_GLOBAL)
	endbr64
	cld
	CLAC_ON_SMAP
	testb	$3, 8(%rsp)
	jz	.Lnmi_switcher
	SAVE_GPRS
	movq	$2, SW(TRAPNUM)
	jmp	.Lleave_frame
.Lnmi_switcher:
	NOTE_AND_RETURN SW_NMI_PENDING, SW_NMIS

SYM_INNER_LABEL(lg_mce_stub, SYM_L_GLOBAL)
	endbr64
	cld
	CLAC_ON_SMAP
	testb	$3, 8(%rsp)
	jz	.Lmce_switcher
	SAVE_GPRS
	movq	$18, SW(TRAPNUM)
	jmp	.Lleave_frame
.Lmce_switcher:
	NOTE_AND_RETURN SW_MCE_PENDING, SW_MCES

/*
 * #DB. MOV SS followed by SYSCALL holds a data breakpoint back until the switcher's first instruction, with the
 * guest's stack pointer and GS: it has an IST stack for that, touches nothing, and goes on.
 */
SYM_INNER_LABEL(lg_db_stub, SYM_L_GLOBAL)
	endbr64
	testb	$3, 8(%rsp)
	jz	.Ldb_switcher
	pushq	$0
	pushq	$1
	jmp	.Lexception
.Ldb_switcher:
	incq	SW(DBS)
	iretq

SYM_INNER_LABEL(lg_df_stub, SYM_L_GLOBAL)
	endbr64
	cld
	CLAC_ON_SMAP
	pushq	$8
	jmp	.Lswitcher_fault

/*S:200
 * The other way out is one that the guest chooses: SYSCALL, from either of its modes. The stack pointer is still the guest's: nothing may be pushed before it is
 * ours. A system call goes straight on to the guest kernel, a return straight back, and all else is for the host.
 * (Section 3 of docs/switcher.md.)
 */
SYM_INNER_LABEL(lg_syscall, SYM_L_GLOBAL)
	endbr64
	movq	%rsp, SW(RSP)
	leaq	(.Lstart + SW_STACK_TOP)(%rip), %rsp
	cmpl	$0, SW(MODE)
	jne	.Lfrom_user
	cmpq	%rcx, SW(RETURN)
	je	.Lreturn_to_user
	movq	$TRAP_HCALL, SW(TRAPNUM)
.Lsyscall_to_host:
	movq	%rcx, SW(RIP)
	movq	%r11, SW(RFLAGS)
	SAVE_GPRS
	movq	$LGUEST_USER_CS, SW(CS)
	movq	$LGUEST_USER_DS, SW(SS)
	jmp	.Lleave

.Lfrom_user:
	cmpl	$0, SW(NO_DIRECT)
	jne	.Lslow_syscall
	movq	%rcx, LGD(FRAME_RIP)
	movq	%r11, LGD(FRAME_RFLAGS)
	movq	SW(RSP), %rcx
	movq	%rcx, LGD(FRAME_RSP)
	movl	$(LGUEST_USER_DS << 16 | LGUEST_USER_CS), LGD(FRAME_CS)
	rdgsbase %rcx
	movq	%rcx, LGD(USER_GSBASE)
	movq	SW(KERNEL_GS), %rcx
	wrgsbase %rcx
	movl	$0, LGD(IRQ_ENABLED)
	movl	$0, SW(MODE)
	movq	SW(CR3_KERNEL), %rcx
	movq	%rcx, %cr3
	movq	LGD(SP0), %rsp
	movq	SW(SYSCALL), %rcx
	movl	$GUEST_FLAGS, %r11d
	jmp	.Lsysret_window
.Lslow_syscall:
	movq	$TRAP_SYSCALL, SW(TRAPNUM)
	jmp	.Lsyscall_to_host

/*S:210
 * We have seen a system call go straight to the guest's kernel; this is its return, straight back (section 3 of
 * docs/switcher.md). Nowhere do values that a guest chose come closer to the hardware: follow one of them from its
 * one read to its check to its use. What is unusual goes to lg_return_to_user(), which chapter Host has shown.
 */
/*
 * The page that the guest shares is its own to change at any time: each field is read once, and checked in the
 * register it will be used from. rcx, r11 and rsp are free; all others are the user's already. NO_DIRECT is the first look: before
 * INIT there is no such page.
 */
.Lreturn_to_user:
	cmpl	$0, SW(NO_DIRECT)
	jne	.Lslow_return
	cmpl	$0, LGD(IRQ_PENDING)
	jne	.Lslow_return
	cmpl	$(LGUEST_USER_DS << 16 | LGUEST_USER_CS), LGD(FRAME_CS)
	jne	.Lslow_return
	movq	LGD(USER_GSBASE), %rsp
	movq	%rsp, %rcx
	shlq	$16, %rcx
	sarq	$16, %rcx
	cmpq	%rcx, %rsp
	jne	.Lslow_return
	movq	LGD(FRAME_RIP), %rcx
	movq	%rcx, %r11
	shrq	$47, %r11
	jnz	.Lslow_return
	movq	LGD(FRAME_RFLAGS), %r11
	testl	$(X86_EFLAGS_TF | X86_EFLAGS_RF), %r11d
	jnz	.Lslow_return
	andl	$SW_USER_FLAGS, %r11d
	orl	$GUEST_FLAGS, %r11d
	wrgsbase %rsp
	movl	$LGUEST_FLAG_IF, LGD(IRQ_ENABLED)
	movl	$1, SW(MODE)
	testl	$LG_FRAME_FULL, LGD(FRAME_FLAGS)
	jnz	.Lfull_return
	movq	SW(CR3_USER), %rsp
	movq	%rsp, %cr3
	movq	LGD(FRAME_RSP), %rsp

/*S:220
 * Both direct switches end here, or in the window below .Lfull_return. A pending NMI or machine check is looked for
 * once, at the window's beginning; one that comes later finds RIP inside it, and its stub (the next station) sends us
 * to the window's abort. So neither enters the guest unseen.
 */
/* All registers are final here: an NMI from here on aborts as if the guest had been entered and left at once */
.Lsysret_window:
	cmpq	$0, SW(NMI_PENDING)	/* and MCE_PENDING, which is the upper half */
	jne	.Labort_sysret
	UNLESS X86_FEATURE_CLEAR_CPU_BUF, .Lsysret
	verw	SW(VERW)
.Lsysret:
	sysretq

.Lslow_return:
	movq	$TRAP_RETURN, SW(TRAPNUM)
	jmp	.Lsyscall_to_host

.Lfull_return:
	leaq	(.Lstart + SW_STACK_TOP)(%rip), %rsp
	pushq	$LGUEST_USER_DS
	pushq	LGD(FRAME_RSP)
	pushq	%r11
	pushq	$LGUEST_USER_CS
	pushq	%rcx
	movq	SW(CR3_USER), %rcx
	movq	%rcx, %cr3
	movq	LGD(FRAME_RCX), %rcx
	movq	LGD(FRAME_R11), %r11
.Luser_iret_window:
	cmpq	$0, SW(NMI_PENDING)	/* and MCE_PENDING, which is the upper half */
	jne	.Labort_user_iret
	UNLESS X86_FEATURE_CLEAR_CPU_BUF, .Luser_iret
	verw	SW(VERW)
.Luser_iret:
	iretq

.Labort_sysret:
	movq	%rsp, SW(RSP)
	leaq	(.Lstart + SW_STACK_TOP)(%rip), %rsp
	movq	$TRAP_ABORT, SW(TRAPNUM)
	jmp	.Lsyscall_to_host
.Labort_user_iret:
	SAVE_GPRS
	movq	$TRAP_ABORT, SW(TRAPNUM)
	jmp	.Lleave_frame

/* SYSCALL in compatibility mode (AMD): not a way into this guest; C makes it #UD */
SYM_INNER_LABEL(lg_cstar, SYM_L_GLOBAL)
	endbr64
	movq	%rsp, SW(RSP)
	leaq	(.Lstart + SW_STACK_TOP)(%rip), %rsp
	movq	%rcx, SW(RIP)
	movq	%r11, SW(RFLAGS)
	SAVE_GPRS
	movq	$LGUEST_USER32_CS, SW(CS)
	movq	$LGUEST_USER_DS, SW(SS)
	movq	$TRAP_CSTAR, SW(TRAPNUM)
	jmp	.Lleave

/*S:160
 * Into the guest. Callee-saved registers are on the host's stack already (lg_enter). From LIDT on an NMI is ours, and
 * until IRETQ has gone it sends us to .Labort, where nothing of the guest's state has changed yet.
 * (Section 1 of docs/switcher.md: its table goes through these steps.)
 */
SYM_INNER_LABEL(lg_switcher_enter, SYM_L_GLOBAL)
	endbr64
	movq	%rsp, SW(HOST_RSP)
	rdgsbase %rax
	movq	%rax, SW(HOST_GS)
	lidt	SW(GUEST_IDTR)
.Lenter_window:
	leaq	(.Lstart + SW_STACK_TOP)(%rip), %rsp
	movq	SW(GSBASE), %rax
	wrgsbase %rax
	movq	SW(CR3_ENTER), %rax
	movq	%rax, %cr3
	cmpl	$0, SW(FLUSH)
	je	3f
	/* What follows is for one entry in some: the other view's entries, one page's, all */
	movq	SW(CR3_FIRST), %rcx
	testq	%rcx, %rcx
	jz	1f
	movq	%rcx, %cr3
	movq	%rax, %cr3
1:	movq	SW(INVLPG), %rax
	testq	%rax, %rax
	jz	2f
	invlpg	(%rax)
	/*
	 * Toggling CR4.PGE drops every TLB entry. Here nothing of the host is used any more that could bring its global ones
	 * back, but what both page tables have.
	 */
2:	movq	SW(CR4), %rax
	testq	%rax, %rax
	jz	3f
	movq	%rax, %rcx
	xorq	$X86_CR4_PGE, %rcx
	movq	%rcx, %cr4
	movq	%rax, %cr4
3:	pushq	SW(SS)
	pushq	SW(RSP)
	pushq	SW(RFLAGS)
	pushq	SW(CS)
	pushq	SW(RIP)
	movq	SW(R15), %r15
	movq	SW(R14), %r14
	movq	SW(R13), %r13
	movq	SW(R12), %r12
	movq	SW(RBP), %rbp
	movq	SW(RBX), %rbx
	movq	SW(R11), %r11
	movq	SW(R10), %r10
	movq	SW(R9), %r9
	movq	SW(R8), %r8
	movq	SW(RAX), %rax
	movq	SW(RCX), %rcx
	movq	SW(RDX), %rdx
	movq	SW(RSI), %rsi
	movq	SW(RDI), %rdi
	UNLESS X86_FEATURE_CLEAR_CPU_BUF, .Lenter_iret
	verw	SW(VERW)
.Lenter_iret:
	iretq
.Labort:
	/* It may have been between the two writes of CR4 */
	movq	SW(CR4), %rax
	testq	%rax, %rax
	jz	1f
	movq	%rax, %cr4
1:	movq	$TRAP_ABORT, SW(TRAPNUM)
	jmp	.Lleave_saved

SYM_INNER_LABEL(lg_switcher_end, SYM_L_GLOBAL)
SYM_DATA_END(lg_switcher_start)

	.section .rodata.lg_sites, "a"
SYM_DATA_END_LABEL(lg_switcher_sites, SYM_L_GLOBAL, lg_switcher_sites_end)
