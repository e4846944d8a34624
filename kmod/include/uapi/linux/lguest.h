/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * The two interfaces of lg.ko, in one header that the module, the guest kernel, the core process and the tests
 * share: the ioctls of /dev/lguest (host user space to module), and the guest ABI (hypercalls and the page
 * that each vCPU shares with the host). docs/abi.md says what each means; nothing here depends on a
 * kernel's configuration. Fields that are reserved must be zero: the module refuses them otherwise.
 */
#ifndef _UAPI_LINUX_LGUEST_H
#define _UAPI_LINUX_LGUEST_H

#ifndef __ASSEMBLY__
#include <linux/types.h>
#include <linux/ioctl.h>
#endif

#define LGUEST_API_VERSION	2	/* of the ioctls */
#define LGUEST_ABI_VERSION	2	/* of the guest ABI: in the ELF note and in struct lguest_data */

#define LGUEST_MAX_REGIONS	32
#define LGUEST_MAX_VCPUS	16
#define LGUEST_IRQS		64	/* interrupt lines of a vCPU */
#define LGUEST_IRQ_DEVICE	8	/* the first line of a device; those below are each vCPU's own: */
#define LGUEST_IRQ_TIMER	0
#define LGUEST_IRQ_RESCHEDULE	1	/* 1 to 5 mean what the guest kernel has them mean */
#define LGUEST_IRQ_CALL		2
#define LGUEST_IRQ_CALL_SINGLE	3
#define LGUEST_IRQ_WORK		4
#define LGUEST_IRQ_STOP		5
#define LGUEST_IRQ_KICK		6	/* kept blocked: ends HALT(LG_HALT_WAIT) and is forgotten then */
#define LGUEST_TEXT_SIZE	256	/* reasons, console text; always NUL-terminated */

/* ---- Guest ABI ---- */

/*
 * Hypercall: SYSCALL in guest kernel mode, number in rax, arguments in rdi, rsi, rdx, r10; result in rax
 * (0 or a value; a negative errno). rcx and r11 are lost, as with any SYSCALL.
 */
#define LHCALL_FLUSH_ASYNC	0	/* () run what the async ring and the lost queue hold */
#define LHCALL_LGUEST_INIT	1	/* (pa of struct lguest_data): before all but PRINT, SHUTDOWN, NEW_PGTABLE and SET_KERNEL_GS */
#define LHCALL_SHUTDOWN		2	/* (pa of text, length, LGUEST_SHUTDOWN_*, exit status 0-255) */
#define LHCALL_NEW_PGTABLE	3	/* (guest cr3: pa of the top table; low 12 bits ignored) */
#define LHCALL_FLUSH_TLB	4	/* (LG_FLUSH_*, pa of a top table: MM only) the lost queues are always drained first */
#define LHCALL_FLUSH_RANGE	5	/* (start va, end va) of the current root and of the kernel half */
#define LHCALL_DROP_PGTABLE	6	/* (pa of a top table that will not be used again, not the current) */
#define LHCALL_SET_CLOCKEVENT	7	/* (ns from now; 0 = off): line LGUEST_IRQ_TIMER, CLOCK_MONOTONIC */
#define LHCALL_HALT		8	/* (LG_HALT_*) sleep until an interrupt can be delivered */
#define LHCALL_SEND_INTERRUPTS	9	/* () deliver what is pending: after irq_enabled was set */
#define LHCALL_NOTIFY		10	/* (gpa of the notify register, value): ioeventfd, else an exit */
#define LHCALL_SET_KERNEL_GS	11	/* (base): GS base in kernel mode; also loads it now */
#define LHCALL_LOAD_GS		12	/* (selector): load it as the user's GS; result: its base */
#define LHCALL_LOAD_TLS		13	/* (d0, d1, d2): the three GDT TLS descriptors */
#define LHCALL_PRINT		14	/* (pa of text, length <= 255): console text; works before INIT */
#define LHCALL_VCPU_UP		15	/* (id, pa of struct lguest_vcpu_start): -EINVAL no such vCPU, -EBUSY it is not parked */
#define LHCALL_VCPU_DOWN	16	/* () this vCPU parks; does not return */
#define LHCALL_SEND_IPI		17	/* (mask of vCPU ids, line): raise the line there */
#define LHCALL_ROUTE_IRQ	18	/* (line of a device, id): where it is delivered from now on */
#define LHCALL_RELEASE		19	/* (pa of struct lguest_range[], how many) nothing in them is needed any more; they read as 0 then */
#define LHCALL_NR		20	/* a host may not have all of them: -ENOSYS */

