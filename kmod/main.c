// SPDX-License-Identifier: GPL-2.0
/*P:100
 * lg.ko: loading and unloading. Before /dev/lguest appears, the host must be one that the switcher is right for: each thing
 * that would break it is refused here, by name, with a sentence in the log. Nothing of the host is changed by loading.
 *
 * The journey begins here, with the picture; each station after this one says why you have come to it.
 *
 *	lguest-run	opens all, starts all, watches all; sees nothing of the guest
 *	    |
 *	lguest-core ---- lguest-block, lguest-net, ...	a process for each device: its window, and one thing of the host's
 *	    |			^    |
 *	/dev/lguest	   kick |    | call		eventfds; neither goes through lguest-core
 *	    |			|    v
 *	 lg.ko, this module ----------
 *	    |
 *	the guest: its kernel and its programs, all of them in ring 3
 */
#include <linux/cc_platform.h>
#include <linux/kernel.h>
#include <linux/mem_encrypt.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <asm/cpu_entry_area.h>
#include <asm/cpufeature.h>
#include <asm/desc.h>
#include <asm/pgtable.h>
#include <asm/tlbflush.h>
#include "compat.h"
#include "dev.h"
#include "lg.h"

bool lg_la57, lg_pcid;
u64 lg_cea_entry;

/* The kernel's command line knows APX by no name, only by its number, which is the kernel's own */
static const char *unsaved_registers(void)
{
	static char why[200];
	u64 bits = lg_fpu_unsaved();

	if (!bits)
		return NULL;
	snprintf(why, sizeof(why), "this host has registers on that nobody would save for a guest (XCR0 %#llx); where they are APX's (0x80000), boot it with clearcpuid=%u",
		 bits, X86_FEATURE_APX);
	return why;
}

/* Why this host can't be used, or NULL */
static const char *unfit_host(void)
{
#ifdef X86_FEATURE_FRED
	if (boot_cpu_has(X86_FEATURE_FRED))
		return "this host uses FRED event delivery, which has no IDT to switch; boot it with fred=off";
#endif
#ifdef X86_CR4_LASS
	if (native_read_cr4() & X86_CR4_LASS)
		return "this host has LASS on, which keeps ring 3 out of the upper half; boot it with clearcpuid=lass";
#endif
#ifdef LG_OWN_FPU
	if (lg_async_page_faults())
		return "this host takes KVM's asynchronous page faults, and its kernel lets only KVM do so for a guest; boot it with no-kvmapf";
	if (!(native_read_cr4() & X86_CR4_OSXSAVE))
		return "this host has XSAVE switched off, with which lg.ko saves a guest's registers on its kernel; boot it without noxsave";
#endif
	if (lg_invlpgb() && boot_cpu_has(X86_FEATURE_PTI))
		return "this host uses INVLPGB and page-table isolation, which leave no PCIDs; boot it with pti=off";
	if (lg_invlpgb() && !IS_ENABLED(CONFIG_MITIGATION_PAGE_TABLE_ISOLATION))
		return "this host uses INVLPGB, and its kernel, built without page-table isolation, all PCIDs; boot it with clearcpuid=419";	/* INVLPGB has no name there */
	if (boot_cpu_has(X86_FEATURE_XENPV))
		return "this host is a Xen PV guest itself: its kernel is not in ring 0";
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		return "this host's kernel is a PREEMPT_RT one, on which lg.ko has not been tried";
	if (!(native_read_msr(MSR_EFER) & EFER_SCE) || !(native_read_msr(MSR_EFER) & EFER_NX))
		return "this host has SYSCALL or NX switched off";
	if (boot_cpu_has(X86_FEATURE_TDX_GUEST))
		return "this host is a TDX guest: instructions of the guest would raise #VE";
	if (cc_platform_has(CC_ATTR_GUEST_STATE_ENCRYPT))
		return "this host is an SEV-ES guest: instructions of the guest would raise #VC";
	if (cc_platform_has(CC_ATTR_GUEST_MEM_ENCRYPT) || cc_platform_has(CC_ATTR_MEM_ENCRYPT) || sme_me_mask)
		return "this host encrypts its memory (SME or SEV), which the shadow tables do not carry yet";
	if (!boot_cpu_has(X86_FEATURE_FSGSBASE) || !(native_read_cr4() & X86_CR4_FSGSBASE))
		return "this host has no FSGSBASE instructions, or has them switched off";
	if (!boot_cpu_has(X86_FEATURE_NX) || !boot_cpu_has(X86_FEATURE_SYSCALL))
		return "this host's processor has no NX or no SYSCALL";
	return unsaved_registers();
}

