/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The layout that switcher_64.S and the C code share: where the pages of a vCPU's switcher area are, and the struct of the
 * page that the switcher works on. Where each field of it is, assembler has from offsets.h, which the build makes of offsets.c.
 * It may hold constants and that one struct; nothing else of the module belongs here.
 */
#ifndef LG_SWITCH_H
#define LG_SWITCH_H

#include "layout.h"

/* One area per vCPU in the guest's own slot 256; the switcher reaches all of it RIP-relative */
#define SW_AREA_SHIFT	16
#define SW_AREA_SIZE	(1 << SW_AREA_SHIFT)
#define SW_TEXT_PAGES	3
#define SW_IDT_OFF	0x4000
#define SW_SWITCH_OFF	0x5000
#define SW_DATA_OFF	0x6000
/* Nothing is mapped below the stack: what runs over must not come out in the page that the guest shares */
#define SW_STACK_OFF	0x8000
#define SW_STACK_TOP	0x9000

/* trapnum past the 256 vectors */
#define TRAP_HCALL	256	/* SYSCALL in guest kernel mode */
#define TRAP_SYSCALL	257	/* SYSCALL in guest user mode, direct switch off */
#define TRAP_RETURN	258	/* return to user that the switcher left to C */
#define TRAP_CSTAR	259	/* SYSCALL in compatibility mode */
#define TRAP_ABORT	260	/* NMI or #MC in a window: the guest's state is as it was */
#define TRAP_IRET	261	/* IRETQ to the guest faulted */
#define TRAP_BUG	262	/* a fault inside the switcher */

/* return_to_user before INIT: not canonical, so no SYSCALL comes from there. (0 does: from the last two bytes of the address space) */
#define SW_NO_RETURN	(~0ULL >> 1)

/* Flags that a user-mode return may set as they are: CF PF AF ZF SF DF OF NT AC ID; TF and RF go through C */
#define SW_USER_FLAGS	0x244cd5

#ifndef __ASSEMBLY__
#include <linux/types.h>

struct lg_idtr {
	u16 size;
	u64 address;
	u16 pad[3];
} __packed;

/**
 * struct lg_switch - the private page of a vCPU: all that the switcher knows
 * Mapped for supervisor access only in the launcher's and the guest's page tables. C code writes it while the
 * vCPU is not in the guest; the switcher while it is.
 * @mode: 0 guest kernel, 1 guest user
 * @no_direct: not 0 while user mode must not be entered or left without the host
 * @flush: this entry has TLB entries to drop: as the next three say, which are not looked at else (but @cr4 on an abort)
 * @cr3_first: not 0: the other view's, loaded too, since both views need their TLB entries flushed
 * @invlpg: not 0: an address
 * @cr4: the host's, when an entry has to drop the host's global TLB entries; else 0
 */
struct lg_switch {
	u64 r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
	u64 trapnum, error, rip, cs, rflags, rsp, ss;
	u64 gsbase;
	u64 cr3_enter, cr3_first, invlpg;
	u64 cr3[2];
	u64 kernel_gsbase, syscall_entry, return_to_user;
	u64 host_rsp, host_gsbase, host_cr3, host_return;
	struct lg_idtr host_idtr, guest_idtr;
	u32 mode, no_direct;
	u32 nmi_pending, mce_pending;
	u64 nmis, mces, dbs;
	u64 fault_vec, fault_error, fault_rip, fault_cr2;
	u64 verw_sel;
	u64 cr4;
	u32 flush;
};
#endif
#endif
