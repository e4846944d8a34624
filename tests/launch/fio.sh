# SPDX-License-Identifier: GPL-2.0
#
# fio.sh: what a guest is given to have this machine's fio, with its libraries, as /fio/ld.so /fio/fio: the array fio, of FILE:PATH. To be sourced.
scripts/deps.sh bench >&2
. tests/lib/libraries.sh
mapfile -t fio < <(with_libraries "$(command -v fio)" /fio)
