#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# signals.sh: exceptions that no emulator here raises, of a program in a Linux guest: the first use of tiles (#NM), and a split lock (#AC). A module
# that delivers them in UD2's place plays the processor. The program gets its signal, and the guest's kernel has nothing to complain of. Prints TAP.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/trial.sh
tap_prefix="signals: "
scripts/deps.sh guest host >&2 || exit 1

# A UD2 with EAX 7 or 17 is that exception
play() {
	sed -i 's/^\tswitch (sw->trapnum) {$/\tif (sw->trapnum == X86_TRAP_UD \&\& (sw->rax == X86_TRAP_NM || sw->rax == X86_TRAP_AC)) {\n\t\tlg_deliver_event(vcpu, sw->rax, 0);\n\t\treturn;\n\t}\n&/' kmod/vcpu.c
}
put_in "the processor's part" 6.1 play
gcc -static -nostdlib -o "$work/raise" -x assembler - <<'S' || exit 1
	.globl _start
_start:	mov $7, %eax		# without an argument
	cmpq $1, (%rsp)
	je 1f
	mov $17, %eax
1:	ud2
	mov $231, %eax		# exit_group(0)
	xor %edi, %edi
	syscall
S
# 128 + a signal's number: 4 SIGILL, 7 SIGBUS; 143 when it was ended, after 20 s
# shellcheck disable=SC2016 # the guest's
tests/host/run --lguest /s --linux --timeout 300 --dmesg-clean --file "$work/src/kmod/lg.ko:/s/lg.ko" \
	--guest initramfs "$work/raise:/bin/raise" '=timeout -s KILL 20 raise; echo "tiles: $?"; timeout -s KILL 20 raise lock; echo "lock: $?"; echo "oopses: $(cat /sys/kernel/oops_count)"' -- \
	'cd /s && insmod lg.ko && ./lguest-run --kernel vmlinux --initrd initramfs --memory 96M --cgroup none --cmdline quiet </dev/null' >"$work/log" 2>&1
check $? "the guest lives, and the host's log is clean"
said() { tr -d '\r' <"$work/log" | grep -q "^$1\$"; }
said 'tiles: 132'
check $? "who uses tiles gets SIGILL"
said 'lock: 135'
check $? "who splits a lock gets SIGBUS"
said 'oopses: 0'
check $? "the guest's kernel has no oops"
exit $failed
