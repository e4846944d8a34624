// SPDX-License-Identifier: GPL-2.0
/*
 * Starts an uncompressed Linux kernel with 4 or 5 levels of page tables, in QEMU and in Bochs. Debian's bzImage would spend
 * seconds (in Bochs half a minute) unpacking itself, and the kernel's own PVH entry never turns on 5 levels. This enters by
 * the 64-bit boot protocol (Documentation/arch/x86/boot.rst) with everything else prepared by bootimage.py: page
 * tables, boot parameters, command line. It is loaded at BOOT_BASE and may use that one page and no stack.
 *
 * There are three ways in: `start`, in 32-bit flat protected mode (the PVH entry for QEMU); `rom`, a real-mode option ROM that
 * Bochs's BIOS calls when it has set up its tables, which hooks INT 19h; and `boot`, which INT 19h then reaches and goes to `start`.
 */
#define BOOT_BASE	0x800000

#define CR0_PE		0x1
#define CR0_PG		0x80000000
#define MSR_EFER	0xc0000080
#define EFER_LME	0x100

	.section .start, "ax"
	.code32
	.globl	start
start:
	jmp	1f
	.balign	8
// Filled in by bootimage.py, which knows this order.
param_cr4:	.long	0
param_cr3:	.long	0
param_entry:	.quad	0
param_boot:	.quad	0
1:
	cli
	lgdt	gdt_pointer
	movl	param_cr4, %eax
	movl	%eax, %cr4
	movl	param_cr3, %eax
	movl	%eax, %cr3
	movl	$MSR_EFER, %ecx
	rdmsr
	orl	$EFER_LME, %eax
	wrmsr
	movl	%cr0, %eax
	orl	$(CR0_PG | CR0_PE), %eax
	movl	%eax, %cr0
	ljmp	$0x10, $2f
	.code64
2:
	movl	$0x18, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	movq	param_boot, %rsi
	jmp	*param_entry

	.balign	8
gdt:
	.quad	0
	.quad	0x00cf9b000000ffff	// 0x08: 32-bit code, for Bochs's way here
	.quad	0x00af9b000000ffff	// 0x10: 64-bit code, the protocol's __BOOT_CS
	.quad	0x00cf93000000ffff	// 0x18: data, the protocol's __BOOT_DS
gdt_end:
gdt_pointer:
	.word	gdt_end - gdt - 1
	.long	gdt

	.section .rom, "ax"
	.code16
	.globl	rom
rom:
	.word	0xaa55
	.byte	1			// in units of 512 bytes
	jmp	1f
	.org	rom + 0x20		// clear of the header fields a BIOS looks at
1:
	// INT 19h, which ends the BIOS's work, comes to `boot` instead of looking for a disk.
	pushw	%ds
	pushw	%ax
	xorw	%ax, %ax
	movw	%ax, %ds
	movw	$(boot - rom), 0x19 * 4
	movw	%cs, 0x19 * 4 + 2
	popw	%ax
	popw	%ds
	lretw

boot:
	cli
	inb	$0x92, %al
	orb	$2, %al			// the A20 line
	outb	%al, $0x92
	lgdtl	%cs:(rom_gdt_pointer - rom)
	movl	%cr0, %eax
	orl	$CR0_PE, %eax
	movl	%eax, %cr0
	movw	$0x18, %ax
	movw	%ax, %ds
	ljmpl	$0x08, $start
rom_gdt_pointer:
	.word	gdt_end - gdt - 1
	.long	gdt
	.org	rom + 511
	.byte	0			// checksum, by bootimage.py
