#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# `make linux-selftests`: the kernel's own tests of what processes see (tools/testing/selftests of the guest kernel's source), built here,
# run by the guest kernel on a bare machine (QEMU) and as a guest in the test host, each under guest/selftests.sh. Prints TAP: a test
# fails where guest and bare machine differ and selftests.known does not say why they may. What both fail is the kernel's or the
# emulator's own affair and is counted only.
#
#	selftests.sh [FOLDER...]	of tools/testing/selftests; all of $folders without
#
# It may write below build/linux only. The whole of both outputs stays there: selftests-SERIES.bare, selftests-SERIES.guest.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/linux/bare-machine.sh
# Those that take minutes by their nature, set the machine's clock, suspend it, or want a device that neither machine has
left_out='timers/(clocksource-switch|leapcrash|leap-a-day|freq-step|skew_consistency|change_skew|alarmtimer-suspend|rtcpie|raw_skew|set-timer-lat|nsleep-lat|set-2038|set-tz|set-tai|adjtick|valid-adjtimex|mqueue-lat)|rseq/(param_test.*|basic_percpu_ops_(mm_cid_)?test|librseq.so)|(vm|mm)/(hmm-tests|gup_test|transhuge-stress|virtual_address_range|userfaultfd|khugepaged|write_to_hugetlbfs|charge_reserved.*|ksm_tests|compaction_test|on-fault-limit|mremap_test|migration|thuge-gen|memfd_secret)|seccomp/seccomp_benchmark|timens/gettime_perf|x86/amx_64'
scripts/deps.sh guest host selftests >&2
vmlinux=$(guest/kernel.sh)
series=$(cat "${vmlinux%/*}/release")
series=${series%.*}
mm=vm
[ $series = 6.1 ] || mm=mm
folders="x86 futex timers sigaltstack ptrace seccomp clone3 pidfd rseq membarrier vDSO timens $mm"
[ $# = 0 ] || folders=$*
source=${vmlinux%/*}/../guest-source
[ -d "$source" ] || { echo "selftests: no kernel source at $source: remove the cached guest kernel, so that it is built again" >&2; exit 1; }
work=build/linux/selftests-$series
# A copy, since some of them write beside their sources
tree=$work/source
if [ ! -d $tree ]; then
	mkdir -p $tree.new/tools/testing
	cp -r "$source/tools/testing/selftests" $tree.new/tools/testing/
	for f in mm include arch scripts tools/include tools/arch tools/scripts; do ln -s "$source/$f" $tree.new/$f; done
	mv $tree.new $tree
fi
# What does not build and is not left out anyway is a failure, or known; so is a make that fails and names no program. That of a folder below another
# loses its status
failed=0
for f in $folders; do
	mkdir -p "$work/$f/functional"
	all=
	KBUILD_OUTPUT='' make -s -k -C "$tree/tools/testing/selftests/$f" OUTPUT="$PWD/$work/$f" CAN_BUILD_I386=0 >"$work/$f.log" 2>&1 || all=$f
	missing=$(sed -nE "s,^make.*\*\*\* \[.*: $PWD/$work/(.*)\] Error.*,\1,p" "$work/$f.log")
	for p in ${missing:-$all}; do
		if grep -qxE "$left_out" <<<"$p"; then continue; fi
		if why=$(grep -E "^($series:)?$p"$'\tdoes not build\t' tests/linux/selftests.known); then echo "# known: $p does not build (${why##*$'\t'})"
		else echo "not ok selftests: $p does not build: see $work/$f.log"; failed=1; fi
	done
done
programs=$(cd $work && for f in $folders; do find "$f" -type f -perm -1 ! -name '*.sh' ! -name '*.p[ly]'; done | grep -vxE "$left_out" | LC_ALL=C sort)
[ -n "$programs" ] || { echo "selftests: nothing could be built: see $work/*.log" >&2; exit 1; }
echo "# $(echo "$programs" | wc -l) programs of $(echo $folders | wc -w) folders" >&2
files=()
for p in $programs; do files+=(-f "$work/$p:/selftests/$p"); done
for l in $(cd $work && ldd $programs 2>/dev/null | grep -oE '/[^ ]+ \(0x' | sed 's/ .*//' | sort -u); do files+=(-f "$l:$l"); done
libgcc=$(gcc -print-file-name=libgcc_s.so.1)	# which pthread_exit() loads by name
files+=(-f "$libgcc:/lib/x86_64-linux-gnu/libgcc_s.so.1")
[ ! -e $work/rseq/librseq.so ] || files+=(-f "$work/rseq/librseq.so:/selftests/rseq/librseq.so")
echo "$programs" >$work/list
guest/mkinitramfs.sh -o $work/initramfs "${files[@]}" -f $work/list:/selftests/list -f tests/linux/guest/selftests.sh:/selftests.sh -c 'sh /selftests.sh; exit 0'
memory=512 limit=3000
echo "# bare and guest, side by side" >&2
bare_machine "$vmlinux" $work/initramfs $memory 1 $limit >$work.bare & machine=$!
trap '[ -z "$machine" ] || kill $machine' EXIT
tests/host/run --lguest / --mem 1024 --timeout $limit --silence 900 --file "$vmlinux:/vmlinux" --file $work/initramfs \
	-- "insmod /lg.ko && /lguest-run --kernel /vmlinux --initrd /initramfs --memory $memory --cmdline quiet --log /log </dev/null || cat /log" \
	>$work.guest || { echo "not ok selftests: the test host's own end: see $work.guest"; failed=1; }
wait $machine || true
machine=
tests/linux/selftests-compare $work.bare $work.guest tests/linux/selftests.known || failed=1
exit $failed