#define LGUEST_SHUTDOWN_POWEROFF	1
#define LGUEST_SHUTDOWN_RESTART		2
#define LGUEST_SHUTDOWN_CRASH		3

/*
 * What FLUSH_TLB drops besides what the lost queue says. A guest that records every loss uses LG_FLUSH_LOST
 * alone; the others are for those that do not.
 */
#define LG_FLUSH_LOST		0
#define LG_FLUSH_USER		1	/* the low half of the current root */
#define LG_FLUSH_ALL		2	/* every root, and the kernel half */
#define LG_FLUSH_MM		3	/* as LOST, but only vCPUs on that root have to have forgotten it */
#define LG_FLUSH_KERNEL		4	/* as LOST, but only what the kernel half lost has to be forgotten */

#define LG_HALT_WAIT		1	/* leave irq_enabled alone (else it is set); LGUEST_IRQ_KICK ends it too */

/*
 * The lost queue of a vCPU, a ring: guest-physical addresses of page-table entries (of any level) that lost a permission,
 * written by the guest after the store. Bits 0-2 of a record are flags. Gains need no record.
 */
#define LG_LOST_ALL		0UL	/* the entry is gone or points elsewhere */
#define LG_LOST_WRITE		1UL	/* a last-level entry lost its write permission or dirty bit, nothing else */
#define LG_LOST_FLAGS		7UL
#define LGUEST_LOST_SIZE	256	/* records, a power of two; the guest calls FLUSH_ASYNC when it is full */

/* Bits of struct lguest_data.host_features */
#define LG_HOST_TSC_AUX		1	/* RDTSCP and RDPID give the vCPU's id */
#define LG_HOST_RELEASE		2	/* memory that is not used can be given back: LHCALL_RELEASE */

#define LGUEST_RELEASE_MAX	16	/* ranges of one LHCALL_RELEASE */
#define LGUEST_RELEASE_SIZE	0x400000	/* bytes of one of them, at most */

#define LHCALL_RING_SIZE	16
#define LHCALL_RING_READY	0	/* hcall_status: the host may run it */
#define LHCALL_RING_FREE	0xff	/* done, or never used */

#define LGUEST_FLAG_IF		0x200	/* irq_enabled and irq_pending use the flag's own place */

/* Bits of struct lguest_frame.flags */
#define LG_FRAME_FULL		1	/* return to user must restore rcx and r11 (not a system call return) */

/* Selectors as the guest sees its own code and data; kernel mode is really CPL 3 too */
#define LGUEST_KERNEL_CS	0x10
#define LGUEST_KERNEL_DS	0x18
#define LGUEST_USER_CS		0x33	/* what the processor runs in both modes */
#define LGUEST_USER_DS		0x2b
#define LGUEST_USER32_CS	0x23

/* Vectors 0-31 are the processor's exceptions; line n arrives as vector 32 + n */
#define LGUEST_FIRST_VECTOR	32

/* ELF note that a guest kernel carries: owner "lguest", one note of this type */
#define LGUEST_ELFNOTE_OWNER	"lguest"
#define LGUEST_ELFNOTE_ENTRY	1	/* desc: struct lguest_note */

#ifndef __ASSEMBLY__

/**
 * struct lguest_note - how to start a guest kernel
 * @abi_version: LGUEST_ABI_VERSION
 * @flags: LGUEST_NOTE_RELOCATABLE or 0
 * @entry: virtual address of the first instruction (lguest_entry)
 * @init_pgtable: physical address of the page table to start on, as linked (add the load offset)
 * @phys_align: the load offset must be a multiple of this (0: cannot be moved)
 */
