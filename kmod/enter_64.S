/* SPDX-License-Identifier: GPL-2.0 */
/*S:150
 * The host's side of the crossing, in the module's own text: what a C function must preserve goes to the host's stack.
 * void lg_enter(u64 address): go to lg_switcher_enter at its address in the area; returns when the guest
 * has left, with interrupts off. The switcher comes back (by a far return) to lg_host_return, with this stack pointer, and
 * nothing else as it was. No RET may stand before UNTRAIN_RET and its like have run.
 */
#include <linux/linkage.h>
#include <linux/objtool.h>
#include <asm/alternative.h>
#include <asm/asm.h>
#include <asm/cpufeatures.h>
#include <asm/msr-index.h>
#include <asm/nospec-branch.h>
#include <asm/segment.h>
#include "compat.h"

#ifdef LG_OWN_BARRIERS
/* The kernel's UNTRAIN_RET, CLEAR_BRANCH_HISTORY and those for guests, with what this file has in place of the kernel's functions */
.macro LG_BARRIERS
	CALL_UNTRAIN_RET
	ALTERNATIVE_2 "", "call lg_write_ibpb", X86_FEATURE_ENTRY_IBPB, "call lg_write_ibpb", X86_FEATURE_IBPB_ON_VMEXIT
	ALTERNATIVE_2 "", "call lg_clear_bhb", X86_FEATURE_CLEAR_BHB_LOOP, "call lg_clear_bhb", X86_FEATURE_CLEAR_BHB_VMEXIT
.endm
#else
.macro LG_BARRIERS
	UNTRAIN_RET
	CLEAR_BRANCH_HISTORY
	/* What an administrator chose for guests alone, too */
	ALTERNATIVE_2 "", "call entry_ibpb", X86_FEATURE_IBPB_ON_VMEXIT, "", X86_FEATURE_ENTRY_IBPB
	CLEAR_BRANCH_HISTORY_VMEXIT
.endm
#endif

	.text
SYM_FUNC_START(lg_enter)
	pushq	%rbp
	pushq	%rbx
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	ALTERNATIVE "jmp 1f", "", X86_FEATURE_KERNEL_IBRS
	movl	$MSR_IA32_SPEC_CTRL, %ecx
	movq	%gs:x86_spec_ctrl_current, %rdx
	andl	$(~SPEC_CTRL_IBRS), %edx
	movl	%edx, %eax
	shrq	$32, %rdx
	wrmsr
1:	JMP_NOSPEC rdi
SYM_INNER_LABEL(lg_host_return, SYM_L_GLOBAL)
	ENDBR
	LG_BARRIERS
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbx
	popq	%rbp
	RET
SYM_FUNC_END(lg_enter)
STACK_FRAME_NON_STANDARD lg_enter

/*S:240
 * The round is complete: in, out, straight through, and what can come in between. One piece is left, which
 * host_events() in vcpu.c calls after an exit: the host's handler gets the frame that it would have got from the
 * processor. You have now seen the whole machine, and what is missing in it is yours: that is the last chapter,
 * Mastery.
 */
/*
 * void lg_call_gate(u64 address, u64 flags): call an entry point of the host's IDT as the processor would have. The entry ends
 * in IRETQ, which takes the frame built here and the return address that CALL pushed. The flags are those of now and
 * @flags: X86_EFLAGS_IF there means that interrupts are on when it returns.
 */
SYM_FUNC_START(lg_call_gate)
	pushq	%rbp
	movq	%rsp, %rbp
	andq	$-16, %rsp
	pushq	$__KERNEL_DS
	pushq	%rbp
	pushfq
	orq	%rsi, (%rsp)
	pushq	$__KERNEL_CS
	CALL_NOSPEC rdi
	popq	%rbp
	RET
SYM_FUNC_END(lg_call_gate)
STACK_FRAME_NON_STANDARD lg_call_gate

#ifdef LG_OWN_BARRIERS
/* void lg_write_ibpb(void): the kernel's write_ibpb. Clobbers rax, rcx and rdx, no more */
SYM_FUNC_START(lg_write_ibpb)
	movl	$MSR_IA32_PRED_CMD, %ecx
	movl	$PRED_CMD_IBPB, %eax
	xorl	%edx, %edx
	wrmsr
	/* Where the barrier leaves return predictions alone */
	ALTERNATIVE "jmp 1f", "", X86_BUG_IBPB_NO_RET
	FILL_RETURN_BUFFER %rax, RSB_CLEAR_LOOPS, X86_BUG_IBPB_NO_RET
1:	RET
SYM_FUNC_END(lg_write_ibpb)
STACK_FRAME_NON_STANDARD lg_write_ibpb

/*
 * The kernel's clear_bhb_loop: branches enough, in the pattern and at the places that Intel gives, to push out what the guest
 * left in the branch history. Clobbers rax and rcx.
 */
	.align	64
SYM_FUNC_START(lg_clear_bhb)
	pushq	%rbp
	movq	%rsp, %rbp
	movl	$5, %ecx
	ANNOTATE_INTRA_FUNCTION_CALL
	call	1f
	jmp	5f
	.align	64, 0xcc
	/* each RET is in the upper half of its cache line (ITS) */
	.skip	32 - (.Lret1 - 1f), 0xcc
	ANNOTATE_INTRA_FUNCTION_CALL
1:	call	2f
.Lret1:	RET
	.align	64, 0xcc
	.skip	32 - 18, 0xcc
2:	movl	$5, %eax
3:	jmp	4f
	nop
4:	sub	$1, %eax
	jnz	3b
	sub	$1, %ecx
	jnz	1b
.Lret2:	RET
5:	lfence
	popq	%rbp
	RET
SYM_FUNC_END(lg_clear_bhb)
STACK_FRAME_NON_STANDARD lg_clear_bhb
#endif
