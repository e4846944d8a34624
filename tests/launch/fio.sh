# SPDX-License-Identifier: GPL-2.0
#
# fio.sh: what a guest is given to have this machine's fio, with its libraries, as /fio/ld.so /fio/fio: the array fio, of FILE:PATH. To be sourced.
scripts/deps.sh bench >&2
fio=("$(command -v fio):/fio/fio")
while read -r library; do
	case $library in *ld-linux*) name=ld.so ;; *) name=${library##*/} ;; esac
	fio+=("$library:/fio/$name")
done < <(ldd "$(command -v fio)" | grep -o '/[^ ]*')