struct lguest_note {
	__u32 abi_version;
	__u32 flags;
	__u64 entry;
	__u64 init_pgtable;
	__u64 phys_align;
};
#define LGUEST_NOTE_RELOCATABLE	1

/**
 * struct lguest_frame - what was interrupted (host to guest), or where to return to (guest to host)
 * The host fills it when it delivers an event or a system call; the guest fills it before it returns to user
 * mode. @vector and @error are the host's only. rflags carries the virtual interrupt flag.
 */
struct lguest_frame {
	__u64 rip;
	__u64 rflags;
	__u64 rsp;
	__u64 rcx;
	__u64 r11;
	__u64 error;
	__u32 vector;
	__u16 cs;
	__u16 ss;
	__u32 flags;
	__u32 reserved;
};

/**
 * struct lguest_time - how to read the host's CLOCK_MONOTONIC from the TSC (the pvclock arithmetic)
 * ns = system_time + ((tsc - tsc_timestamp) << shift (or >> -shift)) * mul >> 32; odd version: being written.
 */
struct lguest_time {
	__u32 version;
	__u32 tsc_khz;		/* 0: the host's TSC is not fit for a clock */
	__u64 tsc_timestamp;
	__u64 system_time;	/* ns, CLOCK_MONOTONIC at tsc_timestamp */
	__u32 mul;
	__s8 shift;
	__u8 pad[3];
	__u64 wall_sec;		/* CLOCK_REALTIME when CLOCK_MONOTONIC was wall_at */
	__u32 wall_nsec;
	__u32 pad2;
	__u64 wall_at;		/* ns */
};

/**
 * struct lguest_data - the page that a vCPU shares with the host
 * The guest may write all of it at any time; the host takes from it only what harms nobody but the guest.
 * Fields after "at INIT" are read once, by LHCALL_LGUEST_INIT.
 */
struct lguest_data {
	__u32 irq_enabled;	/* virtual interrupt flag: 0 or LGUEST_FLAG_IF */
	__u32 irq_pending;	/* host: an interrupt waits for irq_enabled; call SEND_INTERRUPTS */
	__u32 event_busy;	/* host sets 1 with each event; the guest clears it when it has copied the frame */
	__u32 reserved3;
	__u64 cr2;		/* of the last page fault delivered */
	__u64 sp0;		/* stack pointer for entries from user mode */
	__u64 user_gsbase;	/* GS base of user mode, while in kernel mode */
	__u64 blocked_interrupts;	/* bit n: do not deliver line n */
	__u64 dr6;		/* why the last debug exception was delivered: bit 14 (BS) after a single step, as in DR6 */
	__u64 reserved0;

	struct lguest_frame frame;	/* offset 64 */

	struct lguest_time time;	/* offset 128 */

	/* Filled in by the guest before LHCALL_LGUEST_INIT: "at INIT" */
	__u32 abi_version;
	__u32 init_flags;		/* 0 */
	__u64 syscall_entry;		/* SYSCALL from user mode comes here, in kernel mode, rsp = sp0 */
	__u64 event_entry_user;		/* events from user mode: rsp = sp0 */
	__u64 event_entry_kernel;	/* events from kernel mode: rsp unchanged */
	__u64 return_to_user;		/* address *after* the SYSCALL that returns to user mode by frame */
	__u64 kernel_range[4][2];	/* [start, end) of the kernel's virtual ranges; end 0 = unused */
	__u64 reserved1[5];

	/* Filled in by the host at INIT */
	__u64 reserve_start;		/* virtual range that the guest must leave alone */
	__u64 reserve_end;
	__u64 host_features;		/* LG_HOST_* */
	__u32 vcpu_id;			/* whose page this is */
	__u32 nr_vcpus;			/* of this guest */
	__u64 reserved2[4];

	__u8 hcall_status[LHCALL_RING_SIZE];
	struct {
		__u64 nr;
		__u64 arg[4];
	} hcalls[LHCALL_RING_SIZE];

