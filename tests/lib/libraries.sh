# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# libraries.sh: a program of this machine for a guest or a test host that has none of its libraries; to be sourced.

# with_libraries PROGRAM FOLDER: FILE:PATH of the program and all that it is linked with, one a line: /FOLDER/ld.so starts it there
with_libraries() {
	local library name
	echo "$1:$2/${1##*/}"
	ldd "$1" | grep -o '/[^ ]*' | while read -r library; do
		case $library in *ld-linux*) name=ld.so ;; *) name=${library##*/} ;; esac
		echo "$library:$2/$name"
	done
}