/* The top-level entry that maps the host's cpu_entry_area: the same in all of its page tables */
static u64 cea_entry(void)
{
	unsigned long va = CPU_ENTRY_AREA_BASE;
	pgd_t *pgd = pgd_offset(current->mm, va);

	if (!lg_la57)
		return pgd_val(*pgd);
	return p4d_val(*p4d_offset(pgd, va));
}

#ifdef LG_DEBUG
static unsigned int fail_at;
module_param(fail_at, uint, 0600);
MODULE_PARM_DESC(fail_at, "the allocation, counted from 1, that fails; 0 again when it has (a debug build only)");

/** lg_fail - should this allocation fail? For tests that walk through all of them, one by one */
bool lg_fail(void)
{
	return fail_at && !--fail_at;
}
#endif

/*P:120
 * The first step of that life; unfit_host(), which it begins with, is the list of hosts that are refused. Look at the
 * last thing that can fail: when misc_register() has made the device node, the module has nothing to do until somebody
 * opens it. Now open kmod/include/uapi/linux/lguest.h beside this: it has both contracts. Its first half is what a
 * guest may ask, the hypercalls, and struct lguest_data, the page that guest and module share; its second half is the
 * ioctls, with which lguest-core holds a guest. The module trusts neither side.
 */
static int __init lg_init(void)
{
	const char *why = unfit_host();
	int err;

	if (why) {
		pr_err("lguest: not loaded: %s\n", why);
		return -ENODEV;
	}
	lg_la57 = !!(native_read_cr4() & X86_CR4_LA57);
	lg_pcid = !!(native_read_cr4() & X86_CR4_PCIDE);
	/* U clear: the guest's root pages repeat it, and user mode must not see what is below */
	lg_cea_entry = cea_entry() & ~(u64)_PAGE_USER;
	if (!(lg_cea_entry & _PAGE_PRESENT)) {
		pr_err("lguest: not loaded: this host's page tables have no cpu_entry_area where it should be\n");
		return -ENODEV;
	}
	if (!lg_overlap_init()) {
		pr_err("lguest: not loaded: this host's kernel image is not where it should be\n");
		return -ENODEV;
	}
	err = lg_switcher_init();
	if (err)
		return err;
	err = lg_shrinker_init();
	if (err)
		goto no_shrinker;
	err = lg_suspend_init();
	if (err)
		goto no_notifier;
	lg_debugfs_init();
	preempt_notifier_inc();
	err = misc_register(&lg_device);
	if (err)
		goto no_device;
	pr_info("lguest: /dev/lguest, API version %d, %d-level host, PCID %s\n", LGUEST_API_VERSION, lg_la57 ? 5 : 4,
		lg_pcid ? "on" : "off");
	return 0;
no_device:
	preempt_notifier_dec();
	lg_debugfs_exit();
	lg_suspend_exit();
no_notifier:
	lg_shrinker_exit();
no_shrinker:
	lg_switcher_exit();
	return err;
}

static void __exit lg_exit(void)
{
	misc_deregister(&lg_device);
	preempt_notifier_dec();
	lg_debugfs_exit();
	lg_suspend_exit();
	lg_shrinker_exit();
	lg_switcher_exit();
}

/*M:100
 * You know it all now; what is left is yours. In the order in which we would want it:
 *  - a context switch without the host: the switcher could take NEW_PGTABLE itself when the root is cached and nothing is lost;
 *  - a page table walk in the switcher, to reflect true faults of the guest without an exit (the old lguest wanted that, too);
 *  - memory that is not pinned (mmu notifiers, a reverse map), then a balloon;
 *  - hosts with FRED, and those without FSGSBASE.
 */
module_init(lg_init);
module_exit(lg_exit);
MODULE_DESCRIPTION("lguest: run 64-bit Linux guests without VT-x or SVM");
MODULE_LICENSE("GPL");
#ifdef LGUEST_VERSION
MODULE_VERSION(LGUEST_VERSION);
#endif
