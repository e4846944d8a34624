// SPDX-License-Identifier: GPL-2.0
/*
 * hello.ko: shows that the test host loads a module built with headers.sh, and what that host's control registers are.
 * For the host's self-tests only; it reads registers and prints one line.
 */
#include <linux/module.h>
#include <asm/processor-flags.h>
#include <asm/special_insns.h>

static int __init hello_init(void)
{
	pr_info("hello: loaded, la57=%d pge=%d pcid=%d page_offset=%lx\n", !!(native_read_cr4() & X86_CR4_LA57),
		!!(native_read_cr4() & X86_CR4_PGE), !!(__read_cr4() & X86_CR4_PCIDE), PAGE_OFFSET);
	return 0;
}

static void __exit hello_exit(void)
{
}

module_init(hello_init);
module_exit(hello_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("self-test of the lguest test host");
