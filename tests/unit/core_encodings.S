/* SPDX-License-Identifier: GPL-2.0 */
/*
 * core_encodings.S: instructions as the assembler writes them, each with what decode_mov() must say of it. Their
 * lengths are the assembler's too, so that no table of ours can repeat a mistake of the decoder.
 *
 * Rows: store, bytes accessed, register, bytes written by a load, sign-extends, high byte register, has immediate,
 * immediate; then the instruction. Memory operands are in every form that 64-bit mode has.
 */
	.macro row store:req, size:req, reg:req, dest:req, sign:req, high:req, has_imm:req, imm:req, insn:vararg
	.pushsection .text.encodings, "ax", @progbits
1:	\insn
2:
	.popsection
	.quad 1b
	.quad \imm
	.byte 2b - 1b, \store, \size, \reg, \dest, \sign, \high, \has_imm
	.endm

	.section .data.rel.ro.encodings, "aw", @progbits
	.balign 8
	.globl encodings, encodings_end
encodings:
	/* stores from a register */
	row 1 1 0 1 0 0 0 0, mov %al, (%rdi)
	row 1 1 3 1 0 0 0 0, mov %bl, 0x50(%rdi)
	row 1 1 0 1 0 1 0 0, mov %ah, (%rdi)
	row 1 1 3 1 0 1 0 0, mov %bh, 0x12345(%rdi)
	row 1 1 6 1 0 0 0 0, mov %sil, (%rdi)
	row 1 1 4 1 0 0 0 0, mov %spl, (%rdi)
	row 1 1 9 1 0 0 0 0, mov %r9b, (%rdi)
	row 1 2 2 2 0 0 0 0, mov %dx, (%rdi)
	row 1 2 15 2 0 0 0 0, mov %r15w, (%rax,%rcx,4)
	row 1 4 1 4 0 0 0 0, mov %ecx, (%rsp)
	row 1 4 1 4 0 0 0 0, mov %ecx, 8(%rsp)
	row 1 4 1 4 0 0 0 0, mov %ecx, 0x800(%rsp)
	row 1 4 1 4 0 0 0 0, mov %ecx, (%rbp)
	row 1 4 1 4 0 0 0 0, mov %ecx, (%r12)
	row 1 4 1 4 0 0 0 0, mov %ecx, (%r13)
	row 1 4 1 4 0 0 0 0, mov %ecx, (%r13,%r14,8)
	row 1 4 10 4 0 0 0 0, mov %r10d, 0x1234(%rip)
	row 1 4 5 4 0 0 0 0, mov %ebp, 0x1234
	row 1 4 5 4 0 0 0 0, mov %ebp, 0x1234(,%rax,2)
	row 1 4 5 4 0 0 0 0, mov %ebp, (%rbp,%rax,2)
	row 1 4 7 4 0 0 0 0, mov %edi, (%eax)
	row 1 4 7 4 0 0 0 0, mov %edi, %fs:(%rax)
	row 1 4 7 4 0 0 0 0, mov %edi, %gs:0x10(%eax)
	row 1 8 12 8 0 0 0 0, mov %r12, 0x10(%rbx)
	row 1 8 4 8 0 0 0 0, mov %rsp, (%rax)
	/* stores of an immediate */
	row 1 1 0 0 0 0 1 0x7f, movb $0x7f, (%rdi)
	row 1 1 0 0 0 0 1 -1, movb $-1, 0x50(%rsp,%rbx)
	row 1 2 0 0 0 0 1 0x1234, movw $0x1234, (%rdi)
	row 1 4 0 0 0 0 1 0x12345678, movl $0x12345678, 0x70(%r8)
	row 1 4 0 0 0 0 1 1, movl $1, 0x1234(%rip)
	row 1 8 0 0 0 0 1 -2, movq $-2, (%rdi)
	row 1 8 0 0 0 0 1 0x7fffffff, movq $0x7fffffff, 0x100(%r11)
	/* loads */
	row 0 1 0 1 0 0 0 0, mov (%rdi), %al
	row 0 1 2 1 0 1 0 0, mov 4(%rdi), %dh
	row 0 1 7 1 0 0 0 0, mov (%rax), %dil
	row 0 2 8 2 0 0 0 0, mov (%rax), %r8w
	row 0 4 0 4 0 0 0 0, mov (%rdi), %eax
	row 0 4 11 4 0 0 0 0, mov (%r11), %r11d
	row 0 8 6 8 0 0 0 0, mov 0x80(%rdi), %rsi
	row 0 1 0 4 0 0 0 0, movzbl (%rdi), %eax
	row 0 1 14 2 0 0 0 0, movzbw (%rdi), %r14w
	row 0 1 5 8 0 0 0 0, movzbq (%rdi), %rbp
	row 0 2 4 4 0 0 0 0, movzwl 0x100(%rdi), %esp
	row 0 2 1 8 0 0 0 0, movzwq (%rdi,%rdx), %rcx
	row 0 1 0 4 1 0 0 0, movsbl (%rdi), %eax
	row 0 1 3 8 1 0 0 0, movsbq (%rdi), %rbx
	row 0 1 3 2 1 0 0 0, movsbw (%rdi), %bx
	row 0 2 2 4 1 0 0 0, movswl (%rdi), %edx
	row 0 2 2 8 1 0 0 0, movswq 0x11223344(%rdi), %rdx
	row 0 4 13 8 1 0 0 0, movslq (%rdi), %r13
	/* the accumulator and an absolute address */
	row 0 1 0 1 0 0 0 0, movabs 0x1122334455667788, %al
	row 0 2 0 2 0 0 0 0, movabs 0x1122334455667788, %ax
	row 0 4 0 4 0 0 0 0, movabs 0x1122334455667788, %eax
	row 0 8 0 8 0 0 0 0, movabs 0x1122334455667788, %rax
	row 1 1 0 1 0 0 0 0, movabs %al, 0x1122334455667788
	row 1 4 0 4 0 0 0 0, movabs %eax, 0x1122334455667788
	row 1 4 0 4 0 0 0 0, addr32 movabs %eax, 0x11223344
	row 1 8 0 8 0 0 0 0, movabs %rax, 0x1122334455667788
encodings_end:

	/* What must be refused: not moves, or moves of another kind. */
	.macro refused insn:vararg
	.pushsection .text.encodings, "ax", @progbits
1:	\insn
2:
	.popsection
	.quad 1b
	.quad 2b - 1b
	.endm
	.globl refusals, refusals_end
refusals:
	refused mov %eax, %ecx
	refused movzbl %al, %ecx
	refused add %eax, (%rdi)
	refused xchg %eax, (%rdi)
	refused lock incl (%rdi)
	refused stosl
	refused rep movsb
	refused movups %xmm0, (%rdi)
	refused vmovdqu (%rdi), %ymm0
	refused push (%rdi)
	refused movbe (%rdi), %eax
	refused jmp *(%rdi)
	refused test %eax, (%rdi)
	refused .byte 0xc7, 0x08, 1, 0, 0, 0
	refused .byte 0xc6, 0xf8, 0
	refused .byte 0x48, 0x66, 0x0f, 0x0b
refusals_end:

	.section .note.GNU-stack, "", @progbits
