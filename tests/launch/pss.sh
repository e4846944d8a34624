#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# pss.sh: memory of all processes of an idle guest, without the guest's own (RAM and windows), without and with --control, in the test host: TAP, and
# each process's share. What lguest-control costs is bounded here; the whole of the mission's line is bounded in mission.sh.
cd "$(dirname "$0")/../.." || exit 1
tests/host/run --lguest /s --linux --guest idle '=echo guest is up; sleep 100000' --mem 768 --boot 900 --timeout "${TIMEOUT:-1800}" --dmesg-clean \
	--file tests/launch/host/pss.sh:/s/pss.sh --file tests/launch/host/console.sh:/s/console.sh -- 'sh /s/pss.sh' | tr -d '\r'
exit "${PIPESTATUS[0]}"
