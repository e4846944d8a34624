#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# `make linux-server`: makes the seed and the keys, and has host/server.sh run in the test host. Prints TAP.
#
#	server.sh [PART...]
set -euo pipefail
cd "$(dirname "$0")/../.."
scripts/deps.sh guest host interop >&2
vmlinux=$(guest/kernel.sh)
server=$(scripts/debian-server.sh)
mkdir -p build/linux build/results
work=$(mktemp -d build/linux/server-XXXXXX)
trap 'rm -rf "$work"' EXIT
mkdir $work/seed
printf 'instance-id: one\nlocal-hostname: seeded\n' >$work/seed/meta-data
printf '%s\n' '#cloud-config' 'users:' '  - name: guestuser' '    shell: /bin/bash' '    ssh_authorized_keys: [ "ssh-ed25519 AAAAtest key" ]' >$work/seed/user-data
xorriso -as mkisofs -quiet -o $work/seed.iso -V cidata -J -r $work/seed 2>/dev/null
mkdir $work/small
for i in 1 2 3 4; do head -c 500000 /dev/urandom >$work/small/f$i; done
(cd $work/small && sha256sum f? >sums)
mksquashfs $work/small $work/small.squashfs -quiet -no-progress >&2
mkdir $work/deb
case " ${*:-modules} " in *' modules '*) guest/deb.sh $work/deb >/dev/null ;; *) : >$work/deb/linux-headers-none.deb ;; esac
tar -C tests/linux/module -cf $work/lgprobe.tar .
for k in one two; do head -c 32 /dev/urandom | base64 >$work/wg.$k; done
exec tests/host/run --lguest /m --smp 2 --mem 3584 --boot 900 --timeout 7000 --silence 3000 --dmesg-clean --log build/results/linux-server.console \
	--append 'watchdog_thresh=60 rcupdate.rcu_cpu_stall_timeout=180' --file "$(command -v ip):/m/ip" --file "$vmlinux:/m/vmlinux" --file "$server:/m/server" \
	--file $work/seed.iso:/m/seed.iso --file $work/wg.one:/m/wg.one --file $work/wg.two:/m/wg.two --file $work/small.squashfs:/m/small.squashfs --file "$(echo $work/deb/linux-headers-*.deb):/m/headers.deb" --file $work/lgprobe.tar:/m/lgprobe.tar --file tests/linux/guest/server.sh:/m/server.guest \
	--file tests/launch/host/console.sh:/m/console.sh --file tests/linux/host/server.sh:/m/server.sh -- "sh /m/server.sh $*"
