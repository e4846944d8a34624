// SPDX-License-Identifier: GPL-2.0
/*
 * Touches what is not the guest's: slot 256 and the host's kernel half, its cpu_entry_area page by page, by reading, writing
 * and executing, in both modes. Every touch is a page fault of the guest's that says "not present" (or, with a gap between
 * canonical addresses, #GP). arg: 0 slot 256, 1 the cpu_entry_area, 2 the rest of the kernel half, 3 all that again in user mode.
 */
#include "guest.h"

USER static void read_there(u64 arg)
{
	user_syscall(0, *(volatile u8 *)arg);
}

USER static void write_there(u64 arg)
{
	*(volatile u8 *)arg = 1;
	user_syscall(0, 1);
}

USER static void go_there(u64 arg)
{
	((void (*)(void))arg)();
	user_syscall(0, 1);
}

static u64 touches, part = 1;	/* --short: the part-th part of it */

static void refused(u64 address, u64 error, u64 vector)
{
	touches++;
	if (vector == 14 && fault.cr2 == address && fault.error == error)
		return;
	if (vector == NO_FAULT)
		fail("0x%lx can be touched (error would be 0x%lx)", (long)address, (long)error);
	fail("0x%lx: exception %ld, error 0x%lx (not 0x%lx), cr2 0x%lx", (long)address, (long)vector, (long)fault.error,
	     (long)error, (long)fault.cr2);
}

static void user_touch(void (*f)(u64), u64 address, u64 error)
{
	fault.vector = NO_FAULT;
	user_call(f, address);
	refused(address, error, fault.vector);
}

static void touch(u64 address, bool user)
{
	if (user) {
		user_touch(read_there, address, 4);
		user_touch(write_there, address, 6);
		user_touch(go_there, address, 0x14);
	} else {
		refused(address, 0, try_read((void *)address));
		refused(address, 2, try_write((void *)address, 0));
		refused(address, 0x10, try_exec(address));
	}
}

static void walk(u64 from, u64 n, u64 stride, bool user)
{
	for (u64 i = 0; i < n; i++)
		touch(from + i * stride + (i * 8 & 0xff8), user);
}

static void slot256(bool user, u64 n)
{
	walk(0xffff800000000000, n, 4096, user);		/* where things are */
	walk(0xffff800000000000, 512 / part, part << 30, user);
	walk(0xffff800000000000, n, 1UL << 21, user);
	walk(0xffff807ffff00000, (256 + part - 1) / part, 4096, user);
}

static void cea(bool user, u64 n)
{
	walk(0xfffffe0000000000, n, 4096, user);
	walk(0xfffffe0000000000 + n * 4096, 64 / part + 1, part << 32, user);
}

static void rest(bool user, u64 n)
{
	for (u64 slot = 258; slot < 512; slot++)
		walk(0xffff000000000000 | slot << 39, part > 1 ? 2 : 8, 0x0fedcb000, user);
	walk(0xffff888000000000, n, 4096, user);		/* direct map */
	walk(0xffffc90000000000, n, 4096, user);		/* vmalloc */
	walk(0xffffea0000000000, n, 4096, user);		/* struct pages */
	walk(0xffffffff81000000, n, 0x4000, user);		/* text */
	walk(0xffffffff82000000, n, 0x4000, user);		/* data */
	walk(0xffffffffc0000000, n, 4096, user);		/* modules, lg.ko among them */
	walk(0xffffffffff000000, 4096 / part, 4096 * part, user);		/* fixmap, vsyscall */
}

void guest_main(u64 arg, u64 seed)
{
	(void)seed;
	user_map(boot_pml4);
	if (shortened)
		part = 100;
	switch (arg) {
	case 0: slot256(false, 1500 / part); break;
	case 1: cea(false, 1500 / part); break;
	case 2: rest(false, 600 / part); break;
	case 3: slot256(true, 150 / part); cea(true, 700 / part); rest(true, 100 / part); break;
	}
	pass("%ld touches", (long)touches);
}
