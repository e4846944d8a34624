# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# bare-machine.sh: the guest kernel on a bare machine, which guests are compared with; to be sourced. It ends nothing: who starts one has to.

# The test host's processor, Intel's by name (tests/host/run): what a vendor's instruction does is no difference between guest and bare
bare_cpu=max,-smap,vendor=GenuineIntel,family=6,model=158,stepping=10,-svm,xlevel=0x80000008

# bare_machine VMLINUX INITRAMFS MEMORY CPUS SECONDS [CPU]: its console is standard output. It takes the place of the shell, so it is to be called in one
# of its own, with & or in (): $! is the machine. The reset that ends it is what its last process asks for; a status is in what it said.
bare_machine() {
	exec timeout "$5" qemu-system-x86_64 -M microvm,acpi=off -accel tcg -smp "$4" -cpu "${6:-$bare_cpu}" -m "$3" -nodefaults -no-reboot -display none \
		-serial stdio -kernel "$1" -initrd "$2" -append 'console=ttyS0 reboot=t panic=-1 quiet tsc=reliable no_timer_check' </dev/null
}
