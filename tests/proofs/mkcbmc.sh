#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# mkcbmc.sh: CBMC, the model checker that proves what tests/proofs/ claims, from trixie, in a folder that it prints. The compiler that CBMC asks to
# preprocess is this machine's.
exec "$(dirname "$0")/../host/mktrixie.sh" cbmc 'bin/cbmc bin/goto-cc bin/goto-instrument' cbmc minisat libc6 libgcc-s1 libstdc++6 zlib1g