	__u64 reserved4[5];

	/*
	 * The lost queue. The counts run freely: slots are free up to taken + LGUEST_LOST_SIZE, and there is nothing to flush
	 * when done == head. Cache lines of their own, because other vCPUs read them. Offset 1088.
	 */
	struct {
		__u32 head;		/* guest: records written so far */
		__u32 pad[15];
	} lost_in;
	struct {
		__u32 taken;		/* host: records that it has read */
		__u32 done;		/* host: records that no vCPU goes by any more */
		__u64 steal_ns;		/* for how long the vCPU's thread wanted to run and did not */
		__u32 preempted;	/* 1: that is so now */
		__u32 pad[11];
	} host_out;
	__u64 lost[LGUEST_LOST_SIZE];	/* the record n is in lost[n % LGUEST_LOST_SIZE] */
};

/*
 * The fields that assembler needs, by the name of their offset there: whoever has assembler makes LGD_NAME of each at build time, with
 * an @X(NAME, field) that his asm-offsets understands. The numbers are nowhere else than in the struct.
 */
#define LGUEST_DATA_OFFSETS(X)						\
	X(IRQ_ENABLED, irq_enabled) X(IRQ_PENDING, irq_pending)		\
	X(EVENT_BUSY, event_busy) X(CR2, cr2) X(SP0, sp0)		\
	X(USER_GSBASE, user_gsbase)					\
	X(FRAME_RIP, frame.rip) X(FRAME_RFLAGS, frame.rflags)		\
	X(FRAME_RSP, frame.rsp) X(FRAME_RCX, frame.rcx)			\
	X(FRAME_R11, frame.r11) X(FRAME_ERROR, frame.error)		\
	X(FRAME_VECTOR, frame.vector) X(FRAME_CS, frame.cs)		\
	X(FRAME_SS, frame.ss) X(FRAME_FLAGS, frame.flags)

/**
 * struct lguest_vcpu_start - LHCALL_VCPU_UP: how another vCPU starts, in kernel mode with irq_enabled 0 and all other registers 0
 */
struct lguest_vcpu_start {
	__u64 rip;
	__u64 rsp;
	__u64 gsbase;
	__u64 cr3;
	__u64 rdi;
};

/**
 * struct lguest_range - LHCALL_RELEASE: guest-physical memory, whole pages
 */
struct lguest_range {
	__u64 gpa;
	__u64 size;		/* bytes */
};

/* ---- /dev/lguest ---- */

/**
 * struct lguest_create - LGUEST_CREATE: make the guest of this open file
 * @flags: 0
 * @shadow_pages: the most pages that shadow tables may take (0: the module's default)
 */
struct lguest_create {
	__u32 flags;
	__u32 shadow_pages;
	__u64 reserved[4];
};

/**
 * struct lguest_memory_region - LGUEST_ADD_MEMORY: guest-physical memory, kept by the calling process
 * @guest_phys: multiple of 4096, below 2^46; must not touch another region
 * @size: bytes, multiple of 4096, not 0
 * @user_addr: where the caller mapped it, multiple of 4096, writable and shared, and no file's: memfd, shared anonymous, hugetlb
 * @flags: LGUEST_MEM_RELEASE: the guest may give parts of it back, and the caller knows LGUEST_EXIT_RELEASE; or 0
 */
struct lguest_memory_region {
	__u64 guest_phys;
	__u64 size;
	__u64 user_addr;
	__u32 flags;
	__u32 reserved;
};
#define LGUEST_MEM_RELEASE	1

/**
 * struct lguest_vcpu - LGUEST_CREATE_VCPU
 * @id: 0 to LGUEST_MAX_VCPUS - 1
 * @flags: 0
 */
struct lguest_vcpu {
	__u32 id;
	__u32 flags;
	__u64 reserved[2];
};

/**
 * struct lguest_regs - LGUEST_GET_REGS, LGUEST_SET_REGS: a vCPU that is not running
 * @mode: 0 guest kernel, 1 guest user
 * @cr3: guest-physical address of the top page table
 * SET refuses values that the processor could not hold (EINVAL).
 */
