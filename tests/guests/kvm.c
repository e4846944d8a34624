// SPDX-License-Identifier: GPL-2.0
/*
 * KVM and guests on one CPU: while a guest runs, the first virtual machine of the host starts, runs between turns of the guest, and the last
 * one ends, again and again. Neither may notice the other; what goes wrong otherwise is the host. For a host with kvm_amd or kvm_intel loaded.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "lgtest.h"

#define ROUNDS	6
#define EXITS	300

/* mov $'k', %al; out %al, $0x10; jmp to its start: in real mode */
static const unsigned char code[] = { 0xb0, 'k', 0xe6, 0x10, 0xeb, 0xfa };

static void *machine_memory(int vm)
{
	void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct kvm_userspace_memory_region region = { .guest_phys_addr = 0x1000, .memory_size = 4096, .userspace_addr = (uintptr_t)memory };

	if (memory == MAP_FAILED || ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region))
		die("KVM: no memory: %s", strerror(errno));
	memcpy(memory, code, sizeof(code));
	return memory;
}

static void start_at(int vcpu, uint64_t rip)
{
	struct kvm_regs regs = { .rip = rip, .rflags = 2 };
	struct kvm_sregs sregs;

	if (ioctl(vcpu, KVM_GET_SREGS, &sregs))
		die("KVM: no registers: %s", strerror(errno));
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	if (ioctl(vcpu, KVM_SET_SREGS, &sregs) || ioctl(vcpu, KVM_SET_REGS, &regs))
		die("KVM: cannot set registers: %s", strerror(errno));
}

/* One machine from its start to its end */
static void machine(struct ctx *c, int kvm)
{
	long size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	int vm, vcpu;
	struct kvm_run *run;
	void *memory;

	/* From the other CPU: so it is an interrupt, in the middle of the guest's turn, that switches virtualization on there */
	pin(1);
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	vcpu = vm < 0 ? -1 : ioctl(vm, KVM_CREATE_VCPU, 0);
	if (vcpu < 0) {
		fail(c, "KVM makes no machine beside a guest: %s", strerror(errno));
		return;
	}
	run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	if (run == MAP_FAILED)
		die("KVM: cannot map the vCPU: %s", strerror(errno));
	memory = machine_memory(vm);
	start_at(vcpu, 0x1000);
	usleep(20000);
	pin(0);
	for (int i = 0; i < EXITS && !c->why[0]; i++) {
		if (ioctl(vcpu, KVM_RUN, 0) && errno != EINTR)
			fail(c, "KVM_RUN beside a guest: %s", strerror(errno));
		else if (run->exit_reason == KVM_EXIT_IO && ((char *)run)[run->io.data_offset] != 'k')
			fail(c, "KVM's machine wrote something else");
		if (i % 16 == 0)
			usleep(1000);
	}
	pin(1);
	munmap(run, (size_t)size);
	munmap(memory, 4096);
	close(vcpu);
	close(vm);
}

void test_kvm(struct ctx *c)
{
	static const char * const beside[] = { "busy", "syscalls", "fpu" };
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), status;
	pid_t spin, guest;

	if (kvm < 0) {
		fail(c, "cannot open /dev/kvm: %s", strerror(errno));
		return;
	}
	/* It computes all the time, so that KVM's interrupts find it in the guest */
	spin = spawn_guest("spin", 0, 1, 0);
	usleep(100000);
	for (int i = 0; i < ROUNDS && !c->why[0]; i++) {
		guest = spawn_guest(beside[i % 3], i % 3 == 0 ? 300 : i % 3 == 1 ? 20000 : 3, 1, 0);
		machine(c, kvm);
		if (waitpid(guest, &status, 0) != guest || status)
			fail(c, "guest %s beside KVM: status 0x%x", beside[i % 3], status);
	}
	kill(spin, SIGKILL);
	waitpid(spin, &status, 0);
	close(kvm);
}
