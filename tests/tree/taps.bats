# SPDX-License-Identifier: GPL-2.0
#
# packaging/lguest-guest tap-up and tap-down, as lguest-tap@.service runs them: a bridge that comes late or never, a tap that is there already, one that is
# in use. Each place has a network namespace, and an /etc that holds nothing but the guest's files and its user.

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return
	[ "$(id -u)" = 0 ] || skip "taps of another user need root"
}

# place BRIDGE COMMANDS: a shell in such a place, for the guest a with the tap lg-a and the bridge BRIDGE
place() {
	# shellcheck disable=SC2016 # the arguments are of the shell inside
	run unshare --mount --net bash -ec '
		mount -t tmpfs none "$1"
		mkdir -p "$1/etc/lguest"
		cp /etc/ld.so.cache /etc/nsswitch.conf "$1/etc"
		printf "%s\n" root:x:0:0::/:/bin/sh lguest-a:x:4242:4242::/:/bin/sh other:x:4243:4243::/:/bin/sh >"$1/etc/passwd"
		printf "%s\n" root:x:0: lguest-a:x:4242: >"$1/etc/group"
		printf "TAP=lg-a\nBRIDGE=%s\n" "$2" >"$1/etc/lguest/a.tap"
		mount --bind "$1/etc" /etc
		up="packaging/lguest-guest tap-up a" down="packaging/lguest-guest tap-down a"
		tap() { ip tuntap add dev lg-a mode tap user "$@"; }
		shows() { ip -o -d link show dev lg-a | grep -E "$1"; }
		there() { ip -o -d link show dev lg-a; }
		fails() { ! "$@"; }
		waits() { until pgrep -P "$1" -x sleep; do kill -0 "$1"; done; }
		holds() { python3 -c "import fcntl, struct, sys; f = open(\"/dev/net/tun\", \"rb+\", 0)
fcntl.ioctl(f, 0x400454ca, struct.pack(\"16sH22x\", b\"lg-a\", 0x5002)); print(1, flush=True); sys.stdin.read()"; }
		eval "$3"' bash "$BATS_TEST_TMPDIR" "$@" 3>&-
	echo "$output"
	[ "$status" = 0 ]
}

@test "taps: up makes the guest's tap, joins its bridge and sets it up; down removes it, and may find none" {
	place br0 'ip link add br0 type bridge; $up; shows "<.*UP.*master br0.*tun type tap .*user lguest-a "; $down; fails there; $down'
}

@test "taps: a bridge that comes while up waits for it" {
	place br0 '$up & waits $!; ip link add br0 type bridge; wait $!; shows "<.*UP.*master br0"'
}

@test "taps: a bridge that never comes, and one that is none: up says so and leaves no tap; the next one is as the first" {
	place br0 'fails $up; fails there; ip link add br0 type bridge; $up; shows "master br0"'
	[[ $output == *"there is no bridge br0"* ]]
	place lo 'fails $up; fails there'
	[[ $output == *"cannot join the tap lg-a to lo"* ]]
}

@test "taps: one that is there is taken: half-made, whole, in use" {
	place br0 'ip link add br0 type bridge; tap lguest-a; $up; shows "<.*UP.*master br0"; $up; coproc holds; read -r -u "${COPROC[0]}"; $up; shows "master br0"'
}

@test "taps: what is there and is not the guest's tap is refused, and left alone" {
	for what in "tap other" "tap lguest-a multi_queue" "ip tuntap add dev lg-a mode tun user lguest-a" "ip link add lg-a type bridge" "tap lguest-a group root"; do
		place '' "$what"'; before=$(there); fails $up; $down; [ "$(there)" = "$before" ]'
		[[ $output == *"lg-a is there and is no tap of one queue that is lguest-a's"* ]]
	done
}

@test "taps: down waits until a dead guest has let go" {
	place '' '$up; coproc holds; read -r -u "${COPROC[0]}"; $down & waits $!; eval "exec ${COPROC[1]}>&-"; wait $!; fails there'
}

@test "taps: two guests whose names begin alike do not get one tap; a first configuration names no kernel" {
	place '' 'mkdir "$1/lib" "$1/bin" && mount --bind "$1/lib" /var/lib
		printf "#!/bin/sh\nset -- \$2\necho \$2:x:4244:4244::/:/bin/sh >>/etc/passwd; echo \$2:x:4244: >>/etc/group\n" >"$1/bin/systemd-sysusers" && chmod 755 "$1/bin/systemd-sysusers"
		PATH=$1/bin:$PATH add="packaging/lguest-guest add"
		$add a-long-name-of-one --tap; cat /etc/lguest/a-long-name-of-one.conf
		grep "^net = lg-a-long-name-$" /etc/lguest/a-long-name-of-one.conf; fails grep "^kernel" /etc/lguest/a-long-name-of-one.conf
		fails $add a-long-name-of-two --tap 2>"$1/said"
		grep "the tap lg-a-long-name- is named in /etc/lguest/a-long-name-of-one.tap already" "$1/said"
		fails ls /etc/lguest/a-long-name-of-two.conf; fails ls /var/lib/lguest/a-long-name-of-two
		$add a-long-name-of-two'
}