struct lguest_regs {
	__u32 vcpu;
	__u32 mode;
	__u64 rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp;
	__u64 r8, r9, r10, r11, r12, r13, r14, r15;
	__u64 rip, rflags;
	__u64 fsbase, gsbase;
	__u64 kernel_gsbase;
	__u64 cr3;
	__u64 reserved[4];
};

/* Why LGUEST_RUN returned */
#define LGUEST_EXIT_SIGNAL	1	/* a signal or other return-to-user work (rseq) is pending: call LGUEST_RUN again */
#define LGUEST_EXIT_MMIO	2	/* access to guest-physical memory that no region has */
#define LGUEST_EXIT_NOTIFY	3	/* LHCALL_NOTIFY that no ioeventfd took */
#define LGUEST_EXIT_SHUTDOWN	4	/* LHCALL_SHUTDOWN: code = LGUEST_SHUTDOWN_*, status, text */
#define LGUEST_EXIT_DEAD	5	/* killed: text says why; running again says the same */
#define LGUEST_EXIT_PRINT	6	/* LHCALL_PRINT: text, length */
#define LGUEST_EXIT_RELEASE	7	/* LHCALL_RELEASE: range, length: unpinned; punch holes there, then run again */

/**
 * struct lguest_run - LGUEST_RUN
 * @vcpu: in: which vCPU
 * @reason: out: LGUEST_EXIT_*
 * @addr: MMIO, NOTIFY: guest-physical address
 * @value: NOTIFY: the value
 * @rip: MMIO: the instruction's virtual address. The caller does its work, advances rip with SET_REGS, and runs again
 * @write: MMIO: 1 for a store
 * @insn_len: MMIO: how many of @insn could be read (15 unless the page after it is not mapped)
 * @code: SHUTDOWN: LGUEST_SHUTDOWN_*
 * @status: SHUTDOWN: what the guest gave as exit status
 * @length: bytes in @text; RELEASE: how many of @range
 */
struct lguest_run {
	__u32 vcpu;
	__u32 flags;
	__u32 reason;
	__u32 write;
	__u64 addr;
	__u64 value;
	__u64 rip;
	__u8 insn[15];
	__u8 insn_len;
	__u32 code;
	__u32 status;
	__u32 length;
	__u32 reserved;
	union {
		char text[LGUEST_TEXT_SIZE];
		struct lguest_range range[LGUEST_RELEASE_MAX];
	};
};

/**
 * struct lguest_ioeventfd - LGUEST_IOEVENTFD: LHCALL_NOTIFY(addr, value) signals an eventfd
 * @flags: LGUEST_DEASSIGN takes the same binding away; LGUEST_ANY_VALUE ignores @value
 */
struct lguest_ioeventfd {
	__u64 addr;
	__u64 value;
	__s32 fd;
	__u32 flags;
};

/**
 * struct lguest_irqfd - LGUEST_IRQFD: an eventfd raises an interrupt line
 * @irq: 0 to LGUEST_IRQS - 1
 * @flags: LGUEST_DEASSIGN or 0
 */
struct lguest_irqfd {
	__s32 fd;
	__u32 irq;
	__u32 flags;
	__u32 reserved;
};
#define LGUEST_DEASSIGN		1
#define LGUEST_ANY_VALUE	2

/**
 * struct lguest_kill - LGUEST_KILL: the guest dies; @text is the reason that LGUEST_RUN returns
 */
struct lguest_kill {
	char text[LGUEST_TEXT_SIZE];
};

