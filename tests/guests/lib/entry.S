/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The assembler of a tiny guest: the image's head, the page tables it starts on, the first instructions, the three
 * entries that the host jumps to (system call, event from user, event from kernel), and the two ways back. It does
 * what docs/abi.md asks of a guest kernel and no more: the C handlers decide.
 */
#include <linux/lguest.h>
#include "layout.h"
#include "offsets.h"	/* LGD_*: made of offsets.c */

	.section .head, "a"
	.quad HEAD_MAGIC
	.quad start
	.quad boot_pml4 - KERNEL_BASE
	.quad image_end - KERNEL_BASE

	.text
	.globl start
start:
	lea	boot_stack_top(%rip), %rsp
	xor	%ebp, %ebp
	call	guest_start
	ud2

/* The registers of struct regs, from wherever rcx and r11 were put, and all of them back. */
	.macro save_regs rcx, r11
	push	%rdi
	push	%rsi
	push	%rdx
	pushq	\rcx
	push	%rax
	push	%r8
	push	%r9
	push	%r10
	pushq	\r11
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	.endm

	.macro restore_regs
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rax
	pop	%rcx
	pop	%rdx
	pop	%rsi
	pop	%rdi
	.endm

/* Turns what the host put into lgd.frame into a struct regs on the stack. */
	.macro save_event user page
	pushq	\page+LGD_FRAME_SS(%rip)		/* with the frame's flags above it: event_c cuts */
	pushq	\page+LGD_FRAME_RSP(%rip)
	pushq	\page+LGD_FRAME_RFLAGS(%rip)
	pushq	\page+LGD_FRAME_CS(%rip)
	pushq	\page+LGD_FRAME_RIP(%rip)
	pushq	\page+LGD_FRAME_ERROR(%rip)
	pushq	\page+LGD_FRAME_VECTOR(%rip)
	pushq	$LG_FRAME_FULL
	pushq	$\user
	pushq	\page+LGD_USER_GSBASE(%rip)
	pushq	\page+LGD_CR2(%rip)
	save_regs \page+LGD_FRAME_RCX(%rip), \page+LGD_FRAME_R11(%rip)
	movl	$0, \page+LGD_EVENT_BUSY(%rip)
	.endm

/*
 * The entries and ways back of vCPU n, whose shared page is given. Those of vCPU 0 are known by their names alone, too.
 */
	.macro entries n page
	.globl event_entry_user\n, event_entry_kernel\n, syscall_entry\n, return_to_user\n, event_return\n, user_run\n, user_leave\n
	.balign 64
event_entry_user\n:
	save_event 1 \page
	jmp	1f
	.balign 64
event_entry_kernel\n:
	save_event 0 \page
1:	mov	%rsp, %rdi
	mov	%rsp, %rbx
	and	$-16, %rsp
	mov	$\n, %esi
	call	event_c
	mov	%rbx, %rsp
	jmp	event_return\n

	.balign 64
syscall_entry\n:
	pushq	$LGUEST_USER_DS
	pushq	\page+LGD_FRAME_RSP(%rip)
	pushq	\page+LGD_FRAME_RFLAGS(%rip)
	pushq	$LGUEST_USER_CS
	pushq	\page+LGD_FRAME_RIP(%rip)
	pushq	$0
	pushq	$VECTOR_SYSCALL
	pushq	$0
	pushq	$1
	pushq	\page+LGD_USER_GSBASE(%rip)
	pushq	$0
	save_regs %rcx, %r11
	mov	%rsp, %rdi
	mov	%rsp, %rbx
	and	$-16, %rsp
	mov	$\n, %esi
	call	syscall_c
	mov	%rbx, %rsp

/*
 * rsp points to a struct regs: go on there. An event that came in here, before a register was given back, has nothing to go back to: the frame
 * above it is given back anew. Without that each interrupt could nest one frame more, for as long as others send them faster than they are taken.
 */
event_return\n:
	cmpl	$0, R_USER(%rsp)
	jne	return_user\n
	lea	event_return\n(%rip), %rax
	cmp	%rax, R_RIP(%rsp)
	jb	3f
	lea	2f(%rip), %rax
	cmp	%rax, R_RIP(%rsp)
	ja	3f
	mov	R_RSP(%rsp), %rsp
	jmp	event_return\n
