#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs in the test host, beside the programs, the guest's kernel, Debian as a server ("server") and a seed for cloud-init: boots it as
# `make run DEBIAN=1` does and has guest/server.sh run there; then a second guest for the other end of a tunnel, and a third boot with
# the seed. TAP on standard output.
#
#	server.sh [PART...]	parts of guest/server.sh, or seed; all without
cd "$(dirname "$0")" || exit 1
PATH=$PWD:$PATH
. /test/tap.sh
. ./console.sh
tap_prefix="linux-server: "
parts=${*:-system network containers rootless memory storage tracing modules wireguard seed}
wants() { case " $parts " in *" $1 "*) return 0 ;; *) return 1 ;; esac; }

net() { # net TAP IPV4 [IPV6]
	./ip tuntap add $1 mode tap user 0 && ip addr add $2/24 dev $1 && { [ -z "${3-}" ] || ./ip -6 addr add $3/64 dev $1 nodad; } && ip link set $1 up
}
address="ip=10.77.0.2::10.77.0.1:255.255.255.0::eth0:none ip=[fd77::2]::[fd77::1]:64::eth0:none"

# start NAME OPTION...: boot Debian, log in, fetch the tests
start() {
	local name=$1; shift
	: >$out; : >$err
	lguest-run --kernel vmlinux --memory 768 --net tap0 --block ro:server --block data.img \
		--cmdline "quiet init=/sbin/overlay-init net.ifnames=0 $address" "$@" </tmp/keys >>$out 2>>$err 3<&- &
	run=$!
	await 1500 'login: '
	booted=$?
	check $booted "$name: Debian boots to a login"
	[ $booted = 0 ] || return 1
	echo root >&3
	await 300 "root@"
	check $? "$name: root logs in"
	guest 300 "bind 'set enable-bracketed-paste off'; stty -echo; PS1=; dmesg -n 1"
	guest 900 "systemctl is-system-running --wait >/dev/null; wget -q -O /run/server.sh http://10.77.0.1:8000/server.sh && systemd-analyze | head -1; free -m | sed -n 2p"
	check $? "$name: the tests come over the network"
	echo "$said" | quoted
}
stop() {
	echo poweroff >&3
	wait $run
	check $? "poweroff: status 0"
}
part() {
	guest 1800 "bash /run/server.sh $1"
	s=$?
	echo "$said" | sed -nE 's/^ok /ok linux-server: /p; s/^FAIL /not ok linux-server: /p'
	[ $s = 0 ] || failed=1
	[ $s != 200 ] || check 1 "$1 ends"
}

modprobe tun
insmod ./lg.ko || exit 1
mkdir -p www
head -c 300 /dev/urandom | sha256sum >www/known
cp server.guest www/server.sh; cp wg.one wg.two small.squashfs headers.deb lgprobe.tar www/
httpd -p 8000 -h www
echo 1 >/proc/sys/net/ipv4/ip_forward
net tap0 10.77.0.1 fd77::1 && net tap1 10.78.0.1
truncate -s 3G data.img

[ "$parts" = seed ] || start first || exit 1
for p in $parts; do
	case $p in
	seed) ;;
	wireguard)
		mkfifo keys2
		exec 4<>keys2
		lguest-run --kernel vmlinux --memory 128 --net tap1 --block ro:server --cmdline "quiet init=/bin/sh" <keys2 >out2 2>&1 3<&- 4<&- &
		second=$!
		n=0; until grep -q '# ' out2 2>/dev/null || [ $n = 1500 ]; do usleep 200000; n=$((n + 1)); done
		# WireGuard answers nobody before there is randomness, which a shell as first process never asks for
		cat <<-EOF >&4
			head -c 16 /dev/random | wc -c; mount -t tmpfs tmpfs /run; cd /run; echo $(cat wg.one) >one; echo $(cat wg.two) >two
			ip link set lo up; ip link set eth0 up; ip addr add 10.78.0.2/24 dev eth0; ip route add default via 10.78.0.1
			ip link add wg0 type wireguard; wg set wg0 listen-port 51820 private-key two peer \$(wg pubkey <one) allowed-ips 10.100.0.1/32
			ip addr add 10.100.0.2/24 dev wg0; ip link set wg0 up; echo second-\$((1000 + 1))
		EOF
		n=0; until grep -q second-1001 out2 || [ $n = 600 ]; do usleep 200000; n=$((n + 1)); done
		grep -q second-1001 out2; s=$?
		check $s "wireguard: the other guest has its end of the tunnel"
		[ $s = 0 ] || tr -d '\r' <out2 | quoted
		part wireguard
		[ $s = 0 ] || tr -d '\r' <out2 | quoted
		kill $second; wait $second; exec 4<&-
		;;
	*) part $p ;;
	esac
done
[ "$parts" = seed ] || stop

if wants seed; then
	start seeded --block ro:seed.iso || exit 1
	guest 1200 'cloud-init status --wait; hostname; id -un guestuser; cat ~guestuser/.ssh/authorized_keys; cat /root/kept; systemctl --failed --no-legend --no-pager'
	echo "$said" | quoted
	for want in 'status: done' seeded guestuser 'ssh-ed25519 AAAAtest'; do
		echo "$said" | grep -q "^$want"
		check $? "NoCloud: $want"
	done
	wants system && { echo "$said" | grep -q '^kept$'; check $? "what the first boot wrote is there"; }
	stop
fi
rmmod lg
check $? "the module unloads"
exit $failed
