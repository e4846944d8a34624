// SPDX-License-Identifier: GPL-2.0
/*
 * Privileged and sensitive instructions, in both modes: #GP or #UD for the guest, as the processor gives it, and nothing for
 * the host. Those that any program may use work.
 */
#include "guest.h"

/*
 * An instruction once in the kernel and once in user mode; `may` when it may also succeed (it depends on UMIP and the like), NEW_QEMU
 * when QEMU 10 does not get it right (INVD and WBINVD do nothing at any CPL; of 0F C7 with a memory operand that it
 * does not know, it takes a byte too many): those are left out there, and are tried in QEMU 7.2 and in Bochs.
 */
#define NEW_QEMU	2
#define LIST(X)							\
	X(cli, "cli", 0) X(sti, "sti", 0) X(hlt, "hlt", 0)	\
	X(in8, "in $0x80, %al", 0) X(indx, "mov $0x3f8, %edx; in %dx, %al", 0) X(out8, "out %al, $0x80", 0)	\
	X(outdx, "mov $0xcf9, %edx; mov $6, %al; out %al, %dx", 0) X(out32, "mov $0xcf8, %edx; out %eax, %dx", 0)	\
	X(insb, "mov $0x60, %edx; insb", 0) X(outsb, "mov $0x60, %edx; outsb", 0)	\
	X(rcr0, "mov %cr0, %rax", 0) X(rcr2, "mov %cr2, %rax", 0) X(rcr3, "mov %cr3, %rax", 0)	\
	X(rcr4, "mov %cr4, %rax", 0) X(rcr8, "mov %cr8, %rax", 0)	\
	X(wcr0, "xor %eax, %eax; mov %rax, %cr0", 0) X(wcr2, "mov %rax, %cr2", 0) X(wcr3, "xor %eax, %eax; mov %rax, %cr3", 0)	\
	X(wcr4, "xor %eax, %eax; mov %rax, %cr4", 0) X(wcr8, "xor %eax, %eax; mov %rax, %cr8", 0)	\
	X(rdr0, "mov %dr0, %rax", 0) X(rdr7, "mov %dr7, %rax", 0) X(wdr0, "mov %rax, %dr0", 0) X(wdr7, "mov %rax, %dr7", 0)	\
	X(rdmsr, "mov $0xc0000080, %ecx; rdmsr", 0) X(wrmsr, "mov $0xc0000082, %ecx; xor %eax, %eax; xor %edx, %edx; wrmsr", 0)	\
	X(lgdt, "sub $16, %rsp; lgdt (%rsp)", 0) X(lidt, "sub $16, %rsp; lidt (%rsp)", 0)	\
	X(lldt, "xor %eax, %eax; lldt %ax", 0) X(ltr, "mov $0x40, %eax; ltr %ax", 0) X(lmsw, "xor %eax, %eax; lmsw %ax", 0)	\
	X(clts, "clts", 0) X(invd, "invd", NEW_QEMU) X(wbinvd, "wbinvd", NEW_QEMU) X(invlpg, "invlpg (%rsp)", 0)	\
	X(xsetbv, "xor %ecx, %ecx; xor %edx, %edx; mov $1, %eax; xsetbv", 0) X(sysretq, "sysretq", 0) X(swapgs, "swapgs", 0)	\
	X(rdpmc, "xor %ecx, %ecx; rdpmc", 1) X(sgdt, "sub $16, %rsp; sgdt (%rsp)", 1) X(sidt, "sub $16, %rsp; sidt (%rsp)", 1)	\
	X(sldt, "sldt %ax", 1) X(str_, "str %ax", 1) X(smsw, "smsw %ax", 1)	\
	X(monitor, "mov %rsp, %rax; xor %ecx, %ecx; xor %edx, %edx; monitor", 0)	\
	X(mwait, "xor %eax, %eax; xor %ecx, %ecx; mwait", 0)	\
	X(vmcall, "vmcall", 0) X(vmmcall, "vmmcall", 0) X(vmxoff, "vmxoff", 0) X(vmlaunch, "vmlaunch", 0)	\
	X(vmxon, "sub $16, %rsp; vmxon (%rsp)", NEW_QEMU)	\
	X(vmrun, "vmrun", 0) X(vmload, "vmload", 0) X(stgi, "stgi", 0) X(clgi, "clgi", 0) X(invlpga, "invlpga", 0)	\
	X(invpcid, "xor %eax, %eax; sub $16, %rsp; invpcid (%rsp), %rax", 0)	\
	X(xsaves, "sub $4096, %rsp; and $-64, %rsp; xsaves (%rsp)", NEW_QEMU)	\
	X(xrstors, "sub $4096, %rsp; and $-64, %rsp; xrstors (%rsp)", NEW_QEMU)	\
	X(clac, "clac", 0) X(stac, "stac", 0) X(rsm, "rsm", 0) X(getsec, "getsec", 0)	\
	X(far_kernel, "push $0x10; push $0; lretq", 0) X(far_tss, "push $0x40; push $0; lretq", 0)	\
	X(iret_kernel, "push $0x18; push $0; push $0x202; push $0x10; push $0; iretq", 0)	\
	X(iret_null, "push $0; push $0; push $0x202; push $0; push $0; iretq", 0)	\
	X(sysenter, "mov %rsp, %rbp; sysenter", 0)	\
	X(ud0, ".byte 0x0f, 0xff, 0xc0", 0) X(lds, ".byte 0xc5, 0x00", 0) X(prefix15, ".fill 15, 1, 0x66; nop", 0)	\
	X(lock_reg, ".byte 0xf0, 0x01, 0xc0", 0) X(pushcs, ".byte 0x0e", 0)