3:
	/* The interrupt flag while the registers are still saved: what that lets in nests one frame. */
	mov	R_RFLAGS(%rsp), %eax
	and	$LGUEST_FLAG_IF, %eax
	mov	%eax, \page+LGD_IRQ_ENABLED(%rip)
	jz	1f
	cmpl	$0, \page+LGD_IRQ_PENDING(%rip)
	je	1f
	mov	$LHCALL_SEND_INTERRUPTS, %eax
	syscall
1:	movq	$LGUEST_USER_CS, R_CS(%rsp)
	movq	$LGUEST_USER_DS, R_SS(%rsp)
2:	restore_regs
	lea	R_RIP-R_CR2(%rsp), %rsp
	iretq

return_user\n:
	movl	$0, \page+LGD_IRQ_ENABLED(%rip)	/* an event would overwrite the frame */
	mov	R_RIP(%rsp), %rax
	mov	%rax, \page+LGD_FRAME_RIP(%rip)
	mov	R_RFLAGS(%rsp), %rax
	mov	%rax, \page+LGD_FRAME_RFLAGS(%rip)
	mov	R_RSP(%rsp), %rax
	mov	%rax, \page+LGD_FRAME_RSP(%rip)
	mov	R_RCX(%rsp), %rax
	mov	%rax, \page+LGD_FRAME_RCX(%rip)
	mov	R_R11(%rsp), %rax
	mov	%rax, \page+LGD_FRAME_R11(%rip)
	mov	R_GSBASE(%rsp), %rax
	mov	%rax, \page+LGD_USER_GSBASE(%rip)
	mov	R_CS(%rsp), %eax
	mov	%ax, \page+LGD_FRAME_CS(%rip)
	mov	R_SS(%rsp), %eax
	mov	%ax, \page+LGD_FRAME_SS(%rip)
	mov	R_FULL(%rsp), %eax
	mov	%eax, \page+LGD_FRAME_FLAGS(%rip)
	restore_regs
	syscall
return_to_user\n:
	/* Only a refused return comes here, as a #GP with this address; running on is a bug. */
	ud2

/* u64 user_run(struct regs *): leave for user mode; returns what user_leave() is given. Not nested. */
user_run\n:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, user_resume + 8 * \n(%rip)
	mov	%rsp, %rax
	and	$-16, %rax
	mov	%rax, \page+LGD_SP0(%rip)
	mov	%rdi, %rsp
	jmp	return_user\n

user_leave\n:
	mov	%rdi, %rax
	mov	user_resume + 8 * \n(%rip), %rsp
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret
	.endm

	entries 0 lgd
	entries 1 lgd1
	entries 2 lgd2
	entries 3 lgd3

	.globl event_entry_user, event_entry_kernel, syscall_entry, return_to_user, event_return, user_run, user_leave
	.set event_entry_user, event_entry_user0
	.set event_entry_kernel, event_entry_kernel0
	.set syscall_entry, syscall_entry0
	.set return_to_user, return_to_user0
	.set event_return, event_return0
	.set user_run, user_run0
	.set user_leave, user_leave0

/* Where VCPU_UP starts the others: their number is in rdi, their stack in rsp */
	.globl cpu_entry
cpu_entry:
	xor	%ebp, %ebp
	call	cpu_start
	ud2

	.bss
	.globl lgd, boot_stack_top
	.balign 4096
lgd:	.skip	4096
lgd1:	.skip	4096
lgd2:	.skip	4096
lgd3:	.skip	4096
	.globl	boot_stack
boot_stack:
	.skip	16384
boot_stack_top:
user_resume:
	.skip	8 * 4

	.section .pgtable, "aw"
	.globl boot_pml4
	.balign 4096
boot_pml4:
	.fill	257, 8, 0
	.quad	boot_pdpt - KERNEL_BASE + 3
	.fill	254, 8, 0
boot_pdpt:
	.quad	boot_pd - KERNEL_BASE + 3
	.fill	511, 8, 0
boot_pd:
	.set	i, 0
	.rept	RAM_TABLES
	.quad	boot_pt - KERNEL_BASE + 4096 * i + 3
	.set	i, i + 1
	.endr
	.fill	512 - RAM_TABLES, 8, 0
boot_pt:
	.set	i, 0
	.rept	RAM_TABLES * 512
	.quad	4096 * i + 3
	.set	i, i + 1
	.endr

	.section .note.GNU-stack, "", @progbits
