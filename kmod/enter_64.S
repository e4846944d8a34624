/* SPDX-License-Identifier: GPL-2.0 */
/*S:150
 * The host's side of the crossing, in the module's own text: what a C function must preserve goes to the host's stack.
 * void lg_enter(u64 address, u64 *host_return): go to lg_switcher_enter at its address in the area; returns when the guest
 * has left, with interrupts off. The switcher comes back (by a far return) to what is put in *host_return, with this stack pointer, and
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
1:	leaq	.Lhost_return(%rip), %rax
	movq	%rax, (%rsi)
	JMP_NOSPEC rdi
.Lhost_return:
	ENDBR
	UNTRAIN_RET
	CLEAR_BRANCH_HISTORY
	/* What an administrator chose for guests alone, too */
	ALTERNATIVE_2 "", "call entry_ibpb", X86_FEATURE_IBPB_ON_VMEXIT, "", X86_FEATURE_ENTRY_IBPB
	CLEAR_BRANCH_HISTORY_VMEXIT
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbx
	popq	%rbp
	RET
SYM_FUNC_END(lg_enter)
STACK_FRAME_NON_STANDARD lg_enter

/*
 * void lg_call_gate(u64 address): call an entry point of the host's IDT as the processor would have. The entry ends
 * in IRETQ, which takes the frame built here and the return address that CALL pushed.
 */
SYM_FUNC_START(lg_call_gate)
	pushq	%rbp
	movq	%rsp, %rbp
	andq	$-16, %rsp
	pushq	$__KERNEL_DS
	pushq	%rbp
	pushfq
	pushq	$__KERNEL_CS
	CALL_NOSPEC rdi
	popq	%rbp
	RET
SYM_FUNC_END(lg_call_gate)
STACK_FRAME_NON_STANDARD lg_call_gate
