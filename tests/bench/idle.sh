#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# idle.sh [SECONDS]: how often the processes of an idle guest wake in a second, thread by thread, in thousandths. CMDLINE: a further word for the guest. With
# -icount the host's clock leaps over what is idle, so that a minute takes a moment, and each run says the same.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:-60}
tests/host/run --lguest /s --linux --icount --mem 768 --timeout 300 --dmesg-clean --guest nap.cpio '=echo guest is up; sleep 100000' \
	--file tests/bench/idle-host.sh:/s/idle-host.sh -- "sh /s/idle-host.sh $seconds ${CMDLINE-}" | tr -d '\r'
