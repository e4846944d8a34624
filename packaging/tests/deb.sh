#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make check-deb: the packages of the last commit. Built twice they are the same; lintian says nothing; a fresh Debian installs them with apt, DKMS
# builds the module for three series of kernels; purged, they leave nothing but what is the user's. TAP on standard output. Root, some ten minutes.
# DEBS_ARE_THERE=1 takes those in build/deb for the first of the two builds; they must be of the last commit, or the two differ.
# It may write in build/deb, the cache, and one temporary folder, in which it makes a chroot with a mount namespace of its own.
set -u
cd "$(dirname "$0")/../.." || exit 1
scripts/deps.sh deb interop >&2 || exit 1
CACHE=${LGUEST_CACHE:-$HOME/.cache/lguest}
work=$(mktemp -d /var/tmp/lguest-deb.XXXXXX)
root=$work/root log=$work/log
trap 'rm -rf "$work"' EXIT
version=$(cat VERSION)
. tests/lib/tap.sh
tap_prefix='deb: ' seen=$log

# --- what the build makes ---

[ -n "${DEBS_ARE_THERE-}" ] || step "make deb" scripts/deb build/deb || exit 1
same() {
	scripts/deb "$work/again" && for f in "$work"/again/*.deb "$work"/again/*.dsc "$work"/again/*.tar.xz; do cmp "$f" "build/deb/${f##*/}" || return 1; done
}
step "built twice, source and packages are the same" same
quiet() { lintian --allow-root --pedantic --fail-on error,warning,info,pedantic build/deb/*.changes && [ -z "$(lintian --allow-root --pedantic build/deb/*.changes)" ]; }
step "lintian --pedantic has no tag" quiet

# --- a fresh Debian ---

. packaging/tests/root.sh
BIND=$CACHE/host	# the headers of other kernels, at their own paths
fresh() {
	fresh_root || return 1
	mkdir -p "$CACHE/deb" && cp -n "$CACHE"/deb/*.deb "$root/var/cache/apt/archives/" 2>/dev/null
	mkdir "$root/debs" && cp build/deb/lguest_*.deb build/deb/lguest-d*.deb "$root/debs/" && rm -f "$root"/debs/*dbgsym*
	in_root 'apt-get -q update'
}
step "a fresh Debian" fresh || exit 1
needs=$(for f in build/deb/lguest_*.deb build/deb/lguest-d[ko]*.deb; do dpkg-deb -f "$f" Depends; done | paste -sd,)
step "what they depend on" in_root "apt-get -qy -o APT::Keep-Downloaded-Packages=true install --no-install-recommends linux-headers-amd64 bash-completion man-db && apt-get -qy satisfy --no-install-recommends '$needs'" || exit 1
cp -n "$root"/var/cache/apt/archives/*.deb "$CACHE/deb/"
listing() {
	in_root 'find / -xdev \( -path /proc -o -path /tmp -o -path /debs -o -path /var/cache -o -path /var/log -o -path /root -o -path /var/lib/apt \) -prune -o -print | sort
		cut -d: -f1 /etc/passwd /etc/group; systemctl list-unit-files --state=enabled --no-legend' | grep -v '^/var/lib/dpkg/\|^/etc/.*-$\|^/run/adduser\|^/run/systemd'
}
in_root 'for k in /lib/modules/*; do depmod "${k##*/}"; done'	# as the kernel's own package does
listing >"$work/before"
step "apt install ./*.deb" in_root 'apt-get -qy install --no-install-recommends /debs/*.deb'
step "every program says the version" in_root 'for p in /usr/bin/lguest-*; do case $p in *-guest) ;; *) [ "$($p --version)" = "${p##*/} '"$version"'" ] || exit 1 ;; esac; done'
step "DKMS built the module for the kernel of this Debian" in_root "dkms status | grep 'lguest/$version.*6.1.*installed'"
step "and the module has the version" in_root '[ "$(modinfo -F version /lib/modules/6.1*/updates/dkms/lg.ko*)" = '"$version"' ]'
for kernel in 6.12 7.3; do
	dir=$(tests/host/mkhost.sh $kernel) && release=$(cat "$dir/release") || { step "the headers of $kernel" false; continue; }
	mkdir -p "$root/lib/modules/$release" && ln -sfn "$dir/root/usr/src/linux-headers-$release" "$root/lib/modules/$release/build"
	step "DKMS builds the module for $release" in_root "dkms install lguest/$version -k $release && [ \"\$(modinfo -F version /lib/modules/$release/updates/dkms/lg.ko*)\" = $version ]"
	in_root "dkms uninstall lguest/$version -k $release" >/dev/null 2>&1
	rm -rf "${root:?}/lib/modules/$release"
done
step "the units are right" in_root 'touch /etc/lguest/a.conf && systemd-analyze verify lguest@a.service 2>&1 | tee /tmp/said; rm /etc/lguest/a.conf; ! grep -q lguest /tmp/said'
step "bash completes" in_root '. /usr/share/bash-completion/bash_completion; for p in /usr/share/bash-completion/completions/lguest*; do bash -n $p && . $p && complete -p ${p##*/} || exit 1; done'
step "bash completes a device's keys" in_root '. /usr/share/bash-completion/completions/lguest-run; COMP_WORDS=(lguest-run --block img,ser) COMP_CWORD=2; compopt() { :; }; _lguest_run; [ "${COMPREPLY[*]}" = img,serial= ]'
step "the manual pages are there" in_root 'for p in 1/lguest-run 1/lguest-core 1/lguest-block 8/lguest-guest; do [ -s /usr/share/man/man${p%%/*}/${p#*/}.${p%%/*}.gz ] || exit 1; done'
step "lguest-guest add" in_root 'lguest-guest add a --tap && lguest-guest add b && [ "$(stat -c %U:%a /var/lib/lguest/a)" = lguest-a:700 ] && [ "$(stat -c %U:%G:%a /etc/lguest/a.conf)" = root:lguest-a:640 ] && [ -s /etc/lguest/a.tap ] && [ ! -e /etc/lguest/b.tap ]'
step "a second of the same name is refused" in_root '! lguest-guest add a && ! lguest-guest add ../x && ! lguest-guest add "" && ! lguest-guest add A'
step "lguest-guest del" in_root 'lguest-guest del a && [ ! -e /etc/lguest/a.conf ] && [ ! -e /etc/lguest/a.tap ] && [ ! -e /var/lib/lguest/a ] && ! getent passwd lguest-a && getent passwd lguest-b'
step "an image outlives lguest-guest del" in_root 'lguest-guest add c && touch /var/lib/lguest/c/disk.img && lguest-guest del c && [ -e /var/lib/lguest/c/disk.img ] && getent passwd lguest-c'
step "remove, install again" in_root 'apt-get -qy remove lguest lguest-dkms lguest-doc && [ -e /etc/lguest/b.conf ] && apt-get -qy install --no-install-recommends /debs/*.deb && [ -e /etc/lguest/b.conf ]'
step "purge" in_root 'apt-get -qy purge lguest lguest-dkms lguest-doc'
listing >"$work/after"
printf '%s\n' /var/lib/lguest /var/lib/lguest/c /var/lib/lguest/c/disk.img lguest lguest-c lguest-c | sort >"$work/user"
left() { diff <(sort "$work/before") <(sort "$work/after") | sed -n 's/^[<>] //p' | sort | diff "$work/user" -; }
step "what is left are an image, its owner, and the group lguest" left
exit $failed
