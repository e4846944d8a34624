# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# bare-cpu.sh: the processor of a bare machine that a guest is compared with; to be sourced. It is the test host's, Intel's by name (tests/host/run):
# what a vendor's instruction does is no difference between guest and bare.
# shellcheck disable=SC2034
bare_cpu=max,-smap,vendor=GenuineIntel,family=6,model=158,stepping=10,-svm,xlevel=0x80000008
