# SPDX-License-Identifier: GPL-2.0
#
# Runs in the test host: what a disk's process sees, in its window, of a file that its guest had in memory and has deleted: nothing, also where the
# guest has it fill the pages that the file was in. TAP on standard output.
. "$(dirname "$0")/lib.sh"
load 0
for d in a b; do truncate -s 128M disk.$d; done
: >console
# page_reporting_order: no free page goes back to the host, or the file's would be gone by themselves in some seconds
lguest-run --kernel vmlinux --initrd initramfs --memory 160M --cmdline 'quiet page_reporting.page_reporting_order=11' --block ro:disk.a,iops=5,window=3M \
	--block disk.b --console console >$out 2>$err </dev/null &
run=$!
# window ROLE: the file of /proc that is the window of a disk's process
window() {
	for p in $(below $run "$1"); do
		range=$(awk '/memfd:lguest-window/ { print $1; exit }' /proc/$p/maps)
		[ -z "$range" ] || { echo /proc/$p/map_files/$range; return; }
	done
}
within 60 grep -q 'guest: written' console
check $? "the guest writes"
n=$(grep -c SHOWN-TO-THE-DEVICE "$(window block1)")
[ "$n" -gt 1000 ]
check $? "what the guest writes to a disk stands in that disk's window: $n lines"
looks=0 most=0 look=$(window block0)
while n=$(grep -c KEPT-FROM-THE-DEVICE "$look" 2>/dev/null); [ -n "$n" ]; do
	looks=$((looks + 1))
	[ "$n" -le $most ] || most=$n
	usleep 20000
done
wait $run; s=$?
[ $s = 0 ] && grep -q 'guest: round 3' console && grep -q 'guest: all is well' console
check $? "the guest reads what it should (status $s)"
[ $looks -ge 8 ] && [ $most = 0 ]
check $? "no page that a disk is to fill shows what was in it before: $looks looks" "$most lines in one of $looks looks"
[ $s = 0 ] || tail -n 30 console | quoted
rmmod lg
check $? "the module unloads"