/* Indexes of struct lguest_stats.value: sums over all vCPUs since the guest was made, but for "now" and FLUSH_GLOBALS */
enum lguest_stat {
	LG_STAT_EXITS,		/* times that the guest was left */
	LG_STAT_HCALLS,		/* hypercalls by SYSCALL */
	LG_STAT_ASYNC_HCALLS,	/* those that came by the ring */
	LG_STAT_HOST_IRQS,	/* exits for interrupts of the host's */
	LG_STAT_HOST_NMIS,	/* exits for NMIs */
	LG_STAT_SWITCHER_NMIS,	/* NMIs that came in the switcher itself */
	LG_STAT_SWITCHER_MCES,	/* machine checks there */
	LG_STAT_SWITCHER_DBS,	/* debug exceptions there */
	LG_STAT_PAGE_FAULTS,	/* page faults, counted again when a page or table had to be got first */
	LG_STAT_FILLS,		/* of these, those for which a shadow entry was made */
	LG_STAT_FILLS_AROUND,	/* entries made for neighbours of one */
	LG_STAT_HUGE_FILLS,	/* entries of 2 MiB */
	LG_STAT_SPURIOUS,	/* faults whose entry was there already */
	LG_STAT_GUEST_FAULTS,	/* page faults that the guest was told of */
	LG_STAT_LOST,		/* records taken from lost queues */
	LG_STAT_FLUSHES,	/* of all address spaces */
	LG_STAT_ROOT_HITS,	/* top tables that were shadowed already */
	LG_STAT_ROOT_MISSES,	/* and that were not */
	LG_STAT_ASIDS,		/* groups of PCIDs that were taken */
	LG_STAT_SHADOW_PAGES,	/* now */
	LG_STAT_EVICTIONS,	/* times that shadow tables were dropped for want of some */
	LG_STAT_PINNED_PAGES,	/* now */
	LG_STAT_EVENTS,		/* exceptions and system calls that the host delivered */
	LG_STAT_INTERRUPTS,	/* that the host delivered */
	LG_STAT_SLOW_RETURNS,	/* returns from events by way of the host */
	LG_STAT_HALTS,		/* times that a vCPU slept */
	LG_STAT_MMIO,		/* accesses to registers that LGUEST_RUN returned */
	LG_STAT_NOTIFIES,	/* kicks by LHCALL_NOTIFY */
	LG_STAT_FLUSH_GLOBALS,	/* 1 when every entry flushes global TLB entries */
	LG_STAT_KICKS,		/* flushes that had to bring another vCPU out */
	LG_STAT_SPLIT_ROOTS,	/* roots whose kernel view got a low half of its own */
	LG_STAT_TAKEN_BY_OTHERS,	/* records of a vCPU's queue that another one read */
	LG_STAT_IPIS,		/* lines that SEND_IPI raised */
	LG_STAT_RELEASED_PAGES,	/* pinned pages that RELEASE gave back */
	LG_STAT_NR
};
#define LGUEST_STATS_SIZE	64

struct lguest_stats {
	__u64 value[LGUEST_STATS_SIZE];	/* those past LG_STAT_NR are 0 */
};

#define LGUEST_IOC		'L'
#define LGUEST_GET_API_VERSION	_IO(LGUEST_IOC, 0)
#define LGUEST_CREATE		_IOW(LGUEST_IOC, 1, struct lguest_create)
#define LGUEST_ADD_MEMORY	_IOW(LGUEST_IOC, 2, struct lguest_memory_region)
#define LGUEST_CREATE_VCPU	_IOW(LGUEST_IOC, 3, struct lguest_vcpu)
#define LGUEST_RUN		_IOWR(LGUEST_IOC, 4, struct lguest_run)
#define LGUEST_GET_REGS		_IOWR(LGUEST_IOC, 5, struct lguest_regs)
#define LGUEST_SET_REGS		_IOW(LGUEST_IOC, 6, struct lguest_regs)
#define LGUEST_IOEVENTFD	_IOW(LGUEST_IOC, 7, struct lguest_ioeventfd)
#define LGUEST_IRQFD		_IOW(LGUEST_IOC, 8, struct lguest_irqfd)
#define LGUEST_INTERRUPT	_IO(LGUEST_IOC, 9)	/* argument: the line */
#define LGUEST_GET_STATS	_IOR(LGUEST_IOC, 10, struct lguest_stats)
#define LGUEST_KILL		_IOW(LGUEST_IOC, 11, struct lguest_kill)

#endif /* __ASSEMBLY__ */
#endif /* _UAPI_LINUX_LGUEST_H */
