#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# `make install` and its like into a folder of its own: is all there, does it name the right places, does uninstall take it
# away? TAP on standard output. It may write in one temporary folder.
set -u
cd "$(dirname "$0")/../.." || exit 1
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
log=$root/log
. tests/lib/tap.sh
seen=$log
command -v modinfo >/dev/null || PATH=$PATH:/sbin:/usr/sbin
make() { command make --no-print-directory "$@" >"$log" 2>&1; }

# not_in PAGE PROGRAM: the options that PROGRAM --help prints, --help and --version, where PAGE, as man shows it, lacks them; lguest-core has no --help
not_in() {
	said=$("$2" --help 2>/dev/null)
	echo "${said:+$said --help} --version" | grep -oE -- '--[a-z][a-z-]*' | sort -u | while read -r o; do
		grep -qE -- "(^|[^a-z-])$o([^a-z-]|\$)" "$1" || echo " $o"
	done | tr -d '\n'
}

# says_so PROGRAM...: whoever prints, and cannot write it, says so, and has another status than 0
says_so() {
	local asked p
	for p; do
		asked=0
		for option in --help --help=words --version version --print-policy --print-capabilities --role-interface '--explain --kernel none'; do
			said=$("$p" $option 2>/dev/null) && [ -n "$said" ] || continue
			asked=$((asked + 1))
			! "$p" $option >/dev/full 2>"$log" && grep -q "^${p##*/}: cannot write to standard output: No space left on device" "$log" ||
				echo "${p##*/} $option: $(cat "$log")"
		done
		[ $asked -ge 2 ] || echo "${p##*/} prints nothing"
	done
}

# installed PREFIX ETC
installed() {
	prefix=$1 etc=$2 to=$root$1.dest
	umask 077	# what is installed is everybody's to read, whatever the umask of who installs
	make install DESTDIR="$to" prefix="$prefix"
	check $? "make install prefix=$prefix"
	for p in run core control record replay $(ls devices/*/build.mk | cut -d/ -f2); do
		[ $p = core ] && option=--print-policy || option=--help	# what each answers without a guest
		"$to$prefix/bin/lguest-$p" $option >/dev/null 2>"$log"
		check $? "$prefix: lguest-$p is there"
		[ "$("$to$prefix/bin/lguest-$p" --version 2>"$log")" = "lguest-$p $(cat VERSION)" ]
		check $? "$prefix: lguest-$p --version is the file VERSION's"
	done
	"$to$prefix/bin/lguestctl" --help >/dev/null 2>"$log"
	check $? "$prefix: lguestctl is there"
	[ "$("$to$prefix/bin/lguestctl" version 2>"$log")" = "lguestctl $(cat VERSION)" ]
	check $? "$prefix: lguestctl version is the file VERSION's"
	[ -x "$to$prefix/bin/lguest-guest" ]
	check $? "$prefix: lguest-guest is there"
	unwritten=$(says_so "$to$prefix"/bin/lguest-[!g]* "$to$prefix/bin/lguestctl")
	[ -z "$unwritten" ]
	check $? "$prefix: what a program prints on a full disk it has not printed" "$unwritten"
	for c in ${completions:-none}; do
		bash -c '. "$1" && complete -p "$2"' bash "$to$prefix/share/bash-completion/completions/$c" "$c" >/dev/null 2>"$log"
		check $? "$prefix: the completion of $c is there"
	done
	for page in docs/man/*.1 devices/*/lguest-*.1; do
		page=$to$prefix/share/man/man1/${page##*/}
		name="$prefix: the manual page ${page##*/} reads without a warning"
		if ! command -v man >/dev/null; then [ -s "$page" ] && ok "$name # SKIP no man here" || not_ok "$name"; continue; fi
		LC_ALL=C.UTF-8 MANWIDTH=1000 man --warnings -l "$page" 2>"$log" >"$root/page" && [ ! -s "$log" ]
		check $? "$name"
		p=${page##*/} p=${p%.1}
		missing=$(not_in "$root/page" "$to$prefix/bin/$p")
		[ -z "$missing" ]
		check $? "$prefix: $p.1 has every option of $p" "it lacks$missing"
		grep -q "lguest $(cat VERSION)" "$page" 2>"$log"
		check $? "$prefix: ${page##*/} has the version"
	done
	n=0
	for f in "$to$prefix"/share/qemu/vhost-user/50-lguest-*.json; do
		binary=$(python3 -c 'import json, sys; d = json.load(open(sys.argv[1])); d["description"], d["type"]; print(d["binary"])' "$f" 2>"$log") &&
			[ "${binary%/*}" = "$prefix/bin" ] && [ -x "$to$binary" ]
		check $? "$prefix: ${f##*/} names a program that is there: $binary"
		n=$((n + 1))
	done
	[ $n = "$(ls devices/*/50-lguest-*.json | wc -l)" ]
	check $? "$prefix: all $n descriptions are there"
	grep -q 'KERNEL=="lguest", GROUP="lguest", MODE="0660"' "$to$etc/udev/rules.d/70-lguest.rules" 2>"$log"
	check $? "$prefix: the udev rule is in $etc"
	grep -q '^@lguest - memlock unlimited' "$to/etc/security/limits.d/lguest.conf" 2>"$log"
	check $? "$prefix: the limits are in /etc"
	! find "$to" -type f ! -perm -a=r | tee "$log" | grep -q .
	check $? "$prefix: everybody may read it"
	! grep -rlE "$root|@[a-z]+dir@" "$to" --include='*.json' --include='*.1' --include='*.rules' --include='*.conf' >"$log"
	check $? "$prefix: nothing names the folder that it was packed in"
	make uninstall DESTDIR="$to" prefix="$prefix" && ! find "$to" ! -type d | tee "$log" | grep -q .
	check $? "$prefix: make uninstall leaves no file"
}

# The AppArmor profile, as packaging/debian/rules fills it in, has each program that makes namespaces, or that looks in a child whether it could.
profiled() {
	local devices profile p lacks=''
	devices=$(ls devices/*/build.mk | cut -d/ -f2)
	profile=$(sed -n 's,^profile lguest /usr/bin/lguest-{\(.*\)} .*,\1,p' packaging/lguest.apparmor)
	profile=,${profile/@devices@/$(paste -sd, <<<"$devices")},
	for p in run core control record replay $devices; do
		! nm "build/release/lguest-$p" | grep -q ' T policy_fork_namespaced$' || case $profile in *,$p,*) ;; *) lacks="$lacks $p" ;; esac
	done
	[ -z "$lacks" ]
	check $? "the AppArmor profile has every program that makes namespaces" "it lacks$lacks"
}

completions=$(command make -s --no-print-directory --eval 'completions: ; @echo $(notdir $(COMPLETIONS))' completions 2>"$log")
installed /usr/local /etc
installed /usr /usr/lib
profiled
make module-install DESTDIR="$root/m"
check $? "make module-install"
[ "$(modinfo -F version kmod/lg.ko)" = "$(cat VERSION)" ]
check $? "lg.ko says the file VERSION's version"
release=$(modinfo -F vermagic kmod/lg.ko | cut -d' ' -f1)
cmp kmod/lg.ko "$root/m/lib/modules/$release/updates/lg.ko" 2>"$log"
check $? "lg.ko is in the folder of its kernel, $release"
