# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# libraries.sh: a program of this machine for a guest or a test host that has none of its libraries; to be sourced.

# with_libraries PROGRAM FOLDER [ROOT]: FILE:PATH of the program and all that it is linked with, one a line: /FOLDER/ld.so starts it there. ROOT: where
# another release was unpacked, whose program it is
with_libraries() {
	local lib=${3:+$3/usr/lib/x86_64-linux-gnu} library name
	echo "$1:$2/${1##*/}"
	${lib:+"$lib/ld-linux-x86-64.so.2" --library-path "$lib"} $([ -n "$lib" ] && echo --list || echo ldd) "$1" |
		sed -nE 's/^(.*[[:space:]])?(\/[^ ]+) \(0x.*/\2/p' | while read -r library; do
		case $library in *ld-linux*) name=ld.so ;; *) name=${library##*/} ;; esac
		echo "$library:$2/$name"
	done
}
