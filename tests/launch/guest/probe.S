/* SPDX-License-Identifier: GPL-2.0 */
/*
 * probe.S: the smallest kernel that lguest-run starts: an ELF file with the lguest note, one page table that maps
 * the first 4 GiB at BASE (top-level slot 257), and a look at what it was given. It is not a test by itself: launch.sh runs it.
 *
 * It does what its command line says with its last letter:
 *	...0 to ...9	power off with that status	r	ask for a restart	p	panic
 *	x	touch a device with an instruction that is no move	s	spin for ever
 * after it has printed the command line and checked device 0's identity (status 99 when that is wrong).
 */
#include <linux/lguest.h>

#define BASE 0xffff808000000000
#define CMD_LINE_PTR 0x228	/* offset in struct boot_params */
#define MMIO 0xd0000000
#define PRINTED 200		/* as much of the command line is shown */

	.macro hypercall nr
	mov $\nr, %eax
	syscall
	.endm

	.text
	.globl _start
_start:
	movabs $BASE, %r13
	add %r13, %rsi
	mov CMD_LINE_PTR(%rsi), %ebp
	add %r13, %rbp
	/* length of the command line, at most 2047: devices have long parameters */
	xor %ebx, %ebx
1:	cmpb $0, (%rbp,%rbx)
	je 2f
	inc %ebx
	cmp $2047, %ebx
	jb 1b
2:	lea greeting(%rip), %rdi	/* addresses in hypercalls are physical: without BASE */
	sub %r13, %rdi
	mov $greeting_end - greeting, %esi
	hypercall LHCALL_PRINT
	mov %rbp, %rdi
	sub %r13, %rdi
	mov %rbx, %rsi
	cmp $PRINTED, %rsi
	jbe 2f
	mov $PRINTED, %esi
2:	hypercall LHCALL_PRINT
	lea newline(%rip), %rdi
	sub %r13, %rdi
	mov $2, %esi
	hypercall LHCALL_PRINT

	/* Device 0, if the command line announces one: magic, version, and a store that is read back as 0. */
	mov $99, %r14d
	mov $MMIO, %r15d
	add %r13, %r15
	mov (%r15), %eax
	cmp $-1, %eax
	je 3f
	cmp $0x74726976, %eax
	jne off
	movzwl 4(%r15), %eax	/* not a 32-bit access: reads as 0 */
	test %eax, %eax
	jnz off
	mov 4(%r15), %r9d
	cmp $2, %r9d
	jne off
	movl $0, 0x70(%r15)	/* reset */
	mov 0x70(%r15), %eax
	test %eax, %eax
	jnz off

3:	movzbl -1(%rbp,%rbx), %eax
	cmp $'r', %al
	je restart
	cmp $'p', %al
	je crash
	cmp $'x', %al
	je odd
	cmp $'s', %al
	je spin
	sub $'0', %eax
	mov %eax, %r14d
off:	mov $LGUEST_SHUTDOWN_POWEROFF, %edx
	jmp end
restart:
	mov $LGUEST_SHUTDOWN_RESTART, %edx
	jmp end
crash:	mov $LGUEST_SHUTDOWN_CRASH, %edx
end:	lea reason(%rip), %rdi
	sub %r13, %rdi
	mov $reason_end - reason, %esi
	mov %r14d, %r10d
	hypercall LHCALL_SHUTDOWN
odd:	lock incl (%r15)
spin:	pause
	jmp spin

	.data
greeting: .ascii "probe: "
greeting_end:
newline: .ascii "\r\n"
reason:	.ascii "as asked"
reason_end:

	/* 4 GiB in pages of 1 GiB; supervisor */
	.balign 4096
	.globl pml4
pml4:	.fill 257, 8, 0
	.quad pdpt - BASE + 3
	.fill 254, 8, 0
pdpt:	.quad 0x83, 0x40000083, 0x80000083, 0xc0000083
	.fill 508, 8, 0

	.section .note.lguest, "a", @note
	.balign 4
	.long 7, 32, LGUEST_ELFNOTE_ENTRY
	.asciz "lguest"
	.balign 4
	.long LGUEST_ABI_VERSION, 0
	.quad _start, pml4 - BASE, 0

	.section .note.GNU-stack, "", @progbits
