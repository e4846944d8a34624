// SPDX-License-Identifier: GPL-2.0
/*S:115
 * The private page and the page shared with the guest are structs in C, and the Switcher, which works on both, is assembler. This
 * file tells it where their fields are. It is compiled to assembler only, and Kbuild's own rule makes offsets.h of that, as the
 * kernel makes its asm-offsets.h: nobody writes such a number down, and a field that moves takes the Switcher's instructions with
 * it. It may hold the lists alone; what else must be true of the structs is in switcher.c: check_layout().
 */
#define COMPILE_OFFSETS
#include <linux/kbuild.h>
#include <linux/lguest.h>
#include "switch.h"

void lg_offsets(void);

#define SW(name, field) OFFSET(SW_##name, lg_switch, field)
#define LGD(name, field) OFFSET(LGD_##name, lguest_data, field);

void lg_offsets(void)
{
	LGUEST_DATA_OFFSETS(LGD)
	SW(R15, r15);
	SW(R14, r14);
	SW(R13, r13);
	SW(R12, r12);
	SW(R11, r11);
	SW(R10, r10);
	SW(R9, r9);
	SW(R8, r8);
	SW(RBP, rbp);
	SW(RBX, rbx);
	SW(RAX, rax);
	SW(RCX, rcx);
	SW(RDX, rdx);
	SW(RSI, rsi);
	SW(RDI, rdi);
	SW(TRAPNUM, trapnum);
	SW(ERROR, error);
	SW(RIP, rip);
	SW(CS, cs);
	SW(RFLAGS, rflags);
	SW(RSP, rsp);
	SW(SS, ss);
	SW(GSBASE, gsbase);
	SW(CR3_ENTER, cr3_enter);
	SW(CR3_FIRST, cr3_first);
	SW(INVLPG, invlpg);
	SW(CR3_KERNEL, cr3[0]);
	SW(CR3_USER, cr3[1]);
	SW(KERNEL_GS, kernel_gsbase);
	SW(SYSCALL, syscall_entry);
	SW(RETURN, return_to_user);
	SW(HOST_RSP, host_rsp);
	SW(HOST_GS, host_gsbase);
	SW(HOST_CR3, host_cr3);
	SW(HOST_RETURN, host_return);
	SW(HOST_IDTR, host_idtr);
	SW(GUEST_IDTR, guest_idtr);
	SW(MODE, mode);
	SW(NO_DIRECT, no_direct);
	SW(NMI_PENDING, nmi_pending);
	SW(MCE_PENDING, mce_pending);
	SW(NMIS, nmis);
	SW(MCES, mces);
	SW(DBS, dbs);
	SW(FAULT_VEC, fault_vec);
	SW(FAULT_ERROR, fault_error);
	SW(FAULT_RIP, fault_rip);
	SW(FAULT_CR2, fault_cr2);
	SW(VERW, verw_sel);
	SW(CR4, cr4);
	SW(FLUSH, flush);
}
