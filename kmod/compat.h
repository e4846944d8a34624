/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where the kernels that lg.ko builds for (6.1 and 6.12) name the same thing differently. One inline each, so that no
 * other file has a version test.
 */
#ifndef LG_COMPAT_H
#define LG_COMPAT_H

#include <linux/eventfd.h>
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/shmem_fs.h>
#include <linux/version.h>
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
#include <asm/gsseg.h>
#endif

void asm_exc_nmi_noist(void);
void asm_exc_nmi_kvm_vmx(void);

static inline u64 lg_host_nmi_entry(void)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
	return (u64)asm_exc_nmi_kvm_vmx;
#else
	return (u64)asm_exc_nmi_noist;
#endif
}

static inline void lg_eventfd_signal(struct eventfd_ctx *ctx)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
	eventfd_signal(ctx);
#else
	eventfd_signal(ctx, 1);
#endif
}

/* Pages of memory that a file system has no say in */
static inline bool lg_is_shmem(struct address_space *mapping)
{
	return shmem_mapping(mapping);
}

static inline bool lg_memory_only(struct vm_area_struct *vma)
{
	return is_vm_hugetlb_page(vma) || (vma->vm_file && lg_is_shmem(vma->vm_file->f_mapping));
}

#endif
