#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make check-slurm: three emulated hosts with Debian's Slurm, and guests as its jobs (docs/cluster.md). Host n1 has the controller, the shared
# disks (NFS 4) and runs checks; every host is a node. Their network is QEMU's, by multicast on the loopback interface of a network namespace made here, so that nothing
# leaves this machine. TAP on standard output. Root. It may write in the cache and one temporary folder, and ends the three hosts.
#
# checks asks for what only this side can do by lines "#! kill N" and "#! cut N" and "#! join N"; PARTS="array lock" runs some parts only. For a look at the
# hosts: SHELLS=PREFIX puts a shell of root's of host N on the Unix socket PREFIXN.
set -u
cd "$(dirname "$0")/../.." || exit 1
if [ -z "${LGUEST_NETNS-}" ]; then exec env LGUEST_NETNS=1 unshare --net sh -c 'ip link set lo up multicast on && ip route add 224.0.0.0/4 dev lo && exec "$0" "$@"' "$0" "$@"; fi
needs='adduser iproute2 kmod libjansson4 liburing2 udev socat munge slurmd slurmctld slurm-client nfs-kernel-server nfs-common'
scripts/deps.sh devices interop host guest >&2 || exit 1
CACHE=${LGUEST_CACHE:-$HOME/.cache/lguest}
B=${B:-build/release}
work=$(mktemp -d /var/tmp/lguest-slurm.XXXXXX)
root=$work/root
declare -A host
end() {
	local p
	for p in "${host[@]}"; do kill "$p" 2>/dev/null; done
	wait
	[ -n "${KEEP-}" ] || rm -rf "$work"
}
trap end EXIT
trap 'exit 1' TERM INT HUP
. tests/lib/tap.sh
tap_prefix='slurm: ' seen=$work/log
die() { not_ok "$1"; exit 1; }
. packaging/tests/root.sh

# --- one disk for the three ---

debian_root "$needs" >"$work/log" 2>&1 || die "a Debian with Slurm"
debian=$(tests/host/mkhost.sh 6.1) && release=$(cat "$debian/release") || die "the kernel of the hosts"
make -s module KVER=6.1 >"$work/log" 2>&1 || die "the module"
roles=$(for dir in devices/*/build.mk; do dir=${dir%/*}; echo "$B/lguest-${dir#*/}"; done)
cp "$B"/lguest-{run,core,control} $roles "$B/lguestctl" "$root/usr/bin/" || die "the programs"
for dir in fs/nfs fs/nfs_common fs/nfsd fs/lockd fs/fscache fs/netfs net/sunrpc net/dns_resolver net/core drivers/net/virtio_net.ko drivers/net/net_failover.ko; do
	from=$debian/root/lib/modules/$release/kernel/$dir
	[ ! -e "$from" ] || { mkdir -p "$root/lib/modules/$release/kernel/${dir%/*}" && cp -r "$from" "$root/lib/modules/$release/kernel/${dir%/*}/"; }
done
host_modules "$release" "$debian" || die "the modules"
install -m 755 tests/cluster/node "$root/sbin/node" && ln -sf node "$root/sbin/init"
install -m 755 tests/cluster/checks tests/cluster/guest-job "$root/usr/local/sbin/"
install -m 644 tests/cluster/slurm.conf tests/cluster/cgroup.conf "$root/etc/slurm/"
install -D -m 755 "$B/probe" "$root/t/probe"
strip -o "$root/t/vmlinux" "$(guest/build.sh)" && guest/mkinitramfs.sh -o "$root/t/initrd" -c "$(cat tests/cluster/guest)" || die "the Linux guest"
printf '10.0.0.%d n%d\n' 1 1 2 2 3 3 >>"$root/etc/hosts"
head -c 1024 /dev/urandom >"$root/etc/munge/munge.key"
in_root 'chown munge: /etc/munge/munge.key; chmod 400 /etc/munge/munge.key; groupadd -r lguest; useradd -m -G lguest farm' >"$work/log" 2>&1 || die "users"
truncate -s 1500M "$work/disk" && mkfs.ext4 -q -d "$root" "$work/disk" >"$work/log" 2>&1 || die "the image"
rm -rf "$root"

# --- their runs ---

start_host() { # start_host N MEMORY
	exec env TMPDIR="$work" tests/host/run --timeout "${TIMEOUT:-1800}" --boot 600 --silence "${TIMEOUT:-1800}" --mem "$2" --log "$work/console$1" --dmesg-clean --monitor "$work/m$1" \
		--qemu=-machine --qemu=q35,acpi=on \
		--qemu=-drive --qemu="file=$work/disk,format=raw,if=none,id=d,snapshot=on" --qemu=-device --qemu=virtio-blk-pci,drive=d \
		--qemu=-netdev --qemu="socket,id=lan,mcast=230.0.0.1:5510,localaddr=127.0.0.1" \
		--qemu=-device --qemu="virtio-net-pci,netdev=lan,id=nic,mac=52:54:00:00:00:0$1,romfile=" ${SHELLS:+--qemu=-chardev --qemu="socket,id=sh,path=$SHELLS$1,server=on,wait=off" --qemu=-device --qemu=isa-serial,chardev=sh,iobase=0x3e8,irq=5} \
		--file tests/interop/initramfs:/lginit --append "rdinit=/lginit lguest.node=$1 ${SHELLS:+lguest.shells=1} lguest.parts=$(echo ${PARTS:-all} | tr ' ' ,)" -- true
}
start_host 2 640 >"$work/n2" 2>&1 & host[n2]=$!
start_host 3 640 >"$work/n3" 2>&1 & host[n3]=$!
mkfifo "$work/tap"
start_host 1 768 >"$work/tap" & host[n1]=$!
link() { echo "set_link nic $2" | socat -t 2 - "UNIX-CONNECT:$work/m${1#n}" >/dev/null; }
while read -r line; do
	line=${line%$'\r'}
	# shellcheck disable=SC2086
	set -- $line
	case $line in
	"#! kill n"*) kill "${host[$3]}"; wait "${host[$3]}"; unset "host[$3]"; echo "# $3 is off" ;;
	"#! cut n"*) link "$3" off; echo "# $3 is cut off" ;;
	"#! join n"*) link "$3" on; echo "# $3 is back" ;;
	*) printf '%s\n' "$line" ;;
	esac
done <"$work/tap"
wait "${host[n1]}"; status=$?
unset "host[n1]"
[ "$status" = 0 ] || { seen=$work/console1; not_ok "n1 ended with status $status"; }
for n in "${!host[@]}"; do	# they end by themselves when the checks are over
	wait "${host[$n]}"; s=$?
	[ $s = 0 ] && ok "$n was clean to the end" || { seen=$work/$n; not_ok "$n ended with status $s"; status=1; }
	unset "host[$n]"
done
exit "$status"