#define X(name, text, may) USER __attribute__((naked)) static void u_##name(u64 arg) { (void)arg; asm volatile(text "; mov $1, %edi; syscall"); }
LIST(X)
#undef X

/* The kernel's turn: the same code, at its kernel address, with a RET in the place of the system call's MOV. */
static u64 in_kernel(void (*f)(u64))
{
	static u8 copy[256] __attribute__((aligned(4096)));
	u8 *code = (u8 *)(u64)f;
	u64 n;

	for (n = 0; n < 200; n++)
		if (code[n] == 0xbf && code[n + 1] == 1 && code[n + 2] == 0 && code[n + 5] == 0x0f && code[n + 6] == 5)
			break;
	CHECK(n < 200);
	memcpy(copy, code, n);
	memcpy(copy + n, (u8[]){ 0x41, 0xff, 0xe0 }, 3);	/* JMP *%r8 */
	return TRY_AT("push %%rbp; mov %%rsp, %%r9; lea 78f(%%rip), %%r8; jmp *%%rdi\n78:", copy);
}

static bool new_qemu;

static void both(const char *name, void (*f)(u64), int may)
{
	struct regs r;
	u64 kernel, user;

	if (may == NEW_QEMU && new_qemu)
		return;
	may &= ~NEW_QEMU;
	kernel = in_kernel(f);
	if (kernel != 13 && kernel != 6 && !(may && kernel == NO_FAULT))
		fail("%s in the kernel: %ld, error 0x%lx, rip 0x%lx, cr2 0x%lx", name, (long)kernel, (long)fault.error, (long)fault.rip, (long)fault.cr2);
	if (kernel != NO_FAULT)
		CHECK_EQ(fault.cs, LGUEST_KERNEL_CS);
	user_regs(&r, f, 0);
	r.rax = r.rdx = r.rcx = 0;
	fault.vector = NO_FAULT;
	user = user_go(&r);
	if (user == USER_FAULTED ? fault.vector != 13 && fault.vector != 6 : !may)
		fail("%s in user mode: %ld, error 0x%lx, rip 0x%lx, cr2 0x%lx", name, (long)fault.vector, (long)fault.error,
		     (long)fault.rip, (long)fault.cr2);
	irq_off();
}

void guest_main(u64 arg, u64 seed)
{
	(void)arg;
	(void)seed;
	user_map(boot_pml4);
	new_qemu = on_tcg() && TRY(".byte 0xf1") == 1;	/* the old one has no ICEBP */
#define X(name, text, may) both(#name, u_##name, may);
	LIST(X)
#undef X
	CHECK_EQ(TRY("mov $0, %%eax; cpuid"), NO_FAULT);
	CHECK_EQ(TRY("rdtsc"), NO_FAULT);
	CHECK_EQ(TRY("xor %%ecx, %%ecx; xgetbv"), NO_FAULT);
}
